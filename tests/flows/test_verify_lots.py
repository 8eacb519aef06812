"""Lots are verified along the seals, some links at a time, as of one moment: to the same as all entries at once, and whatever happens meanwhile."""

from typing import Any

import pytest

from crypto_api.flows.seal_entries import seal_entries
from crypto_api.flows.verify_lots import LotsVerified, verify_lots
from crypto_api.ledger import seal_store
from crypto_api.ledger import service as ledger
from crypto_api.ledger.documents import AccountBalance, JournalEntry
from crypto_api.lots.documents import LotCheckpoint
from crypto_api.reports import sealed_lot_events
from crypto_api.reports.lot_events import read_lot_events
from crypto_api.reports.sealed_lot_events import SealedLotEvents
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from tests.flows.test_post_by_lots import NOW, Desk, desk


async def seal_all(books: Desk) -> None:
    while await seal_entries(books.uow, books.clock):
        pass


async def take_back(books: Desk, entry: JournalEntry) -> None:
    await books.uow.run(lambda session: ledger.reverse(session, books.org_id, entry.id, NOW, "wrong"))


async def a_history(books: Desk) -> list[JournalEntry]:
    """Over three months, some of it taken back, some of it waiting for a seal."""
    entries = [await books.buy("main", "2", "1000"), await books.buy("side", "1", None), await books.sell("main", "0.5", "700")]
    books.at = books.at.replace(month=4)
    entries += [await books.buy("main", "1", "3000"), await books.sell("main", "1.75", "4000")]
    await take_back(books, entries[2])
    await seal_all(books)
    books.at = books.at.replace(month=5)
    entries += [await books.buy("side", "4", "900"), await books.sell("side", "0.1", "50")]
    await take_back(books, entries[5])
    await books.settle()
    return entries


@pytest.mark.parametrize("batch", [1, 2, 500])
async def test_the_seals_tell_what_all_entries_do(runtime: Runtime, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(sealed_lot_events, "_BATCH", batch)
    monkeypatch.setattr("crypto_api.kit.external_sort.ROWS_IN_MEMORY", batch)
    books = await desk(runtime)
    await a_history(books)
    waiting = [entry async for some in seal_store.every_waiting(books.org_id, batch) for entry in some]
    head = await seal_store.head(books.org_id)
    assert head.seq == 6 and len(waiting) >= 3
    with SealedLotEvents(books.org_id, "UTC") as events:
        await events.read(head.seq, waiting)
        found = list(events)
    assert found == (await read_lot_events(books.org_id, "UTC")).events and len(found) == 5


async def test_a_history_of_some_months_is_in_order_and_each_change_of_it_is_found(runtime: Runtime) -> None:
    books = await desk(runtime)
    await a_history(books)
    await seal_all(books)
    found = await verify_lots(books.uow, books.org_id)
    assert found == LotsVerified(events=5, lots=3, checkpoints=2)
    rows = LotCheckpoint.get_pymongo_collection()
    kept = await rows.find_one({"org_id": books.org_id, "_id": f"{books.org_id}:2026-04-01"})
    assert kept is not None
    await rows.update_one({"_id": kept["_id"]}, {"$set": {"held": []}})
    found = await verify_lots(books.uow, books.org_id)
    assert found.failure is not None and found.failure.subject == "2026-04-01" and "meanwhile" not in found.failure.detail
    await rows.replace_one({"_id": kept["_id"]}, kept)
    place = f"1100|{books.treasury.wallets['main'].id}|ETH"
    balances = AccountBalance.get_pymongo_collection()
    row = await balances.find_one({"_id": f"{books.org_id}|{place}"})
    assert row is not None
    await balances.update_one({"_id": row["_id"]}, [{"$set": {"quantity": {"$add": ["$quantity", 1]}}}])
    found = await verify_lots(books.uow, books.org_id)
    assert found.failure is not None and (found.failure.subject, found.failure.expected, found.failure.found) == (place, "1.25", "2.25")


async def test_what_is_posted_and_taken_back_meanwhile_is_not_looked_at(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the moment that is looked at and the reading of the seals, everything goes on, and is sealed."""
    books, happens = await desk(runtime), []
    entries = await a_history(books)
    read = SealedLotEvents.read

    async def meanwhile(self: SealedLotEvents, *arguments: Any) -> None:
        happens.append(await books.buy("main", "1", "10"))
        await books.sell("side", "0.3", "11")
        await take_back(books, happens[-1])
        await take_back(books, entries[0])
        await seal_all(books)
        await read(self, *arguments)

    monkeypatch.setattr(SealedLotEvents, "read", meanwhile)
    found = await verify_lots(books.uow, books.org_id)
    assert found == LotsVerified(events=5, lots=3, checkpoints=2) and len(happens) == 1
    monkeypatch.undo()
    await books.settle()
    await books.agrees()


async def test_what_a_transaction_no_longer_says_is_no_fault_of_the_books(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block is taken back between the moment that is looked at and the reading: the row tells of another block, and its booking waits."""
    books = await desk(runtime)
    first = await books.buy("main", "1", "1000")
    await books.buy("main", "1", "2000")
    await books.settle()
    rows, read, looked = Transaction.get_pymongo_collection(), SealedLotEvents.read, list[int]()
    row = await rows.find_one({"_id": first.transaction_id, "org_id": books.org_id})
    assert row is not None
    lasts = 1  # looks, while it is taken back

    async def meanwhile(self: SealedLotEvents, *arguments: Any) -> None:
        looked.append(1)
        away = len(looked) <= lasts
        changes = {"booking": "due", "timestamp": NOW} if away else {name: row[name] for name in ("booking", "timestamp")}
        await rows.update_one({"_id": row["_id"], "org_id": books.org_id}, {"$set": changes})
        await read(self, *arguments)

    monkeypatch.setattr(SealedLotEvents, "read", meanwhile)
    assert (await verify_lots(books.uow, books.org_id)).failure is None and len(looked) == 2, "looked again, and then it was over"
    looked.clear()
    lasts = 99
    found = await verify_lots(books.uow, books.org_id)
    assert len(looked) == 3 and found.failure is not None and "transactions wait to be booked" in found.failure.detail
