"""What a wallet shows on its pages: what it holds on the chain beside what its books say, whether they were seen to agree, and how it is watched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils.translation import gettext_noop

from crypto_api.checkpoints import store as checkpoints
from crypto_api.checkpoints.documents import Checkpoint
from crypto_api.dashboard import live_balances
from crypto_api.dashboard.access import Visit
from crypto_api.dashboard.live_balances import Reading
from crypto_api.dashboard.rows import links_of
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.inbox_findings import difference_key
from crypto_api.inbox import store as inbox
from crypto_api.inbox.types import ItemKind
from crypto_api.kit.amounts import add_exactly, multiply, to_units
from crypto_api.ledger import store as ledger
from crypto_api.organizations.types import Permission
from crypto_api.prices import service as prices
from crypto_api.prices.types import Quote
from crypto_api.reports import activity
from crypto_api.wallets.documents import Opening, Wallet, WalletType

LIVE_FOR = timedelta(seconds=45)
"""Until then what was read counts as now; the pages ask every ten seconds."""
TYPE_NAMES = {
    WalletType.WATCH: gettext_noop("Watch only"),
    WalletType.PRIVATE_KEY: gettext_noop("Stored key"),
    WalletType.METAMASK: gettext_noop("Browser wallet"),
    WalletType.HARDWARE: gettext_noop("Hardware wallet"),
}


@dataclass(frozen=True, slots=True)
class AssetRow:
    asset: str
    chain: Decimal | None  # None: not read yet
    books: Decimal
    value: Decimal | None  # None: no price
    checkpoint: Checkpoint | None
    item_id: str | None  # of the inbox, where the difference waits

    @property
    def quantity(self) -> Decimal:
        return self.books if self.chain is None else self.chain

    @property
    def standing(self) -> str:
        """agrees | differs | unchecked: what was found when the two were last compared."""
        return "unchecked" if self.checkpoint is None else "agrees" if self.checkpoint.agrees else "differs"


@dataclass(frozen=True, slots=True)
class WalletRow:
    wallet: Wallet
    type_name: str
    network_name: str
    link: str
    assets: list[AssetRow]
    total: Decimal | None  # None: something in it has no price
    last_activity: datetime | None
    block_number: int | None  # what it holds on the chain is as of this block; None: not read yet
    read_at: datetime | None
    now: datetime

    @property
    def watching(self) -> str:
        if not self.wallet.monitoring_enabled:
            return "paused"
        return "opening" if self.wallet.opening is Opening.DUE else "watching"

    @property
    def waits(self) -> str:
        """Why it is not in the books yet; empty where nothing is in the way."""
        return (self.wallet.opening_waits or "") if self.watching == "opening" else ""

    @property
    def is_live(self) -> bool:
        return self.read_at is not None and self.now - self.read_at <= LIVE_FOR

    @property
    def age_s(self) -> int:
        """Since it was read."""
        return max(int((self.now - self.read_at).total_seconds()), 0) if self.read_at is not None else 0

    @property
    def differs(self) -> bool:
        return any(row.standing == "differs" for row in self.assets)


@dataclass(frozen=True, slots=True)
class _Beside:
    """What is read once for all wallets of a page."""

    books: Mapping[str, Mapping[str, Decimal]]
    readings: Mapping[str, Reading]
    checkpoints: Mapping[str, Mapping[str, Checkpoint]]
    items: Mapping[str, str]  # by key
    rates: Mapping[str, Quote]
    moved: Mapping[str, datetime]


async def wallet_rows(visit: Visit, found: Sequence[Wallet], *, ask: bool) -> list[WalletRow]:
    """With `ask` a node is asked, unless one was just now; without, what is known stands there at once."""
    books: dict[str, dict[str, Decimal]] = {wallet.id: {} for wallet in found}
    for (wallet_id, asset), (quantity, _) in (await ledger.holdings(visit.org_id)).items():
        if wallet_id in books and quantity != 0:
            books[wallet_id][asset] = quantity
    held = {wallet_id: assets.keys() for wallet_id, assets in books.items()}
    compared: dict[str, dict[str, Checkpoint]] = {}
    for checkpoint in await checkpoints.of_org(visit.org_id):
        compared.setdefault(checkpoint.wallet_id, {})[checkpoint.asset] = checkpoint
    readings = await live_balances.read(visit.runtime, found, held) if ask else live_balances.known(visit.runtime, found)
    differences = await inbox.live(visit.org_id, [ItemKind.RECONCILIATION_DIFFERENCE]) if visit.may(Permission.INBOX_READ) else {}
    assets = {asset for wallet in found for asset in _assets(wallet, books, readings, compared)}
    now, currency = visit.runtime.clock.now(), visit.organization.functional_currency
    beside = _Beside(
        books=books,
        readings=readings,
        checkpoints=compared,
        items={key: item.id for key, item in differences.items()},
        rates=await prices.kept_rates(visit.org_id, assets, currency, now, visit.pricing),
        moved=await activity.last_activity(visit.org_id, [wallet.id for wallet in found]),
    )
    return [_row(visit, wallet, beside, now) for wallet in found]


def _assets(
    wallet: Wallet, books: Mapping[str, Mapping[str, Decimal]], readings: Mapping[str, Reading], compared: Mapping[str, Mapping[str, Checkpoint]]
) -> set[str]:
    """What is shown of a wallet: nothing that is zero everywhere."""
    reading = readings.get(wallet.id)
    on_chain = {asset for asset, quantity in reading.held.items() if quantity != 0} if reading is not None else set()
    was = {asset for asset, row in compared.get(wallet.id, {}).items() if row.chain_raw != "0" or not row.agrees}
    return set(books[wallet.id]) | on_chain | (was if reading is None else {asset for asset in was if not compared[wallet.id][asset].agrees})


def _row(visit: Visit, wallet: Wallet, beside: _Beside, now: datetime) -> WalletRow:
    reading, compared = beside.readings.get(wallet.id), beside.checkpoints.get(wallet.id, {})
    assets = [_asset(wallet, asset, beside) for asset in _assets(wallet, beside.books, beside.readings, beside.checkpoints)]
    assets.sort(key=lambda row: (row.value is None, -(row.value or Decimal(0)), row.asset))
    values = [row.value for row in assets if row.value is not None]
    latest = max(compared.values(), key=lambda row: row.block_number, default=None)
    network = visit.runtime.networks.get(wallet.network)
    return WalletRow(
        wallet=wallet,
        type_name=gettext(TYPE_NAMES[wallet.wallet_type]),
        network_name=network.name if network else wallet.network,
        link=links_of(visit.runtime.networks, wallet.network).address(wallet.address),
        assets=assets,
        total=add_exactly(values) if len(values) == len(assets) else None,
        last_activity=beside.moved.get(wallet.id),
        block_number=reading.block_number if reading else latest.block_number if latest else None,
        read_at=reading.read_at if reading else latest.at if latest else None,
        now=now,
    )


def _asset(wallet: Wallet, asset: str, beside: _Beside) -> AssetRow:
    reading, checkpoint = beside.readings.get(wallet.id), beside.checkpoints.get(wallet.id, {}).get(asset)
    books = beside.books[wallet.id].get(asset, Decimal(0))
    on_chain = reading.held.get(asset) if reading is not None else None
    if on_chain is None and checkpoint is not None:
        on_chain = to_units(int(checkpoint.chain_raw), checkpoint.decimals)
    quantity, rate = books if on_chain is None else on_chain, beside.rates.get(asset)
    return AssetRow(
        asset=asset,
        chain=on_chain,
        books=books,
        value=multiply(quantity, rate.rate) if rate is not None else None,
        checkpoint=checkpoint,
        item_id=beside.items.get(difference_key(wallet.id, asset)),
    )
