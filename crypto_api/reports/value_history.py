"""Value over time, from bookings: quantities walked back from today's balances through the entries, valued at the rate known at each moment.

Nothing is guessed: before its first rate an asset has no value and the point names it as unpriced; before the first booking there is no point.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from crypto_api.kit.amounts import add_exactly, multiply
from crypto_api.prices import service as prices
from crypto_api.prices.types import Pricing, Quote
from crypto_api.reports.bookings import ENTRIES_MAX, Booking, bookings_since, oldest_booking
from crypto_api.reports.overview import HOLDING_ACCOUNTS, holdings


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
    oldest = await oldest_booking(org_id)
    return oldest.at if oldest is not None else None


async def value_history(org_id: str, quote: str, since: datetime, now: datetime, pricing: Pricing, *, points: int = 120) -> ValueHistory:
    bookings = await bookings_since(org_id, since.date() - timedelta(days=1))
    cut = len(bookings) > ENTRIES_MAX
    if cut:
        since = max(since, bookings[-1].at)
    changes = sorted(_changes(bookings), key=lambda change: change.at, reverse=True)
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


def _changes(bookings: Sequence[Booking]) -> list[_Change]:
    return [_Change(each.at, row.asset, row.quantity) for each in bookings for row in each.moved if row.account_code in HOLDING_ACCOUNTS]


async def _held_now(org_id: str) -> dict[str, Decimal]:
    held: dict[str, Decimal] = defaultdict(Decimal)
    for holding in await holdings(org_id):
        held[holding.asset] = add_exactly([held[holding.asset], holding.quantity])
    return held
