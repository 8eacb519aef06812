"""What something is, or was, worth: for people who ask. Bookings ask `prices` for the price at their own block."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from crypto_api.chains import store as chain_store
from crypto_api.kit.amounts import add_exactly, multiply, to_functional
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import store as ledger_store
from crypto_api.organizations import store as organizations
from crypto_api.prices import rules
from crypto_api.prices.lookup import look_up
from crypto_api.prices.types import Lookup, Moment, PriceSource, PriceSources, Pricing, Quote, Sought


@dataclass(frozen=True)
class Prices:
    """Where prices come from in this installation."""

    networks: Mapping[str, NetworkConfig]
    feeds: PriceSources


@dataclass(frozen=True)
class Position:
    asset: str
    quantity: Decimal
    cost: Decimal
    quote: Quote | None
    value: Decimal | None  # None: unpriced, and in no total


@dataclass(frozen=True)
class PortfolioValue:
    currency: str
    at: datetime
    total: Decimal  # of what is priced
    positions: list[Position]


async def price_at(org_id: str, base: str, quote: str, at: datetime | None, prices: Prices, now: datetime) -> Lookup:
    """Directly where there is a source, else through the functional currency. `at` None: now, with the feeds at the last block processed."""
    if base == quote:
        return Lookup(Quote(Decimal(1), PriceSource.IDENTITY, at or now))
    blocks = {} if at is not None else {slug: moment for slug, network in prices.networks.items() if (moment := await _last_block(slug, network))}
    sought = Sought(org_id, at or now, Pricing.of(prices.networks.values(), prices.feeds.settings), blocks)
    direct = await look_up(sought, base, quote, prices.feeds, now)
    if direct.quote is not None:
        return direct
    organization = await organizations.get(org_id)
    currency = organization.functional_currency if organization is not None else quote
    left, right = await look_up(sought, base, currency, prices.feeds, now), await look_up(sought, quote, currency, prices.feeds, now)
    if left.quote is not None and right.quote is not None:
        return Lookup(rules.ratio(left.quote, right.quote))
    return Lookup(None, tuple(dict.fromkeys((*direct.tried, *left.tried, *right.tried))))


async def portfolio_value(org_id: str, prices: Prices, now: datetime) -> PortfolioValue:
    """What the books hold, at the prices of the last block processed. What has no price is listed and in no total."""
    organization = await organizations.get(org_id)
    assert organization is not None
    currency = organization.functional_currency
    held: dict[str, list[tuple[Decimal, Decimal]]] = {}
    for (_, asset), (quantity, cost) in (await ledger_store.holdings(org_id)).items():
        held.setdefault(asset, []).append((quantity, cost))
    positions = []
    for asset, rows in sorted(held.items()):
        quantity, cost = add_exactly([row[0] for row in rows]), add_exactly([row[1] for row in rows])
        if quantity == 0:
            continue
        quote = (await price_at(org_id, asset, currency, None, prices, now)).quote
        worth = to_functional(multiply(quantity, quote.rate)) if quote is not None else None
        positions.append(Position(asset, quantity, cost, quote, worth))
    return PortfolioValue(currency, now, add_exactly([row.value for row in positions if row.value is not None]), positions)


async def _last_block(slug: str, network: NetworkConfig) -> Moment | None:
    cursor = await chain_store.cursor(slug)
    if cursor is None:
        return None
    block = await chain_store.canonical_block(slug, cursor.height)
    return Moment(network, block.number, block.hash, block.timestamp) if block is not None and block.hash == cursor.hash else None
