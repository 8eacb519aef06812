"""Posting and balances, beside the raw driver on the same server in the same run, and medici where it is installed.

    python -m benchmarks.ledger [--entries 2000] [--lines 20000] [--imported 10000] [--imports-only] [--mongodb URI] [--medici FOLDER]

`--medici`: a folder of its own with `npm install medici@7 mongoose` in it; without, that part is left out. Absolute figures move with the machine:
quote the ratios, or `…_cpu_ms`: what the database server and this process compute for one entry. The raw driver inserts one document of the same
size and increments two balances in a transaction; it checks nothing, has no event, no exactly-once and no validator: it is the limit, not an equal.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from beanie import init_beanie
from bson.decimal128 import Decimal128
from pymongo import UpdateOne

from benchmarks.chain import cpu_of
from crypto_api.documents import DOCUMENTS
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.flows.verify_ledger import verify_ledger
from crypto_api.kit.clock import SystemClock
from crypto_api.kit.ids import new_id
from crypto_api.ledger import seal_store, service, store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AsOf, EntryDraft, Line, Place, Source, SourceKind
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from mongodb_config.unit_of_work import Session, UnitOfWork

MEDICI = Path(__file__).with_name("medici.js")
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ACCOUNTS = 100
BATCH = 500


class Bench:
    def __init__(self, uow: UnitOfWork, database: Any, org_id: str, server: int | None) -> None:
        self.uow, self.database, self.org_id, self.made, self.server = uow, database, org_id, 0, server

    def used(self) -> tuple[float, float]:
        """Seconds of computing: of the database server, 0 where it is not ours, and of this process."""
        return cpu_of(self.server) if self.server is not None else 0.0, time.process_time()

    def draft(self, *, hot: bool = False, day: date | None = None) -> EntryDraft:
        """Two lines; on one and the same pair of accounts where `hot`."""
        self.made += 1
        place = 0 if hot else self.made % ACCOUNTS
        lines = [
            Line(account_code="1100", debit=Decimal(100), asset="USDC", quantity=Decimal(100), wallet_id=f"w{place}"),
            Line(account_code="4100", credit=Decimal(100), asset=f"A{place}", quantity=Decimal(-100)),
        ]
        source = Source(kind=SourceKind.TRANSACTION, id=f"bench {self.made}", purpose="movements")
        return EntryDraft(date=day or NOW.date(), description=f"Receipt {self.made}", source=source, lines=lines)

    async def one(self, **how: Any) -> None:
        async def work(session: Session, drafts: Sequence[EntryDraft]) -> list[JournalEntry]:
            return await service.post_all(session, self.org_id, drafts, NOW)

        await self.uow.together("post", self.draft(**how), work)

    async def many(self, count: int) -> None:
        drafts = [self.draft() for _ in range(count)]
        await self.uow.run(lambda session: service.post_all(session, self.org_id, drafts, NOW))

    # ---- raw

    def raw_row(self) -> dict[str, Any]:
        self.made += 1
        amount, zero = Decimal128("100"), Decimal128("0")
        lines = [
            {"account": "1100", "debit": amount, "credit": zero, "asset": "USDC", "quantity": amount, "wallet": "w1", "description": ""},
            {"account": "4100", "debit": zero, "credit": amount, "asset": "A1", "quantity": amount, "wallet": None, "description": ""},
        ]
        return {"_id": new_id("je"), "org_id": self.org_id, "source": f"raw {self.made}", "date": NOW, "lines": lines, "total": amount, "at": NOW}

    async def raw_one(self) -> None:
        row, place = self.raw_row(), self.made % ACCOUNTS

        async def work(session: Session) -> None:
            await self.database["raw_entries"].insert_one(row, session=session)
            for name in (f"a{place}", f"b{place}"):
                await self.database["raw_balances"].update_one({"_id": name}, {"$inc": {"d": Decimal128("100")}}, upsert=True, session=session)

        await self.uow.run(work)

    async def raw_many(self, count: int) -> None:
        rows = [self.raw_row() for _ in range(count)]
        sums = [UpdateOne({"_id": f"a{i}"}, {"$inc": {"d": Decimal128("100")}}, upsert=True) for i in range(ACCOUNTS)]

        async def work(session: Session) -> None:
            await self.database["raw_entries"].insert_many(rows, session=session)
            await self.database["raw_balances"].bulk_write(sums, session=session)

        await self.uow.run(work)


async def per_second(work: Callable[[], Awaitable[None]], count: int, at_once: int = 1) -> float:
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await work()

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return count / (time.perf_counter() - started)


async def in_ms(work: Callable[[], Awaitable[object]], count: int = 40) -> float:
    took = []
    for _ in range(count):
        started = time.perf_counter()
        await work()
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


async def measure(bench: Bench, entries: int, lines: int, imported: int, *, imports_only: bool) -> dict[str, Any]:
    await bench.many(50)
    for _ in range(50):
        await bench.raw_one()
    found: dict[str, Any] = {}
    parts: list[tuple[str, int, Callable[[], Awaitable[float]]]] = [
        ("raw_lone", 1, lambda: per_second(bench.raw_one, 150)),
        ("lone", 1, lambda: per_second(bench.one, 150)),
        ("raw_of_100", 100, lambda: per_second(lambda: bench.raw_many(100), max(entries // 200, 2))),
        ("64_at_once", 1, lambda: per_second(bench.one, entries, 64)),
        ("16_at_once", 1, lambda: per_second(bench.one, entries, 16)),
        ("64_at_once_on_one_account", 1, lambda: per_second(lambda: bench.one(hot=True), entries, 64)),
        ("raw_import_of_500", BATCH, lambda: per_second(lambda: bench.raw_many(BATCH), max(imported // BATCH, 2))),
        ("import_of_500", BATCH, lambda: per_second(lambda: bench.many(BATCH), max(imported // BATCH, 2))),
    ]
    for name, size, part in parts if not imports_only else parts[-2:]:
        started, used = time.perf_counter(), bench.used()
        found[name] = size * await part()
        made = found[name] * (time.perf_counter() - started)
        found[f"{name}_cpu_ms"] = [1000 * (after - before) / made for after, before in zip(bench.used(), used, strict=True)]
        print(name, round(found[name], 1), file=sys.stderr)
    if imports_only:
        return found
    found["balances"] = [await balances(bench)]
    while bench.made < lines // 2:
        await bench.many(BATCH)
    started, waiting = time.perf_counter(), await seal_store.waiting(bench.org_id)
    while await seal_entries(bench.uow, SystemClock()):
        pass
    found["sealed_per_second"] = waiting / (time.perf_counter() - started)
    found["balances"].append(await balances(bench))
    report = await verify_ledger(bench.uow, bench.org_id, {}, {})
    found |= {"in_order": report.ok, "entries": report.checked["entries"], "lines": report.checked["lines"]}
    return found


async def balances(bench: Bench) -> dict[str, Any]:
    while await seal_entries(bench.uow, SystemClock()):
        pass
    place = [Place("1100", "w1", "USDC")]
    at = AsOf(at=NOW.date() - timedelta(days=3), known_at=NOW + timedelta(days=2))
    return {
        "entries": await JournalEntry.find({"org_id": bench.org_id}).count(),
        "now_ms": await in_ms(lambda: store.holdings_in(bench.org_id, place)),
        "at_a_date_ms": await in_ms(
            lambda: bench.uow.run(lambda session: seal_store.sums(session, bench.org_id, AsOf(at=NOW.date()), account_codes=["1100"], wallet_id="w1"))
        ),
        "as_of_two_times_ms": await in_ms(
            lambda: bench.uow.run(lambda session: seal_store.sums(session, bench.org_id, at, account_codes=["1100"], wallet_id="w1"))
        ),
    }


async def medici(folder: Path, uri: str, imported: int, *, imports_only: bool) -> dict[str, Any]:
    command = ["node", str(MEDICI), uri, str(folder.resolve()), str(imported), *(["imports-only"] if imports_only else [])]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    found: dict[str, Any] = json.loads(out)
    return found


async def run(entries: int, lines: int, imported: int, uri: str | None, folder: Path | None, *, imports_only: bool) -> dict[str, Any]:
    server: int | None = None
    async with AsyncExitStack() as stack:
        if uri is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="coffer-bench-")))
            servers = EmbeddedServers(place / "data", place / "logs", configured=Configured.model_construct(), chain=None)
            await stack.enter_async_context(servers)
            uri, server = servers.addresses.mongodb_uri, servers.children["mongodb"].pid
        client, name = connect(uri), f"bench_ledger_{new_id('b')}"
        stack.push_async_callback(client.close)
        await deploy(client, name, DOCUMENTS)
        if server is None:  # what is ours goes with its folder: the embedded server takes longer to drop a long history than a client waits
            stack.push_async_callback(client.drop_database, name)
        for collection in ("raw_entries", "raw_balances"):
            await client[name].create_collection(collection)
        await init_beanie(database=client[name], document_models=DOCUMENTS, skip_indexes=True)
        uow, org_id = UnitOfWork(client), new_id("org")
        await uow.run(lambda session: service.create_chart(session, org_id, NOW))
        found = await measure(Bench(uow, client[name], org_id, server), entries, lines, imported, imports_only=imports_only)
        return found | ({"medici": await medici(folder, uri, imported, imports_only=imports_only)} if folder else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=2_000)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--imported", type=int, default=1_000, help="entries of the import, 500 in a unit of work")
    parser.add_argument("--mongodb", help="a server that is there; else an embedded one is started")
    parser.add_argument("--medici", type=Path)
    parser.add_argument("--imports-only", action="store_true")
    given = parser.parse_args()
    found = asyncio.run(run(given.entries, given.lines, given.imported, given.mongodb, given.medici, imports_only=given.imports_only))
    print(json.dumps(found, indent=2, default=lambda value: round(value, 2)))


if __name__ == "__main__":
    main()
