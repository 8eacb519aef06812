"""How people, days and recorded values stand on a page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crypto_api.dashboard.templatetags.coffer import NO_VALUE, localized_date
from crypto_api.dashboard.translation import gettext

register = template.Library()


@register.filter
def day(moment: datetime | None, zone: ZoneInfo) -> SafeString | str:
    """`21 Nov 2026` in the reader's zone, the full UTC time behind it."""
    if moment is None:
        return NO_VALUE
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        localized_date(moment.astimezone(zone).date(), "j M Y"),
    )


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
