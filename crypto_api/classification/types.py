"""What a movement means. Categories are a closed list: a rule, a person or a model can only choose from it."""

from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from crypto_api.protocols.types import Action


class Category(StrEnum):
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    OWN_TRANSFER = "own_transfer"
    INCOME = "income"
    EXPENSE = "expense"
    PAYROLL = "payroll"
    INVOICE_PAYMENT = "invoice_payment"
    REWARD = "reward"
    SWAP = "swap"
    WRAP = "wrap"
    BRIDGE = "bridge"
    GAS = "gas"
    FAILED = "failed"
    SPAM = "spam"
    OPENING_BALANCE = "opening_balance"
    UNCLASSIFIED = "unclassified"


class DecisionSource(StrEnum):
    FACT = "fact"
    RULE = "rule"
    MEMORY = "memory"
    MODEL = "model"
    PERSON = "person"
    NONE = "none"


class CounterpartyKind(StrEnum):
    CLIENT = "client"
    EMPLOYEE = "employee"
    SUPPLIER = "supplier"
    EXCHANGE = "exchange"
    OTHER = "other"


class Decision(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    category: Category
    subcategory: str = ""
    counterparty: str = ""
    confidence: float = Field(ge=0, le=1)  # a probability, not money
    source: DecisionSource
    explanation: str
    evidence: list[str] = []  # the fields or logs it rests on
    model: str | None = None
    payment_id: str | None = None  # of the payment of ours that made the transaction


class Leg(BaseModel):
    """What the decision may look at: one movement, without its place in the database."""

    model_config = ConfigDict(frozen=True)

    key: str
    kind: str
    asset: str
    symbol: str
    amount: Decimal | None
    direction: str
    from_address: str
    to_address: str
    spam_reason: str | None
    token_id: str | None = None  # of a collectible
    by_balance: bool = False  # only the balance before and after tells of it
    contract: str | None = None  # of the token, EIP-55; None: the native coin
    raw: int | None = None  # base units
    decimals: int | None = None


class Executed(StrEnum):
    """What of a payment a transaction is."""

    PAYMENT = "payment"  # a transfer to its payee
    CALL = "call"  # of a contract
    CANCELLATION = "cancellation"  # nothing, to itself, in the payment's nonce
    OTHER = "other"  # the person's wallet sent something else in its place


class MadeBy(BaseModel):
    """The payment of ours that made a transaction."""

    model_config = ConfigDict(frozen=True)

    payment_id: str
    executed: Executed
    origin: str  # what the payment is for: "manual", "payroll", "contract", …
    payee_address: str  # EIP-55
    payee: str  # name in the address book, else empty
    paid: str  # in words: 0.25 ETH to Grace Hopper
    purpose: str  # what whoever prepared it wrote


class Facts(BaseModel):
    """A transaction as the pure rules see it. `known` maps addresses (EIP-55) of counterparties to (name, kind)."""

    model_config = ConfigDict(frozen=True)

    succeeded: bool
    method: str  # first four bytes of the input, 0x…
    sender_is_own: bool
    legs: tuple[Leg, ...]
    known: dict[str, tuple[str, CounterpartyKind]]
    wrapped_native: str | None  # contract whose Deposit and Withdrawal change the native coin's form
    made_by: MadeBy | None = None
    actions: tuple[Action, ...] = ()  # what protocols tell of it
    asked_at: dict[str, tuple[str, str]] = {}  # (number, client) of the invoices that have an address of their own, by address


class LanguageModel(Protocol):
    """A local model that fills in a form and nothing else: no tools, no network, no money."""

    @property
    def name(self) -> str: ...

    async def answer(self, *, system: str, prompt: str, schema: dict[str, Any]) -> dict[str, Any] | None:
        """An object of that JSON schema; None when the model is unreachable, slow or answers anything else."""
        ...
