"""Every query of the reader."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128

from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.clock import earlier
from crypto_api.kit.paging import Page, PageRequest
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.store import day_as_stored
from crypto_api.ledger.types import HOLDING_ACCOUNTS, EntryStatus, SourceKind
from crypto_api.transactions.documents import Transaction
from mongodb_config import pages

ENTRIES_MAX = 50_000
_AT_ONCE = 2_000
_SHOWN = {
    "date": 1,
    "unpriced": 1,
    "source_kind": 1,
    "transaction_id": 1,
    "posted_at": 1,
    "lines": 1,  # whole: to choose within them is more work for the embedded database than to send them
}


@dataclass(frozen=True, slots=True)
class BookedLine:
    account_code: str
    asset: str | None
    quantity: Decimal
    amount: Decimal  # debit - credit
    wallet_id: str | None

    @property
    def holds(self) -> bool:
        return self.account_code in HOLDING_ACCOUNTS and self.asset is not None


@dataclass(frozen=True, slots=True)
class Booked:
    """An entry that stands, at the moment that it is for."""

    at: datetime
    lines: tuple[BookedLine, ...]
    unpriced: bool


def standing(org_id: str) -> dict[str, Any]:
    """What stands in the books as they are known now. A reversed entry and its mirror are left out together: neither happened, whenever the mirror
    was posted."""
    return {"org_id": org_id, "status": EntryStatus.POSTED, "reverses": None}


async def booked_since(org_id: str, since: datetime) -> tuple[list[Booked], bool]:
    """Entries for moments after `since`, oldest first; and whether older ones of them were left out, beyond `ENTRIES_MAX`."""
    query = {**standing(org_id), "date": pages.not_before(day_as_stored(earlier(since, timedelta(days=1)).date()))}
    found = JournalEntry.get_pymongo_collection().find(query, _SHOWN).sort([("date", -1), ("_id", -1)]).limit(ENTRIES_MAX + 1).batch_size(_AT_ONCE)
    rows = [row async for row in found]
    cut = len(rows) > ENTRIES_MAX
    rows = rows[:ENTRIES_MAX]
    on_chain = await _times(org_id, [row["transaction_id"] for row in rows if row["source_kind"] == SourceKind.TRANSACTION and row["transaction_id"]])
    booked = sorted((_booked(row, on_chain.get(row["transaction_id"])) for row in rows), key=lambda entry: entry.at)
    return [entry for entry in booked if entry.at > since], cut


async def first_moment(org_id: str) -> datetime | None:
    """When the books begin."""
    query = standing(org_id)
    rows = [row async for row in JournalEntry.get_pymongo_collection().find(query, _SHOWN).sort([("date", 1), ("_id", 1)]).limit(1)]
    if not rows:
        return None
    times = await _times(org_id, [rows[0]["transaction_id"]] if rows[0]["transaction_id"] else [])
    return _booked(rows[0], times.get(rows[0]["transaction_id"])).at


async def without_cost(org_id: str) -> set[str]:
    """Assets that an entry which stands without a price or a cost moved."""
    query = {**standing(org_id), "unpriced": True}
    found: set[str] = set()
    async for row in JournalEntry.get_pymongo_collection().find(query, {"lines.account_code": 1, "lines.asset": 1}):
        found |= {line["asset"] for line in row["lines"] if line["account_code"] in HOLDING_ACCOUNTS and line["asset"]}
    return found


async def page_of_movements(org_id: str, asset: str, wallet_id: str | None, request: PageRequest) -> Page[JournalEntry]:
    """The entries that stand and moved an asset into, out of or between what is held."""
    line: dict[str, Any] = {"asset": asset, "account_code": {"$in": sorted(HOLDING_ACCOUNTS)}}
    if wallet_id is not None:
        line["wallet_id"] = wallet_id
    query = {"$and": [standing(org_id), {"lines": {"$elemMatch": line}, "lines.account_code": {"$in": sorted(HOLDING_ACCOUNTS)}}]}
    rows = await pages.fetch(JournalEntry, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    more = len(rows) > request.limit
    rows = rows[: request.limit]
    cursor = request.cursor_after(day_as_stored(rows[-1].date) if request.sort == "date" else rows[-1].id, rows[-1].id) if more else None
    return Page(rows, cursor, await JournalEntry.find(query).count() if request.count else None)


async def _times(org_id: str, transaction_ids: Sequence[str]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for start in range(0, len(transaction_ids), _AT_ONCE):
        query = {"org_id": org_id, "_id": {"$in": list(transaction_ids[start : start + _AT_ONCE])}}
        async for row in Transaction.get_pymongo_collection().find(query, {"timestamp": 1}).batch_size(_AT_ONCE):
            found[row["_id"]] = row["timestamp"]
    return found


def _booked(row: dict[str, Any], on_chain: datetime | None) -> Booked:
    """At its transaction's time; else when it was posted, if that was the day it is for; else at noon of that day."""
    posted: datetime | None = row["posted_at"]
    noon = datetime.combine(row["date"].date(), time(12), UTC)
    at = on_chain or (posted if posted is not None and posted.date() == row["date"].date() else noon)
    return Booked(at, tuple(_line(line) for line in row["lines"]), row["unpriced"])


def _line(line: dict[str, Any]) -> BookedLine:
    amount = add_exactly([_decimal(line["debit"]), _decimal(line["credit"]).copy_negate()])
    return BookedLine(line["account_code"], line["asset"], _decimal(line["quantity"]), amount, line["wallet_id"])


def _decimal(value: Decimal128 | None) -> Decimal:
    return value.to_decimal() if value is not None else Decimal(0)
