"""`PaymentBook` in memory, with the same rules: compare-and-set on the version, fences, unique slots, one unit of work a call."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crypto_api.kit.clock import Clock
from crypto_api.payments import rules
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt, SenderLane
from crypto_api.payments.events import Happened
from crypto_api.payments.ports import Changes, Committed, NoSlot, Overtaken, Planned, Sent, Signed, Wanted, Write
from crypto_api.payments.types import Attempt, Fees, Hold, Ref, SeenTransaction
from tests.simulation.interleaving import Point

Sender = tuple[int, str]


@dataclass
class Tables:
    """What survives every crash."""

    payments: dict[str, Payment] = field(default_factory=dict)
    attempts: dict[str, list[PaymentAttempt]] = field(default_factory=dict)
    slots: dict[tuple[int, str, int], NonceSlot] = field(default_factory=dict)
    lanes: dict[Sender, SenderLane] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)  # raw bytes
    told: list[tuple[str, str]] = field(default_factory=list)  # (payment, what happened)

    def change(self, payment: Payment, changes: Changes, happened: Happened | None) -> None:
        now = self.payments[payment.id]
        if now.version != payment.version:
            raise Overtaken
        self.payments[payment.id] = now.model_copy(update={**changes, "version": now.version + 1})
        if happened is not None:
            self.told.append((payment.id, happened.value))

    def last_slot(self, sender: Sender) -> NonceSlot | None:
        return max((slot for key, slot in self.slots.items() if key[:2] == sender), key=lambda slot: slot.nonce, default=None)


@dataclass
class Book:
    """As one worker with its fence sees the tables."""

    tables: Tables
    fence: int
    clock: Clock

    async def _write(self, name: str) -> None:
        await Point(f"book.{name}")

    async def _wrote(self, name: str) -> None:
        await Point(f"book.{name}.reply")

    def _hold(self, payment: Payment) -> SenderLane:
        sender = (payment.chain_id, payment.from_address)
        lane = self.tables.lanes.get(sender)
        if lane is None:
            fresh: dict[str, Any] = {"fence": 0, "known_nonce": None, "handed": 0, "unsigned_from": None, "frozen_reason": None}
            lane = SenderLane.model_construct(chain_id=payment.chain_id, address=payment.from_address, **fresh)
        if lane.fence > self.fence:
            raise Overtaken
        self.tables.lanes[sender] = lane = lane.model_copy(update={"fence": self.fence, "handed": lane.handed + 1})
        return lane

    def _set_lane(self, lane: SenderLane, changes: Changes) -> None:
        self.tables.lanes[lane.chain_id, lane.address] = self.tables.lanes[lane.chain_id, lane.address].model_copy(update=changes)

    async def load(self, refs: Sequence[Ref]) -> list[Payment]:
        await Point("book.load")
        return [self.tables.payments[payment_id] for _, payment_id in refs if payment_id in self.tables.payments]

    async def attempts(self, payments: Sequence[Payment]) -> Mapping[str, list[PaymentAttempt]]:
        await Point("book.attempts")
        return {payment.id: list(self.tables.attempts.get(payment.id, [])) for payment in payments}

    async def lane(self, chain_id: int, address: str) -> SenderLane | None:
        await Point("book.lane")
        return self.tables.lanes.get((chain_id, address))

    async def committed(self, payment: Payment, but: Collection[str]) -> Committed:
        await Point("book.committed")
        return Committed()

    async def write(self, writes: Sequence[Write]) -> set[str]:
        await self._write("write")
        overtaken: set[str] = set()
        for write in writes:
            try:
                self._put(write)
            except Overtaken:
                overtaken.add(write.payment.id)
        await self._wrote("write")
        return overtaken

    def _put(self, write: Write) -> None:
        payment = write.payment
        if write.happened is not None:
            self.tables.change(payment, write.changes, write.happened)
        else:
            now = self.tables.payments[payment.id]
            if now.version != payment.version:
                raise Overtaken
            self.tables.payments[payment.id] = now.model_copy(update={**write.changes, "tries": now.tries + 1})
        if write.live is not None:
            assert payment.nonce is not None
            key = (payment.chain_id, payment.from_address, payment.nonce)
            self.tables.slots[key] = self.tables.slots[key].model_copy(update={"live": write.live})

    def _require(self, payments: Sequence[Payment]) -> None:
        if any(self.tables.payments[payment.id].version != payment.version for payment in payments):
            raise Overtaken

    async def take_slots(self, wanted: Sequence[Wanted], chain_nonce: int, *, alone: bool = False) -> NoSlot | list[Planned]:
        await self._write("take_slots")
        try:
            lane = self._hold(wanted[0].payment)
        except Overtaken:
            return []
        sender = (lane.chain_id, lane.address)
        if lane.frozen_reason is not None:
            return NoSlot(Hold.SENDER_FROZEN, lane.frozen_reason)
        if lane.unsigned_from is not None:
            return NoSlot(Hold.SENDER_BUSY, "An earlier payment of the same wallet is about to be signed.")
        last = self.tables.last_slot(sender)
        expected = max(last.nonce + 1 if last is not None else 0, lane.known_nonce or 0)
        if chain_nonce > expected and (last is not None or lane.known_nonce is not None):
            self._set_lane(lane, {"frozen_reason": "The network has mined what this system does not know of."})
            return NoSlot(Hold.SENDER_FROZEN, "frozen")
        kept = [each for each in wanted if self.tables.payments[each.payment.id].version == each.payment.version]
        nonce = max(chain_nonce, expected)
        taken = {slot.payment_id for slot in self.tables.slots.values() if slot.live}
        if any(each.payment.id in taken for each in kept) or any((*sender, nonce + i) in self.tables.slots for i in range(len(kept))):
            return []
        if kept:
            self._set_lane(lane, {"unsigned_from": nonce, "known_nonce": chain_nonce if lane.known_nonce is None else lane.known_nonce})
        planned: list[Planned] = []
        for place, each in enumerate(kept, nonce):
            self.tables.change(each.payment, {**each.changes, "nonce": place, "attempt_number": 0}, Happened.NONCE_TAKEN)
            self.tables.slots[*sender, place] = _slot(each.payment, place)
            self.tables.attempts[each.payment.id] = [_attempt(each.payment, 0, Attempt.PAY, place, each.fees)]
            planned.append((self.tables.payments[each.payment.id], self.tables.attempts[each.payment.id][0]))
        await self._wrote("take_slots")
        return planned

    async def release(self, writes: Sequence[Write]) -> None:
        await self._write("release")
        first = min((write.payment for write in writes), key=lambda payment: payment.nonce or 0)
        lane = self._hold(first)
        self._require([write.payment for write in writes])
        assert first.nonce is not None
        assert lane.unsigned_from is not None
        assert first.nonce >= lane.unsigned_from
        behind = [key for key, slot in self.tables.slots.items() if key[:2] == (lane.chain_id, lane.address) and slot.nonce >= first.nonce]
        named = {write.payment.id: write for write in writes}
        for key in behind:
            holder = self.tables.payments[self.tables.slots[key].payment_id]
            assert holder.hash is None
            write = named.get(holder.id) or Write(holder, {"holds": [], "due_at": self.clock.now(), "tries": 0}, Happened.HELD)
            self.tables.change(holder, {**write.changes, "nonce": None, "attempt_number": 0}, write.happened)
            self.tables.attempts[holder.id] = [row for row in self.tables.attempts[holder.id] if row.hash is not None]
            del self.tables.slots[key]
        self._set_lane(lane, {"unsigned_from": lane.unsigned_from if lane.unsigned_from < first.nonce else None})
        await self._wrote("release")

    async def plan(self, payment: Payment, purpose: Attempt, fees: Fees, changes: Changes) -> None:
        await self._write("plan")
        self._hold(payment)
        assert payment.nonce is not None
        row = _attempt(payment, payment.attempt_number + 1, purpose, payment.nonce, fees)
        self.tables.change(payment, {**changes, "attempt_number": row.number}, Happened.REPLACEMENT_PLANNED)
        self.tables.attempts[payment.id].append(row)
        await self._wrote("plan")

    async def record_signed(self, signed: Sequence[Signed]) -> None:
        await self._write("record_signed")
        lane = self._hold(signed[0].payment)
        self._require([each.payment for each in signed])
        nonces = [each.attempt.nonce for each in signed if each.attempt.number == 0]
        if nonces and (nonces != list(range(nonces[0], nonces[0] + len(nonces))) or nonces[0] != lane.unsigned_from):
            raise Overtaken
        places = [self._unsigned_place(each) for each in signed]
        if nonces:
            last = self.tables.last_slot((lane.chain_id, lane.address))
            assert last is not None
            self._set_lane(lane, {"unsigned_from": nonces[-1] + 1 if last.nonce > nonces[-1] else None})
        for each, place in zip(signed, places, strict=True):
            rows = self.tables.attempts[each.payment.id]
            self.tables.change(each.payment, each.changes, Happened.SIGNED)
            rows[place] = rows[place].model_copy(update={"raw": each.bytes.raw, "hash": each.bytes.hash})
            self.tables.stored.add(each.bytes.raw)
        await self._wrote("record_signed")

    def _unsigned_place(self, each: Signed) -> int:
        rows = self.tables.attempts.get(each.payment.id, [])
        place = next((i for i, row in enumerate(rows) if row.id == each.attempt.id and row.raw is None and row.hash is None), None)
        if place is None:
            raise Overtaken
        return place

    async def record_sent(self, sent: Sequence[Sent]) -> set[str]:
        await self._write("record_sent")
        overtaken: set[str] = set()
        for each in sent:
            try:
                self.tables.change(each.payment, each.changes, each.happened)
            except Overtaken:
                overtaken.add(each.payment.id)
                continue
            rows = self.tables.attempts[each.payment.id]
            place = next(i for i, row in enumerate(rows) if row.id == each.attempt.id)
            now = each.changes["due_at"]
            rows[place] = rows[place].model_copy(update={"first_sent_at": rows[place].first_sent_at or now, "last_sent_at": now})
        await self._wrote("record_sent")
        return overtaken

    async def record_seen(self, payment: Payment, seen: SeenTransaction, changes: Changes) -> bool:
        await self._write("record_seen")
        if payment.nonce is None:
            key = (payment.chain_id, payment.from_address, seen.nonce)
            if key in self.tables.slots:
                return False
        rows = self.tables.attempts.setdefault(payment.id, [])
        row = _attempt(payment, len(rows), Attempt.PAY, seen.nonce, Fees(gas=0, max_fee_per_gas=0, max_priority_fee_per_gas=0))
        self.tables.change(payment, {**changes, "attempt_number": row.number}, Happened.BROADCAST)
        if payment.nonce is None:
            self.tables.slots[payment.chain_id, payment.from_address, seen.nonce] = _slot(payment, seen.nonce)
        rows.append(row.model_copy(update={"call": seen.call, "hash": seen.hash, "first_sent_at": changes.get("due_at")}))
        return True

    async def freeze(self, payment: Payment, reason: str, changes: Changes) -> None:
        await self._write("freeze")
        lane = self._hold(payment)
        self.tables.change(payment, changes, Happened.SENDER_FROZEN)
        self._set_lane(lane, {"frozen_reason": reason})


def _slot(payment: Payment, nonce: int) -> NonceSlot:
    return NonceSlot.model_construct(
        chain_id=payment.chain_id, address=payment.from_address, nonce=nonce, owner_org_id=payment.org_id, payment_id=payment.id, live=True
    )


def _attempt(payment: Payment, number: int, purpose: Attempt, nonce: int, fees: Fees) -> PaymentAttempt:
    return PaymentAttempt.model_construct(
        id=f"{payment.id}:{number}",
        org_id=payment.org_id,
        payment_id=payment.id,
        number=number,
        purpose=purpose,
        chain_id=payment.chain_id,
        from_address=payment.from_address,
        nonce=nonce,
        call=rules.call_of(purpose, payment.call, payment.from_address),
        fees=fees,
        raw=None,
        hash=None,
        first_sent_at=None,
        last_sent_at=None,
        sends=0,
    )
