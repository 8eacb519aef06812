"""The verbs of payments, and the book that the machine keeps them in.

What a person does is recorded in the audit log in the same unit of work; what the machine does is told by events, and stands on the payment.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pymongo.errors import DuplicateKeyError

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.events.types import DomainEvent
from crypto_api.kit.amounts import text
from crypto_api.kit.clock import Clock
from crypto_api.payments import delegation, rules, store
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt, SenderLane
from crypto_api.payments.events import EVENTS, Happened
from crypto_api.payments.ports import Changes, Committed, NoSlot, Overtaken, Planned, Sent, Signed, Wanted, Write, after
from crypto_api.payments.types import ENDED, Attempt, Fees, Hold, PaymentState, Ref, SeenTransaction
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
    await events.append(session, payment.org_id, event_of(payment, happened), now)


def event_of(payment: Payment, happened: Happened) -> DomainEvent:
    return EVENTS[happened](
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


async def record(session: Session, payment: Payment, action: str, summary: str, now: datetime, *, before: Payment | None = None, **more: Any) -> None:
    """In the audit log: who did it comes from where the request came from."""
    was = audited(before) if before is not None else None
    await audit.record(
        session, payment.org_id, f"payment.{action}", summary, now, subject=(SUBJECT, payment.id), before=was, after=audited(payment) | more
    )


async def put(session: Session, payments: Sequence[Payment], now: datetime) -> None:
    """New ones, told of and recorded, all or none. Overtaken where the origin of one has a payment already."""
    if not await store.insert(session, payments):
        raise Overtaken
    await events.append_all(session, [(payment.org_id, event_of(payment, Happened.PREPARED)) for payment in payments], now)
    rows = []
    for payment in payments:
        done = "Drafted" if payment.state is PaymentState.DRAFT else "Prepared"
        summary = f"{done} a payment of {called(payment)}."
        rows.append(audit.entry(payment.org_id, "payment.prepared", summary, now, subject=(SUBJECT, payment.id), after=audited(payment)))
    await audit.record_all(session, rows)


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
    await store.insert_slots(session, [_slot(intent, seen.nonce, now)])
    await store.insert_attempts(session, [_seen_attempt(intent, 0, seen, now)])
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
    await store.set_slots(session, [slot.id], live=False)
    reason = f"Its nonce was used by another transaction of the wallet, {seen.hash}, which is final."
    changes: Changes = {"state": PaymentState.REPLACED, "holds": [], "reason": reason, "due_at": None, "deadline_at": None, "ended_at": now}
    await change(session, payment, changes | {"reserved_wei": "0"}, Happened.REPLACED, now)


class MongoBook:
    """`ports.PaymentBook` in the database. `fence` is that of the lease under which the sender's payments are moved."""

    def __init__(self, uow: UnitOfWork, clock: Clock, fence: int) -> None:
        self._uow, self._clock, self._fence = uow, clock, fence

    async def load(self, refs: Sequence[Ref]) -> list[Payment]:
        return await _load(refs)

    async def attempts(self, payments: Sequence[Payment]) -> dict[str, list[PaymentAttempt]]:
        found: dict[str, list[PaymentAttempt]] = {}
        for org_id, payment_ids in _by_org(_refs(payments)).items():
            found |= await store.attempts_of(org_id, payment_ids)
        return found

    async def lane(self, chain_id: int, address: str) -> SenderLane | None:
        return await store.lane(chain_id, address)

    async def committed(self, payment: Payment, but: Collection[str]) -> Committed:
        found = Committed()
        for row in await store.on_their_way_of_network(payment.network, payment.from_address):
            if row["_id"] not in but:
                found.wei += int(row["reserved_wei"])
                if (token := row["token_contract"]) is not None:
                    found.tokens[token] = found.tokens.get(token, 0) + int(row["raw_amount"])
        return found

    async def write(self, writes: Sequence[Write]) -> set[str]:
        async def work(session: Session, now: datetime) -> set[str]:
            standing = await _standing(session, [write.payment for write in writes])
            kept = [write for write in writes if write.payment.id in standing]
            slots = [(store.slot_id(write.payment), write.live) for write in kept if write.live is not None]
            for live in {live for _, live in slots}:
                await store.set_slots(session, [slot for slot, is_live in slots if is_live is live], live=live)
            await _apply(session, kept, now)
            return {write.payment.id for write in writes} - standing

        return await self._write(work)

    async def take_slots(self, wanted: Sequence[Wanted], chain_nonce: int, *, alone: bool = False) -> NoSlot | list[Planned]:
        first = wanted[0].payment

        async def work(session: Session, now: datetime) -> NoSlot | list[Planned]:
            lane = await self._hold_lane(session, first, now)
            if lane.frozen_reason is not None:
                return NoSlot(Hold.SENDER_FROZEN, lane.frozen_reason)
            if lane.unsigned_from is not None:
                return NoSlot(Hold.SENDER_BUSY, "An earlier payment of the same wallet is about to be signed.")
            last = await store.last_slot(session, first.chain_id, first.from_address)
            expected = max(last.nonce + last.uses if last is not None else 0, lane.known_nonce or 0)
            if chain_nonce > expected and (last is not None or lane.known_nonce is not None):
                return await _freeze_for_gap(session, first, lane, expected, chain_nonce, now)
            standing = await _standing(session, [each.payment for each in wanted])
            kept = delegation.in_one_row([each for each in wanted if each.payment.id in standing], lambda each: each.payment, alone=alone)
            if not kept:
                return []
            nonce = max(chain_nonce, expected)
            if chain_nonce < expected and (alone or kept[0].payment.authorizes or (last is not None and last.uses > 1)):
                return NoSlot(Hold.SENDER_BUSY, delegation.ONE_AT_A_TIME)
            changes = {"unsigned_from": nonce} | ({"known_nonce": chain_nonce} if lane.known_nonce is None else {})
            await store.set_lane(session, lane, changes)
            return await _give(session, kept, nonce, now)

        try:
            return await self._write(work)
        except Overtaken:
            return []

    async def release(self, writes: Sequence[Write]) -> None:
        first = min((write.payment for write in writes), key=lambda payment: payment.nonce or 0)

        async def work(session: Session, now: datetime) -> None:
            lane = await self._hold_lane(session, first, now)
            await _require_standing(session, [write.payment for write in writes])
            assert first.nonce is not None and lane.unsigned_from is not None and first.nonce >= lane.unsigned_from, "nothing of it was signed"
            slots = await store.slots_from(session, first.chain_id, first.from_address, first.nonce)
            holders = await _load([(slot.owner_org_id, slot.payment_id) for slot in slots], session)
            assert all(payment.hash is None for payment in holders), "unsigned nonces are the last ones"
            named = {write.payment.id for write in writes}
            behind = [Write(payment, _GIVEN_BACK | {"due_at": now}, Happened.HELD) for payment in holders if payment.id not in named]
            await store.delete_unsigned_attempts(session, holders)
            await store.delete_slots(session, [slot.id for slot in slots])
            await _apply(session, [Write(each.payment, each.changes | _NO_NONCE, each.happened) for each in (*writes, *behind)], now)
            await store.set_lane(session, lane, {"unsigned_from": lane.unsigned_from if lane.unsigned_from < first.nonce else None})

        await self._write(work)

    async def plan(self, payment: Payment, purpose: Attempt, fees: Fees, changes: Changes) -> None:
        async def work(session: Session, now: datetime) -> None:
            await self._hold_lane(session, payment, now)
            assert payment.nonce is not None, "it has its slot"
            row = _attempt(payment, payment.attempt_number + 1, purpose, payment.nonce, fees, now)
            await store.insert_attempts(session, [row])
            reserved = str(
                max(
                    int(payment.reserved_wei),
                    rules.highest_cost(payment.coin_moved if purpose is not Attempt.CANCEL else 0, fees) + int(payment.l1_fee_wei),
                )
            )
            more = {"attempt_number": row.number, "reserved_wei": reserved}
            await change(session, payment, changes | more, Happened.REPLACEMENT_PLANNED, now)

        await self._write(work)

    async def record_signed(self, signed: Sequence[Signed]) -> None:
        first = signed[0].payment

        async def work(session: Session, now: datetime) -> None:
            lane = await self._hold_lane(session, first, now)
            await _require_standing(session, [each.payment for each in signed])
            nonces = [each.attempt.nonce for each in signed if each.attempt.number == 0]
            if nonces:
                if nonces != list(range(nonces[0], nonces[0] + len(nonces))) or nonces[0] != lane.unsigned_from:
                    raise Overtaken
                last = await store.last_slot(session, first.chain_id, first.from_address)
                assert last is not None, "each of them has its slot"
                behind = nonces[-1] + 1 if last.nonce > nonces[-1] else None
                await store.set_lane(session, lane, {"unsigned_from": behind})
            rows = [(each.attempt, each.bytes.raw, each.bytes.hash) for each in signed]
            if await store.sign_attempts(session, rows, now) != len(rows):
                raise Overtaken
            await _apply(session, [Write(each.payment, each.changes, Happened.SIGNED) for each in signed], now)

        await self._write(work)

    async def record_sent(self, sent: Sequence[Sent]) -> set[str]:
        async def work(session: Session, now: datetime) -> set[str]:
            standing = await _standing(session, [each.payment for each in sent])
            kept = [each for each in sent if each.payment.id in standing]
            await store.note_sent(session, [each.attempt for each in kept], now)
            await _apply(session, [_told_sent(each) for each in kept], now)
            return {each.payment.id for each in sent} - standing

        return await self._write(work)

    async def record_seen(self, payment: Payment, seen: SeenTransaction, changes: Changes) -> bool:
        async def work(session: Session, now: datetime) -> bool:
            known = await store.attempts(payment.org_id, payment.id, session)
            if payment.nonce is None:
                holder = await store.slot(payment.chain_id, payment.from_address, seen.nonce, session)
                if holder is not None:
                    return False
                await store.insert_slots(session, [_slot(payment, seen.nonce, now)])
            await store.insert_attempts(session, [_seen_attempt(payment, len(known), seen, now)])
            await change(session, payment, changes | {"attempt_number": len(known)}, Happened.BROADCAST, now)
            return True

        return await self._write(work)

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


