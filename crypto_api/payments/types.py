"""What a payment is, and the ports through which its machine reaches the world.

    DRAFT → PENDING_APPROVAL → APPROVED → SIGNED → BROADCAST → MINED → CONFIRMED
    and REJECTED, CANCELLED, FAILED, REPLACED

Each step is stored before the next is tried. The chain's own nonce rule makes two payments impossible: a payment holds one nonce slot, and
another opens only after that one is settled by a cancellation or a reverted receipt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.amounts import StoredDecimal
from crypto_api.kit.sending import FeeMarket as FeeMarket
from crypto_api.kit.sending import Handed as Handed
from crypto_api.kit.sending import Quote as Quote
from crypto_api.kit.sending import Quotes as Quotes
from crypto_api.kit.sending import Simulated as Simulated
from crypto_api.kit.signing import SignedBytes as SignedBytes
from crypto_api.kit.signing import SigningAsk as SigningAsk
from crypto_api.kit.signing import SigningRefused as SigningRefused

Ref = tuple[str, str]
"""Of a payment: organisation and id."""

BUMP_PERCENT = 12.5  # how much more a replacement bids, on both fees: geth refuses less than 10 %
BUMPS_MAX = 6


class PaymentState(StrEnum):
    DRAFT = "DRAFT"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    APPROVED = "APPROVED"
    SIGNED = "SIGNED"
    BROADCAST = "BROADCAST"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"  # mined and reverted: its gas is spent, nothing else
    REPLACED = "REPLACED"  # the person's wallet sent something else in its place


ENDED = frozenset(
    {PaymentState.CONFIRMED, PaymentState.REJECTED, PaymentState.CANCELLED, PaymentState.FAILED, PaymentState.REPLACED},
)
HOLDS_SLOT = frozenset({PaymentState.SIGNED, PaymentState.BROADCAST, PaymentState.MINED})


class PaymentKind(StrEnum):
    TRANSFER = "transfer"  # the coin, or an ERC-20
    CALL = "call"  # of a registered contract
    BATCH = "batch"  # many payees in one transaction, through our batch contract
    ALLOWANCE = "allowance"  # of an ERC-20 to our batch contract, which can only use it in a call of the wallet's own: it moves nothing
    DELEGATION = "delegation"  # takes back what the wallet has delegated its code to (EIP-7702): it moves nothing


class Way(StrEnum):
    """Who signs."""

    SIGNER = "signer"  # a key of ours, in the process that alone can open it
    BROWSER = "browser"  # the person, in their own wallet: the page builds the request, the hash comes back and is matched


class Hold(StrEnum):
    """Why a payment does not go on, although nobody has to do anything wrong for it. More than one may hold it."""

    APPROVALS_MISSING = "approvals_missing"
    SIGNATURE_MISSING = "signature_missing"  # the policy asks for approvals signed by EIP-712
    PAYEE_UNVERIFIED = "payee_unverified"
    COOLING_OFF = "cooling_off"
    DELAYED = "delayed"
    OVER_LIMIT = "over_limit"
    SENDER_FROZEN = "sender_frozen"
    SENDER_BUSY = "sender_busy"  # an earlier payment of the same wallet has its nonce and is not signed yet
    NO_FUNDS = "no_funds"
    WOULD_REVERT = "would_revert"
    FEES_TOO_HIGH = "fees_too_high"
    CHAIN_UNAVAILABLE = "chain_unavailable"
    SIGNER_UNAVAILABLE = "signer_unavailable"
    WAITS_FOR_WALLET = "waits_for_wallet"  # the browser wallet has not told a hash yet
    RECEIPT_DISPUTED = "receipt_disputed"  # a node tells of its transaction otherwise than our own reading of the block
    NEEDS_HUMAN = "needs_human"  # every deadline has passed


class Origin(BaseModel):
    """What the payment is for. (organisation, kind, id, component) is unique: the same thing is never paid twice, whoever asks and how often."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str  # "manual", "contract", "payroll", "refund", …
    id: str  # of the idempotency key, the payslip, …
    component: str = ""


class BatchPayee(BaseModel):
    """One of those whom a batch pays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str  # EIP-55
    raw_amount: str  # base units
    reference: str = ""  # what it is for, as a payslip
    payee_id: str | None = None  # entry of the address book
    name: str = ""
    settles: StoredDecimal | None = None  # of a liability, in the functional currency; None: it is worth its price


class Call(BaseModel):
    """What is executed on the chain. Frozen when the payment leaves DRAFT."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str  # EIP-55: the payee for the coin, the token's contract for an ERC-20
    value_raw: str  # wei
    data: str  # 0x…


