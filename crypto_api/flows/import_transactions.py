"""Bring rows from elsewhere into transactions and books: all of them, or none.

    read (imports.py) → wallets and assets found → priced ┐ before the unit of work
                                                          └ in it: rows that are new, in the order of time → entry → row → event

A row is named by its `external_id`, or by what it says: bringing it again changes nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.audit import service as audit
from crypto_api.chains import service as chains
from crypto_api.chains.types import ChainAsset
from crypto_api.classification.types import Category, Decision, DecisionSource
from crypto_api.events import service as events
from crypto_api.flows.book_transaction import PURPOSE, as_fields, changes_of, draw_up, source_of
from crypto_api.kit.amounts import is_exact, to_functional, to_raw
from crypto_api.kit.clock import Clock
from crypto_api.kit.ethereum import ZERO_ADDRESS
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger import service as ledger
from crypto_api.ledger.types import AccountCode, EntryDraft, Line, Source, SourceKind
from crypto_api.organizations import store as organizations
from crypto_api.prices import service as prices
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionBooked
from crypto_api.transactions.imports import RowError, RowType, TableRow, read_rows
from crypto_api.transactions.types import Booking, Direction, Finality, Movement, MovementKind, Origin
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import Wallet
from mongodb_config.unit_of_work import Session, UnitOfWork

Networks = Mapping[str, NetworkConfig]
_CATEGORIES = {
    RowType.BUY: Category.SWAP,  # the money's side stands in suspense until the bank's is booked
    RowType.SELL: Category.SWAP,
    RowType.INCOME: Category.INCOME,
    RowType.EXPENSE: Category.EXPENSE,
}
NO_BLOCK = -1  # below every block, so that nothing that reads a stretch of the chain meets it
_INCOMING = frozenset({RowType.BUY, RowType.INCOME})
_TITLES = {RowType.BUY: "Bought", RowType.SELL: "Sold", RowType.TRANSFER: "Transferred", RowType.INCOME: "Income", RowType.EXPENSE: "Expense"}


@dataclass(frozen=True)
class Imported:
    """`rows` that could be read; of them `new` ones, and those that had been brought before."""

    rows: int
    new: int = 0
    unchanged: int = 0
    errors: list[RowError] = field(default_factory=list)


@dataclass(frozen=True)
class _Ready:
    """A row with everything that it stands for."""

    row: TableRow
    transaction: Transaction
    decision: Decision
    fee: Decimal  # in the functional currency


async def import_transactions(
    uow: UnitOfWork, clock: Clock, networks: Networks, org_id: str, table: Sequence[Sequence[str]], *, file_name: str, dry_run: bool
) -> Imported:
    """With errors nothing is stored, and with `dry_run` nothing either way."""
    now = clock.now()
    rows, errors = read_rows(table, now)
    ready, more = await _made(networks, org_id, rows, now)
    errors = sorted([*errors, *more], key=lambda error: (error.row, error.column))
    known = {row.id: row for row in await transactions.by_ids(org_id, [one.transaction.id for one in ready])}
    errors += [_changed(one.row) for one in ready if (before := known.get(one.transaction.id)) and before.content_hash != one.row.content]
    if errors or dry_run:
        return Imported(len(rows), sum(one.transaction.id not in known for one in ready), len(known), errors)
    organization = await organizations.get(org_id)
    assert organization is not None
    ready.sort(key=lambda one: (one.row.at, one.row.number))  # costs are averages of what came before

    async def work(session: Session) -> int:
        there = {row.id for row in await transactions.by_ids(org_id, [one.transaction.id for one in ready], session)}
        fresh = [one for one in ready if one.transaction.id not in there]
        for one in fresh:
            await _store(session, one, organization.time_zone, now)
        summary = f"{len(fresh)} transactions were imported from {file_name[:100]}."
        after = {"file": file_name[:200], "rows": len(rows), "new": len(fresh)}
        await audit.record(session, org_id, "transactions.imported", summary, now, subject=("transactions", ""), after=after)
        return len(fresh)

    new = await uow.run(work)
    return Imported(len(rows), new, len(rows) - new)


def _changed(row: TableRow) -> RowError:
    return RowError(row.number, "external_id", "was brought before with other values")


async def _store(session: Session, one: _Ready, time_zone: str, now: datetime) -> None:
    row = one.transaction
    posting = await draw_up(session, row.org_id, changes_of(row.movements, one.decision.category))
    lines = [*posting.lines, *_fee_lines(one)]
    purpose = await ledger.open_purpose(session, row.org_id, SourceKind.TRANSACTION, source_of(row), PURPOSE)
    draft = EntryDraft(
        date=row.timestamp.astimezone(ZoneInfo(time_zone)).date(),
        description=f"{_TITLES[one.row.type]}: {one.row.description}"[:200] if one.row.description else _TITLES[one.row.type],
        source=Source(kind=SourceKind.TRANSACTION, id=source_of(row), purpose=purpose),
        lines=lines,
        reference=one.row.external_id[:100],
        transaction_id=row.id,
        unpriced=posting.unpriced,
    )
    entry = await ledger.post(session, row.org_id, draft, now)
    stored = row.model_copy(update={"entry_ids": [entry.id], "unpriced": posting.unpriced, "booked_at": now})
    await transactions.insert_made(session, stored)
    await events.append(session, row.org_id, TransactionBooked(**stored.event_fields()), now)


def _fee_lines(one: _Ready) -> list[Line]:
    """What was paid in money: its other side stands in suspense, as that of a purchase does."""
    if not one.fee:
        return []
    return [
        Line(account_code=AccountCode.NETWORK_FEES, debit=one.fee, description="Fee"),
        Line(account_code=AccountCode.SUSPENSE, credit=one.fee, description="Fee"),
    ]


# ---- what a row stands for -------------------------------------------------------------------------------------------------------


async def _made(networks: Networks, org_id: str, rows: Sequence[TableRow], now: datetime) -> tuple[list[_Ready], list[RowError]]:
    found = await wallets.active(org_id)
    organization = await organizations.get(org_id)
    assert organization is not None
    ready: list[_Ready] = []
    errors: list[RowError] = []
    for row in rows:
        maker = _Maker(networks, org_id, organization.functional_currency, found, row, now)
        made = await maker.made()
        if maker.errors or made is None:
            errors += maker.errors
        else:
            ready.append(made)
    return ready, errors


class _Maker:
    """One row, and what is wrong with it here."""

    def __init__(self, networks: Networks, org_id: str, currency: str, found: Sequence[Wallet], row: TableRow, now: datetime) -> None:
        self._networks, self._org_id, self._currency, self._wallets, self._row, self._now = networks, org_id, currency, found, row, now
        self.errors: list[RowError] = []

    async def made(self) -> _Ready | None:
        row = self._row
        here, there = self._wallet("wallet", row.wallet), self._wallet("to_wallet", row.to_wallet)
        near = here or there
        if self.errors or near is None:
            return None
        if here is not None and there is not None and here.network != there.network:
            self._wrong("to_wallet", f"is on {there.network}, and wallet on {here.network}")
        network = self._networks.get(near.network)
        if network is None:
            self._wrong("wallet", "is on a network that is not configured any more")
            return None
        asset = self._asset(network, "asset", row.asset)
        fee_asset = self._asset(network, "fee_asset", row.fee_asset) if row.fee_asset else None
        if self.errors or asset is None:
            return None
        movements = [await self._moved(near, here, there, asset, network)]
        if fee_asset is not None and here is not None:
            movements.append(await self._fee(here, fee_asset, asset, network))
        if self.errors:
            return None
        decision = self._decision(here, there)
        return _Ready(row, self._transaction(near, network, movements, decision), decision, self._fee_in_money())

    def _wrong(self, column: str, message: str) -> None:
        self.errors.append(RowError(self._row.number, column, message))

    def _wallet(self, column: str, said: str) -> Wallet | None:
        if not said:
            return None
        folded = said.casefold()
        found = [row for row in self._wallets if row.name.casefold() == folded or row.address.casefold() == folded]
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
        price = row.price if row.price is not None else await self._price(asset.name, network)
        return self._movement("value", near, asset, row.amount, price, "amount").model_copy(
            update={
                "direction": Direction.INTERNAL if both else Direction.IN if comes else Direction.OUT,
                "counter_wallet_id": there.id if both and there is not None else None,
                "from_address": ZERO_ADDRESS if comes else near.address,
                "to_address": near.address if comes else there.address if there is not None else ZERO_ADDRESS,
            }
        )

    async def _fee(self, here: Wallet, fee_asset: ChainAsset, asset: ChainAsset, network: NetworkConfig) -> Movement:
        same = fee_asset.name == asset.name and self._row.price is not None
        price = self._row.price if same else await self._price(fee_asset.name, network)
        return self._movement("gas", here, fee_asset, self._row.fee, price, "fee")

    def _movement(self, key: str, wallet: Wallet, asset: ChainAsset, amount: Decimal, price: Decimal | None, column: str) -> Movement:
        value = ledger_rules.value_of(amount, price) if price is not None else None
        if price is not None and (value is None or not is_exact(value)):
            self._wrong(column, "times the price is too large for the books")
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
            value=value,
            rate=price if value is not None else None,
            price_source="manual" if value is not None else None,
            price_at=self._row.at if value is not None else None,
        )

    async def _price(self, asset: str, network: NetworkConfig) -> Decimal | None:
        if self._row.type is RowType.TRANSFER and self._row.wallet and self._row.to_wallet:
            return None  # nothing is realised between one's own wallets
        quote = await prices.past_rate(self._org_id, asset, self._currency, network, self._row.at)
        return quote.rate if quote is not None else None

    def _decision(self, here: Wallet | None, there: Wallet | None) -> Decision:
        row = self._row
        if row.type is RowType.TRANSFER:
            both = here is not None and there is not None
            category = Category.OWN_TRANSFER if both else Category.TRANSFER_OUT if here is not None else Category.TRANSFER_IN
        else:
            category = _CATEGORIES[row.type]
        return Decision(
            category=category,
            subcategory=row.type.value.lower(),
            confidence=1,
            source=DecisionSource.PERSON,
            explanation=row.description or "Imported from a table.",
        )

    def _fee_in_money(self) -> Decimal:
        return Decimal(0) if self._row.fee_asset else to_functional(self._row.fee)

    def _transaction(self, near: Wallet, network: NetworkConfig, movements: list[Movement], decision: Decision) -> Transaction:
        row = self._row
        digest = hashlib.sha256(row.key.encode()).hexdigest()[:40]
        return Transaction(
            id=f"{self._org_id}:import:{digest}",
            created_at=self._now,
            org_id=self._org_id,
            origin=Origin.IMPORT,
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
            content_hash=row.content,
            note=f"external id: {row.external_id}" if row.external_id else "",
            **as_fields(decision),
        )
