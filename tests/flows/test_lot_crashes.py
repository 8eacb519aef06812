"""A process dies by SIGKILL while it books by lots, or settles them: before its commit nothing has happened, after it everything has, and whoever
takes over takes no lot twice and none too few."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest
from pymongo.errors import PyMongoError

from crypto_api.classification.types import Category, Decision, DecisionSource
from crypto_api.flows.book_transaction import Valued, book_valued, changes_of
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import SourceKind
from crypto_api.lots import store
from crypto_api.lots.kept import lot_from_text
from crypto_api.lots.types import LotScope
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking, Direction
from tests.conftest import ConfigMaker
from tests.factories.killed import killed_at
from tests.flows.test_post_by_lots import START, desk, lines_of

D = Decimal
ETHER = 10**36  # a unit of the lots, in which a quantity has 36 places


async def book_waiting(runtime: Runtime, org_id: str) -> int:
    """As the follower does, what is due in its order, each in a unit of work of its own. How many they were."""
    rows = await Transaction.find({"org_id": org_id, "booking": Booking.DUE}).sort("+timestamp").to_list()
    for row in rows:
        category = Category.EXPENSE if row.movements[0].direction is Direction.OUT else Category.INCOME
        decision, movements = Decision(category=category, confidence=1, source=DecisionSource.RULE, explanation=""), tuple(row.movements)
        await book_valued(runtime.uow, runtime.clock, [Valued(row, decision, movements, tuple(changes_of(movements, category)), "UTC")])
    return len(rows)


async def left(org_id: str) -> list[tuple[int, int]]:
    """(quantity, cost) that is left of each lot, in the order in which they are taken."""
    lots = [lot_from_text(text) for pages in (await store.all_lot_pages(org_id)).values() for _, page in sorted(pages.items()) for text in page]
    return [(lot.left, lot.cost - lot.spent) for lot in lots]


async def in_the_end(work: Callable[[], Awaitable[int]]) -> None:
    """Until nothing is left to be done: what the dead process holds is let go by whoever sees that it is dead."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(PyMongoError):
                if not await work():
                    return


@pytest.mark.parametrize(
    ("step", "committed", "scope"),
    [("post_by_lots.taken", 0, LotScope.WALLET), ("post_by_lots.taken", 0, LotScope.UNIVERSAL), ("book_transaction.committed", 1, LotScope.WALLET)],
)
async def test_a_booking_that_is_killed_takes_its_lots_once(
    runtime: Runtime, make_config: ConfigMaker, tmp_path: Path, step: str, committed: int, scope: LotScope
) -> None:
    books = await desk(runtime, scope=scope)
    org_id = books.org_id
    await books.buy("main", "1", "1000")
    await books.buy("main", "1", "3000")
    before = await left(org_id)
    for _ in range(2):
        await books.due(Category.EXPENSE, books.coin("main", Direction.OUT, "0.75", "2000"))
    await killed_at(make_config(), tmp_path, step, "from tests.flows.test_lot_crashes import book_waiting", f"book_waiting(runtime, {org_id!r})")
    assert await JournalEntry.find({"org_id": org_id}).count() == 2 + committed
    assert await Transaction.find({"org_id": org_id, "booking": Booking.DUE}).count() == 2 - committed
    assert (await left(org_id) == before) is (not committed)

    await in_the_end(lambda: book_waiting(runtime, org_id))
    entries = await JournalEntry.find({"org_id": org_id}).sort("+date", "+_id").to_list()
    moved = [[line for line in lines_of(entry) if line[0] == "1100"] for entry in entries[2:]]
    costs = [(sum(amount for _, amount, _ in lines), sum(quantity for _, _, quantity in lines)) for lines in moved]
    assert costs == [(D(-750), D("-0.75")), (D(-1750), D("-0.75"))]  # of the first lot; the rest of it, and half of the second
    assert sum(quantity for quantity, _ in await left(org_id)) == ETHER // 2
    assert await books.settle() == 0
    await books.agrees()


@pytest.mark.parametrize(
    ("step", "corrected", "settled"),
    [("settle_lots.corrected", 1, False), ("settle_lots.before_commit", 1, False), ("settle_lots.committed", 1, True)],
)
async def test_a_settling_that_is_killed_is_taken_up_by_the_next(
    runtime: Runtime, make_config: ConfigMaker, tmp_path: Path, step: str, corrected: int, settled: bool
) -> None:
    books = await desk(runtime)
    org_id = books.org_id
    await books.buy("main", "1", "3000")
    await books.sell("main", "0.5", "2000")
    late = await books.buy("main", "1", "1000", at=START)  # before both: what was sold was of this
    assert late.uncosted
    before = await left(org_id)
    settling = ("from crypto_api.flows.settle_lots import settle_lots", f"settle_lots(runtime.uow, runtime.clock, {org_id!r})")
    await killed_at(make_config(), tmp_path, step, *settling)
    corrections = {"org_id": org_id, "source_kind": SourceKind.LOTS}
    assert await JournalEntry.find(corrections).count() == corrected
    marked = await JournalEntry.find({"org_id": org_id, "uncosted": True}).count()
    assert (marked == 0, await left(org_id) != before) == (settled, settled)

    await in_the_end(books.settle)
    (correction,) = await JournalEntry.find(corrections).to_list()
    assert [line for line in lines_of(correction) if line[0] == "1100"] == [("1100", D(1000), D(0))]  # 1,500 were booked, 500 it cost
    assert await left(org_id) == [(ETHER // 2, 500 * 10**8), (ETHER, 3000 * 10**8)]
    await books.agrees()
    assert not (await books.sell("main", "0.5", "2000")).uncosted, "from here on it goes by the lots again"
    await books.agrees()
