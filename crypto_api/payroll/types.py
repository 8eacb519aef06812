"""Values of the slice: what somebody earns, what is kept back, how the rest is split, and in which states it stands."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.amounts import StoredDecimal

SHARES_MAX = 10
ITEMS_MAX = 50
BRACKETS_MAX = 50
PERCENT_PLACES = 4
AMOUNT_MAX = Decimal(999999999999)


class PayrollStatus(StrEnum):
    """DRAFT → PREPARED (every payslip reckoned) → APPROVED (each by another person) → PAYING → PAID."""

    DRAFT = "DRAFT"
    PREPARED = "PREPARED"
    APPROVED = "APPROVED"
    PAYING = "PAYING"
    PAID = "PAID"


class PayslipStatus(StrEnum):
    """After APPROVED it follows from the payments of its shares, and from nothing else."""

    DRAFT = "DRAFT"
    APPROVED = "APPROVED"
    PAYING = "PAYING"
    PAID = "PAID"
    FAILED = "FAILED"  # a payment of it came to nothing: it is paid again, or another way


class EarningKind(StrEnum):
    BASIC = "basic"
    ALLOWANCE = "allowance"
    OVERTIME = "overtime"
    BONUS = "bonus"


class DeductionKind(StrEnum):
    TAX = "tax"  # by a tax table
    DEDUCTION = "deduction"


class PayMethod(StrEnum):
    CRYPTO = "crypto"
    BANK = "bank"
    CASH = "cash"


class PayoutState(StrEnum):
    """Of one share. What is on the chain says which, once a payment was prepared."""

    PLANNED = "planned"  # it has its place in a transaction that is to be prepared
    SENT = "sent"  # there is a payment for it, which goes its way
    PAID = "paid"
    FAILED = "failed"  # the payment ended without paying


class StepKind(StrEnum):
    """Of a step of the plan by which a payroll is paid; the values are those of the batch planner."""

    SINGLE = "single"
    BATCH = "batch"
    ALLOWANCE = "allowance"


class Earning(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: EarningKind
    name: str
    amount: StoredDecimal
    taxable: bool = True


class Deduction(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: DeductionKind = DeductionKind.DEDUCTION
    name: str
    amount: StoredDecimal
    before_tax: bool = False  # it lessens what is taxed


class ShareRule(BaseModel):
    """A part of the net pay, and how it is paid. The parts of a profile come to 100 per cent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: PayMethod
    percent: StoredDecimal
    asset: str | None = None  # symbol, of a part that is paid in crypto


class Bracket(BaseModel):
    """`percent` is taken of what lies above `above`, up to where the next one begins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    above: StoredDecimal
    percent: StoredDecimal


class RateLock(BaseModel):
    """At which rate a share was fixed: units of the payslip's currency for one of the asset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    rate: StoredDecimal
    source: str
    priced_at: datetime  # of the price itself
    locked_at: datetime


class Share(BaseModel):
    """A part of a payslip's net pay as it is paid. `amount` is in the payslip's currency; of one on the chain `raw_amount` is fixed with the rate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: PayMethod
    percent: StoredDecimal
    amount: StoredDecimal
    asset: str | None = None
    settles: StoredDecimal = Decimal(0)  # of the liability, in the functional currency: fixed when it is approved


@dataclass(frozen=True, slots=True)
class PayslipLine:
    """A payslip as one of thousands is shown: without its parts."""

    id: str
    employee_id: str
    employee_name: str
    status: PayslipStatus
    gross: Decimal
    tax: Decimal
    net: Decimal


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What a payslip comes to."""

    gross: Decimal
    taxable: Decimal
    tax: Decimal
    deductions: Decimal  # without the tax
    net: Decimal


@dataclass(frozen=True, slots=True)
class Adjustments:
    """What of one period is other than in the profile."""

    earnings: tuple[Earning, ...] = ()
    deductions: tuple[Deduction, ...] = ()
    overtime_hours: Decimal = Decimal(0)
    note: str = ""


@dataclass(frozen=True, slots=True)
class NewPeriod:
    name: str
    start_date: date
    end_date: date
    pay_date: date
    currency: str