_NO_NONCE: Changes = {"nonce": None, "attempt_number": 0, "reserved_wei": "0", "l1_fee_wei": "0"}
_GIVEN_BACK: Changes = {"holds": [], "reason": "An earlier payment of the same wallet could not be signed: it takes its turn again.", "tries": 0}


async def _apply(session: Session, writes: Sequence[Write], now: datetime) -> None:
    """Changes of payments whose versions were found to stand in this unit of work, and their events."""
    if not writes:
        return
    await store.change_all(session, [(write.payment, _visible(write, now)) for write in writes])
    told = [(after(write.payment, write.changes), write.happened) for write in writes if write.happened is not None]
    await events.append_all(session, [(payment.org_id, event_of(payment, happened)) for payment, happened in told], now)


def _visible(write: Write, now: datetime) -> Changes:
    """Without an event nobody sees a change: the version and the time of the last change stay."""
    return write.changes | {"updated_at": now} if write.happened is not None else write.changes


def _told_sent(each: Sent) -> Write:
    seen = any(getattr(each.payment, name) != value for name, value in each.changes.items() if name in ("reason", "holds"))
    if each.happened is None and not seen:
        return Write(each.payment, {"due_at": each.changes["due_at"]})
    return Write(each.payment, each.changes, each.happened or Happened.HELD)


