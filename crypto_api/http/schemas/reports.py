from typing import Any

from pydantic import Field

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Date, ReadSchema, RequestSchema, Time
from crypto_api.http.schemas.exchange_rates import Instant
from crypto_api.kit.amounts import SignedMoney, plain
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.types import RowKind, StatementKind


class _AsKnown(RequestSchema):
    known_at: Instant | None = Field(default=None, description="As the books were known at this instant; left out: now.")


class BalanceSheetMake(_AsKnown):
    as_of: Date = Field(description="The end of this day.")
    compare_to: Date | None = Field(default=None, description="An earlier day, in a column beside it.")


class StatementOfPeriodMake(_AsKnown):
    start_date: Date
    end_date: Date = Field(description="Included.")
    compare_to: Date | None = Field(
        default=None, description="The last day of an earlier period that is as long, by calendar months where the period consists of whole ones."
    )


class ReportQuery(PageQuery):
    pass


class ReportColumnRead(ReadSchema):
    start_date: Date | None = Field(description="Null in a balance sheet.")
    end_date: Date


class ReportRowRead(ReadSchema):
    kind: RowKind
    name: str
    amounts: list[SignedMoney] = Field(description="One a column; none beside a heading. Expenses and payments are negative.")
    depth: int
    account_code: str | None
    key: str = Field(description="A stable word for rows that are no accounts: result, assets, equity, closing …")


class ReportRead(ReadSchema):
    """Amounts in `currency`."""

    id: str
    kind: StatementKind
    columns: list[ReportColumnRead]
    currency: str
    balanced: bool
    known_at: Time
    unpriced_entries: int = Field(description="Entries up to its last day without a price or a cost: they count with their quantity only.")
    seal_seq: int = Field(description="Entries sealed when it was made; 0: none.")
    seal_hash: str = Field(description="Of the last of them.")
    requested_by: str
    created_at: Time

    @classmethod
    def of(cls, row: FinancialReport) -> "ReportRead":
        return cls(**_values(row))


class ReportDetailRead(ReportRead):
    rows: list[ReportRowRead]

    @classmethod
    def of(cls, row: FinancialReport) -> "ReportDetailRead":
        rows = [ReportRowRead(**{**each.model_dump(), "amounts": [plain(amount) for amount in each.amounts]}) for each in row.rows]
        return cls(**_values(row), rows=rows)


def _values(row: FinancialReport) -> dict[str, Any]:
    columns = [ReportColumnRead(start_date=column.first, end_date=column.last) for column in row.columns]
    same = ("id", "kind", "currency", "balanced", "known_at", "seal_seq", "seal_hash", "requested_by", "created_at")
    return {name: getattr(row, name) for name in same} | {"columns": columns, "unpriced_entries": row.unpriced}
