"""Payments of one sender, looked at together: what is read for one is read for all, each is decided for itself, and what is decided is done at once.

A decision that only changes the payment waits in the visit until `flush`; every other effect is one call of a port, and what it rests on is stored
by then.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.sending import visible
from crypto_api.payments import rules
from crypto_api.payments.documents import Payment, PaymentAttempt
from crypto_api.payments.events import Happened
from crypto_api.payments.ports import Changes, Overtaken, Planned, Sent, Signed, World, Write, after
from crypto_api.payments.types import ENDED, Hold, PaymentState, Receipt, SigningAsk, SigningRefused

ON_ITS_WAY = "It is on its way to be mined."


class Visit:
    def __init__(self, world: World, now: datetime) -> None:
        self.world, self.book, self.chain, self.now = world, world.book, world.chain, now
        self.again: set[str] = set()  # payments for which there may be more to do at once
        self._writes: list[Write] = []
        self._releases: list[Write] = []

    # ---- changes of payments -----------------------------------------------------------------------------------------------------

    def write(self, payment: Payment, changes: Changes, happened: Happened, *, more: bool = False, live: bool | None = None) -> None:
        self._writes.append(Write(payment, changes, happened, live))
        if more:
            self.again.add(payment.id)

    def release(self, payment: Payment, changes: Changes, happened: Happened, *, more: bool = False) -> None:
        """The change, and its unsigned slot, where it has one, is given back: others of the same wallet must not wait for it."""
        held = payment.nonce is not None and payment.state is PaymentState.APPROVED
        (self._releases if held else self._writes).append(Write(payment, changes, happened))
        if more:
            self.again.add(payment.id)

    def postpone(self, payment: Payment, due_at: datetime | None, changes: Changes | None = None) -> None:
        """Only when it is looked at next: no change that anybody sees."""
        self._writes.append(Write(payment, {"due_at": due_at} | (changes or {})))

    def look_again(self, payment: Payment) -> None:
        """At one that has ended, later."""
        self.postpone(payment, self.now + rules.pause(payment.tries, most_s=60))

    def wait(self, payment: Payment, holds: Sequence[Hold], reason: str, pause: timedelta, more: Changes | None = None) -> None:
        """Until it is looked at again. What people see is stored only where it changed."""
        changes = self.held(payment, holds, reason, pause) | (more or {})
        if changes["holds"] != payment.holds or changes["reason"] != payment.reason:
            self.write(payment, changes, Happened.HELD)
        else:
            self.postpone(payment, changes["due_at"])

    def wait_for(self, payments: Iterable[Payment], hold: Hold, reason: str) -> None:
        """For a part that is away."""
        for payment in payments:
            if payment.state in ENDED:
                self.look_again(payment)
            else:
                self.wait(payment, [hold], reason, rules.pause(payment.tries, least_s=2))

    def forget(self) -> None:
        """What was decided and not stored: it is decided anew."""
        self._writes, self._releases = [], []

    async def flush(self) -> set[str]:
        """Stores what was decided; which payments gave their slots back, or were overtaken at that."""
        writes, releases, self._writes, self._releases = self._writes, self._releases, [], []
        if writes:
            for_good = [write for write in writes if write.live is False]
            self._pass("payment.before_finalise", for_good)
            self.again |= await self.book.write(writes)
            self._pass("payment.after_finalise", for_good)
        released = {write.payment.id for write in releases}
        if releases:
            try:
                await self.book.release(releases)
            except Overtaken:
                self.again |= released
        return released

    @staticmethod
    def _pass(name: str, each: Sequence[object]) -> None:
        for _ in each:
            faultpoint(name)

    # ---- signing -----------------------------------------------------------------------------------------------------------------

    async def signatures(self, asked: Sequence[Planned]) -> list[Signed | SigningRefused]:
        """Asks for the signed bytes of planned attempts; nothing is stored and nothing sent. SignerUnavailable."""
        self._pass("payment.before_sign", asked)
        answers = await self.world.signer.sign_payments([SigningAsk(payment.org_id, payment.id, attempt.id) for payment, attempt in asked])
        self._pass("payment.after_sign", asked)
        found: list[Signed | SigningRefused] = []
        for (payment, attempt), answer in zip(asked, answers, strict=True):
            if isinstance(answer, SigningRefused):
                found.append(SigningRefused(f"The signer refuses: {answer.detail}"))
            elif rules.hash_of_raw(answer.raw) != answer.hash:
                found.append(SigningRefused("The signer's answer does not fit together."))
            else:
                found.append(Signed(payment, attempt, answer, self._once_signed(payment, answer.hash)))
        return found

    def _once_signed(self, payment: Payment, hash_: str) -> Changes:
        reason = "It is signed, and stored before it is sent."
        if payment.state is PaymentState.APPROVED:
            return self.into(payment, PaymentState.SIGNED, reason=reason) | {"hash": hash_}
        return {"holds": [], "reason": reason, "tries": 0, "due_at": self.now}

    async def record(self, signed: Sequence[Signed]) -> list[Planned]:
        """Before any of it is sent. What is stored, as it stands now: all, or nothing where one was overtaken."""
        self._pass("payment.before_record", signed)
        try:
            await self.book.record_signed(signed)
        except Overtaken:  # all are looked at again, and signed as they are then
            self.again |= {each.payment.id for each in signed}
            return []
        self._pass("payment.after_record", signed)
        return [
            (after(each.payment, each.changes), each.attempt.model_copy(update={"raw": each.bytes.raw, "hash": each.bytes.hash})) for each in signed
        ]

    # ---- sending -----------------------------------------------------------------------------------------------------------------

    async def send(self, stored: Sequence[Planned]) -> None:
        """The stored bytes, once, in the order of their nonces. The answers are noted and decide nothing. ChainUnavailable."""
        if not stored:
            return
        rows = sorted(stored, key=lambda row: row[1].nonce)
        raws: list[str] = []
        for _, attempt in rows:
            assert attempt.raw is not None, "only what is stored is sent"
            raws.append(attempt.raw)
        self._pass("payment.before_broadcast", rows)
        handed = await self.chain.send_raw(raws)
        self._pass("payment.after_broadcast", rows)
        sent: list[Sent] = []
        for (payment, attempt), answer in zip(rows, handed, strict=True):
            if answer.arrived:
                sent.append(self._once_sent(payment, attempt, answer.note))
            else:
                self.wait_for([payment], Hold.CHAIN_UNAVAILABLE, answer.note)
        if sent:
            self.again |= await self.book.record_sent(sent)
            self._pass("payment.after_sent", sent)

    def _once_sent(self, payment: Payment, attempt: PaymentAttempt, note: str) -> Sent:
        reason = ON_ITS_WAY + (f" The node says: {visible(note)}" if note else "")
        first = payment.state is PaymentState.SIGNED
        changes: Changes = {"reason": reason, "holds": lasting(payment), "tries": 0}
        if first:
            changes = self.into(payment, PaymentState.BROADCAST, reason=reason)
        changes |= {"hash": attempt.hash, "due_at": self.now + rules.pause(0)}
        return Sent(payment, attempt, changes, Happened.BROADCAST if first or attempt.first_sent_at is None else None)

    # ---- how a payment stands after it -------------------------------------------------------------------------------------------

    def held(self, payment: Payment, holds: Sequence[Hold], reason: str, pause: timedelta) -> Changes:
        late = payment.deadline_at is not None and self.now >= payment.deadline_at
        told = list(dict.fromkeys([*holds, *([Hold.NEEDS_HUMAN] if late else [])]))
        return {"holds": told, "reason": reason, "due_at": self.now + max(pause, timedelta(milliseconds=200)), "tries": payment.tries + 1}

    def into(
        self, payment: Payment, state: PaymentState, *, reason: str = "", holds: Sequence[Hold] = (), not_before: datetime | None = None
    ) -> Changes:
        ends = state in ENDED
        changes: Changes = {
            "state": state,
            "holds": list(holds),
            "reason": reason,
            "due_at": None if ends else self.now,
            "deadline_at": rules.deadline(state, self.now, not_before),
            "tries": 0,
        }
        if not_before is not None:
            changes["not_before"] = not_before
        return changes | ({"ended_at": self.now} if ends else {})


def inclusion(receipt: Receipt) -> Changes:
    return {
        "hash": receipt.hash,
        "block_number": receipt.block_number,
        "block_hash": receipt.block_hash,
        "gas_fee_raw": str(receipt.fee),
        "disputed_at": None,
    }


def in_block(receipt: Receipt) -> str:
    return f"It stands in block {receipt.block_number}, and waits until that is final."


def lasting(payment: Payment) -> list[Hold]:
    """What only a person or a change of the policy ends."""
    if Hold.RECEIPT_DISPUTED in payment.holds:
        return []
    return [hold for hold in payment.holds if hold in (Hold.NEEDS_HUMAN, Hold.FEES_TOO_HIGH)]


def told(payment: Payment, otherwise: str) -> str:
    """The reason as it stands, unless it was that a part is away, or that something was in doubt."""
    passed = {Hold.CHAIN_UNAVAILABLE, Hold.SIGNER_UNAVAILABLE, Hold.RECEIPT_DISPUTED} & set(payment.holds)
    return otherwise if passed or not payment.reason else payment.reason
