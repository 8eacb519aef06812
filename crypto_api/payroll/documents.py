from datetime import date, datetime
from decimal import Decimal

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.kit.amounts import StoredDecimal
from crypto_api.payroll.types import (
    Bracket,
    Deduction,
    Earning,
    PayoutState,
    PayrollStatus,
    PayslipStatus,
    RateLock,
    Share,
    ShareRule,
    StepKind,
)
from mongodb_config.base_document import TenantDocument

Day = date


class PayProfile(TenantDocument):
    """What an employee earns each period and how it is paid; `_id` is that of the employee."""

    currency: str  # ISO 4217
    basic: StoredDecimal  # of a period
    allowances: list[Earning] = []
    deductions: list[Deduction] = []
    overtime_rate: StoredDecimal = Decimal(0)  # for an hour
    tax_table: str | None = None  # code; None: no tax is kept back
    shares: list[ShareRule]
    payee_id: str | None = None  # of the address book: the wallet that the employee proved to be theirs
    wallet_address: str | None = None  # EIP-55
    wallet_proved_at: datetime | None = None
    bank_details: str = ""
    updated_by: str
    updated_at: datetime
    version: int = 1

    class Settings:
        name = "pay_profiles"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("currency", ASCENDING)], name="org_currency"),
            IndexModel([("org_id", ASCENDING), ("wallet_address", ASCENDING)], name="org_wallet"),
        ]


class TaxTable(TenantDocument):
    """Brackets as they are in force from a day on. Never altered: a change is another row, from a later day on."""

    code: str
    title: str
    currency: str
    effective_from: Day
    brackets: list[Bracket]
    created_by: str

    class Settings:
        name = "tax_tables"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("code", ASCENDING), ("effective_from", DESCENDING)], unique=True, name="org_code_from"),
        ]


class PayrollPeriod(TenantDocument):
    title: str
    start_date: Day
    end_date: Day
    pay_date: Day
    currency: str
    status: PayrollStatus = PayrollStatus.DRAFT
    created_by: str
    updated_at: datetime
    version: int = 1

    class Settings:
        name = "payroll_periods"
        indexes = [
            IndexModel(
                [("org_id", ASCENDING), ("start_date", ASCENDING), ("end_date", ASCENDING), ("currency", ASCENDING), ("title", ASCENDING)],
                unique=True,
                name="org_days_currency_title",
            ),
            IndexModel([("org_id", ASCENDING), ("pay_date", DESCENDING)], name="org_pay_date"),
        ]


class Payslip(TenantDocument):
    """What one employee earned in one period. A draft may change in everything; from its approval on only what happens to it is added."""

    period_id: str
    employee_id: str
    employee_name: str
    employee_name_folded: str
    status: PayslipStatus = PayslipStatus.DRAFT
    start_date: Day
    end_date: Day
    pay_date: Day
    currency: str
    earnings: list[Earning]
    deductions: list[Deduction]  # with the tax
    own_earnings: list[Earning] = []  # of this period alone; they are among `earnings`
    own_deductions: list[Deduction] = []
    overtime_hours: StoredDecimal = Decimal(0)
    note: str = ""
    tax_table: str | None = None  # code
    tax_table_title: str = ""
    gross: StoredDecimal
    taxable: StoredDecimal
    tax: StoredDecimal
    net: StoredDecimal
    shares: list[Share]
    prepared_by: str
    # from its approval on
    employer: str = ""
    approved_by: str | None = None
    approved_at: datetime | None = None
    functional_currency: str = ""
    rate: StoredDecimal | None = None  # functional currency for one unit of `currency`
    rate_source: str = ""
    booked_net: StoredDecimal = Decimal(0)  # functional: what stands in 2200 for it
    entry_id: str | None = None
    verify_token: str | None = None  # opens the public page that says whether it is genuine
    # as it is paid
    rates: list[RateLock] = []
    hand_paid: list[int] = []  # places of the shares that were paid by bank or in cash
    hand_paid_on: Day | None = None
    hand_reference: str = ""
    paid_at: datetime | None = None
    hashes: list[str] = []  # of the transactions that paid it
    mailed_at: datetime | None = None
    updated_at: datetime
    version: int = 1

    class Settings:
        name = "payslips"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("org_id", ASCENDING), ("period_id", ASCENDING), ("employee_id", ASCENDING)], unique=True, name="org_period_employee"),
            IndexModel([("org_id", ASCENDING), ("employee_id", ASCENDING), ("pay_date", DESCENDING)], name="org_employee"),
            IndexModel([("org_id", ASCENDING), ("status", ASCENDING), ("_id", ASCENDING)], name="org_status"),
            IndexModel([("verify_token", ASCENDING)], partialFilterExpression={"verify_token": {"$type": "string"}}, name="verify_token"),
        ]


class Payout(TenantDocument):
    """One share of a payslip on the chain; `_id` is `<payslip>:<place of the share>`, so that there is one. It stands in one step at a time."""

    payslip_id: str
    period_id: str
    place: int
    step_id: str
    state: PayoutState = PayoutState.PLANNED
    network: str
    wallet_id: str
    asset: str
    decimals: int
    raw_amount: str  # base units
    settles: StoredDecimal  # functional: of the liability
    address: str  # EIP-55
    payee_id: str
    attempt: int = 1
    payment_id: str | None = None
    hash: str | None = None
    reason: str = ""
    updated_at: datetime

    class Settings:
        name = "payouts"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("payslip_id", ASCENDING), ("place", ASCENDING)], unique=True, name="org_payslip_place"),
            IndexModel([("org_id", ASCENDING), ("step_id", ASCENDING)], name="org_step"),
            IndexModel([("org_id", ASCENDING), ("period_id", ASCENDING)], name="org_period"),
        ]


class PayrollStep(TenantDocument):
    """A transaction of the plan by which payslips are paid, before there is a payment for it and after. Its id is the origin of that payment: it is
    prepared once, whoever asks and how often."""

    period_id: str
    run_id: str  # of one order to pay
    number: int  # in the order in which they are to be prepared
    kind: StepKind
    network: str
    wallet_id: str
    asset: str
    raw_amount: str  # the sum, or the allowance
    ordered_by: str
    payment_id: str | None = None
    settled: bool = False  # its payment has ended, and no reorganisation can reach it any more
    reason: str = ""  # why it could not be prepared yet
    look_at: datetime  # when it is looked at next
    updated_at: datetime

    class Settings:
        name = "payroll_steps"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("period_id", ASCENDING), ("_id", ASCENDING)], name="org_period"),
            IndexModel([("settled", ASCENDING), ("look_at", ASCENDING)], name="settled_look"),
        ]


class StatementKey(TenantDocument):
    """With which an organisation's payslips are signed; `_id` is that of the organisation. It owns nothing and can move nothing."""

    address: str  # EIP-55
    sealed_key: str

    class Settings:
        name = "statement_keys"
        indexes = [IndexModel([("address", ASCENDING)], name="address")]
