"""Value over time, from the books: quantities walked back from today's balances, valued at the rate known at each moment.

For some days through the entries, each at its moment; for longer at the ends of days through what each day changed, which the books keep as a sum of
each asset: so that a year costs the same however much moved in it.

Nothing is guessed: before its first rate an asset has no value and the point names it as unpriced; before the first booking there is no point.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.kit.amounts import add_exactly, multiply
from crypto_api.kit.clock import to_milliseconds
from crypto_api.ledger import day_store, seal_store
from crypto_api.ledger.types import HOLDING_ACCOUNTS
from crypto_api.prices import service as prices
from crypto_api.prices.types import Pricing, Quote
from crypto_api.reports.bookings import ENTRIES_MAX, Booking, bookings_since, oldest_booking
from crypto_api.reports.overview import holdings
from mongodb_config.unit_of_work import Session, UnitOfWork


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


DAYS_SHOWN_MAX = 125
"""Points of a line by days; of a longer time every second day is shown, or every third, and so on."""


async def value_by_day(uow: UnitOfWork, org_id: str, quote: str, days: int, now: datetime, time_zone: str, pricing: Pricing) -> ValueHistory:
    """At midnight of the organisation's zone, and now: what the books held at the end of the day before, whenever that was known."""
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone).date()

    async def read(session: Session) -> tuple[date | None, dict[str, Decimal], dict[date, dict[str, Decimal]]]:
        first = await day_store.first_day(org_id, session)
        since = today - timedelta(days=days)
        return first, await _held_now(org_id, session), await seal_store.held_changes(session, org_id, since)

    first, held, changed = await uow.run(read)
    if first is None:
        return ValueHistory([], now, False)
    shown = [today - timedelta(days=back) for back in range(0, min(days, max((today - first).days, 0)) + 1, -(-(days + 1) // DAYS_SHOWN_MAX))]
    times = [to_milliseconds(datetime.combine(day, time(), zone)) for day in reversed(shown)] + [now]
    rates = await prices.kept_series(org_id, set(held) | {asset for assets in changed.values() for asset in assets}, quote, times, pricing)
    found, left = [_valued(now, held, rates[-1])], sorted(changed, reverse=True)
    for day, at, known in zip(shown, reversed(times[:-1]), reversed(rates[:-1]), strict=True):
        while left and left[0] >= day:
            for asset, quantity in changed[left.pop(0)].items():
                held[asset] = add_exactly([held.get(asset, Decimal(0)), quantity.copy_negate()])
        found.append(_valued(at, held, known))
    return ValueHistory(found[::-1], times[0], False)


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


async def _held_now(org_id: str, session: Session | None = None) -> dict[str, Decimal]:
    held: dict[str, Decimal] = defaultdict(Decimal)
    for holding in await holdings(org_id, session):
        held[holding.asset] = add_exactly([held[holding.asset], holding.quantity])
    return held
