"""Statements and balances over a long history: what each costs at 10,000, 100,000 and 1,000,000 lines, on the embedded server.

    python -m benchmarks.history [--lines 10000,100000,1000000] [--verify-up-to 100000]

Entries of 20 lines over 500 days, sealed, with kept balances and sums. They are put in as documents, past the posting, because posting a million
lines takes too long; `verify_ledger` says that they are what posting would have made. `ms` is the median of five runs, `server_cpu` what the
database server computes for one of them, in milliseconds.
"""

import argparse
import asyncio
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from beanie import init_beanie
from pymongo import AsyncMongoClient

from benchmarks.chain import cpu_of
from crypto_api.documents import DOCUMENTS
from crypto_api.flows.make_statement import make_statement
from crypto_api.flows.verify_ledger import verify_ledger
from crypto_api.kit.clock import FixedClock
from crypto_api.kit.ids import new_id
from crypto_api.kit.paging import PageRequest
from crypto_api.kit.seals import NO_HEAD, Head, link
from crypto_api.ledger import rules, seal_store, service, store
from crypto_api.ledger.documents import AccountBalance, AccountSum, EntrySeal, JournalEntry
from crypto_api.ledger.types import AsOf, EntryDraft, EntryStatus, Line, Place, Source, SourceKind, Sums
from crypto_api.organizations import service as organizations
from crypto_api.prices.types import Pricing
from crypto_api.reports import as_of
from crypto_api.statements.types import Asked, StatementKind
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config import seal_chain
from mongodb_config.base_document import encoded
from mongodb_config.client import DURABLE, MongoClient
from mongodb_config.migrations import deploy
from mongodb_config.unit_of_work import UnitOfWork

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DAYS, LINES, BATCH, WALLETS = 500, 20, 200, 10
ACCOUNTS = ("4100", "4300", "5100", "5200", "5300", "2100")


