"""Book stored transactions: decide what each means, value it, post it, mark it, tell it.

    facts → decide → prices ┐ before the unit of work: chain and price reads may be slow, and a unit of work may run several times
                            └ in it: holdings, lots → lines → entry → the row (compare-and-set) → event

Exactly once per transaction and block, whoever runs it and however often: the entry's source is unique, and the row is only marked while it
is due in that very block.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from crypto_api.classification.types import WITH_ACCOUNT, Category, Decision
from crypto_api.events import service as events
from crypto_api.flows.decide_transaction import as_fields
from crypto_api.flows.exchanges import exchange_of
from crypto_api.flows.note_receipts import note_receipts
from crypto_api.flows.post_by_lots import Drawn, post_by_lots
from crypto_api.flows.take_back_receipts import take_back_receipts
from crypto_api.kit.amounts import add_exactly, to_units
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, Acquisition, Change, Disposal, EntryDraft, Line, Place, Posting, Relocation, Source, SourceKind
from crypto_api.organizations import store as organizations
from crypto_api.payments import store as payments
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import BatchPayee
from crypto_api.prices import service as prices
from crypto_api.prices.types import Moment, PriceSources, Quote
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionBooked
from crypto_api.transactions.types import Booked, Booking, Direction, Movement, MovementKind
from mongodb_config.unit_of_work import Session, UnitOfWork

PURPOSE = "movements"
OF_A_PAYSLIP = "payslip"  # the kind of a payment's origin
_DESCRIPTION_MAX = 200


class _NoLongerDue(Exception):
    """Another run booked it, or its block is gone: this one leaves nothing behind."""


@dataclass(frozen=True)
class BookingResult:
    """`booked` is False when there was nothing to do: it was no longer due in its block."""

    booked: bool
    category: Category
    entry_id: str | None = None
    unpriced: bool = False

    @property
    def unclassified(self) -> bool:
        return self.booked and self.category is Category.UNCLASSIFIED


@dataclass(frozen=True)
class Valued:
    """What is known before the unit of work begins."""

    transaction: Transaction
    decision: Decision
    movements: tuple[Movement, ...]
    changes: tuple[Change, ...]
    time_zone: str


async def book_valued(uow: UnitOfWork, clock: Clock, valued: Sequence[Valued]) -> list[BookingResult]:
    """Of one organisation, in their order and in one unit of work, all or none: where one was changed since it was read, none is booked."""
    now = clock.now()
    try:
        booked = await uow.run(lambda session: _book(session, valued, now))
    except _NoLongerDue:
        return [BookingResult(False, one.decision.category) for one in valued]
    faultpoint("book_transaction.committed")
    return booked


async def reverse_bookings(session: Session, transaction: Transaction, now: datetime, reason: str | None = None) -> None:
    """Mirror entries for whatever stands in the books: its block is no longer part of the chain, unless there is another reason."""
    left_chain = reason is None
    reason = reason or f"block {transaction.block_number} was reorganised away"
    await take_back_receipts(session, transaction, now, reason, left_chain=left_chain)
    await ledger.reverse_transaction(session, transaction.org_id, transaction.id, now, reason)


async def rebook(session: Session, transaction: Transaction, decision: Decision, time_zone: str, now: datetime) -> JournalEntry | None:
    """Takes back what stands in the books for it and posts it anew as `decision` has it; `transaction` is as it was before. None when nothing stood
    there. Where only the reason changes, values and costs stay what they were."""
    org_id, movements = transaction.org_id, tuple(transaction.movements)
    standing = await ledger_store.posted_of_transaction(org_id, transaction.id, session)
    if not standing:
        return None
    await ledger.reverse_transaction(session, org_id, transaction.id, now, f"reclassified as {decision.category}")
    booked = [entry for entry in standing if entry.source_kind is not SourceKind.LOTS]  # what its lots cost is compared anew
    payment = await _payment_that_made(transaction, decision)
    settles = payment is not None and payment.origin.kind == OF_A_PAYSLIP
    anew = settles or (decision.category is Category.SWAP and exchange_of([row for row in movements if _counts(row) and row.kind not in _FEES]))
    lines = relabelled([line for entry in booked for line in entry.lines], decision, transaction.account) if not anew else None
    valued = Valued(transaction, decision, movements, tuple(changes_of(movements, decision.category, payment, decision.account)), time_zone)
    if lines is not None:
        posting = Posting(tuple(lines), any(entry.unpriced for entry in booked))
    else:
        posting = await draw_up(session, org_id, valued.changes)
    earlier = await ledger_store.entries_of_source(org_id, SourceKind.TRANSACTION, source_of(transaction), session)
    return await ledger.post(session, org_id, draft(valued, posting, f"reclassified:{len(earlier)}"), now)


async def _book(session: Session, valued: Sequence[Valued], now: datetime) -> list[BookingResult]:
    org_id = valued[0].transaction.org_id
    source_ids = [source_of(one.transaction) for one in valued]
    purposes = await ledger.open_purposes(session, org_id, SourceKind.TRANSACTION, source_ids, PURPOSE)
    drawn = [_drawn(one, purposes[source_of(one.transaction)]) for one in valued]
    posted = await post_by_lots(session, org_id, valued[0].time_zone, drawn, now)
    booked = [_booked(one, posting, entry.id if entry is not None else None) for one, (posting, entry) in zip(valued, posted, strict=True)]
    if not await transactions.mark_booked(session, org_id, booked, now):
        raise _NoLongerDue
    told = [(org_id, TransactionBooked(**one.transaction.event_fields() | {"category": one.decision.category.value})) for one in valued]
    await events.append_all(session, told, now)
    await note_receipts(session, org_id, [(one.transaction, one.movements, one.decision.category) for one in valued], now)
    faultpoint("book_transaction.before_commit")
    return [BookingResult(True, one.decision.category, row.entry_id, row.unpriced) for one, row in zip(valued, booked, strict=True)]


def _drawn(valued: Valued, purpose: str) -> Drawn:
    source = Source(kind=SourceKind.TRANSACTION, id=source_of(valued.transaction), purpose=purpose)
    return Drawn(valued.changes, valued.transaction, valued.movements, source, lambda posting: draft(valued, posting, purpose))


def _booked(valued: Valued, posting: Posting, entry_id: str | None) -> Booked:
    return Booked(
        row_id=valued.transaction.id,
        block_hash=valued.transaction.block_hash,
        version=valued.transaction.version,
        booking=Booking.DONE if posting.lines else Booking.NONE,
        movements=valued.movements,
        decision=as_fields(valued.decision),
        entry_id=entry_id,
        unpriced=posting.unpriced,
    )


# ---- parts that other flows of the books use as well -----------------------------------------------------------------------------


def source_of(transaction: Transaction) -> str:
    return f"{transaction.id}@{transaction.block_hash}"


async def draw_up(session: Session, org_id: str, changes: Sequence[Change]) -> Posting:
    """Lines from the holdings as they are in this unit of work, at the average: something was taken back first, so that all is compared anew."""
    return ledger_rules.post(changes, await ledger_store.holdings_in(org_id, ledger_rules.places(changes), session))


def draft(valued: Valued, posting: Posting, purpose: str) -> EntryDraft:
    """Dated by the block, in the organisation's time zone."""
    transaction, decision = valued.transaction, valued.decision
    title = decision.category.value.replace("_", " ").capitalize()
    return EntryDraft(
        date=day_of(transaction.timestamp, valued.time_zone),
        description=f"{title}: {decision.counterparty}" if decision.counterparty else title,
        source=Source(kind=SourceKind.TRANSACTION, id=source_of(transaction), purpose=purpose),
        lines=list(posting.lines),
        reference=transaction.brought.external_id[:100] if transaction.brought else "",
        transaction_id=transaction.id,
        transaction_hash=transaction.hash,
        unpriced=posting.unpriced,
    )


