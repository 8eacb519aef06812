"""What makes a price. Pure."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from crypto_api.kit.amounts import divide, is_exact, multiply, text, to_units
from crypto_api.kit.networks import NetworkConfig, PriceFeed
from crypto_api.kit.price_settings import PriceProvider
from crypto_api.kit.rates import FeedRound, Point, Refused, rounded
from crypto_api.prices.types import PriceSource, Quote

_ASSET_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z:/._-]{0,119}", re.ASCII)
_FEED_DECIMALS_MAX = 36
_CLOCK_TOLERANCE = timedelta(seconds=60)  # a feed that says it was updated later than the block it is read in is not believed


def is_asset_name(text: str) -> bool:
    """A symbol, a currency, or the long name of a token that is not listed."""
    return _ASSET_NAME.fullmatch(text) is not None


def priced_as(asset: str, network: NetworkConfig) -> str:
    """The wrapped form of the native coin is the coin."""
    wrapped = network.wrapped_native
    return network.native_asset if wrapped is not None and asset == wrapped.symbol else asset


def feeds_of(network: NetworkConfig, asset: str) -> list[PriceFeed]:
    return [feed for feed in network.price_feeds if feed.asset == asset]


def asked_for(provider: PriceProvider, asset: str, quote: str) -> list[str]:
    """The currencies in which a provider is asked for an asset: the wanted one where it knows it, else its own first."""
    if asset not in provider.assets:
        return []
    if quote in provider.quotes:
        return [quote]
    return [currency for currency in provider.quotes if currency != asset][:1]


def judge_round(told: FeedRound, at: datetime, age_max_s: int) -> Quote | Refused:
    """Refused is what is zero, negative, never updated, carried over from an earlier round, older than allowed, or from the future."""
    if told.answer <= 0:
        return Refused("it answers zero or less")
    if told.updated_at <= 0 or not 0 <= told.decimals <= _FEED_DECIMALS_MAX:
        return Refused("it answers no complete round")
    if told.answered_in_round < told.round_id:
        return Refused("its answer is that of an earlier round")
    try:
        updated_at = datetime.fromtimestamp(told.updated_at, UTC)
    except (OverflowError, ValueError, OSError):
        return Refused("its time is none")
    if updated_at > at + _CLOCK_TOLERANCE:
        return Refused("it says that it was updated later than the block")
    if at - updated_at > timedelta(seconds=age_max_s):
        return Refused(f"its answer is {_span(at - updated_at)} old, and {_span(timedelta(seconds=age_max_s))} are allowed")
    rate = to_units(told.answer, told.decimals)
    return Quote(rate, PriceSource.ORACLE, updated_at) if is_exact(rate) else Refused("its answer has more digits than an amount holds")


def leap(rate: Decimal, known: Decimal, most: int) -> str | None:
    """In words, when a rate is too many times, or too small a part of, what was known shortly before."""
    times = divide(max(rate, known), min(rate, known))
    return f"it says {text(rate)}, {'more' if rate > known else 'less'} than {most} times off what was known: {text(known)}" if times > most else None


def fresh_point(points: tuple[Point, ...], at: datetime, age_max_s: int) -> Point | Refused:
    """The last one that was not after `at`."""
    before = [point for point in points if point.at <= at]
    if not before:
        return Refused("it has no rate from before that time")
    last = max(before, key=lambda point: point.at)
    if at - last.at > timedelta(seconds=age_max_s):
        return Refused(f"its last rate is {_span(at - last.at)} old, and {_span(timedelta(seconds=age_max_s))} are allowed")
    return last


def chain(first: Quote, second: Quote) -> Quote:
    """asset → currency → other currency; as old as the older of the two."""
    origin = f"{first.origin}; {second.origin}" if second.origin else first.origin
    return Quote(rounded(multiply(first.rate, second.rate)), _source(first, second), min(first.at, second.at), origin)


def ratio(base: Quote, quote: Quote) -> Quote:
    """base → quote from what both are worth in a third."""
    origin = "; ".join(part for part in (base.origin, quote.origin) if part)
    return Quote(rounded(divide(base.rate, quote.rate)), PriceSource.DERIVED, min(base.at, quote.at), origin)


def inverse(told: Quote) -> Quote:
    """From the other side."""
    return Quote(rounded(divide(Decimal(1), told.rate)), PriceSource.DERIVED, told.at, told.origin)


def _source(first: Quote, second: Quote) -> PriceSource:
    kinds = {first.source, second.source} - {PriceSource.IDENTITY}
    return kinds.pop() if len(kinds) == 1 else PriceSource.DERIVED


def _span(span: timedelta) -> str:
    """In words, cut to its greatest unit: 26 hours, 40 minutes."""
    seconds = int(span.total_seconds())
    for name, length in (("days", 172_800), ("hours", 7_200), ("minutes", 120)):
        if seconds >= length:
            return f"{seconds // (length // 2)} {name}"
    return f"{seconds} seconds"
