"""Lots for 10,000 and 100,000 trades: CPU time for each disposal with its lots, proceeds, cost, gain and term.

    python -m benchmarks.lots [--trades 10000,100000] [--csv]

The trades are read already; `--csv` adds what it takes from the text of a table. Also: what one appended trade costs when there are many. Beside rp2:
`python -m benchmarks.peers --of lots`.
"""

import argparse
import csv
import gc
import io
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from crypto_api.lots.rules import History, price_of
from crypto_api.lots.types import Disposed, Event, Kind, LotMethod, LotScope, Rule

Trade = tuple[bool, str, str, str, str]
"""Bought, at, quantity, price, fee."""


def trades(count: int) -> list[Trade]:
    chance, held, at, price, made = random.Random(count), Decimal(0), datetime(2015, 1, 1, tzinfo=UTC), Decimal(1000), []
    step = timedelta(days=3600) / count
    for _ in range(count):
        at += step
        price = max(Decimal(1), (price * Decimal(chance.uniform(0.97, 1.03))).quantize(Decimal("0.01")))
        buy = held < 1 or chance.random() < 0.6
        quantity = Decimal(chance.randrange(1, 3000)).scaleb(-3) if buy else min(held, Decimal(chance.randrange(1, 4000)).scaleb(-3))
        held += quantity if buy else -quantity
        made.append(
            (
                buy,
                at.isoformat(sep=" ", timespec="seconds"),
                str(quantity),
                str(price),
                str(Decimal(chance.randrange(0, 300)).scaleb(-2)) if buy else "0",
            )
        )
    return made


def events_of(made: Sequence[Trade]) -> list[Event]:
    events = []
    for row, (buy, at, *texts) in enumerate(made):
        quantity, price, fee = (Decimal(text) for text in texts)
        amount, worth, kind = int(quantity.scaleb(36)), int((quantity * price).scaleb(8)), Kind.ACQUIRE if buy else Kind.DISPOSE
        rank = price_of(worth, amount) if buy else 0
        events.append(
            Event(str(row), f"{at}|{row:09}", datetime.fromisoformat(at).toordinal(), kind, "1100|w|ETH", amount, worth, int(fee.scaleb(8)), rank)
        )
    return events


def computed(events: Sequence[Event], method: LotMethod) -> list[Disposed]:
    book = History([Rule(0, method, LotScope.UNIVERSAL)])
    return [outcome for event in events if isinstance(outcome := book.apply(event), Disposed)]


def timed(work: Callable[[], list[Disposed]], runs: int = 5) -> tuple[float, list[Disposed]]:
    """Median of CPU seconds."""
    took, result = [], []
    for _ in range(runs):
        result = []
        gc.collect()
        started = time.process_time()
        result = work()
        took.append(time.process_time() - started)
    return statistics.median(took), result


def appended(events: Sequence[Event], method: LotMethod) -> float:
    """Microseconds of one trade more, behind all the others: the median of 500."""
    book, took = History([Rule(0, method, LotScope.UNIVERSAL)]), []
    for event in events[:-500]:
        book.apply(event)
    for event in events[-500:]:
        started = time.perf_counter_ns()
        book.apply(event)
        took.append(time.perf_counter_ns() - started)
    return statistics.median(took) / 1000


def from_csv(made: Sequence[Trade]) -> float:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(made)
    started = time.process_time()
    rows = [(row[0] == "True", row[1], row[2], row[3], row[4]) for row in csv.reader(io.StringIO(buffer.getvalue()))]
    computed(events_of(rows), LotMethod.FIFO)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", default="10000,100000")
    parser.add_argument("--csv", action="store_true")
    arguments = parser.parse_args()
    table, figures = Table("trades", "method", "µs a trade", "one appended µs", "gain"), []
    for count in map(int, arguments.trades.split(",")):
        made = trades(count)
        events = events_of(made)
        for method in LotMethod:
            took, result = timed(lambda events=events, method=method: computed(events, method))  # type: ignore[misc]
            gain = Decimal(sum(portion.gain or 0 for row in result for portion in row.portions)).scaleb(-8)
            row = {"trades": count, "method": method.value, "us": took / count * 1e6, "appended_us": appended(events, method), "gain": str(gain)}
            figures.append(row)
            table.add_row(f"{count:,}", method.value, f"{row['us']:.2f}", f"{row['appended_us']:.2f}", f"{gain:,.2f}")
        if arguments.csv:
            figures.append({"trades": count, "csv_to_lots_s": from_csv(made)})
    Console().print(table)
    sys.stdout.write(json.dumps({"benchmark": "lots", "rows": figures}) + "\n")


if __name__ == "__main__":
    main()