async def value(transaction: Transaction, decision: Decision, network: NetworkConfig, feeds: PriceSources, now: datetime) -> Valued:
    """Prices at the transaction's block, one reading for each asset."""
    organization = await organizations.get(transaction.org_id)
    assert organization is not None, f"transaction {transaction.id} of an organisation that does not exist"
    moment = Moment(network, transaction.block_number, transaction.block_hash, transaction.timestamp)
    quotes: dict[str, Quote | None] = {}
    for asset in sorted({movement.asset for movement in transaction.movements if _counts(movement)}):
        quotes[asset] = await prices.rate_at(transaction.org_id, asset, organization.functional_currency, moment, feeds, now)
    movements = tuple(_priced(movement, quotes) for movement in transaction.movements)
    changes = changes_of(movements, decision.category, await _payment_that_made(transaction, decision), decision.account)
    return Valued(transaction, decision, movements, tuple(changes), organization.time_zone)


async def _payment_that_made(transaction: Transaction, decision: Decision) -> Payment | None:
    """None too where the wallet sent something else in its place."""
    payment = await payments.get(transaction.org_id, decision.payment_id) if decision.payment_id is not None else None
    return payment if payment is not None and transaction.to_address == payment.call.to else None


def _counts(movement: Movement) -> bool:
    """Whether it belongs into the books: no spam, no collectible, not zero, and an amount that 34 digits hold."""
    return not movement.spam and not movement.collectible and movement.amount is not None and movement.amount > 0


