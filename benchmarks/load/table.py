"""What was aimed at, what was measured, how the one compares with the other, and what was full at the time."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.load.money import Money
from benchmarks.load.overload import Overload
from benchmarks.load.reads import Read
from benchmarks.load.stalls import Stall
from benchmarks.load.traffic import Figures

TOLD = 10


@dataclass(frozen=True)
class Row:
    scenario: str
    figure: str
    target: float
    measured: float
    at_most: bool = True  # else at least
    limit: str = ""

    @property
    def met(self) -> bool:
        return self.measured <= self.target if self.at_most else self.measured >= self.target

    def markdown(self) -> str:
        ratio = f"{self.measured / self.target:.2f}" if self.target else ""
        sign, met = "≤" if self.at_most else "≥", "yes" if self.met else "no"
        return f"| {self.scenario} | {self.figure} | {sign} {self.target:g} | {self.measured:.4g} | {ratio} | {met} | {self.limit} |"


def markdown(rows: Iterable[Row]) -> str:
    head = ["| scenario | figure | target | measured | of the target | met | full at the time |", "|---|---|---|---|---|---|---|"]
    return "\n".join([*head, *(row.markdown() for row in rows)])


def of_reads(found: list[Read], rate: float) -> list[Row]:
    rows = []
    for read in found:
        name, figures = f"reads, {read.name}", read.figures
        rows += [
            Row(name, "answers a second", rate, figures.rate, at_most=False, limit=read.usage.limit),
            Row(name, "p50, ms", 15, figures.ms(0.5), limit=f"ms computed for one answer: {read.usage.for_one(len(figures.answered))}"),
            Row(name, "p99, ms", 60, figures.ms(0.99)),
            *_failures(name, figures),
        ]
    return rows


def of_money(found: Money, rate: float) -> list[Row]:
    books, name = found.books, "money"
    return [
        Row(name, "payments a second", rate, found.figures.rate, at_most=False, limit=found.usage.limit),
        Row(name, "p99, ms", 150, found.figures.ms(0.99), limit=f"ms computed for one: {found.usage.for_one(len(found.figures.answered))}"),
        *_failures(name, found.figures),
        Row(name, f"lost, of {books.acknowledged} acknowledged", 0, books.lost),
        Row(name, "double", 0, books.double + books.unasked),
        Row(name, f"answers that differ, of {books.replayed} replayed", 0, books.differing),
        Row(name, "without an audit record, or with a broken chain", 0, books.unaudited + (not found.chain_holds)),
    ]


def of_overload(found: Overload) -> list[Row]:
    name = "overload"
    carried = f"carried {found.carried.rate:.0f}/s, asked {found.asked:.0f}/s; {found.flooded.limit}"
    calm = "reads, at 70 % of what is carried"
    return [
        Row(calm, "p50, ms", 15, found.calm.ms(0.5), limit=f"{found.calm.rate:.0f}/s"),
        Row(calm, "p99, ms", 60, found.calm.ms(0.99)),
        Row(name, "p99 of the admitted, times that of the calm", 2, found.times, limit=carried),
        Row(name, f"sent away without Retry-After, of {len(found.flood.shed)}", 0, found.silent),
        *_failures(name, found.flood),
        Row(name, "as before again after, s", 5, found.recovered_s),
    ]


def of_loops(stalls: list[Stall], during: str) -> list[Row]:
    kinds = Counter((stall.process, stall.cause) for stall in stalls)
    told = ", ".join(f"{process} {cause} {number}" for (process, cause), number in kinds.most_common())
    ours = [stall for stall in stalls if stall.ours]
    many = [stall for stall in stalls if not stall.ours and stall.computed_ms > 100]
    return [
        Row("event loops", f"one callback above 100 ms, {during}", 0, len(ours), limit=told or "nothing was late"),
        Row("event loops", f"many short ones in one turn, {during}", 0, len(many)),
    ]


def worst(stalls: list[Stall]) -> str:
    """Of our own making, with where each was."""
    found = sorted((stall for stall in stalls if stall.ours), key=lambda stall: -stall.computed_ms)[:TOLD]
    told = (f"- {s.process}, {s.ms} ms, of which it computed {s.computed_ms} ({s.cause}): {' ← '.join(s.where[:8])}" for s in found)
    return "\n".join(told)


def _failures(name: str, figures: Figures) -> list[Row]:
    away, wrong = len(figures.shed), Counter(sample.status or "no answer" for sample in figures.failed)
    told = ", ".join(f"{number} times {status}" for status, number in wrong.items())
    return [Row(name, f"errors, of {len(figures.samples)} ({away} sent away with 503)", 0, len(figures.failed), limit=told)]
