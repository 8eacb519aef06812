from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Date, ReadSchema, Word
from crypto_api.kit.amounts import SignedMoney
from crypto_api.ledger.types import AccountType, SourceKind


class TrialBalanceQuery(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    at: Date | None = Field(default=None, description="Up to and including this day; everything when left out.")


class LedgerExport(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    format: Literal["beancount", "hledger", "csv", "xlsx"] = "csv"
    at: Date | None = Field(default=None, description="Up to and including this day; everything when left out.")


class AccountTotalRead(ReadSchema):
    account_code: str = Field(examples=["1100"])
    name: str = Field(examples=["Crypto assets"])
    account_type: AccountType
    debit: SignedMoney = Field(examples=["1000.25"])
    credit: SignedMoney = Field(examples=["250"])
    balance: SignedMoney = Field(examples=["750.25"], description="Debit less credit.")


class TrialBalanceRead(ReadSchema):
    at: Date | None
    currency: str = Field(examples=["USD"])
    accounts: list[AccountTotalRead]
    total_debit: SignedMoney
    total_credit: SignedMoney
    balanced: bool


class GeneralLedgerQuery(PageQuery):
    account_code: Word
    wallet_id: Word | None = None
    date_from: Date | None = None
    date_to: Date | None = None


class LedgerLineRead(ReadSchema):
    entry_id: str
    date: Date
    entry_description: str
    description: str
    source: SourceKind
    transaction_hash: str | None
    debit_amount: SignedMoney
    credit_amount: SignedMoney
    asset: str | None
    quantity: SignedMoney | None
    wallet_id: str | None


class VerifyCheckedRead(ReadSchema):
    entries: int
    lines: int
    balances: int
    wallets: int
    quantities: int
    blocks: dict[str, int] = Field(description="Network → the block at which quantities were compared with the chain.")


class VerifyFailureRead(ReadSchema):
    check: str = Field(examples=["quantity"])
    subject: str
    detail: str
    expected: str
    found: str


class VerifyRead(ReadSchema):
    ok: bool
    checked: VerifyCheckedRead
    first_failure: VerifyFailureRead | None

    @classmethod
    def of(cls, report: Any) -> "VerifyRead":
        failure = report.first_failure
        return cls(
            ok=report.ok,
            checked=VerifyCheckedRead(**report.checked),
            first_failure=VerifyFailureRead(**vars(failure)) if failure is not None else None,
        )
