"""A report as tables: columns, and rows of text, numbers and times."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.tax.documents import TaxReport
from crypto_api.tax.types import DisposalRow, IncomeRow, MissingRow

Cell = str | Decimal | None
REASONS = {
    "missing_acquisition": "More went out than came in",
    "unknown_cost": "Came in without a price",
    "no_price": "Went out without a price",
}


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    name: str
    kind: str = "text"  # text, quantity, money, time
    width: int = 14
    summed: bool = False


DISPOSALS = (
    Column("Asset", "asset", width=12),
    Column("Quantity", "quantity", "quantity", 20),
    Column("Acquired", "acquired_at", "time", 19),
    Column("Disposed", "disposed_at", "time", 19),
    Column("Proceeds", "proceeds", "money", 16, True),
    Column("Cost basis", "cost_basis", "money", 16, True),
    Column("Gain or loss", "gain", "money", 16, True),
    Column("Term", "term", width=8),
    Column("Wallet", "wallet", width=24),
    Column("Account", "account_code", width=9),
    Column("Transaction", "transaction_hash", width=68),
    Column("Transaction id", "transaction_id", width=40),
    Column("Entry", "entry_id", width=32),
    Column("Acquired by transaction", "acquired_transaction_id", width=40),
    Column("Acquired by entry", "acquired_entry_id", width=32),
)
MISSING = (
    Column("Asset", "asset", width=12),
    Column("Quantity", "quantity", "quantity", 20),
    Column("Disposed", "disposed_at", "time", 19),
    Column("Proceeds", "proceeds", "money", 16),
    Column("Why", "reason", width=28),
    Column("Acquired", "acquired_at", "time", 19),
    Column("Wallet", "wallet", width=24),
    Column("Transaction", "transaction_hash", width=68),
    Column("Entry", "entry_id", width=32),
)
INCOME = (
    Column("Asset", "asset", width=12),
    Column("Quantity", "quantity", "quantity", 20),
    Column("Received", "received_at", "time", 19),
    Column("Value", "value", "money", 16, True),
    Column("Account", "account_code", width=9),
    Column("Wallet", "wallet", width=24),
    Column("Transaction", "transaction_hash", width=68),
    Column("Entry", "entry_id", width=32),
)


class Cells:
    """Times in the report's zone, wallets by name."""

    def __init__(self, report: TaxReport, wallets: Mapping[str, str]) -> None:
        self._zone, self._wallets = ZoneInfo(report.time_zone), wallets

    def of(self, row: DisposalRow | MissingRow | IncomeRow, columns: tuple[Column, ...]) -> list[Cell]:
        return [self._cell(row, column) for column in columns]

    def _cell(self, row: DisposalRow | MissingRow | IncomeRow, column: Column) -> Cell:
        if column.name == "wallet":
            return self._wallets.get(row.wallet_id, row.wallet_id) if row.wallet_id is not None else "Held with an exchange"
        value = getattr(row, column.name)
        if column.name == "reason":
            return REASONS[value]
        if isinstance(value, datetime):
            return f"{value.astimezone(self._zone):%Y-%m-%d %H:%M:%S}"
        return value if isinstance(value, Decimal) else None if value is None else str(value)


def summary(report: TaxReport) -> list[tuple[str, Cell]]:
    totals = report.totals
    return [
        ("Period", f"{report.start_date} to {report.end_date} ({report.time_zone})"),
        ("Method", report.method.value.upper() if report.method != "average" else "Average cost"),
        ("Scope", "Each wallet by itself" if report.scope == "wallet" else "All wallets together"),
        ("Long-term", f"Held for more than {report.months} months"),
        ("Currency", report.currency),
        ("Gains", totals.gains),
        ("Losses", totals.losses.copy_negate()),
        ("Net gain or loss", totals.net),
        ("Of it short-term", totals.short_term),
        ("Of it long-term", totals.long_term),
        ("Proceeds", totals.proceeds),
        ("Cost basis", totals.cost_basis),
        ("Fees", totals.fees),
        ("Income", totals.income),
        ("Taxable events", Decimal(totals.taxable_events)),
        ("Without a gain that could be told", Decimal(totals.missing)),
        ("Income without a price", Decimal(totals.unpriced_income)),
    ]
