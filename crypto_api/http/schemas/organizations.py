from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from crypto_api.http.schemas.auth import UserRead
from crypto_api.http.schemas.base import Choice, Line, ReadSchema, RequestSchema, Time, Word
from crypto_api.kit.amounts import Money, SignedMoney
from crypto_api.kit.standards import CURRENCIES, is_month_day, time_zones
from crypto_api.organizations.documents import Membership, Organization
from crypto_api.organizations.types import PayslipMail


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise ValueError("must be an ISO 4217 code of a currency, such as USD or EUR")
    return value


def _time_zone(value: str) -> str:
    if value not in time_zones():
        raise ValueError("must be the IANA name of a time zone, such as Europe/Berlin")
    return value


def _month_day(value: str) -> str:
    if not is_month_day(value):
        raise ValueError("must be a month and a day that every year has, such as 01-01 or 04-06")
    return value


def _probability(value: Decimal) -> Decimal:
    if value > 1:
        raise ValueError("must be from 0 to 1")
    return value


Threshold = Annotated[Money, AfterValidator(_probability)]
Currency = Annotated[str, StringConstraints(max_length=3), AfterValidator(_currency)]
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_time_zone)]
MonthDay = Annotated[str, StringConstraints(max_length=5), AfterValidator(_month_day)]


class OrganizationCreate(RequestSchema):
    name: Line = Field(examples=["Byron Treasury"])
    functional_currency: Currency = Field(default="USD", examples=["USD"])
    time_zone: TimeZone = Field(default="UTC", examples=["Europe/London"])
    fiscal_year_start: MonthDay = Field(default="01-01", examples=["04-06"], description="MM-DD")


class OrganizationUpdate(RequestSchema):
    """What is left out stays as it is."""

    name: Line | None = Field(default=None, examples=["Byron & Lovelace Treasury"])
    functional_currency: Currency | None = Field(default=None, examples=["USD"], description="Fixed as soon as there are journal entries.")
    time_zone: TimeZone | None = Field(default=None, examples=["Europe/London"])
    fiscal_year_start: MonthDay | None = Field(default=None, examples=["04-06"], description="MM-DD")
    second_factor_roles: Annotated[list[Word], Field(max_length=200)] | None = Field(
        default=None, examples=[["ADMIN"]], description="Whoever has one of these roles acts only in a session with a second factor."
    )
    single_session: bool | None = Field(default=None, description="A new session of a person here ends their others here.")
    entry_approval: bool | None = Field(default=None, description="Journal entries by hand are posted only after another person's approval.")
    payslip_mail: Choice[PayslipMail] | None = Field(
        default=None, examples=["link"], description="What the letter about a payslip holds. link: the way to it. attached: the PDF as well."
    )
    classification_threshold: Threshold | None = Field(
        default=None, examples=["0.9"], description="0 to 1: from this confidence on what memory or a model says is booked; below, a person is asked."
    )


class OrganizationRead(ReadSchema):
    id: str = Field(examples=["org_01k9x5r3v8"])
    name: str = Field(examples=["Byron Treasury"])
    functional_currency: str = Field(examples=["USD"])
    time_zone: str = Field(examples=["UTC"])
    fiscal_year_start: str = Field(examples=["01-01"], description="MM-DD")
    second_factor_roles: list[str] = Field(examples=[["ADMIN"]])
    single_session: bool
    entry_approval: bool
    payslip_mail: PayslipMail
    classification_threshold: SignedMoney = Field(examples=["0.9"])
    suspended: bool = Field(description="Whether it, or my place in it, is suspended: then nothing can be done there.")
    role: str = Field(description="Mine in it.")
    current: bool = Field(description="Whether this session acts in it.")
    created_at: Time

    @classmethod
    def of(cls, row: Organization, membership: Membership, current_id: str | None) -> "OrganizationRead":
        return cls(
            id=row.id,
            name=row.name,
            functional_currency=row.functional_currency,
            time_zone=row.time_zone,
            fiscal_year_start=row.fiscal_year_start,
            second_factor_roles=row.second_factor_roles,
            single_session=row.single_session,
            entry_approval=row.entry_approval,
            payslip_mail=row.payslip_mail,
            classification_threshold=row.classification_threshold,
            suspended=row.suspended_at is not None or membership.suspended_at is not None,
            role=membership.role,
            current=row.id == current_id,
            created_at=row.created_at,
        )


class OrganizationSwitch(RequestSchema):
    organization_id: Word = Field(examples=["org_01k9x5r3v8"])


class SwitchedRead(ReadSchema):
    access: str = Field(examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9…"])
    expires_in: int = Field(description="Seconds until the access token runs out.", examples=[900])
    session_approved: bool = Field(description="False: approvals are for the organisation in which they were given.")
    user: UserRead
