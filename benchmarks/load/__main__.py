"""What a whole installation carries on this machine, beside what is aimed at, and what is full where it ends.

    python -m benchmarks.load [--of reads --of money …] [--short] [--seconds 60] [--money-seconds 1800] [--movements 1000]

It starts everything that `manage.py demo` starts (database with `--sync-on-commit`, Valkey, a node, API, follower, relay, jobs, signer), gives it a
history, lets the chain go on, and drives the scenarios one after another from one process: `reads`, `money` and `overload` on that installation,
`payroll`, `catch-up` and `consoles` by the benchmarks of those names on servers of their own. `loop` tells what held up the event loops of API and
workers meanwhile. Everything is on the same processors, the client too. Latencies are counted from the moment at which a request was due
(benchmarks/load/traffic.py). Prints Markdown.
"""

import argparse
import logging
import os
import platform
import sys
from datetime import UTC, datetime

import structlog
import uvloop

from benchmarks.load import others, table
from benchmarks.load.installation import Installation, open_installation
from benchmarks.load.money import measure_money
from benchmarks.load.overload import measure_overload
from benchmarks.load.reads import measure_reads
from benchmarks.load.stalls import errors_in
from benchmarks.load.table import Row
from benchmarks.load.visits import visit_all
from benchmarks.load.wire import NONE

ON_ONE = ("reads", "money", "overload", "loop")
ALONE = ("payroll", "catch-up", "consoles")
READS_RATE, READS_CLIENTS = 400.0, 200
MONEY_RATE, MONEY_CLIENTS = 150.0, 32


def _told(rows: list[Row]) -> list[Row]:
    """What is known is shown at once: a long run may be ended by somebody."""
    sys.stderr.write("".join(f"{row.markdown()}\n" for row in rows))
    sys.stderr.flush()
    return rows


async def on_one(options: argparse.Namespace, wanted: set[str]) -> list[Row]:
    """The scenarios that share an installation."""
    rows: list[Row] = []
    async with open_installation(options.movements) as installation:
        whole = installation.watch()
        if "reads" in wanted or "loop" in wanted:
            found = await measure_reads(installation, clients=READS_CLIENTS, rate=options.reads_rate, seconds=options.seconds)
            rows += _told(table.of_reads(found, READS_RATE))
        if "money" in wanted or "loop" in wanted:
            paid = await measure_money(installation, clients=MONEY_CLIENTS, rate=options.money_rate, seconds=options.money_seconds)
            rows += _told(table.of_money(paid, MONEY_RATE))
        if "overload" in wanted or "loop" in wanted:
            rows += _told(table.of_overload(await measure_overload(installation, seconds=options.seconds)))
        if "loop" in wanted:
            statuses = await visit_all(installation)
            failed = sum(number for status, number in statuses.items() if status >= 500 or status == NONE)
            rows.append(Row("every page and read once", f"errors, of {statuses.total()}", 0, failed))
        usage, errors = whole(), errors_in(installation.log)
        _say_how_it_ended(installation)
    rows.append(Row("all of that", "errors in the log", 0, len(errors), limit="; ".join(errors[:5]).replace("\n", " ")))
    rows += table.of_loops(usage.stalls, f"in {usage.took_s:.0f} s of all that")
    sys.stderr.write(f"{table.worst(usage.stalls)}\n")
    return rows


def _say_how_it_ended(installation: Installation) -> None:
    if restarts := {name: number for name, number in installation.shell.processes.restarts.items() if number}:
        raise SystemExit(f"a process died meanwhile: {restarts}")


async def alone(options: argparse.Namespace, wanted: set[str]) -> list[Row]:
    rows: list[Row] = []
    if "payroll" in wanted:
        paid, stalls = await others.measure_payroll(options.people)
        seconds = paid["order_to_all_signed_and_stored_s"]
        cpu = ", ".join(f"{name} {ms} ms" for name, ms in paid["computed_for_one_ms"].items())
        name = f"payroll of {options.people} in {paid['transactions']} transactions"
        rows.append(Row(name, "all signed and stored after, s", 60 * options.people / 10_000, seconds, limit=f"computed for one: {cpu}"))
        rows += _told(table.of_loops(stalls, "payroll"))
        sys.stderr.write(f"{table.worst(stalls)}\n")
    if "catch-up" in wanted:
        full, empty, stalls = await others.measure_catch_up(options.blocks, 100, 1_000)
        shares = ", ".join(f"{part} {full[part]} s" for part in ("cpu_s", "database_cpu_s"))
        rows.append(Row("catch-up, 1,000 watched", "transfers a second", 3_000, float(full["blocks_per_s"]) * 100, at_most=False, limit=shares))
        rows.append(Row("catch-up, 1,000 watched", "empty blocks a second", 300, float(empty["blocks_per_s"]), at_most=False))
        rows += _told(table.of_loops(stalls, "catch-up"))
        sys.stderr.write(f"{table.worst(stalls)}\n")
    if "consoles" in wanted:
        measured, back, stalls = await others.measure_consoles(options.consoles, options.rounds)
        missed = max(each.missed for each in measured)
        rows.append(Row(f"{options.consoles} consoles", f"missed; {back}", 0, missed))
        rows += _told(table.of_loops(stalls, "consoles"))
        sys.stderr.write(f"{table.worst(stalls)}\n")
    return rows


def conditions() -> str:
    return (
        f"{datetime.now(UTC):%d %B %Y, %H:%M} UTC, Python {platform.python_version()}, {os.cpu_count()} processors, "
        f"load of the machine {' '.join(f'{load:.1f}' for load in os.getloadavg())}"
    )


def options_of(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", action="append", choices=(*ON_ONE, *ALONE), help="again for each; all when left out")
    parser.add_argument("--short", action="store_true", help="seconds of each and small sizes, to see that it works")
    for name, usual, about in (
        ("--seconds", 60.0, "of each run of reads and overload"),
        ("--money-seconds", 1_800.0, "of payments"),
        ("--reads-rate", READS_RATE, "reads a second that are asked for"),
        ("--money-rate", MONEY_RATE, "payments a second that are asked for"),
    ):
        parser.add_argument(name, type=float, default=usual, help=about)
    for name, number, about in (
        ("--movements", 1_000, "payments that came in before"),
        ("--people", 10_000, "of the payroll"),
        ("--blocks", 1_000, "to catch up on"),
        ("--consoles", 2_000, "that are open"),
        ("--rounds", 50, "events to all of them"),
    ):
        parser.add_argument(name, type=int, default=number, help=about)
    options = parser.parse_args(arguments)
    if options.short:
        for name, value in SHORT.items():
            setattr(options, name, value)
    return options


SHORT = {"seconds": 3.0, "money_seconds": 5.0, "movements": 50, "people": 200, "blocks": 100, "consoles": 100, "rounds": 5}


async def main() -> None:
    options = options_of(sys.argv[1:])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    wanted = set(options.of or (*ON_ONE, *ALONE))
    before = conditions()
    rows = await on_one(options, wanted) if wanted & set(ON_ONE) else []
    rows += await alone(options, wanted)
    print(f"{before}; at the end {conditions().rpartition(', ')[2]}\n\n{table.markdown(rows)}")


if __name__ == "__main__":
    uvloop.run(main())
