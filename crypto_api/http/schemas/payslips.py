from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from crypto_api.flows.pay_by_hand import PaidByHand
from crypto_api.flows.payslip_statement import Statement
from crypto_api.flows.read_payslips import YearSummary
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Choice, Date, Line, Prose, ReadSchema, RequestSchema, Time, Word, inert
from crypto_api.http.schemas.clients import OptionalLine
from crypto_api.http.schemas.payroll import PayAmount, RateLockRead
from crypto_api.kit.amounts import Money, SignedMoney, to_units
from crypto_api.ledger.types import AccountCode
from crypto_api.payroll.documents import Payout, Payslip
from crypto_api.payroll.types import (
    ITEMS_MAX,
    Adjustments,
    Deduction,
    DeductionKind,
    Earning,
    EarningKind,
    PayMethod,
    PayoutState,
    PayslipStatus,
)


def _hours(value: Decimal) -> Decimal:
    if value > 10_000 or value != value.quantize(Decimal("0.01")):
        raise ValueError("must be at most 10000, with at most 2 decimals")
    return value


Hours = Annotated[Money, AfterValidator(_hours)]


class EarningBody(RequestSchema):
    kind: Choice[EarningKind] = Field(default=EarningKind.BONUS, examples=["bonus"])
    name: Line = Field(examples=["Bonus for the launch"])
    amount: PayAmount = Field(examples=["500.00"])
    taxable: bool = True

    def earning(self) -> Earning:
        return Earning(kind=self.kind, name=self.name, amount=self.amount, taxable=self.taxable)


class DeductionBody(RequestSchema):
    name: Line = Field(examples=["Pension"])
    amount: PayAmount = Field(examples=["120.00"])
    before_tax: bool = Field(default=False, description="It lessens what is taxed.")

    def deduction(self) -> Deduction:
        return Deduction(name=self.name, amount=self.amount, before_tax=self.before_tax)


class _Own(RequestSchema):
    earnings: list[EarningBody] = Field(default_factory=list, max_length=ITEMS_MAX, description="Of this period alone, beside the profile's.")
    deductions: list[DeductionBody] = Field(default_factory=list, max_length=ITEMS_MAX)
    overtime_hours: Hours = Field(default=Decimal(0), examples=["4.5"], description="At the rate of the profile.")
    note: Prose = Field(default="", examples=["Thank you for the launch."])

    def own(self) -> Adjustments:
        earnings, deductions = (row.earning() for row in self.earnings), (row.deduction() for row in self.deductions)
        return Adjustments(tuple(earnings), tuple(deductions), self.overtime_hours, self.note)


class PayslipCreate(_Own):
    period_id: Word = Field(examples=["ppd_01k9x5r3v8"])
    employee_id: Word = Field(examples=["emp_01k9x5r3v8"])


class PayslipUpdate(_Own):
    """All that is other in this period than in the profile: what is left out is none."""


class PayslipQuery(PageQuery):
    period_id: Word | None = None
    employee_id: Word | None = None
    status: PayslipStatus | None = None


class EarningRead(ReadSchema):
    kind: EarningKind
    name: str = Field(examples=["Basic pay"])
    amount: SignedMoney = Field(examples=["5000.00"])
    taxable: bool


class DeductionRead(ReadSchema):
    kind: DeductionKind
    name: str = Field(examples=["Wage tax 2027"])
    amount: SignedMoney = Field(examples=["650.00"])
    before_tax: bool


class ShareRead(ReadSchema):
    """A part of the net pay. What is paid on a chain has an amount of the asset once it was ordered."""

    method: PayMethod
    percent: SignedMoney = Field(examples=["60"])
    amount: SignedMoney = Field(examples=["2610.00"], description="In the payslip's currency.")
    asset: str | None = Field(examples=["USDC"])
    asset_amount: SignedMoney | None = Field(examples=["2610.52"])
    raw_amount: str | None = Field(examples=["2610520000"])
    network: str | None = Field(examples=["ethereum"])
    address: str | None = Field(examples=["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"])
    state: PayoutState | None
    payment_id: str | None = Field(examples=["pay_01k9x5r3v8"])
    transaction_hash: str | None
    reason: str


class PayslipRead(ReadSchema):
    id: str = Field(examples=["psl_01k9x5r3v8"])
    period_id: str = Field(examples=["ppd_01k9x5r3v8"])
    employee_id: str = Field(examples=["emp_01k9x5r3v8"])
    employee_name: str = Field(examples=["Grace Hopper"])
    employer: str = Field(examples=["Byron Treasury"], description="From the approval on.")
    status: PayslipStatus
    start_date: date
    end_date: date
    pay_date: date
    currency: str = Field(examples=["USD"])
    earnings: list[EarningRead]
    deductions: list[DeductionRead]
    overtime_hours: SignedMoney = Field(examples=["4.5"])
    note: str
    tax_table: str | None = Field(examples=["WAGE-2027"])
    gross: SignedMoney = Field(examples=["5000.00"])
    taxable: SignedMoney = Field(examples=["5000.00"])
    tax: SignedMoney = Field(examples=["650.00"])
    net: SignedMoney = Field(examples=["4350.00"])
    shares: list[ShareRead]
    rates: list[RateLockRead]
    transaction_hashes: list[str]
    prepared_by: str = Field(examples=["usr_01k9x5r3v8"])
    approved_by: str | None = Field(examples=["usr_01k9x5r3v8"])
    approved_at: Time | None
    paid_at: Time | None
    mailed_at: Time | None
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, row: Payslip, payouts: list[Payout]) -> "PayslipRead":
        by_place = {one.place: one for one in payouts}
        apart = {"earnings", "deductions", "shares", "rates", "transaction_hashes"}
        return cls(
            earnings=[EarningRead(**one.model_dump()) for one in row.earnings],
            deductions=[DeductionRead(**one.model_dump()) for one in row.deductions],
            shares=[_share(row, place, by_place.get(place)) for place in range(len(row.shares))],
            rates=[RateLockRead.of(one) for one in row.rates],
            transaction_hashes=row.hashes,
            **{name: getattr(row, name) for name in cls.model_fields if name not in apart},
        )


