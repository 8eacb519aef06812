from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import Field

from crypto_api.address_book.types import PayeeState
from crypto_api.flows.pay_wallet import OwnPay
from crypto_api.http.schemas.base import Choice, Prose, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.ethereum_log_in import Message, Signature
from crypto_api.http.schemas.organizations import Currency
from crypto_api.http.schemas.payroll import PayAmount, Percent, TableCode
from crypto_api.http.schemas.payslips import DeductionBody, DeductionRead, EarningBody, EarningRead
from crypto_api.kit.amounts import SignedMoney
from crypto_api.payroll.types import ITEMS_MAX, SHARES_MAX, EarningKind, PayMethod, ShareRule

_MESSAGE = "https://coffer.example.com wants you to sign in with your Ethereum account:\n0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045\n\n…"


class ShareBody(RequestSchema):
    method: Choice[PayMethod] = Field(examples=["crypto"])
    percent: Percent = Field(examples=["60"])
    asset: Word | None = Field(default=None, examples=["USDC"], description="Of a part that is paid in crypto.")

    def rule(self) -> ShareRule:
        return ShareRule(method=self.method, percent=self.percent, asset=self.asset)


class PayProfileUpdate(RequestSchema):
    """The first time currency, basic pay and shares are needed; later what is left out stays as it is."""

    currency: Currency = Field(default="USD", examples=["USD"])
    basic: PayAmount = Field(default=Decimal(0), examples=["5000.00"], description="Of each period.")
    allowances: list[EarningBody] = Field(default_factory=list, max_length=ITEMS_MAX)
    deductions: list[DeductionBody] = Field(default_factory=list, max_length=ITEMS_MAX)
    overtime_rate: PayAmount = Field(default=Decimal(0), examples=["45.00"], description="For an hour.")
    tax_table: TableCode | None = Field(default=None, examples=["EXAMPLE"], description="Its code; null: no tax is kept back.")
    shares: list[ShareBody] = Field(default_factory=list, max_length=SHARES_MAX, description="They come to exactly 100 per cent.")
    bank_details: Prose = Field(default="", examples=["DE89 3704 0044 0532 0130 00"])

    def fields(self) -> dict[str, Any]:
        """Those that were sent."""
        found = {name: getattr(self, name) for name in self.model_fields_set}
        if "allowances" in found:
            found["allowances"] = [row.earning().model_copy(update={"kind": EarningKind.ALLOWANCE}) for row in self.allowances]
        if "deductions" in found:
            found["deductions"] = [row.deduction() for row in self.deductions]
        if "shares" in found:
            found["shares"] = [row.rule() for row in self.shares]
        return found


class ShareRuleRead(ReadSchema):
    method: PayMethod
    percent: SignedMoney = Field(examples=["60"])
    asset: str | None = Field(examples=["USDC"])


class PayProfileRead(ReadSchema):
    employee_id: str = Field(examples=["emp_01k9x5r3v8"])
    currency: str = Field(examples=["USD"])
    basic: SignedMoney = Field(examples=["5000.00"])
    allowances: list[EarningRead]
    deductions: list[DeductionRead]
    overtime_rate: SignedMoney = Field(examples=["45.00"])
    tax_table: str | None = Field(examples=["EXAMPLE"])
    shares: list[ShareRuleRead]
    bank_details: str
    wallet_address: str | None = Field(examples=["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"], description="That the employee proved.")
    wallet_proved_at: Time | None
    wallet_state: PayeeState | None = Field(description="Of its entry in the address book: another person verifies it there.")
    wallet_payable_from: Time | None = Field(description="The end of its cooling-off, once it is verified.")
    payee_id: str | None = Field(examples=["pye_01k9x5r3v8"], description="The entry of the address book.")
    updated_at: Time

    @classmethod
    def of(cls, found: OwnPay) -> "PayProfileRead":
        row, payee = found.profile, found.payee
        assert row is not None
        payable_from: datetime | None = payee.payable_from if payee is not None else None
        return cls(
            employee_id=row.id,
            allowances=[EarningRead(**one.model_dump()) for one in row.allowances],
            deductions=[DeductionRead(**one.model_dump()) for one in row.deductions],
            shares=[ShareRuleRead(**one.model_dump()) for one in row.shares],
            wallet_state=payee.state if payee is not None else None,
            wallet_payable_from=payable_from,
            **{name: getattr(row, name) for name in ("currency", "basic", "overtime_rate", "tax_table", "bank_details", "wallet_address")},
            **{name: getattr(row, name) for name in ("wallet_proved_at", "payee_id", "updated_at")},
        )


class PayWalletText(RequestSchema):
    address: Word = Field(examples=["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"])
    network: Word | None = Field(default=None, examples=["ethereum"], description="Where a contract wallet stands; null: the first network.")


class PayWalletProof(RequestSchema):
    message: Message = Field(description="As it was given, byte for byte.", examples=[_MESSAGE])
    signature: Signature = Field(examples=["0x1b2c…1b"])
    confirm_look_alike: bool = Field(default=False, description="That the address is right although it begins and ends like a known one.")
