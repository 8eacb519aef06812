"""What a movement means. Categories are a closed list: a rule, a person or a model can only choose from it."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from crypto_api.kit.amounts import StoredDecimal
from crypto_api.kit.language_model import Answer
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


class TaxTreatment(StrEnum):
    """What a movement is for taxes, in the words that every country's form has in some way. Which rate or allowance holds is no matter of it."""

    INCOME = "income"
    WAGES = "wages"
    DEDUCTIBLE = "deductible"
    NOT_DEDUCTIBLE = "not_deductible"
    DISPOSAL = "disposal"
    TRANSACTION_COST = "transaction_cost"
    NOT_TAXABLE = "not_taxable"
    UNKNOWN = "unknown"


TAX_OF: Mapping[Category, TaxTreatment] = {
    Category.INCOME: TaxTreatment.INCOME,
    Category.REWARD: TaxTreatment.INCOME,
    Category.INVOICE_PAYMENT: TaxTreatment.INCOME,
    Category.EXPENSE: TaxTreatment.DEDUCTIBLE,
    Category.PAYROLL: TaxTreatment.WAGES,
    Category.SWAP: TaxTreatment.DISPOSAL,
    Category.GAS: TaxTreatment.TRANSACTION_COST,
    Category.FAILED: TaxTreatment.TRANSACTION_COST,
    Category.TRANSFER_IN: TaxTreatment.NOT_TAXABLE,
    Category.TRANSFER_OUT: TaxTreatment.NOT_TAXABLE,
    Category.OWN_TRANSFER: TaxTreatment.NOT_TAXABLE,
    Category.WRAP: TaxTreatment.NOT_TAXABLE,
    Category.BRIDGE: TaxTreatment.NOT_TAXABLE,
    Category.SPAM: TaxTreatment.NOT_TAXABLE,
    Category.OPENING_BALANCE: TaxTreatment.NOT_TAXABLE,
}
"""What a category is for taxes unless a rule or a person says something else."""


class Provenance(BaseModel):
    """What a decision, or a suggestion, can be traced to, besides the logs and fields that it cites."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule_id: str | None = None
    rule_version: int | None = None
    precedents: list[str] = []  # transactions that a person decided, nearest first
    model: str | None = None
    model_digest: str | None = None  # of the weights, as the server tells it
    prompt_hash: str | None = None  # SHA-256 of all that the model was sent, in hex
    duration_ms: int | None = None  # that the model took


class Suggestion(BaseModel):
    """What somebody or something thought, and was not sure enough of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: Category
    subcategory: str = ""
    counterparty: str = ""
    purpose: str = ""
    tax_category: TaxTreatment | None = None
    confidence: float = Field(ge=0, le=1)
    source: DecisionSource
    explanation: str
    evidence: list[str] = []
    provenance: Provenance = Provenance()


