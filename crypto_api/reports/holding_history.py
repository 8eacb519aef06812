"""What one wallet held of one asset over time, from its books: today's quantity walked back through the entries. Nothing is guessed: before the first
booking there is no point."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from beanie import SortDirection

from crypto_api.kit.amounts import add_exactly
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.store import day_as_stored
from crypto_api.ledger.types import AccountCode
from crypto_api.reports.value_history import ENTRIES_MAX, moments_of, posted
from mongodb_config import pages


@dataclass(frozen=True, slots=True)
class HoldingPoint:
    at: datetime
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class HoldingHistory:
    points: list[HoldingPoint]  # evenly spaced, oldest first
    cut: bool  # older bookings exist than were read


async def booked_assets(org_id: str, wallet_id: str) -> dict[str, Decimal]:
    """Every asset that the books of a wallet hold or held, with what they hold now."""
    return {asset: quantity for (wallet, asset), (quantity, _) in sorted((await ledger.holdings(org_id)).items()) if wallet == wallet_id}


async def holding_history(org_id: str, wallet_id: str, asset: str, since: datetime, now: datetime, *, points: int = 120) -> HoldingHistory:
    of_asset = {"lines": {"$elemMatch": {"wallet_id": wallet_id, "asset": asset, "account_code": AccountCode.CRYPTO}}}
    first = await JournalEntry.find(
        {**posted(org_id), **of_asset}, sort=[("date", SortDirection.ASCENDING), ("_id", SortDirection.ASCENDING)], limit=1
    ).to_list()
    if not first:
        return HoldingHistory([], cut=False)
    entries = await JournalEntry.find(
        {**posted(org_id), **of_asset, "date": pages.not_before(day_as_stored(since.date() - timedelta(days=1)))},
        sort=[("date", SortDirection.DESCENDING), ("_id", SortDirection.DESCENDING)],
        limit=ENTRIES_MAX + 1,
    ).to_list()
    moments = await moments_of(org_id, [*entries, *first])
    cut = len(entries) > ENTRIES_MAX
    begin = max(since, moments[entries[-1].id]) if cut else max(since, moments[first[0].id])
    changes = sorted(((moments[entry.id], _change(entry, wallet_id, asset)) for entry in entries), key=lambda change: change[0], reverse=True)
    held = (await booked_assets(org_id, wallet_id)).get(asset, Decimal(0))
    begin = min(begin, now)
    times = [begin + (now - begin) * step / (points - 1) for step in range(points)]
    return HoldingHistory(_walk_back(times, held, changes), cut)


def _change(entry: JournalEntry, wallet_id: str, asset: str) -> Decimal:
    of_wallet = [line for line in entry.lines if line.wallet_id == wallet_id and line.asset == asset and line.account_code == AccountCode.CRYPTO]
    return add_exactly([line.quantity for line in of_wallet if line.quantity is not None])


def _walk_back(times: Sequence[datetime], held: Decimal, changes: Sequence[tuple[datetime, Decimal]]) -> list[HoldingPoint]:
    """`changes` latest first."""
    found, position = [], 0
    for at in reversed(times):
        while position < len(changes) and changes[position][0] > at:
            held = add_exactly([held, changes[position][1].copy_negate()])
            position += 1
        found.append(HoldingPoint(at, held))
    return found[::-1]
