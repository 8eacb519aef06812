from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from crypto_api.flows.unpriced import Unpriced
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Instant, Prose, QueryInt, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.journal_entries import AssetName
from crypto_api.http.schemas.transactions import ImportErrorRead
from crypto_api.kit.amounts import Money, SignedMoney
from crypto_api.prices.documents import ManualPrice
from crypto_api.prices.types import PriceSource, Quote


class RateQuery(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    base: AssetName = Field(examples=["ETH"])
    quote: AssetName = Field(examples=["USD"])
    at: Instant | None = Field(default=None, description="The last block processed when left out.")


class RateRead(ReadSchema):
    base: str = Field(examples=["ETH"])
    quote: str = Field(examples=["USD"])
    rate: SignedMoney = Field(examples=["3120.45"], description="Units of `quote` for one `base`.")
    source: PriceSource
    at: Time = Field(description="As of when its source gave it.")
    age_s: int = Field(examples=[42], description="How long before the time that was asked for that was.")
    origin: str = Field(examples=["feed ETH/USD on Ethereum"], description="In words: which feed, provider or entry by hand, and through what.")

    @classmethod
    def of(cls, base: str, quote: str, told: Quote, at: datetime) -> "RateRead":
        age_s = max(int((at - told.at).total_seconds()), 0)
        return cls(base=base, quote=quote, rate=told.rate, source=told.source, at=told.at, age_s=age_s, origin=told.origin)


class RateCreate(RequestSchema):
    """A price by hand, in force from `at` until another takes over. It goes before every feed."""

    asset: AssetName = Field(examples=["ETH"])
    quote: AssetName = Field(examples=["USD"])
    at: Instant
    rate: Money = Field(examples=["3120.45"], description="More than zero.")
    reason: Prose = Field(default="", examples=["Agreed with the auditor"])


class ManualRateRead(ReadSchema):
    id: str
    asset: str
    quote: str
    at: Time
    rate: SignedMoney
    reason: str
    set_by: str
    created_at: Time

    @classmethod
    def of(cls, row: ManualPrice) -> "ManualRateRead":
        return cls(
            id=row.id, asset=row.asset, quote=row.quote, at=row.at, rate=row.rate, reason=row.reason, set_by=row.set_by, created_at=row.created_at
        )


class ConvertRequest(RequestSchema):
    base: AssetName = Field(examples=["ETH"])
    quote: AssetName = Field(examples=["USD"])
    amount: Money = Field(examples=["0.25"])
    at: Instant | None = None


class ConvertRead(RateRead):
    amount: SignedMoney = Field(examples=["0.25"])
    result: SignedMoney = Field(examples=["780.1125"], description="Rounded half-even to 8 decimals.")


class PositionRead(ReadSchema):
    asset: str = Field(examples=["ETH"])
    quantity: SignedMoney
    cost: SignedMoney
    rate: SignedMoney | None = Field(description="None: unpriced, and in no total.")
    source: PriceSource | None
    rate_at: Time | None
    value: SignedMoney | None


class PortfolioValueRead(ReadSchema):
    currency: str = Field(examples=["USD"])
    at: Time
    total: SignedMoney = Field(description="Of what is priced.")
    unpriced: int = Field(description="How many positions have no price.")
    positions: list[PositionRead]


class ManualRateQuery(PageQuery):
    asset: Word | None = None
    quote: Word | None = None


class RateHistoryQuery(RateQuery):
    """`at` is the last of the times."""

    since: Instant | None = Field(default=None, description="30 days before the last one when left out.")
    points: QueryInt = Field(default=91, ge=2, le=366, description="How many, evenly spaced.")


class RatePointRead(ReadSchema):
    at: Time
    rate: SignedMoney | None = Field(description="None: no source told one that was fresh enough then.")
    source: PriceSource | None
    rate_at: Time | None
    origin: str | None


class RateHistoryRead(ReadSchema):
    base: str = Field(examples=["ETH"])
    quote: str = Field(examples=["USD"])
    items: list[RatePointRead]
    missing: int = Field(description="How many of the times have no rate.")


class RatesImportRead(ReadSchema):
    rows: int
    new: int
    unchanged: int = Field(description="The same price was entered for that time before.")
    errors: list[ImportErrorRead]


class SourceRead(ReadSchema):
    name: str = Field(examples=["coingecko"])
    kind: str = Field(examples=["coingecko"], description="manual, oracle, history, or the protocol of a provider.")
    host: str | None = Field(examples=["api.coingecko.com"])
    assets: list[str]
    quotes: list[str]
    age_max_s: int | None = Field(description="An older rate of it is not used. None: each feed has its own, and what a person entered has none.")


class SourcesRead(ReadSchema):
    items: list[SourceRead] = Field(description="In the order in which they are asked.")


class TriedRead(ReadSchema):
    asset: str = Field(examples=["ETH"])
    source: str = Field(examples=["coingecko"])
    outcome: str = Field(examples=["ETH/USD: it answers 429"])


class UnpricedQuery(PageQuery):
    kind: Literal["missing_price", "missing_cost"] | None = None


class UnpricedRead(ReadSchema):
    item_id: str = Field(description="The item of the inbox: `POST /api/inbox/{item_id}/remedy/` with `enter_price` or `retry_price`.")
    kind: str = Field(examples=["missing_price"])
    title: str
    why: str
    assets: list[str] = Field(examples=[["ETH"]], description="Without a price. Empty where it is a cost that nobody knows.")
    at: Time | None = Field(description="When the price is wanted for. None: at the block at which a wallet's books were opened.")
    subject_kind: str = Field(examples=["transaction"])
    subject_id: str
    hash: str | None
    network: str | None
    entry_id: str | None
    opened_at: Time
    tried: list[TriedRead] = Field(description="In the order of the sources, as of the last time.")
    attempts: int = Field(description="How often it was asked for in vain.")
    asked_at: Time | None

    @classmethod
    def of(cls, row: Unpriced) -> "UnpricedRead":
        item = row.item
        return cls(
            item_id=item.id,
            kind=item.kind.value,
            title=item.title,
            why=item.cause,
            assets=list(row.assets),
            at=row.at,
            subject_kind=item.subject_kind,
            subject_id=item.subject_id,
            hash=item.facts.get("hash"),
            network=item.facts.get("network"),
            entry_id=item.facts.get("entry_id"),
            opened_at=item.created_at,
            tried=[TriedRead(asset=gap.asset, source=one.source, outcome=one.outcome) for gap in row.gaps for one in gap.tried],
            attempts=max((gap.attempts for gap in row.gaps), default=0),
            asked_at=max((gap.asked_at for gap in row.gaps), default=None),
        )
