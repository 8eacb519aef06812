"""Django's translation with types: what is said to a reader, in the language of the request."""

from django.utils import translation


def gettext(message: str) -> str:
    return str(translation.gettext(message))


def pgettext(context: str, message: str) -> str:
    """For a word that means several things: an open state is no command to open."""
    return str(translation.pgettext(context, message))


def ngettext(singular: str, plural: str, number: int) -> str:
    return str(translation.ngettext(singular, plural, number))
