"""Posting, pages, balances and the verification, by the length of the books (`benchmarks/history_books.py`), each size in a database of its own."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from itertools import count
from pathlib import Path

from benchmarks.chain import cpu_of
from benchmarks.growth.curve import Curve, cost_of
from benchmarks.history import gate_of, works_of
from benchmarks.history_books import LINES, NOW, Books
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.flows.settle_lots import settle_lots
from crypto_api.flows.verify_ledger import verify_ledger
from crypto_api.kit.clock import FixedClock
from crypto_api.ledger import service
from crypto_api.ledger.types import EntryDraft, Line, Source, SourceKind
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config.client import connect

GROWS = "entries of 20 lines in the books"
ENTRIES_A_DAY = 4  # however long the books are: a history that grows, not days that fill
READ = (
    "balance now",
    "balance at a date",
    "trial balance now",
    "trial balance at a date",
    "page of the journal, newest",
    "page of the journal, of an account",
)
ASKED = ("first day of the books", "drafts up to a day", "without a seal up to a day")
POSTED, SEALED = "posting an entry of two lines", "sealing an entry"
VERIFIED = "verifying the whole"


async def curves(sizes: Sequence[int]) -> list[Curve]:
    costs: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="coffer-bench-") as folder:
        place = Path(folder)
        async with AsyncExitStack() as stack:
            servers = EmbeddedServers(place / "data", place / "logs", configured=Configured.nothing(), chain=None)
            await stack.enter_async_context(servers)
            client = connect(servers.addresses.mongodb_uri)
            stack.push_async_callback(client.close)
            server = servers.children["mongodb"].pid
            assert server is not None
            for size in sizes:
                books = Books(client, size * LINES, days=size // ENTRIES_A_DAY)
                await books.open()
                await books.fill()
                for name, cost in (await _costs(books, server)).items():
                    costs.setdefault(name, []).append(cost)
    return [Curve(GROWS, name, sizes, found, 1 if name == VERIFIED else 0, least=1.0) for name, found in costs.items()]


async def _costs(books: Books, server: int) -> dict[str, float]:
    works = works_of(books) | gate_of(books)
    found = {name: (await cost_of(works[name], server)).cpu_ms for name in (*READ, *ASKED)}
    await settle_lots(books.uow, FixedClock(NOW), books.org_id)
    used = cpu_of(server) + time.process_time()
    report = await verify_ledger(books.uow, books.org_id, {}, {})
    found[VERIFIED] = (cpu_of(server) + time.process_time() - used) * 1_000
    if not report.ok:
        raise SystemExit(f"the books do not verify: {report.first_failure}")
    numbers = count()

    async def post() -> None:
        await books.uow.run(lambda session: service.post_all(session, books.org_id, [_draft(next(numbers))], NOW))

    posted = await cost_of(post, server)
    waiting, used = next(numbers), cpu_of(server) + time.process_time()
    while await seal_entries(books.uow, FixedClock(NOW)):
        pass
    sealed = (cpu_of(server) + time.process_time() - used) * 1_000 / waiting
    return {POSTED: posted.cpu_ms, SEALED: sealed, **found}


def _draft(number: int) -> EntryDraft:
    lines = [Line(account_code="1010", debit=Decimal(100)), Line(account_code="4100", credit=Decimal(100))]
    return EntryDraft(date=NOW.date(), description="Sale", source=Source(kind=SourceKind.MANUAL, id=f"more {number}", purpose="entry"), lines=lines)
