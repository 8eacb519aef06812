"""What our scripts may do in a browser: nothing that a page's content could bend, and nothing kept that tells of anybody."""

import re

import pytest

from tests.architecture.reading import ROOT

STATIC = ROOT / "crypto_api" / "dashboard" / "static"
SCRIPTS = {path.name: path.read_text() for path in sorted((STATIC / "dashboard").glob("*.js"))}
GLOBALS = {"wordsOf", "numbersOf", "pageNumbers", "inPageNumbers", "lineChart", "filledLine"}
KEPT = {"tabler-theme", "coffer-single-keys"}  # in localStorage
COOKIES = {"coffer_tz", "coffer_language", "coffer_period"}
PROTOTYPES = re.compile(r"__proto__|\.prototype\b|\.constructor\b|\bfor \((const|let|var) \w+ in |setPrototypeOf|defineProperty")
BY_NAME = re.compile(r"(?<![\w.\])])(\w+(?:\.\w+)*)\[[^\]'\"`]*[a-zA-Z][^\]'\"`]*\] *=[^=>]")
"""`x[name] = …`: where a name could come from outside, it could be `__proto__`."""


def code(text: str) -> str:
    """Without comments."""
    return re.sub(r"(?<![:\"'`\\])//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)


def faults_of(text: str) -> list[str]:
    text = code(text)
    faults = [] if re.match(r'\s*(\(\(\w*\) => \{|\(async \(\) => \{|"use strict"|globalThis\.)', text) else ["is not closed"]
    faults += [] if '"use strict"' in text or not text.strip() else ["is not strict"]
    faults += [f"has a prototype: {found[0]}" for found in PROTOTYPES.finditer(text)]
    faults += [f"writes under a name: {found[0]}" for found in BY_NAME.finditer(text) if not found[1].endswith("dataset")]
    faults += [f"makes {name} global" for name in re.findall(r"(?:globalThis|window|document)\.(\w+) = ", text) if name not in GLOBALS | {"cookie"}]
    faults += [f"uses {name}" for name in re.findall(r"\b(eval|sessionStorage|indexedDB|caches)\b", text)]
    return faults


def test_scripts_are_closed_strict_and_touch_no_prototype() -> None:
    assert len(SCRIPTS) > 8
    assert {name: faults for name, text in SCRIPTS.items() if (faults := faults_of(text))} == {}


def test_browsers_keep_a_theme_a_choice_and_three_words_of_how_one_reads() -> None:
    everything = "\n".join(map(code, SCRIPTS.values()))
    stored = set(re.findall(r'(?:localStorage\.[gs]etItem|stored\.[gs]et)\(\s*"([^"]+)"', everything))
    assert stored == KEPT
    assert len(re.findall(r"localStorage\.\w+\((?!\"|key)", everything)) == 0
    assert set(re.findall(r'\bkeep\("([^"]+)"', everything)) == COOKIES
    assert everything.count("document.cookie") == 1  # in `keep` alone


def test_sockets_of_a_page_over_tls_are_over_tls() -> None:
    everything = "\n".join(map(code, SCRIPTS.values()))
    assert re.findall(r'"wss?:"', everything) == ['"wss:"', '"ws:"']
    assert 'url.protocol = url.protocol === "https:" ? "wss:" : "ws:"' in everything


def test_scripts_are_files_that_are_the_same_for_everybody() -> None:
    """No view answers with a script, so none can hold what somebody else's page could read by including it."""
    views = "\n".join(path.read_text() for path in (ROOT / "crypto_api").rglob("*.py")) + "\n".join(
        path.read_text() for path in (ROOT / "crypto_project").glob("*.py")
    )
    assert re.findall(r"(?:application|text)/(?:javascript|ecmascript|x-javascript)", views) == []
    templates = list((ROOT / "crypto_api" / "dashboard" / "templates").rglob("*"))
    assert [path for path in templates if path.is_file() and path.suffix not in (".html", ".txt", ".svg")] == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("const a = 1;", "is not closed"),
        ("(() => { let a; })();", "is not strict"),
        ('(() => { "use strict"; kept[name] = 1; })();', "writes under a name"),
        ('(() => { "use strict"; a.__proto__ = 1; })();', "has a prototype"),
        ('(() => { "use strict"; window.found = 1; })();', "makes found global"),
        ('(() => { "use strict"; sessionStorage.x = 1; })();', "uses sessionStorage"),
    ],
)
def test_the_checks_find_it(text: str, fault: str) -> None:
    assert [found for found in faults_of(text) if found.startswith(fault)] != []
