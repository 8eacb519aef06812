"""A statement as a file: a PDF to print, a workbook to check. That it was taken along is itself recorded."""

import asyncio
import tempfile
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from crypto_api.audit import service as audit
from crypto_api.flows.make_statement import NAMES
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.organizations import store as organizations
from crypto_api.statements import store
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.pdf import write_pdf
from crypto_api.statements.types import Column, StatementKind
from crypto_api.statements.workbook import write_workbook
from mongodb_config.unit_of_work import UnitOfWork

_WRITERS = {"pdf": write_pdf, "xlsx": write_workbook}


@dataclass(frozen=True)
class StatementFile:
    name: str
    content: bytes


async def export_statement(uow: UnitOfWork, clock: Clock, org_id: str, report_id: str, form: str) -> StatementFile:
    """`form` is pdf or xlsx. NotFound."""
    report, organization = await store.get(org_id, report_id), await organizations.get(org_id)
    if report is None or organization is None:
        raise NotFound
    content = await asyncio.to_thread(_written, report, organization.name, form)
    now, told = clock.now(), f"{NAMES[report.kind]} of {report.columns[0].last} was taken along as {form}."
    await uow.run(
        lambda session: audit.record(session, org_id, "statement.exported", told, now, subject=("statement", report.id), after={"format": form})
    )
    return StatementFile(f"{report.kind.value.replace('_', '-')}-{report.columns[0].last}.{form}", content)


def _written(report: FinancialReport, organization: str, form: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="coffer-statement-") as folder:
        path = Path(folder) / f"statement.{form}"
        _WRITERS[form](
            path, report, organization, NAMES[report.kind], [column_words(report.kind, column) for column in report.columns], notes_of(report)
        )
        return path.read_bytes()


def column_words(kind: StatementKind, column: Column) -> str:
    """31 Dec 2026, or 1 Jan 2026 – 31 Dec 2026."""
    last = f"{column.last.day} {column.last:%b %Y}"
    return last if kind is StatementKind.BALANCE_SHEET or column.first is None else f"{column.first.day} {column.first:%b %Y} – {last}"


def notes_of(report: FinancialReport) -> list[str]:
    """What a reader has to know beside the figures."""
    notes = [f"as the books were known on {report.known_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"]
    if report.seal_seq:
        notes.append(f"Sealed up to entry {report.seal_seq}: {report.seal_hash}")
    if report.unpriced:
        noun = "entry has" if report.unpriced == 1 else "entries have"
        notes.append(f"{report.unpriced} {noun} no price or no cost yet and count with their quantity only.")
    if not report.balanced:
        notes.append("The books do not balance: verify the ledger.")
    return notes
