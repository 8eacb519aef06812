import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from crypto_api.http.schemas.base import Prose, ReadSchema, RequestSchema, Time
from crypto_api.http.schemas.journal_entries import AssetName
from crypto_api.kit.amounts import Money, SignedMoney
from crypto_api.kit.clock import to_milliseconds
from crypto_api.prices.types import PriceSource, Quote

_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)


def _instant(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be a time such as 2026-11-21T09:30:00Z")
    return to_milliseconds(datetime.fromisoformat(value).astimezone(UTC))


Instant = Annotated[
    datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-21T09:30:00Z"]})
]


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
