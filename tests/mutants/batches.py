"""Mutants that cannot disturb one another are tried together: each operation and page is asked for by its own test of the matrix alone, so all
of them can lose their guard at once, and each must be missed by its own test."""

import ast
import json
import re
import sys
import time
from collections import defaultdict
from pathlib import Path

from tests.mutants.generate import Edit, Mutant
from tests.mutants.run import Verdict, pytest_in

STOPS_THE_START = "without its permission"
_FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)


def try_together(chosen: list[Mutant], folder: Path, environment: dict[str, str]) -> list[Verdict]:
    """Those of operations and pages; those of consoles one after another, since they stand in a class and not in a function. The others are for
    the stages."""
    tests = _tests_of(folder)
    groups: dict[str, list[Mutant]] = defaultdict(list)
    verdicts = []
    for mutant in chosen:
        if mutant.area != "access":
            continue
        if "/sockets/" in mutant.file:
            verdicts.append(_try_console(mutant, folder, environment))
        elif mutant.what == STOPS_THE_START:
            groups[STOPS_THE_START].append(mutant)
        elif tests.get((mutant.file, mutant.function)):
            groups[mutant.what].append(mutant)
    for what, group in groups.items():
        verdicts += _does_not_start(group, folder, environment) if what == STOPS_THE_START else _try_group(what, group, tests, folder, environment)
    return verdicts


def _does_not_start(group: list[Mutant], folder: Path, environment: dict[str, str]) -> list[Verdict]:
    """All lose it at once; the API then says which, one after another, since the first stops it."""
    began = time.monotonic()
    changed = _applied(group, folder)
    code, output = pytest_in(folder, ["tests/mutants/names_no_permission.py"], environment)
    _restored(changed, folder)
    missed = set(re.findall(r"@@(\w+)", output))
    seconds = (time.monotonic() - began) / max(1, len(group))
    print(f"{len(group)} without a permission: {len(missed)} of them stop the start of the API (pytest {code})")
    return [Verdict(row, row.function in missed, seconds, "the API does not start" if row.function in missed else "it starts") for row in group]


def _try_group(what: str, group: list[Mutant], tests: dict[tuple[str, str], list[str]], folder: Path, environment: dict[str, str]) -> list[Verdict]:
    began = time.monotonic()
    wanted = sorted({test for mutant in group for test in tests[mutant.file, mutant.function]})
    changed = _applied(group, folder)
    _, output = pytest_in(folder, wanted, environment, timeout_s=1_200)
    _restored(changed, folder)
    failed = set(_FAILED.findall(output))
    seconds = (time.monotonic() - began) / len(group)
    verdicts = []
    for mutant in group:
        by = next((test for test in tests[mutant.file, mutant.function] if test in failed), "")
        verdicts.append(Verdict(mutant, bool(by), seconds, by or "its test of the matrix passed"))
    print(f"{len(group)} {what}: {sum(row.killed for row in verdicts)} killed, {time.monotonic() - began:.0f} s together")
    sys.stdout.flush()
    return verdicts


def _try_console(mutant: Mutant, folder: Path, environment: dict[str, str]) -> Verdict:
    began = time.monotonic()
    changed = _applied([mutant], folder)
    _, output = pytest_in(folder, ["tests/authorization/test_consoles.py"], environment, timeout_s=1_200)
    _restored(changed, folder)
    by = next(iter(_FAILED.findall(output)), "")
    print(f"{mutant.name}: {by or output[-300:]}", flush=True)
    return Verdict(mutant, bool(by), time.monotonic() - began, by or "every console passed its cells")


def _applied(group: list[Mutant], folder: Path) -> dict[str, bytes]:
    edits: dict[str, set[Edit]] = defaultdict(set)
    for mutant in group:
        edits[mutant.file] |= set(mutant.edits)
    originals = {}
    for file, all_edits in edits.items():
        originals[file] = (folder / file).read_bytes()
        whole = Mutant("access", file, 0, "", "together", tuple(all_edits))
        text = whole.source(folder)
        ast.parse(text)
        (folder / file).write_text(text)
    return originals


def _restored(originals: dict[str, bytes], folder: Path) -> None:
    for file, content in originals.items():
        (folder / file).write_bytes(content)


def _tests_of(folder: Path) -> dict[tuple[str, str], list[str]]:
    """(file, function) → its tests of the matrix, as its routes say."""
    told = folder / "routes.json"
    code, output = pytest_in(folder, ["tests/mutants/routes.py"], {"COFFER_ROUTES": str(told)})
    assert code == 0, output
    return {(row[0], row[1]): row[2] for row in json.loads(told.read_text())}