def _share(row: Payslip, place: int, payout: Payout | None) -> ShareRead:
    share = row.shares[place]
    by_hand = PayoutState.PAID if place in row.hand_paid else None
    return ShareRead(
        method=share.method,
        percent=share.percent,
        amount=share.amount,
        asset=share.asset,
        asset_amount=to_units(int(payout.raw_amount), payout.decimals) if payout else None,
        raw_amount=payout.raw_amount if payout else None,
        network=payout.network if payout else None,
        address=payout.address if payout else None,
        state=payout.state if payout else by_hand,
        payment_id=payout.payment_id if payout else None,
        transaction_hash=payout.hash if payout else None,
        reason=payout.reason if payout else "",
    )


class PayslipPayment(RequestSchema):
    """One of `wallet_id` (its shares on the chain, by that wallet) and `account_code` (its shares by bank and in cash, told as paid)."""

    wallet_id: Word | None = Field(default=None, examples=["wal_01k9x5r3v8"])
    account_code: Word | None = Field(default=None, examples=[AccountCode.CASH.value], description="Where the money was.")
    date: Date | None = Field(default=None, description="Of a payment by bank or in cash; null: today.")
    reference: OptionalLine = Field(default="", examples=["SEPA 17"])

    def told(self) -> PaidByHand:
        assert self.account_code is not None
        return PaidByHand(self.account_code, self.date, self.reference)


class YearSummaryRead(ReadSchema):
    year: int = Field(examples=[2026])
    currency: str = Field(examples=["USD"])
    payslips: int = Field(examples=[11])
    gross: SignedMoney = Field(examples=["55000.00"])
    tax: SignedMoney = Field(examples=["7150.00"])
    deductions: SignedMoney = Field(examples=["0.00"])
    net: SignedMoney = Field(examples=["47850.00"])
    paid: SignedMoney = Field(examples=["47850.00"], description="Of the net pay.")

    @classmethod
    def of(cls, row: YearSummary) -> "YearSummaryRead":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class YearsRead(ReadSchema):
    items: list[YearSummaryRead]


class StatementRead(ReadSchema):
    """What was signed (EIP-712), by whom, and the signature: any library for Ethereum checks it."""

    genuine: bool = Field(description="Whether this installation signed it; always true of what it shows itself.")
    typed_data: dict[str, JsonValue]
    signature: str = Field(examples=["0x5f1c..."])
    signer: str = Field(examples=["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"], description="The organisation's key of payslips.")

    @classmethod
    def of(cls, found: Statement) -> "StatementRead":
        return cls(genuine=True, typed_data=found.typed_data, signature=found.signature, signer=found.signer)


_Text = Annotated[str, StringConstraints(max_length=500), AfterValidator(inert)]


class TypedField(RequestSchema):
    name: _Text = Field(examples=["payslip"])
    type: _Text = Field(examples=["string"])


class StatementTypes(RequestSchema):
    domain: list[TypedField] = Field(alias="EIP712Domain", max_length=10)
    payslip: list[TypedField] = Field(alias="Payslip", max_length=30)
    transfer: list[TypedField] = Field(alias="Transfer", max_length=20)


class StatementDomain(RequestSchema):
    name: _Text = Field(examples=["Coffer payslip"])
    version: _Text = Field(examples=["1"])


class StatedTransfer(RequestSchema):
    network: _Text = Field(examples=["ethereum"])
    payee: _Text = Field(examples=["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"])
    asset: _Text = Field(examples=["ETH"])
    amount: _Text = Field(examples=["1.5"])
    rate: _Text = Field(examples=["2000"])
    transaction: _Text = Field(examples=["0x5f1c..."])


class StatedPayslip(RequestSchema):
    payslip: _Text = Field(examples=["psl_01k9x5r3v8"])
    employer: _Text = Field(examples=["Northwind Digital"])
    employee: _Text = Field(examples=["Grace Hopper"])
    period_start: _Text = Field(alias="periodStart", examples=["2026-11-01"])
    period_end: _Text = Field(alias="periodEnd", examples=["2026-11-30"])
    pay_date: _Text = Field(alias="payDate", examples=["2026-11-30"])
    currency: _Text = Field(examples=["USD"])
    gross: _Text = Field(examples=["5000"])
    tax: _Text = Field(examples=["600"])
    deductions: _Text = Field(examples=["100"])
    net: _Text = Field(examples=["4300"])
    status: _Text = Field(examples=["PAID"])
    transfers: list[StatedTransfer] = Field(max_length=100)


class StatementTypedData(RequestSchema):
    """For `eth_signTypedData_v4`, as a payslip's statement has it."""

    types: StatementTypes
    primary_type: Literal["Payslip"] = Field(alias="primaryType")
    domain: StatementDomain
    message: StatedPayslip


class StatementCheck(RequestSchema):
    typed_data: StatementTypedData
    signature: Word = Field(examples=["0x5f1c..."])


class StatementChecked(ReadSchema):
    genuine: bool = Field(description="Whether an organisation here signed exactly this payslip of its own.")
    signer: str | None = Field(examples=["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"], description="Whose key signed it; null: nobody's.")
