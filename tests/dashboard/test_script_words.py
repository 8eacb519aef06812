"""Scripts say nothing by themselves: each text comes with the page, in its language."""

import re
from pathlib import Path

import pytest
from django.utils import translation

from crypto_api.dashboard.script_words import WORDS, words_of
from crypto_api.dashboard.templatetags import coffer
from crypto_project.catalogues import ensure_catalogues

DASHBOARD = Path(__file__).resolve().parents[2] / "crypto_api" / "dashboard"
SCRIPTS = {path.stem: path.read_text() for path in sorted((DASHBOARD / "static" / "dashboard").glob("*.js"))}
_COMMENT = re.compile(r"^\s*//.*$|(?<=[\s;{}(),])//\s.*$", re.MULTILINE)
_LITERAL = re.compile(r""""((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`|'([^'\n]*)'""")
_SENTENCE = re.compile(r"\b[A-Za-z][a-z]+,? [a-z]+\b|^[A-Z][a-z]{2,}[.…!]?$")
_FOR_MACHINES = re.compile(
    r"use strict|btn w-100|Content-Type|Accept|Enter|Escape|Arrow\w+|(?:input|textarea|select|dialog|, )+|.*[\[\]=#>].*", re.DOTALL
)
"""A mode of the language, names of classes, heads and keys, and selectors."""


def sentences(script: str) -> list[str]:
    literals = (one or three or re.sub(r"\$\{[^}]*\}", "", two) for one, two, three in _LITERAL.findall(_COMMENT.sub("", script)))
    return [text for text in literals if _SENTENCE.search(text) and not _FOR_MACHINES.fullmatch(text)]


def test_no_script_has_a_text_for_people() -> None:
    assert len(SCRIPTS) > 10
    assert {name: sentences(script) for name, script in SCRIPTS.items() if sentences(script)} == {}
    found = sentences('x = "Try it again."; y = `Sent as ${hash}.`; z = "Cost"; // "a comment of this"\nr = "use strict"')
    assert found == ["Try it again.", "Sent as .", "Cost"], "the check finds what it is for"


def test_each_script_says_what_it_is_given_and_is_given_what_it_says() -> None:
    for name, script in SCRIPTS.items():
        said = set(re.findall(r'\bsay\("(\w+)"', _COMMENT.sub("", script)))
        if name == "live":  # its texts are called as its states are
            said |= {state for call in re.findall(r"\bshow\(.*\);", script) for state in re.findall(r'"(\w+)"', call)}
        assert said == set(WORDS.get(name, {})), name
        assert ("wordsOf(document.currentScript)" in script) == (name in WORDS), name
    assert WORDS.keys() <= SCRIPTS.keys()
    for path in (DASHBOARD / "templates").rglob("*.html"):
        assert not set(re.findall(r"static 'dashboard/([\w-]+)\.js'", path.read_text())) & WORDS.keys(), f"{path}: without its texts"


@pytest.mark.parametrize("code", ["de", "es"])
def test_every_text_of_a_script_is_told_in_every_language(code: str) -> None:
    ensure_catalogues()
    with translation.override("en"):
        english = {name: words_of(name) for name in WORDS}
    with translation.override(code):
        for name, texts in english.items():
            told = words_of(name)
            assert {key for key, text in texts.items() if told[key] == text} == set(), name


def test_a_page_carries_the_texts_of_its_script_as_an_attribute() -> None:
    with translation.override("es"):
        element = coffer.script("review")
    assert element.startswith('<script src="/static/dashboard/review') and element.endswith(" defer></script>")
    assert 'data-words="{&quot;none&quot;:&quot;Nada seleccionado&quot;,&quot;chosen&quot;:[&quot;%(n)s seleccionada' in element


def test_waits_and_ages_are_counted_as_a_language_does() -> None:
    told = {}
    for code in ("en", "de", "es"):
        with translation.override(code):
            told[code] = [coffer.ago(172_800), coffer.ago(60), coffer.age(86_400 * 3), coffer.duration(7_201), coffer.duration(0.2)]
    assert told == {
        "en": ["2 days ago", "1 minute ago", "3 days", "3 hours", "1 second"],
        "de": ["vor 2 Tagen", "vor 1 Minute", "3 Tage", "3 Stunden", "1 Sekunde"],
        "es": ["hace 2 días", "hace 1 minuto", "3 días", "3 horas", "1 segundo"],
    }
