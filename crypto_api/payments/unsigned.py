"""Until it is signed: approvals, what holds it back, its nonce, its first signature.

The sender's unsigned nonces are its last ones, in a row. They are signed from the lowest on, and where one cannot be signed it is given back with
every one behind it: so no nonce is ever left out.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import takewhile

from crypto_api.kit.faultpoint import faultpoint
from crypto_api.payments import delegation, rules
from crypto_api.payments.documents import Payment, SenderLane
from crypto_api.payments.errors import SignerUnavailable
from crypto_api.payments.events import Happened
from crypto_api.payments.ports import Changes, Committed, NoSlot, Overtaken, Planned, Signed, Wanted
from crypto_api.payments.types import Hold, PaymentState, Probe, Quotes, SeenTransaction, Simulated, Standing, Way
from crypto_api.payments.visit import Visit

_BUSY = "An earlier payment of the same wallet is about to be signed."


async def look(visit: Visit, payments: Sequence[Payment]) -> None:
    """ChainUnavailable."""
    to_judge = [payment for payment in payments if not _ends_unsigned(visit, payment)]
    for payment in to_judge:
        if _is_told_of(payment):
            await _told_by_wallet(visit, payment)
    to_judge = [payment for payment in to_judge if not _is_told_of(payment)]
    standings = dict(zip((payment.id for payment in to_judge), await visit.world.judge.standings(to_judge), strict=True)) if to_judge else {}
    lane = await visit.book.lane(payments[0].chain_id, payments[0].from_address)
    ready = [payment for payment in to_judge if _may_be_signed(visit, payment, standings[payment.id], lane)]
    if await visit.flush():  # those behind the nonces that were given back have lost theirs as well
        visit.again |= {payment.id for payment in ready}
        return
    await _sign_next(visit, sorted((payment for payment in ready if payment.nonce is not None), key=_nonce), lane)
    await _take_slots(visit, [payment for payment in ready if payment.nonce is None], standings)


def _ends_unsigned(visit: Visit, payment: Payment) -> bool:
    if payment.cancel_requested_by is None:
        return False
    visit.release(payment, visit.into(payment, PaymentState.CANCELLED, reason="It was cancelled before anything was signed."), Happened.CANCELLED)
    return True


def _may_be_signed(visit: Visit, payment: Payment, standing: Standing, lane: SenderLane | None) -> bool:
    if payment.state is PaymentState.PENDING_APPROVAL:
        _pending(visit, payment, standing)
        return False
    if standing.approvals_missing > 0:
        changes = visit.into(payment, PaymentState.PENDING_APPROVAL, reason=_missing(standing), holds=[Hold.APPROVALS_MISSING])
        visit.release(payment, changes | {"approved_at": None, "not_before": None}, Happened.APPROVAL_LAPSED, more=True)
    elif standing.holds:
        _let_go(visit, payment, standing.holds, standing.reason, _until(standing.not_before, visit.now))
    elif payment.not_before is not None and visit.now < payment.not_before:
        reason = "The payment policy lets it wait after the last approval."
        _let_go(visit, payment, [Hold.DELAYED], reason, payment.not_before - visit.now)
    elif payment.way is Way.BROWSER:
        reason = "It waits to be sent by the wallet that holds the key."
        visit.wait(payment, [Hold.WAITS_FOR_WALLET], reason, rules.patience(visit.now - payment.created_at))
    elif lane is not None and lane.frozen_reason is not None:
        _let_go(visit, payment, [Hold.SENDER_FROZEN], lane.frozen_reason, timedelta(seconds=60))
    else:
        return True
    return False


def _pending(visit: Visit, payment: Payment, standing: Standing) -> None:
    if standing.approvals_missing > 0:
        visit.wait(payment, [Hold.APPROVALS_MISSING, *standing.holds], _missing(standing), rules.patience(visit.now - payment.created_at))
        return
    not_before = visit.now + standing.delay if standing.delay else None
    changes = visit.into(payment, PaymentState.APPROVED, not_before=not_before)
    changes |= {"approved_at": visit.now, "policy_version": standing.policy_version}
    visit.write(payment, changes, Happened.APPROVED, more=True)


def _let_go(visit: Visit, payment: Payment, holds: Sequence[Hold], reason: str, pause: timedelta) -> None:
    """It cannot be signed now."""
    if payment.nonce is not None:
        visit.release(payment, visit.held(payment, holds, reason, pause), Happened.HELD)
    else:
        visit.wait(payment, holds, reason, pause)


# ---- its nonce -------------------------------------------------------------------------------------------------------------------


async def _take_slots(visit: Visit, payments: Sequence[Payment], standings: dict[str, Standing]) -> None:
    if not payments:
        return
    first = payments[0]
    _pass("payment.before_fees", payments)
    quotes = await visit.chain.quotes(first.from_address, [Probe(payment.call, payment.token_contract, payment.delegation) for payment in payments])
    _pass("payment.after_fees", payments)
    committed = await visit.book.committed(first, {payment.id for payment in payments})
    wanted: list[Wanted] = []
    for payment, call in zip(payments, quotes.calls, strict=True):
        if (found := _wanted(visit, payment, call, quotes, standings[payment.id], committed)) is not None:
            wanted.append(found)
    if not wanted:
        return
    _pass("payment.before_slot", wanted)
    taken = await visit.book.take_slots(wanted, quotes.nonce, alone=bool(quotes.code))
    _pass("payment.after_slot", wanted)
    if isinstance(taken, NoSlot):
        for each in wanted:
            visit.wait(each.payment, [taken.hold], taken.reason, rules.pause(each.payment.tries, most_s=10))
    else:
        visit.again |= {each.payment.id for each in wanted} - {payment.id for payment, _ in taken}
        await _sign_and_send(visit, taken)


def _wanted(visit: Visit, payment: Payment, call: Simulated, quotes: Quotes, standing: Standing, committed: Committed) -> Wanted | None:
    """What it bids, where the wallet has enough for it beside what is `committed`, which grows by it."""
    if call.reverts is not None:
        visit.wait(payment, [Hold.WOULD_REVERT], f"It would fail: {call.reverts}.", timedelta(seconds=30))
        return None
    if payment.authorizes and not quotes.market.set_code:
        visit.wait(payment, [Hold.WOULD_REVERT], "This network takes no transaction of type 4 (EIP-7702).", timedelta(seconds=60))
        return None
    fees = rules.first_fees(call.gas, quotes.market, standing.fee_per_gas_max)
    if fees is None:
        visit.wait(payment, [Hold.FEES_TOO_HIGH], "The network's fee is above the most that the policy bids.", timedelta(seconds=15))
        return None
    reserved = rules.highest_cost(payment.coin_moved, fees) + call.l1_fee
    if short := _short_of(payment, reserved, quotes, committed):
        visit.wait(payment, [Hold.NO_FUNDS], short, timedelta(seconds=15))
        return None
    committed.wei += reserved
    if payment.token_contract is not None:
        committed.tokens[payment.token_contract] = committed.tokens.get(payment.token_contract, 0) + int(payment.raw_amount)
    return Wanted(payment, fees, reserved, call.l1_fee, {"holds": [], "reason": "It is being signed.", "tries": 0})


def _short_of(payment: Payment, cost: int, quotes: Quotes, committed: Committed) -> str:
    """What the wallet has too little of; empty when there is enough."""
    if quotes.balance - committed.wei < cost:
        return "The wallet does not hold enough of the network's coin for the amount and the gas, beside its other payments on their way."
    token = payment.token_contract
    if token is not None and quotes.token_balances[token] - committed.tokens.get(token, 0) < int(payment.raw_amount):
        return f"The wallet does not hold enough {payment.asset}, beside its other payments on their way."
    return ""


# ---- its signature ---------------------------------------------------------------------------------------------------------------


async def _sign_next(visit: Visit, payments: Sequence[Payment], lane: SenderLane | None) -> None:
    """Those that have their nonces from an earlier visit, in their order. What stands behind one that is not among them waits for it."""
    attempts = await visit.book.attempts(payments) if payments else {}
    due: list[Planned] = []
    first = lane.unsigned_from if lane is not None else None
    for payment in payments:
        if not attempts.get(payment.id):
            visit.again.add(payment.id)  # it was given back since it was read
        elif first is not None and payment.nonce == first + len(due):
            due.append((payment, attempts[payment.id][-1]))
        else:
            visit.wait(payment, [Hold.SENDER_BUSY], _BUSY, rules.pause(payment.tries, most_s=10))
    await _sign_and_send(visit, due)


async def _sign_and_send(visit: Visit, due: Sequence[Planned]) -> None:
    """The sender's lowest unsigned nonces, in a row, up to the first that the signer refuses: stored, then sent."""
    due = await _with_their_code(visit, due)
    if not due:
        return
    try:
        answers = await visit.signatures(due)
    except SignerUnavailable as error:
        visit.wait_for((payment for payment, _ in due), Hold.SIGNER_UNAVAILABLE, error.detail)
        return
    signed = [answer for answer in takewhile(lambda answer: isinstance(answer, Signed), answers) if isinstance(answer, Signed)]
    stored = await visit.record(signed) if signed else []
    for (payment, _), answer in zip(due[len(signed) :], answers[len(signed) :], strict=True):
        if isinstance(answer, Signed):
            visit.again.add(payment.id)
        else:
            _let_go(visit, payment, [Hold.NEEDS_HUMAN], answer.detail, timedelta(seconds=60))
    await visit.flush()
    await visit.send(stored)


