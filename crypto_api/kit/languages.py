"""What is said to somebody outside of a page, in their language: letters and notices, out of the same catalogues as the pages (GNU MO)."""

import gettext
from enum import StrEnum
from functools import cache
from pathlib import Path

LOCALES = Path(__file__).resolve().parent.parent / "dashboard" / "locale"
COOKIE = "coffer_language"
"""Where a browser keeps what was chosen before anybody logged in."""
NOTED: set[str] = set()
"""Every text that is said this way; the catalogues have each."""


class Language(StrEnum):
    """In which people read. The code is that of BCP 47, and the folder of the catalogue."""

    ENGLISH = "en"
    GERMAN = "de"
    SPANISH = "es"


def noted(text: str) -> str:
    """The text itself, which is to be said in every language."""
    NOTED.add(text)
    return text


def said(text: str, language: Language | None) -> str:
    """A noted text as this language says it; in English to whoever chose none."""
    return _catalogue(language or Language.ENGLISH).gettext(text)


@cache
def _catalogue(language: Language) -> gettext.NullTranslations:
    """English is what stands in the code, as is everything where the catalogues were not made yet."""
    return gettext.translation("django", LOCALES, [language.value], fallback=True)
