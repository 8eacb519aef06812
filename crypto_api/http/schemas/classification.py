import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from crypto_api.classification.documents import ClassificationRule, ClassificationRuleVersion
from crypto_api.classification.types import (
    LISTED_MAX,
    RULE_CATEGORIES,
    RULES_MAX,
    Category,
    Conditions,
    CounterpartyKind,
    Decision,
    DecisionSource,
    MovementWay,
    NewRule,
    Outcome,
    Suggestion,
    TaxTreatment,
)
from crypto_api.flows.apply_rules import Change, Preview, Span, Trial
from crypto_api.http.schemas.base import Choice, Date, Line, ReadSchema, RequestSchema, Time, Word, inert
from crypto_api.kit.amounts import Money, SignedMoney
from crypto_api.kit.ethereum import parse_address

_METHOD = re.compile(r"0x([0-9a-f]{8})?", re.ASCII)


def _address(value: str) -> str:
    return parse_address(value)


def _method(value: str) -> str:
    if not _METHOD.fullmatch(value.lower()):
        raise ValueError("must be a selector: 0x and eight hexadecimal digits; 0x alone for a plain transfer")
    return value.lower()


def _for_rules(value: Category) -> Category:
    if value not in RULE_CATEGORIES:
        raise ValueError(f"must be one of {', '.join(RULE_CATEGORIES)}: any other is a fact, or for a person to say")
    return value


Address = Annotated[Word, AfterValidator(_address)]
Method = Annotated[Word, AfterValidator(_method)]
RuleCategory = Annotated[Choice[Category], AfterValidator(_for_rules)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(inert)]


class RuleConditions(RequestSchema):
    """All that are given must hold, each by any one of its values; what they say of a movement, for every movement but fees, spam and amounts of
    zero."""

    addresses: list[Address] = Field(
        default=[], max_length=LISTED_MAX, examples=[["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"]], description="Of the other side."
    )
    counterparty_kinds: list[Choice[CounterpartyKind]] = Field(default=[], max_length=LISTED_MAX)
    counterparty_names: list[Line] = Field(default=[], max_length=LISTED_MAX, description="Whole names, in any case of letters.")
    wallet_ids: list[Word] = Field(default=[], max_length=LISTED_MAX, description="The organisation's own.")
    ways: list[Choice[MovementWay]] = Field(
        default=[], max_length=4, examples=[["out"]], description="both: something went out and something came in."
    )
    assets: list[Word] = Field(default=[], max_length=LISTED_MAX, examples=[["USDC"]])
    amount_min: Money | None = Field(default=None, examples=["100"], description="Whole units of the one asset that `assets` names; inclusive.")
    amount_max: Money | None = Field(default=None, examples=["1000"])
    methods: list[Method] = Field(default=[], max_length=LISTED_MAX, examples=[["0xa9059cbb"]], description="Selectors; 0x: a plain transfer.")
    networks: list[Word] = Field(default=[], max_length=LISTED_MAX, description="Slugs.")
    date_from: Date | None = Field(default=None, description="First day, in the organisation's time zone, as are all of time.")
    date_to: Date | None = Field(default=None, description="Last day.")
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(default=[], max_length=7, examples=[[1, 2, 3, 4, 5]], description="1 is Monday.")
    hour_from: Annotated[int, Field(ge=0, le=23)] | None = Field(default=None, examples=[22])
    hour_to: Annotated[int, Field(ge=1, le=24)] | None = Field(
        default=None, examples=[6], description="Exclusive; not later than `hour_from`: over midnight."
    )

    def pure(self) -> Conditions:
        given: dict[str, Any] = {name: getattr(self, name) for name in RuleConditions.model_fields}
        return Conditions.model_validate({name: tuple(dict.fromkeys(value)) if isinstance(value, list) else value for name, value in given.items()})


class RuleOutcome(RequestSchema):
    category: RuleCategory = Field(examples=["expense"], description="unclassified: ask a person, whatever memory or a model would say.")
    subcategory: Text = Field(default="", examples=["Hosting"])
    counterparty: Text = Field(default="", description="Empty: the name that is known of it.")
    purpose: Text = Field(default="", examples=["Servers of the product"])
    tax_category: Choice[TaxTreatment] | None = Field(default=None, description="null: what the category is for taxes.")
    account: Text = Field(
        default="", examples=["6200"], description="An account instead of the category's own, by code: income, expense and reward only."
    )

    def pure(self) -> Outcome:
        return Outcome(**{name: getattr(self, name) for name in RuleOutcome.model_fields})


