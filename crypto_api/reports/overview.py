"""What an organisation holds and what it is worth now: ledger quantities at the latest rates. Reads across books, changes nothing."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from crypto_api.kit.amounts import add_exactly, divide, multiply
from crypto_api.ledger import seal_store
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import HOLDING_ACCOUNTS, EntryStatus
from crypto_api.payments.documents import Payment
from crypto_api.prices import service as prices
from crypto_api.prices.types import Pricing, Quote
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Finality
from crypto_api.wallets.documents import Wallet
from mongodb_config.unit_of_work import Session


@dataclass(frozen=True, slots=True)
class Holding:
    """What one wallet (None: somebody else for us) holds of one asset, and what it cost, as the books say. Where all lots are together, what they
    cost beside the averages of the wallets stands in no wallet, with a quantity of zero: it belongs to the cost of the asset."""

    wallet_id: str | None
    asset: str
    quantity: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class AssetPosition:
    asset: str
    quantity: Decimal
    cost: Decimal
    rate: Quote | None
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
    def gain(self) -> Decimal:
        return add_exactly([self.total, self.cost.copy_negate()])

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


async def holdings(org_id: str, session: Session | None = None) -> list[Holding]:
    """Every wallet and asset with a balance in the books, zero ones left out."""
    found = [
        Holding(row.wallet_id, row.asset, row.quantity, add_exactly([row.debit, row.credit.copy_negate()]))
        for row in await ledger.balances(org_id, session)
        if row.account_code in HOLDING_ACCOUNTS and row.asset is not None
    ]
    return [row for row in found if row.quantity != 0 or (row.wallet_id is None and row.cost != 0)]


async def valuation(org_id: str, quote: str, now: datetime, pricing: Pricing) -> Valuation:
    held = await holdings(org_id)
    rates = await prices.kept_rates(org_id, {holding.asset for holding in held}, quote, now, pricing)
    by_asset: dict[str, list[Holding]] = defaultdict(list)
    for holding in held:
        by_asset[holding.asset].append(holding)
    totals = {asset: add_exactly([holding.quantity for holding in rows]) for asset, rows in by_asset.items()}
    by_asset = {asset: rows for asset, rows in by_asset.items() if any(row.quantity for row in rows)}
    values = {asset: multiply(totals[asset], rate.rate) for asset, rate in rates.items() if asset in by_asset}
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


COUNT_MAX = 500
"""Counted no further: a page that looks every half minute does not go through a million rows to say how many there are."""


async def up_to(org_id: str, document: type[Transaction | Wallet | JournalEntry | Payment], where: Mapping[str, object]) -> int:
    """Read as rows and not counted by the server, of which not every one stops at a limit then."""
    found = document.get_pymongo_collection().find({"org_id": org_id, **where}, {"_id": 1}).limit(COUNT_MAX).batch_size(COUNT_MAX)
    return len(await found.to_list())


async def counts(org_id: str) -> Counts:
    """Each at most `COUNT_MAX`, but for entries: each has a seal with a number, or waits for one."""
    understood: dict[str, object] = {"finality": {"$ne": Finality.ORPHANED}}
    return Counts(
        wallets=await Wallet.find({"org_id": org_id, "active": True}).count(),
        transactions=await up_to(org_id, Transaction, understood),
        pending=await up_to(org_id, Transaction, {"finality": Finality.PENDING}),
        unclassified=await up_to(org_id, Transaction, {**understood, "category": "unclassified"}),
        spam=await up_to(org_id, Transaction, {**understood, "category": "spam"}),
        entries=(await seal_store.head(org_id)).seq + await seal_store.waiting(org_id),
        unpriced_entries=await up_to(org_id, JournalEntry, {"unpriced": True, "status": EntryStatus.POSTED}),
    )
