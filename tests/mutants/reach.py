"""A pytest plugin: which functions of the product each test runs through. The copy of the source that it is used on calls `_reach` at the
beginning of every function that has a mutant."""

import builtins
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_now: set[str] = set()
_found: dict[str, dict[str, object]] = {}
builtins._reach = _now.add  # type: ignore[attr-defined]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _now.clear()
    yield
    _found.setdefault(item.nodeid, {"seconds": 0.0})["reached"] = sorted(_now)
    if len(_found) % 20 == 0:
        _write()  # what is known so far counts, should the rest take too long


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    row = _found.setdefault(report.nodeid, {"seconds": 0.0})
    row["seconds"] = float(row["seconds"]) + report.duration  # type: ignore[arg-type]
    row["failed"] = bool(row.get("failed")) or report.failed


def pytest_sessionfinish() -> None:
    _write()


def _write() -> None:
    Path(os.environ["COFFER_REACH"]).write_text(json.dumps(_found))
