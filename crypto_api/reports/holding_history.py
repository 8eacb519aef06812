"""What one wallet held of one asset over time, from its books: today's quantity walked back through the entries. Nothing is guessed: before the first
booking there is no point."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from crypto_api.kit.amounts import add_exactly
from crypto_api.ledger import store as ledger
from crypto_api.ledger.types import AccountCode
from crypto_api.reports.bookings import ENTRIES_MAX, Booking, bookings_since, oldest_booking


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
    first = await oldest_booking(org_id, of_asset)
    if first is None:
        return HoldingHistory([], cut=False)
    bookings = await bookings_since(org_id, since.date() - timedelta(days=1), of_asset)
    cut = len(bookings) > ENTRIES_MAX
    begin = max(since, bookings[-1].at if cut else first.at)
    changes = sorted(((each.at, _change(each, wallet_id, asset)) for each in bookings), key=lambda change: change[0], reverse=True)
    held = (await booked_assets(org_id, wallet_id)).get(asset, Decimal(0))
    begin = min(begin, now)
    times = [begin + (now - begin) * step / (points - 1) for step in range(points)]
    return HoldingHistory(_walk_back(times, held, changes), cut)


def _change(booking: Booking, wallet_id: str, asset: str) -> Decimal:
    here = (wallet_id, asset, AccountCode.CRYPTO)
    return add_exactly([row.quantity for row in booking.moved if (row.wallet_id, row.asset, row.account_code) == here])


def _walk_back(times: Sequence[datetime], held: Decimal, changes: Sequence[tuple[datetime, Decimal]]) -> list[HoldingPoint]:
    """`changes` latest first."""
    found, position = [], 0
    for at in reversed(times):
        while position < len(changes) and changes[position][0] > at:
            held = add_exactly([held, changes[position][1].copy_negate()])
            position += 1
        found.append(HoldingPoint(at, held))
    return found[::-1]
