from decimal import Decimal
from typing import Any

from pydantic import Field

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Choice, Prose, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.journal_entries import AssetName
from crypto_api.kit.amounts import Money, SignedMoney
from crypto_api.price_alerts.documents import PriceAlert
from crypto_api.price_alerts.service import NewAlert
from crypto_api.price_alerts.types import Condition


class PriceAlertQuery(PageQuery):
    asset: Word | None = None
    condition: Condition | None = None


class PriceAlertCreate(RequestSchema):
    """It fires once for each crossing, and again only after the rate has gone back by `hysteresis`. The first rate that is seen only says on which
    side it stands."""

    asset: AssetName = Field(examples=["ETH"])
    quote: AssetName = Field(examples=["USD"])
    condition: Choice[Condition] = Field(examples=["above"])
    threshold: Money = Field(examples=["4000"], description="A rate; for `moves` per cent of what it was when the alert was made, or fired last.")
    hysteresis: Money = Field(default=Decimal(1), examples=["1"], description="Per cent of the threshold, less than 100. Without effect for `moves`.")
    note: Prose = Field(default="", max_length=200, examples=["Sell what payroll needs"])

    mail: bool = Field(default=False, description="Whether it is told by a letter to who made it as well.")

    def new(self) -> NewAlert:
        return NewAlert(self.asset, self.quote, self.condition, self.threshold, self.hysteresis, self.note, self.mail)


class PriceAlertUpdate(RequestSchema):
    condition: Choice[Condition] | None = Field(default=None, examples=["below"])
    threshold: Money | None = Field(default=None, examples=["3500"])
    hysteresis: Money | None = Field(default=None, examples=["2"])
    note: Prose | None = Field(default=None, max_length=200)
    mail: bool | None = None
    paused: bool | None = Field(default=None, description="A paused alert looks at no rate.")

    def fields(self) -> dict[str, Any]:
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class PriceAlertRead(ReadSchema):
    id: str
    asset: str = Field(examples=["ETH"])
    quote: str = Field(examples=["USD"])
    condition: Condition
    threshold: SignedMoney = Field(examples=["4000"])
    hysteresis: SignedMoney = Field(examples=["1"])
    note: str
    mail: bool
    paused: bool
    created_by: str
    created_at: Time
    armed: bool | None = Field(description="Whether the next crossing fires it. None: no rate was seen yet.")
    reference: SignedMoney | None = Field(description="`moves`: the rate from which per cent are counted.")
    seen_rate: SignedMoney | None = Field(description="The rate that was seen last.")
    seen_at: Time | None
    fired_at: Time | None
    fired_rate: SignedMoney | None
    fired_count: int
    acknowledged_at: Time | None = Field(description="When somebody took note of its firing last.")
    acknowledged_by: str | None
    unpriced_since: Time | None = Field(description="Since when no source tells its rate: it cannot fire.")

    @classmethod
    def of(cls, row: PriceAlert) -> "PriceAlertRead":
        return cls(**row.model_dump(include=set(cls.model_fields)))
