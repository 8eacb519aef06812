from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import Field

from crypto_api.flows.keep_recurring import Calendar
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Choice, Date, Line, Prose, ReadSchema, RequestSchema, Time, Word
from crypto_api.kit.amounts import Money, SignedMoney
from crypto_api.recurring.documents import Occurrence, RecurringPayment
from crypto_api.recurring.types import (
    COUNT_MAX,
    HOLIDAYS_MAX,
    INTERVAL_MAX,
    BusinessDay,
    MonthEnd,
    NewRecurring,
    OccurrenceState,
    PaymentFrequency,
    RecurringPaymentStatus,
    Schedule,
)


class RecurringCreate(RequestSchema):
    name: Line = Field(examples=["Rent of the office"])
    wallet_id: Word = Field(examples=["wal_01k9x5r3v8"])
    payee_id: Word = Field(examples=["pye_01k9x5r3v8"], description="An entry of the address book.")
    asset: Word = Field(examples=["USDC"])
    amount: Money = Field(examples=["1200.00"])
    description: Prose = Field(default="", examples=["The lease of 2024."])
    frequency: Choice[PaymentFrequency] = Field(examples=["monthly"])
    interval: int = Field(default=1, ge=1, le=INTERVAL_MAX, examples=[1], description="Every so many of them.")
    start_date: Date
    month_end: Choice[MonthEnd] = Field(default=MonthEnd.LAST_DAY, description="Where a month has no such day.")
    business_day: Choice[BusinessDay] = Field(default=BusinessDay.UNADJUSTED, description="Where the day is a weekend or a holiday.")
    holidays: list[Date] = Field(default_factory=list, max_length=HOLIDAYS_MAX)
    end_date: Date | None = None
    count: int | None = Field(default=None, ge=1, le=COUNT_MAX, examples=[12])

    def new(self) -> NewRecurring:
        rule = Schedule(
            self.frequency, self.start_date, self.interval, self.month_end, self.business_day, frozenset(self.holidays), self.end_date, self.count
        )
        return NewRecurring(self.name, self.wallet_id, self.payee_id, self.asset, self.amount, rule, self.description)


class RecurringUpdate(RequestSchema):
    """What is left out stays as it is. The days themselves do not change: end it and write another one."""

    name: Line = Field(default="", examples=["Rent of the office"])
    wallet_id: Word = Field(default="", examples=["wal_01k9x5r3v8"])
    payee_id: Word = Field(default="", examples=["pye_01k9x5r3v8"])
    asset: Word = Field(default="", examples=["USDC"])
    amount: Money = Field(default=Decimal(0), examples=["1250.00"])
    description: Prose = Field(default="", examples=["From January on."])
    end_date: Date | None = None
    count: int | None = Field(default=None, ge=1, le=COUNT_MAX, examples=[24])
    paused: bool = Field(default=False, description="While it is, nothing is prepared; what fell due meanwhile is afterwards.")

    def fields(self) -> dict[str, Any]:
        """Those that were sent."""
        return {("count_max" if name == "count" else name): getattr(self, name) for name in self.model_fields_set}


class RecurringQuery(PageQuery):
    status: RecurringPaymentStatus | None = None


class CalendarQuery(PageQuery):
    until: Date = Field(description="At most a year ahead.")


class OccurrenceRead(ReadSchema):
    number: int = Field(examples=[3])
    nominal_on: date
    pays_on: date
    state: OccurrenceState
    payment_id: str | None = Field(examples=["pay_01k9x5r3v8"])
    reason: str = Field(description="Why it still waits.")

    @classmethod
    def of(cls, row: Occurrence) -> "OccurrenceRead":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class RecurringRead(ReadSchema):
    id: str = Field(examples=["rec_01k9x5r3v8"])
    name: str = Field(examples=["Rent of the office"])
    wallet_id: str = Field(examples=["wal_01k9x5r3v8"])
    payee_id: str = Field(examples=["pye_01k9x5r3v8"])
    asset: str = Field(examples=["USDC"])
    amount: SignedMoney = Field(examples=["1200.00"])
    description: str
    frequency: PaymentFrequency
    interval: int = Field(examples=[1])
    start_date: date
    month_end: MonthEnd
    business_day: BusinessDay
    holidays: list[date]
    end_date: date | None
    count: int | None = Field(examples=[12])
    status: RecurringPaymentStatus
    made: int = Field(examples=[3], description="How many have fallen due.")
    next_on: date | None
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, row: RecurringPayment) -> "RecurringRead":
        return cls(count=row.count_max, **{name: getattr(row, name) for name in cls.model_fields if name != "count"})


class RecurringDetailRead(ReadSchema):
    recurring_payment: RecurringRead
    occurrences: list[OccurrenceRead] = Field(description="Latest first.")


class ComingRead(ReadSchema):
    recurring_id: str = Field(examples=["rec_01k9x5r3v8"])
    name: str = Field(examples=["Rent of the office"])
    pays_on: date
    wallet_id: str = Field(examples=["wal_01k9x5r3v8"])
    asset: str = Field(examples=["USDC"])
    amount: SignedMoney = Field(examples=["1200.00"])


class FundsRead(ReadSchema):
    wallet_id: str = Field(examples=["wal_01k9x5r3v8"])
    asset: str = Field(examples=["USDC"])
    needed: SignedMoney = Field(examples=["3600.00"])


class CalendarRead(ReadSchema):
    until: date
    items: list[ComingRead]
    funds: list[FundsRead] = Field(description="What all of it comes to, without fees.")

    @classmethod
    def of(cls, found: Calendar) -> "CalendarRead":
        items = [
            ComingRead(
                recurring_id=one.row.id,
                name=one.row.name,
                pays_on=one.due.pays_on,
                wallet_id=one.row.wallet_id,
                asset=one.row.asset,
                amount=one.row.amount,
            )
            for one in found.items
        ]
        funds = [FundsRead(wallet_id=wallet, asset=asset, needed=needed) for (wallet, asset), needed in sorted(found.funds.items())]
        return cls(until=found.until, items=items, funds=funds)
