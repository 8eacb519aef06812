"""What the fuzzers tell: as text, and as JSON with the versions, the machine and the day."""

import json
import os
import platform
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

VERSIONS = ("schemathesis", "hypothesis", "uvicorn", "websockets", "django", "django-ninja", "pydantic", "msgspec", "pymongo", "secantusdb")
SHOWN_MAX = 60


@dataclass(frozen=True)
class Finding:
    """Something that must not be."""

    what: str  # the check that found it
    where: str  # operation, attack, process
    told: str

    def __str__(self) -> str:
        return f"{self.what}, {self.where}: {self.told}"


@dataclass
class RoleRun:
    """One role through every operation."""

    role: str
    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)  # operation → requests
    reached: set[str] = field(default_factory=set)  # operations that answered 2xx
    findings: Counter[Finding] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)  # reason → failures of a check that are none
    slow: dict[str, float] = field(default_factory=dict)  # operation → ms, of the slowest answer above a second
    slowest_ms: float = 0.0
    rss_before_mb: float = 0.0
    rss_after_mb: float = 0.0
    seconds: float = 0.0


@dataclass
class OperationsReport:
    seed: int
    cases: int
    operations: int
    roles: list[RoleRun] = field(default_factory=list)
    prepared: dict[str, int] = field(default_factory=dict)  # operation → status of a request that was made for it
    without_success: dict[str, str] = field(default_factory=dict)  # operation → why it cannot be reached here
    findings: list[Finding] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)  # check → reason
    rss_start_mb: float = 0.0
    rss_end_mb: float = 0.0

    @property
    def requests(self) -> int:
        return sum(run.requests for run in self.roles)

    @property
    def reached_by_fuzzing(self) -> set[str]:
        return set[str]().union(*(run.reached for run in self.roles))

    @property
    def never_reached(self) -> list[str]:
        """Operations that no request at all brought to a 2xx, and that have no reason for it."""
        reached = self.reached_by_fuzzing | {name for name, status in self.prepared.items() if status < 300}
        return sorted(set(self.prepared) - reached - set(self.without_success))

    @property
    def all_findings(self) -> list[Finding]:
        never = [Finding("2xx", name, f"never reached; prepared: {self.prepared[name]}") for name in self.never_reached]
        return [*self.findings, *never, *dict.fromkeys(finding for run in self.roles for finding in run.findings)]

    @property
    def code(self) -> int:
        return 1 if self.all_findings or not self.requests else 0

    def as_json(self) -> dict[str, Any]:
        return {
            "programme": "http",
            "seed": self.seed,
            "cases_for_each_operation_and_phase": self.cases,
            "operations": self.operations,
            "requests": self.requests,
            "reached_by_fuzzing": len(self.reached_by_fuzzing),
            "reached_by_prepared": sum(status < 300 for status in self.prepared.values()),
            "never_reached": self.never_reached,
            "without_success": self.without_success,
            "left_out": self.left_out,
            "rss_mb": [round(self.rss_start_mb), round(self.rss_end_mb)],
            "roles": [_role_as_json(run) for run in self.roles],
            "findings": [str(finding) for finding in self.all_findings],
            **surroundings(),
        }

    def as_text(self) -> str:
        lines = [f"{'role':15} {'requests':>9} {'2xx ops':>8} {'>1 s':>5} {'slowest':>9} {'RSS MB':>11} {'found':>6} {'s':>6}"]
        for run in self.roles:
            rss = f"{run.rss_before_mb:.0f} → {run.rss_after_mb:.0f}"
            count = len(run.findings)
            told = f"{run.role:15} {run.requests:>9} {len(run.reached):>8} {len(run.slow):>5} {run.slowest_ms:>6.0f} ms"
            lines.append(f"{told} {rss:>11} {count:>6} {run.seconds:>6.0f}")
        prepared = sum(status < 300 for status in self.prepared.values())
        lines += [
            f"{self.requests} requests to {self.operations} operations from seed {self.seed}",
            f"2xx: {prepared} by a request made for it, {len(self.reached_by_fuzzing)} by the fuzzer's own",
            f"2xx by nobody: {', '.join(self.never_reached) or 'none'}",
            *(f"cannot be reached here: {name} ({why})" for name, why in sorted(self.without_success.items())),
            *(f"left out: {name} ({why})" for name, why in self.left_out.items()),
            *_accepted(self.roles),
            *(f"over 1 s: {name} as {run.role}, {ms:.0f} ms" for run in self.roles for name, ms in sorted(run.slow.items())),
        ]
        return "\n".join([*lines, *shown(self.all_findings)])


