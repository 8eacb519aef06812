from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from crypto_api.flows.age_receivables import Aging
from crypto_api.http.schemas.base import Date, ReadSchema
from crypto_api.invoices.types import AgeBucket
from crypto_api.kit.amounts import SignedMoney


class AgingQuery(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    at: Date | None = Field(default=None, description="As of the end of that day. Left out: today in the organisation's time zone.")


class OwedRead(ReadSchema):
    client_id: str = Field(examples=["cli_01k9x5r3v8"])
    client_name: str
    invoices: int
    buckets: dict[AgeBucket, SignedMoney]
    total: SignedMoney


class AgingRead(ReadSchema):
    at: date
    currency: str = Field(examples=["USD"])
    clients: list[OwedRead] = Field(description="Most first.")
    buckets: dict[AgeBucket, SignedMoney] = Field(description="By days past due.")
    total: SignedMoney
    account_balance: SignedMoney = Field(description="Of the receivable account at the end of that day.")
    other: SignedMoney = Field(description="account_balance - total: booked there, and of no invoice.")

    @classmethod
    def of(cls, found: Aging) -> "AgingRead":
        clients = [OwedRead(**{name: getattr(row, name) for name in OwedRead.model_fields}) for row in found.clients]
        same = ("currency", "buckets", "total", "account_balance", "other")
        return cls(at=found.day, clients=clients, **{name: getattr(found, name) for name in same})
