"""From its signature on: sent, replaced, mined, final, and taken back by a reorganisation.

What a node says to a broadcast decides nothing; only a receipt does, in a block that our own follower holds, and in which our own reading of that
block agrees.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.sending import FeeMarket
from crypto_api.payments import delegation, rules
from crypto_api.payments.documents import Payment, PaymentAttempt
from crypto_api.payments.errors import SignerUnavailable
from crypto_api.payments.events import Happened
from crypto_api.payments.ports import Changes, Overtaken, Planned, Signed
from crypto_api.payments.types import ENDED, Attempt, Expected, Hold, PaymentState, Receipt
from crypto_api.payments.unsigned import record_seen, sent_by_wallet
from crypto_api.payments.visit import ON_ITS_WAY, Visit, in_block, inclusion, lasting, told

_NOT_FOLLOWED = "It is mined; the block has not been processed here yet."
_GONE = "Its block is no longer part of the chain: the same bytes are sent again."
_OUT_OF_BLOCK = {"block_number": None, "block_hash": None, "gas_fee_raw": None}
_UNDISPUTED = {"disputed_at": None}
_PATIENCE = timedelta(seconds=5)  # before the market is asked whether it still bids enough


@dataclass(frozen=True, slots=True)
class _Row:
    """A payment that was signed, its attempts, and what the chain has of them."""

    payment: Payment
    attempts: list[PaymentAttempt]
    receipt: Receipt | None

    @property
    def last(self) -> PaymentAttempt:
        return self.attempts[-1]

    @property
    def sent(self) -> PaymentAttempt | None:
        """The last one whose bytes are stored."""
        return next((row for row in reversed(self.attempts) if row.raw is not None), None)

    @property
    def taken_back(self) -> bool:
        return self.payment.cancel_requested_by is not None and self.last.purpose is not Attempt.CANCEL


async def look(visit: Visit, payments: Sequence[Payment]) -> None:
    """ChainUnavailable."""
    attempts = await visit.book.attempts(payments)
    visit.again |= {payment.id for payment in payments if not attempts.get(payment.id)}
    held = [payment for payment in payments if attempts.get(payment.id)]
    if not held:
        return
    mined_nonces = await visit.chain.nonce_at_head(held[0].from_address)
    rows = await _with_receipts(visit, held, attempts, mined_nonces)
    in_flight: list[_Row] = []
    for row in rows:
        if row.receipt is not None and row.receipt.disputed:
            _disputed(visit, row.payment, row.receipt)
        elif row.payment.state is PaymentState.MINED:
            _mined(visit, row)
        elif row.payment.state in ENDED:
            _ended(visit, row)
        elif row.receipt is not None:
            _into_block(visit, row.payment, row.receipt)
        else:
            in_flight.append(row)
    await visit.flush()
    if in_flight:
        await _InFlight(visit, in_flight, mined_nonces).go()


async def _with_receipts(visit: Visit, payments: Sequence[Payment], attempts: Mapping[str, list[PaymentAttempt]], mined_nonces: int) -> list[_Row]:
    """Whose nonce is not used at the node's head has none there either; what stood in a block once is asked for in any case."""
    expected: list[Expected] = []
    for payment in payments:
        faultpoint("payment.before_receipt")
        assert payment.nonce is not None, "it has attempts"
        stood = payment.state not in (PaymentState.SIGNED, PaymentState.BROADCAST)
        if stood or payment.nonce < mined_nonces:
            expected += [_expected(payment, row) for row in attempts[payment.id] if row.hash is not None]
    receipts = await visit.chain.receipts(expected) if expected else {}
    for _ in payments:
        faultpoint("payment.after_receipt")
    return [
        _Row(payment, attempts[payment.id], rules.mined_of([row.hash for row in attempts[payment.id] if row.hash], receipts)) for payment in payments
    ]


def _expected(payment: Payment, row: PaymentAttempt) -> Expected:
    assert row.hash is not None
    return Expected(payment.org_id, payment.wallet_id, row.chain_id, row.from_address, row.nonce, row.hash, row.call)


# ---- in a block ------------------------------------------------------------------------------------------------------------------


def _disputed(visit: Visit, payment: Payment, receipt: Receipt) -> None:
    """A node says one thing, our own reading of the block another: nothing is decided by either. It is asked again, and in the end a person."""
    since = payment.disputed_at or visit.now
    late = visit.now >= since + rules.DISPUTE
    holds = [Hold.RECEIPT_DISPUTED, *([Hold.NEEDS_HUMAN] if late else [])]
    visit.wait(payment, holds, receipt.disputed, rules.pause(payment.tries), {"disputed_at": since})