class Delegation(BaseModel):
    """Of an account that runs our code as its own (EIP-7702). Part of what is approved."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delegate: str  # EIP-55: whose code the account runs; the zero address takes the delegation back
    authorizes: bool  # whether the transaction carries the authorization; False: the account has delegated before


class Authorization(BaseModel):
    """What an account signs to delegate (EIP-7702), as an attempt carries it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chain_id: int  # never 0, which would hold on every chain
    address: str  # EIP-55: of the code; the zero address takes the delegation back
    nonce: int  # the transaction's and one more: the sender's nonce has grown by then


class Fees(BaseModel):
    """In wei, by EIP-1559. `legacy`: of a transaction of type 0, for networks without a base fee; both fees are then its gas price."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gas: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    legacy: bool = False

    @property
    def transaction_type(self) -> int:
        """EIP-2718."""
        return 0 if self.legacy else 2


class Decision(StrEnum):
    APPROVED = "approved"
    REJECTED = "rejected"


class Approval(BaseModel):
    """By whom, over exactly which payload."""

    model_config = ConfigDict(extra="forbid")

    user_id: str
    decision: Decision
    payload_hash: str  # the EIP-712 digest that was shown
    at: datetime
    session_id: str
    reason: str = ""
    signer_address: str | None = None  # of the approver's own Ethereum account
    signature: str | None = None


class Attempt(StrEnum):
    """What an attempt in the payment's nonce slot is to do."""

    PAY = "pay"
    SPEED_UP = "speed_up"  # the same call with higher fees
    CANCEL = "cancel"  # nothing, to itself


class Signer(Protocol):
    """The process that holds the keys. It re-reads payment, attempt, slot, policy and approvals itself, and signs what they say or nothing.

    Signing is deterministic: asking again gives the same bytes.
    """

    async def sign_payments(self, asked: Sequence[SigningAsk]) -> list[SignedBytes | SigningRefused]:
        """In that order, each for itself: what was signed before it counts in the limit of a day. SignerUnavailable when it cannot be reached."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A transaction of ours as it must stand on the chain."""

    org_id: str
    wallet_id: str
    chain_id: int
    sender: str  # EIP-55
    nonce: int
    hash: str
    call: Call | None = None  # what it executes, where whoever asks knows it


@dataclass(frozen=True, slots=True)
class Receipt:
    """Of a block that our own follower holds as canonical. `disputed`: in what our own reading of that block differs from it; it is no verdict
    then."""

    hash: str
    block_number: int
    block_hash: str
    succeeded: bool
    gas_used: int
    effective_gas_price: int  # wei
    l1_fee: int = 0
    depth: int = 0  # how many blocks our follower has seen on top of it
    final: bool = True  # whether the follower, too, holds the block for confirmed: by the network's tag, and as many providers as must agree
    disputed: str = ""

    @property
    def fee(self) -> int:
        """Wei."""
        return self.gas_used * self.effective_gas_price + self.l1_fee


@dataclass(frozen=True, slots=True)
class SeenTransaction:
    """As a node tells it, mined or waiting."""

    hash: str
    sender: str  # EIP-55
    nonce: int
    call: Call
    block_number: int | None


@dataclass(frozen=True, slots=True)
class Probe:
    """A call that is looked at before it is sent. `token`: the ERC-20 that it moves. `delegation`: under which it will run."""

    call: Call
    token: str | None = None
    delegation: Delegation | None = None


class PaymentChain(Protocol):
    """One network, as far as payments need it. ChainUnavailable is never a verdict on a payment."""

    async def nonce_at_head(self, address: str) -> int:
        """How many transactions of `address` are mined: `eth_getTransactionCount` at the latest block, never at `pending`."""

    async def receipts(self, expected: Sequence[Expected]) -> dict[str, Receipt]:
        """Those that stand in a block which our own follower knows as canonical, by hash."""

    async def send_raw(self, raws: Sequence[str]) -> list[Handed]:
        """Hands each to a node once, in that order, without a retry."""

    async def known(self, hashes: Sequence[str]) -> set[str]:
        """Those that a node has, mined or waiting."""

    async def quotes(self, address: str, calls: Sequence[Probe]) -> Quotes:
        """Each as if it were sent by `address` at the head, by itself."""

    async def codes(self, addresses: Sequence[str]) -> list[bytes]:
        """At the head, of each; empty where there is none."""

    async def market(self) -> FeeMarket: ...

    async def transaction(self, hash_: str) -> SeenTransaction | None: ...

    async def mined_with_nonce(self, address: str, nonce: int) -> SeenTransaction | None:
        """Whichever transaction of `address` with that nonce is mined; None where the node has none, or forgot."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What policy, address book and approvals say of a payment at this moment."""

    approvals_needed: int
    approvals_missing: int
    holds: tuple[Hold, ...]  # besides those of approvals
    reason: str  # why it is held, in a sentence; empty when it is not
    not_before: datetime | None  # when what holds it is over by itself
    delay: timedelta  # between the last approval and the signature
    fee_per_gas_max: int  # wei
    policy_version: int = 0
