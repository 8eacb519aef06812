"""Money goes back to whoever sent it, through the payment machine: simulated, approved and signed as any payment.

    asked     a part of the receipt is set aside for the refund, and the payment is prepared with that part as its origin: it is never paid twice
    on chain  its transaction is booked as what it is: debit 2100 (its worth then), credit 1100
    settled   debit 2150 (what it was worth when it came), credit 2100 (what went back); the difference is a gain or loss of exchange

A refund that was rejected, cancelled or failed gives its part back to the desk.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from crypto_api.flows.apply_receipts import as_clients_payment
from crypto_api.flows.match_receipts import Matcher
from crypto_api.flows.prepare_payment import NewPayment, prepare_payment
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.flows.take_back_receipts import refresh_flags
from crypto_api.kit.amounts import add_exactly, text
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import CoreError, PreconditionFailed
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.ids import new_id
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.ledger import service as ledger
from crypto_api.ledger.types import AccountCode, EntryDraft, Line, Source, SourceKind
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Principal
from crypto_api.payments import store as payments
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import ENDED, Origin, PaymentState
from crypto_api.receivables import service, store
from crypto_api.receivables.documents import Receipt
from crypto_api.receivables.errors import NotOpen
from crypto_api.receivables.events import ReceiptOpen, ReceiptResolved
from crypto_api.receivables.types import REFUND_ORIGIN, ReceiptState, Use, UseKind
from crypto_api.transactions import store as transactions
from crypto_api.transactions.types import Booking, Direction
from mongodb_config.unit_of_work import Session

ORIGIN = REFUND_ORIGIN
ROWS_AT_ONCE = 200
_LOOK_AGAIN = timedelta(seconds=5)
_LOST_AFTER = timedelta(minutes=10)  # a part that was set aside, and no payment was prepared for


async def refund_receipt(desk: PaymentDesk, principal: Principal, org_id: str, receipt_id: str, wallet_id: str) -> tuple[Receipt, Payment]:
    """All that is left, to the address it came from. NotFound, NotOpen, and as `prepare_payment`: then nothing is set aside."""
    receipt, use = await desk.uow.run(lambda session: _set_aside(session, org_id, receipt_id, principal.user_id, desk.clock.now()))
    faultpoint("refund.set_aside")
    new = NewPayment(
        wallet_id=wallet_id,
        amount=use.quantity,
        to=receipt.payer,
        asset=receipt.asset,
        network=receipt.network,
        description=f"Refund of {text(use.quantity)} {receipt.symbol} that came in {receipt.hash[:10]}",
    )
    guard = partial(_still_aside, org_id, receipt_id, use.id, desk.clock.now())
    try:
        payment = await prepare_payment(desk, principal, org_id, new, _origin(receipt_id, use.id), guard=guard)
    except CoreError:
        await desk.uow.run(lambda session: _give_back(session, org_id, receipt_id, use.id, desk.clock.now()))
        raise
    faultpoint("refund.prepared")
    after = await desk.uow.run(lambda session: _named(session, org_id, receipt_id, use.id, payment.id, desk.clock.now()))
    return after, payment


async def settle_refunds(matcher: Matcher, scope: OrgScope = EVERYBODY) -> int:
    """Those whose payment has ended: booked, or given back to the desk. How many."""
    done = 0
    for receipt in await store.refunding(matcher.clock.now(), ROWS_AT_ONCE, scope):
        for use in (use for use in receipt.uses if not use.settled):
            with suppress(PreconditionFailed):
                done += await _look(matcher, receipt, use)
    return done


async def _look(matcher: Matcher, receipt: Receipt, use: Use) -> bool:
    org_id, now = receipt.org_id, matcher.clock.now()
    payment = await payments.by_origin(org_id, _origin(receipt.id, use.id))
    if payment is None and now - use.at <= _LOST_AFTER:
        return await _later(matcher, receipt, now)
    if payment is None or _came_to_nothing(payment):
        await matcher.uow.run(lambda session: _give_back(session, org_id, receipt.id, use.id, now))
        return True
    if payment.state is not PaymentState.CONFIRMED or (worth := await _went_back(org_id, payment)) is None:
        return await _later(matcher, receipt, now)
    await matcher.uow.run(lambda session: _settle(session, org_id, receipt.id, use.id, payment, worth, now))
    faultpoint("refund.settled")
    return True


def _origin(receipt_id: str, use_id: str) -> Origin:
    return Origin(kind=ORIGIN, id=receipt_id, component=use_id)


def _came_to_nothing(payment: Payment) -> bool:
    """For good: it ended, and no reorganisation can bring it back."""
    return payment.state in ENDED and payment.state is not PaymentState.CONFIRMED and payment.due_at is None


async def _later(matcher: Matcher, receipt: Receipt, now: datetime) -> bool:
    await matcher.uow.run(lambda session: service.put(session, receipt, {"look_at": now + _LOOK_AGAIN}, now, None))
    return False


async def _went_back(org_id: str, payment: Payment) -> Decimal | None:
    """What was booked on payables for it. None while it is not in the books, or has no price."""
    for row in await transactions.of_payment(org_id, payment.id):
        moved = [
            movement
            for movement in row.movements
            if movement.direction is Direction.OUT and movement.kind not in ("gas", "levy") and not movement.spam
        ]
        if row.booking is Booking.DONE and not row.orphaned and moved and all(movement.value is not None for movement in moved):
            return add_exactly([movement.value for movement in moved if movement.value is not None])
    return None


# ---- parts -----------------------------------------------------------------------------------------------------------------------


async def _set_aside(session: Session, org_id: str, receipt_id: str, by: str, now: datetime) -> tuple[Receipt, Use]:
    receipt = await service.standing(session, org_id, receipt_id)
    if receipt.state is not ReceiptState.OPEN or receipt.left <= 0 or receipt.value is None:
        raise NotOpen("Nothing of it is open: it is matched, not final yet, without a price, or its block left the chain.")
    await as_clients_payment(session, receipt, "It goes back to its sender.", "", now)
    use = Use(id=new_id("rcu"), kind=UseKind.REFUND, quantity=receipt.left, value=receipt.value_left, settled=False, by=by, at=now)
    changes = service.with_use(receipt, use) | {"look_at": now}
    after = await service.put(session, receipt, changes, now, ReceiptResolved)
    await _refresh(session, after, now)
    await service.record(session, after, "receipt.refund_asked", f"{text(use.quantity)} {receipt.symbol} are to go back to their sender", now)
    return after, use


async def _still_aside(
    org_id: str, receipt_id: str, use_id: str, now: datetime, session: Session, prepared: Sequence[Payment]
) -> Mapping[str, CoreError]:
    """In the unit of work that stores the payment. It writes to the receipt, as giving back does, so that never both happen. NotOpen."""
    receipt = await service.standing(session, org_id, receipt_id)
    if all(use.id != use_id for use in receipt.uses):
        return {payment.id: NotOpen("It was given back to the desk meanwhile.") for payment in prepared}
    await service.put(session, receipt, {"look_at": now}, now, None)
    return {}


async def _named(session: Session, org_id: str, receipt_id: str, use_id: str, payment_id: str, now: datetime) -> Receipt:
    receipt = await service.standing(session, org_id, receipt_id)
    uses = [use.model_copy(update={"refund_id": payment_id}) if use.id == use_id else use for use in receipt.uses]
    return await service.put(session, receipt, {"uses": uses}, now, None)


async def _give_back(session: Session, org_id: str, receipt_id: str, use_id: str, now: datetime) -> None:
    """Nothing where a payment was stored meanwhile: then it is that which decides."""
    receipt, payment = await service.standing(session, org_id, receipt_id), await payments.by_origin(org_id, _origin(receipt_id, use_id), session)
    if all(use.id != use_id for use in receipt.uses) or (payment is not None and not _came_to_nothing(payment)):
        return
    uses = [use for use in receipt.uses if use.id != use_id]
    state = receipt.state if receipt.state is ReceiptState.GONE else ReceiptState.OPEN
    after = await service.put(session, receipt, {"uses": uses, "state": state}, now, ReceiptOpen)
    await _refresh(session, after, now)


async def _settle(session: Session, org_id: str, receipt_id: str, use_id: str, payment: Payment, worth: Decimal, now: datetime) -> None:
    receipt, organization = await service.standing(session, org_id, receipt_id), await organizations.get(org_id, session)
    assert organization is not None
    use = next(use for use in receipt.uses if use.id == use_id)
    draft = EntryDraft(
        date=day_of(now, organization.time_zone),
        description=f"Refund of {text(use.quantity)} {receipt.symbol}",
        reference=payment.id,
        source=Source(kind=SourceKind.INVOICE_PAYMENT, id=use.id, purpose="refund"),
        lines=_lines(use.value, worth),
    )
    entry = await ledger.post(session, org_id, draft, now)
    uses = [one.model_copy(update={"settled": True, "entry_id": entry.id}) if one.id == use_id else one for one in receipt.uses]
    await service.put(session, receipt, {"uses": uses}, now, ReceiptResolved)
    faultpoint("refund.before_settle")


def _lines(came: Decimal, went: Decimal) -> list[Line]:
    lines = [Line(account_code=AccountCode.UNAPPLIED, debit=came), Line(account_code=AccountCode.PAYABLES, credit=went)]
    if came > went:
        lines.append(Line(account_code=AccountCode.EXCHANGE_GAINS, credit=came - went))
    if came < went:
        lines.append(Line(account_code=AccountCode.EXCHANGE_LOSSES, debit=went - came))
    return [line for line in lines if line.debit or line.credit]


async def _refresh(session: Session, receipt: Receipt, now: datetime) -> None:
    if receipt.invoice_id is not None:
        await refresh_flags(session, receipt.org_id, receipt.invoice_id, now)