async def _with_their_code(visit: Visit, due: Sequence[Planned]) -> list[Planned]:
    """Those up to the first whose contract, or whose delegation, is not there as it must be. Looked at right before each signature: a call of an
    address without code succeeds and pays nobody."""
    needed = delegation.looked_at(payment for payment, _ in due)
    if not needed:
        return list(due)
    code = dict(zip(needed, await visit.chain.codes(needed), strict=True))
    for place, (payment, _) in enumerate(due):
        if (why := delegation.unfit(payment, code)) is not None:
            _let_go(visit, payment, [Hold.WOULD_REVERT], why, timedelta(seconds=30))
            visit.again |= {behind.id for behind, _ in due[place + 1 :]}
            await visit.flush()
            return list(due[:place])
    return list(due)


# ---- by the person's own wallet --------------------------------------------------------------------------------------------------


def _is_told_of(payment: Payment) -> bool:
    return payment.state is PaymentState.APPROVED and payment.way is Way.BROWSER and payment.hash is not None


async def _told_by_wallet(visit: Visit, payment: Payment) -> None:
    """A hash was told. It counts once a node shows what stands behind it."""
    assert payment.hash is not None
    seen = await visit.chain.transaction(payment.hash)
    if seen is None:
        reason = "No node knows the transaction yet that the wallet told of."
        visit.wait(payment, [Hold.WAITS_FOR_WALLET], reason, rules.pause(payment.tries))
    elif seen.sender != payment.from_address:
        changes = visit.held(payment, [Hold.WAITS_FOR_WALLET], "The transaction that was told is another wallet's.", timedelta(seconds=60))
        visit.write(payment, changes | {"hash": None}, Happened.HELD)
    else:
        changes = visit.into(payment, PaymentState.BROADCAST, reason=sent_by_wallet(payment, seen)) | {"nonce": seen.nonce}
        await record_seen(visit, payment, seen, changes)


async def record_seen(visit: Visit, payment: Payment, seen: SeenTransaction, changes: Changes) -> None:
    with suppress(Overtaken):
        await visit.book.record_seen(payment, seen, changes)
    visit.again.add(payment.id)


def sent_by_wallet(payment: Payment, seen: SeenTransaction) -> str:
    if seen.call == payment.call:
        return "It is on its way: the wallet has sent it."
    return "The wallet has sent something else than what was approved."


def _nonce(payment: Payment) -> int:
    assert payment.nonce is not None
    return payment.nonce


def _pass(name: str, each: Sequence[object]) -> None:
    for _ in each:
        faultpoint(name)


def _missing(standing: Standing) -> str:
    many = "approval is" if standing.approvals_missing == 1 else "approvals are"
    return f"{standing.approvals_missing} more {many} needed, by somebody other than the one who prepared it." + (
        f" {standing.reason}" if standing.reason else ""
    )


def _until(moment: datetime | None, now: datetime) -> timedelta:
    if moment is None:
        return timedelta(seconds=30)
    return max(timedelta(seconds=1), min(moment - now, timedelta(hours=1)))
