"""How people, days and recorded values stand on a page."""

from collections.abc import Mapping, Sequence

from django import template

from crypto_api.dashboard.templatetags.coffer import NO_VALUE
from crypto_api.dashboard.translation import gettext

register = template.Library()


@register.filter
def recorded(value: object) -> str:
    """A value of the audit log, whatever it is, on as many lines as it has parts."""
    match value:
        case None:
            return NO_VALUE
        case bool():
            return gettext("yes") if value else gettext("no")
        case "" | [] | {}:
            return gettext("empty")
        case Mapping():
            return "\n".join(f"{name}: {recorded(inner)}" for name, inner in value.items())
        case Sequence() if not isinstance(value, str):
            return "\n".join(recorded(inner) for inner in value)
    return str(value)


@register.filter
def initials(name: str) -> str:
    return "".join(word[0] for word in name.split()[:2]).upper() or "?"
