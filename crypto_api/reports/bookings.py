"""Entries as a history needs them: when each counts from, and what it moved. Thousands at once, so that only those fields are read, and no document
is made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128

from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.store import day_as_stored
from crypto_api.ledger.types import EntryStatus, SourceKind
from crypto_api.transactions.documents import Transaction
from mongodb_config import pages

ENTRIES_MAX = 20_000  # a longer period is cut at its older end, and the history says so
_IDS_AT_ONCE = 2_000
_FIELDS = {
    "transaction_id": 1,
    "source_kind": 1,
    "posted_at": 1,
    "created_at": 1,
    "lines.account_code": 1,
    "lines.asset": 1,
    "lines.quantity": 1,
    "lines.wallet_id": 1,
}
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Moved:
    """One line of an asset."""

    account_code: str
    asset: str
    quantity: Decimal
    wallet_id: str | None


@dataclass(frozen=True, slots=True)
class Booking:
    """An entry: its transaction's time on chain; for openings, reversals and entries by hand, when it was posted."""

    at: datetime
    moved: tuple[Moved, ...]


def standing(org_id: str) -> dict[str, Any]:
    """What stands in the books as they are known now. A reversed entry and its mirror are left out together: between the moment of the one and the
    posting of the other, which may be months, the quantity would stand there twice."""
    return {"org_id": org_id, "status": EntryStatus.POSTED, "reverses": None}


async def bookings_since(org_id: str, day: date, where: Row | None = None) -> list[Booking]:
    """Those dated that day or later, latest date first: one more than ENTRIES_MAX where there are more."""
    query = {**standing(org_id), **(where or {}), "date": pages.not_before(day_as_stored(day))}
    found = JournalEntry.get_pymongo_collection().find(query, _FIELDS).sort([("date", -1), ("_id", -1)]).limit(ENTRIES_MAX + 1)
    return await _bookings(org_id, await found.to_list())


async def oldest_booking(org_id: str, where: Row | None = None) -> Booking | None:
    query = {**standing(org_id), **(where or {})}
    found = JournalEntry.get_pymongo_collection().find(query, _FIELDS).sort([("date", 1), ("_id", 1)]).limit(1)
    rows = await _bookings(org_id, await found.to_list())
    return rows[0] if rows else None


async def _bookings(org_id: str, rows: Sequence[Row]) -> list[Booking]:
    wanted = sorted({row["transaction_id"] for row in rows if row.get("transaction_id") and row["source_kind"] == SourceKind.TRANSACTION})
    on_chain: dict[str, datetime] = {}
    for start in range(0, len(wanted), _IDS_AT_ONCE):
        query = {"org_id": org_id, "_id": {"$in": wanted[start : start + _IDS_AT_ONCE]}}
        on_chain |= {row["_id"]: row["timestamp"] async for row in Transaction.get_pymongo_collection().find(query, {"timestamp": 1})}
    return [_booking(row, on_chain) for row in rows]


def _booking(row: Row, on_chain: Mapping[str, datetime]) -> Booking:
    of_source = on_chain.get(row.get("transaction_id") or "") if row["source_kind"] == SourceKind.TRANSACTION else None
    moved = tuple(
        Moved(line["account_code"], line["asset"], _decimal(line["quantity"]), line.get("wallet_id"))
        for line in row["lines"]
        if line.get("asset") is not None and line.get("quantity") is not None
    )
    return Booking(of_source or row.get("posted_at") or row["created_at"], moved)


def _decimal(value: Decimal128 | Decimal) -> Decimal:
    return value.to_decimal() if isinstance(value, Decimal128) else value
