from decimal import Decimal
from typing import Any

from pydantic import Field

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Choice, Date, Instant, ReadSchema, RequestSchema, Time
from crypto_api.kit.amounts import SignedMoney, plain
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.types import Detail, Measure, RowKind, StatementKind


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


class RollForwardMake(_AsKnown):
    start_date: Date
    end_date: Date = Field(description="Included.")
    compare_to: Date | None = Field(
        default=None, description="The last day of an earlier period that is as long: its quantity, cost and fair value stand beside."
    )
    by: Choice[Detail] = Field(
        default=Detail.ASSET, description="With `wallet`, of each asset in each wallet; transfers between own wallets are told then."
    )


class ReportQuery(PageQuery):
    pass


class ReportColumnRead(ReadSchema):
    start_date: Date | None = Field(description="Null in a balance sheet.")
    end_date: Date
    measure: Measure | None = Field(default=None, description="Of a roll-forward: what the column counts.")


class ReportPriceRead(ReadSchema):
    """What one unit was worth at the end of a day."""

    asset: str
    date: Date
    rate: SignedMoney
    source: str
    origin: str
    at: Time = Field(description="As of when its source gave it.")


class ReportRowRead(ReadSchema):
    kind: RowKind
    name: str
    amounts: list[SignedMoney | None] = Field(
        description="One a column; none beside a heading. Expenses, payments and disposals are negative. Null where there is none to tell: units of "
        "different assets have no sum, and what has no price has no fair value."
    )
    depth: int
    account_code: str | None
    key: str = Field(description="A stable word for rows that are no accounts: result, assets, equity, opening, additions, closing …")
    asset: str | None = Field(default=None, description="Of a roll-forward; null in the rows of all assets.")
    wallet_id: str | None = Field(default=None, description="Of a roll-forward by wallet; null also where no wallet of the organisation holds it.")


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
    by: Detail | None = Field(default=None, description="Of a roll-forward.")
    without_fair_value: list[str] = Field(description="Assets of a roll-forward without a price at an end: their fair value is in no total.")

    @classmethod
    def of(cls, row: FinancialReport) -> "ReportRead":
        return cls(**_values(row))


class ReportDetailRead(ReportRead):
    rows: list[ReportRowRead]
    prices: list[ReportPriceRead] = Field(description="By which a roll-forward tells fair values.")

    @classmethod
    def of(cls, row: FinancialReport) -> "ReportDetailRead":
        rows = [ReportRowRead(**{**each.model_dump(), "amounts": [_told(amount) for amount in each.amounts]}) for each in row.rows]
        prices = [ReportPriceRead(**{**each.model_dump(exclude={"day"}), "date": each.day}) for each in row.prices]
        return cls(**_values(row), rows=rows, prices=prices)


def _values(row: FinancialReport) -> dict[str, Any]:
    columns = [ReportColumnRead(start_date=column.first, end_date=column.last, measure=column.measure) for column in row.columns]
    same = ("id", "kind", "currency", "balanced", "known_at", "seal_seq", "seal_hash", "requested_by", "created_at", "without_fair_value")
    return {name: getattr(row, name) for name in same} | {"columns": columns, "unpriced_entries": row.unpriced, "by": row.detail}


def _told(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else plain(amount)