class ClassificationRuleCreate(RequestSchema):
    name: Line = Field(examples=["Hosting of the product"])
    conditions: RuleConditions = Field(examples=[{"addresses": ["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"], "ways": ["out"]}])
    outcome: RuleOutcome = Field(examples=[{"category": "expense", "subcategory": "Hosting"}])
    enabled: bool = True

    def new(self) -> NewRule:
        return NewRule(name=self.name, conditions=self.conditions.pure(), outcome=self.outcome.pure(), enabled=self.enabled)


class ClassificationRuleUpdate(RequestSchema):
    """What is left out stays. `conditions` and `outcome` are taken as a whole."""

    name: Line | None = None
    conditions: RuleConditions | None = None
    outcome: RuleOutcome | None = None
    enabled: bool | None = None

    def fields(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in ClassificationRuleUpdate.model_fields}
        return {
            name: value.pure() if isinstance(value, RuleConditions | RuleOutcome) else value for name, value in given.items() if value is not None
        }


class ClassificationRuleOrder(RequestSchema):
    rule_ids: list[Word] = Field(
        max_length=RULES_MAX,
        examples=[["crl_01k9x5r3v8", "crl_01k9x5r3v9"]],
        description="Every rule of the organisation once: the first that matches decides.",
    )


class DaySpan(RequestSchema):
    date_from: Date | None = Field(default=None, description="First day, in the organisation's time zone.")
    date_to: Date | None = Field(default=None, description="Last day.")

    def span(self) -> Span:
        return Span(self.date_from, self.date_to)


class ClassificationRuleDryRun(DaySpan):
    rule: ClassificationRuleCreate | None = Field(default=None, description="A rule as it might be; null: the rules as they are.")
    rule_id: Word | None = Field(default=None, description="The rule in whose place it is tried; null: last in the order.")

    def trial(self) -> Trial | None:
        return None if self.rule is None else Trial(self.rule.new(), self.rule_id)


class RuleConditionsRead(ReadSchema):
    addresses: list[str]
    counterparty_kinds: list[CounterpartyKind]
    counterparty_names: list[str]
    wallet_ids: list[str]
    ways: list[MovementWay]
    assets: list[str]
    amount_min: SignedMoney | None
    amount_max: SignedMoney | None
    methods: list[str]
    networks: list[str]
    date_from: Date | None
    date_to: Date | None
    weekdays: list[int]
    hour_from: int | None
    hour_to: int | None


class RuleOutcomeRead(ReadSchema):
    category: Category
    subcategory: str
    counterparty: str
    purpose: str
    tax_category: TaxTreatment | None
    account: str


def _said(row: ClassificationRule | ClassificationRuleVersion) -> dict[str, Any]:
    return {"conditions": RuleConditionsRead(**row.conditions.model_dump()), "outcome": RuleOutcomeRead(**row.outcome.model_dump())}


class ClassificationRuleRead(ReadSchema):
    id: str = Field(examples=["crl_01k9x5r3v8"])
    name: str
    position: int = Field(description="From 1; the first that matches decides.")
    enabled: bool
    conditions: RuleConditionsRead
    outcome: RuleOutcomeRead
    rule_version: int = Field(description="Of what it says: a decision names it.")
    created_by: str
    created_at: Time
    updated_by: str
    updated_at: Time

    @classmethod
    def of(cls, row: ClassificationRule) -> "ClassificationRuleRead":
        same = ("id", "name", "position", "enabled", "created_by", "created_at", "updated_by", "updated_at")
        said: dict[str, Any] = _said(row)
        return cls(**{name: getattr(row, name) for name in same}, **said, rule_version=row.said)


class ClassificationRuleListRead(ReadSchema):
    items: list[ClassificationRuleRead] = Field(description="All of them, in their order.")


