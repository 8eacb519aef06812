from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from crypto_api.classification.types import Category, DecisionSource, Provenance, Suggestion, TaxTreatment
from crypto_api.flows.annotate_transaction import Annotation
from crypto_api.flows.classify_again import Reclassification
from crypto_api.flows.classify_now import Judged
from crypto_api.flows.explain_call import ExplainedCall
from crypto_api.flows.import_transactions import Imported
from crypto_api.flows.record_transaction import ChainFact
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Choice, Date, Line, Prose, QueryFlag, ReadSchema, RequestSchema, Time, Word, inert
from crypto_api.http.schemas.classification import MeaningSuggestionRead, ProvenanceRead, probability
from crypto_api.kit.amounts import Money, SignedMoney, is_exact, text, to_units
from crypto_api.kit.ethereum import NATIVE_DECIMALS
from crypto_api.protocols.types import ActionKind
from crypto_api.reports.protocol_words import ToldAction, ToldPortion, told_actions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import FEES, Basis, Booking, Brought, Direction, Movement, MovementKind, Origin, RowType, Status


def _comparable(value: Decimal) -> Decimal:
    if not is_exact(value):
        raise ValueError("must not have more than 34 digits")
    return value


AmountBound = Annotated[Money, AfterValidator(_comparable)]
"""What the database can compare amounts with."""


class TransactionQuery(PageQuery):
    network: Word | None = None
    wallet_id: Word | None = None
    asset: Word | None = None
    status: Status | None = None
    category: Category | None = None
    direction: Direction | None = Field(default=None, description="This, `kind`, `asset` and the amounts hold for one and the same movement.")
    kind: MovementKind | None = None
    amount_min: AmountBound | None = Field(default=None, description="Whole units of one of its movements.")
    amount_max: AmountBound | None = None
    date_from: Date | None = Field(default=None, description="First day, UTC.")
    date_to: Date | None = Field(default=None, description="Last day, UTC.")
    q: Word | None = Field(default=None, description="Part of a hash, an address, or an external id.")


class TransactionExport(TransactionQuery):
    format: Literal["csv", "xlsx"] = Field(default="csv", description="`limit`, `cursor` and `sort` have no effect here.")


class TransactionAnnotate(RequestSchema):
    """What a person may say about a transaction. What the chain said is not theirs to change."""

    category: Choice[Category] | None = Field(default=None, examples=["payroll"])
    subcategory: Line | None = Field(default=None, examples=["November"])
    counterparty: Line | None = Field(default=None, examples=["Grace Hopper"])
    purpose: Line | None = Field(default=None, examples=["Development of the product"], description="Of the business.")
    tax_category: Choice[TaxTreatment] | None = Field(default=None, description="Left out with another category: what that is for taxes.")
    explanation: Prose | None = Field(default=None, examples=["Bonus agreed by mail"])
    note: Prose | None = Field(default=None, examples=["See contract 17"])

    def annotation(self) -> Annotation:
        return Annotation(**{name: getattr(self, name) for name in TransactionAnnotate.model_fields})


