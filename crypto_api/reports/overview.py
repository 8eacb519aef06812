"""What an organisation holds and what it is worth now: ledger quantities at the latest rates. Reads across books, changes nothing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from beanie import SortDirection

from crypto_api.kit.amounts import add_exactly, divide, multiply
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, EntryStatus
from crypto_api.prices import store as prices
from crypto_api.prices.documents import OraclePrice
from crypto_api.prices.types import PriceSource
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Finality
from crypto_api.wallets.documents import Wallet

HOLDING_ACCOUNTS = frozenset({AccountCode.CRYPTO, AccountCode.CUSTODY})  # in own wallets, and held for us by others


@dataclass(frozen=True, slots=True)
class Holding:
    """What one wallet (None: somebody else for us) holds of one asset, and what it cost, as the books say."""

    wallet_id: str | None
    asset: str
    quantity: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Rate:
    """Units of the quote currency for one unit of the asset."""

    rate: Decimal
    source: PriceSource
    at: datetime


@dataclass(frozen=True, slots=True)
class AssetPosition:
    asset: str
    quantity: Decimal
    cost: Decimal
    rate: Rate | None
    value: Decimal | None  # None: no rate, therefore in no total
    share: Decimal | None  # of the priced total, 0..1
    wallets: int


@dataclass(frozen=True, slots=True)
class Valuation:
    total: Decimal  # of what is priced
    cost: Decimal  # of the same assets
    positions: list[AssetPosition]  # greatest value first, unpriced last
    oldest_rate_at: datetime | None

    @property
    def unpriced(self) -> list[AssetPosition]:
        return [position for position in self.positions if position.value is None]


@dataclass(frozen=True, slots=True)
class Counts:
    wallets: int
    transactions: int
    pending: int
    unclassified: int
    spam: int
    entries: int
    unpriced_entries: int


async def holdings(org_id: str) -> list[Holding]:
    """Every wallet and asset with a balance in the books, zero ones left out."""
    return [
        Holding(row.wallet_id, row.asset, row.quantity, add_exactly([row.debit, row.credit.copy_negate()]))
        for row in await ledger.balances(org_id)
        if row.account_code in HOLDING_ACCOUNTS and row.asset is not None and row.quantity != 0
    ]


@dataclass(frozen=True, slots=True)
class Pricing:
    """What the networks say about prices: which asset another is priced as (wrapped ether as ether), and how old a feed's answer may be."""

    priced_as: Mapping[str, str] = field(default_factory=dict)
    age_max: Mapping[str, timedelta] = field(default_factory=dict)

    @classmethod
    def of(cls, networks: Iterable[NetworkConfig]) -> "Pricing":
        aliases: dict[str, str] = {}
        ages: dict[str, timedelta] = {}
        for network in networks:
            if network.wrapped_native is not None:
                aliases[network.wrapped_native.symbol] = network.native_asset
            for feed in network.price_feeds:
                ages[feed.asset] = max(ages.get(feed.asset, timedelta(0)), timedelta(seconds=feed.age_max_s))
        return cls(aliases, ages)


async def latest_rates(org_id: str, assets: set[str], quote: str, now: datetime, pricing: Pricing) -> dict[str, Rate]:
    """The rate in force for each asset that has one. A price that a person set goes before what a feed said."""
    found = {}
    for asset in sorted(assets):
        rate = Rate(Decimal(1), PriceSource.IDENTITY, now) if asset == quote else await _latest_rate(org_id, asset, quote, now, pricing)
        if rate is not None:
            found[asset] = rate
    return found


async def _latest_rate(org_id: str, asset: str, quote: str, now: datetime, pricing: Pricing) -> Rate | None:
    """As `prices.service.rate_at` orders its sources, from what is kept: a page asks no node."""
    priced = pricing.priced_as.get(asset, asset)
    for name in dict.fromkeys((asset, priced)):
        if (manual := await prices.manual_at(org_id, name, quote, now)) is not None:
            return Rate(manual.rate, PriceSource.MANUAL, manual.at)
    kept = await OraclePrice.find_one({"asset": priced, "quote": quote}, sort=[("block_number", SortDirection.DESCENDING)])
    if kept is None or now - kept.updated_at > pricing.age_max.get(priced, timedelta(0)):
        return None
    return Rate(kept.rate, PriceSource.ORACLE, kept.updated_at)


async def valuation(org_id: str, quote: str, now: datetime, pricing: Pricing) -> Valuation:
    held = await holdings(org_id)
    rates = await latest_rates(org_id, {holding.asset for holding in held}, quote, now, pricing)
    by_asset: dict[str, list[Holding]] = defaultdict(list)
    for holding in held:
        by_asset[holding.asset].append(holding)
    totals = {asset: add_exactly([holding.quantity for holding in rows]) for asset, rows in by_asset.items()}
    values = {asset: multiply(totals[asset], rate.rate) for asset, rate in rates.items()}
    total = add_exactly(list(values.values()))
    positions = [
        AssetPosition(
            asset=asset,
            quantity=totals[asset],
            cost=add_exactly([holding.cost for holding in rows]),
            rate=rates.get(asset),
            value=values.get(asset),
            share=divide(values[asset], total) if asset in values and total > 0 else None,
            wallets=len({holding.wallet_id for holding in rows} - {None}),
        )
        for asset, rows in by_asset.items()
    ]
    positions.sort(key=lambda position: (position.value is None, -(position.value or Decimal(0)), position.asset))
    return Valuation(
        total=total,
        cost=add_exactly([position.cost for position in positions if position.value is not None]),
        positions=positions,
        oldest_rate_at=min((rate.at for rate in rates.values()), default=None),
    )


async def counts(org_id: str) -> Counts:
    of_org = {"org_id": org_id}
    understood = {"org_id": org_id, "finality": {"$ne": Finality.ORPHANED}}
    return Counts(
        wallets=await Wallet.find({**of_org, "active": True}).count(),
        transactions=await Transaction.find(understood).count(),
        pending=await Transaction.find({**of_org, "finality": Finality.PENDING}).count(),
        unclassified=await Transaction.find({**understood, "category": "unclassified"}).count(),
        spam=await Transaction.find({**understood, "category": "spam"}).count(),
        entries=await JournalEntry.find({**of_org, "status": {"$ne": EntryStatus.DRAFT}}).count(),
        unpriced_entries=await JournalEntry.find({**of_org, "unpriced": True, "status": EntryStatus.POSTED}).count(),
    )
