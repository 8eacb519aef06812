"""What an organisation may want to know of its own movements. Reads, changes nothing."""

import asyncio
from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.insights import rules, store
from crypto_api.insights.types import Insights, LongAhead, Loss, LotsState, Runway, TaxHints, Window
from crypto_api.kit.amounts import add_exactly, divide, multiply, to_functional, to_units
from crypto_api.ledger import store as ledger
from crypto_api.lots import store as lots
from crypto_api.lots.kept import lot_from_text
from crypto_api.lots.types import QUANTITY_PLACES, VALUE_PLACES, LotMethod
from crypto_api.organizations.documents import Organization
from crypto_api.prices.types import Pricing
from crypto_api.reports.overview import Valuation, valuation

DAYS, HISTORY_DAYS = 30, 365
AHEAD_DAYS = 60
AHEAD_SHOWN = 20
LOTS_MAX = 20_000


def window_of(now: datetime, days: int) -> Window:
    since = now - timedelta(days=days)
    return Window(since, now, min(now - timedelta(days=HISTORY_DAYS), since - timedelta(days=days)))


async def insights(organization: Organization, now: datetime, pricing: Pricing, days: int = DAYS) -> Insights:
    """Of the last `days`, compared with a year."""
    org_id, currency, window = organization.id, organization.functional_currency, window_of(now, days)
    zone = ZoneInfo(organization.time_zone)
    rows, cut = await store.moved_since(org_id, window.history_since, window.until)
    held = await valuation(org_id, currency, now, pricing)
    tax = await _tax_hints(org_id, now.astimezone(zone).date(), held)

    def reckoned() -> Insights:
        return Insights(
            as_of=now,
            window=window,
            currency=currency,
            cut=cut,
            spending=rules.spending(rows, window),
            parties=rules.parties(rows, window),
            gas=rules.gas(rows, window),
            runway=rules.runway(rows, window, _values(held)),
            unusual=rules.unusual(rows, window),
            tax=tax,
            months=rules.months(rows, window, zone),
        )

    return await asyncio.to_thread(reckoned)  # ten thousand rows take longer than a loop may stand still


async def runway_at(org_id: str, held: Valuation, now: datetime, days: int, rows_max: int = store.ROWS_MAX) -> Runway:
    """How long what is held lasts at the pace of the last `days`: as `insights` says, without the comparison with a year and the lots. Where more
    moved in them than `rows_max` transactions, it is the pace of the days that these are of: what is left out would count as never spent."""
    window = window_of(now, days)
    rows, cut = await store.moved_since(org_id, window.since, window.until, rows_max)
    if cut and rows:
        window = replace(window, since=rows[-1].at)
    return rules.runway(rows, window, _values(held))


def _values(held: Valuation) -> dict[str, tuple[Decimal | None, Decimal | None]]:
    """Value and rate by asset."""
    return {row.asset: (row.value, row.rate.rate if row.rate is not None else None) for row in held.positions}


# ---- lots ------------------------------------------------------------------------------------------------------------------------


async def _tax_hints(org_id: str, today: date, held: Valuation) -> TaxHints:
    """Of the lots as the books left them."""
    state = await lots.state(org_id)
    working = state is None or state.anew or await ledger.any_uncosted(org_id)
    pools = await lots.lot_pools(org_id)
    if sum(len(pool.pages) for pool in pools.values()) > LOTS_MAX // 32:
        return TaxHints(LotsState.TOO_MANY, [], [])
    rates = {row.asset: row.rate.rate for row in held.positions if row.rate is not None}
    losses: defaultdict[str, list[tuple[Decimal, Decimal, Decimal]]] = defaultdict(list)
    ahead: list[LongAhead] = []
    for key, pages in (await lots.all_lot_pages(org_id)).items():
        pool = pools.get(key)
        if pool is None:
            continue
        asset, rate = key.rpartition("|")[2], rates.get(key.rpartition("|")[2])
        average = divide(Decimal(pool.cost), Decimal(pool.quantity)) if pool.method is LotMethod.AVERAGE and pool.quantity > 0 else None
        for lot in (lot_from_text(one) for page in pages.values() for one in page):
            if lot.left <= 0:
                continue
            quantity = to_units(lot.left, QUANTITY_PLACES)
            raw_cost = multiply(average, Decimal(lot.left)) if average is not None else Decimal(lot.cost_left)
            cost = to_functional(raw_cost.scaleb(-VALUE_PLACES)) if average is not None else to_units(lot.cost_left, VALUE_PLACES)
            value = to_functional(multiply(quantity, rate)) if rate is not None else None
            gain = add_exactly([value, cost.copy_negate()]) if value is not None and lot.known else None
            if gain is not None and gain < 0 and value is not None:
                losses[asset].append((quantity, cost, value))
            if today.toordinal() < lot.long_from <= today.toordinal() + AHEAD_DAYS:
                ahead.append(LongAhead(asset, quantity, date.fromordinal(lot.day), date.fromordinal(lot.long_from), gain))
    ahead.sort(key=lambda one: (one.long_from, one.asset, one.quantity))
    found = sorted((_loss(asset, some) for asset, some in losses.items()), key=lambda one: (one.loss, one.asset))
    return TaxHints(LotsState.WORKING if working else LotsState.SETTLED, found, ahead[:AHEAD_SHOWN])


def _loss(asset: str, some: list[tuple[Decimal, Decimal, Decimal]]) -> Loss:
    quantity, cost, value = (add_exactly(list(parts)) for parts in zip(*some, strict=True))
    return Loss(asset, quantity, cost, value, add_exactly([value, cost.copy_negate()]), len(some))