class TransactionFacts(RequestSchema):
    """What a person says who brings a transaction; the same as a row of an imported table."""

    timestamp: Word | None = Field(default=None, examples=["2026-11-21T09:30:00Z"], description="With its zone.")
    type: Choice[RowType] | None = Field(default=None, examples=["BUY"])
    asset: Word | None = Field(default=None, examples=["ETH"], description="A listed asset of the wallet's network.")
    amount: Money | None = Field(default=None, examples=["2.5"], description="Whole units.")
    price: Money | None = Field(default=None, examples=["2000"], description="Of one unit, in the functional currency. A trade needs it, or `value`.")
    value: Money | None = Field(default=None, examples=["5000"], description="Of all of it, instead of `price`.")
    fee: Money | None = Field(default=None, examples=["5"], description="In the functional currency, unless `fee_asset` is given.")
    fee_asset: Word | None = Field(default=None, examples=["ETH"])
    wallet_id: Word | None = Field(default=None, examples=["wal_01k9x5r3v8"], description="Where it leaves, or arrives; TRANSFER: where it leaves.")
    wallet: Word | None = Field(default=None, description="Instead of `wallet_id`: its name or its address.")
    to_wallet_id: Word | None = Field(default=None, description="TRANSFER only: where it arrives.")
    to_wallet: Word | None = Field(default=None, description="Instead of `to_wallet_id`: its name or its address.")
    cash_account: Line | None = Field(
        default=None, examples=["1010"], description="Where its money comes from or goes to: an account, by code or name."
    )
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(inert)] | None = None
    external_id: Word | None = Field(default=None, examples=["invoice-2026-117"], description="Makes a repeat harmless. It cannot be changed.")

    @model_validator(mode="after")
    def _one_name_a_wallet(self) -> Self:
        for name in ("wallet", "to_wallet"):
            if getattr(self, name) is not None and getattr(self, f"{name}_id") is not None:
                raise ValueError(f"give {name} or {name}_id, not both")
        return self

    def said(self) -> dict[str, str]:
        """What was given, under the names of a table's columns; null is given too, and clears."""
        given = {name: getattr(self, name) for name in TransactionFacts.model_fields if name in self.model_fields_set}
        return {_COLUMN.get(name, name): _as_said(value) for name, value in given.items()}


_COLUMN = {"wallet_id": "wallet", "to_wallet_id": "to_wallet"}


def _as_said(value: Any) -> str:
    return "" if value is None else text(value) if isinstance(value, Decimal) else str(value)


class TransactionCreate(TransactionFacts, TransactionAnnotate):
    timestamp: Word = Field(examples=["2026-11-21T09:30:00Z"], description="With its zone.")
    type: Choice[RowType] = Field(examples=["BUY"])
    asset: Word = Field(examples=["ETH"], description="A listed asset of the wallet's network.")
    amount: Money = Field(examples=["2.5"], description="Whole units.")


class TransactionUpdate(TransactionFacts, TransactionAnnotate):
    """What a person may say about any transaction, and what they said of one that they brought. What the chain said is not theirs to change."""

    @model_validator(mode="before")
    @classmethod
    def _what_follows_stays(cls, given: Any) -> Any:
        """A field that an answer shows and nobody may set is a conflict, not a misspelling."""
        facts = TransactionRead.model_fields.keys() - cls.model_fields.keys() & given.keys() if isinstance(given, dict) else set()
        if facts:
            raise ChainFact(facts)
        return given


class TransactionClassify(RequestSchema):
    transaction_ids: list[Word] = Field(min_length=1, max_length=100, examples=[["org_1:eip155:1:0x5c50"]])


class ClassifiedRead(ReadSchema):
    transaction_id: str
    outcome: Reclassification = Field(
        description="classified: the rules know now; queued: the local model is asked; unchanged: decided before, not booked yet, or nobody knows."
    )
    category: str = Field(examples=["expense"])


class ClassifyRead(ReadSchema):
    items: list[ClassifiedRead]


class ClassifyOne(RequestSchema):
    transaction_id: Word = Field(examples=["org_1:eip155:1:0x5c50"])


class BroughtRead(ReadSchema):
    """What the person said who brought it; a PUT takes the same fields."""

    timestamp: Time
    type: RowType
    asset: str
    amount: SignedMoney
    price: SignedMoney | None
    value: SignedMoney | None
    fee: SignedMoney
    fee_asset: str
    wallet_id: str | None
    to_wallet_id: str | None
    cash_account: str = Field(description="Empty where the default holds: cash at bank.")
    description: str
    external_id: str

    @classmethod
    def of(cls, brought: Brought) -> "BroughtRead":
        return cls(**brought.model_dump(exclude={"at"}), timestamp=brought.at)


