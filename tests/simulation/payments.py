"""Seeded schedules of payments: workers that die between any two port calls, zombies with an old fence, a chain that is taken back, nodes that lie,
people who change their mind. After each block the invariants are checked; in the end everything heals, and every payment must come to an end.

The same seed gives the same trace, byte for byte.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

from crypto_api.kit.clock import FixedClock
from crypto_api.payments import machine, rules
from crypto_api.payments.documents import Payment
from crypto_api.payments.errors import SignerUnavailable, SigningRefused
from crypto_api.payments.ports import World
from crypto_api.payments.types import (
    BUMPS_MAX,
    ENDED,
    Attempt,
    Call,
    Hold,
    Origin,
    PaymentKind,
    PaymentState,
    SignedBytes,
    SigningAsk,
    Standing,
    Way,
)
from tests.simulation.book import Book, Tables
from tests.simulation.chain import GWEI, Chain, Provider, signed
from tests.simulation.interleaving import Point, Running

CHAIN_ID = 31337
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
FEE_MAX = 5_000 * GWEI
HEALING_ROUNDS = 600
REORGANISED_MOST = 64  # deeper ones stop the follower


class Violation(AssertionError):
    """An invariant does not hold."""


@dataclass
class SimSigner:
    """Signs what the book says, the same bytes every time."""

    tables: Tables
    random: Random
    faults: float = 0.0
    refuses: bool = False

    async def sign_payments(self, asked: Sequence[SigningAsk]) -> list[SignedBytes | SigningRefused]:
        await Point("signer.sign")
        if self.random.random() < self.faults:
            raise SignerUnavailable
        answers = [self.sign(each) for each in asked]
        await Point("signer.sign.reply")
        if self.random.random() < self.faults / 2:
            raise SignerUnavailable
        return answers

    def sign(self, asked: SigningAsk) -> SignedBytes | SigningRefused:
        """Each by itself: it may refuse any of them."""
        if self.refuses and self.random.random() < 0.6:
            return SigningRefused("not now")
        row = next((row for row in self.tables.attempts.get(asked.payment_id, []) if row.id == asked.attempt_id), None)
        if row is None:
            return SigningRefused("there is no such attempt")
        sent = signed(row.from_address, row.nonce, row.call, row.fees.max_fee_per_gas, row.fees.max_priority_fee_per_gas)
        return SignedBytes(sent.raw, sent.hash)


@dataclass
class SimJudge:
    """What approvals and policy say: one approval is needed; it may lapse."""

    approved: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)

    async def standings(self, payments: Sequence[Payment]) -> list[Standing]:
        await Point("judge.standings")
        return [self.standing(payment) for payment in payments]

    def standing(self, payment: Payment) -> Standing:
        holds = (Hold.PAYEE_UNVERIFIED,) if payment.id in self.held else ()
        return Standing(1, int(payment.id not in self.approved), holds, "The payee is not verified." if holds else "", None, timedelta(0), FEE_MAX)


@dataclass
class Schedule:
    """One run of the world."""

    seed: int
    faults: float = 0.15
    payments: int = 5
    senders: int = 2
    actions: int = 320
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.depth = self.random.choice((1, 2, 3, 12))  # confirmations of the network
        names = [f"0xSender{number}" for number in range(self.senders)]
        self.chain = Chain(self.random, {name: self.random.choice((0, 7)) for name in names})
        self.begin_nonces = dict(self.chain.start_nonces)
        self.tables = Tables()
        self.provider = Provider(self.chain, self.random, self.faults, self.tables.stored)
        self.signer = SimSigner(self.tables, self.random, self.faults)
        self.judge = SimJudge()
        self.clock = FixedClock(BEGIN)
        self.fences = 1
        self.running: list[tuple[int, str, Running]] = []
        self.foreign: set[str] = set()  # hashes of transactions that somebody else signed with a key of ours
        self.chain.cannot = frozenset({"0xPayee1"}) if self.random.random() < 0.2 else frozenset()
        for number in range(self.payments):
            row = _payment(number, names[number % self.senders])
            self.tables.payments[row.id] = row

    # ---- the schedule --------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Violation names the seed and what does not hold."""
        try:
            acts: list[tuple[Callable[[], None], int]] = self._acts()
            kinds, weights = zip(*acts, strict=True)
            for _ in range(self.actions):
                self.random.choices(kinds, weights)[0]()
            self._heal()
            self._check_end()
        except Exception as error:
            raise Violation(f"seed {self.seed}: {type(error).__name__}: {error}") from error

    def _acts(self) -> list[tuple[Callable[[], None], int]]:
        acts = [(self._go_on, 60), (self._start, 20), (self._die, 3), (self._mine, 8), (self._follow, 8), (self._time, 6), (self._human, 6)]
        acts += [(self._reorganise, 2), (self._forget, 1), (self._fence, 2), (self._fees, 2), (self._world, 2)]
        if self.random.random() < 0.1:
            acts.append((self._foreign, 1))
        return acts

    def _tell(self, what: str) -> None:
        self.trace.append(what)

    def _start(self) -> None:
        """A worker looks at payments of a sender: those that are due, or some, or by a doubled job also one that is not. An old hand has an old
        fence."""
        due = [row for row in self.tables.payments.values() if row.due_at is not None and row.due_at <= self.clock.now()]
        anyone = self.random.random() < 0.1 or not due
        payment = self.random.choice(list(self.tables.payments.values()) if anyone else due)
        others = [row for row in due if row.from_address == payment.from_address and row.id != payment.id and self.random.random() < 0.7]
        together = [payment, *others]
        self.random.shuffle(together)
        fence = self.fences if self.random.random() < 0.85 else self.random.randint(1, self.fences)
        if len(self.running) < 3:
            names = "+".join(row.id for row in together)
            self.running.append((fence, names, Running(machine.step(self._seen_by(fence), [(row.org_id, row.id) for row in together]))))
            self._tell(f"start {names} {fence}")

    def _seen_by(self, fence: int) -> World:
        return World(Book(self.tables, fence, self.clock), self.provider, self.signer, self.judge, self.clock, self.depth, REORGANISED_MOST)

    def _go_on(self) -> None:
        """One of those at work, to one of its next port calls."""
        if not self.running:
            return
        place = self.random.randrange(len(self.running))
        _, payment_id, work = self.running[place]
        for _ in range(self.random.choice((1, 1, 2, 4, 12))):
            going = work.go_on()
            self._tell(f"{payment_id} {work.at if going else 'end'}")
            if not going:
                del self.running[place]
                return

    def _die(self) -> None:
        if self.running:
            _, payment_id, work = self.running.pop(self.random.randrange(len(self.running)))
            work.die()
            self._tell(f"die {payment_id} at {work.at}")

    def _mine(self) -> None:
        self.chain.mine(self.random.choice((0.0, 0.5, 1.0)))
        self._tell(f"mine {len(self.chain.blocks)} {[row.hash[:8] for row in self.chain.blocks[-1].sent]}")
        self._check()

    def _reorganise(self) -> None:
        depth = self.random.randint(1, self.random.choice((self.depth, self.depth, self.depth, REORGANISED_MOST)))
        self.chain.reorganise(depth)
        self._tell(f"reorganise {depth}")
        self._check()

    def _forget(self) -> None:
        self.chain.forget_pool(self.random.choice((0.3, 1.0)))
        self._tell("forget")

    def _follow(self) -> None:
        self.chain.follow(self.random.choice((1, 3, 50)))
        self._tell(f"follow {len(self.chain.followed)}")

    def _time(self) -> None:
        """Forwards, and sometimes a little back."""
        self.clock.at += timedelta(seconds=self.random.choice((0.3, 2, 20, 90, 4_000, -3)))
        self._tell(f"time {self.clock.at.isoformat()}")

    def _fence(self) -> None:
        """Another worker takes the lane over; the old one may not know it yet."""
        self.fences += 1
        self._tell(f"fence {self.fences}")

    def _fees(self) -> None:
        self.chain.base_fee = max(GWEI, int(self.chain.base_fee * self.random.choice((0.4, 1.3, 4))))
        self.chain.base_fee = min(self.chain.base_fee, FEE_MAX // 8)
        self._tell(f"fees {self.chain.base_fee}")

    def _world(self) -> None:
        """The policy, an approval, the address book: what they say may change at any moment."""
        payment_id = self.random.choice(list(self.tables.payments))
        which = self.random.choice((self.judge.approved, self.judge.held))
        which.symmetric_difference_update({payment_id})
        self.signer.refuses = self.random.random() < 0.1
        self._tell(f"world {payment_id} {self.signer.refuses}")

    def _human(self) -> None:
        payment = self.random.choice(list(self.tables.payments.values()))
        kind = self.random.choice(("approve", "approve", "approve", "cancel", "speed_up"))
        if kind == "approve":
            self.judge.approved.add(payment.id)
        elif payment.state not in ENDED:
            asked = {"cancel_requested_by": "person"} if kind == "cancel" else {"speed_up_requested_by": "person"}
            changed = payment.model_copy(update={**asked, "due_at": self.clock.now(), "version": payment.version + 1})
            self.tables.payments[payment.id] = changed
        self._tell(f"{kind} {payment.id}")

    def _foreign(self) -> None:
        """Somebody else holds the key of a sender, and uses it."""
        sender = self.random.choice(list(self.begin_nonces))
        nonce = self.chain.blocks[-1].nonces[sender]
        row = signed(sender, nonce, Call(to="0xThief", value_raw="1", data="0x"), 10_000 * GWEI, GWEI, salt=str(len(self.trace)))
        self.foreign.add(row.hash)
        self.chain.pool[row.hash] = row
        self._tell(f"foreign {sender} {nonce}")

    # ---- when everything is well again ---------------------------------------------------------------------------------------

    def _heal(self) -> None:
        self.provider.faults = self.signer.faults = 0.0
        self.signer.refuses = False
        for _, _, work in self.running:
            work.die()
        self.running.clear()
        self.fences += 1
        self.judge.held.clear()
        self.judge.approved.update(self.tables.payments)
        self.chain.base_fee = GWEI
        for _ in range(HEALING_ROUNDS):
            if not any(self._open()):
                return
            for sender in self.begin_nonces:
                due = [row for row in self._open() if row.from_address == sender and row.due_at is not None and row.due_at <= self.clock.now()]
                work = Running(machine.step(self._seen_by(self.fences), [(row.org_id, row.id) for row in due]))
                while work.go_on():
                    pass
            only_watched = all(row.state in ENDED for row in self._open())
            for _ in range(REORGANISED_MOST if only_watched else 1):
                self.chain.mine(1.0)
            self.chain.follow(1_000)
            self._check()
            self.clock.at += timedelta(seconds=60 if only_watched else 45)

    def _open(self) -> Iterator[Payment]:
        return (
            row for row in self.tables.payments.values() if (row.state not in ENDED or row.due_at is not None) and not self._stands_for_a_person(row)
        )

    def _stands_for_a_person(self, payment: Payment) -> bool:
        """Only where somebody else used the key: the sender is frozen, or waits for a nonce of theirs that a reorganisation took away. A dispute
        about a receipt ends by itself, with the lie."""
        holds = set(payment.holds)
        return bool(self.foreign) and bool({Hold.SENDER_FROZEN, Hold.NEEDS_HUMAN} & holds) and Hold.RECEIPT_DISPUTED not in holds

    # ---- invariants ----------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self.provider.faulty:
            raise AssertionError(self.provider.faulty[0])
        paid: dict[str, int] = {}
        for _, row in self.chain.mined():
            if row.hash in self.foreign:
                continue
            assert row.raw in self.tables.stored, f"{row.hash} is mined and was never stored"
            paid[row.call.to] = paid.get(row.call.to, 0) + 1
        for payment in self.tables.payments.values():
            assert paid.get(payment.payee_address, 0) <= 1, f"{payment.id} was paid {paid[payment.payee_address]} times"
            self._check_attempts(payment)
        for sender in self.begin_nonces:
            self._check_lane(sender)

    def _check_lane(self, sender: str) -> None:
        """What is not signed stands behind everything that is."""
        places = sorted((key[2], slot.payment_id) for key, slot in self.tables.slots.items() if key[1] == sender)
        unsigned = [all(row.hash is None for row in self.tables.attempts[payment_id]) for _, payment_id in places]
        assert unsigned == sorted(unsigned), f"{sender}: a nonce is signed behind one that is not: {places} {unsigned}"

    def _check_attempts(self, payment: Payment) -> None:
        rows = self.tables.attempts.get(payment.id, [])
        assert len({row.nonce for row in rows}) <= 1, f"{payment.id} has attempts with different nonces"
        assert len(rows) <= BUMPS_MAX + 1, f"{payment.id} was replaced {len(rows) - 1} times"
        for earlier, later in pairwise(rows):
            for name in ("max_fee_per_gas", "max_priority_fee_per_gas"):
                assert 8 * getattr(later.fees, name) >= 9 * getattr(earlier.fees, name), f"{payment.id}: {name} of {later.id} is bid too low"
            assert later.fees.max_fee_per_gas <= FEE_MAX, f"{later.id} bids more than the policy allows"
        for row in rows:
            assert row.purpose is Attempt.CANCEL or row.call == payment.call, f"{row.id} does not pay what was approved"

    def _check_end(self) -> None:
        for payment in self._open():
            raise AssertionError(f"{payment.id} is still {payment.state} ({payment.holds}, {payment.reason})")
        canonical = {row.hash: block for block, row in self.chain.mined()}
        for payment in self.tables.payments.values():
            if payment.state in ENDED:
                self._check_ended(payment, {row.hash for row in self.tables.attempts.get(payment.id, []) if row.hash}, canonical)
        for sender, begin in self.begin_nonces.items():
            nonces = sorted(key[2] for key in self.tables.slots if key[1] == sender)
            if nonces and not self.foreign:
                assert nonces == list(range(begin, begin + len(nonces))), f"{sender} has a gap: {nonces}"

    def _check_ended(self, payment: Payment, hashes: set[str], canonical: dict[str, Any]) -> None:
        mined = hashes & canonical.keys()
        reverted = {hash_ for hash_ in mined if hash_ in canonical[hash_].reverted}
        paying = {row.hash for row in self.tables.attempts.get(payment.id, []) if row.purpose is not Attempt.CANCEL} & mined
        told = f"{payment.id} is {payment.state}"
        match payment.state:
            case PaymentState.CONFIRMED:
                assert len(mined) == 1, f"{told} and stands in no block"
                assert paying == mined, f"{told} and its cancellation was mined"
                assert not reverted, f"{told} and failed"
                assert payment.hash in mined, f"{told} and names another transaction"
            case PaymentState.FAILED:
                assert mined == reverted == paying != set(), f"{told} and did not fail"
            case PaymentState.CANCELLED:
                assert not paying, f"{told} and was paid"
                assert not hashes or len(mined) == 1, f"{told} and may still be paid"


def _payment(number: int, sender: str) -> Payment:
    payee = f"0xPayee{number}"
    fields: dict[str, Any] = {name: info.get_default(call_default_factory=True) for name, info in Payment.model_fields.items()}
    fields |= {
        "id": f"pay{number}",
        "org_id": "org",
        "origin": Origin(kind="manual", id=str(number)),
        "kind": PaymentKind.TRANSFER,
        "way": Way.SIGNER,
        "network": "sim",
        "chain_id": CHAIN_ID,
        "wallet_id": "wallet",
        "from_address": sender,
        "payee_address": payee,
        "asset": "ETH",
        "decimals": 18,
        "raw_amount": "1",
        "call": rules.transfer_call(payee, 1, None),
        "state": PaymentState.PENDING_APPROVAL,
        "created_at": BEGIN,
        "due_at": BEGIN,
        "holds": [],
        "warnings": [],
        "approvals": [],
    }
    return Payment.model_construct(**fields)
