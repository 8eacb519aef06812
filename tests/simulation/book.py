"""`PaymentBook` in memory, with the same rules: compare-and-set on the version, fences, unique slots, one unit of work a call."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crypto_api.kit.clock import Clock
from crypto_api.payments import rules
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt, SenderLane
from crypto_api.payments.events import Happened
from crypto_api.payments.machine import Changes, NoSlot, Overtaken
from crypto_api.payments.types import Attempt, Fees, Hold, PaymentState, SeenTransaction, SignedBytes
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
            fresh: dict[str, Any] = {"fence": 0, "known_nonce": None, "handed": 0, "frozen_reason": None}
            lane = SenderLane.model_construct(chain_id=payment.chain_id, address=payment.from_address, **fresh)
        if lane.fence > self.fence:
            raise Overtaken
        self.tables.lanes[sender] = lane = lane.model_copy(update={"fence": self.fence, "handed": lane.handed + 1})
        return lane

    def _set_lane(self, lane: SenderLane, changes: Changes) -> None:
        self.tables.lanes[lane.chain_id, lane.address] = lane.model_copy(update=changes)

    async def load(self, org_id: str, payment_id: str) -> Payment | None:
        await Point("book.load")
        return self.tables.payments.get(payment_id)

    async def attempts(self, org_id: str, payment_id: str) -> list[PaymentAttempt]:
        await Point("book.attempts")
        return list(self.tables.attempts.get(payment_id, []))

    async def lane(self, chain_id: int, address: str) -> SenderLane | None:
        await Point("book.lane")
        return self.tables.lanes.get((chain_id, address))

    async def committed(self, payment: Payment) -> tuple[int, int]:
        await Point("book.committed")
        return 0, 0

    async def move(self, payment: Payment, changes: Changes, happened: Happened) -> None:
        await self._write("move")
        self.tables.change(payment, changes, happened)
        await self._wrote("move")

    async def postpone(self, payment: Payment, due_at: datetime | None, *, suspected: bool = False) -> None:
        await self._write("postpone")
        now = self.tables.payments[payment.id]
        if now.version != payment.version:
            raise Overtaken
        since = {"suspected_at": self.clock.now()} if suspected else {}
        self.tables.payments[payment.id] = now.model_copy(update={"due_at": due_at, "tries": now.tries + 1, **since})

    async def take_slot(self, payment: Payment, gas_and_fees: Fees, chain_nonce: int, changes: Changes) -> NoSlot | None:
        await self._write("take_slot")
        lane, sender = self._hold(payment), (payment.chain_id, payment.from_address)
        if lane.frozen_reason is not None:
            return NoSlot(Hold.SENDER_FROZEN, lane.frozen_reason)
        last = self.tables.last_slot(sender)
        if last is not None and self._unsigned(last):
            return NoSlot(Hold.SENDER_BUSY, "An earlier payment of the same wallet is about to be signed.")
        expected = max(last.nonce + 1 if last is not None else 0, lane.known_nonce or 0)
        if chain_nonce > expected and (last is not None or lane.known_nonce is not None):
            self._set_lane(lane, {"frozen_reason": "The network has mined what this system does not know of."})
            return NoSlot(Hold.SENDER_FROZEN, "frozen")
        if lane.known_nonce is None:
            self._set_lane(lane, {"known_nonce": chain_nonce})
        nonce = max(chain_nonce, expected)
        if any(slot.payment_id == payment.id and slot.live for slot in self.tables.slots.values()) or (*sender, nonce) in self.tables.slots:
            raise Overtaken
        self.tables.change(payment, {**changes, "nonce": nonce, "attempt_number": 0}, Happened.NONCE_TAKEN)
        self.tables.slots[*sender, nonce] = _slot(payment, nonce)
        self.tables.attempts[payment.id] = [_attempt(payment, 0, Attempt.PAY, nonce, gas_and_fees)]
        await self._wrote("take_slot")
        return None

    def _unsigned(self, slot: NonceSlot) -> bool:
        holder = self.tables.payments[slot.payment_id]
        return slot.live and holder.state is PaymentState.APPROVED and holder.nonce == slot.nonce

    async def release_slot(self, payment: Payment, changes: Changes, happened: Happened) -> None:
        await self._write("release_slot")
        self._hold(payment)
        assert payment.nonce is not None
        assert payment.hash is None
        self.tables.change(payment, {**changes, "nonce": None, "attempt_number": 0}, happened)
        self.tables.attempts[payment.id] = [row for row in self.tables.attempts[payment.id] if row.hash is not None]
        del self.tables.slots[payment.chain_id, payment.from_address, payment.nonce]
        await self._wrote("release_slot")

    async def plan(self, payment: Payment, purpose: Attempt, fees: Fees, changes: Changes) -> None:
        await self._write("plan")
        self._hold(payment)
        assert payment.nonce is not None
        row = _attempt(payment, payment.attempt_number + 1, purpose, payment.nonce, fees)
        self.tables.change(payment, {**changes, "attempt_number": row.number}, Happened.REPLACEMENT_PLANNED)
        self.tables.attempts[payment.id].append(row)
        await self._wrote("plan")

    async def record_signed(self, payment: Payment, attempt: PaymentAttempt, signed: SignedBytes, changes: Changes) -> None:
        await self._write("record_signed")
        self._hold(payment)
        rows = self.tables.attempts.get(payment.id, [])
        place = next((i for i, row in enumerate(rows) if row.id == attempt.id and row.raw is None and row.hash is None), None)
        if place is None:
            raise Overtaken
        self.tables.change(payment, changes, Happened.SIGNED)
        rows[place] = rows[place].model_copy(update={"raw": signed.raw, "hash": signed.hash})
        self.tables.stored.add(signed.raw)
        await self._wrote("record_signed")

    async def record_sent(self, payment: Payment, attempt: PaymentAttempt, changes: Changes, happened: Happened | None) -> None:
        await self._write("record_sent")
        self.tables.change(payment, changes, happened)
        rows = self.tables.attempts[payment.id]
        place = next(i for i, row in enumerate(rows) if row.id == attempt.id)
        now = changes["due_at"]
        rows[place] = rows[place].model_copy(update={"first_sent_at": rows[place].first_sent_at or now, "last_sent_at": now})
        await self._wrote("record_sent")

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

    async def finish(self, payment: Payment, changes: Changes, happened: Happened) -> None:
        await self._write("finish")
        assert payment.nonce is not None
        self.tables.change(payment, changes, happened)
        key = (payment.chain_id, payment.from_address, payment.nonce)
        self.tables.slots[key] = self.tables.slots[key].model_copy(update={"live": False})
        await self._wrote("finish")

    async def reopen(self, payment: Payment, changes: Changes, happened: Happened) -> None:
        await self._write("reopen")
        assert payment.nonce is not None
        self.tables.change(payment, changes, happened)
        key = (payment.chain_id, payment.from_address, payment.nonce)
        self.tables.slots[key] = self.tables.slots[key].model_copy(update={"live": True})
        await self._wrote("reopen")

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