class MovementRead(ReadSchema):
    key: str = Field(examples=["log:7"])
    kind: MovementKind = Field(
        description=(
            "internal: the native coin, moved by a contract's call. levy: what a token took from the sender on top. erc721 and erc1155 are recorded "
            "and shown, never booked."
        )
    )
    asset: str = Field(examples=["USDC"])
    symbol: str
    contract: str | None
    decimals: int | None
    raw_amount: str = Field(examples=["500000000"])
    amount: SignedMoney | None = Field(examples=["500"], description="None where decimals are unknown or 34 digits do not hold it.")
    direction: Direction
    wallet_id: str
    counter_wallet_id: str | None
    from_address: str
    to_address: str
    log_index: int | None
    basis: Basis = Field(description="event: the transaction or its logs say so; trace: its calls; balance: only what was there before and after.")
    token_id: str | None = Field(examples=["7"], description="Which one of an ERC-721 or ERC-1155 contract.")
    raw_event_amount: str | None = Field(description="What the log says, where another amount arrived.")
    spam: bool
    spam_reason: str | None
    value: SignedMoney | None
    rate: SignedMoney | None
    price_source: str | None
    price_at: Time | None
    price_origin: str | None = None

    @classmethod
    def of(cls, movement: Movement) -> "MovementRead":
        return cls(**movement.model_dump(), spam=movement.spam)


class PortionRead(ReadSchema):
    contract: str | None = Field(description="None: the native coin.")
    symbol: str = Field(examples=["USDC"], description="Empty where it is not known.")
    raw_amount: str | None = Field(examples=["500000000"], description="None where the logs do not tell it.")
    amount: SignedMoney | None = Field(examples=["500"], description="None where decimals are unknown.")
    token_id: str | None

    @classmethod
    def of(cls, part: ToldPortion) -> "PortionRead":
        return cls(contract=part.contract, symbol=part.symbol, raw_amount=part.raw_amount, amount=part.amount, token_id=part.token_id)


class ActionRead(ReadSchema):
    """What a protocol tells that was done. Amounts of the organisation are those of `movements`, whatever a protocol tells."""

    kind: ActionKind
    protocol: str = Field(examples=["Uniswap v3"])
    verified: bool = Field(description="The contract is the protocol's own. False: it only speaks like it, and anybody can write such a contract.")
    contract: str
    account: str | None = Field(description="For whom it was done, where that is told.")
    recipient: str | None
    gives: list[PortionRead]
    takes: list[PortionRead]
    log_indexes: list[int] = Field(description="What it rests on.")
    words: str = Field(examples=["Swapped 900 USDC for 0.5 ETH."])
    note: str

    @classmethod
    def of(cls, told: ToldAction) -> "ActionRead":
        action = told.action
        return cls(
            **action.model_dump(exclude={"gives", "takes", "evidence"}),
            gives=[PortionRead.of(part) for part in told.gives],
            takes=[PortionRead.of(part) for part in told.takes],
            log_indexes=list(action.evidence),
            words=told.words,
        )


class ArgumentRead(ReadSchema):
    name: str
    type: str = Field(examples=["uint256"])
    value: str = Field(description="At most 300 characters. A stranger's text.")


class InnerCallRead(ReadSchema):
    contract: str = Field(examples=["0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"])
    selector: str = Field(examples=["0xa9059cbb"])
    function: str | None = Field(examples=["transfer(address,uint256)"], description="None where no registered ABI has it.")
    contract_name: str
    arguments: list[ArgumentRead]


class CallRead(ReadSchema):
    selector: str = Field(examples=["0xa9059cbb"])
    function: str | None = Field(examples=["transfer(address,uint256)"], description="None where no registered ABI has it.")
    contract_name: str
    arguments: list[ArgumentRead]
    within: list[InnerCallRead] = Field(
        description="What a Safe was told to execute by it, a MultiSend unpacked: at most 10. Whether it did, `actions` tell."
    )
    within_left_out: int = Field(examples=[0])

    @classmethod
    def of(cls, call: ExplainedCall) -> "CallRead":
        return cls(
            **_called(call),
            within=[InnerCallRead(contract=inner.contract, **_called(inner)) for inner in call.within],
            within_left_out=call.within_left_out,
        )