def _accepted(runs: Sequence[RoleRun]) -> list[str]:
    total = sum((run.accepted for run in runs), Counter[str]())
    return [f"no fault, {count} times: {reason}" for reason, count in total.most_common()]


def _role_as_json(run: RoleRun) -> dict[str, Any]:
    return {
        "role": run.role,
        "requests": run.requests,
        "statuses": {str(status): count for status, count in sorted(run.statuses.items())},
        "phases": dict(run.phases),
        "operations_asked": len(run.asked),
        "operations_that_answered_2xx": len(run.reached),
        "findings": {str(finding): count for finding, count in run.findings.items()},
        "accepted": dict(run.accepted),
        "over_1_s_ms": {name: round(ms) for name, ms in run.slow.items()},
        "slowest_ms": round(run.slowest_ms),
        "rss_mb": [round(run.rss_before_mb), round(run.rss_after_mb)],
        "seconds": round(run.seconds),
    }


@dataclass
class SocketsReport:
    seed: int
    frames: Counter[str] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    closes: dict[str, Counter[str]] = field(default_factory=dict)
    received_frames: int = 0
    numbers: int = 0  # that the well-behaved client was told
    calm_ms: list[float] = field(default_factory=list)
    busy_ms: list[float] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    rss_before_mb: float = 0.0
    rss_warm_mb: float = 0.0
    rss_after_mb: float = 0.0
    seconds: float = 0.0

    @property
    def code(self) -> int:
        return 1 if self.findings or not self.frames else 0

    @property
    def ratio(self) -> float | None:
        calm, busy = percentile(self.calm_ms, 99), percentile(self.busy_ms, 99)
        return busy / calm if calm and busy else None

    def as_json(self) -> dict[str, Any]:
        return {
            "programme": "sockets",
            "seed": self.seed,
            "frames": self.frames.total(),
            "connections": self.connections.total(),
            "frames_of_each_kind": dict(self.frames),
            "closes": {name: dict(closes) for name, closes in self.closes.items()},
            "frames_received_by_attackers": self.received_frames,
            "numbers_of_the_listener": self.numbers,
            "wait_ms": {"calm": _percentiles(self.calm_ms), "attacked": _percentiles(self.busy_ms), "p99_ratio": self.ratio and round(self.ratio, 2)},
            "rss_mb": {"before": round(self.rss_before_mb), "each_kind_seen": round(self.rss_warm_mb), "after": round(self.rss_after_mb)},
            "seconds": round(self.seconds),
            "findings": [str(finding) for finding in self.findings],
            **surroundings(),
        }

    def as_text(self) -> str:
        wide = max(map(len, self.connections), default=0)
        lines = [f"{'attack':{wide}} {'sockets':>8} {'frames':>9}  how it ended"]
        for name in sorted(self.connections):
            ended = ", ".join(f"{how}: {count}" for how, count in self.closes.get(name, Counter()).most_common())
            lines.append(f"{name:{wide}} {self.connections[name]:>8} {self.frames[name]:>9}  {ended or 'went away'}")
        calm, busy = _percentiles(self.calm_ms), _percentiles(self.busy_ms)
        lines += [
            f"{self.frames.total()} frames on {self.connections.total()} sockets in {self.seconds:.0f} s from seed {self.seed}",
            f"{self.received_frames} frames came back",
            f"the listener had {self.numbers} numbers, in order; p50 and p99 in ms: calm {calm}, attacked {busy}; p99 times {self.ratio or 0:.2f}",
            f"memory of the API: {self.rss_before_mb:.0f} MB before, {self.rss_warm_mb:.0f} after each kind once, {self.rss_after_mb:.0f} at the end",
        ]
        return "\n".join([*lines, *shown(self.findings)])


def percentile(values: Sequence[float], percent: int) -> float | None:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else None


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    return {f"p{percent}": round(found, 1) if (found := percentile(values, percent)) is not None else None for percent in (50, 99)}


def shown(findings: Iterable[Finding]) -> list[str]:
    found = [f"FOUND {finding}" for finding in findings]
    return [*found[:SHOWN_MAX], *([f"and {len(found) - SHOWN_MAX} more"] if len(found) > SHOWN_MAX else []), f"{len(found)} findings"]


def surroundings() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in VERSIONS}},
        "processors": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def tell(report: OperationsReport | SocketsReport, file: Path | None) -> int:
    """Its exit code."""
    sys.stdout.write(report.as_text() + "\n")
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(report.as_json(), indent=1) + "\n")
    return report.code
