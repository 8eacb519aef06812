"""One step of a payment, over ports: no database, no node, no clock of its own, so that the same code runs in a simulator.

    intent → slot + fees (a planned attempt) → sign → store the signed bytes → broadcast those bytes → verdict from a canonical receipt

Every effect is one call of a port, and what came before is stored by then. So a process may die anywhere: whoever takes the payment up next finds
what was decided and does the same thing again, never another one. What a node says to a broadcast decides nothing; time decides nothing but
when a person is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from crypto_api.kit.clock import Clock
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.sending import PLAIN_TRANSFER_GAS, visible
from crypto_api.payments import rules
from crypto_api.payments.documents import Payment, PaymentAttempt, SenderLane
from crypto_api.payments.errors import SignerUnavailable, SigningRefused
from crypto_api.payments.events import Happened
from crypto_api.payments.types import (
    ENDED,
    Attempt,
    Fees,
    Hold,
    PaymentChain,
    PaymentState,
    Quote,
    Receipt,
    SeenTransaction,
    SignedBytes,
    Signer,
    Standing,
    Way,
)

Changes = dict[str, Any]
_ON_ITS_WAY = "It is on its way to be mined."
_PATIENCE = timedelta(seconds=5)  # before the market is asked whether it still bids enough


class Overtaken(Exception):
    """Somebody else changed it meanwhile (a person, another worker): nothing was stored; look again."""


@dataclass(frozen=True, slots=True)
class NoSlot:
    """Why no nonce was given out."""

    hold: Hold
    reason: str


class Judge(Protocol):
    async def standing(self, payment: Payment) -> Standing:
        """Read anew each time: people leave, policies change, payees are struck off."""


class PaymentBook(Protocol):
    """Where payments are kept. Each method is one unit of work; those that change something raise Overtaken when the payment is no longer at the
    version that they were given, or the lane belongs to a later hand. Each transition appends its event."""

    async def load(self, org_id: str, payment_id: str) -> Payment | None: ...

    async def attempts(self, org_id: str, payment_id: str) -> list[PaymentAttempt]:
        """By number."""

    async def lane(self, chain_id: int, address: str) -> SenderLane | None: ...

    async def committed(self, payment: Payment) -> tuple[int, int]:
        """What other payments of the same sender may still take that are signed and not mined: wei, and base units of this payment's token."""

    async def move(self, payment: Payment, changes: Changes, happened: Happened) -> None: ...

    async def postpone(self, payment: Payment, due_at: datetime | None, *, suspected: bool = False) -> None:
        """Only when it is looked at next, and since when something seems wrong with it: no change that anybody sees."""

    async def take_slot(self, payment: Payment, gas_and_fees: Fees, chain_nonce: int, changes: Changes) -> NoSlot | None:
        """The next nonce of the sender, max(`chain_nonce`, last slot + 1), and the first attempt in it, planned. None when it was given."""

    async def release_slot(self, payment: Payment, changes: Changes, happened: Happened) -> None:
        """Of a payment of which nothing was ever signed: the slot is the sender's last, so no gap is left."""

    async def plan(self, payment: Payment, purpose: Attempt, fees: Fees, changes: Changes) -> None:
        """The next attempt in the same slot."""

    async def record_signed(self, payment: Payment, attempt: PaymentAttempt, signed: SignedBytes, changes: Changes) -> None: ...

    async def record_sent(self, payment: Payment, attempt: PaymentAttempt, changes: Changes, happened: Happened | None) -> None: ...

    async def record_seen(self, payment: Payment, seen: SeenTransaction, changes: Changes) -> bool:
        """A transaction of the person's own wallet: the slot and the attempt are taken down after the fact. False when the nonce is another
        payment's."""

    async def finish(self, payment: Payment, changes: Changes, happened: Happened) -> None:
        """The slot is settled."""

    async def reopen(self, payment: Payment, changes: Changes, happened: Happened) -> None:
        """What was final is not: the slot is live again."""

    async def freeze(self, payment: Payment, reason: str, changes: Changes) -> None:
        """The sender's lane, until a person has looked."""


