from pydantic import BaseModel, ConfigDict, Field

from crypto_api.flows.read_overview import PACE_DAYS, AgeRow, OwedNow, PayDue, Range
from crypto_api.http.schemas.base import Date, QueryInt, ReadSchema, Time
from crypto_api.http.schemas.insights import RunwayRead
from crypto_api.http.schemas.transactions import TransactionRead
from crypto_api.invoices.types import AgeBucket
from crypto_api.kit.amounts import SignedMoney, add_exactly
from crypto_api.payroll.types import PayrollStatus
from crypto_api.reports.overview import AssetPosition, Counts, Valuation
from crypto_api.reports.value_history import ValueHistory


class OverviewQuery(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    range: Range = Field(default=Range.MONTH, description="How far back value over time goes.")
    runway_days: QueryInt = Field(default=PACE_DAYS, ge=1, le=366, description="The runway goes on at the pace of so many days.")


class OverviewValueRead(ReadSchema):
    value: SignedMoney = Field(examples=["151000.5"], description="Of what is priced.")
    cost: SignedMoney = Field(description="Of the same assets, as the ledger has it.")
    gain: SignedMoney = Field(description="Value less cost.")
    oldest_rate_at: Time | None
    unpriced: list[str] = Field(examples=[["OBSCURE"]], description="Assets that are held and in none of the three.")

    @classmethod
    def of(cls, held: Valuation) -> "OverviewValueRead":
        unpriced = [row.asset for row in held.unpriced]
        return cls(value=held.total, cost=held.cost, gain=held.gain, oldest_rate_at=held.oldest_rate_at, unpriced=unpriced)


class OverviewPointRead(ReadSchema):
    at: Time
    value: SignedMoney
    unpriced: list[str]


class OverviewHistoryRead(ReadSchema):
    range: Range
    since: Time = Field(description="Not before the books begin.")
    change: SignedMoney | None = Field(examples=["1200.25"], description="Of the value, from the first point to the last. None: nothing is booked.")
    cut: bool = Field(description="More was booked than is read at once: it begins later than was asked for.")
    points: list[OverviewPointRead] = Field(
        description="120, equally far apart; of 30 days and more at midnights of the organisation's zone, and now. None where nothing is booked."
    )

    @classmethod
    def of(cls, wanted: Range, found: ValueHistory) -> "OverviewHistoryRead":
        points = [OverviewPointRead(at=row.at, value=row.value, unpriced=list(row.unpriced)) for row in found.points]
        change = add_exactly([points[-1].value, points[0].value.copy_negate()]) if points else None
        return cls(range=wanted, since=found.since, change=change, cut=found.cut, points=points)


class OverviewPositionRead(ReadSchema):
    asset: str = Field(examples=["ETH"])
    quantity: SignedMoney
    cost: SignedMoney
    rate: SignedMoney | None
    rate_at: Time | None
    value: SignedMoney | None = Field(description="None: no source tells a rate.")
    share: SignedMoney | None = Field(examples=["0.25"], description="Of the priced total, 0 to 1.")
    wallets: int

    @classmethod
    def of(cls, row: AssetPosition) -> "OverviewPositionRead":
        rate, rate_at = (row.rate.rate, row.rate.at) if row.rate is not None else (None, None)
        same = ("asset", "quantity", "cost", "value", "share", "wallets")
        return cls(rate=rate, rate_at=rate_at, **{name: getattr(row, name) for name in same})


class OverviewCountsRead(ReadSchema):
    """All but `wallets` and `entries` are counted to 500 and no further."""

    wallets: int
    transactions: int = Field(examples=[1204])
    pending: int
    unclassified: int
    spam: int
    entries: int
    unpriced_entries: int

    @classmethod
    def of(cls, row: Counts) -> "OverviewCountsRead":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class OverviewAgeRead(ReadSchema):
    bucket: AgeBucket
    amount: SignedMoney
    invoices: int

    @classmethod
    def of(cls, row: AgeRow) -> "OverviewAgeRead":
        return cls(bucket=row.bucket, amount=row.amount, invoices=row.invoices)


class OverviewReceivablesRead(ReadSchema):
    total: SignedMoney = Field(examples=["2570.25"])
    overdue: SignedMoney
    invoices: int
    overdue_invoices: int
    ages: list[OverviewAgeRead] = Field(description="Of every age, also those without anything.")

    @classmethod
    def of(cls, found: OwedNow) -> "OverviewReceivablesRead":
        same = ("total", "overdue", "invoices", "overdue_invoices")
        return cls(ages=[OverviewAgeRead.of(row) for row in found.rows], **{name: getattr(found, name) for name in same})


class OverviewPayrollRead(ReadSchema):
    period_id: str = Field(examples=["ppd_01k9x5r3v8"])
    name: str = Field(examples=["November 2026"])
    status: PayrollStatus
    pay_date: Date
    days: int = Field(examples=[3], description="Until the day of pay; below zero: so many days late.")
    people: int
    net: SignedMoney
    currency: str = Field(examples=["USD"])

    @classmethod
    def of(cls, row: PayDue) -> "OverviewPayrollRead":
        period = row.period
        return cls(
            period_id=period.id,
            name=period.title,
            status=period.status,
            pay_date=period.pay_date,
            days=row.days,
            people=row.people,
            net=row.net,
            currency=period.currency,
        )


class OverviewNeedsRead(ReadSchema):
    """How much waits for the person who asks."""

    approvals: int | None = Field(description="Payments, addresses and policies to decide about. None without `payments.read`.")
    inbox: int | None = Field(description="Items that nobody has ended. None without `inbox.read`.")


class OverviewRead(ReadSchema):
    currency: str = Field(examples=["USD"])
    at: Time
    value: OverviewValueRead
    history: OverviewHistoryRead
    allocation: list[OverviewPositionRead] = Field(description="Greatest value first, unpriced last.")
    counts: OverviewCountsRead
    runway: RunwayRead | None = Field(description="None without `ledger.read`.")
    receivables: OverviewReceivablesRead | None = Field(description="None without `invoices.read`.")
    payroll_due: list[OverviewPayrollRead] | None = Field(
        description="Not paid and due within two weeks, or late; soonest first. None without `payroll.read`."
    )
    needs: OverviewNeedsRead
    latest_transactions: list[TransactionRead] | None = Field(description="The last twelve, spam left out. None without `transactions.read`.")
