"""What a row stands for that a person brought, in a table or by hand: wallets, assets and accounts found, priced, made into a transaction.

What it posts is decided in `book_brought.py`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal

from crypto_api.chains import service as chains
from crypto_api.chains.types import ChainAsset
from crypto_api.classification.types import Category, Decision, DecisionSource
from crypto_api.flows.book_transaction import contra_of
from crypto_api.flows.decide_transaction import as_fields
from crypto_api.kit.amounts import DECIMAL128_DIGITS, is_exact, to_functional, to_raw
from crypto_api.kit.ethereum import ZERO_ADDRESS
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger import service as ledger
from crypto_api.ledger.documents import Account
from crypto_api.ledger.types import AccountCode
from crypto_api.organizations import store as organizations
from crypto_api.prices import service as prices
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.imports import RowError, TableRow
from crypto_api.transactions.types import Booking, Brought, Direction, Finality, Movement, MovementKind, Origin, RowType
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import Wallet

Networks = Mapping[str, NetworkConfig]
NO_BLOCK = -1  # below every block, so that nothing that reads a stretch of the chain meets it
TRADES = frozenset({RowType.BUY, RowType.SELL})
_CATEGORIES = {RowType.BUY: Category.SWAP, RowType.SELL: Category.SWAP, RowType.INCOME: Category.INCOME, RowType.EXPENSE: Category.EXPENSE}
_INCOMING = frozenset({RowType.BUY, RowType.INCOME})
_RATE = Context(prec=DECIMAL128_DIGITS)


@dataclass(frozen=True)
class Ready:
    """A row with everything that it stands for. `cash_account`: code of where its money comes from or goes to, where any does."""

    row: TableRow
    transaction: Transaction
    decision: Decision
    cash_account: str


@dataclass(frozen=True)
class _Worth:
    """In the functional currency, `rate` for one whole unit. `value` None: too large."""

    value: Decimal | None
    rate: Decimal
    source: str


@dataclass(frozen=True)
class House:
    """What the rows of an organisation are looked up in."""

    networks: Networks
    org_id: str
    currency: str
    time_zone: str
    wallets: Sequence[Wallet]
    money: Mapping[str, Account]

    @classmethod
    async def of(cls, networks: Networks, org_id: str) -> "House":
        organization = await organizations.get(org_id)
        assert organization is not None
        money = await ledger.money_accounts(org_id)
        return cls(networks, org_id, organization.functional_currency, organization.time_zone, await wallets.active(org_id), money)


def fee_in_money(said: TableRow) -> Decimal:
    return Decimal(0) if said.fee_asset else to_functional(said.fee)


# ---- categories ------------------------------------------------------------------------------------------------------------------


def category_of(kind: RowType, *, out_of_ours: bool, into_ours: bool) -> Category:
    if kind is not RowType.TRANSFER:
        return _CATEGORIES[kind]
    return Category.OWN_TRANSFER if out_of_ours and into_ours else Category.TRANSFER_OUT if out_of_ours else Category.TRANSFER_IN


def own_category(said: Brought) -> Category:
    """What follows from what was said."""
    return category_of(said.type, out_of_ours=said.wallet_id is not None, into_ours=said.to_wallet_id is not None)


def fits(kind: RowType, category: Category, by_type: Category) -> bool:
    """Whether a person can call it so: income and expenses have kinds, what else it is follows from its type."""
    if category is by_type:
        return True
    if kind not in (RowType.INCOME, RowType.EXPENSE) or category is Category.GAS:
        return False
    direction = Direction.IN if kind is RowType.INCOME else Direction.OUT
    return category is Category.UNCLASSIFIED or contra_of(category, direction) != AccountCode.SUSPENSE


# ---- what a row stands for -------------------------------------------------------------------------------------------------------


class Maker:
    """One row, and what is wrong with it here."""

    def __init__(self, house: House, row: TableRow, origin: Origin, now: datetime) -> None:
        self._house, self._row, self._origin, self._now = house, row, origin, now
        self.errors: list[RowError] = []

    async def made(self) -> Ready | None:
        row = self._row
        here, there = self._wallet("wallet", row.wallet), self._wallet("to_wallet", row.to_wallet)
        near = here or there
        if self.errors or near is None:
            return None
        if here is not None and there is not None and here.network != there.network:
            self._wrong("to_wallet", f"is on {there.network}, and wallet on {here.network}")
        network = self._house.networks.get(near.network)
        if network is None:
            self._wrong("wallet", "is on a network that is not configured any more")
            return None
        asset = self._asset(network, "asset", row.asset)
        fee_asset = self._asset(network, "fee_asset", row.fee_asset) if row.fee_asset else None
        cash_account = self._cash_account()
        if self.errors or asset is None:
            return None
        movements = [await self._moved(near, here, there, asset, network)]
        if fee_asset is not None and here is not None:
            movements.append(await self._fee(here, fee_asset, asset, network))
        self._check_trade(movements)
        if self.errors:
            return None
        decision = self._decision(here, there)
        brought = _brought(row, here, there, cash_account)
        return Ready(row, self._transaction(near, network, movements, decision, brought), decision, cash_account)

    def _wrong(self, column: str, message: str) -> None:
        self.errors.append(RowError(self._row.number, column, message))

    def _wallet(self, column: str, said: str) -> Wallet | None:
        if not said:
            return None
        folded = said.casefold()
        found = [row for row in self._house.wallets if row.id == said or folded in (row.name.casefold(), row.address.casefold())]
        if len(found) != 1:
            self._wrong(column, "is no wallet of this organisation" if not found else "is the name or address of more than one wallet")
            return None
        return found[0]

    def _asset(self, network: NetworkConfig, column: str, name: str) -> ChainAsset | None:
        listed = chains.listed_assets(network)
        found = next((asset for asset in listed if asset.name == name), None)
        if found is None:
            self._wrong(column, f"must be one of {', '.join(asset.name for asset in listed)} on {network.slug}")
        return found

    def _cash_account(self) -> str:
        """The code; empty where no money moves."""
        said, money = self._row.cash_account, self._house.money
        if not said and self._row.type not in TRADES and not fee_in_money(self._row):
            return ""
        wanted = said.casefold() or AccountCode.CASH.value
        found = [row.code for row in money.values() if wanted in (row.code.casefold(), row.name.casefold())]
        if len(found) == 1:
            return found[0]
        if said:
            self._wrong("cash_account", "is no account for money in the chart: name an active asset or liability by its code or name")
        else:
            self._wrong("cash_account", f"is needed: account {AccountCode.CASH} of the chart is none for money")
        return ""

    def _raw(self, column: str, amount: Decimal, asset: ChainAsset) -> str:
        try:
            return str(to_raw(amount, asset.decimals))
        except ValueError:
            self._wrong(column, f"has more decimals than {asset.name}, which has {asset.decimals}")
            return "0"

    async def _moved(self, near: Wallet, here: Wallet | None, there: Wallet | None, asset: ChainAsset, network: NetworkConfig) -> Movement:
        row = self._row
        both = here is not None and there is not None
        comes = row.type in _INCOMING or (row.type is RowType.TRANSFER and here is None)
        worth = await self._worth(asset, row.amount, network, "amount")
        return self._movement("value", near, asset, row.amount, worth, "amount").model_copy(
            update={
                "direction": Direction.INTERNAL if both else Direction.IN if comes else Direction.OUT,
                "counter_wallet_id": there.id if both and there is not None else None,
                "from_address": ZERO_ADDRESS if comes else near.address,
                "to_address": near.address if comes else there.address if there is not None else ZERO_ADDRESS,
            }
        )

    async def _fee(self, here: Wallet, fee_asset: ChainAsset, asset: ChainAsset, network: NetworkConfig) -> Movement:
        worth = await self._worth(fee_asset, self._row.fee, network, "fee", said=fee_asset.name == asset.name)
        return self._movement("gas", here, fee_asset, self._row.fee, worth, "fee")

    async def _worth(self, asset: ChainAsset, amount: Decimal, network: NetworkConfig, column: str, *, said: bool = True) -> _Worth | None:
        """What was said of the row's own asset, else what it cost on the market; None where nobody knows, or nothing is realised."""
        row = self._row
        if said and row.value is not None:
            rate = _RATE.divide(row.value, row.amount)
            value = row.value if amount == row.amount else ledger_rules.value_of(amount, rate)
            return self._checked(_Worth(value, rate, "manual"), column)
        if said and row.price is not None:
            return self._checked(_Worth(ledger_rules.value_of(amount, row.price), row.price, "manual"), column)
        if row.type is RowType.TRANSFER and row.wallet and row.to_wallet:
            return None
        quote = await prices.past_rate(self._house.org_id, asset.name, self._house.currency, network, row.at)
        if quote is None:
            return None
        return self._checked(_Worth(ledger_rules.value_of(amount, quote.rate), quote.rate, quote.source.value), column)

    def _checked(self, worth: _Worth, column: str) -> _Worth | None:
        if worth.value is None or worth.value > ledger_rules.VALUE_MAX or not is_exact(worth.value):
            self._wrong(column, "times the price is too large for the books")
            return None
        if worth.value != to_functional(worth.value):
            self._wrong("value", "has more than 8 decimals")
        return worth

    def _movement(self, key: str, wallet: Wallet, asset: ChainAsset, amount: Decimal, worth: _Worth | None, column: str) -> Movement:
        kind = MovementKind.GAS if key == "gas" else MovementKind.ERC20 if asset.contract else MovementKind.NATIVE
        return Movement(
            key=key,
            kind=kind,
            asset=asset.name,
            contract=asset.contract,
            symbol=asset.name,
            decimals=asset.decimals,
            raw_amount=self._raw(column, amount, asset),
            amount=amount,
            direction=Direction.OUT,
            wallet_id=wallet.id,
            from_address=wallet.address,
            to_address=ZERO_ADDRESS,
            value=worth.value if worth else None,
            rate=worth.rate if worth else None,
            price_source=worth.source if worth else None,
            price_at=self._row.at if worth else None,
        )

    def _check_trade(self, movements: Sequence[Movement]) -> None:
        """A purchase costs something and brings something; a sale brings more than its fee."""
        row = self._row
        if row.type not in TRADES or self.errors:
            return
        main, fee = movements[0], next(iter(movements[1:]), None)
        if not main.value:
            self._wrong("value" if row.value is not None else "price", "comes to nothing: what is bought or sold for money is worth some")
        elif row.type is RowType.BUY and fee is not None and fee.asset == main.asset and (fee.amount or 0) >= (main.amount or 0):
            self._wrong("fee", "is all of what was bought, or more")
        elif row.type is RowType.SELL and (fee.value or 0 if fee is not None and fee.asset != main.asset else fee_in_money(row)) >= main.value:
            self._wrong("fee", "is all of what it was sold for, or more")

    def _decision(self, here: Wallet | None, there: Wallet | None) -> Decision:
        row = self._row
        return Decision(
            category=category_of(row.type, out_of_ours=here is not None, into_ours=there is not None),
            subcategory=row.type.value.lower(),
            confidence=1,
            source=DecisionSource.PERSON,
            explanation=row.description or ("Imported from a table." if self._origin is Origin.IMPORT else "Written down by hand."),
        )

    def _transaction(self, near: Wallet, network: NetworkConfig, movements: list[Movement], decision: Decision, brought: Brought) -> Transaction:
        row = self._row
        digest = hashlib.sha256(row.key.encode()).hexdigest()[:40]
        return Transaction(
            id=f"{self._house.org_id}:import:{digest}",
            created_at=self._now,
            org_id=self._house.org_id,
            origin=self._origin,
            network=network.slug,
            chain_id=network.chain_id,
            hash="",
            block_number=NO_BLOCK,
            block_hash="",
            index=0,
            timestamp=row.at,
            stored_at=self._now,
            succeeded=True,
            finality=Finality.CONFIRMED,
            from_address=movements[0].from_address,
            to_address=movements[0].to_address,
            movements=movements,
            wallet_ids=sorted({one.wallet_id for one in movements} | {one.counter_wallet_id for one in movements if one.counter_wallet_id}),
            assets=sorted({one.asset for one in movements}),
            booking=Booking.DONE,
            booked_at=self._now,
            content_hash=row.content,
            brought=brought,
            **as_fields(decision),
        )


def _brought(row: TableRow, here: Wallet | None, there: Wallet | None, cash_account: str) -> Brought:
    """What was said, by ids and codes; the account only where one was named, so that the default stays one."""
    return Brought(
        type=row.type,
        at=row.at,
        asset=row.asset,
        amount=row.amount,
        price=row.price,
        value=row.value,
        fee=row.fee,
        fee_asset=row.fee_asset,
        wallet_id=here.id if here else None,
        to_wallet_id=there.id if there else None,
        cash_account=cash_account if row.cash_account else "",
        description=row.description,
        external_id=row.external_id,
    )