def _into_block(visit: Visit, payment: Payment, receipt: Receipt) -> None:
    changes = visit.into(payment, PaymentState.MINED, reason=in_block(receipt))
    visit.write(payment, changes | inclusion(receipt) | {"suspected_at": None}, Happened.MINED, more=True)


def _mined(visit: Visit, row: _Row) -> None:
    payment, receipt = row.payment, row.receipt
    if receipt is None:
        changes = visit.into(payment, PaymentState.BROADCAST, reason=_GONE) | _OUT_OF_BLOCK | _UNDISPUTED
        visit.write(payment, changes, Happened.REORGANISED, more=True)
    elif (receipt.hash, receipt.block_hash) != (payment.hash, payment.block_hash):
        changes = inclusion(receipt) | {"reason": in_block(receipt), "due_at": visit.now, "tries": 0, "holds": []}
        visit.write(payment, changes, Happened.MINED, more=True)
    elif receipt.depth < visit.world.confirmations or not receipt.final:
        visit.wait(payment, [], told(payment, in_block(receipt)), rules.pause(payment.tries, most_s=10), _UNDISPUTED)
    else:
        mined = next(attempt for attempt in row.attempts if attempt.hash == receipt.hash)
        ends = rules.outcome(payment.call, mined.call, payment.from_address, succeeded=receipt.succeeded)
        changes = visit.into(payment, ends, reason=_REASONS[ends]) | inclusion(receipt) | {"reserved_wei": "0"}
        if receipt.depth < visit.world.settled_depth:
            changes["due_at"] = visit.now + rules.pause(0)
        visit.write(payment, changes, Happened(f"payment.{ends.lower()}"), live=False)


def _ended(visit: Visit, row: _Row) -> None:
    """A deep reorganisation may still take its block away, or put a cancellation in place of what was paid: it is then opened again."""
    payment, receipt = row.payment, row.receipt
    if receipt is None and payment.suspected_at is None:
        visit.postpone(payment, visit.now + rules.SUSPICION, {"suspected_at": visit.now})
    elif receipt is None and payment.suspected_at is not None and visit.now < payment.suspected_at + rules.SUSPICION:
        visit.look_again(payment)
    elif receipt is None:
        changes = visit.into(payment, PaymentState.BROADCAST, reason=_GONE) | _OUT_OF_BLOCK
        changes |= {"ended_at": None, "suspected_at": None} | _UNDISPUTED
        visit.write(payment, changes, Happened.REORGANISED, more=True, live=True)
    elif (receipt.hash, receipt.block_hash) != (payment.hash, payment.block_hash):
        changes = visit.into(payment, PaymentState.MINED, reason=in_block(receipt)) | inclusion(receipt)
        visit.write(payment, changes | {"ended_at": None, "suspected_at": None}, Happened.REORGANISED, more=True, live=True)
    elif payment.holds or payment.disputed_at is not None:
        changes = {"holds": [], "reason": _REASONS[payment.state], "due_at": visit.now} | _UNDISPUTED
        visit.write(payment, changes, Happened.HELD, more=True)
    elif receipt.depth >= visit.world.settled_depth:
        visit.postpone(payment, None)
    else:
        visit.look_again(payment)


_REASONS = {
    PaymentState.CONFIRMED: "It is paid: its block is final.",
    PaymentState.FAILED: "It was mined and failed: only its gas is spent.",
    PaymentState.CANCELLED: "It was cancelled: the transaction that replaced it is final.",
    PaymentState.REPLACED: "The wallet sent something else in its place.",
}


# ---- on its way ------------------------------------------------------------------------------------------------------------------