@dataclass(frozen=True, slots=True)
class World:
    book: PaymentBook
    chain: PaymentChain
    signer: Signer
    judge: Judge
    clock: Clock
    confirmations: int  # of the network: then it has ended, for people
    settled_depth: int  # how deep a reorganisation is undone by itself: until then an ended payment is still watched


async def step(world: World, org_id: str, payment_id: str) -> bool:
    """Does the next thing. True when there may be more to do at once; False when it waits (its `due_at` says until when) or has ended."""
    payment = await world.book.load(org_id, payment_id)
    if payment is None or (payment.state in ENDED and payment.due_at is None):
        return False
    run = _Step(world, payment, world.clock.now())
    try:
        return await run.go()
    except Overtaken:
        return True
    except ChainUnavailable as error:
        if payment.state in ENDED:
            return await run.keep(run.look_again())
        return await run.keep(run.wait([Hold.CHAIN_UNAVAILABLE], error.detail, rules.pause(payment.tries, least_s=2)))
    except SignerUnavailable as error:
        return await run.keep(run.wait([Hold.SIGNER_UNAVAILABLE], error.detail, rules.pause(payment.tries, least_s=2)))


class _Step:
    def __init__(self, world: World, payment: Payment, now: datetime) -> None:
        self.world, self.book, self.chain = world, world.book, world.chain
        self.payment, self.now = payment, now

    async def go(self) -> bool:
        match self.payment.state:
            case PaymentState.DRAFT:
                return await self.wait([], "It is a draft: it has not been put up for approval.", rules.DEADLINES[PaymentState.DRAFT])
            case PaymentState.PENDING_APPROVAL:
                return await self._pending()
            case PaymentState.APPROVED:
                return await self._approved()
            case PaymentState.SIGNED | PaymentState.BROADCAST:
                return await self._in_flight()
            case PaymentState.MINED:
                return await self._mined()
            case _:
                return await self._ended()

    # ---- until it may be signed --------------------------------------------------------------------------------------------------

    async def _pending(self) -> bool:
        if self.payment.cancel_requested_by is not None:
            return await self._end_unsigned()
        standing = await self.world.judge.standing(self.payment)
        if standing.approvals_missing > 0:
            return await self.wait([Hold.APPROVALS_MISSING, *standing.holds], _missing(standing), timedelta(seconds=60))
        not_before = self.now + standing.delay if standing.delay else None
        changes = self._into(PaymentState.APPROVED, not_before=not_before) | {"approved_at": self.now, "policy_version": standing.policy_version}
        await self.book.move(self.payment, changes, Happened.APPROVED)
        return True

    async def _approved(self) -> bool:
        payment = self.payment
        if payment.cancel_requested_by is not None:
            return await self._end_unsigned()
        if payment.way is Way.BROWSER and payment.hash is not None:
            return await self._told_by_wallet()
        standing = await self.world.judge.standing(payment)
        if standing.approvals_missing > 0:
            changes = self._into(PaymentState.PENDING_APPROVAL, reason=_missing(standing), holds=[Hold.APPROVALS_MISSING])
            await self._back(changes | {"approved_at": None, "not_before": None}, Happened.APPROVAL_LAPSED)
            return True
        if standing.holds:
            return await self._let_go_and_wait(standing.holds, standing.reason, _until(standing.not_before, self.now))
        if payment.not_before is not None and self.now < payment.not_before:
            return await self._let_go_and_wait(
                [Hold.DELAYED], "The payment policy lets it wait after the last approval.", payment.not_before - self.now
            )
        if payment.way is Way.BROWSER:
            return await self.wait([Hold.WAITS_FOR_WALLET], "It waits to be sent by the wallet that holds the key.", timedelta(seconds=60))
        lane = await self.book.lane(payment.chain_id, payment.from_address)
        if lane is not None and lane.frozen_reason is not None:
            return await self._let_go_and_wait([Hold.SENDER_FROZEN], lane.frozen_reason, timedelta(seconds=60))
        if payment.nonce is None:
            return await self._take_slot(standing)
        return await self._sign((await self._attempts())[-1])

    async def _attempts(self) -> list[PaymentAttempt]:
        """Of a payment that has its slot. Overtaken when it was given back since the payment was read."""
        found = await self.book.attempts(self.payment.org_id, self.payment.id)
        if not found:
            raise Overtaken
        return found

    async def _take_slot(self, standing: Standing) -> bool:
        payment = self.payment
        faultpoint("payment.before_fees")
        quote = await self.chain.quote(payment.from_address, payment.call, payment.token_contract)
        faultpoint("payment.after_fees")
        if quote.reverts is not None:
            return await self.wait([Hold.WOULD_REVERT], f"It would fail: {quote.reverts}.", timedelta(seconds=30))
        fees = rules.first_fees(quote.gas, quote.market, standing.fee_per_gas_max)
        if fees is None:
            return await self.wait([Hold.FEES_TOO_HIGH], "The network's fee is above the most that the policy bids.", timedelta(seconds=15))
        if short := await self._short_of(quote, fees):
            return await self.wait([Hold.NO_FUNDS], short, timedelta(seconds=15))
        faultpoint("payment.before_slot")
        refused = await self.book.take_slot(payment, fees, quote.nonce, {"holds": [], "reason": "It is being signed.", "tries": 0})
        faultpoint("payment.after_slot")
        if refused is not None:
            return await self.wait([refused.hold], refused.reason, rules.pause(payment.tries, most_s=10))
        return True

    async def _short_of(self, quote: Quote, fees: Fees) -> str:
        """What the wallet has too little of, beside what its other payments may still take; empty when there is enough."""
        coin, tokens = await self.book.committed(self.payment)
        if quote.balance - coin < rules.highest_cost(self.payment.call, fees):
            return "The wallet does not hold enough of the network's coin for the amount and the gas, beside its other payments on their way."
        if quote.token_balance is not None and quote.token_balance - tokens < int(self.payment.raw_amount):
            return f"The wallet does not hold enough {self.payment.asset}, beside its other payments on their way."
        return ""

    async def _sign(self, attempt: PaymentAttempt, sent: PaymentAttempt | None = None) -> bool:
        """Asks for the signed bytes of a planned attempt and stores them. Nothing is sent here but, where the signer refuses, what was `sent`
        before."""
        payment = self.payment
        faultpoint("payment.before_sign")
        try:
            signed = await self.world.signer.sign_payment(payment.org_id, payment.id, attempt.id)
        except SigningRefused as error:
            if sent is not None and await self._is_late(sent):
                return await self._send(sent)
            return await self._let_go_and_wait([Hold.NEEDS_HUMAN], f"The signer refuses: {error.detail}", timedelta(seconds=60))
        faultpoint("payment.after_sign")
        if rules.hash_of_raw(signed.raw) != signed.hash:
            return await self._let_go_and_wait([Hold.NEEDS_HUMAN], "The signer's answer does not fit together.", timedelta(seconds=60))
        changes: Changes = {"holds": [], "reason": "It is signed, and stored before it is sent.", "tries": 0, "due_at": self.now}
        if payment.state is PaymentState.APPROVED:
            changes = self._into(PaymentState.SIGNED, reason=changes["reason"]) | {"hash": signed.hash}
        faultpoint("payment.before_record")
        await self.book.record_signed(payment, attempt, signed, changes)
        faultpoint("payment.after_record")
        return True

    async def _end_unsigned(self) -> bool:
        changes = self._into(PaymentState.CANCELLED, reason="It was cancelled before anything was signed.")
        if self.payment.nonce is not None:
            await self.book.release_slot(self.payment, changes, Happened.CANCELLED)
        else:
            await self.book.move(self.payment, changes, Happened.CANCELLED)
        return False

    async def _back(self, changes: Changes, happened: Happened) -> None:
        if self.payment.nonce is not None:
            await self.book.release_slot(self.payment, changes, happened)
        else:
            await self.book.move(self.payment, changes, happened)

    async def _let_go_and_wait(self, holds: Sequence[Hold], reason: str, pause: timedelta) -> bool:
        """It cannot be signed now. An unsigned slot is given back: others of the same wallet must not wait for it."""
        if self.payment.nonce is not None and self.payment.state is PaymentState.APPROVED:
            await self.book.release_slot(self.payment, self._held(holds, reason, pause), Happened.HELD)
            return False
        return await self.wait(holds, reason, pause)

    # ---- on its way --------------------------------------------------------------------------------------------------------------

    async def _in_flight(self) -> bool:
        attempts = await self._attempts()
        if (receipt := await self._receipt(attempts)) is not None:
            return await self._into_block(receipt)
        last = attempts[-1]
        if last.raw is None and last.hash is not None:  # signed by the person's wallet, or found on the chain after a restore
            return await self._sent_elsewhere(attempts)
        if last.raw is None:
            return await self._sign(last, next((row for row in reversed(attempts) if row.raw is not None), None))
        if last.first_sent_at is None and not self._taken_back(last):
            return await self._send(last)
        if (waits := await self._used_by_another(attempts)) is not None:
            return waits
        if await self._replace(last):
            return True
        return await self._keep_sending(last)

    async def _receipt(self, attempts: Sequence[PaymentAttempt]) -> Receipt | None:
        hashes = [attempt.hash for attempt in attempts if attempt.hash is not None]
        faultpoint("payment.before_receipt")
        found = rules.mined_of(hashes, await self.chain.receipts(hashes)) if hashes else None
        faultpoint("payment.after_receipt")
        return found

    async def _into_block(self, receipt: Receipt) -> bool:
        changes = self._into(PaymentState.MINED, reason=_in_block(receipt))
        await self.book.move(self.payment, changes | _inclusion(receipt) | {"suspected_at": None}, Happened.MINED)
        return True

    async def _send(self, attempt: PaymentAttempt) -> bool:
        """The stored bytes, once. The answer is noted and decides nothing."""
        assert attempt.raw is not None, "only what is stored is sent"
        faultpoint("payment.before_broadcast")
        note = await self.chain.send_raw(attempt.raw)
        faultpoint("payment.after_broadcast")
        reason = _ON_ITS_WAY + (f" The node says: {visible(note)}" if note else "")
        first = self.payment.state is PaymentState.SIGNED
        changes = self._into(PaymentState.BROADCAST, reason=reason) if first else {"reason": reason, "holds": self._lasting(), "tries": 0}
        changes |= {"hash": attempt.hash, "due_at": self.now + rules.pause(0)}
        fresh = first or attempt.first_sent_at is None
        await self.book.record_sent(self.payment, attempt, changes, Happened.BROADCAST if fresh else None)
        faultpoint("payment.after_sent")
        return False

    async def _used_by_another(self, attempts: Sequence[PaymentAttempt]) -> bool | None:
        """None when the nonce is still free. Else it waits: for our follower to see the block of ours, or for a person."""
        payment = self.payment
        assert payment.nonce is not None
        if await self.chain.nonce_at_head(payment.from_address) <= payment.nonce:
            if payment.suspected_at is not None:
                await self.book.move(payment, {"suspected_at": None}, Happened.HELD)
                return True
            return None
        for attempt in attempts:
            if attempt.hash is not None and await self.chain.knows(attempt.hash):
                return await self.wait([], "It is mined; the block has not been processed here yet.", rules.pause(payment.tries, most_s=10))
        if payment.suspected_at is None:
            await self.book.move(payment, {"suspected_at": self.now, "due_at": self.now + rules.SUSPICION}, Happened.HELD)
            return False
        if self.now < payment.suspected_at + rules.SUSPICION:
            return await self.wait([], payment.reason, payment.suspected_at + rules.SUSPICION - self.now)
        return await self._freeze()

    async def _freeze(self) -> bool:
        payment = self.payment
        lane = await self.book.lane(payment.chain_id, payment.from_address)
        reason = f"Nonce {payment.nonce} of {payment.from_address} was used by a transaction that is not of this system. A person has to look first."
        if lane is not None and lane.frozen_reason is not None:
            return await self.wait([Hold.SENDER_FROZEN, Hold.NEEDS_HUMAN], lane.frozen_reason, timedelta(seconds=60))
        await self.book.freeze(payment, reason, self._held([Hold.SENDER_FROZEN, Hold.NEEDS_HUMAN], reason, timedelta(seconds=60)))
        return False

    def _taken_back(self, last: PaymentAttempt) -> bool:
        return self.payment.cancel_requested_by is not None and last.purpose is not Attempt.CANCEL

    async def _replace(self, last: PaymentAttempt) -> bool:
        """Plans the next attempt in the slot, where one is wanted: True when it is planned."""
        payment = self.payment
        asked = payment.speed_up_requested_by is not None or self._taken_back(last)
        if not asked and last.first_sent_at is not None and self.now < last.first_sent_at + _PATIENCE:
            return False
        market = await self.chain.market()
        wanted = self._wanted(last, outgrown=market.base_fee > last.fees.max_fee_per_gas)
        if wanted is None:
            return False
        lane = await self.book.lane(payment.chain_id, payment.from_address)
        if lane is not None and lane.frozen_reason is not None:
            return False
        if rules.bumps_left(last.number) == 0:
            return await self._ask("It was replaced as often as is allowed, and is still not mined.")
        standing = await self.world.judge.standing(payment)
        gas = PLAIN_TRANSFER_GAS if wanted is Attempt.CANCEL else None
        fees = rules.bumped(last.fees, market, standing.fee_per_gas_max, gas=gas)
        if fees is None:
            return await self._ask("A replacement would have to bid more than the payment policy allows.", Hold.FEES_TOO_HIGH)
        faultpoint("payment.before_plan")
        await self.book.plan(payment, wanted, fees, {"speed_up_requested_by": None, "tries": 0, "due_at": self.now})
        faultpoint("payment.after_plan")
        return True

    def _wanted(self, last: PaymentAttempt, *, outgrown: bool) -> Attempt | None:
        if self._taken_back(last):
            return Attempt.CANCEL
        if self.payment.speed_up_requested_by is not None or outgrown:
            return Attempt.CANCEL if last.purpose is Attempt.CANCEL else Attempt.SPEED_UP
        return None

    async def _ask(self, reason: str, *holds: Hold) -> bool:
        """Nothing more can be done by itself. What was sent is still watched, and sent again."""
        if Hold.NEEDS_HUMAN not in self.payment.holds or self.payment.speed_up_requested_by is not None:
            changes = self._held([*holds, Hold.NEEDS_HUMAN], reason, rules.pause(0)) | {"speed_up_requested_by": None}
            await self.book.move(self.payment, changes, Happened.HELD)
            return True
        return False

    async def _keep_sending(self, last: PaymentAttempt) -> bool:
        if await self._is_late(last):
            return await self._send(last)
        return await self.wait(self._lasting(), self._told(_ON_ITS_WAY), rules.pause(self.payment.tries, most_s=15))

    async def _is_late(self, attempt: PaymentAttempt) -> bool:
        """Whether the same bytes go out again: after a while, or as soon as the node no longer knows them, as after a reorganisation, a restart or
        in a full pool."""
        assert attempt.hash is not None, "it is signed"
        if attempt.last_sent_at is None:
            return True
        waited = self.now - attempt.last_sent_at
        return waited >= rules.REBROADCAST or (waited >= rules.pause(1) and not await self.chain.knows(attempt.hash))

    def _lasting(self) -> list[Hold]:
        """What only a person or a change of the policy ends."""
        return [hold for hold in self.payment.holds if hold in (Hold.NEEDS_HUMAN, Hold.FEES_TOO_HIGH)]

    def _told(self, otherwise: str) -> str:
        """The reason as it stands, unless it was that a part is away."""
        away = {Hold.CHAIN_UNAVAILABLE, Hold.SIGNER_UNAVAILABLE} & set(self.payment.holds)
        return otherwise if away or not self.payment.reason else self.payment.reason

    # ---- by the person's own wallet ----------------------------------------------------------------------------------------------

    async def _told_by_wallet(self) -> bool:
        """A hash was told. It counts once a node shows what stands behind it."""
        payment = self.payment
        assert payment.hash is not None
        seen = await self.chain.transaction(payment.hash)
        if seen is None:
            return await self.wait([Hold.WAITS_FOR_WALLET], "No node knows the transaction yet that the wallet told of.", rules.pause(payment.tries))
        if seen.sender != payment.from_address:
            changes = self._held([Hold.WAITS_FOR_WALLET], "The transaction that was told is another wallet's.", timedelta(seconds=60)) | {
                "hash": None
            }
            await self.book.move(payment, changes, Happened.HELD)
            return False
        changes = self._into(PaymentState.BROADCAST, reason=_sent_by_wallet(payment, seen)) | {"nonce": seen.nonce}
        await self.book.record_seen(payment, seen, changes)
        return True

    async def _sent_elsewhere(self, attempts: Sequence[PaymentAttempt]) -> bool:
        """The person may have sent it faster, or taken it back, in the wallet itself: whatever has its nonce is looked for."""
        payment = self.payment
        assert payment.nonce is not None
        if await self.chain.nonce_at_head(payment.from_address) > payment.nonce:
            seen = await self.chain.mined_with_nonce(payment.from_address, payment.nonce)
            if seen is not None and seen.hash not in {attempt.hash for attempt in attempts}:
                await self.book.record_seen(payment, seen, {"hash": seen.hash, "reason": _sent_by_wallet(payment, seen), "due_at": self.now})
                return True
        return await self.wait([], self._told(_ON_ITS_WAY), rules.pause(payment.tries, most_s=15))

    # ---- in a block --------------------------------------------------------------------------------------------------------------

    async def _mined(self) -> bool:
        payment, attempts = self.payment, await self._attempts()
        receipt = await self._receipt(attempts)
        if receipt is None:
            changes = self._into(PaymentState.BROADCAST, reason="Its block is no longer part of the chain: the same bytes are sent again.")
            await self.book.move(payment, changes | {"block_number": None, "block_hash": None, "gas_fee_raw": None}, Happened.REORGANISED)
            return True
        if (receipt.hash, receipt.block_hash) != (payment.hash, payment.block_hash):
            await self.book.move(payment, _inclusion(receipt) | {"reason": _in_block(receipt), "due_at": self.now, "tries": 0}, Happened.MINED)
            return True
        if receipt.depth < self.world.confirmations or not receipt.final:
            return await self.wait([], self._told(_in_block(receipt)), rules.pause(payment.tries, most_s=10))
        mined = next(attempt for attempt in attempts if attempt.hash == receipt.hash)
        ends = rules.outcome(payment.call, mined.call, payment.from_address, succeeded=receipt.succeeded)
        changes = self._into(ends, reason=_REASONS[ends]) | _inclusion(receipt)
        if receipt.depth < self.world.settled_depth:
            changes["due_at"] = self.now + rules.pause(0)
        faultpoint("payment.before_finalise")
        await self.book.finish(payment, changes, Happened(f"payment.{ends.lower()}"))
        faultpoint("payment.after_finalise")
        return False

    async def _ended(self) -> bool:
        """A deep reorganisation may still take its block away, or put a cancellation in place of what was paid: it is then opened again."""
        payment = self.payment
        attempts = await self._attempts()
        receipt = await self._receipt(attempts)
        if receipt is None:
            if payment.suspected_at is None:
                await self.book.postpone(payment, self.now + rules.SUSPICION, suspected=True)
                return False
            if self.now < payment.suspected_at + rules.SUSPICION:
                return await self.look_again()
            changes = self._into(PaymentState.BROADCAST, reason="Its block is no longer part of the chain: the same bytes are sent again.")
            gone = {"block_number": None, "block_hash": None, "gas_fee_raw": None, "ended_at": None, "suspected_at": None}
            await self.book.reopen(payment, changes | gone, Happened.REORGANISED)
            return True
        if (receipt.hash, receipt.block_hash) != (payment.hash, payment.block_hash):
            changes = self._into(PaymentState.MINED, reason=_in_block(receipt)) | _inclusion(receipt)
            await self.book.reopen(payment, changes | {"ended_at": None, "suspected_at": None}, Happened.REORGANISED)
            return True
        if receipt.depth >= self.world.settled_depth:
            await self.book.postpone(payment, None)
            return False
        return await self.look_again()

    async def look_again(self) -> bool:
        """Later: nothing that anybody sees has changed."""
        await self.book.postpone(self.payment, self.now + rules.pause(self.payment.tries, most_s=60))
        return False

    # ---- waiting -----------------------------------------------------------------------------------------------------------------

    async def wait(self, holds: Sequence[Hold], reason: str, pause: timedelta) -> bool:
        """Until it is looked at again. What people see is stored only where it changed."""
        changes = self._held(holds, reason, pause)
        payment = self.payment
        if changes["holds"] != payment.holds or changes["reason"] != payment.reason:
            await self.book.move(payment, changes, Happened.HELD)
        else:
            await self.book.postpone(payment, changes["due_at"])
        return False

    async def keep(self, waiting: Any) -> bool:
        """`waiting`, unless somebody was faster."""
        try:
            return bool(await waiting)
        except Overtaken:
            return True

    def _held(self, holds: Sequence[Hold], reason: str, pause: timedelta) -> Changes:
        late = self.payment.deadline_at is not None and self.now >= self.payment.deadline_at
        told = list(dict.fromkeys([*holds, *([Hold.NEEDS_HUMAN] if late else [])]))
        return {"holds": told, "reason": reason, "due_at": self.now + max(pause, timedelta(milliseconds=200)), "tries": self.payment.tries + 1}

    def _into(self, state: PaymentState, *, reason: str = "", holds: Sequence[Hold] = (), not_before: datetime | None = None) -> Changes:
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