class Books:
    def __init__(self, uow: UnitOfWork, org_id: str, server: int) -> None:
        self.uow, self.org_id, self.server = uow, org_id, server
        self.made, self.head, self.cells = 0, NO_HEAD, dict[seal_store.Cell, Sums]()
        self.balances: dict[Any, Sums] = {}

    def entry(self) -> JournalEntry:
        number, self.made = self.made, self.made + 1
        at = NOW - timedelta(days=DAYS - number % DAYS)
        lines = []
        for pair in range(LINES // 2):
            account, amount = ACCOUNTS[(number + pair) % len(ACCOUNTS)], Decimal(100 + pair)
            lines.append(Line(account_code="1010", debit=amount) if pair else _coins(number, amount))
            lines.append(Line(account_code=account, credit=amount))
        source = Source(kind=SourceKind.MANUAL, id=f"history {number}", purpose="entry")
        draft = EntryDraft(date=at.date(), description=f"Payroll {number}", source=source, lines=lines)
        row = service.new_entry(self.org_id, draft, EntryStatus.POSTED, at)
        row.unsealed, row.seal_seq = False, number + 1
        return row

    async def grow(self, lines: int) -> None:
        while self.made * LINES < lines:
            rows, seals = [self.entry() for _ in range(BATCH)], []
            for row in rows:
                content, seq = rules.sealed_content(row), self.head.seq + 1
                digest = link(self.head.hash, seq, content)
                seals.append(_seal(row, seq, self.head.hash, digest, content))
                self.head = Head(seq, digest)
            await JournalEntry.get_pymongo_collection().insert_many([encoded(row) for row in rows])
            await self.uow.run(lambda session, seals=seals: seal_chain.add_links(EntrySeal, seals, session))  # type: ignore[misc]
            _add(self.cells, seal_store.cells_of(rows))
            _add(self.balances, rules.sums_of(line for row in rows for line in row.lines))
        await self._keep()

    async def _keep(self) -> None:
        """What is kept, as it is now: the whole of it anew."""
        kept = AccountSum.get_pymongo_collection()
        await kept.delete_many({"org_id": self.org_id})
        rows = [encoded(_cell(self.org_id, cell, sums)) for cell, sums in self.cells.items()]
        for at in range(0, len(rows), 1000):
            await kept.insert_many(rows[at : at + 1000])
        balances = AccountBalance.get_pymongo_collection()
        await balances.delete_many({"org_id": self.org_id})
        lines = [_line(key, sums) for key, sums in self.balances.items()]
        await self.uow.run(lambda session: store.add_to_balances(session, self.org_id, [line for pair in lines for line in pair], NOW))

    async def cost(self, work: Callable[[], Awaitable[object]], count: int = 5) -> dict[str, float]:
        await work()
        took, before = [], cpu_of(self.server)
        for _ in range(count):
            started = time.perf_counter()
            await work()
            took.append((time.perf_counter() - started) * 1000)
        return {"ms": statistics.median(took), "server_cpu": (cpu_of(self.server) - before) / count * 1000}


def _coins(number: int, amount: Decimal) -> Line:
    return Line(account_code="1100", debit=amount, asset="USDC", quantity=amount, wallet_id=f"w{number % WALLETS}")


def _line(key: Any, sums: Sums) -> tuple[Line, Line]:
    facts = {"account_code": key[0], "wallet_id": key[1], "asset": key[2]}
    quantity = sums.quantity if key[2] else None
    return Line(**facts, debit=sums.debit, quantity=quantity), Line(**facts, credit=sums.credit)


def _seal(row: JournalEntry, seq: int, prev: str, digest: str, content: bytes) -> EntrySeal:
    return EntrySeal(id=f"{row.org_id}:{seq}", created_at=NOW, org_id=row.org_id, seq=seq, entry_id=row.id, prev=prev, hash=digest, content=content)


def _cell(org_id: str, cell: seal_store.Cell, sums: Sums) -> AccountSum:
    span, day, known, (account, wallet, asset) = cell
    facts = {"span": span, "account_code": account, "wallet_id": wallet, "asset": asset, "date": day, "known": known}
    amounts = {"debit": sums.debit, "credit": sums.credit, "quantity": sums.quantity}
    row: AccountSum = AccountSum.model_validate({"_id": new_id("sum"), "created_at": NOW, "org_id": org_id, **facts, **amounts})
    return row


def _add(into: dict[Any, Sums], more: Any) -> None:
    for key, part in more.items():
        into[key] = rules.added((into[key], part)) if key in into else part


async def measured(books: Books) -> dict[str, Any]:
    org_id, uow, day = books.org_id, books.uow, (NOW - timedelta(days=40)).date()
    asked = Asked(kind=StatementKind.INCOME_STATEMENT, first=day.replace(day=1), last=day)
    scope = as_of.LedgerScope("1100", wallet_id="w1", date_from=day)
    first = PageRequest(limit=50, sort="date", descending=False)
    parts: dict[str, Callable[[], Awaitable[object]]] = {
        "balance now": lambda: store.holdings_in(org_id, [Place("1100", "w1", "USDC")]),
        "balance at a date": lambda: as_of.sums(org_id, uow, AsOf(at=day), account_codes=["1100"], wallet_id="w1"),
        "trial balance at a date": lambda: as_of.trial_balance(org_id, uow, AsOf(at=day)),
        "trial balance now": lambda: as_of.trial_balance(org_id, uow, AsOf()),
        "income statement": lambda: make_statement(uow, FixedClock(NOW), Pricing(), org_id, asked, "u1"),
        "page of the general ledger": lambda: as_of.general_ledger(org_id, uow, scope, first),
    }
    return {name: await books.cost(work) for name, work in parts.items()}


async def run(sizes: list[int], verified_up_to: int) -> list[dict[str, Any]]:
    found = []
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="coffer-bench-")))
        servers = EmbeddedServers(place / "data", place / "logs", configured=Configured.nothing(), chain=None)
        await stack.enter_async_context(servers)
        # a server that puts in a million lines may answer nothing else for longer than the product would wait
        patient: dict[str, Any] = {"connectTimeoutMS": 120_000, "socketTimeoutMS": 600_000, "serverSelectionTimeoutMS": 120_000, **DURABLE}
        client: MongoClient = AsyncMongoClient(servers.addresses.mongodb_uri, tz_aware=True, uuidRepresentation="standard", **patient)
        stack.push_async_callback(client.close)
        await deploy(client, "bench_history", DOCUMENTS)
        await init_beanie(database=client["bench_history"], document_models=DOCUMENTS, skip_indexes=True)
        uow = UnitOfWork(client)
        organization = await uow.run(lambda session: organizations.create(session, "Bench", NOW))
        await uow.run(lambda session: service.create_chart(session, organization.id, NOW))
        books = Books(uow, organization.id, servers.children["mongodb"].pid or 0)
        for lines in sizes:
            started = time.perf_counter()
            await books.grow(lines)
            row: dict[str, Any] = {"lines": books.made * LINES, "put in, s": time.perf_counter() - started, "cells": len(books.cells)}
            row |= await measured(books)
            print(json.dumps(row, default=str), flush=True)
            found.append(row)
            if lines > verified_up_to:
                continue
            before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
            report = await verify_ledger(uow, organization.id, {}, {})
            row["verified"] = {"ok": report.ok, "entries": report.checked["entries"], "s": time.perf_counter() - started}
            row["verified"]["more MB"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            print(json.dumps({"lines": row["lines"], "verified": row["verified"]}), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", default="10000,100000,1000000")
    parser.add_argument("--verify-up-to", type=int, default=100_000, help="lines: verifying a million takes longer than all the rest")
    given = parser.parse_args()
    asyncio.run(run([int(size) for size in given.lines.split(",")], given.verify_up_to))


if __name__ == "__main__":
    main()
