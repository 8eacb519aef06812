"""The sheet of keys is the list of keys: what a script listens for stands there, and what stands there a script listens for."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils import translation

from crypto_api.dashboard.context import pages_of
from crypto_api.dashboard.shortcuts import GROUPS, sheet
from crypto_api.organizations.types import Permission, Principal, Role
from crypto_project.catalogues import ensure_catalogues

SCRIPTS = Path(__file__).resolve().parents[2] / "crypto_api/dashboard/static/dashboard"
CALLED = {"Esc": "Escape", "↑": "ArrowUp", "↓": "ArrowDown", "K": "k"}
"""What a key is called by browsers (UI Events, `KeyboardEvent.key`), where the sheet shows what is printed on it."""
HELD = {"Ctrl": "ctrlKey", "⌘": "metaKey", "Shift": "shiftKey"}


EVERYTHING = Principal("usr_1", "org_1", Role.ADMIN, frozenset(Permission), "ses_1", datetime.max.replace(tzinfo=UTC))
PATHS = {row.path for _name, rows in GROUPS for row in rows if row.path}


def listened_for(script: str) -> set[str]:
    """Keys that it compares with, and those of an object `keys` that it looks up."""
    found = set(re.findall(r'event\.key(?:\.toLowerCase\(\))? [!=]== "([^"]+)"', script))
    table = re.search(r"const keys = \{\n(.*?)\n  \};", script, re.DOTALL)
    return found | (set(re.findall(r"^    (\w+): \(", table[1], re.MULTILINE)) if table else set())


def test_each_key_of_a_script_stands_in_the_sheet_and_the_other_way_round() -> None:
    told: dict[str, set[str]] = {}
    for _name, rows in GROUPS:
        for row in rows:
            for script in row.scripts:
                pressed = {key for way in row.ways for key in (way if len(way) == 1 or row.path else way[-1:])} - ({row.key} if row.path else set())
                told.setdefault(script, set()).update(CALLED.get(key, key) for key in pressed)
                held = {HELD[key] for way in row.ways for key in way[:-1] if not row.path}
                assert all(name in (SCRIPTS / f"{script}.js").read_text() for name in held), (script, row.ways)
    found = {path.stem: listened_for(path.read_text()) for path in SCRIPTS.glob("*.js") if re.search("keydown|keyup|keypress", path.read_text())}
    assert found == told
    assert listened_for('if (event.key !== "Enter" || event.key.toLowerCase() === "k")') == {"Enter", "k"}, "the check finds what it is for"


def test_the_places_that_a_key_leads_to_are_pages() -> None:
    labels = {path: label for _group, label, path in pages_of(EVERYTHING)}
    places = [row for _name, rows in GROUPS for row in rows if row.path]
    assert {row.path: row.does for row in places} == {row.path: labels[row.path] for row in places}
    assert len({row.key for row in places}) == len(places) > 5
    assert "PLACES" not in (SCRIPTS / "palette.js").read_text(), "the sheet alone says where a key leads"


def test_the_sheet_shows_what_works_for_its_reader() -> None:
    assert [len(rows) for _name, rows in sheet(EVERYTHING, PATHS)] == [len(rows) for _name, rows in GROUPS]
    reads = replace(EVERYTHING, permissions=frozenset({Permission.TRANSACTIONS_READ}))
    (everywhere, first), (_queue, second) = sheet(reads, {"/transactions/"})
    assert everywhere == "On every page" and [row.path for row, _does in first if row.path] == ["/transactions/"]
    assert [row.key for row, _does in second] == ["j", "k", "w", "o"], "who only reads says nothing there"
    bills = replace(EVERYTHING, permissions=frozenset({Permission.INVOICES_WRITE}))
    assert [row.key for row, _does in sheet(bills, set())[-1][1]] == ["Enter", "Enter"], "no key of an entry"


@pytest.mark.parametrize("code", ["de", "es"])
def test_the_sheet_is_told_in_every_language(code: str) -> None:
    ensure_catalogues()
    english = [does for _name, rows in sheet(EVERYTHING, PATHS) for _row, does in rows]
    with translation.override(code):
        told = [does for _name, rows in sheet(EVERYTHING, PATHS) for _row, does in rows]
    assert {one for one, other in zip(english, told, strict=True) if one == other} <= {"Journal", "Wallets"}, "words of both"
