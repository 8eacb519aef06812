"""A pytest plugin: tries mutants in one running process, by changing the code of live functions between the tests. The server, its database and
everybody in it stay, so that a mutant costs what its tests cost.

Each test that finds a mutant is run once more without it: it must pass then. Where it does not, the mutant left something behind: the process
ends there and whoever started it goes on in a new one.
"""

import gc
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutants.generate import ROOT

AT_MOST_S = 60.0


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    items = {item.nodeid: item for item in session.items}
    with Path(os.environ["COFFER_VERDICTS"]).open("a") as verdicts:
        for row in json.loads(Path(os.environ["COFFER_MUTANTS"]).read_text()):
            told = _try(row, [items[name] for name in row["tests"] if name in items])
            verdicts.write(json.dumps({"number": row["number"], **told}) + "\n")
            verdicts.flush()
            if told["verdict"] == "left something behind":
                break
    session._setupstate.teardown_exact(None)
    return True


def _try(row: dict[str, Any], tests: list[pytest.Item]) -> dict[str, Any]:
    began = time.monotonic()
    originals = swapped(row["file"], row["source"])
    if not originals:
        return {"verdict": "not a function", "by": "", "seconds": 0.0}
    found: pytest.Item | None = None
    try:
        for item in tests:
            if _fails(item):
                found = item
                break
            if time.monotonic() - began > AT_MOST_S:
                break
    finally:
        for function, code in originals:
            function.__code__ = code
    if found is None:
        return {"verdict": "lived", "by": f"{len(tests)} tests", "seconds": time.monotonic() - began}
    verdict = "left something behind" if _fails(found) else "killed"
    return {"verdict": verdict, "by": found.nodeid, "seconds": time.monotonic() - began}


def _fails(item: pytest.Item) -> bool:
    """Runs it, and keeps what other tests of its module share."""
    siblings = [other for other in item.session.items if other.parent is item.parent and other is not item]
    item.session._setupstate.teardown_exact(item)
    item._initrequest()  # type: ignore[attr-defined]  # as for a test that was never run
    reports = runtestprotocol(item, nextitem=siblings[0] if siblings else None, log=False)
    return any(report.failed for report in reports)


def swapped(file: str, source: str) -> list[tuple[FunctionType, CodeType]]:
    """Every live function whose code is another in `source`, with the code that it had."""
    path = ROOT / file
    before = dict(_codes(compile(path.read_bytes(), str(path), "exec")))
    after = dict(_codes(compile(source, str(path), "exec")))
    changed = {key: after[key] for key in before.keys() & after.keys() if before[key] != after[key]}
    places = {(before[key].co_qualname, before[key].co_firstlineno): code for key, code in changed.items() if "." in key or key != "<module>"}
    originals = []
    gc.unfreeze()  # what the collector rests from is not told by it
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename == str(path):
            code = places.get((thing.__code__.co_qualname, thing.__code__.co_firstlineno))
            if code is not None and code.co_freevars == thing.__code__.co_freevars:
                originals.append((thing, thing.__code__))
                thing.__code__ = code
    return originals


def _codes(code: CodeType, counted: dict[str, int] | None = None) -> Iterator[tuple[str, CodeType]]:
    """(name, code) of it and everything inside, equal names numbered in their order."""
    counted = {} if counted is None else counted
    number = counted[code.co_qualname] = counted.get(code.co_qualname, 0) + 1
    yield code.co_qualname if number == 1 else f"{code.co_qualname} {number}", code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant, counted)