class ClassificationRuleVersionRead(ReadSchema):
    rule_version: int
    name: str
    conditions: RuleConditionsRead
    outcome: RuleOutcomeRead
    by: str
    created_at: Time

    @classmethod
    def of(cls, row: ClassificationRuleVersion) -> "ClassificationRuleVersionRead":
        said: dict[str, Any] = _said(row)
        return cls(rule_version=row.number, name=row.name, by=row.by, created_at=row.created_at, **said)


class ClassificationRuleVersionListRead(ReadSchema):
    items: list[ClassificationRuleVersionRead] = Field(description="The latest first.")


class MeaningRead(ReadSchema):
    """What a transaction is said to be."""

    category: Category
    subcategory: str
    counterparty: str
    purpose: str
    tax_category: TaxTreatment
    account: str
    category_source: DecisionSource

    @classmethod
    def of(cls, decision: Decision) -> "MeaningRead":
        same = ("category", "subcategory", "counterparty", "purpose", "account")
        return cls(**{name: getattr(decision, name) for name in same}, tax_category=decision.tax, category_source=decision.source)


class RuleChangeRead(ReadSchema):
    transaction_id: str
    hash: str
    timestamp: Time
    before: MeaningRead
    after: MeaningRead
    rule_id: str | None = Field(description="The rule that says so; null where none does any more, and `draft` for one on trial that is new.")
    explanation: str

    @classmethod
    def of(cls, change: Change) -> "RuleChangeRead":
        row = change.transaction
        return cls(
            transaction_id=row.id,
            hash=row.hash,
            timestamp=row.timestamp,
            before=MeaningRead.of(change.before),
            after=MeaningRead.of(change.after),
            rule_id=change.after.provenance.rule_id,
            explanation=change.after.explanation,
        )


class CategoryChangeRead(ReadSchema):
    before: Category
    after: Category
    count: int


class RulePreviewRead(ReadSchema):
    looked_at: int = Field(description="What people decided and what is certain is not looked at: it stays.")
    matched: int = Field(description="How many the rule on trial decides; without one, how many any rule does.")
    would_change: int
    in_closed_periods: int = Field(description="They would be others and stay: their period is closed.")
    complete: bool = Field(description="false: there is more history than was looked at; the latest was.")
    by_category: list[CategoryChangeRead]
    items: list[RuleChangeRead] = Field(description="The latest 200 that would change.")

    @classmethod
    def of(cls, found: Preview) -> "RulePreviewRead":
        counts = [CategoryChangeRead(before=Category(a), after=Category(b), count=count) for (a, b), count in found.by_category.most_common()]
        return cls(
            looked_at=found.looked_at,
            matched=found.matched,
            would_change=found.changed,
            in_closed_periods=found.in_closed_periods,
            complete=found.complete,
            by_category=counts,
            items=[RuleChangeRead.of(change) for change in found.changes],
        )


class ProvenanceRead(ReadSchema):
    rule_id: str | None = Field(examples=["crl_01k9x5r3v8"])
    rule_version: int | None
    precedents: list[str] = Field(description="Transactions that people decided and that are like it, the nearest first.")
    model: str | None
    model_digest: str | None = Field(description="Of the weights, as the model's server tells it.")
    prompt_hash: str | None = Field(description="SHA-256 of all that the model was sent.")
    duration_ms: int | None = Field(description="That the model took.")


def probability(confidence: float) -> str:
    """As a decimal string of at most four places."""
    return f"{Decimal(str(round(confidence, 4))):f}" if confidence not in (0, 1) else str(int(confidence))


class MeaningSuggestionRead(ReadSchema):
    category: Category
    subcategory: str
    counterparty: str
    purpose: str
    tax_category: TaxTreatment | None
    confidence: str = Field(examples=["0.8"], description="A probability as a decimal string.")
    category_source: DecisionSource = Field(description="memory or model.")
    explanation: str
    evidence: list[str]
    provenance: ProvenanceRead

    @classmethod
    def of(cls, row: Suggestion) -> "MeaningSuggestionRead":
        same = ("category", "subcategory", "counterparty", "purpose", "tax_category", "explanation", "evidence")
        provenance = ProvenanceRead(**row.provenance.model_dump())
        return cls(
            **{name: getattr(row, name) for name in same}, confidence=probability(row.confidence), category_source=row.source, provenance=provenance
        )
