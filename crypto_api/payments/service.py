"""The verbs of payments, and the book that the machine keeps them in.

What a person does is recorded in the audit log in the same unit of work; what the machine does is told by events, and stands on the payment.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from pymongo.errors import DuplicateKeyError

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit.amounts import text
from crypto_api.kit.clock import Clock
from crypto_api.payments import rules, store
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt, SenderLane
from crypto_api.payments.events import EVENTS, Happened
from crypto_api.payments.machine import Changes, NoSlot, Overtaken
from crypto_api.payments.types import ENDED, Attempt, Fees, Hold, PaymentState, SeenTransaction, SignedBytes
from mongodb_config.unit_of_work import Session, UnitOfWork

Result = TypeVar("Result")
_NO_FEES = Fees(gas=0, max_fee_per_gas=0, max_priority_fee_per_gas=0)  # of a transaction that somebody else has signed
SUBJECT = "payment"


async def change(session: Session, before: Payment, changes: Changes, happened: Happened, now: datetime) -> Payment:
    """Compare-and-set on the version of `before`, and tells of it. Overtaken when it is another by now."""
    after = await store.change(session, before.org_id, before.id, before.version, {**changes, "updated_at": now})
    if after is None:
        raise Overtaken
    await tell(session, after, happened, now)
    return after


async def tell(session: Session, payment: Payment, happened: Happened, now: datetime) -> None:
    event = EVENTS[happened](
        payment_id=payment.id,
        state=payment.state,
        holds=[str(hold) for hold in payment.holds],
        reason=payment.reason,
        network=payment.network,
        wallet_id=payment.wallet_id,
        payee_address=payment.payee_address,
        payee_name=payment.payee_name,
        asset=payment.asset,
        amount=text(payment.amount),
        hash=payment.hash,
    )
    await events.append(session, payment.org_id, event, now)


async def record(session: Session, payment: Payment, action: str, summary: str, now: datetime, *, before: Payment | None = None, **more: Any) -> None:
    """In the audit log: who did it comes from where the request came from."""
    was = audited(before) if before is not None else None
    await audit.record(
        session, payment.org_id, f"payment.{action}", summary, now, subject=(SUBJECT, payment.id), before=was, after=audited(payment) | more
    )


def audited(payment: Payment) -> dict[str, Any]:
    return {
        "state": payment.state,
        "wallet_id": payment.wallet_id,
        "network": payment.network,
        "payee_address": payment.payee_address,
        "payee_name": payment.payee_name,
        "asset": payment.asset,
        "token_contract": payment.token_contract,
        "amount": text(payment.amount),
        "payload_hash": payment.payload_hash,
        "approvals": [f"{approval.user_id} {approval.decision}" for approval in payment.approvals],
        "cancel_requested_by": payment.cancel_requested_by,
    }


def called(payment: Payment) -> str:
    """In a sentence: 0.25 ETH to Grace Hopper."""
    return f"{text(payment.amount)} {payment.asset} to {payment.payee_name or payment.payee_address}"


async def adopt(session: Session, intent: Payment, seen: SeenTransaction, now: datetime) -> None:
    """What stands on the chain is this payment, sent before a restore that forgot it: it goes on from there."""
    await store.insert_slot(session, _slot(intent, seen.nonce, now))
    await store.insert_attempt(session, _seen_attempt(intent, 0, seen, now))
    told = "It was found on the chain: it was sent before this database was restored."
    deadline_at = rules.deadline(PaymentState.BROADCAST, now)
    changes: Changes = {"state": PaymentState.BROADCAST, "nonce": seen.nonce, "hash": seen.hash, "holds": [], "reason": told, "due_at": now}
    await change(session, intent, changes | {"deadline_at": deadline_at, "attempt_number": 0, "tries": 0}, Happened.BROADCAST, now)


async def end_replaced(session: Session, chain_id: int, address: str, payment_id: str, seen: SeenTransaction, now: datetime) -> None:
    """Another transaction has its nonce for good: nothing of it can be mined any more."""
    slot = await store.slot(chain_id, address, seen.nonce, session)
    payment = await store.get(slot.owner_org_id, payment_id, session) if slot is not None else None
    if slot is None or payment is None or payment.state in ENDED:
        return
    await store.settle_slot(session, chain_id, address, seen.nonce, payment_id)
    reason = f"Its nonce was used by another transaction of the wallet, {seen.hash}, which is final."
    changes: Changes = {"state": PaymentState.REPLACED, "holds": [], "reason": reason, "due_at": None, "deadline_at": None, "ended_at": now}
    await change(session, payment, changes | {"reserved_wei": "0"}, Happened.REPLACED, now)


class MongoBook:
    """`machine.PaymentBook` in the database. `fence` is that of the lease under which the sender's payments are moved."""

    def __init__(self, uow: UnitOfWork, clock: Clock, fence: int) -> None:
        self._uow, self._clock, self._fence = uow, clock, fence

    async def load(self, org_id: str, payment_id: str) -> Payment | None:
        return await store.get(org_id, payment_id)

    async def attempts(self, org_id: str, payment_id: str) -> list[PaymentAttempt]:
        return await store.attempts(org_id, payment_id)

    async def lane(self, chain_id: int, address: str) -> SenderLane | None:
        return await store.lane(chain_id, address)

    async def committed(self, payment: Payment) -> tuple[int, int]:
        rows = await store.on_their_way_of_network(payment.network, payment.from_address, payment.id)
        tokens = sum(int(row["raw_amount"]) for row in rows if payment.token_contract and row["token_contract"] == payment.token_contract)
        return sum(int(row["reserved_wei"]) for row in rows), tokens

    async def move(self, payment: Payment, changes: Changes, happened: Happened) -> None:
        await self._write(lambda session, now: change(session, payment, changes, happened, now))

    async def postpone(self, payment: Payment, due_at: datetime | None, *, suspected: bool = False) -> None:
        async def work(session: Session, now: datetime) -> None:
            since = now if suspected else None
            if not await store.postpone(session, payment.org_id, payment.id, payment.version, due_at, since):
                raise Overtaken

        await self._write(work)

    async def take_slot(self, payment: Payment, gas_and_fees: Fees, chain_nonce: int, changes: Changes) -> NoSlot | None:
        async def work(session: Session, now: datetime) -> NoSlot | None:
            lane = await self._hold_lane(session, payment, now)
            if lane.frozen_reason is not None:
                return NoSlot(Hold.SENDER_FROZEN, lane.frozen_reason)
            last = await store.last_slot(session, payment.chain_id, payment.from_address)
            if last is not None and await _is_unsigned(session, last):
                return NoSlot(Hold.SENDER_BUSY, "An earlier payment of the same wallet is about to be signed.")
            expected = max(last.nonce + 1 if last is not None else 0, lane.known_nonce or 0)
            if chain_nonce > expected and (last is not None or lane.known_nonce is not None):
                return await _freeze_for_gap(session, payment, lane, expected, chain_nonce, now)
            if lane.known_nonce is None:
                await store.set_lane(session, lane, {"known_nonce": chain_nonce})
            nonce = max(chain_nonce, expected)
            await store.insert_slot(session, _slot(payment, nonce, now))
            await store.insert_attempt(session, _attempt(payment, 0, Attempt.PAY, nonce, gas_and_fees, now))
            reserved = str(rules.highest_cost(payment.call, gas_and_fees))
            await change(session, payment, changes | {"nonce": nonce, "attempt_number": 0, "reserved_wei": reserved}, Happened.NONCE_TAKEN, now)
            return None

        return await self._write(work)

    async def release_slot(self, payment: Payment, changes: Changes, happened: Happened) -> None:
        async def work(session: Session, now: datetime) -> None:
            await self._hold_lane(session, payment, now)
            assert payment.nonce is not None and payment.hash is None, "nothing of it was signed"
            await store.delete_unsigned_attempts(session, payment.org_id, payment.id)
            await store.delete_slot(session, payment.chain_id, payment.from_address, payment.nonce, payment.id)
            await change(session, payment, changes | {"nonce": None, "attempt_number": 0, "reserved_wei": "0"}, happened, now)

        await self._write(work)

    async def plan(self, payment: Payment, purpose: Attempt, fees: Fees, changes: Changes) -> None:
        async def work(session: Session, now: datetime) -> None:
            await self._hold_lane(session, payment, now)
            assert payment.nonce is not None, "it has its slot"
            row = _attempt(payment, payment.attempt_number + 1, purpose, payment.nonce, fees, now)
            await store.insert_attempt(session, row)
            reserved = str(max(int(payment.reserved_wei), rules.highest_cost(row.call, fees)))
            more = {"attempt_number": row.number, "reserved_wei": reserved}
            await change(session, payment, changes | more, Happened.REPLACEMENT_PLANNED, now)

        await self._write(work)

    async def record_signed(self, payment: Payment, attempt: PaymentAttempt, signed: SignedBytes, changes: Changes) -> None:
        async def work(session: Session, now: datetime) -> None:
            await self._hold_lane(session, payment, now)
            if not await store.sign_attempt(session, payment.org_id, attempt.id, signed.raw, signed.hash, now):
                raise Overtaken
            await change(session, payment, changes, Happened.SIGNED, now)

        await self._write(work)

    async def record_sent(self, payment: Payment, attempt: PaymentAttempt, changes: Changes, happened: Happened | None) -> None:
        async def work(session: Session, now: datetime) -> None:
            await store.note_sent(session, attempt, now)
            if happened is not None or any(getattr(payment, name) != value for name, value in changes.items() if name in ("reason", "holds")):
                await change(session, payment, changes, happened or Happened.HELD, now)
            elif not await store.postpone(session, payment.org_id, payment.id, payment.version, changes["due_at"]):
                raise Overtaken

        await self._write(work)

    async def record_seen(self, payment: Payment, seen: SeenTransaction, changes: Changes) -> bool:
        async def work(session: Session, now: datetime) -> bool:
            known = await store.attempts(payment.org_id, payment.id, session)
            if payment.nonce is None:
                holder = await store.slot(payment.chain_id, payment.from_address, seen.nonce, session)
                if holder is not None:
                    return False
                await store.insert_slot(session, _slot(payment, seen.nonce, now))
            await store.insert_attempt(session, _seen_attempt(payment, len(known), seen, now))
            await change(session, payment, changes | {"attempt_number": len(known)}, Happened.BROADCAST, now)
            return True

        return await self._write(work)

    async def finish(self, payment: Payment, changes: Changes, happened: Happened) -> None:
        async def work(session: Session, now: datetime) -> None:
            assert payment.nonce is not None, "it was mined"
            await store.settle_slot(session, payment.chain_id, payment.from_address, payment.nonce, payment.id)
            await change(session, payment, changes | {"reserved_wei": "0"}, happened, now)

        await self._write(work)

    async def reopen(self, payment: Payment, changes: Changes, happened: Happened) -> None:
        async def work(session: Session, now: datetime) -> None:
            assert payment.nonce is not None, "it was mined"
            await store.reopen_slot(session, payment.chain_id, payment.from_address, payment.nonce, payment.id)
            await change(session, payment, changes, happened, now)

        await self._write(work)

    async def freeze(self, payment: Payment, reason: str, changes: Changes) -> None:
        async def work(session: Session, now: datetime) -> None:
            lane = await self._hold_lane(session, payment, now)
            await _freeze(session, payment, lane, reason, now)
            await change(session, payment, changes, Happened.SENDER_FROZEN, now)

        await self._write(work)

    async def _hold_lane(self, session: Session, payment: Payment, now: datetime) -> SenderLane:
        lane = await store.hold_lane(session, payment.chain_id, payment.from_address, self._fence, now)
        if lane is None:
            raise Overtaken
        return lane

    async def _write(self, work: Callable[[Session, datetime], Awaitable[Result]]) -> Result:
        now = self._clock.now()
        try:
            return await self._uow.run(lambda session: work(session, now))
        except DuplicateKeyError as error:
            raise Overtaken from error