def _priced(movement: Movement, quotes: Mapping[str, Quote | None]) -> Movement:
    quote = quotes.get(movement.asset) if _counts(movement) else None
    worth = ledger_rules.value_of(movement.amount, quote.rate) if quote is not None and movement.amount is not None else None
    if quote is None or worth is None:
        return movement.model_copy(update={"value": None, "rate": None, "price_source": None, "price_at": None, "price_origin": None})
    return movement.model_copy(
        update={"value": worth, "rate": quote.rate, "price_source": quote.source.value, "price_at": quote.at, "price_origin": quote.origin}
    )


# ---- what a category posts -------------------------------------------------------------------------------------------------------

_CONTRA = {
    (Category.INCOME, Direction.IN): AccountCode.REVENUE,
    (Category.REWARD, Direction.IN): AccountCode.REWARDS,
    (Category.INVOICE_PAYMENT, Direction.IN): AccountCode.UNAPPLIED,
    (Category.INVOICE_PAYMENT, Direction.OUT): AccountCode.PAYABLES,
    (Category.EXPENSE, Direction.OUT): AccountCode.SUPPLIERS,
    (Category.PAYROLL, Direction.OUT): AccountCode.SALARIES,
    (Category.GAS, Direction.OUT): AccountCode.NETWORK_FEES,
    (Category.OPENING_BALANCE, Direction.IN): AccountCode.OPENING,
}
"""A category that does not fit a movement's direction leaves it in suspense."""

_FEES = {MovementKind.GAS: "Network fee", MovementKind.LEVY: "Fee of the token"}
_CONTRAS = frozenset({*_CONTRA.values(), AccountCode.PAYROLL_PAYABLE, AccountCode.SUSPENSE}) - {AccountCode.NETWORK_FEES}
_CUSTODY = frozenset({Category.TRANSFER_IN, Category.TRANSFER_OUT, Category.BRIDGE})
"""With somebody else for a while: an exchange, or a bridge until it arrives. Quantity and cost move, nothing is realised."""


def contra_of(category: Category, direction: Direction, account: str = "") -> str:
    """The account that says why; suspense where the category does not say it of this direction. `account` takes the place of the category's own
    where that may be another."""
    own = _CONTRA.get((category, direction), AccountCode.SUSPENSE)
    return account if account and category in WITH_ACCOUNT and own != AccountCode.SUSPENSE else own


def changes_of(movements: Sequence[Movement], category: Category, payment: Payment | None = None, account: str = "") -> list[Change]:
    """Fees first: gas is paid before anything moves. What went to the contract of a batch went to its payees: a line for each. What pays a payslip
    settles what is owed to the employee."""
    counted = [movement for movement in movements if _counts(movement)]
    fees = [movement for movement in counted if movement.kind in _FEES]
    moved = [movement for movement in counted if movement.kind not in _FEES]
    changes: list[Change] = [_disposal(movement, AccountCode.NETWORK_FEES) for movement in fees]
    if category is Category.WRAP and (wrapped := _wrap(moved)) is not None:
        return [*changes, *wrapped]
    if category is Category.SWAP and (exchanged := exchange_of(moved)) is not None:
        return [*changes, *exchanged]
    payees = payment.payees if payment is not None else ()
    one_by_one = list(payees) if payment is not None and payment.delegation is not None else []
    for movement in moved:
        change = _change(movement, category, account)
        named = _to_its_payee(movement, change, one_by_one)
        changes += [named] if named is not None else _by_payee(movement, change, payees)
    return changes if payment is None or payment.origin.kind != OF_A_PAYSLIP else [_settling(change, payment) for change in changes]


def _settling(change: Change, payment: Payment) -> Change:
    """The liability is worth what was agreed when the rate was fixed, so that is what the asset went for (IFRS 9, 3.3.3): the account of what is owed
    comes to zero, and what the price has moved since is in what was realised."""
    if not isinstance(change, Disposal) or change.contra != AccountCode.SALARIES:
        return change
    value = payment.settles if payment.settles is not None else change.value
    return replace(change, contra=AccountCode.PAYROLL_PAYABLE, value=value)


