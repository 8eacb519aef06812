"""A tax report as a file: a PDF to print, a workbook to check, CSV for a program. That it was taken along is itself recorded."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from crypto_api.audit import service as audit
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.table_files import csv_file, write_chunks
from crypto_api.organizations import store as organizations
from crypto_api.reports import activity
from crypto_api.tax import store
from crypto_api.tax.documents import TaxReport
from crypto_api.tax.errors import NotReady
from crypto_api.tax.pdf import ReportPdf
from crypto_api.tax.tables import DISPOSALS, INCOME, MISSING, Cell, Cells, Column, summary
from crypto_api.tax.types import DisposalRow, IncomeRow, MissingRow, TaxReportStatus
from crypto_api.tax.workbook import ReportWorkbook
from mongodb_config.unit_of_work import UnitOfWork

_NOTHING = "Nothing in this period."
Told = Callable[[int, str], Awaitable[None]]


@dataclass(frozen=True)
class ReportFile:
    name: str
    content: bytes


@dataclass(frozen=True)
class _Table:
    title: str
    kind: str
    row: type[DisposalRow] | type[MissingRow] | type[IncomeRow]
    columns: tuple[Column, ...]


_TABLES = (
    _Table("Disposals", "disposals", DisposalRow, DISPOSALS),
    _Table("Missing", "missing", MissingRow, MISSING),
    _Table("Income", "income", IncomeRow, INCOME),
)


@dataclass(frozen=True)
class _Source:
    """A report to be written: read part by part."""

    report: TaxReport
    organization: str
    cells: Cells

    @property
    def title(self) -> str:
        return f"Tax report {self.report.start_date} to {self.report.end_date}"

    async def rows(self, table: _Table) -> AsyncIterator[list[list[Cell]]]:
        async for rows in store.row_batches(self.report.org_id, self.report.id, table.row, table.kind):
            yield [self.cells.of(row, table.columns) for row in rows]


async def export_tax_report(uow: UnitOfWork, clock: Clock, org_id: str, report_id: str, form: str) -> ReportFile:
    """`form` is pdf, xlsx or csv. NotFound, NotReady."""
    with tempfile.TemporaryDirectory(prefix="coffer-tax-") as folder:
        path = Path(folder) / "report"
        name = await write_tax_report(org_id, report_id, form, path)
        content = await asyncio.to_thread(path.read_bytes)
    now, told = clock.now(), f"{name.removesuffix(f'.{form}')} was taken along as {form}."
    await uow.run(
        lambda session: audit.record(session, org_id, "tax_report.exported", told, now, subject=("tax_report", report_id), after={"format": form})
    )
    return ReportFile(name, content)


async def write_tax_report(org_id: str, report_id: str, form: str, path: Path, told: Told | None = None) -> str:
    """The name of the file. `told` hears how far it is. NotFound, NotReady, TooManyRows."""
    report = await store.get(org_id, report_id)
    if report is None:
        raise NotFound
    if report.status is not TaxReportStatus.READY:
        raise NotReady
    organization, names = await organizations.get(org_id), await activity.wallet_names(org_id)
    source = _Source(report, organization.name if organization is not None else "", Cells(report, names))
    await _WRITERS[form](source, path, told or _nobody)
    return f"tax-report-{report.start_date}-{report.end_date}-{report.method.value}.{form}"


async def _nobody(percent: int, words: str) -> None: ...


async def _xlsx(source: _Source, path: Path, told: Told) -> None:
    book = ReportWorkbook(path)
    book.summary(source.title, [("Organisation", source.organization), *summary(source.report)])
    for table in _TABLES:
        book.begin(table.title, table.columns)
        async for rows in _telling(source, table, told):
            await asyncio.to_thread(book.add, rows)
        book.end()
    await asyncio.to_thread(book.close)


async def _pdf(source: _Source, path: Path, told: Told) -> None:
    report = source.report
    made = f"as the books were known on {report.generated_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if report.generated_at else ""
    document = await asyncio.to_thread(ReportPdf, path, source.title, source.organization, made)
    document.summary(summary(report))
    for table in _TABLES:
        document.begin(table.title, table.columns)
        async for rows in _telling(source, table, told):
            await asyncio.to_thread(document.add, rows)
        await asyncio.to_thread(document.end, _NOTHING)
    await asyncio.to_thread(document.build)


async def _csv(source: _Source, path: Path, told: Told) -> None:
    """Disposals, one a line; amounts in full."""
    await write_chunks(path, csv_file([column.name for column in DISPOSALS], _telling(source, _TABLES[0], told)))


async def _telling(source: _Source, table: _Table, told: Told) -> AsyncIterator[list[list[Cell]]]:
    totals, done = source.report.totals, 0
    everything = max(totals.taxable_events + totals.missing + totals.incomes, 1)
    async for rows in source.rows(table):
        yield rows
        done += len(rows)
        await told(min(100 * done // everything, 95), f"{done:,} rows of {table.title.lower()} written")


_WRITERS: dict[str, Callable[[_Source, Path, Told], Awaitable[None]]] = {"pdf": _pdf, "xlsx": _xlsx, "csv": _csv}
