"""The loop of all programmes here, and their one way of telling: a line for each run, then a table and a line of JSON.

A programme fails when a run found a problem, and also when something that it was to bring about never happened: a step at which nothing died shows
nothing.
"""

import json
import platform
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

VERSIONS = ("pymongo", "web3", "secantusdb")


@dataclass
class Outcome:
    """Of one run. `plan` says, printed, all that was chosen for it."""

    plan: object
    fired: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    took: dict[str, list[float]] = field(default_factory=dict)  # what was measured, in seconds


@dataclass
class Report:
    programme: str
    seed: int
    planned: Counter[str]
    runs: int = 0
    demanding: bool = True  # what never happened fails it
    failed: list[str] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    took: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.runs += 1
        self.fired += outcome.fired
        self.counted += outcome.counted
        for what, seconds in outcome.took.items():
            self.took.setdefault(what, []).extend(seconds)
        if outcome.problems:
            self.failed.append(f"{outcome.plan}: {'; '.join(outcome.problems)}")

    @property
    def never(self) -> list[str]:
        return [what for what in self.planned if not self.fired[what]]

    @property
    def code(self) -> int:
        return 1 if self.failed or (self.demanding and self.never) or not self.runs else 0

    def as_json(self) -> dict[str, Any]:
        return {
            "programme": self.programme,
            "seed": self.seed,
            "runs": self.runs,
            "failed": self.failed,
            "never_fired": self.never,
            "fired": dict(self.fired),
            "counted": dict(self.counted),
            "took_s": {what: spread(seconds) for what, seconds in self.took.items()},
            "seconds": round(self.seconds),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": {"python": platform.python_version(), **{name: _version(name) for name in VERSIONS}},
        }

    def as_table(self) -> str:
        names = [*self.planned, *sorted(self.fired.keys() - self.planned.keys())]
        wide = max(map(len, names), default=0)
        rows = [f"{name:{wide}}  {self.planned[name]:>7}  {self.fired[name]:>5}{'' if self.fired[name] else '  NEVER'}" for name in names]
        told = ", ".join(f"{count} {what}" for what, count in self.counted.items())
        times = [f"{what}: {', '.join(f'{name} {value} s' for name, value in spread(took).items())}" for what, took in self.took.items()]
        return "\n".join(["", f"{'':{wide}}  planned  fired", *rows, "", *times, f"{self.runs} runs from seed {self.seed}: {told}"])


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Of what was measured: the median, the one that one in a hundred is longer than, and the longest."""
    ordered = sorted(seconds)
    return {name: round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 2) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}


async def tell(
    programme: str, seed: int, planned: Counter[str], outcomes: AsyncIterator[Outcome], file: Path | None = None, *, demanding: bool = True
) -> Report:
    """Runs it to the end. `planned`: what has to happen at least once, and how often it was planned where that is known; not `demanding`: it may not
    happen in this part of what others add up."""
    began, report = time.monotonic(), Report(programme, seed, planned, demanding=demanding)
    _say(f"{programme}: seed {seed}")
    async for outcome in outcomes:
        report.add(outcome)
        _say(f"{report.runs:>5}  {outcome.plan}  {_told(outcome)}")
        report.seconds = time.monotonic() - began
        _write(report, file)  # what has been run counts, whatever ends it
    report.seconds = time.monotonic() - began
    _say(report.as_table())
    for line in report.failed:
        _say(f"VIOLATION {line}")
    _say(json.dumps(report.as_json()))
    _write(report, file)
    return report


def _write(report: Report, file: Path | None) -> None:
    if file is not None:
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(report.as_json(), indent=1) + "\n")
        partial.replace(file)


def _told(outcome: Outcome) -> str:
    told = {**outcome.counted, **({} if outcome.fired else {"fired": 0})}
    return f"{' '.join(f'{count} {what}' for what, count in told.items())}  {'; '.join(outcome.problems) or 'ok'}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _version(name: str) -> str:
    try:
        return version(name)
    except Exception:
        return ""
