"""Where the suite's time goes: `COFFER_CPU=1 python3 manage.py test [FILE…]` tells at the end, of each file, how many seconds of the processor the
process of its tests took, and the database, the browser and the other processes that it started; and beside that how long it lasted.

What a fixture of the whole session starts is counted where it was started, and what it does later where it is asked to. Of a process that has ended
nobody knows any more which it was. Read from /proc, so on Linux alone.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ASKED = os.environ.get("COFFER_CPU") == "1"
KINDS = {
    "secantusdb": "database",
    "mongod": "database",
    "valkey": "valkey",
    "anvil": "chain",
    "chrom": "browser",
    "headless": "browser",
    "node": "browser",
}
COLUMNS = ("tests", "database", "valkey", "chain", "browser", "others", "ended")
TOLD_FROM_S = 0.5
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PARENT, _OWN, _OF_ENDED = 1, slice(11, 13), slice(13, 15)  # of what follows the name in /proc/PID/stat


Seconds = dict[str, float]  # of the processor, by what took them
Costs = dict[str, Seconds]  # by file


@dataclass(frozen=True)
class _Process:
    parent: int
    kind: str
    own_s: float
    ended_s: float  # of its children, as far as it has waited for their end


def _kind(folder: Path) -> str:
    command = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
    return next((kind for word, kind in KINDS.items() if word in command), "others")


def _processes() -> dict[int, _Process]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            own, ended = (sum(map(int, fields[part])) / _TICKS_PER_S for part in (_OWN, _OF_ENDED))
            found[int(folder.name)] = _Process(int(fields[_PARENT]), _kind(folder), own, ended)
        except (OSError, ValueError):  # it has ended meanwhile
            continue
    return found


def spent() -> Seconds:
    """Seconds of the processor that this process and all below it have taken until now, by kind."""
    processes, children = _processes(), defaultdict(list)
    for pid, process in processes.items():
        children[process.parent].append(pid)
    seconds, waiting = dict.fromkeys(COLUMNS, 0.0), [os.getpid()]
    while waiting:
        pid = waiting.pop()
        waiting += children[pid]
        process = processes[pid]
        seconds["tests" if pid == os.getpid() else process.kind] += process.own_s
        seconds["ended"] += process.ended_s
    return seconds


def difference(before: Seconds, now: Seconds) -> Seconds:
    """What one that has ended had taken before is not of the time in between."""
    more = {kind: now[kind] - before[kind] for kind in COLUMNS}
    more["ended"] += sum(seconds for seconds in more.values() if seconds < 0)
    return {kind: max(seconds, 0.0) for kind, seconds in more.items()}


def add(costs: Costs, file: str, seconds: Mapping[str, float]) -> None:
    sums = costs.setdefault(file, dict.fromkeys((*COLUMNS, "elapsed"), 0.0))
    for what, more in seconds.items():
        sums[what] += more


class OfOneProcess:
    """Notes what was spent whenever the tests of another file begin."""

    def __init__(self) -> None:
        self.by_file: Costs = {}
        self._file, self._since, self._before = "(collecting)", time.monotonic(), dict.fromkeys(COLUMNS, 0.0)

    def begins(self, file: str) -> None:
        if file == self._file:
            return
        now, at = spent(), time.monotonic()
        add(self.by_file, self._file, {**difference(self._before, now), "elapsed": at - self._since})
        self._file, self._since, self._before = file, at, now

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.begins(nodeid.partition("::")[0])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> None:
        if nextitem is None:
            self.begins("(ending)")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.begins("")
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["costs"] = self.by_file


class Report:
    """In the process that tells the end: of its own tests, or of those of all others."""

    def __init__(self, own: OfOneProcess | None) -> None:
        self._own, self._others = own, list[Costs]()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._others.append(getattr(node, "workeroutput", {}).get("costs", {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        found = [self._own.by_file] if self._own else self._others
        terminalreporter.section("seconds of the processor, by file")
        for line in table(found):
            terminalreporter.write_line(line)


def table(found: Iterable[Costs]) -> list[str]:
    total: Costs = {}
    for costs in found:
        for file, seconds in costs.items():
            add(total, file, seconds)
            add(total, "(all)", seconds)  # its `elapsed` is that of all processes together
    rows = sorted(((sum(costs[kind] for kind in COLUMNS), file, costs) for file, costs in total.items()), reverse=True)
    heads = "".join(f"{head:>10}" for head in ("all", *COLUMNS, "elapsed"))
    lines = [
        "".join(f"{seconds:10.1f}" for seconds in (whole, *(costs[kind] for kind in (*COLUMNS, "elapsed")))) + f"  {file}"
        for whole, file, costs in rows
        if max(whole, costs["elapsed"]) >= TOLD_FROM_S
    ]
    return [heads, *lines]


def register(config: pytest.Config) -> None:
    if not ASKED:
        return
    is_one_of_several, shares_out = hasattr(config, "workerinput"), bool(config.getoption("numprocesses", None))
    own = None if shares_out and not is_one_of_several else OfOneProcess()
    if own is not None:
        config.pluginmanager.register(own, "costs-of-one-process")
    if not is_one_of_several:
        config.pluginmanager.register(Report(own), "costs")
