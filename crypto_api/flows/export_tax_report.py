"""A tax report as a file: a PDF to print, a workbook to check, CSV for a program. That it was taken along is itself recorded."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from crypto_api.audit import service as audit
from crypto_api.kit.clock import Clock
from crypto_api.kit.csv_text import csv_line
from crypto_api.kit.errors import NotFound
from crypto_api.organizations import store as organizations
from crypto_api.tax import store
from crypto_api.tax.documents import TaxReport
from crypto_api.tax.errors import NotReady
from crypto_api.tax.pdf import ReportPdf
from crypto_api.tax.tables import DISPOSALS, INCOME, MISSING, Cell, Cells, Column, summary
from crypto_api.tax.types import DisposalRow, IncomeRow, MissingRow, TaxReportStatus
from crypto_api.tax.workbook import ReportWorkbook
from crypto_api.wallets import store as wallets
from mongodb_config.unit_of_work import UnitOfWork

_NOTHING = "Nothing in this period."


@dataclass(frozen=True)
class ReportFile:
    name: str
    content: bytes


@dataclass(frozen=True)
class _Sheets:
    report: TaxReport
    organization: str
    disposals: list[list[Cell]]
    missing: list[list[Cell]]
    income: list[list[Cell]]

    @property
    def title(self) -> str:
        return f"Tax report {self.report.start_date} to {self.report.end_date}"


async def export_tax_report(uow: UnitOfWork, clock: Clock, org_id: str, report_id: str, form: str) -> ReportFile:
    """`form` is pdf, xlsx or csv. NotFound, NotReady."""
    report = await store.get(org_id, report_id)
    if report is None:
        raise NotFound
    if report.status is not TaxReportStatus.READY:
        raise NotReady
    sheets = await _read(report)
    content = await asyncio.to_thread(_WRITERS[form], sheets)
    now, name = clock.now(), f"tax-report-{report.start_date}-{report.end_date}-{report.method.value}.{form}"
    told = f"The tax report {report.start_date} to {report.end_date} was taken along as {form}."
    await uow.run(
        lambda session: audit.record(session, org_id, "tax_report.exported", told, now, subject=("tax_report", report.id), after={"format": form})
    )
    return ReportFile(name, content)


async def _read(report: TaxReport) -> _Sheets:
    organization = await organizations.get(report.org_id)
    disposals = await store.rows_of(report.org_id, report.id, DisposalRow, "disposals")
    missing = await store.rows_of(report.org_id, report.id, MissingRow, "missing")
    income = await store.rows_of(report.org_id, report.id, IncomeRow, "income")
    wallet_ids = {row.wallet_id for row in (*disposals, *missing, *income) if row.wallet_id is not None}
    names = {wallet.id: wallet.name for wallet in await wallets.by_ids(report.org_id, sorted(wallet_ids))}
    cells = Cells(report, names)
    return _Sheets(
        report,
        organization.name if organization is not None else "",
        [cells.of(row, DISPOSALS) for row in disposals],
        [cells.of(row, MISSING) for row in missing],
        [cells.of(row, INCOME) for row in income],
    )


def _xlsx(sheets: _Sheets) -> bytes:
    with tempfile.TemporaryDirectory(prefix="coffer-tax-") as folder:
        path = Path(folder) / "report.xlsx"
        book = ReportWorkbook(path)
        book.summary(sheets.title, [("Organisation", sheets.organization), *summary(sheets.report)])
        for title, columns, rows in _tables(sheets):
            book.table(title, columns, rows)
        book.close()
        return path.read_bytes()


def _pdf(sheets: _Sheets) -> bytes:
    report = sheets.report
    made = f"as the books were known on {report.generated_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if report.generated_at else ""
    with tempfile.TemporaryDirectory(prefix="coffer-tax-") as folder:
        path = Path(folder) / "report.pdf"
        document = ReportPdf(path, sheets.title, sheets.organization, made)
        document.summary(summary(report))
        for title, columns, rows in _tables(sheets):
            document.table(title, columns, rows, _NOTHING)
        document.build()
        return path.read_bytes()


def _csv(sheets: _Sheets) -> bytes:
    """Disposals, one a line; amounts in full."""
    head: list[Cell] = [column.name for column in DISPOSALS]
    return "".join(csv_line(row) for row in (head, *sheets.disposals)).encode()


def _tables(sheets: _Sheets) -> list[tuple[str, tuple[Column, ...], Sequence[Sequence[Cell]]]]:
    return [("Disposals", DISPOSALS, sheets.disposals), ("Missing", MISSING, sheets.missing), ("Income", INCOME, sheets.income)]


_WRITERS = {"pdf": _pdf, "xlsx": _xlsx, "csv": _csv}
