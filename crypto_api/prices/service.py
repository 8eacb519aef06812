"""What an asset was worth. A price is a fact with a source and a time, or it is None: never zero, never older than its source allows."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from crypto_api.audit import service as audit
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ids import next_id
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.price_settings import PriceSettings
from crypto_api.prices import store
from crypto_api.prices.documents import ManualPrice
from crypto_api.prices.kept import Kept, KeptNow, KeptOnce, KeptSeries
from crypto_api.prices.lookup import look_up
from crypto_api.prices.types import Moment, PriceSources, Pricing, Quote, Sought
from mongodb_config.unit_of_work import Session


async def rate_at(org_id: str, asset: str, quote: str, moment: Moment, sources: PriceSources, now: datetime) -> Quote | None:
    """The price of one `asset` in `quote` at a block, for what is booked. What is asked in vain is noted with what was tried."""
    blocks = {moment.network.slug: moment} if moment.block_hash else {}  # what was imported stands in no block
    sought = Sought(org_id, moment.at, Pricing.of([moment.network], sources.settings), blocks, booking=True)
    found = await look_up(sought, asset, quote, sources, now)
    if found.quote is None:
        await store.note_gap(org_id, asset, quote, moment.at, found.tried, now)
    return found.quote


async def past_rate(org_id: str, asset: str, quote: str, network: NetworkConfig, at: datetime, settings: PriceSettings | None = None) -> Quote | None:
    """The price at a time whose block is not at hand, from what is kept. Where that tells none, whoever may ask outside is to do so at once."""
    found = await look_up(Sought(org_id, at, Pricing.of([network], settings)), asset, quote, None, at)
    if found.quote is None:
        await store.note_gap(org_id, asset, quote, at, found.tried, at)
    return found.quote


async def kept_rates(org_id: str, assets: Iterable[str], quote: str, at: datetime, pricing: Pricing) -> dict[str, Quote]:
    """By asset, of those that have one, from what is kept: a page asks nobody."""
    return (await kept_series(org_id, assets, quote, [at], pricing, kept=KeptOnce()))[0]


async def kept_series(
    org_id: str,
    assets: Iterable[str],
    quote: str,
    times: Sequence[datetime],
    pricing: Pricing,
    *,
    age_max_s: int | None = None,
    kept: Kept | None = None,
) -> list[dict[str, Quote]]:
    """The same for each of many times. `age_max_s` widens what is kept to a value at the end of a day, whatever its source says."""
    book = kept or (KeptSeries(times) if times else KeptNow())
    wanted, rows = sorted(set(assets)), []
    for at in times:
        sought = Sought(org_id, at, pricing, age_max_s=age_max_s)
        found = {asset: (await look_up(sought, asset, quote, None, at, book)).quote for asset in wanted}
        rows.append({asset: told for asset, told in found.items() if told is not None})
    return rows


async def set_manual(
    session: Session, org_id: str, *, asset: str, quote: str, at: datetime, rate: Decimal, reason: str, user_id: str, now: datetime
) -> ManualPrice:
    """In force from `at` until another takes over. Both stay: what was booked on the first names it."""
    if rate <= 0:
        raise InvalidInput.of("rate", "must be more than zero", "not_positive")
    row = ManualPrice(id=next_id("prc"), created_at=now, org_id=org_id, asset=asset, quote=quote, at=at, rate=rate, set_by=user_id, reason=reason)
    await store.insert_manual(session, row)
    await store.ask_again(session, org_id, asset, at)
    told = {"asset": asset, "quote": quote, "at": at, "rate": rate, "reason": reason}
    await audit.record(
        session, org_id, "exchange_rate.entered", f"1 {asset} is {text(rate)} {quote}.", now, subject=("exchange_rate", row.id), after=told
    )
    return row
