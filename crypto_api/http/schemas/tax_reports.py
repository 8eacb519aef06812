from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import Field

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Choice, Date, ReadSchema, RequestSchema, Time
from crypto_api.kit.amounts import Money, SignedMoney, plain
from crypto_api.lots.types import HoldingTerm, LotMethod, LotScope
from crypto_api.tax.documents import TaxReport
from crypto_api.tax.types import DisposalRow, IncomeRow, MissingReason, MissingRow, TaxPeriod, TaxReportStatus


class _ByMethod(RequestSchema):
    method: Choice[LotMethod] | None = Field(default=None, examples=["fifo"], description="Left out: the organisation's own.")
    scope: Choice[LotScope] | None = Field(
        default=None, examples=["wallet"], description="Which lots a disposal may take: those of its wallet, or those of the asset wherever they lie."
    )


class TaxReportGenerate(_ByMethod):
    start_date: Date
    end_date: Date = Field(description="Included.")


class TaxReportOfPeriod(_ByMethod):
    date: Date | None = Field(default=None, description="A day of the period; left out: today, in the organisation's time zone.")


class TaxReportQuery(PageQuery):
    pass


class TaxDisposalRead(ReadSchema):
    """A part of a disposal against one lot."""

    asset: str
    quantity: Money
    acquired_at: Time
    disposed_at: Time
    proceeds: SignedMoney = Field(description="Net of fees.")
    cost_basis: Money = Field(description="With fees.")
    gain: SignedMoney
    term: HoldingTerm
    wallet_id: str | None
    transaction_id: str | None
    transaction_hash: str
    network: str
    entry_id: str
    account_code: str = Field(description="Of the account that says why it went; empty where none does.")
    acquired_transaction_id: str | None
    acquired_entry_id: str

    @classmethod
    def of(cls, row: DisposalRow) -> "TaxDisposalRead":
        return cls(**_plain(row))


class TaxMissingRead(ReadSchema):
    """A part of a disposal of which no gain can be told: nothing is guessed, and no total holds it."""

    asset: str
    quantity: Money
    disposed_at: Time
    proceeds: SignedMoney | None
    reason: MissingReason
    acquired_at: Time | None = Field(description="Where it came in, at an unknown cost.")
    acquired_entry_id: str | None
    wallet_id: str | None
    transaction_id: str | None
    transaction_hash: str
    network: str
    entry_id: str

    @classmethod
    def of(cls, row: MissingRow) -> "TaxMissingRead":
        return cls(**_plain(row))


class TaxIncomeRead(ReadSchema):
    asset: str
    quantity: Money
    received_at: Time
    value: Money | None = Field(description="When it was received; null: no price.")
    account_code: str
    wallet_id: str | None
    transaction_id: str | None
    transaction_hash: str
    network: str
    entry_id: str

    @classmethod
    def of(cls, row: IncomeRow) -> "TaxIncomeRead":
        return cls(**_plain(row))


class TaxReportRead(ReadSchema):
    """Money in `currency`."""

    id: str
    status: TaxReportStatus
    period: TaxPeriod
    start_date: date
    end_date: date
    method: LotMethod
    scope: LotScope
    holding_period_months: int
    currency: str
    time_zone: str
    total_gains: Money
    total_losses: Money
    net_gain_loss: SignedMoney
    short_term_gain_loss: SignedMoney
    long_term_gain_loss: SignedMoney
    total_proceeds: SignedMoney
    total_cost_basis: Money
    taxable_events: int = Field(description="Disposals; one may stand in several rows.")
    total_fees: SignedMoney = Field(description="Inside the costs and proceeds of the period, and network fees.")
    income: Money
    disposal_count: int = Field(description="Rows.")
    missing_count: int = Field(description="Parts of disposals without a gain that could be told: they are in no total.")
    unpriced_income_count: int
    task_id: str | None
    requested_by: str
    created_at: Time
    generated_at: Time | None = Field(description="It says what the books said then.")
    error: str

    @classmethod
    def values_of(cls, row: TaxReport) -> dict[str, Any]:
        totals = row.totals
        return {
            "id": row.id,
            "status": row.status,
            "period": row.period,
            "start_date": row.start_date,
            "end_date": row.end_date,
            "method": row.method,
            "scope": row.scope,
            "holding_period_months": row.months,
            "currency": row.currency,
            "time_zone": row.time_zone,
            "total_gains": totals.gains,
            "total_losses": totals.losses,
            "net_gain_loss": totals.net,
            "short_term_gain_loss": totals.short_term,
            "long_term_gain_loss": totals.long_term,
            "total_proceeds": totals.proceeds,
            "total_cost_basis": totals.cost_basis,
            "taxable_events": totals.taxable_events,
            "total_fees": totals.fees,
            "income": totals.income,
            "disposal_count": totals.disposals,
            "missing_count": totals.missing,
            "unpriced_income_count": totals.unpriced_income,
            "task_id": row.task_id,
            "requested_by": row.requested_by,
            "created_at": row.created_at,
            "generated_at": row.generated_at,
            "error": row.error,
        }

    @classmethod
    def of(cls, row: TaxReport) -> "TaxReportRead":
        return cls(**cls.values_of(row))


class TaxReportDetailRead(TaxReportRead):
    disposals: list[TaxDisposalRead]
    missing: list[TaxMissingRead]
    incomes: list[TaxIncomeRead]


def _plain(row: DisposalRow | MissingRow | IncomeRow) -> dict[str, Any]:
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in row.model_dump().items()}