def _by_payee(movement: Movement, change: Change, payees: Sequence[BatchPayee]) -> list[Change]:
    """Each is worth what the sum grows by with it, so that they add up to the movement and none is below zero."""
    if not payees or not isinstance(change, Disposal) or sum(int(row.raw_amount) for row in payees) != int(movement.raw_amount):
        return [change]
    parts: list[Change] = []
    raw, before = 0, Decimal(0)
    for row in payees:
        raw += int(row.raw_amount)
        worth = ledger_rules.value_of(to_units(raw, movement.decimals or 0), movement.rate) if movement.rate is not None else None
        value = add_exactly([worth, -before]) if change.value is not None and worth is not None else None
        if row.settles is not None:
            value = row.settles
        parts.append(replace(change, quantity=to_units(int(row.raw_amount), movement.decimals or 0), value=value, description=_for(row)))
        before = worth or before
    return parts


def _to_its_payee(movement: Movement, change: Change, left: list[BatchPayee]) -> Change | None:
    """Of an account that pays as its own code (EIP-7702) each payee's money is a movement by itself. Each of `left` is taken once; None for a
    movement that is none of theirs: where nobody traces, one sum stands for all."""
    row = next((row for row in left if (row.address, row.raw_amount) == (movement.to_address, movement.raw_amount)), None)
    if row is None or not isinstance(change, Disposal):
        return None
    left.remove(row)
    return replace(change, description=_for(row), value=row.settles if row.settles is not None else change.value)


def _for(row: BatchPayee) -> str:
    return f"{row.name or row.address} ({row.reference})"[:_DESCRIPTION_MAX]


def relabelled(lines: Sequence[Line], decision: Decision, account_before: str) -> list[Line] | None:
    """The same lines with the account that says why exchanged; None where the category (or the one before) moves cost elsewhere. `account_before` is
    the one that took the place of the category's own, if any did."""
    category = decision.category
    elsewhere = {AccountCode.CUSTODY, AccountCode.EXCHANGES}
    if category in _CUSTODY or category is Category.WRAP or any(line.account_code in elsewhere for line in lines):
        return None
    saying_why = _CONTRAS | {account_before} if account_before else _CONTRAS
    return [_relabelled(line, decision) if line.account_code in saying_why else line for line in lines]


def _relabelled(line: Line, decision: Decision) -> Line:
    if line.quantity is None or line.wallet_id is not None:
        return line
    direction = Direction.IN if line.quantity < 0 else Direction.OUT  # a contra line carries the quantity with the other sign
    return line.model_copy(update={"account_code": contra_of(decision.category, direction, decision.account)})


def _change(movement: Movement, category: Category, account: str) -> Change:
    assert movement.amount is not None
    here = _place(movement, movement.wallet_id)
    if movement.direction is Direction.INTERNAL:
        assert movement.counter_wallet_id is not None
        return Relocation(here, _place(movement, movement.counter_wallet_id), movement.amount, description="Own transfer")
    if category in _CUSTODY:
        there = Place(AccountCode.CUSTODY, None, movement.asset)
        source, target = (there, here) if movement.direction is Direction.IN else (here, there)
        return Relocation(source, target, movement.amount, movement.value, "Bridge" if category is Category.BRIDGE else "Exchange")
    contra = contra_of(category, movement.direction, account)
    if movement.direction is Direction.IN:
        return Acquisition(here, movement.amount, movement.value, contra)
    return _disposal(movement, contra)


def _disposal(movement: Movement, contra: str) -> Disposal:
    assert movement.amount is not None
    description = _FEES.get(movement.kind, "")
    return Disposal(_place(movement, movement.wallet_id), movement.amount, movement.value, contra, description)


def _wrap(moved: Sequence[Movement]) -> list[Change] | None:
    """The coin into its wrapped form, or back, within one wallet; None when it is anything else, which a person may have called a wrap."""
    gone = [movement for movement in moved if movement.direction is Direction.OUT]
    come = [movement for movement in moved if movement.direction is Direction.IN]
    if len(gone) + len(come) != len(moved) or len({movement.wallet_id for movement in moved}) != 1:
        return None
    sources, targets = ({movement.asset for movement in side} for side in (gone, come))
    quantities = [add_exactly([movement.amount or Decimal(0) for movement in side]) for side in (gone, come)]
    if len(sources) != 1 or len(targets) != 1 or sources == targets or quantities[0] != quantities[1]:
        return None
    source, target = (_place(side[0], side[0].wallet_id) for side in (gone, come))
    return [Relocation(source, target, quantities[0], description="Change of form")]


def _place(movement: Movement, wallet_id: str) -> Place:
    return Place(AccountCode.CRYPTO, wallet_id, movement.asset)
