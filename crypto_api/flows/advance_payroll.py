"""The plan of an ordered payroll is carried out, step by step, by whoever is there: each step says what to do next from what is stored.

    no payment yet → prepared, with the step's id as its origin (so there is one, whoever prepares it and how often)
    a payment      → its state is that of its shares, until no reorganisation can reach it any more

A batch of a token waits for its allowance to be mined. What cannot be prepared for now (no funds, a limit, a node that is away) waits and says why;
what would fail is given up, so that its shares can be ordered anew, each alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from crypto_api.events import service as events
from crypto_api.flows.decide_payment import Word, approve_payment
from crypto_api.flows.prepare_batch import NewAllowance, NewBatch, NewShare, prepare_allowance, prepare_batch
from crypto_api.flows.prepare_payment import NewPayment, PaymentDesk, prepare_payment
from crypto_api.kit.amounts import to_units
from crypto_api.kit.errors import CoreError, FieldError, InvalidInput, NotFound
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.organizations.types import Principal
from crypto_api.payments import store as payments
from crypto_api.payments.documents import Payment
from crypto_api.payments.errors import WouldRevert
from crypto_api.payments.types import ENDED, Origin, PaymentKind, PaymentState
from crypto_api.payroll import rules, service, store
from crypto_api.payroll.documents import Payout, PayrollStep
from crypto_api.payroll.events import PayslipMoved, PayslipPaid
from crypto_api.payroll.types import PayoutState, PayslipStatus, StepKind
from mongodb_config.unit_of_work import Session

ORIGIN = "payslip"  # of the payments: what their category and their account follow from
AT_ONCE = 200
_SOON, _LATER, _WAITS = timedelta(seconds=1), timedelta(seconds=10), timedelta(seconds=30)
_MINED = (PaymentState.MINED, PaymentState.CONFIRMED)


@dataclass(frozen=True)
class _Seen:
    """What is to be stored of a step."""

    state: PayoutState
    payment_id: str | None
    hash: str | None
    reason: str
    settled: bool


async def advance_payroll(desk: PaymentDesk) -> int:
    """What of every organisation is due; how many steps were looked at."""
    rows = await store.steps_due(desk.clock.now(), AT_ONCE)
    for row in rows:
        await advance_step(desk, row)
    return len(rows)


async def advance_step(desk: PaymentDesk, step: PayrollStep) -> None:
    if step.payment_id is None:
        await _prepare(desk, step)
    else:
        payment = await payments.get(step.org_id, step.payment_id)
        assert payment is not None, "a payment is never deleted"
        await _note(desk, step, _of_payment(payment))


def _of_payment(payment: Payment) -> _Seen:
    otherwise = PayoutState.FAILED if payment.state in ENDED else PayoutState.SENT
    state = PayoutState.PAID if payment.state is PaymentState.CONFIRMED else otherwise
    settled = payment.state in ENDED and payment.due_at is None
    return _Seen(state, payment.id, payment.hash if payment.block_number is not None else None, payment.reason, settled)


# ---- prepared --------------------------------------------------------------------------------------------------------------------


async def _prepare(desk: PaymentDesk, step: PayrollStep) -> None:
    blocked = await _blocked(step)
    if blocked is not None:
        await (_give_up(desk, step, blocked.why) if blocked.for_good else _wait(desk, step, blocked.why, _SOON))
        return
    try:
        payment = await _payment_of(desk, step)
    except _GivenUp:
        return
    except (InvalidInput, WouldRevert, NotFound) as error:
        await _give_up(desk, step, _told(error))
    except CoreError as error:
        await _wait(desk, step, error.detail, _WAITS)
    else:
        faultpoint("payroll.after_payment")
        await _note(desk, step, _of_payment(payment))


@dataclass(frozen=True)
class _Blocked:
    why: str
    for_good: bool = False


async def _blocked(step: PayrollStep) -> _Blocked | None:
    """Why a batch of a token cannot be prepared yet."""
    if step.kind is not StepKind.BATCH:
        return None
    first = next(
        (row for row in await store.steps_of_run(step.org_id, step.run_id) if row.asset == step.asset and row.kind is StepKind.ALLOWANCE), None
    )
    if first is None:
        return None
    payment = await payments.get(step.org_id, first.payment_id) if first.payment_id is not None else None
    if payment is not None and payment.state in _MINED:
        return None
    if first.settled:
        return _Blocked(f"The allowance that it needs came to nothing: {payment.reason if payment is not None else first.reason}", for_good=True)
    return _Blocked("It waits for its allowance to be mined.")


async def _payment_of(desk: PaymentDesk, step: PayrollStep) -> Payment:
    """Prepared once: the same origin is the same payment. _GivenUp."""
    rows = await store.payouts_of_step(step.org_id, step.id)
    origin, guard = _origin(step), partial(_still_wanted, step, rows, desk.clock.now())
    who = _ordering(step, desk.clock.now())
    period = await store.period(step.org_id, step.period_id)
    title = f"Payroll {period.title}" if period is not None else "Payroll"
    asset = None if step.asset == desk.networks[step.network].native_asset else step.asset
    if step.kind is StepKind.ALLOWANCE:
        new = NewAllowance(step.wallet_id, step.asset, int(step.raw_amount), title)
        return await prepare_allowance(desk, who, step.org_id, new, origin, confirmed=True, guard=guard)
    if step.kind is StepKind.BATCH:
        shares = [NewShare(int(row.raw_amount), row.payslip_id, payee_id=row.payee_id, settles=row.settles) for row in rows]
        return await prepare_batch(desk, who, step.org_id, NewBatch(step.wallet_id, shares, asset, title), origin, confirmed=True, guard=guard)
    (row,) = rows
    amount = to_units(int(row.raw_amount), row.decimals)
    alone = NewPayment(step.wallet_id, amount, payee_id=row.payee_id, asset=asset, description=f"{title} ({row.payslip_id})", settles=row.settles)
    return await prepare_payment(desk, who, step.org_id, alone, origin, confirmed=True, guard=guard)


def _origin(step: PayrollStep) -> Origin:
    return Origin(kind=ORIGIN, id=step.id)


class _GivenUp(Exception):
    """The step was given up at the same moment: its shares may be ordered anew, so this payment must never be."""


async def _still_wanted(step: PayrollStep, rows: Sequence[Payout], now: datetime, session: Session, payment: Payment) -> None:
    """In the unit of work that stores the payment. It writes to the step, as giving up does, so that never both happen. _GivenUp; InvalidInput where
    the address book was changed since the order, which compared it with what the employee proved."""
    if step.kind is not StepKind.ALLOWANCE and _places_of(payment) != [(row.address, row.raw_amount) for row in rows]:
        raise InvalidInput.of("payee", "has another address in the address book than when this was ordered", "address_changed")
    row = await store.step(step.org_id, step.id, session)
    if row is None or row.settled:
        raise _GivenUp
    await store.change_step(session, step.org_id, step.id, {"updated_at": now})


def _places_of(payment: Payment) -> list[tuple[str, str]]:
    if payment.kind is PaymentKind.BATCH:
        return [(row.address, row.raw_amount) for row in payment.payees]
    return [(payment.payee_address, payment.raw_amount)]


def _ordering(step: PayrollStep, now: datetime) -> Principal:
    """Whoever ordered the run: they confirmed it by a step-up, and never approve its payments."""
    return Principal(step.ordered_by, step.org_id, None, frozenset(), "", now)


def _told(error: CoreError) -> str:
    return f"{error.errors[0].field} {error.errors[0].message}" if isinstance(error, InvalidInput) and error.errors else error.detail


async def _wait(desk: PaymentDesk, step: PayrollStep, why: str, pause: timedelta) -> None:
    now = desk.clock.now()
    changes = {"reason": why, "look_at": now + pause, "updated_at": now}
    await desk.uow.run(lambda session: store.change_step(session, step.org_id, step.id, changes))


async def _give_up(desk: PaymentDesk, step: PayrollStep, why: str) -> None:
    """No payment was ever stored for it, and none will be: nothing of it can be on the chain."""
    await _note(desk, step, _Seen(PayoutState.FAILED, None, None, why, True))


# ---- what follows ----------------------------------------------------------------------------------------------------------------


async def _note(desk: PaymentDesk, step: PayrollStep, seen: _Seen) -> None:
    """The step, its shares, their payslips and the period, in one unit of work."""
    now = desk.clock.now()

    async def work(session: Session) -> None:
        before = await store.step(step.org_id, step.id, session)
        if before is None or before.payment_id not in (None, seen.payment_id) or before.settled:
            return
        if seen.payment_id is None and await payments.by_origin(step.org_id, _origin(step), session) is not None:
            return  # another process prepared it meanwhile: it is noted when the step is looked at again
        look_at = now + (_SOON if seen.state is PayoutState.SENT else _LATER)
        changes: dict[str, Any] = {
            "payment_id": seen.payment_id,
            "settled": seen.settled,
            "reason": seen.reason,
            "look_at": look_at,
            "updated_at": now,
        }
        await store.change_step(session, step.org_id, step.id, changes)
        rows = await store.payouts_of_step(step.org_id, step.id, session)
        fresh = {"state": seen.state, "payment_id": seen.payment_id, "hash": seen.hash, "reason": seen.reason}
        if all(getattr(row, name) == value for row in rows for name, value in fresh.items()):
            return
        await store.move_payouts(session, step.org_id, step.id, {**fresh, "updated_at": now})
        await _move_payslips(session, step, rows, now)

    await desk.uow.run(work)
    faultpoint("payroll.after_note")


async def _move_payslips(session: Session, step: PayrollStep, moved: Sequence[Payout], now: datetime) -> None:
    ids = sorted({row.payslip_id for row in moved})
    payslips = await store.payslips(step.org_id, ids, session)
    payouts = await store.payouts_of_payslips(step.org_id, ids, session)
    changes, told = [], []
    for payslip_id in ids:
        row, mine = payslips[payslip_id], payouts[payslip_id]
        status = rules.status_of(len(row.shares), len(row.hand_paid), [one.state for one in mine])
        hashes = list(dict.fromkeys(one.hash for one in mine if one.hash is not None))
        paid_at = (row.paid_at or now) if status is PayslipStatus.PAID else None
        if (status, hashes, paid_at) == (row.status, row.hashes, row.paid_at):
            continue
        changes.append((row, service.as_stored({"status": status, "hashes": hashes, "paid_at": paid_at, "updated_at": now}, row)))
        if status is not row.status:
            kind = PayslipPaid if status is PayslipStatus.PAID else PayslipMoved
            told.append((row.org_id, kind(payslip_id=row.id, period_id=row.period_id, status=status)))
    kept = await store.move_payslips(session, changes)
    assert kept, "they were read in this unit of work"
    if told:
        await events.append_all(session, told, now)
        await service.settle_period(session, step.org_id, step.period_id, now)


# ---- people --------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PaymentsApproved:
    approved: int
    refused: tuple[FieldError, ...]  # by payment


async def approve_run(desk: PaymentDesk, principal: Principal, org_id: str, period_id: str) -> PaymentsApproved:
    """Approves each payment of the period that waits for it, as it stands, each for itself: what this person may not approve is refused as it would
    be one by one. NotFound."""
    if await store.period(org_id, period_id) is None:
        raise NotFound
    ids = [row.payment_id for row in await store.steps_of_period(org_id, period_id) if row.payment_id is not None and not row.settled]
    approved, refused = 0, []
    for payment in sorted(await payments.by_ids(org_id, ids), key=lambda row: row.id):
        if payment.state is not PaymentState.PENDING_APPROVAL:
            continue
        try:
            await approve_payment(desk, principal, org_id, payment.id, Word(payload_hash=payment.payload_hash))
            approved += 1
        except CoreError as error:
            refused.append(FieldError(payment.id, error.detail, error.code))
    return PaymentsApproved(approved, tuple(refused))


async def payments_of_period(org_id: str, period_id: str) -> Mapping[str, Payment]:
    """By step: those that were prepared."""
    steps = await store.steps_of_period(org_id, period_id)
    found = {row.id: row for row in await payments.by_ids(org_id, [row.payment_id for row in steps if row.payment_id is not None])}
    return {row.id: found[row.payment_id] for row in steps if row.payment_id in found}