class Decision(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    category: Category
    subcategory: str = ""
    counterparty: str = ""
    purpose: str = ""  # of the business
    tax_category: TaxTreatment | None = None  # None: what its category is for taxes
    account: str = ""  # code of the account that says why, instead of the category's own
    confidence: float = Field(ge=0, le=1)  # a probability, not money
    source: DecisionSource
    explanation: str
    evidence: list[str] = []  # the fields or logs it rests on
    model: str | None = None
    payment_id: str | None = None  # of the payment of ours that made the transaction
    provenance: Provenance = Provenance()
    suggestion: Suggestion | None = None  # where it is undecided

    @property
    def tax(self) -> TaxTreatment:
        return self.tax_category or TAX_OF.get(self.category, TaxTreatment.UNKNOWN)


FEE_KINDS = frozenset({"gas", "levy"})  # values of a leg's `kind`


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
    wallet_ids: tuple[str, ...] = ()  # of the organisation: one, or the two that an internal one is between

    @property
    def other(self) -> str:
        """The other side."""
        return self.from_address if self.direction == "in" else self.to_address


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
    network: str = ""  # slug
    at: datetime | None = None  # of the block, UTC
    time_zone: str = "UTC"  # IANA, the organisation's

    @property
    def moved(self) -> list[Leg]:
        """The movements that say what it was: no fees, no spam, no amounts of zero."""
        return [leg for leg in self.legs if leg.kind not in FEE_KINDS and leg.spam_reason is None and leg.amount != 0]


# ---- what an organisation taught -------------------------------------------------------------------------------------------------


class MovementWay(StrEnum):
    """Which way a transaction as a whole went."""

    IN = "in"
    OUT = "out"
    INTERNAL = "internal"
    BOTH = "both"  # something went out and something came in


RULE_CATEGORIES = (
    Category.INCOME,
    Category.EXPENSE,
    Category.PAYROLL,
    Category.REWARD,
    Category.SWAP,
    Category.BRIDGE,
    Category.TRANSFER_IN,
    Category.TRANSFER_OUT,
    Category.UNCLASSIFIED,
)
"""What a rule may say, and what is learnt from people. The others are facts: a rule that said them would hide money. `unclassified` is the wish to be
asked."""

WAYS_OF: Mapping[Category, frozenset[MovementWay]] = {
    Category.INCOME: frozenset({MovementWay.IN}),
    Category.REWARD: frozenset({MovementWay.IN}),
    Category.TRANSFER_IN: frozenset({MovementWay.IN}),
    Category.EXPENSE: frozenset({MovementWay.OUT}),
    Category.PAYROLL: frozenset({MovementWay.OUT}),
    Category.TRANSFER_OUT: frozenset({MovementWay.OUT}),
    Category.SWAP: frozenset({MovementWay.BOTH}),
    Category.BRIDGE: frozenset({MovementWay.IN, MovementWay.OUT}),
}
"""The ways that a category can go; any other needs none of them."""

WITH_ACCOUNT = frozenset({Category.INCOME, Category.EXPENSE, Category.REWARD})
"""Categories whose posting lets the account that says why be another."""

RULES_MAX = 500
LISTED_MAX = 100  # values of one condition
TEXT_MAX = 200


class Conditions(BaseModel):
    """All that are given must hold, each by any one of its values. What they say of a movement must hold for every movement of the transaction but
    its fees, spam, and amounts of zero. No patterns: whole values are compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    addresses: tuple[str, ...] = ()  # EIP-55, of the other side
    counterparty_kinds: tuple[CounterpartyKind, ...] = ()
    counterparty_names: tuple[str, ...] = ()  # compared case-folded
    wallet_ids: tuple[str, ...] = ()
    ways: tuple[MovementWay, ...] = ()
    assets: tuple[str, ...] = ()
    amount_min: StoredDecimal | None = None  # whole units of the one asset
    amount_max: StoredDecimal | None = None
    methods: tuple[str, ...] = ()  # 0x and eight hexadecimal digits, lower case; 0x: a plain transfer
    networks: tuple[str, ...] = ()  # slugs
    date_from: date | None = None  # in the organisation's zone, as are all of time
    date_to: date | None = None  # inclusive
    weekdays: tuple[int, ...] = ()  # ISO 8601: 1 is Monday
    hour_from: int | None = None  # 0 to 23
    hour_to: int | None = None  # exclusive, 1 to 24; not later than `hour_from`: over midnight

    @property
    def empty(self) -> bool:
        return self == Conditions()


class Outcome(BaseModel):
    """What a rule says of what it matches. What is empty is left to the facts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: Category
    subcategory: str = ""
    counterparty: str = ""
    purpose: str = ""
    tax_category: TaxTreatment | None = None
    account: str = ""


class Rule(BaseModel):
    """A rule of an organisation, as the pure part sees it."""

    model_config = ConfigDict(frozen=True)

    id: str
    version: int
    name: str
    conditions: Conditions
    outcome: Outcome


class NewRule(BaseModel):
    """As a person writes it down."""

    model_config = ConfigDict(frozen=True)

    name: str
    conditions: Conditions
    outcome: Outcome
    enabled: bool = True


class Traits(BaseModel):
    """What is compared when the past is asked: a transaction without its amounts and times."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parties: tuple[str, ...]  # EIP-55, sorted
    way: MovementWay
    assets: tuple[str, ...]  # sorted
    method: str
    network: str


class Precedent(BaseModel):
    """What a person once said of a transaction."""

    model_config = ConfigDict(frozen=True)

    transaction_id: str
    traits: Traits
    outcome: Outcome
    at: datetime


class Knowledge(BaseModel):
    """What an organisation taught, as far as it may concern one transaction."""

    model_config = ConfigDict(frozen=True)

    rules: tuple[Rule, ...] = ()  # enabled, in their order
    precedents: tuple[Precedent, ...] = ()
    confidence_min: float = 1.0  # from which on memory decides; below, it suggests


class LanguageModel(Protocol):
    """A local model that fills in a form and nothing else: no tools, no network, no money."""

    @property
    def name(self) -> str: ...

    async def ask(self, *, system: str, prompt: str, schema: dict[str, Any]) -> Answer | None:
        """An object of that JSON schema; None when the model is unreachable, slow or answers anything else."""
        ...

    async def answer(self, *, system: str, prompt: str, schema: dict[str, Any]) -> dict[str, Any] | None:
        """The fields of it alone."""
        ...
