"""Django's translation with types: what is said to a reader, in the language of the request."""

from collections.abc import Mapping

from django.utils import translation

from crypto_api.kit.languages import Language


def gettext(message: str) -> str:
    return str(translation.gettext(message)) if message else ""  # the empty message is the head of the catalogue


def pgettext(context: str, message: str) -> str:
    """For a word that means several things: an open state is no command to open."""
    return str(translation.pgettext(context, message))


def ngettext(singular: str, plural: str, number: int) -> str:
    return str(translation.ngettext(singular, plural, number))


def language() -> Language:
    """Of the request."""
    return Language(translation.get_language() or Language.ENGLISH)


TOLD = ("flash", "problem", "warning", "policy_problem")


def in_language(values: Mapping[str, object]) -> dict[str, object]:
    """What a page is handed, with the sentences that it tells and the faults of its fields in the reader's language. Services refuse in English, as
    programs read it; one of their sentences that no catalogue has stays as it is."""
    found = dict(values)
    for name in TOLD:
        if isinstance(text := found.get(name), str) and text:
            found[name] = gettext(text)
    if isinstance(errors := found.get("errors"), Mapping):
        found["errors"] = {name: gettext(text) if isinstance(text, str) and text else text for name, text in errors.items()}
    return found