def _called(call: ExplainedCall) -> dict[str, Any]:
    arguments = [ArgumentRead(name=one.name, type=one.type, value=one.value) for one in call.arguments]
    return {"selector": call.selector, "function": call.function, "contract_name": call.contract_name, "arguments": arguments}


class TransactionRead(ReadSchema):
    """One transaction as it concerns the organisation. The fields from `wallet_id` to `rate` are those of its main movement."""

    id: str
    origin: Origin = Field(
        description="balance: a change of a balance within a block that no transaction explains; `hash` is the block's then. import and manual: a "
        "person brought it, there is no hash."
    )
    hash: str
    network: str = Field(examples=["ethereum"])
    chain_id: int = Field(examples=[1])
    block_number: int | None = Field(description="None where a person brought it.")
    block_hash: str
    timestamp: Time
    status: Status
    transaction_type: str = Field(examples=["receive"], description="send, receive, internal, call or adjustment.")
    wallet_id: str | None
    wallet_ids: list[str]
    asset: str | None = Field(examples=["ETH"])
    amount: SignedMoney | None = Field(examples=["0.25"])
    raw_amount: str | None = Field(examples=["250000000000000000"])
    direction: Direction | None
    from_address: str
    to_address: str | None
    gas_fee: SignedMoney | None = Field(description="Whole units of the native coin, where a wallet of the organisation paid it.")
    gas_fee_raw: str | None
    fee: SignedMoney | None = Field(description="The gas fee in the functional currency.")
    movements: list[MovementRead]
    movements_left_out: int = Field(description="How much spam of the same transaction is not shown.")
    actions: list[ActionRead] = Field(description="What protocols tell that was done. Empty: nothing that is known, which is not nothing.")
    actions_left_out: int
    call: CallRead | None = Field(default=None, description="Its call with its arguments; where one transaction was asked for.")
    category: str
    subcategory: str
    counterparty: str
    confidence: str = Field(examples=["1"], description="A probability as a decimal string.")
    category_source: DecisionSource
    purpose: str = Field(description="Of the business.")
    tax_category: TaxTreatment
    account: str = Field(description="Code of the account that says why, where a rule chose another than the category's own.")
    explanation: str
    evidence: list[str] = Field(description="Keys of the movements that the decision rests on.")
    provenance: ProvenanceRead = Field(description="What the decision can be traced to.")
    suggestion: MeaningSuggestionRead | None = Field(description="Of what nobody decided: what memory or a model thinks of it, and how sure it is.")
    note: str
    payment_id: str | None = Field(description="Of the payment that made it, where it is one of the organisation's.", examples=["pay_01k9x5r3v8"])
    usd_value: SignedMoney | None = Field(description="In the functional currency.")
    rate: SignedMoney | None
    unpriced: bool
    cost_provisional: bool = Field(description="What left is booked at the average of its wallet and is being compared with its lots.")
    booking: Booking
    waits: str | None = Field(
        description="Why it is neither booked nor confirmed, where a large credit waits until providers agree.",
        examples=["12 ETH came in: it waits until 2 providers tell the same."],
    )
    entry_ids: list[str]
    brought: BroughtRead | None = Field(description="What was said of it, where a person brought it.")

    @classmethod
    def of(cls, row: Transaction, provisional: AbstractSet[str], call: ExplainedCall | None = None) -> "TransactionRead":
        """`provisional`: the entries whose cost is so, among others."""
        main, gas = main_movement(row), next((movement for movement in row.movements if movement.kind is MovementKind.GAS), None)
        return cls(
            **{name: getattr(row, name) for name in _AS_STORED},
            block_number=row.block_number if row.block_number >= 0 else None,
            transaction_type="adjustment" if row.origin is Origin.BALANCE else _type(main),
            wallet_id=main.wallet_id if main else (gas.wallet_id if gas else None),
            asset=main.asset if main else None,
            amount=main.amount if main else None,
            raw_amount=main.raw_amount if main else None,
            direction=main.direction if main else None,
            gas_fee=to_units(int(row.gas_fee_raw), NATIVE_DECIMALS) if row.gas_fee_raw else None,
            fee=gas.value if gas else None,
            movements=[MovementRead.of(movement) for movement in row.movements],
            actions=[ActionRead.of(told) for told in told_actions(row)],
            call=CallRead.of(call) if call is not None else None,
            confidence=probability(row.confidence),
            tax_category=TaxTreatment(row.tax_category or TaxTreatment.UNKNOWN),
            provenance=ProvenanceRead(**Provenance.model_validate(row.provenance or {}).model_dump()),
            suggestion=MeaningSuggestionRead.of(Suggestion.model_validate(row.suggestion)) if row.suggestion else None,
            category_source=DecisionSource(row.category_source),
            usd_value=main.value if main else None,
            rate=main.rate if main else None,
            brought=BroughtRead.of(row.brought) if row.brought else None,
            cost_provisional=not provisional.isdisjoint(row.entry_ids),
        )


