from datetime import date
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from crypto_api.flows.word_insights import Worded
from crypto_api.http.schemas.base import Date, ReadSchema, Time
from crypto_api.insights.sentences import TopicName
from crypto_api.insights.types import Gas, Insights, LongAhead, Loss, LotsState, MonthRow, PartyRow, Runway, SpendingRow, Unusual
from crypto_api.kit.amounts import SignedMoney


class InsightsQuery(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    days: int = Field(default=30, ge=1, le=366, description="How far the period goes back from now; it is compared with a year.")


class InsightSummaryQuery(InsightsQuery):
    explain: bool = Field(default=False, description="Also ask the local model, and wait for it, to put the same figures into sentences.")


class InsightSentenceRead(ReadSchema):
    topic: TopicName
    text: str = Field(examples=["Gas cost 12.40 USD for 31 transactions, the dearest 1.05 USD."])
    by_model: bool = Field(description="False: made by rule. A model's sentence stands only where every number in it is one of the topic's figures.")


class InsightSummaryRead(ReadSchema):
    """What can be traced of a model's answer: its name, the digest of its weights as its server tells it, and what it was asked."""

    sentences: list[InsightSentenceRead]
    model: str | None = Field(description="None: no model is configured, or it was not asked.", examples=["granite4:micro"])
    answered: bool = Field(description="False: it was not asked, is away or slow, or answered something else. The sentences are made by rule then.")
    model_digest: str | None
    prompt_hash: str | None
    duration_ms: int | None

    @classmethod
    def of(cls, worded: Worded) -> "InsightSummaryRead":
        answer = worded.answer
        return cls(
            sentences=[InsightSentenceRead(topic=one.topic, text=one.text, by_model=one.by_model) for one in worded.sentences],
            model=worded.model or None,
            answered=answer is not None,
            model_digest=answer.digest if answer else None,
            prompt_hash=answer.prompt_hash if answer else None,
            duration_ms=answer.duration_ms if answer else None,
        )


class SpendingRead(ReadSchema):
    category: str = Field(examples=["expense"])
    value: SignedMoney
    previous: SignedMoney = Field(description="In the equally long period before.")
    movements: int
    unpriced: int = Field(description="Of the movements, those without a price: they are in no sum.")
    transactions_url: str = Field(examples=["/api/transactions/?category=expense&date_from=2026-11-01"])


class InsightPartyRead(ReadSchema):
    party: str = Field(examples=["Acme"], description="A name, or an address that has none.")
    paid: SignedMoney
    received: SignedMoney
    movements: int
    transactions_url: str


class GasRowRead(ReadSchema):
    network: str
    value: SignedMoney
    transactions: int


class GasRead(ReadSchema):
    value: SignedMoney
    transactions: int
    networks: list[GasRowRead]
    dearest_transaction_id: str | None
    dearest_value: SignedMoney | None


class ShockRead(ReadSchema):
    drop: SignedMoney = Field(examples=["0.25"], description="Of the price of everything that does not keep to the functional currency.")
    value: SignedMoney
    months: SignedMoney | None = Field(examples=["7.5"], description="None: nothing is spent on balance.")


class RunwayRead(ReadSchema):
    spent_a_month: SignedMoney
    received_a_month: SignedMoney
    net_a_month: SignedMoney
    steady: SignedMoney = Field(description="Worth of the assets within 2 % of one unit of the functional currency: no shock moves them.")
    shocks: list[ShockRead]
    unpriced: list[str]
    days: int = Field(
        description="Whose pace it is: fewer than were asked for where more than 10,000 transactions were made in those.", examples=[90]
    )

    @classmethod
    def of(cls, row: Runway) -> "RunwayRead":
        return cls.model_validate({**_fields(row), "shocks": [ShockRead.model_validate(_fields(one)) for one in row.shocks]})


class UnusualMovementRead(ReadSchema):
    transaction_id: str
    movement: str = Field(examples=["log:7"])
    timestamp: Time
    asset: str
    value: SignedMoney
    party: str
    category: str
    median: SignedMoney
    deviation: SignedMoney = Field(description="Median absolute deviation of the others.")
    score: SignedMoney | None = Field(description="Modified z-score; None where the others are all alike.")
    compared_with: int
    reason: str


class HarvestableLossRead(ReadSchema):
    asset: str
    quantity: SignedMoney
    cost: SignedMoney
    value: SignedMoney
    loss: SignedMoney
    lots: int


class LongAheadRead(ReadSchema):
    asset: str
    quantity: SignedMoney
    acquired: Date
    long_from: Date
    gain: SignedMoney | None = Field(description="As of now; None without a price or a known cost.")


class TaxHintsRead(ReadSchema):
    lots: LotsState = Field(description="working: books and lots are being compared, this is provisional. too_many: more than are looked at.")
    losses: list[HarvestableLossRead]
    long_ahead: list[LongAheadRead] = Field(description="Within 60 days, at most 20.")


class InsightMonthRead(ReadSchema):
    month: Date = Field(description="Its first day.")
    received: SignedMoney
    spent: SignedMoney
    gas: SignedMoney
    transactions: int


class AnalyticsRead(ReadSchema):
    as_of: Time
    currency: str
    complete: bool = Field(description="False: more transactions than are looked at; the oldest are left out.")
    months: list[InsightMonthRead]

    @classmethod
    def of(cls, found: Insights) -> "AnalyticsRead":
        return cls(as_of=found.as_of, currency=found.currency, complete=not found.cut, months=[_month(row) for row in found.months])


class InsightsRead(ReadSchema):
    """Every figure with what it is made of, as of a moment. Nothing here is advice, and nothing is decided by it."""

    as_of: Time
    date_from: Date
    date_to: Date
    currency: str
    complete: bool = Field(description="False: more transactions than are looked at; the oldest of the comparison are left out.")
    summary: InsightSummaryRead
    spending: list[SpendingRead]
    parties: list[InsightPartyRead]
    gas: GasRead
    runway: RunwayRead
    unusual: list[UnusualMovementRead]
    tax: TaxHintsRead

    @classmethod
    def of(cls, found: Insights, worded: Worded) -> "InsightsRead":
        since = found.window.since.date()
        return cls(
            as_of=found.as_of,
            date_from=since,
            date_to=found.window.until.date(),
            currency=found.currency,
            complete=not found.cut,
            summary=InsightSummaryRead.of(worded),
            spending=[_spending(row, since) for row in found.spending],
            parties=[_party(row, since) for row in found.parties],
            gas=_gas(found.gas),
            runway=RunwayRead.of(found.runway),
            unusual=[_unusual(row) for row in found.unusual],
            tax=TaxHintsRead(
                lots=found.tax.state, losses=[_loss(row) for row in found.tax.losses], long_ahead=[_ahead(row) for row in found.tax.ahead]
            ),
        )


def _fields(row: object) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__class__.__dataclass_fields__}  # type: ignore[attr-defined]


