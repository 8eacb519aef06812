"""The general ledger as a file of any length: it is read a few days at a time, and written while it is read. That it was taken is itself recorded."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from crypto_api.flows.book_files import TABLE, as_known, noted, organization_of
from crypto_api.flows.export_ledger import Rows, TooManyEntries
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import Conflict
from crypto_api.kit.pdf_pages import PdfPages, PdfTable, money, sentence
from crypto_api.ledger import day_store
from crypto_api.ledger import store as ledger
from crypto_api.ledger.rules import less
from crypto_api.ledger.types import AsOf
from crypto_api.organizations.documents import Organization
from crypto_api.reports import as_of
from crypto_api.reports.as_of import LedgerScope
from crypto_api.wallets import store as wallets
from mongodb_config.unit_of_work import UnitOfWork

PDF_LINES_AT_ONCE = 20_000  # some five hundred pages
LEDGER_COLUMNS = (
    *("account_code", "account_name", "date", "entry_id", "description", "line_description", "reference", "source"),
    *("debit_amount", "credit_amount", "balance", "currency", "asset", "quantity", "wallet", "transaction_hash", "posted_at"),
)
_AT = {name: at for at, name in enumerate(LEDGER_COLUMNS)}


class TooManyLines(TooManyEntries):
    def __init__(self, most: int) -> None:
        told = f"A PDF of more than {most:,} lines is not made at once: order it (POST to the same address), or take the workbook or CSV."
        Conflict.__init__(self, told)
        self.most = most


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """The lines of some accounts, each account between the balance before and the balance behind them; read while it is written."""

    uow: UnitOfWork
    organization: Organization
    scopes: tuple[LedgerScope, ...]
    known_at: datetime

    @property
    def title(self) -> str:
        scope = self.scopes[0] if self.scopes else None
        first, last = (scope.date_from if scope else None), (scope.as_of.at if scope else None)
        return f"General ledger, {days_words(first, last)}"

    async def table(self) -> AsyncIterator[Rows]:
        """A row for each line, with a value for each of `LEDGER_COLUMNS`; an account begins with its opening balance and ends with its closing."""
        org, currency = self.organization, self.organization.functional_currency
        accounts = {account.code: account.name for account in await ledger.accounts(org.id)}
        names = {wallet.id: wallet.name for wallet in await wallets.active(org.id)}
        for scope in self.scopes:
            name = accounts.get(scope.account_code, "")
            opening, edge = await as_of.opening_of(org.id, self.uow, scope), partial(_edge, scope.account_code, name, currency)
            balance = less(opening.debit, opening.credit)
            yield [edge(scope.date_from, "Opening balance", balance)]
            async for lines in as_of.every_line(org.id, scope, opening):
                missing = {row.line.wallet_id for row in lines if row.line.wallet_id} - names.keys()
                if missing:  # wallets that were removed still have their history
                    names |= {wallet.id: wallet.name for wallet in await wallets.by_ids(org.id, sorted(missing))}
                yield [_ledger_row(row, name, currency, names) for row in lines]
                balance = lines[-1].balance
            yield [edge(scope.as_of.at, "Closing balance", balance)]

    async def entries_about(self) -> int:
        """How many entries are read for it, more or less; one for each account that it touches."""
        return sum([await day_store.about(self.organization.id, scope.entries) for scope in self.scopes])

    async def has_more_lines_than(self, most: int) -> bool:
        """Reads no more than it takes to know."""
        left = most
        for scope in self.scopes:
            left -= await day_store.count_lines(self.organization.id, scope.entries, up_to=left)
            if left < 0:
                return True
        return False


def days_words(first: date | None, last: date | None) -> str:
    return f"{first or 'the beginning'} to {last or 'the last entry'}"


def _edge(code: str, name: str, currency: str, day: date | None, said: str, balance: Decimal) -> list[str | Decimal | None]:
    blank: list[str | Decimal | None] = [None] * len(LEDGER_COLUMNS)
    for column, value in (("account_code", code), ("account_name", name), ("description", said), ("balance", balance), ("currency", currency)):
        blank[_AT[column]] = value
    blank[_AT["date"]] = day.isoformat() if day else None
    return blank


def _ledger_row(row: as_of.LedgerLine, account: str, currency: str, names: dict[str, str]) -> list[str | Decimal | None]:
    entry, line = row.entry, row.line
    return [
        *(line.account_code, account, entry.date.isoformat(), entry.id, entry.description, line.description, entry.reference),
        entry.source_kind.value,
        *(line.debit or None, line.credit or None, row.balance, currency, line.asset, line.quantity),
        *(names.get(line.wallet_id, line.wallet_id) if line.wallet_id else None, entry.transaction_hash),
        entry.posted_at.isoformat().replace("+00:00", "Z") if entry.posted_at else None,
    ]


async def open_general_ledger(uow: UnitOfWork, clock: Clock, org_id: str, scope: LedgerScope) -> LedgerFile:
    """`scope` with an empty account: every account that has lines. As the books are known now, or at its instant: while it is read nothing is added.
    NotFound."""
    organization = await organization_of(org_id)
    until = AsOf(scope.as_of.at, scope.as_of.known_at or clock.now())
    codes = [scope.account_code] if scope.account_code else [row.account_code for row in await as_of.trial_balance(org_id, uow, until)]
    scopes = tuple(replace(scope, account_code=code, as_of=until) for code in codes)
    assert until.known_at is not None
    return LedgerFile(uow, organization, scopes, until.known_at)


async def note_general_ledger(uow: UnitOfWork, clock: Clock, org_id: str, scope: LedgerScope, form: str) -> None:
    """Before the first row leaves."""
    after: dict[str, object] = {"format": form, "account_code": scope.account_code, "wallet_id": scope.wallet_id, "asset": scope.asset}
    await noted(uow, clock, org_id, "general_ledger.exported", f"The general ledger was taken along as {form}.", after)


# ---- PDF -------------------------------------------------------------------------------------------------------------------------


class LedgerPdf:
    """Takes the rows of a file batch by batch; `close` makes it whole."""

    def __init__(self, path: Path, file: LedgerFile) -> None:
        self._file, about = file, as_known(file.known_at)
        self._pages = PdfPages(path, title=file.title, organization=file.organization.name, about=about, wide=True)
        self._widths = [20, self._pages.width_mm - 20 - 42 - 46 - 3 * 32, 42, 46, 32, 32, 32]
        self._account: str | None = None
        self._table: PdfTable | None = None

    @property
    def page(self) -> int:
        return self._pages.page

    def add(self, rows: Sequence[Sequence[str | Decimal | None]]) -> None:
        for row in rows:
            if row[0] != self._account or self._table is None:
                self._begin(str(row[0]), str(row[1]))
            assert self._table is not None
            self._table.add(self._printed(row))

    def close(self) -> None:
        if self._table is None:
            self._pages.add(self._pages.words("Nothing was posted in this time."))
        else:
            self._table.end()
        self._pages.close([sentence(as_known(self._file.known_at)), f"Amounts in {self._file.organization.functional_currency}."])

    def _begin(self, code: str, name: str) -> None:
        if self._table is not None:
            self._table.end()
        self._pages.heading(f"{code}  {name}")
        # On every page: whose lines these are.
        head = ["Date", f"Description, account {code}", "Wallet", "Quantity", "Debit", "Credit"]
        head.append(f"Balance {self._file.organization.functional_currency}")
        self._table = PdfTable(self._pages, head, self._widths, [*TABLE, ("ALIGN", (3, 0), (-1, -1), "RIGHT")])
        self._account = code

    def _printed(self, row: Sequence[str | Decimal | None]) -> list[Any]:
        quantity, cell = row[_AT["quantity"]], partial(self._pages.cell, style="row")
        units = f"{quantity:,f} {row[_AT['asset']]}" if isinstance(quantity, Decimal) else ""
        amounts = [money(value) if isinstance(value := row[_AT[name]], Decimal) else "" for name in ("debit_amount", "credit_amount", "balance")]
        words = [cell(str(row[_AT[name]] or ""), self._widths[at]) for name, at in (("description", 1), ("wallet", 2))]
        return [row[_AT["date"]] or "", *words, cell(units, self._widths[3], number=True), *amounts]


async def write_ledger_pdf(file: LedgerFile, path: Path, batches: AsyncIterator[Rows]) -> int:
    """How many pages it has. `batches` are those of the file, or pass through whoever counts them."""
    pdf = await asyncio.to_thread(LedgerPdf, path, file)
    async for rows in batches:
        await asyncio.to_thread(pdf.add, rows)
    await asyncio.to_thread(pdf.close)
    return pdf.page


async def general_ledger_pdf(file: LedgerFile) -> bytes:
    """TooManyLines, before the first of them is drawn."""
    if await file.has_more_lines_than(PDF_LINES_AT_ONCE):
        raise TooManyLines(PDF_LINES_AT_ONCE)
    with tempfile.TemporaryDirectory(prefix="coffer-books-") as folder:
        path = Path(folder) / "ledger.pdf"
        await write_ledger_pdf(file, path, file.table())
        return await asyncio.to_thread(path.read_bytes)
