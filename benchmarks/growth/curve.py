"""A cost at several sizes, and with which power of the size it grows."""

import math
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from benchmarks.chain import cpu_of

TOLERANCE = 0.25  # of an exponent, on a machine that others use
LONGEST_S, RUNS_MIN, RUNS_MAX = 1.5, 5, 300


@dataclass(frozen=True)
class Cost:
    """Of one: milliseconds by the wall (median), and computed by this process and the database server together (mean)."""

    ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Curve:
    """`should`: the exponent that is meant, 0 for what must not grow and 1 for what is linear by its nature. `unit`: of the costs. A cost below
    `least` counts as that, because no clock of ours is finer or nobody cares."""

    grows: str  # what there is more and more of
    what: str
    sizes: Sequence[int]
    costs: Sequence[float]
    should: float
    unit: str = "ms of CPU"
    least: float = 0.5

    @property
    def exponent(self) -> float:
        return exponent(self.sizes, self.costs, self.least)

    @property
    def holds(self) -> bool:
        """It grows no faster than it should: to grow more slowly is no fault."""
        return self.exponent <= self.should + TOLERANCE


def exponent(sizes: Sequence[int], costs: Sequence[float], least: float = 1.0) -> float:
    """Least squares through the logarithms: cost = c · size^exponent."""
    xs, ys = [math.log(size) for size in sizes], [math.log(max(cost, least)) for cost in costs]
    x, y = statistics.fmean(xs), statistics.fmean(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


async def cost_of(work: Callable[[], Awaitable[object]], server: int, *, longest_s: float = LONGEST_S) -> Cost:
    """Of one run of `work`, after one that warms up; as many as fit in the time, since the server's clock ticks in hundredths of a second."""
    await work()
    took: list[float] = []
    used, ended = cpu_of(server) + time.process_time(), time.perf_counter() + longest_s
    while len(took) < RUNS_MIN or (time.perf_counter() < ended and len(took) < RUNS_MAX):
        started = time.perf_counter()
        await work()
        took.append((time.perf_counter() - started) * 1_000)
    return Cost(statistics.median(took), (cpu_of(server) + time.process_time() - used) * 1_000 / len(took))


# ---- telling it ------------------------------------------------------------------------------------------------------------------

HEADS = ("as there are more", "cost of", "unit", "sizes", "costs", "exponent", "should be", "holds")


def cells(curve: Curve) -> list[str]:
    sizes, costs = (
        " / ".join(f"{size:,}" for size in curve.sizes),
        " / ".join(f"{cost:.3g}" if cost < 100 else f"{cost:,.0f}" for cost in curve.costs),
    )
    return [curve.grows, curve.what, curve.unit, sizes, costs, f"{curve.exponent:.2f}", f"{curve.should:g}", "yes" if curve.holds else "no"]


def show(curves: Sequence[Curve]) -> None:
    table = Table(*HEADS, title="What grows with what")
    for curve in curves:
        table.add_row(*cells(curve))
    Console(stderr=True, width=170).print(table)


def report(curves: Sequence[Curve], command: str, load: tuple[float, float]) -> str:
    """Markdown: when and where, and the table."""
    head = f"`{command}`, {datetime.now(UTC):%d %B %Y, %H:%M} UTC, {os.cpu_count()} cores, Python {platform.python_version()}, the embedded database;"
    rows = [f"| {' | '.join(cells(curve))} |" for curve in curves]
    return "\n".join(
        [
            head,
            f"load of the machine {load[0]:.1f} before, {load[1]:.1f} after.",
            "",
            f"| {' | '.join(HEADS)} |",
            "|---" * len(HEADS) + "|",
            *rows,
            "",
        ]
    )
