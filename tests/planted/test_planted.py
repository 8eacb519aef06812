"""The planted bugs still apply, each names who finds it, and one of them is planted and found. All of them: `manage.py plant`."""

import ast
import re
import shutil
from functools import cache
from pathlib import Path

import pytest

from tests.chaos.__main__ import OF_THEIR_OWN, PROGRAMMES
from tests.planted.bugs import HERE, ROOT, Bug, Tier, applied, planted
from tests.planted.run import TIMED_OUT, controls, missed, try_bug
from tests.simulation.__main__ import KINDS

BUGS = planted()
SAMPLE = "01-sent-before-it-is-stored"


def test_every_patch_is_told_of_and_still_applies() -> None:
    assert len(BUGS) >= 40
    assert [bug.patch.name for bug in BUGS] == sorted(path.name for path in HERE.glob("*.patch"))
    assert {bug.name: why for bug in BUGS if (why := applied(bug.patch, ROOT, "--check"))} == {}
    assert {bug.tier for bug in BUGS} == set(Tier)
    assert all(bug.does and bug.stands_for and bug.shown_by for bug in BUGS)


@cache
def _functions(file: str) -> set[str]:
    return {node.name for node in ast.walk(ast.parse((ROOT / file).read_bytes())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def _is_there(bug: Bug) -> bool:
    match bug.arguments:
        case ["python", "-m", "pytest", "-q", node]:
            file, _, function = node.partition("::")
            name = function.partition("[")[0]
            there = name in _functions(file) if name else (ROOT / file).exists()
            return bug.tier in (Tier.SUITE, Tier.MATRIX) and there and bug.shown_by in node
        case ["python", "-m", "tests.simulation", "--of", kind, *_]:
            return bug.tier is Tier.SIMULATE and kind in KINDS
        case ["python", "-m", "tests.chaos", "--of", programme, *_]:
            return bug.tier is Tier.CHAOS and programme in (*PROGRAMMES, *OF_THEIR_OWN)
        case [".ci/security", "rules"]:
            return (
                bug.tier is Tier.LINT and re.search(rf"\bid: {re.escape(bug.shown_by)},", (ROOT / ".ci/semgrep/coffer.yml").read_text()) is not None
            )
    return False


def test_whoever_is_to_find_it_exists() -> None:
    assert [bug.name for bug in BUGS if not _is_there(bug)] == []


def test_it_is_found_only_by_what_is_named_for_it() -> None:
    by_test = next(bug for bug in BUGS if bug.tier is Tier.SUITE)
    assert missed(by_test, 1, f"noise\nFAILED tests/x.py::{by_test.shown_by} - assert") == ""
    assert missed(by_test, 0, f"FAILED tests/x.py::{by_test.shown_by}") == "the command passes"
    assert "does not say" in missed(by_test, 1, "FAILED tests/x.py::test_another - assert")
    assert "does not say" in missed(by_test, 2, f"ERROR tests/x.py::{by_test.shown_by} - SyntaxError")
    assert "longer than" in missed(by_test, TIMED_OUT, "")
    first, *others = controls(BUGS)
    assert first[:3] == ["python", "-m", "pytest"] and len(first) > 20
    assert len(others) == len({tuple(command) for command in others})


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the sample needs of the tree, with what was compiled of it."""
    for name in ("crypto_api", "mongodb_config", "tests/simulation"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("static", "templates", "locale", "node_modules"))
    return tmp_path


def test_a_sample_is_planted_and_found(copy: Path) -> None:
    (bug,) = [bug for bug in BUGS if bug.name == SAMPLE]
    file = copy / "crypto_api/payments/unsigned.py"
    as_it_was = file.read_bytes()
    outcome = try_bug(bug, copy, {})
    assert outcome.caught, outcome.why  # that nothing is found where nothing is planted: tests/simulation
    assert file.read_bytes() == as_it_was
