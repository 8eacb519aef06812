from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Line, Prose, QueryFlag, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.organizations import Currency, MonthDay, TimeZone
from crypto_api.kit.standards import COUNTRIES
from crypto_api.organizations.documents import Company


def _country(value: str) -> str:
    if value and value not in COUNTRIES:
        raise ValueError("must be an ISO 3166-1 alpha-2 code, such as GB, or empty")
    return value


Country = Annotated[str, StringConstraints(max_length=2), AfterValidator(_country)]
TaxId = Annotated[str, StringConstraints(strip_whitespace=True, max_length=50, pattern=r"^[0-9A-Za-z][0-9A-Za-z ./-]*$|^$")]


class CompanyCreate(RequestSchema):
    legal_name: Line = Field(examples=["Byron Analytical Ltd"])
    tax_id: TaxId = Field(default="", examples=["GB123456789"])
    address: Prose = Field(default="", examples=["12 St James's Square, London"])
    country: Country = Field(default="", examples=["GB"])
    functional_currency: Currency | None = Field(default=None, examples=["GBP"], description="Left out: as the organisation's.")
    time_zone: TimeZone | None = Field(default=None, examples=["Europe/London"], description="Left out: as the organisation's.")
    fiscal_year_start: MonthDay | None = Field(default=None, examples=["04-06"], description="MM-DD; left out: as the organisation's.")


class CompanyUpdate(RequestSchema):
    """What is left out stays as it is."""

    legal_name: Line | None = Field(default=None, examples=["Byron Analytical Ltd"])
    tax_id: TaxId | None = Field(default=None, examples=["GB123456789"])
    address: Prose | None = Field(default=None, examples=["12 St James's Square, London"])
    country: Country | None = Field(default=None, examples=["GB"])
    functional_currency: Currency | None = Field(default=None, examples=["GBP"])
    time_zone: TimeZone | None = Field(default=None, examples=["Europe/London"])
    fiscal_year_start: MonthDay | None = Field(default=None, examples=["04-06"], description="MM-DD")
    active: bool | None = Field(default=None, description="True brings a deactivated company back.")


class CompanyQuery(PageQuery):
    active: QueryFlag = Field(default=True, description="Those that were deactivated: false.")
    country: Word | None = None
    q: Word | None = Field(default=None, description="Part of the legal name or of the tax id.")


class CompanyRead(ReadSchema):
    id: str = Field(examples=["com_01k9x5r3v8"])
    legal_name: str = Field(examples=["Byron Analytical Ltd"])
    tax_id: str
    address: str
    country: str = Field(examples=["GB"])
    functional_currency: str = Field(examples=["GBP"])
    time_zone: str = Field(examples=["Europe/London"])
    fiscal_year_start: str = Field(examples=["04-06"])
    active: bool
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, row: Company) -> "CompanyRead":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})
