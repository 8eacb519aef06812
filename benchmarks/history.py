"""Statements, balances and lists over a long history: what each costs at 12,000, 100,000, 300,000 and 1,000,000 lines, and how it grows.

    python -m benchmarks.history [--lines 12000,100000,300000,1000000] [--keep FOLDER] [--fill-only] [--verify [--only-verify]]

The books are posted and sealed by the product itself (`benchmarks/history_books.py`). With `--keep` they stay in the folder: a run that was broken
off goes on there, and the next one only measures. `ms` is the median of five runs, `server` what the database server computes for one of them, in
milliseconds; `grows` is the exponent of that over the lines: 0 where the length of the history costs nothing, 1 where all of it is read.
`--verify` has the close gate look at a month as a whole, and `verify_ledger` recompute the books, which is nearly all that the gate takes; then it
changes one byte of a sealed entry in the middle and has it look again. `longest unit` is the longest of the transactions of it, which a server ends
after a minute.
"""

import argparse
import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pymongo import AsyncMongoClient

from benchmarks.chain import cpu_of
from benchmarks.growth.curve import exponent
from benchmarks.history_books import NOW, Books
from crypto_api.flows.close_gate import checks_of
from crypto_api.flows.make_statement import make_statement
from crypto_api.flows.settle_lots import settle_lots
from crypto_api.flows.verify_ledger import VerifyReport, verify_ledger
from crypto_api.kit.clock import FixedClock
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import day_store, journal_store, period_store, store
from crypto_api.ledger.day_store import Entries
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AsOf, Place
from crypto_api.organizations.documents import Organization
from crypto_api.prices.types import Pricing
from crypto_api.reports import as_of
from crypto_api.statements.types import Asked, StatementKind
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config.client import DURABLE, MongoClient
from mongodb_config.unit_of_work import Session, UnitOfWork

RUNS, PERIOD = 5, "2026-10"
Result = TypeVar("Result")
Works = dict[str, Callable[[], Awaitable[object]]]


def works_of(books: Books) -> Works:
    """What is measured, by name."""
    org_id, uow, day = books.org_id, books.uow, (NOW - timedelta(days=40)).date()
    clock, back = FixedClock(NOW), NOW - timedelta(days=20, hours=5)
    days = {"first": day.replace(day=1), "last": day}
    newest, oldest = PageRequest(limit=50, sort="date", descending=True), PageRequest(limit=50, sort="date", descending=False)
    scope = as_of.LedgerScope("1100", wallet_id="w1", date_from=day)

    def statement(kind: StatementKind) -> Awaitable[object]:
        return make_statement(uow, clock, Pricing(), org_id, Asked(kind=kind, **days), "u1")

    return {
        "balance now": lambda: store.holdings_in(org_id, [Place("1100", "w1", "USDC")]),
        "balance at a date": lambda: as_of.sums(org_id, uow, AsOf(at=day), account_codes=["1100"], wallet_id="w1"),
        "balance at a date as known at an instant": lambda: as_of.sums(org_id, uow, AsOf(day, back), account_codes=["1100"], wallet_id="w1"),
        "trial balance now": lambda: as_of.trial_balance(org_id, uow, AsOf()),
        "trial balance at a date": lambda: as_of.trial_balance(org_id, uow, AsOf(at=day)),
        "trial balance at a date as known at an instant": lambda: as_of.trial_balance(org_id, uow, AsOf(day, back)),
        "balance sheet": lambda: statement(StatementKind.BALANCE_SHEET),
        "income statement": lambda: statement(StatementKind.INCOME_STATEMENT),
        "page of the general ledger": lambda: as_of.general_ledger(org_id, uow, scope, oldest),
        "page of the journal, newest": lambda: journal_store.page(org_id, {}, newest),
        "page of the journal, of an account": lambda: journal_store.page(org_id, {"lines.account_code": "1100"}, newest),
        "drafts": lambda: journal_store.page(org_id, {"status": "draft"}, newest),
    }


def gate_of(books: Books) -> Works:
    """The questions of the close gate and of the tax report, each alone, but for the recomputation, which reads everything by its nature."""
    org_id, last = books.org_id, NOW.date()
    return {
        "first day of the books": lambda: day_store.first_day(org_id),
        "unpriced": lambda: store.unpriced(org_id),
        "drafts up to a day": lambda: period_store.drafts_up_to(org_id, last),
        "without a seal up to a day": lambda: period_store.unsealed_up_to(org_id, last),
        "whether more than 3,000 entries move assets": lambda: day_store.count(org_id, Entries("1100"), up_to=3_000),
        "any that moves assets": lambda: store.any_moves_assets(org_id),
    }


async def cost(work: Callable[[], Awaitable[object]], server: int) -> dict[str, float]:
    await work()
    took, before = [], cpu_of(server)
    for _ in range(RUNS):
        started = time.perf_counter()
        await work()
        took.append((time.perf_counter() - started) * 1000)
    return {"ms": statistics.median(took), "server": (cpu_of(server) - before) / RUNS * 1000}


