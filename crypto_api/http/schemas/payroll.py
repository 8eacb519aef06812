from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from crypto_api.flows.advance_payroll import PaymentsApproved
from crypto_api.flows.pay_payroll import Ordered
from crypto_api.flows.run_payroll import ApprovedPeriod, Compared, LeftOut, Preview, Processed
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Date, Line, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.organizations import Currency
from crypto_api.kit.amounts import Money, SignedMoney
from crypto_api.kit.errors import FieldError
from crypto_api.payroll.documents import PayrollPeriod, PayrollStep, TaxTable
from crypto_api.payroll.types import AMOUNT_MAX, BRACKETS_MAX, PERCENT_PLACES, Bracket, NewPeriod, PayrollStatus, RateLock, StepKind


def _payable(value: Decimal) -> Decimal:
    if value > AMOUNT_MAX or value != value.quantize(Decimal("0.001")):
        raise ValueError("must be at most 999999999999, with at most 3 decimals")
    return value


def _percent(value: Decimal) -> Decimal:
    if value > 100 or value != value.quantize(Decimal(1).scaleb(-PERCENT_PLACES)):
        raise ValueError(f"must be at most 100, with at most {PERCENT_PLACES} decimals")
    return value


PayAmount = Annotated[Money, AfterValidator(_payable)]
Percent = Annotated[Money, AfterValidator(_percent)]
TableCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9_-]{0,29}$")]


class PayrollPeriodCreate(RequestSchema):
    name: Line = Field(examples=["November 2026"])
    start_date: Date
    end_date: Date
    pay_date: Date = Field(description="Which tax table is in force, and in which year it counts, follow from this day.")
    currency: Currency = Field(examples=["USD"], description="Of all its payslips.")

    def new(self) -> NewPeriod:
        return NewPeriod(self.name, self.start_date, self.end_date, self.pay_date, self.currency)


class PayrollPeriodUpdate(RequestSchema):
    """What is left out stays as it is."""

    name: Line = Field(default="", examples=["November 2026"])
    start_date: Date = Field(default=date(2026, 11, 1))
    end_date: Date = Field(default=date(2026, 11, 30))
    pay_date: Date = Field(default=date(2026, 11, 30))
    currency: Currency = Field(default="USD", examples=["USD"])

    def fields(self) -> dict[str, Any]:
        """Those that were sent."""
        return {("title" if name == "name" else name): getattr(self, name) for name in self.model_fields_set}


class PayrollPeriodQuery(PageQuery):
    status: PayrollStatus | None = None
    currency: Word | None = None


class PayrollPeriodRead(ReadSchema):
    id: str = Field(examples=["ppd_01k9x5r3v8"])
    name: str = Field(examples=["November 2026"])
    start_date: date
    end_date: date
    pay_date: date
    currency: str = Field(examples=["USD"])
    status: PayrollStatus
    created_by: str = Field(examples=["usr_01k9x5r3v8"])
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, row: PayrollPeriod) -> "PayrollPeriodRead":
        return cls(name=row.title, **{name: getattr(row, name) for name in cls.model_fields if name != "name"})


class LeftOutRead(ReadSchema):
    employee_id: str = Field(examples=["emp_01k9x5r3v8"])
    name: str = Field(examples=["Grace Hopper"])
    reason: str = Field(examples=["Nobody has said yet what they earn."])

    @classmethod
    def of(cls, row: LeftOut) -> "LeftOutRead":
        return cls(employee_id=row.employee_id, name=row.name, reason=row.reason)


class ProcessedRead(ReadSchema):
    period: PayrollPeriodRead
    prepared: int = Field(examples=[12], description="Payslips that are new.")
    changed: int = Field(examples=[1], description="Drafts that came to something else than before.")
    left_out: list[LeftOutRead]
    left: int = Field(examples=[0], description="People who were not reached within the time of one request, of thousands: ask again until it is 0.")

    @classmethod
    def of(cls, found: Processed) -> "ProcessedRead":
        left_out = [LeftOutRead.of(row) for row in found.left_out]
        period = PayrollPeriodRead.of(found.period)
        return cls(period=period, prepared=found.prepared, changed=found.changed, left_out=left_out, left=found.left)


class ComparedRead(ReadSchema):
    employee_id: str = Field(examples=["emp_01k9x5r3v8"])
    name: str = Field(examples=["Grace Hopper"])
    payslip_id: str | None = Field(examples=["psl_01k9x5r3v8"], description="null: paid in the last period, and not in this one.")
    gross: SignedMoney = Field(examples=["5000.00"])
    net: SignedMoney = Field(examples=["4250.00"])
    last_gross: SignedMoney | None = Field(examples=["4800.00"], description="null: new in this period.")
    last_net: SignedMoney | None = Field(examples=["4090.00"])
    gross_difference: SignedMoney = Field(examples=["200.00"])
    net_difference: SignedMoney = Field(examples=["160.00"])

    @classmethod
    def of(cls, row: Compared) -> "ComparedRead":
        now, last = row.payslip, row.last
        return cls(
            employee_id=row.employee_id,
            name=row.name,
            payslip_id=now.id if now else None,
            gross=now.gross if now else Decimal(0),
            net=now.net if now else Decimal(0),
            last_gross=last.gross if last else None,
            last_net=last.net if last else None,
            gross_difference=row.gross_difference,
            net_difference=row.net_difference,
        )


