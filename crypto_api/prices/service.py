"""What an asset was worth. A price is a fact with a source and a time, or it is None: never zero, never older than its source allows."""

from datetime import datetime, timedelta
from decimal import Decimal

from crypto_api.audit import service as audit
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ids import new_id
from crypto_api.kit.networks import NetworkConfig, PriceFeed
from crypto_api.prices import rules, store
from crypto_api.prices.documents import ManualPrice, OraclePrice
from crypto_api.prices.types import FeedReader, Moment, PriceSource, Quote
from mongodb_config.unit_of_work import Session


async def rate_at(org_id: str, asset: str, quote: str, moment: Moment, feeds: FeedReader, now: datetime) -> Quote | None:
    """The price of one `asset` in `quote`: by hand before the network's feeds, directly or through the currency that a feed quotes in."""
    priced = rules.priced_as(asset, moment.network)
    if (known := await manual_rate(org_id, asset, quote, moment.at) or await manual_rate(org_id, priced, quote, moment.at)) is not None:
        return known
    for feed in rules.feeds_of(moment.network, priced):
        answered = await _read(feed, moment, feeds, now)
        if answered is None:
            continue
        onward = await _currency(org_id, feed.quote, quote, moment, feeds, now)
        if onward is not None:
            return answered if onward.source is PriceSource.IDENTITY else rules.chain(answered, onward)
    return None


async def manual_rate(org_id: str, asset: str, quote: str, at: datetime) -> Quote | None:
    """What a person entered, in force at that time; 1 for a currency in itself."""
    if asset == quote:
        return Quote(Decimal(1), PriceSource.IDENTITY, at)
    manual = await store.manual_at(org_id, asset, quote, at)
    return Quote(manual.rate, PriceSource.MANUAL, manual.at) if manual is not None else None


async def past_rate(org_id: str, asset: str, quote: str, network: NetworkConfig, at: datetime) -> Quote | None:
    """The price at a time whose block is not at hand: by hand, or what a feed was last read to say, as fresh as the feed has to be."""
    priced = rules.priced_as(asset, network)
    if (known := await manual_rate(org_id, asset, quote, at) or await manual_rate(org_id, priced, quote, at)) is not None:
        return known
    for feed in rules.feeds_of(network, priced):
        kept = await store.kept_oracle(feed.address, at)
        if kept is None or at - kept.updated_at > timedelta(seconds=feed.age_max_s):
            continue
        found = Quote(kept.rate, PriceSource.ORACLE, kept.updated_at)
        if (onward := await manual_rate(org_id, feed.quote, quote, at)) is not None:
            return found if onward.source is PriceSource.IDENTITY else rules.chain(found, onward)
    return None


async def set_manual(
    session: Session, org_id: str, *, asset: str, quote: str, at: datetime, rate: Decimal, reason: str, user_id: str, now: datetime
) -> ManualPrice:
    """In force from `at` until another takes over. Both stay: what was booked on the first names it."""
    if rate <= 0:
        raise InvalidInput.of("rate", "must be more than zero", "not_positive")
    row = ManualPrice(id=new_id("prc"), created_at=now, org_id=org_id, asset=asset, quote=quote, at=at, rate=rate, set_by=user_id, reason=reason)
    await store.insert_manual(session, row)
    told = {"asset": asset, "quote": quote, "at": at, "rate": rate, "reason": reason}
    await audit.record(
        session, org_id, "exchange_rate.entered", f"1 {asset} is {text(rate)} {quote}.", now, subject=("exchange_rate", row.id), after=told
    )
    return row


async def _currency(org_id: str, currency: str, quote: str, moment: Moment, feeds: FeedReader, now: datetime) -> Quote | None:
    """One step from a feed's currency to the wanted one; no further, so that two feeds can never send each other around."""
    if (known := await manual_rate(org_id, currency, quote, moment.at)) is not None:
        return known
    for feed in rules.feeds_of(moment.network, currency):
        if feed.quote == quote and (answered := await _read(feed, moment, feeds, now)) is not None:
            return answered
    return None


async def _read(feed: PriceFeed, moment: Moment, feeds: FeedReader, now: datetime) -> Quote | None:
    """What the feed says at that block; asked once, then kept."""
    row_id = f"eip155:{moment.network.chain_id}:{moment.block_hash}:{feed.address}"
    if (kept := await store.oracle(row_id)) is not None:
        return Quote(kept.rate, PriceSource.ORACLE, kept.updated_at)
    answer = await feeds.read_feed(moment.network.slug, feed.address, moment.block_hash)
    found = rules.read_answer(*answer, moment.at, feed.age_max_s) if answer is not None else None
    if found is not None:
        row = OraclePrice(
            id=row_id,
            created_at=now,
            network=moment.network.slug,
            feed=feed.address,
            asset=feed.asset,
            quote=feed.quote,
            block_number=moment.block_number,
            rate=found.rate,
            updated_at=found.at,
        )
        await store.keep_oracle(row)
    return found
