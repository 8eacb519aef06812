"""What makes a price. Pure."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

from crypto_api.kit.amounts import divide, is_exact, multiply, plain, to_units
from crypto_api.kit.networks import NetworkConfig, PriceFeed
from crypto_api.prices.types import PriceSource, Quote

_FEED_DECIMALS_MAX = 36
_RATE_DIGITS = Context(prec=28, rounding=ROUND_HALF_EVEN)
_CLOCK_TOLERANCE = timedelta(seconds=60)  # a feed that says it was updated later than the block it is read in is not believed


def priced_as(asset: str, network: NetworkConfig) -> str:
    """The wrapped form of the native coin is the coin."""
    wrapped = network.wrapped_native
    return network.native_asset if wrapped is not None and asset == wrapped.symbol else asset


def feeds_of(network: NetworkConfig, asset: str) -> list[PriceFeed]:
    return [feed for feed in network.price_feeds if feed.asset == asset]


def read_answer(answer: int, decimals: int, updated: int, at: datetime, age_max_s: int) -> Quote | None:
    """None for what is zero, negative, never updated, older than allowed, or from the future: such a price is no price."""
    if answer <= 0 or updated <= 0 or not 0 <= decimals <= _FEED_DECIMALS_MAX:
        return None
    try:
        updated_at = datetime.fromtimestamp(updated, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    if updated_at > at + _CLOCK_TOLERANCE or at - updated_at > timedelta(seconds=age_max_s):
        return None
    rate = to_units(answer, decimals)
    return Quote(rate, PriceSource.ORACLE, updated_at) if is_exact(rate) else None


def chain(first: Quote, second: Quote) -> Quote:
    """asset → currency → other currency; as old as the older of the two."""
    return Quote(_rounded(multiply(first.rate, second.rate)), _source(first, second), min(first.at, second.at))


def ratio(base: Quote, quote: Quote) -> Quote:
    """base → quote from what both are worth in a third."""
    return Quote(_rounded(divide(base.rate, quote.rate)), PriceSource.DERIVED, min(base.at, quote.at))


def _source(first: Quote, second: Quote) -> PriceSource:
    kinds = {first.source, second.source} - {PriceSource.IDENTITY}
    return kinds.pop() if len(kinds) == 1 else PriceSource.DERIVED


def _rounded(rate: Decimal) -> Decimal:
    """A computed rate carries 28 significant digits."""
    return plain(_RATE_DIGITS.plus(rate))