async def _is_unsigned(session: Session, slot: NonceSlot) -> bool:
    if not slot.live:
        return False
    holder = await store.get(slot.owner_org_id, slot.payment_id, session)
    return holder is not None and holder.state is PaymentState.APPROVED and holder.nonce == slot.nonce


async def _freeze_for_gap(session: Session, payment: Payment, lane: SenderLane, expected: int, chain_nonce: int, now: datetime) -> NoSlot:
    """The chain has seen more of this sender than we have sent: a key is used elsewhere, or a restored database has forgotten payments. Nothing is
    signed until a person has looked."""
    reason = (
        f"The network has mined {chain_nonce - expected} transaction(s) of {payment.from_address} that this system does not know of. "
        "A person has to look first."
    )
    await _freeze(session, payment, lane, reason, now)
    await tell(session, payment.model_copy(update={"reason": reason}), Happened.SENDER_FROZEN, now)
    return NoSlot(Hold.SENDER_FROZEN, reason)


async def _freeze(session: Session, payment: Payment, lane: SenderLane, reason: str, now: datetime) -> None:
    if not await store.set_lane(session, lane, {"frozen_reason": reason}):
        raise Overtaken
    await audit.record(
        session,
        payment.org_id,
        "payment.sender_frozen",
        reason,
        now,
        subject=(SUBJECT, payment.id),
        after={"address": payment.from_address, "chain_id": payment.chain_id},
    )