class ClassifyOneRead(ReadSchema):
    outcome: Judged = Field(
        description="classified: booked so now; suggested: by a model that is not sure enough; no_answer: the model is away or answered nonsense; "
        "unchanged: decided before, not booked yet, asked before, or nobody knows."
    )
    transaction: TransactionRead


_AS_STORED = (
    *("id", "origin", "hash", "network", "chain_id", "block_hash", "timestamp", "status", "wallet_ids"),
    *("from_address", "to_address", "gas_fee_raw", "category", "subcategory", "counterparty", "explanation", "evidence", "note", "payment_id"),
    *("unpriced", "booking", "waits", "entry_ids", "movements_left_out", "actions_left_out"),
    *("purpose", "account"),
)


def main_movement(row: Transaction) -> Movement | None:
    """The one that a list shows: of what is no fee and not spam the most valuable, else the first; spam where there is nothing else."""
    moved = [movement for movement in row.movements if movement.kind not in FEES]
    honest = [movement for movement in moved if not movement.spam] or moved
    return max(honest, key=lambda movement: movement.value or 0, default=None)


def _type(main: Movement | None) -> str:
    if main is None:
        return "call"
    return {Direction.IN: "receive", Direction.OUT: "send", Direction.INTERNAL: "internal"}[main.direction]


class ImportQuery(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    dry_run: QueryFlag = Field(default=False, description="Only look at the table: nothing is stored.")


class ImportErrorRead(ReadSchema):
    row: int = Field(examples=[3], description="As a program of tables numbers them: the header is row 1.")
    column: str = Field(examples=["amount"])
    message: str


class ImportRead(ReadSchema):
    rows: int = Field(description="Rows that could be read.")
    new: int = Field(description="Rows that are stored by this, or would be.")
    unchanged: int = Field(description="Rows that had been brought before.")
    errors: list[ImportErrorRead]

    @classmethod
    def of(cls, found: Imported) -> "ImportRead":
        errors = [ImportErrorRead(row=error.row, column=error.column, message=error.message) for error in found.errors[:500]]
        return cls(rows=found.rows, new=found.new, unchanged=found.unchanged, errors=errors)


def day_bounds(query: TransactionQuery) -> dict[str, Any]:
    """The filter on `timestamp` for whole days in UTC."""
    bounds: dict[str, Any] = {}
    if query.date_from:
        bounds["$gte"] = datetime.combine(query.date_from, time.min, UTC)
    if query.date_to and query.date_to < date.max:
        bounds["$lt"] = datetime.combine(query.date_to, time.min, UTC) + timedelta(days=1)
    return {"timestamp": bounds} if bounds else {}