def _url(**asked: str) -> str:
    return f"/api/transactions/?{urlencode(asked)}"


def _spending(row: SpendingRow, since: date) -> SpendingRead:
    asked = {"kind": "gas"} if row.category == "gas" else {"category": row.category, "direction": "out"}
    return SpendingRead.model_validate({**_fields(row), "transactions_url": _url(**asked, date_from=since.isoformat())})


def _party(row: PartyRow, since: date) -> InsightPartyRead:
    return InsightPartyRead.model_validate({**_fields(row), "transactions_url": _url(q=row.party[:100], date_from=since.isoformat())})


def _gas(row: Gas) -> GasRead:
    return GasRead(
        value=row.value,
        transactions=row.transactions,
        networks=[GasRowRead.model_validate(_fields(one)) for one in row.rows],
        dearest_transaction_id=row.dearest.transaction_id if row.dearest else None,
        dearest_value=row.dearest.value if row.dearest else None,
    )


def _unusual(row: Unusual) -> UnusualMovementRead:
    moved = row.moved
    return UnusualMovementRead(
        transaction_id=moved.transaction_id,
        movement=moved.key,
        timestamp=moved.at,
        asset=moved.asset,
        value=row.value,
        party=moved.party,
        category=moved.category,
        median=row.median,
        deviation=row.deviation,
        score=row.score,
        compared_with=row.compared_with,
        reason=row.reason,
    )


def _loss(row: Loss) -> HarvestableLossRead:
    return HarvestableLossRead.model_validate(_fields(row))


def _ahead(row: LongAhead) -> LongAheadRead:
    return LongAheadRead.model_validate(_fields(row))


def _month(row: MonthRow) -> InsightMonthRead:
    return InsightMonthRead.model_validate(_fields(row))
