"""The guide cannot rot: its pictures are those that `python -m tests.guide` takes, its links lead somewhere, and what it quotes from a page stands on
one."""

import re
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path

from crypto_api.kit.languages import LOCALES
from crypto_project.catalogues import read_parts
from tests.architecture.reading import ROOT
from tests.guide.journeys import names

GUIDE = ROOT / "docs" / "guide"
PICTURES = ROOT / "docs" / "images" / "guide"
PICTURES_MAX_BYTES = 4_000_000
PICTURE = re.compile(r"!\[([^\]]+)\]\(\.\./images/guide/([\w-]+)\.png\)")
ANCHOR = re.compile(r"\[[^\]]*\]\(([^)#\s]*)#([^)]+)\)")
BOLD, ITALIC = re.compile(r"\*\*([^*\n]+)\*\*"), re.compile(r"(?<![*\w])\*([^*\n]+)\*(?!\*)")
_MESSAGE = re.compile(r'^msgid(?:_plural)? ((?:".*"\n?)+)', re.MULTILINE)
_PLACE = re.compile(r"%\(\w+\)s|\{\w+\}")
NO_TEXTS = {"bold", "italics", "What can go wrong", "Ctrl K", "PDF", "Excel", "CSV"}
"""Words of the guide itself, and what is called alike in every language."""


def pages() -> list[Path]:
    return sorted(GUIDE.glob("*.md"))


def said() -> tuple[set[str], list[re.Pattern[str]]]:
    """What pages say: texts as they are, and those with something put into them."""
    texts = set()
    for match in _MESSAGE.finditer(read_parts(LOCALES / "de" / "LC_MESSAGES")):
        text = "".join(literal_eval(line) for line in match[1].strip().splitlines())
        text = re.sub(r'<span class="visually-hidden">.*?</span>', "", text)
        texts.add(" ".join(re.sub(r"<[^>]+>", "", text).replace("%%", "%").split()))
    filled = [re.compile(".+".join(map(re.escape, _PLACE.split(text)))) for text in texts if _PLACE.search(text)]
    return texts, [pattern for pattern in filled if len(pattern.pattern) > 12]


def unknown_quotes(text: str, texts: set[str], filled: list[re.Pattern[str]]) -> Iterator[str]:
    for quote in [*BOLD.findall(text), *ITALIC.findall(BOLD.sub("", text))]:
        if quote in NO_TEXTS or quote in texts or any(pattern.fullmatch(quote) for pattern in filled):
            continue
        if not any(quote.rstrip(".…") in known for known in texts if len(quote) >= 12):  # a part of what is said
            yield quote


def test_pictures_are_those_that_the_programme_takes() -> None:
    shown = [name for page in pages() for _, name in PICTURE.findall(page.read_text())]
    assert sorted(set(shown)) == sorted(names()), "each picture has a place, and each place a picture"
    assert sorted(path.stem for path in PICTURES.glob("*")) == sorted(names())
    assert len(set(names())) == len(names())
    assert sum(path.stat().st_size for path in PICTURES.glob("*.png")) < PICTURES_MAX_BYTES
    assert not [page.name for page in pages() if "](../images" in PICTURE.sub("", page.read_text())]


def test_what_is_quoted_stands_on_a_page() -> None:
    texts, filled = said()
    assert len(texts) > 1500 and len(filled) > 100
    assert {page.name: found for page in pages() if (found := list(unknown_quotes(page.read_text(), texts, filled)))} == {}
    invented = "Press **Send everything at once**, and read *This was never said by anybody.*"
    assert list(unknown_quotes(invented, texts, filled)) == ["Send everything at once", "This was never said by anybody."]


def test_every_page_of_the_guide_is_in_its_index_and_links_lead_to_headings() -> None:
    index = (GUIDE / "README.md").read_text()
    assert [page.name for page in pages() if page.name != "README.md" and f"]({page.name})" not in index] == []
    wrong = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target, anchor in ANCHOR.findall(page.read_text()):
            aim = (page.parent / target) if target else page
            if "://" not in target and (not aim.is_file() or anchor not in anchors(aim.read_text())):
                wrong.append(f"{page.name}: {target}#{anchor}")
    assert wrong == []


def anchors(text: str) -> set[str]:
    """Of the headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}
