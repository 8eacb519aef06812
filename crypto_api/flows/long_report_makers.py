"""What each kind of long report is made by: into a file at a path, or kept as a statement or tax report of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from crypto_api.flows.book_files import organization_of
from crypto_api.flows.export_ledger import COLUMNS, LedgerExport, Rows
from crypto_api.flows.export_tax_report import write_tax_report
from crypto_api.flows.general_ledger_file import LEDGER_COLUMNS, open_general_ledger, write_ledger_pdf
from crypto_api.flows.make_statement import make_statement
from crypto_api.flows.make_tax_report import make_tax_report
from crypto_api.kit.clock import Clock
from crypto_api.kit.table_files import csv_file, write_chunks, write_xlsx
from crypto_api.ledger import day_store
from crypto_api.ledger.types import AsOf
from crypto_api.long_reports.documents import LongReport
from crypto_api.long_reports.types import LongReportKind, Wanted
from crypto_api.prices.types import Pricing
from crypto_api.reports.as_of import LedgerScope
from crypto_api.statements.types import Asked, Detail, StatementKind
from mongodb_config.unit_of_work import UnitOfWork

Told = Callable[[int, str], Awaitable[None]]
"""How far it is, in percent and in words."""
_BOOKS_NAMES = {"beancount": "books.beancount", "hledger": "books.journal", "csv": "books.csv", "xlsx": "books.xlsx"}


@dataclass(frozen=True)
class Desk:
    uow: UnitOfWork
    clock: Clock
    pricing: Pricing


@dataclass
class Made:
    """A file (then `size` in bytes and its SHA-256), or the id of what was kept, under the name that the task's result has for it."""

    file_name: str = ""
    size: int = 0
    sha256: str = ""
    result_id: str | None = None
    result_name: str = ""


Maker = Callable[[Desk, LongReport, Path, Told], Awaitable[Made]]


async def _general_ledger(desk: Desk, row: LongReport, path: Path, told: Told) -> Made:
    file = await open_general_ledger(desk.uow, desk.clock, row.org_id, scope_of(row.wanted))
    batches = _counted(file.table(), await file.entries_about(), LEDGER_COLUMNS.index("entry_id"), told)
    match row.wanted.form:
        case "pdf":
            await write_ledger_pdf(file, path, batches)
        case "xlsx":
            await write_xlsx(path, "General ledger", LEDGER_COLUMNS, batches)
        case _:
            await write_chunks(path, csv_file(LEDGER_COLUMNS, batches))
    return Made(f"general-ledger-{_named(row.wanted)}.{row.wanted.form}")


async def _books(desk: Desk, row: LongReport, path: Path, told: Told) -> Made:
    export = LedgerExport(await organization_of(row.org_id), row.wanted.last)
    form, about = row.wanted.form or "csv", await day_store.about(row.org_id, export.entries)
    if form in ("beancount", "hledger"):
        await write_chunks(path, _told_by_batch(export.plain_text(form), told))
        return Made(_BOOKS_NAMES[form])
    batches = _counted(export.table(), about, COLUMNS.index("entry_id"), told)
    if form == "xlsx":
        await write_xlsx(path, "Books", COLUMNS, batches)
    else:
        await write_chunks(path, csv_file(COLUMNS, batches))
    return Made(_BOOKS_NAMES[form])


async def _roll_forward(desk: Desk, row: LongReport, path: Path, told: Told) -> Made:
    await told(5, "reading what moved")
    report = await make_statement(desk.uow, desk.clock, desk.pricing, row.org_id, asked_of(row.wanted), row.requested_by)
    return Made(result_id=report.id, result_name="report_id")


async def _tax_report(desk: Desk, row: LongReport, path: Path, told: Told) -> Made:
    assert row.wanted.tax_report_id is not None
    await make_tax_report(desk.uow, desk.clock, row.org_id, row.wanted.tax_report_id, told)
    return Made(result_id=row.wanted.tax_report_id, result_name="tax_report_id")


async def _tax_report_file(desk: Desk, row: LongReport, path: Path, told: Told) -> Made:
    assert row.wanted.tax_report_id is not None
    return Made(await write_tax_report(row.org_id, row.wanted.tax_report_id, row.wanted.form or "csv", path, told))


MAKERS: Mapping[LongReportKind, Maker] = {
    LongReportKind.GENERAL_LEDGER: _general_ledger,
    LongReportKind.BOOKS: _books,
    LongReportKind.CRYPTO_ROLL_FORWARD: _roll_forward,
    LongReportKind.TAX_REPORT: _tax_report,
    LongReportKind.TAX_REPORT_FILE: _tax_report_file,
}


def scope_of(wanted: Wanted) -> LedgerScope:
    return LedgerScope(wanted.account_code or "", wanted.wallet_id, wanted.asset, wanted.first, AsOf(wanted.last, wanted.known_at))


def asked_of(wanted: Wanted) -> Asked:
    assert wanted.last is not None
    detail = Detail(wanted.by or Detail.ASSET)
    return Asked(StatementKind.CRYPTO_ROLL_FORWARD, wanted.first, wanted.last, wanted.compare_to, wanted.known_at, detail)


def _named(wanted: Wanted) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in wanted.account_code or "all")


async def _counted(batches: AsyncIterator[Rows], about: int, at: int, told: Told) -> AsyncIterator[Rows]:
    """The same, while it tells how far it is: of `about` entries, whose id stands in the column `at`."""
    lines, entries = 0, 0
    async for rows in batches:
        yield rows
        ids = [row[at] for row in rows if row[at]]
        lines, entries = lines + len(ids), entries + len(set(ids))
        await told(min(100 * entries // max(about, 1), 95), f"{lines:,} lines written")


async def _told_by_batch(content: AsyncIterator[bytes], told: Told) -> AsyncIterator[bytes]:
    size = 0
    async for part in content:
        yield part
        size += len(part)
        await told(1, f"{size / 1_000_000:,.1f} MB written")
