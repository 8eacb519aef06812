"""What the machine of payments needs of the world, beside a chain and a signer (`types.py`): a book, a judge, a clock.

One sender's payments are looked at together, so each port takes many at once. A payment that somebody else changed meanwhile (a person, another
worker) is left as it is and named in the answer: it is looked at again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from crypto_api.kit.clock import Clock
from crypto_api.payments.documents import Payment, PaymentAttempt, SenderLane
from crypto_api.payments.events import Happened
from crypto_api.payments.types import Attempt, Fees, Hold, PaymentChain, Ref, SeenTransaction, SignedBytes, Signer, Standing

Changes = dict[str, Any]


def after(payment: Payment, changes: Changes) -> Payment:
    """As it stands once they are stored."""
    stored: Payment = payment.model_copy(update={**changes, "version": payment.version + 1})
    return stored


class Overtaken(Exception):
    """Somebody else changed it meanwhile: nothing was stored; look again."""


@dataclass(frozen=True, slots=True)
class Write:
    """A change of one payment, by compare-and-set on its version, with its event. Without an event it is only about when the payment is looked at
    next, which nobody sees: the version stays, and `tries` grows."""

    payment: Payment
    changes: Changes
    happened: Happened | None = None
    live: bool | None = None  # of its slot: False settles it, True opens it again


@dataclass(frozen=True, slots=True)
class Wanted:
    """A payment that is to get a nonce, and its first attempt."""

    payment: Payment
    fees: Fees
    reserved: int  # wei that it may take from the wallet
    l1_fee: int  # wei, of those
    changes: Changes


Planned = tuple[Payment, PaymentAttempt]


@dataclass(frozen=True, slots=True)
class NoSlot:
    """Why no nonces were given out."""

    hold: Hold
    reason: str


@dataclass(frozen=True, slots=True)
class Signed:
    """Bytes to be stored before they are sent."""

    payment: Payment
    attempt: PaymentAttempt
    bytes: SignedBytes
    changes: Changes


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes that were handed to a node. `happened` None: not for the first time, and nobody sees a change but in the reason."""

    payment: Payment
    attempt: PaymentAttempt
    changes: Changes
    happened: Happened | None


@dataclass(slots=True)
class Committed:
    """What payments of a sender may still take: wei, and base units by token."""

    wei: int = 0
    tokens: dict[str, int] = field(default_factory=dict)


class Judge(Protocol):
    async def standings(self, payments: Sequence[Payment]) -> list[Standing]:
        """Read anew each time: people leave, policies change, payees are struck off."""


class PaymentBook(Protocol):
    """Where payments are kept. Each method that changes something is one unit of work, in which every change has its event; those that give out
    nonces, or change what stands in one, hold the sender's lane, and raise Overtaken where it belongs to a later hand."""

    async def load(self, refs: Sequence[Ref]) -> list[Payment]:
        """Those that there are, in that order."""

    async def attempts(self, payments: Sequence[Payment]) -> Mapping[str, list[PaymentAttempt]]:
        """By payment, in order of their numbers."""

    async def lane(self, chain_id: int, address: str) -> SenderLane | None: ...

    async def committed(self, payment: Payment, but: Collection[str]) -> Committed:
        """What the sender's payments may still take that are signed and in no block; those of `but` left out."""

    async def write(self, writes: Sequence[Write]) -> set[str]:
        """Each by itself. Which were overtaken."""

    async def take_slots(self, wanted: Sequence[Wanted], chain_nonce: int, *, alone: bool = False) -> NoSlot | list[Planned]:
        """The sender's next nonces in a row, from max(`chain_nonce`, last slot + 1), each with a planned first attempt. Who got one, in their order:
        the others were overtaken, or may not stand in that row. `alone`: the sender has delegated its code, so that it gets one at a time, once all
        before are mined; the same holds before and after an authorization (EIP-7702). NoSlot when nobody was to get one."""

    async def release(self, writes: Sequence[Write]) -> None:
        """Payments that hold unsigned slots give them back, and with them every unsigned one behind, so that no gap is left. Overtaken as a whole."""

    async def plan(self, payment: Payment, purpose: Attempt, fees: Fees, changes: Changes) -> None:
        """The next attempt in the same slot. Overtaken."""

    async def record_signed(self, signed: Sequence[Signed]) -> None:
        """All or none. The first attempts among them are the sender's lowest unsigned nonces, in a row: else Overtaken, as when one was changed."""

    async def record_sent(self, sent: Sequence[Sent]) -> set[str]:
        """Each by itself. Which were overtaken."""

    async def record_seen(self, payment: Payment, seen: SeenTransaction, changes: Changes) -> bool:
        """A transaction of the person's own wallet: the slot and the attempt are taken down after the fact. False when the nonce is another
        payment's. Overtaken."""

    async def freeze(self, payment: Payment, reason: str, changes: Changes) -> None:
        """The sender's lane, until a person has looked. Overtaken."""


@dataclass(frozen=True, slots=True)
class World:
    book: PaymentBook
    chain: PaymentChain
    signer: Signer
    judge: Judge
    clock: Clock
    confirmations: int  # of the network: then it has ended, for people
    settled_depth: int  # how deep a reorganisation is undone by itself: until then an ended payment is still watched
