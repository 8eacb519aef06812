"""What a run of all mutants keeps and tells."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.mutants.__main__ import Kept, report
from tests.mutants.generate import Mutant, mutants
from tests.mutants.run import Verdict


@pytest.fixture(scope="module")
def some() -> list[Mutant]:
    return mutants()[:3]


TESTS = [(0.1, "tests/http/test_wallets.py::test_one")]


def test_what_was_found_stays_found_while_its_function_is_the_same(some: list[Mutant], tmp_path: Path) -> None:
    first, second, _ = some
    kept = Kept(tmp_path / "known")
    kept.add(Verdict(first, True, 1.0, "a test", 2), TESTS)
    kept.add(Verdict(second, False, 1.0, "1 tests", 2), TESTS)
    again = Kept(tmp_path / "known")
    assert again.found(first) == Verdict(first, True, 1.0, "a test", 2)
    assert again.found(replace(first, line=first.line + 7)) is not None  # it stands elsewhere
    assert again.found(replace(first, around="another")) is None
    assert again.found(second) is None
    assert again.lived(second, 2, TESTS) is not None
    assert again.lived(second, 2, [*TESTS, (0.1, "tests/http/test_wallets.py::test_two")]) is None  # so it is tried again


def test_the_page_tells_by_which_tests_each_was_found(some: list[Mutant]) -> None:
    first, second, third = some
    verdicts = [Verdict(first, True, 1.0, "a test", 1), Verdict(second, True, 1.0, "a test", 3), Verdict(third, False, 1.0, "2 tests", 3)]
    page = report(verdicts, date(2026, 11, 21), [])
    assert "3 of 3 were tried until 21 November 2026" in page
    assert "| together | 3 | 1 | 0 | 1 | 0 | 1 |" in page
    assert "Not tried" not in page
    assert f"- `{third.file}` {third.function}, {third.what}: 2 tests" in page


def test_the_page_says_what_was_not_tried(some: list[Mutant]) -> None:
    first, *others = some
    page = report([Verdict(first, True, 1.0, "a test", 4)], date(2026, 11, 21), others)
    assert "1 of 3 were tried until 21 November 2026" in page
    assert "| together | 1 | 0 | 0 | 0 | 1 | 0 |" in page
    assert f"## Not tried to the end: 2\n\n| file | mutants |\n|---|---|\n| `{others[0].file}` | 2 |\n" in page