class _InFlight:
    """Signed payments that stand in no block, as far as is known here."""

    def __init__(self, visit: Visit, rows: Sequence[_Row], mined_nonces: int) -> None:
        self.visit, self.rows, self.mined_nonces = visit, rows, mined_nonces
        self._market: FeeMarket | None = None
        self._known: set[str] = set()

    async def go(self) -> None:
        to_sign = [row for row in self.rows if row.last.raw is None and row.last.hash is None]
        elsewhere = [row for row in self.rows if row.last.raw is None and row.last.hash is not None]
        fresh = [row for row in self.rows if row.last.raw is not None and row.last.first_sent_at is None and not row.taken_back]
        apart = {row.payment.id for row in (*to_sign, *elsewhere, *fresh)}
        waiting = [row for row in self.rows if row.payment.id not in apart]
        await self._sign(to_sign)
        await self.visit.send([(row.payment, row.last) for row in fresh])
        for row in elsewhere:  # signed by the person's wallet, or found on the chain after a restore
            await self._sent_elsewhere(row)
        if waiting:
            await self._wait(waiting)
        await self.visit.flush()

    async def _sign(self, rows: Sequence[_Row]) -> None:
        """Replacements. Where the signer refuses one, what was sent before is still sent."""
        if not rows:
            return
        try:
            answers = await self.visit.signatures([(row.payment, row.last) for row in rows])
        except SignerUnavailable as error:
            self.visit.wait_for((row.payment for row in rows), Hold.SIGNER_UNAVAILABLE, error.detail)
            return
        for row, answer in zip(rows, answers, strict=True):  # each by itself: they stand in different places of the sender's lane
            if isinstance(answer, Signed):
                await self.visit.send(await self.visit.record([answer]))
                continue
            await self._ask_for(row)
            if row.sent is not None and self._is_late(row.sent):
                await self.visit.send([(row.payment, row.sent)])
            else:
                self.visit.wait(row.payment, [Hold.NEEDS_HUMAN], answer.detail, timedelta(seconds=60))

    async def _sent_elsewhere(self, row: _Row) -> None:
        """The person may have sent it faster, or taken it back, in the wallet itself: whatever has its nonce is looked for."""
        payment, visit = row.payment, self.visit
        assert payment.nonce is not None
        if self.mined_nonces > payment.nonce:
            seen = await visit.chain.mined_with_nonce(payment.from_address, payment.nonce)
            if seen is not None and seen.hash not in {attempt.hash for attempt in row.attempts}:
                changes: Changes = {"hash": seen.hash, "reason": sent_by_wallet(payment, seen), "due_at": visit.now}
                await record_seen(visit, payment, seen, changes)
                return
        visit.wait(payment, [], told(payment, ON_ITS_WAY), rules.pause(payment.tries, most_s=15))

    # ---- sent, and not mined yet -------------------------------------------------------------------------------------------------

    async def _wait(self, rows: Sequence[_Row]) -> None:
        await self._ask_for(*rows)
        late: list[Planned] = []
        for row in rows:
            payment = row.payment
            assert payment.nonce is not None
            if payment.nonce < self.mined_nonces:
                await self._used_by_another(row)
            elif payment.suspected_at is not None:
                self.visit.write(payment, {"suspected_at": None}, Happened.HELD, more=True)
            elif await self._replace(row):
                continue
            elif row.last.first_sent_at is not None and self._is_late(row.last):  # what was never sent is to be cancelled
                late.append((payment, row.last))
            else:
                self.visit.wait(payment, lasting(payment), told(payment, ON_ITS_WAY), rules.pause(payment.tries, most_s=15), _UNDISPUTED)
        await self.visit.send(late)

    async def _ask_for(self, *rows: _Row) -> None:
        """Which of these hashes a node has, where that may decide something."""
        hashes: list[str] = []
        for row in rows:
            used = row.payment.nonce is not None and row.payment.nonce < self.mined_nonces
            asked = row.attempts if used else [row.sent] if row.sent is not None and self._may_be_late(row.sent) else []
            hashes += [attempt.hash for attempt in asked if attempt.hash is not None]
        if hashes:
            self._known |= await self.visit.chain.known(hashes)

    def _may_be_late(self, attempt: PaymentAttempt) -> bool:
        return attempt.last_sent_at is not None and rules.pause(1) <= self.visit.now - attempt.last_sent_at < rules.REBROADCAST

    def _is_late(self, attempt: PaymentAttempt) -> bool:
        if attempt.last_sent_at is None or self.visit.now - attempt.last_sent_at >= rules.REBROADCAST:
            return True
        return self._may_be_late(attempt) and attempt.hash not in self._known

    async def _used_by_another(self, row: _Row) -> None:
        """Its nonce is used. It waits: for our follower to see the block of ours, or for a person."""
        payment, visit = row.payment, self.visit
        if any(attempt.hash in self._known for attempt in row.attempts):
            visit.wait(payment, [], _NOT_FOLLOWED, rules.pause(payment.tries, most_s=10))
        elif payment.suspected_at is None:
            visit.write(payment, {"suspected_at": visit.now, "due_at": visit.now + rules.SUSPICION}, Happened.HELD)
        elif visit.now < payment.suspected_at + rules.SUSPICION:
            visit.wait(payment, [], payment.reason, payment.suspected_at + rules.SUSPICION - visit.now)
        else:
            await self._freeze(row)

    async def _freeze(self, row: _Row) -> None:
        """Unless what used the nonce turns out to be ours, or undone: a node may not find by its hash what it shows in a block."""
        payment, visit = row.payment, self.visit
        assert payment.nonce is not None
        seen = await visit.chain.mined_with_nonce(payment.from_address, payment.nonce)
        if seen is None:  # a reorganisation may have taken it away since the nonces were counted, and brought another
            if payment.nonce >= await visit.chain.nonce_at_head(payment.from_address):
                visit.write(payment, {"suspected_at": None}, Happened.HELD, more=True)
                return
            seen = await visit.chain.mined_with_nonce(payment.from_address, payment.nonce)
        if seen is not None and any(attempt.hash == seen.hash for attempt in row.attempts):
            changes = visit.held(payment, [], _NOT_FOLLOWED, rules.pause(payment.tries, most_s=10))
            visit.write(payment, changes | {"suspected_at": None}, Happened.HELD)
            return
        lane = await visit.book.lane(payment.chain_id, payment.from_address)
        holds = [Hold.SENDER_FROZEN, Hold.NEEDS_HUMAN]
        if lane is not None and lane.frozen_reason is not None:
            visit.wait(payment, holds, lane.frozen_reason, timedelta(seconds=60))
            return
        reason = f"Nonce {payment.nonce} of {payment.from_address} was used by a transaction that is not of this system. A person has to look first."
        try:
            await visit.book.freeze(payment, reason, visit.held(payment, holds, reason, timedelta(seconds=60)))
        except Overtaken:
            visit.again.add(payment.id)

    async def _replace(self, row: _Row) -> bool:
        """Plans the next attempt in the slot, where one is wanted. False when nothing was done."""
        payment, last = row.payment, row.last
        asked = payment.speed_up_requested_by is not None or row.taken_back
        if not asked and last.first_sent_at is not None and self.visit.now < last.first_sent_at + _PATIENCE:
            return False
        if self._market is None:
            self._market = await self.visit.chain.market()
        wanted = _wanted(row, outgrown=rules.outgrown(last.fees, self._market))
        if wanted is None:
            return False
        lane = await self.visit.book.lane(payment.chain_id, payment.from_address)
        if lane is not None and lane.frozen_reason is not None:
            return False
        if rules.bumps_left(last.number) == 0:
            return self._ask(payment, "It was replaced as often as is allowed, and is still not mined.")
        (standing,) = await self.visit.world.judge.standings([payment])
        gas = delegation.cancel_gas(payment) if wanted is Attempt.CANCEL else None
        fees = rules.bumped(last.fees, self._market, standing.fee_per_gas_max, gas=gas)
        if fees is None:
            return self._ask(payment, "A replacement would have to bid more than the payment policy allows.", Hold.FEES_TOO_HIGH)
        faultpoint("payment.before_plan")
        with suppress(Overtaken):
            await self.visit.book.plan(payment, wanted, fees, {"speed_up_requested_by": None, "tries": 0, "due_at": self.visit.now})
        faultpoint("payment.after_plan")
        self.visit.again.add(payment.id)
        return True

    def _ask(self, payment: Payment, reason: str, *holds: Hold) -> bool:
        """Nothing more can be done by itself. What was sent is still watched, and sent again."""
        if Hold.NEEDS_HUMAN in payment.holds and payment.speed_up_requested_by is None:
            return False
        changes = self.visit.held(payment, [*holds, Hold.NEEDS_HUMAN], reason, rules.pause(0)) | {"speed_up_requested_by": None}
        self.visit.write(payment, changes, Happened.HELD, more=True)
        return True


def _wanted(row: _Row, *, outgrown: bool) -> Attempt | None:
    if row.taken_back:
        return Attempt.CANCEL
    if row.payment.speed_up_requested_by is not None or outgrown:
        return Attempt.CANCEL if row.last.purpose is Attempt.CANCEL else Attempt.SPEED_UP
    return None
