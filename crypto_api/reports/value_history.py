"""Value over time, from bookings: quantities walked back from today's balances through the entries, valued at the rate known at each moment.

Nothing is guessed: before its first rate an asset has no value and the point names it as unpriced; before the first booking there is no point.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from beanie import SortDirection

from crypto_api.kit.amounts import add_exactly, multiply
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.store import day_as_stored
from crypto_api.ledger.types import EntryStatus, SourceKind
from crypto_api.prices import service as prices
from crypto_api.prices.types import Pricing, Quote
from crypto_api.reports.overview import HOLDING_ACCOUNTS, holdings
from crypto_api.transactions.documents import Transaction
from mongodb_config import pages

ENTRIES_MAX = 20_000  # a longer period is cut at its older end, and the history says so


@dataclass(frozen=True, slots=True)
class ValuePoint:
    at: datetime
    value: Decimal
    unpriced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ValueHistory:
    points: list[ValuePoint]
    since: datetime
    cut: bool  # older bookings exist than were read


@dataclass(frozen=True, slots=True)
class _Change:
    at: datetime
    asset: str
    quantity: Decimal


async def first_booking_at(org_id: str) -> datetime | None:
    """When the books begin: the time of the oldest entry."""
    oldest = await JournalEntry.find(posted(org_id), sort=[("date", SortDirection.ASCENDING), ("_id", SortDirection.ASCENDING)], limit=1).to_list()
    if not oldest:
        return None
    return (await moments_of(org_id, oldest))[oldest[0].id]


async def value_history(org_id: str, quote: str, since: datetime, now: datetime, pricing: Pricing, *, points: int = 120) -> ValueHistory:
    entries = await JournalEntry.find(
        {**posted(org_id), "date": pages.not_before(day_as_stored(since.date() - timedelta(days=1)))},
        sort=[("date", SortDirection.DESCENDING), ("_id", SortDirection.DESCENDING)],
        limit=ENTRIES_MAX + 1,
    ).to_list()
    moments = await moments_of(org_id, entries)
    cut = len(entries) > ENTRIES_MAX
    if cut:
        since = max(since, moments[entries[-1].id])
    changes = sorted(_changes(entries, moments), key=lambda change: change.at, reverse=True)
    held = await _held_now(org_id)
    begin = await first_booking_at(org_id)
    if begin is None:
        return ValueHistory([], since, cut)
    since = min(max(since, begin), now)
    times = [since + (now - since) * step / (points - 1) for step in range(points)]
    rates = await prices.kept_series(org_id, set(held) | {change.asset for change in changes}, quote, times, pricing)
    return ValueHistory(_walk_back(times, held, changes, rates), since, cut)


def _walk_back(
    times: Sequence[datetime], held: dict[str, Decimal], changes: Sequence[_Change], rates: Sequence[Mapping[str, Quote]]
) -> list[ValuePoint]:
    found, position = [], 0
    for at, known in zip(reversed(times), reversed(rates), strict=True):
        while position < len(changes) and changes[position].at > at:
            change = changes[position]
            held[change.asset] = add_exactly([held.get(change.asset, Decimal(0)), change.quantity.copy_negate()])
            position += 1
        found.append(_valued(at, held, known))
    return found[::-1]


def _valued(at: datetime, held: Mapping[str, Decimal], rates: Mapping[str, Quote]) -> ValuePoint:
    there = {asset: quantity for asset, quantity in held.items() if quantity != 0}
    total = add_exactly([multiply(quantity, rates[asset].rate) for asset, quantity in there.items() if asset in rates])
    return ValuePoint(at, total, tuple(sorted(there.keys() - rates.keys())))


def posted(org_id: str) -> dict[str, Any]:
    """What stands in the books as they are known now. A reversed entry and its mirror are left out together: between the moment of the one and the
    posting of the other, which may be months, the quantity would stand there twice."""
    return {"org_id": org_id, "status": EntryStatus.POSTED, "reverses": None}


async def moments_of(org_id: str, entries: Sequence[JournalEntry]) -> dict[str, datetime]:
    """When each entry counts from: its transaction's time on chain; for openings, reversals and entries by hand, when it was posted."""
    wanted = [entry.transaction_id for entry in entries if entry.transaction_id and entry.source_kind is SourceKind.TRANSACTION]
    rows = Transaction.get_pymongo_collection().find({"org_id": org_id, "_id": {"$in": wanted}}, {"timestamp": 1})
    on_chain = {row["_id"]: row["timestamp"] async for row in rows}
    moments = {}
    for entry in entries:
        posted = entry.posted_at or entry.created_at
        of_source = on_chain.get(entry.transaction_id) if entry.source_kind is SourceKind.TRANSACTION else None
        moments[entry.id] = of_source or posted
    return moments


def _changes(entries: Sequence[JournalEntry], moments: dict[str, datetime]) -> list[_Change]:
    return [
        _Change(moments[entry.id], line.asset, line.quantity)
        for entry in entries
        for line in entry.lines
        if line.account_code in HOLDING_ACCOUNTS and line.asset is not None and line.quantity is not None
    ]


async def _held_now(org_id: str) -> dict[str, Decimal]:
    held: dict[str, Decimal] = defaultdict(Decimal)
    for holding in await holdings(org_id):
        held[holding.asset] = add_exactly([held[holding.asset], holding.quantity])
    return held
