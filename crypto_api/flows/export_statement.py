"""A statement as a file: a PDF to print, a workbook to check, CSV for a program. That it was taken along is itself recorded."""

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from pathlib import Path

from crypto_api.audit import service as audit
from crypto_api.flows.anchor_seal import anchor_words
from crypto_api.flows.make_statement import NAMES
from crypto_api.kit.amounts import percent_of
from crypto_api.kit.clock import Clock
from crypto_api.kit.csv_text import csv_line
from crypto_api.kit.errors import NotFound
from crypto_api.ledger import anchor_store
from crypto_api.ledger.documents import SealAnchor
from crypto_api.organizations import store as organizations
from crypto_api.statements import store
from crypto_api.statements.changes import change_between, change_names, pairs_of
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.pdf import write_pdf
from crypto_api.statements.types import MEASURES, Column, Measure, Row, StatementKind
from crypto_api.statements.workbook import write_workbook
from mongodb_config.unit_of_work import UnitOfWork

_WRITERS = {"pdf": write_pdf, "xlsx": write_workbook}


_BASIS = (
    "Additions stand at what they were worth when they came in, disposals at what was received for them; realised is what was received less cost "
    "(ASC 350-60-50). Fair values are by the prices that were kept when this was made. Cost is after corrections by lots. Transfers between own "
    "places are no additions and no disposals."
)
_CSV_HEAD = ("asset", "wallet_id", "key", "account_code", "name", "kind", "currency")


@dataclass(frozen=True)
class StatementFile:
    name: str
    content: bytes


async def export_statement(uow: UnitOfWork, clock: Clock, org_id: str, report_id: str, form: str) -> StatementFile:
    """`form` is pdf, xlsx or csv. NotFound."""
    report, organization = await store.get(org_id, report_id), await organizations.get(org_id)
    if report is None or organization is None:
        raise NotFound
    anchor = await anchor_store.covering(org_id, report.seal_seq)
    content = await asyncio.to_thread(_written, report, organization.name, form, anchor)
    now, told = clock.now(), f"{NAMES[report.kind]} of {report.columns[0].last} was taken along as {form}."
    await uow.run(
        lambda session: audit.record(session, org_id, "statement.exported", told, now, subject=("statement", report.id), after={"format": form})
    )
    return StatementFile(f"{report.kind.value.replace('_', '-')}-{report.columns[0].last}.{form}", content)


def _csv(report: FinancialReport) -> Iterator[str]:
    """A line for each row, with its group before it, so that a program needs no other line to understand it. Changes stand behind the amounts,
    exactly, and in per cent to four decimals where there was something before."""
    changes = [word for name in change_names(report.columns) for word in (name, f"{name} in percent")]
    yield csv_line([*_CSV_HEAD, *columns_words(report), *changes])
    for row in report.rows:
        amounts = row.amounts or (None,) * len(report.columns)
        about = (row.asset, row.wallet_id, row.key, row.account_code, row.name, row.kind.value, report.currency)
        yield csv_line([*about, *amounts, *_csv_changes(report, row)])


def _csv_changes(report: FinancialReport, row: Row) -> Iterator[Decimal | None]:
    for pair in pairs_of(report.columns):
        change = change_between(row, *pair)
        yield change.amount if change is not None else None
        yield percent_of(change.part, 4) if change is not None and change.part is not None else None


def _written(report: FinancialReport, organization: str, form: str, anchor: SealAnchor | None) -> bytes:
    with tempfile.TemporaryDirectory(prefix="coffer-statement-") as folder:
        path = Path(folder) / f"statement.{form}"
        if form == "csv":
            return "".join(_csv(report)).encode()
        _WRITERS[form](path, report, organization, NAMES[report.kind], columns_words(report), notes_of(report, anchor))
        return path.read_bytes()


def column_words(kind: StatementKind, column: Column) -> str:
    """31 Dec 2026, or 1 Jan 2026 – 31 Dec 2026, or, of a roll-forward, what the column counts."""
    return MEASURES[column.measure] if column.measure is not None else days_words(kind, column)


def columns_words(report: FinancialReport) -> list[str]:
    """Of a roll-forward beside an earlier one, each measure with its days."""
    if len(report.columns) <= len(Measure) or report.detail is None:
        return [column_words(report.kind, column) for column in report.columns]
    return [f"{column_words(report.kind, column)} {days_words(report.kind, column)}" for column in report.columns]


def days_words(kind: StatementKind, column: Column) -> str:
    last = f"{column.last.day} {column.last:%b %Y}"
    return last if kind is StatementKind.BALANCE_SHEET or column.first is None else f"{column.first.day} {column.first:%b %Y} – {last}"


def notes_of(report: FinancialReport, anchor: SealAnchor | None) -> list[str]:
    """What a reader has to know beside the figures. `anchor`: the first that holds the seal of the statement, or a later one."""
    notes = [f"as the books were known on {report.known_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"]
    if report.seal_seq:
        notes.append(f"Sealed up to entry {report.seal_seq}: {report.seal_hash}")
    if anchor is not None:
        notes.append(anchor_words(anchor))
    if report.unpriced:
        noun = "entry has" if report.unpriced == 1 else "entries have"
        notes.append(f"{report.unpriced} {noun} no price or no cost yet and count with their quantity only.")
    if report.without_fair_value:
        notes.append(f"Without a price at an end of the period, and therefore in no fair value: {', '.join(report.without_fair_value)}.")
    notes += [
        f"{price.asset} at the end of {price.day}: {price.rate:,f} {report.currency} ({price.origin or price.source})" for price in report.prices
    ]
    if report.kind is StatementKind.CRYPTO_ROLL_FORWARD:
        notes.append(_BASIS)
    if not report.balanced:
        notes.append("The books do not balance: verify the ledger.")
    return notes