def _slot(payment: Payment, nonce: int, now: datetime) -> NonceSlot:
    return NonceSlot(
        id=f"{store.lane_id(payment.chain_id, payment.from_address)}:{nonce}",
        created_at=now,
        chain_id=payment.chain_id,
        address=payment.from_address,
        nonce=nonce,
        owner_org_id=payment.org_id,
        payment_id=payment.id,
    )


def _attempt(payment: Payment, number: int, purpose: Attempt, nonce: int, fees: Fees, now: datetime) -> PaymentAttempt:
    return PaymentAttempt(
        id=f"{payment.id}:{number}",
        created_at=now,
        org_id=payment.org_id,
        payment_id=payment.id,
        number=number,
        purpose=purpose,
        chain_id=payment.chain_id,
        from_address=payment.from_address,
        nonce=nonce,
        call=rules.call_of(purpose, payment.call, payment.from_address),
        fees=fees,
    )


def _seen_attempt(payment: Payment, number: int, seen: SeenTransaction, now: datetime) -> PaymentAttempt:
    """Of a transaction that somebody else has signed: its bytes are not ours to send again."""
    row = _attempt(payment, number, Attempt.PAY, seen.nonce, _NO_FEES, now)
    row.call, row.hash, row.first_sent_at, row.last_sent_at = seen.call, seen.hash, now, now
    return row