class TimedUnits(UnitOfWork):
    """Knows the longest of its units of work, in seconds."""

    longest = 0.0

    async def run(self, work: Callable[[Session], Awaitable[Result]]) -> Result:
        started = time.perf_counter()
        try:
            return await super().run(work)
        finally:
            self.longest = max(self.longest, time.perf_counter() - started)


async def verified(books: Books, server: int) -> dict[str, Any]:
    """The gate of the month before; the books recomputed; then again with one byte of the entry in the middle changed, and put back at last."""
    await settle_lots(books.uow, FixedClock(NOW), books.org_id)
    organization = await Organization.get(books.org_id)
    assert organization is not None
    found: dict[str, Any] = {}

    async def timed(name: str, work: Callable[[UnitOfWork], Awaitable[Result]]) -> Result:
        uow, before, started = TimedUnits(books.client), (cpu_of(server), time.process_time()), time.perf_counter()
        result = await work(uow)
        ended, process = time.perf_counter(), time.process_time()
        found[name] = {"s": ended - started, "server, s": cpu_of(server) - before[0], "process, s": process - before[1]}
        found[name]["longest unit, s"] = uow.longest
        return result

    def verify(uow: UnitOfWork) -> Awaitable[VerifyReport]:
        return verify_ledger(uow, books.org_id, {}, {})

    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    good = await timed("verify_ledger", verify)
    found |= {"ok": good.ok, "checked": good.checked, "more MB": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024}
    checks = await timed("gate", lambda uow: checks_of(uow, {}, organization, PERIOD, NOW.date()))
    found["not passed"] = [check.name for check in checks if not check.passed]
    entries, source = JournalEntry.get_pymongo_collection(), f"history {books.entries // 2}"
    row = await entries.find_one({"org_id": books.org_id, "source_kind": "manual", "source_id": source})
    assert row is not None
    await entries.update_one({"_id": row["_id"]}, {"$set": {"description": row["description"].replace("a", "u", 1)}})
    try:
        bad = await timed("one byte changed", verify)
    finally:
        await entries.update_one({"_id": row["_id"]}, {"$set": {"description": row["description"]}})
    named = bad.first_failure
    return found | {"named": str(named), "right": named is not None and named.subject == row["_id"]}


async def run(sizes: list[int], place: Path, *, fill_only: bool, measure: bool, verify: bool) -> None:
    async with AsyncExitStack() as stack:
        servers = EmbeddedServers(place / "data", place / "logs", configured=Configured.nothing(), chain=None)
        await stack.enter_async_context(servers)
        # a server that puts in a million lines may answer nothing else for longer than the product would wait
        patient: dict[str, Any] = {"connectTimeoutMS": 120_000, "socketTimeoutMS": 600_000, "serverSelectionTimeoutMS": 120_000, **DURABLE}
        client: MongoClient = AsyncMongoClient(servers.addresses.mongodb_uri, tz_aware=True, uuidRepresentation="standard", **patient)
        stack.push_async_callback(client.close)
        all_books = [Books(client, lines) for lines in sizes]
        for books in all_books:
            await books.open()
            print(json.dumps({"lines": books.entries * 20, "put in, s": round(await books.fill(), 1)}), flush=True)
        if fill_only:
            return
        server = servers.children["mongodb"].pid or 0
        found: dict[str, list[dict[str, float]]] = {}
        for books in all_books if measure else ():
            await books.open()
            for name, work in (works_of(books) | gate_of(books)).items():
                found.setdefault(name, []).append(await cost(work, server))
                print(f"{books.name} {name}: {found[name][-1]}", file=sys.stderr, flush=True)
        for name, costs in found.items():
            grows = {kind: round(exponent(sizes, [each[kind] for each in costs]), 2) for kind in ("ms", "server")} if len(sizes) > 1 else {}
            told = {kind: [round(each[kind], 1) for each in costs] for kind in ("ms", "server")}
            print(json.dumps({"what": name, "lines": sizes, **told, "grows": grows}), flush=True)
        for books in all_books if verify else ():
            await books.open()
            print(json.dumps({"verified": books.entries * 20, **await verified(books, server)}, default=str), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", default="12000,100000,300000,1000000")
    parser.add_argument("--keep", type=Path, help="a folder where the books stay")
    parser.add_argument("--fill-only", action="store_true")
    parser.add_argument("--verify", action="store_true", help="recompute the books of each length, and look at a month as the close gate does")
    parser.add_argument("--only-verify", action="store_true", help="and measure nothing else")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="coffer-bench-") as temporary:
        place = given.keep or Path(temporary)
        sizes, verify = [int(size) for size in given.lines.split(",")], given.verify or given.only_verify
        asyncio.run(run(sizes, place, fill_only=given.fill_only, measure=not given.only_verify, verify=verify))


if __name__ == "__main__":
    main()