_REASONS = {
    PaymentState.CONFIRMED: "It is paid: its block is final.",
    PaymentState.FAILED: "It was mined and failed: only its gas is spent.",
    PaymentState.CANCELLED: "It was cancelled: the transaction that replaced it is final.",
    PaymentState.REPLACED: "The wallet sent something else in its place.",
}


def _inclusion(receipt: Receipt) -> Changes:
    return {
        "hash": receipt.hash,
        "block_number": receipt.block_number,
        "block_hash": receipt.block_hash,
        "gas_fee_raw": str(receipt.fee),
    }


def _in_block(receipt: Receipt) -> str:
    return f"It stands in block {receipt.block_number}, and waits until that is final."


def _missing(standing: Standing) -> str:
    many = "approval is" if standing.approvals_missing == 1 else "approvals are"
    return f"{standing.approvals_missing} more {many} needed, by somebody other than the one who prepared it." + (
        f" {standing.reason}" if standing.reason else ""
    )


def _until(moment: datetime | None, now: datetime) -> timedelta:
    if moment is None:
        return timedelta(seconds=30)
    return max(timedelta(seconds=1), min(moment - now, timedelta(hours=1)))


def _sent_by_wallet(payment: Payment, seen: SeenTransaction) -> str:
    if seen.call == payment.call:
        return "It is on its way: the wallet has sent it."
    return "The wallet has sent something else than what was approved."