async def _give(session: Session, wanted: Sequence[Wanted], nonce: int, now: datetime) -> list[Planned]:
    """Consecutive nonces from `nonce`, each with its first attempt, planned."""
    planned: list[Planned] = []
    writes: list[Write] = []
    for place, each in enumerate(wanted, nonce):
        reserved = {"reserved_wei": str(each.reserved), "l1_fee_wei": str(each.l1_fee)}
        writes.append(Write(each.payment, each.changes | reserved | {"nonce": place, "attempt_number": 0}, Happened.NONCE_TAKEN))
        planned.append((after(each.payment, writes[-1].changes), _attempt(each.payment, 0, Attempt.PAY, place, each.fees, now)))
    await store.insert_slots(session, [_slot(payment, attempt.nonce, now) for payment, attempt in planned])
    await store.insert_attempts(session, [attempt for _, attempt in planned])
    await _apply(session, writes, now)
    return planned


async def _require_standing(session: Session, payments: Sequence[Payment]) -> None:
    """Overtaken when one of them was changed since it was read."""
    if len(await _standing(session, payments)) != len(payments):
        raise Overtaken


def _refs(payments: Sequence[Payment]) -> list[Ref]:
    return [(payment.org_id, payment.id) for payment in payments]


def _by_org(refs: Sequence[Ref]) -> dict[str, list[str]]:
    """A sender is one on its chain: its payments may be of several organisations."""
    found: dict[str, list[str]] = {}
    for org_id, payment_id in refs:
        found.setdefault(org_id, []).append(payment_id)
    return found


async def _load(refs: Sequence[Ref], session: Session | None = None) -> list[Payment]:
    """Those that there are, in that order."""
    found: dict[str, Payment] = {}
    for org_id, payment_ids in _by_org(refs).items():
        found |= {row.id: row for row in await store.by_ids(org_id, payment_ids, session)}
    return [found[payment_id] for _, payment_id in refs if payment_id in found]


async def _standing(session: Session, payments: Sequence[Payment]) -> set[str]:
    """Ids of those that are at the version at which they were read."""
    found: dict[str, int] = {}
    for org_id, payment_ids in _by_org(_refs(payments)).items():
        found |= await store.versions(session, org_id, payment_ids)
    return {payment.id for payment in payments if found.get(payment.id) == payment.version}


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
        uses=2 if payment.authorizes else 1,
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
        authorization=delegation.authorization_of(payment, purpose, nonce),
    )


def _seen_attempt(payment: Payment, number: int, seen: SeenTransaction, now: datetime) -> PaymentAttempt:
    """Of a transaction that somebody else has signed: its bytes are not ours to send again."""
    row = _attempt(payment, number, Attempt.PAY, seen.nonce, _NO_FEES, now)
    row.call, row.hash, row.first_sent_at, row.last_sent_at = seen.call, seen.hash, now, now
    return row
