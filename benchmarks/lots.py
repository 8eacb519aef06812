"""Lots for 10,000 and 100,000 trades, beside rp2 in one run: CPU time for each disposal with its lots, proceeds, cost, gain and term.

    python -m venv rp2 && rp2/bin/pip install rp2==1.7.2
    python -m benchmarks.lots [--rp2 rp2/bin/python] [--trades 10000,100000] [--csv]

Both get trades that are read already; `--csv` adds what it takes from the text of a table. The gains of both must be equal to the cent. Also: what
one appended trade costs when there are many.
"""

import argparse
import csv
import gc
import io
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table

from crypto_api.lots.rules import History, price_of
from crypto_api.lots.types import Disposed, Event, Kind, LotMethod, LotScope, Rule

CONFIG = """[general]
assets = ETH
exchanges = Kraken
holders = Bob
[in_header]
timestamp = 0
asset = 1
exchange = 2
holder = 3
transaction_type = 4
spot_price = 5
crypto_in = 6
fiat_fee = 7
notes = 8
[out_header]
timestamp = 0
asset = 1
exchange = 2
holder = 3
transaction_type = 4
spot_price = 5
crypto_out_no_fee = 6
crypto_fee = 7
notes = 8
[intra_header]
timestamp = 0
asset = 1
from_exchange = 2
from_holder = 3
to_exchange = 4
to_holder = 5
spot_price = 6
crypto_sent = 7
crypto_received = 8
notes = 9
"""
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


def of_rp2(python: str, made: Sequence[Trade]) -> dict[str, dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        file, config = Path(folder) / "trades.json", Path(folder) / "rp2.ini"
        file.write_text("\n".join(json.dumps(trade) for trade in made))
        config.write_text(CONFIG)
        peer = Path(__file__).with_name("lots_rp2.py").resolve()
        done = subprocess.run(
            [str(Path(python).absolute()), str(peer), str(file), str(config)], cwd=folder, check=True, capture_output=True, text=True
        )
    return {row["method"]: row for row in map(json.loads, done.stdout.splitlines())}


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
    parser.add_argument("--rp2", default="", help="a Python in which rp2 is installed")
    parser.add_argument("--trades", default="10000,100000")
    parser.add_argument("--csv", action="store_true")
    arguments = parser.parse_args()
    table, figures = Table("trades", "method", "µs a trade", "rp2 µs", "ratio", "one appended µs", "gain", "equal"), []
    for count in map(int, arguments.trades.split(",")):
        made = trades(count)
        events, peer = events_of(made), of_rp2(arguments.rp2, made) if arguments.rp2 else {}
        for method in LotMethod:
            took, result = timed(lambda events=events, method=method: computed(events, method))  # type: ignore[misc]
            gain = Decimal(sum(portion.gain or 0 for row in result for portion in row.portions)).scaleb(-8)
            row = {"trades": count, "method": method.value, "us": took / count * 1e6, "appended_us": appended(events, method), "gain": str(gain)}
            if (other := peer.get(method.value)) is not None:
                row |= {
                    "rp2_us": float(other["s"]) / count * 1e6,
                    "ratio": float(other["s"]) / took,
                    "equal": abs(Decimal(other["gain"]) - gain) < Decimal("0.01"),
                }
            figures.append(row)
            told = [f"{row[name]:.2f}" if name in row else "-" for name in ("us", "rp2_us", "ratio", "appended_us")]
            table.add_row(f"{count:,}", method.value, *told, f"{gain:,.2f}", str(row.get("equal", "-")))
        if arguments.csv:
            figures.append({"trades": count, "csv_to_lots_s": from_csv(made)})
    Console().print(table)
    sys.stdout.write(json.dumps({"benchmark": "lots", "rows": figures}) + "\n")


if __name__ == "__main__":
    main()