class PreviewRead(ReadSchema):
    period: PayrollPeriodRead
    last_period: PayrollPeriodRead | None = Field(description="The one before it in the same currency.")
    gross: SignedMoney = Field(examples=["50000.00"])
    tax: SignedMoney = Field(examples=["6000.00"])
    net: SignedMoney = Field(examples=["44000.00"])
    rows: list[ComparedRead]
    without_profile: list[LeftOutRead] = Field(description="Active employees of whom nobody said what they earn.")

    @classmethod
    def of(cls, found: Preview) -> "PreviewRead":
        return cls(
            period=PayrollPeriodRead.of(found.period),
            last_period=PayrollPeriodRead.of(found.last) if found.last else None,
            gross=found.total("gross"),
            tax=found.total("tax"),
            net=found.total("net"),
            rows=[ComparedRead.of(row) for row in found.rows],
            without_profile=[LeftOutRead.of(row) for row in found.without_profile],
        )


class RefusedRead(ReadSchema):
    """Of one of several, why it was not done."""

    id: str = Field(examples=["psl_01k9x5r3v8"])
    code: str = Field(examples=["own_payslip"])
    message: str

    @classmethod
    def of(cls, row: FieldError) -> "RefusedRead":
        return cls(id=row.field, code=row.code, message=row.message)


class ApprovedPeriodRead(ReadSchema):
    period: PayrollPeriodRead
    approved: int = Field(examples=[12])
    refused: list[RefusedRead]
    left: int = Field(examples=[0], description="Those that were not reached within the time of one request, of thousands: ask again until it is 0.")

    @classmethod
    def of(cls, found: ApprovedPeriod) -> "ApprovedPeriodRead":
        refused = [RefusedRead.of(row) for row in found.refused]
        return cls(period=PayrollPeriodRead.of(found.period), approved=found.approved, refused=refused, left=found.left)


class PaymentsApprovedRead(ReadSchema):
    approved: int = Field(examples=[3])
    refused: list[RefusedRead]
    left: int = Field(examples=[0], description="Those that were not reached within the time of one request, of thousands: ask again until it is 0.")

    @classmethod
    def of(cls, found: PaymentsApproved) -> "PaymentsApprovedRead":
        return cls(approved=found.approved, refused=[RefusedRead.of(row) for row in found.refused], left=found.left)


class PayrollOrder(RequestSchema):
    wallet_id: Word = Field(examples=["wal_01k9x5r3v8"], description="That pays, on its network.")
    payslip_ids: list[Word] | None = Field(default=None, max_length=20_000, description="null: everybody who can be paid now.")


class RateLockRead(ReadSchema):
    asset: str = Field(examples=["USDC"])
    rate: SignedMoney = Field(examples=["0.9998"], description="Units of the payroll's currency for one of the asset.")
    source: str = Field(examples=["chainlink"])
    priced_at: Time
    locked_at: Time

    @classmethod
    def of(cls, row: RateLock) -> "RateLockRead":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class StepRead(ReadSchema):
    """A transaction of the plan."""

    id: str = Field(examples=["pst_01k9x5r3v8"])
    kind: StepKind
    network: str = Field(examples=["ethereum"])
    asset: str = Field(examples=["USDC"])
    raw_amount: str = Field(examples=["4250000000"], description="Base units: the sum, or the allowance.")
    payment_id: str | None = Field(examples=["pay_01k9x5r3v8"])
    settled: bool = Field(description="It has ended, and no reorganisation can reach it.")
    reason: str

    @classmethod
    def of(cls, row: PayrollStep) -> "StepRead":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class OrderedRead(ReadSchema):
    period_id: str = Field(examples=["ppd_01k9x5r3v8"])
    run_id: str = Field(examples=["run_01k9x5r3v8"])
    shares: int = Field(examples=[12], description="How many shares of payslips are paid.")
    steps: list[StepRead]
    rates: list[RateLockRead]
    held: list[RefusedRead] = Field(description="What is not paid now, by payslip.")

    @classmethod
    def of(cls, found: Ordered) -> "OrderedRead":
        return cls(
            period_id=found.period_id,
            run_id=found.run_id,
            shares=found.payouts,
            steps=[StepRead.of(row) for row in found.steps],
            rates=[RateLockRead.of(row) for row in found.rates],
            held=[RefusedRead.of(row) for row in found.held],
        )


class StepsRead(ReadSchema):
    items: list[StepRead]


# ---- tax tables ------------------------------------------------------------------------------------------------------------------


class BracketBody(RequestSchema):
    above: PayAmount = Field(examples=["1000"])
    percent: Percent = Field(examples=["10"], description="Of what lies above, up to where the next bracket begins.")

    def bracket(self) -> Bracket:
        return Bracket(above=self.above, percent=self.percent)


class TaxTableCreate(RequestSchema):
    code: TableCode = Field(examples=["WAGE-2027"])
    name: Line = Field(examples=["Wage tax 2027"])
    currency: Currency = Field(examples=["USD"])
    effective_from: Date
    brackets: list[BracketBody] = Field(min_length=1, max_length=BRACKETS_MAX, description="Rising; the first begins above 0.")


class BracketRead(ReadSchema):
    above: SignedMoney = Field(examples=["1000"])
    percent: SignedMoney = Field(examples=["10"])


class TaxTableRead(ReadSchema):
    id: str = Field(examples=["ttb_01k9x5r3v8"])
    code: str = Field(examples=["WAGE-2027"])
    name: str = Field(examples=["Wage tax 2027"])
    currency: str = Field(examples=["USD"])
    effective_from: date
    brackets: list[BracketRead]
    created_at: Time

    @classmethod
    def of(cls, row: TaxTable) -> "TaxTableRead":
        brackets = [BracketRead(above=one.above, percent=one.percent) for one in row.brackets]
        shown = {name: getattr(row, name) for name in ("id", "code", "currency", "effective_from", "created_at")}
        return cls(name=row.title, brackets=brackets, **shown)
