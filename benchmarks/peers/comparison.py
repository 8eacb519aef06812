"""One comparison: several programmes at the same work on the same data, in turn, and what each came to."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table

CENT = Decimal("0.005")
NAMED = 3  # differences that a failure names
Results = Mapping[str, object]


class ResultsDiffer(Exception):
    """A programme came to other results than ours did: its figures are worth nothing."""


@dataclass(frozen=True)
class Row:
    """One programme at one work. `found` and `wanted`: what it came to and what that should be, by name; ours is where `wanted` is from."""

    name: str
    version: str
    does: str
    per_s: float
    cpu_ms: float  # computed for one, by the programme and the servers that it uses
    peak_mb: int | None = None
    is_limit: bool = False  # does less than the others: how fast it could be at all
    found: Results = field(default_factory=dict, repr=False)
    wanted: Results = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Comparison:
    """`unit`: of what so many a second are done. `rows` begin with the limit and ours."""

    area: str
    title: str
    unit: str
    compared: str  # what of the results, in words
    rows: Sequence[Row]
    absent: Mapping[str, str] = field(default_factory=dict)  # programmes without figures, and why

    @property
    def ours(self) -> Row:
        return next(row for row in self.rows if row.name == "coffer")

    def check(self) -> None:
        """ResultsDiffer where one programme came to something else."""
        for row in self.rows:
            if wrong := differences(row.found, row.wanted):
                raise ResultsDiffer(f"{self.title}: {row.name} has {len(wrong)} other results, of them {', '.join(wrong[:NAMED])}")


def differences(found: Results, wanted: Results) -> list[str]:
    """Names of what differs. Amounts may differ by less than half a cent, nothing else at all."""
    return sorted(name for name in {*found, *wanted} if not _same(found.get(name), wanted.get(name)))


def _same(one: object, other: object) -> bool:
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return abs(one - other) < CENT
    return one == other


# ---- telling it ------------------------------------------------------------------------------------------------------------------

HEADS = ("", "what it does", "{unit}/s", "of the limit", "ours is faster by", "ours computes less by", "ms of CPU for one", "peak MB")


def cells(comparison: Comparison) -> list[list[str]]:
    limit = max((row.per_s for row in comparison.rows if row.is_limit), default=0.0)
    ours, told = comparison.ours, []
    for row in comparison.rows:
        peer = row is not ours and not row.is_limit
        told.append(
            [
                f"{row.name} {row.version}".strip(),
                row.does,
                amount(row.per_s),
                f"{row.per_s / limit:.3f}" if limit else "",
                f"{ours.per_s / row.per_s:.2f} ×" if peer else "",
                f"{row.cpu_ms / ours.cpu_ms:.2f} ×" if peer and ours.cpu_ms else "",
                f"{row.cpu_ms:.3g}",
                str(row.peak_mb or ""),
            ]
        )
    return [*told, *([name, f"no figures: {why}", *[""] * (len(HEADS) - 2)] for name, why in comparison.absent.items())]


def amount(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def show(comparisons: Sequence[Comparison]) -> None:
    for comparison in comparisons:
        table = Table(title=comparison.title, caption=f"compared: {comparison.compared}")
        for place, head in enumerate(HEADS):
            table.add_column(head.format(unit=comparison.unit), justify="left" if place < 2 else "right")
        for row in cells(comparison):
            table.add_row(*row)
        Console(stderr=True, width=170).print(table)


def report(comparisons: Sequence[Comparison], command: str, load: tuple[float, float]) -> str:
    """Markdown: how, where and when it was measured, and the tables. `load`: of the machine before and after."""
    head = [
        f"`{command}`, {datetime.now(UTC):%d %B %Y, %H:%M} UTC: {os.cpu_count()} cores of {_processor()}, {platform.system()} {platform.release()},",
        f"Python {platform.python_version()}; load of the machine {load[0]:.1f} before, {load[1]:.1f} after.",
    ]
    lines = ["\n".join(head)]
    for comparison in comparisons:
        heads = " | ".join(head.format(unit=comparison.unit) for head in HEADS)
        rows = [f"| {' | '.join(row)} |" for row in cells(comparison)]
        lines.append(f"**{comparison.title}**; compared: {comparison.compared}.")
        lines.append("\n".join([f"| {heads} |", "|---|---|" + "---:|" * (len(HEADS) - 2), *rows]))
    return "\n\n".join(lines) + "\n"


def _processor() -> str:
    with Path("/proc/cpuinfo").open() as file:
        return next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), platform.machine())
