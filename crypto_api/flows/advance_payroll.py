"""The plan of an ordered payroll is carried out, many steps at a time, by whoever is there: each step says what to do next from what is stored.

    no payment yet → prepared, with the step's id as its origin (so there is one, whoever prepares it and how often)
    a payment      → its state is that of its shares, until no reorganisation can reach it any more

A batch of a token waits for its allowance to be mined. What cannot be prepared for now (no funds, a limit, a node that is away) waits and says why;
what would fail is given up, so that its shares can be ordered anew, each alone.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from crypto_api.events import service as events
from crypto_api.events.types import DomainEvent
from crypto_api.flows.decide_payment import Word, approve_payment
from crypto_api.flows.payroll_plan import PaymentRows, PlanRows, Prepare
from crypto_api.flows.prepare_batch import NewAllowance, NewBatch, NewShare
from crypto_api.flows.prepare_many import Order, prepare_many
from crypto_api.flows.prepare_payment import NewPayment
from crypto_api.flows.prepare_wanted import Guard, PaymentDesk
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
AT_ONCE = 500  # steps of one look
PAYEES_AT_ONCE = 1_000  # that are prepared, or noted, in one pass
NOTED_TOGETHER = 200  # steps of one unit of work
WITHIN_S = 15.0  # of one request
_SOON, _LATER, _WAITS = timedelta(seconds=1), timedelta(seconds=10), timedelta(seconds=30)
_OF_ITS_AGE = 20  # a step that goes on is looked at after that part of its age: what takes long is looked at less often
_MINED = (PaymentState.MINED, PaymentState.CONFIRMED)
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Seen:
    """What is to be stored of a step."""

    state: PayoutState
    payment_id: str | None
    hash: str | None
    reason: str
    settled: bool


async def _prepare_many(
    desk: PaymentDesk, principal: Principal, org_id: str, orders: Sequence[Order], *, confirmed: bool = False, guard: Guard | None = None
) -> Sequence[Payment | CoreError]:
    return await prepare_many(desk, principal, org_id, orders, confirmed=confirmed, guard=guard)


async def _tell(session: Session, told: Sequence[tuple[str, DomainEvent]], org_id: str, period_id: str, now: datetime) -> None:
    """What became of payslips, and of their period by it: in the unit of work that moved them."""
    await events.append_all(session, told, now)
    await service.settle_period(session, org_id, period_id, now)


@dataclass(frozen=True)
class Plan:
    """What the lane reaches the world through, beside clock and units of work of the desk, so that the same code runs in a simulator."""

    rows: PlanRows = store
    payments: PaymentRows = payments
    prepare: Prepare = _prepare_many
    tell: Callable[[Session, Sequence[tuple[str, DomainEvent]], str, str, datetime], Awaitable[None]] = _tell


_PLAN = Plan()


async def advance_payroll(desk: PaymentDesk, plan: Plan = _PLAN) -> int:
    """What of every organisation is due; how many steps were looked at."""
    rows = await plan.rows.steps_due(desk.clock.now(), AT_ONCE)
    runs: dict[tuple[str, str], list[PayrollStep]] = {}
    for row in rows:
        runs.setdefault((row.org_id, row.run_id), []).append(row)
    for steps in runs.values():
        await _advance_run(desk, plan, steps)
    return len(rows)


async def _advance_run(desk: PaymentDesk, plan: Plan, steps: Sequence[PayrollStep]) -> None:
    """Of one order."""
    org_id = steps[0].org_id
    found = {row.id: row for row in await plan.payments.by_ids(org_id, [step.payment_id for step in steps if step.payment_id is not None])}
    await _note(desk, plan, [(step, _of_payment(found[step.payment_id])) for step in steps if step.payment_id is not None])
    ready = await _unblocked(desk, plan, [step for step in steps if step.payment_id is None])
    payouts = await plan.rows.payouts_of_steps(org_id, [step.id for step in ready])
    for part in _parts(ready, lambda step: len(payouts[step.id]), AT_ONCE):
        await _prepare(desk, plan, part, payouts)


def _of_payment(payment: Payment) -> _Seen:
    otherwise = PayoutState.FAILED if payment.state in ENDED else PayoutState.SENT
    state = PayoutState.PAID if payment.state is PaymentState.CONFIRMED else otherwise
    settled = payment.state in ENDED and payment.due_at is None
    why = payment.reason if payment.holds or state is PayoutState.FAILED else ""  # how far it is on its way changes often, and stands on the payment
    return _Seen(state, payment.id, payment.hash if payment.block_number is not None else None, why, settled)


def _parts(rows: Sequence[Result], payees: Callable[[Result], int], most: int) -> Iterator[Sequence[Result]]:
    """In their order, with as many payees in each as are worked on at once, and at least one row."""
    part: list[Result] = []
    weight = 0
    for row in rows:
        if part and (weight + payees(row) > PAYEES_AT_ONCE or len(part) == most):
            yield part
            part, weight = [], 0
        part.append(row)
        weight += payees(row)
    if part:
        yield part


# ---- prepared --------------------------------------------------------------------------------------------------------------------


async def _unblocked(desk: PaymentDesk, plan: Plan, steps: Sequence[PayrollStep]) -> list[PayrollStep]:
    """Those that can be prepared; of the others it is noted why they cannot."""
    blocked = {asset: await _blocked(plan, steps[0], asset) for asset in sorted({step.asset for step in steps if step.kind is StepKind.BATCH})}
    ready, lost, waiting = [], [], []
    for step in steps:
        why = blocked[step.asset] if step.kind is StepKind.BATCH else None
        if why is None:
            ready.append(step)
        elif why.for_good:
            lost.append((step, why.why))
        else:
            waiting.append((step, why.why))
    await _give_up(desk, lost, plan)
    await _wait(desk, plan, waiting, _SOON)
    return ready


async def _prepare(desk: PaymentDesk, plan: Plan, steps: Sequence[PayrollStep], payouts: Mapping[str, Sequence[Payout]]) -> None:
    try:
        found = await _payments_of(desk, plan, steps, payouts)
    except CoreError as error:  # of the wallet or its network, so of all of them
        found = [error for _ in steps]
    made, lost, waiting = [], [], []
    for step, one in zip(steps, found, strict=True):
        match one:
            case Payment():
                made.append((step, _of_payment(one)))
            case _GivenUp():
                continue
            case InvalidInput() | WouldRevert() | NotFound():
                lost.append((step, _told(one)))
            case _:
                waiting.append((step, one.detail))
    if made:
        faultpoint("payroll.after_payment")
    await _note(desk, plan, made)
    await _give_up(desk, lost, plan)
    await _wait(desk, plan, waiting, _WAITS)


@dataclass(frozen=True)
class _Blocked:
    why: str
    for_good: bool = False


async def _blocked(plan: Plan, step: PayrollStep, asset: str) -> _Blocked | None:
    """Why the batches of a token cannot be prepared yet, in the run of `step`."""
    first = await plan.rows.allowance_of_run(step.org_id, step.period_id, step.run_id, asset)
    if first is None:
        return None
    payment = await plan.payments.get(step.org_id, first.payment_id) if first.payment_id is not None else None
    if payment is not None and payment.state in _MINED:
        return None
    if first.settled:
        return _Blocked(f"The allowance that it needs came to nothing: {payment.reason if payment is not None else first.reason}", for_good=True)
    return _Blocked("It waits for its allowance to be mined.")


async def _payments_of(
    desk: PaymentDesk, plan: Plan, steps: Sequence[PayrollStep], payouts: Mapping[str, Sequence[Payout]]
) -> Sequence[Payment | CoreError]:
    """Each prepared once: the same origin is the same payment."""
    first, now = steps[0], desk.clock.now()
    period = await plan.rows.period(first.org_id, first.period_id)
    title = f"Payroll {period.title}" if period is not None else "Payroll"
    coin = desk.networks[first.network].native_asset
    orders = [Order(_origin(step), _new(step, payouts[step.id], None if step.asset == coin else step.asset, title)) for step in steps]
    guard = partial(_still_wanted, plan, {_origin(step): step for step in steps}, payouts, now)
    return await plan.prepare(desk, _ordering(first, now), first.org_id, orders, confirmed=True, guard=guard)


def _new(step: PayrollStep, rows: Sequence[Payout], asset: str | None, title: str) -> NewPayment | NewBatch | NewAllowance:
    if step.kind is StepKind.ALLOWANCE:
        return NewAllowance(step.wallet_id, step.asset, int(step.raw_amount), title)
    if step.kind is StepKind.BATCH:
        shares = [NewShare(int(row.raw_amount), row.payslip_id, payee_id=row.payee_id, settles=row.settles) for row in rows]
        return NewBatch(step.wallet_id, shares, asset, title)
    (row,) = rows
    amount, told = to_units(int(row.raw_amount), row.decimals), f"{title} ({row.payslip_id})"
    return NewPayment(step.wallet_id, amount, payee_id=row.payee_id, asset=asset, description=told, settles=row.settles)


def _origin(step: PayrollStep) -> Origin:
    return Origin(kind=ORIGIN, id=step.id)


class _GivenUp(CoreError):
    """The step was given up at the same moment: its shares may be ordered anew, so this payment must never be."""


async def _still_wanted(
    plan: Plan,
    steps: Mapping[Origin, PayrollStep],
    payouts: Mapping[str, Sequence[Payout]],
    now: datetime,
    session: Session,
    prepared: Sequence[Payment],
) -> Mapping[str, CoreError]:
    """In the unit of work that stores the payments. It writes to their steps, as giving up does, so that never both happen. _GivenUp; InvalidInput
    where the address book was changed since the order, which compared it with what the employee proved."""
    refused: dict[str, CoreError] = {}
    mine = {payment.id: steps[payment.origin] for payment in prepared}
    standing = await plan.rows.steps(prepared[0].org_id, [step.id for step in mine.values()], session)
    for payment in prepared:
        step = mine[payment.id]
        if step.kind is not StepKind.ALLOWANCE and _places_of(payment) != [(row.address, row.raw_amount) for row in payouts[step.id]]:
            told = "has another address in the address book than when this was ordered"
            refused[payment.id] = InvalidInput.of("payee", told, "address_changed")
        elif step.id not in standing or standing[step.id].settled:
            refused[payment.id] = _GivenUp("It was given up.")
    touched = {step.id: {"updated_at": now} for payment_id, step in mine.items() if payment_id not in refused}
    await plan.rows.change_steps(session, prepared[0].org_id, touched)
    return refused


def _places_of(payment: Payment) -> list[tuple[str, str]]:
    if payment.kind is PaymentKind.BATCH:
        return [(row.address, row.raw_amount) for row in payment.payees]
    return [(payment.payee_address, payment.raw_amount)]


def _ordering(step: PayrollStep, now: datetime) -> Principal:
    """Whoever ordered the run: they confirmed it by a step-up, and never approve its payments."""
    return Principal(step.ordered_by, step.org_id, None, frozenset(), "", now)


def _told(error: CoreError) -> str:
    return f"{error.errors[0].field} {error.errors[0].message}" if isinstance(error, InvalidInput) and error.errors else error.detail


async def _wait(desk: PaymentDesk, plan: Plan, rows: Sequence[tuple[PayrollStep, str]], pause: timedelta) -> None:
    if rows:
        now = desk.clock.now()
        changes = {step.id: {"reason": why, "look_at": now + pause, "updated_at": now} for step, why in rows}
        await desk.uow.run(lambda session: plan.rows.change_steps(session, rows[0][0].org_id, changes))


async def _give_up(desk: PaymentDesk, rows: Sequence[tuple[PayrollStep, str]], plan: Plan = _PLAN) -> None:
    """No payment was ever stored for them, and none will be: nothing of them can be on the chain."""
    await _note(desk, plan, [(step, _Seen(PayoutState.FAILED, None, None, why, True)) for step, why in rows])


# ---- what follows ----------------------------------------------------------------------------------------------------------------


async def _note(desk: PaymentDesk, plan: Plan, seen: Sequence[tuple[PayrollStep, _Seen]]) -> None:
    """Of steps of one order: themselves, their shares, the payslips and the period, in as few units of work as their number allows. What changed
    nothing is only looked at again later."""
    if not seen:
        return
    org_id, now = seen[0][0].org_id, desk.clock.now()
    payouts = await plan.rows.payouts_of_steps(org_id, [step.id for step, _ in seen])
    changed = [(step, what) for step, what in seen if _is_news(step, what, payouts[step.id])]
    known = {step.id for step, _ in changed}
    later = {step.id: {"look_at": now + _pause(step, what, now)} for step, what in seen if step.id not in known}
    if later:
        await desk.uow.run(lambda session: plan.rows.change_steps(session, org_id, later))
    for part in _parts(changed, lambda row: len(payouts[row[0].id]), NOTED_TOGETHER):
        await desk.uow.run(partial(_note_together, plan, part, now))
        faultpoint("payroll.after_note")


def _is_news(step: PayrollStep, what: _Seen, rows: Sequence[Payout]) -> bool:
    stands = (step.payment_id, step.settled, step.reason) == (what.payment_id, what.settled, what.reason)
    return not stands or any(_has_moved(row, what) for row in rows)


def _has_moved(row: Payout, what: _Seen) -> bool:
    return (row.state, row.payment_id, row.hash, row.reason) != (what.state, what.payment_id, what.hash, what.reason)


def _pause(step: PayrollStep, what: _Seen, now: datetime) -> timedelta:
    soonest = _SOON if what.state is PayoutState.SENT else _LATER
    return max(soonest, min((now - step.created_at) / _OF_ITS_AGE, _WAITS))


async def _note_together(plan: Plan, seen: Sequence[tuple[PayrollStep, _Seen]], now: datetime, session: Session) -> None:
    org_id, period_id = seen[0][0].org_id, seen[0][0].period_id
    before = await plan.rows.steps(org_id, [step.id for step, _ in seen], session)
    unpaid = [_origin(step) for step, what in seen if what.payment_id is None]
    prepared = await plan.payments.by_origins(org_id, unpaid, session)  # by another process meanwhile: noted when the step is looked at again
    kept = {step.id: what for step, what in seen if _stands(before.get(step.id), what) and _origin(step) not in prepared}
    changes: dict[str, dict[str, Any]] = {}
    for step_id, what in kept.items():
        look_at = now + _pause(before[step_id], what, now)
        fixed = {"payment_id": what.payment_id, "settled": what.settled, "reason": what.reason}
        changes[step_id] = fixed | {"look_at": look_at, "updated_at": now}
    await plan.rows.change_steps(session, org_id, changes)
    rows = await plan.rows.payouts_of_steps(org_id, list(kept), session)
    moved = {step_id: what for step_id, what in kept.items() if any(_has_moved(row, what) for row in rows[step_id])}
    if not moved:
        return
    fresh = {
        step_id: {"state": what.state, "payment_id": what.payment_id, "hash": what.hash, "reason": what.reason, "updated_at": now}
        for step_id, what in moved.items()
    }
    await plan.rows.move_payouts(session, org_id, fresh)
    await _move_payslips(plan, session, org_id, period_id, [row for step_id in moved for row in rows[step_id]], now)


def _stands(before: PayrollStep | None, what: _Seen) -> bool:
    return before is not None and before.payment_id in (None, what.payment_id) and not before.settled


async def _move_payslips(plan: Plan, session: Session, org_id: str, period_id: str, moved: Iterable[Payout], now: datetime) -> None:
    ids = sorted({row.payslip_id for row in moved})
    payslips = await plan.rows.payslips(org_id, ids, session)
    payouts = await plan.rows.payouts_of_payslips(org_id, ids, session)
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
    kept = await plan.rows.move_payslips(session, changes)
    assert kept, "they were read in this unit of work"
    if told:
        await plan.tell(session, told, org_id, period_id, now)


# ---- people --------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PaymentsApproved:
    approved: int
    refused: tuple[FieldError, ...]  # by payment
    left: int = 0  # that were not reached within the time: asked again, it goes on with them


async def approve_run(desk: PaymentDesk, principal: Principal, org_id: str, period_id: str) -> PaymentsApproved:
    """Approves each payment of the period that waits for it, as it stands, each for itself: what this person may not approve is refused as it would
    be one by one. For about `WITHIN_S`: of thousands the rest may need to be asked for again. NotFound."""
    end = time.monotonic() + WITHIN_S
    if await store.period(org_id, period_id) is None:
        raise NotFound
    ids = [row.payment_id for row in await store.steps_of_period(org_id, period_id) if row.payment_id is not None and not row.settled]
    rows = [payment for payment in await payments.by_ids(org_id, ids) if payment.state is PaymentState.PENDING_APPROVAL]
    rows.sort(key=lambda row: (any(given.user_id == principal.user_id for given in row.approvals), row.id))  # what they approved before, last
    approved = 0
    refused: list[FieldError] = []
    for number, payment in enumerate(rows):
        if number and time.monotonic() > end:
            return PaymentsApproved(approved, tuple(refused), len(rows) - number)
        try:
            await approve_payment(desk, principal, org_id, payment.id, Word(payload_hash=payment.payload_hash))
            approved += 1
        except CoreError as error:
            refused.append(FieldError(payment.id, error.detail, error.code))
    return PaymentsApproved(approved, tuple(refused))


async def first_payments(org_id: str, period_id: str, limit: int) -> tuple[list[tuple[PayrollStep, Payment | None]], int]:
    """Of the first steps of a period: each with its payment, where that was prepared; and how many steps there are."""
    steps, count = await store.first_steps_of_period(org_id, period_id, limit)
    found = {row.id: row for row in await payments.by_ids(org_id, [row.payment_id for row in steps if row.payment_id is not None])}
    return [(row, found.get(row.payment_id or "")) for row in steps], count
