"""The trial balance, the general ledger and the certificate of a closed month as files. That they were taken along is itself recorded."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import xlsxwriter

from crypto_api.audit import service as audit
from crypto_api.flows.export_ledger import Rows, TooManyEntries
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.clock import Clock
from crypto_api.kit.csv_text import csv_line
from crypto_api.kit.errors import Conflict, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.kit.pdf_pages import GREY, LINE, SHADE, PdfPages, money, sentence
from crypto_api.kit.xlsx_text import CELL_MAX, OPTIONS, as_number, set_for_print
from crypto_api.ledger import period_store, seal_store
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import PeriodCertificate
from crypto_api.ledger.rules import less
from crypto_api.ledger.types import AsOf
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.reports import as_of
from crypto_api.reports.as_of import LedgerScope
from crypto_api.wallets import store as wallets
from mongodb_config.unit_of_work import UnitOfWork

ZERO = Decimal(0)
PAGE = 200
PDF_LINES_MAX = 20_000  # some five hundred pages
MONEY = "#,##0.00;[Red]-#,##0.00"
LEDGER_COLUMNS = (
    *("account_code", "account_name", "date", "entry_id", "description", "line_description", "reference", "source"),
    *("debit_amount", "credit_amount", "balance", "currency", "asset", "quantity", "wallet", "transaction_hash", "posted_at"),
)
_TABLE: list[tuple[Any, ...]] = [
    ("FONTNAME", (0, 0), (-1, -1), "Helvetica"),
    ("FONTSIZE", (0, 0), (-1, -1), 8),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ("LINEBELOW", (0, 0), (-1, -1), 0.25, LINE),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("BACKGROUND", (0, 0), (-1, 0), SHADE),
    ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold"),
]


def _total(row: int) -> list[tuple[Any, ...]]:
    return [("FONTNAME", (0, row), (-1, row), "Helvetica-Bold"), ("LINEABOVE", (0, row), (-1, row), 0.75, GREY)]


@dataclass(frozen=True)
class BookFile:
    name: str
    content: bytes


class TooManyLines(TooManyEntries):
    def __init__(self, most: int) -> None:
        Conflict.__init__(self, f"A PDF of the general ledger holds at most {most:,} lines. Narrow it down, or take the workbook or CSV.")


async def _organization(org_id: str) -> Organization:
    found = await organizations.get(org_id)
    if found is None:
        raise NotFound
    return found


async def _noted(uow: UnitOfWork, clock: Clock, org_id: str, action: str, told: str, after: dict[str, object]) -> None:
    now = clock.now()
    await uow.run(lambda session: audit.record(session, org_id, action, told, now, subject=("ledger", ""), after=after))


def _known(known_at: datetime) -> str:
    return f"as the books were known on {known_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


async def _written(write: Callable[[Path], None]) -> bytes:
    def work() -> bytes:
        with tempfile.TemporaryDirectory(prefix="coffer-books-") as folder:
            path = Path(folder) / "file"
            write(path)
            return path.read_bytes()

    return await asyncio.to_thread(work)


# ---- trial balance ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TrialRow:
    """An account with what is left of its postings on the side where it stands, in each column of days."""

    code: str
    name: str
    sides: tuple[tuple[Decimal, Decimal], ...]  # debit, credit


@dataclass(frozen=True, slots=True)
class TrialBalance:
    organization: Organization
    days: tuple[str, ...]
    rows: tuple[TrialRow, ...]
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"Trial balance, {self.days[0]}"

    def total(self, column: int, side: int) -> Decimal:
        return add_exactly([row.sides[column][side] for row in self.rows])


async def export_trial_balance(
    uow: UnitOfWork, clock: Clock, org_id: str, *, form: str, at: date | None, known_at: datetime | None, compare_to: date | None
) -> BookFile:
    """`form` is pdf, xlsx or csv. With `compare_to` an earlier day in columns beside it. NotFound, InvalidInput."""
    if compare_to is not None and at is not None and compare_to >= at:
        raise InvalidInput.of("compare_to", "must lie before the day of the trial balance", "wrong_order")
    organization, now = await _organization(org_id), clock.now()
    columns = [at] if compare_to is None else [at, compare_to]
    found = [{row.account.code: row for row in await as_of.standings(org_id, uow, AsOf(day, known_at))} for day in columns]
    rows = [
        TrialRow(account.code, account.name, tuple(_sides(part.get(account.code)) for part in found))
        for account in await ledger.accounts(org_id)
        if any(account.code in part for part in found)
    ]
    head = await seal_store.head(org_id)
    notes = [_known(known_at or now), *([f"Sealed up to entry {head.seq}: {head.hash}"] if head.seq else [])]
    table = TrialBalance(organization, tuple(day.isoformat() if day else "all days" for day in columns), tuple(rows), tuple(notes))
    content = await _written(partial(_TRIAL_WRITERS[form], table))
    day = (at or now.date()).isoformat()
    await _noted(uow, clock, org_id, "trial_balance.exported", f"The trial balance of {day} was taken along as {form}.", {"format": form, "at": day})
    return BookFile(f"trial-balance-{day}.{form}", content)


def _sides(row: as_of.AccountStanding | None) -> tuple[Decimal, Decimal]:
    return (row.debit, row.credit) if row is not None else (ZERO, ZERO)


def _trial_csv(table: TrialBalance, path: Path) -> None:
    head = [f"{side} {day}" for day in table.days for side in ("debit", "credit")]
    lines = [csv_line(["account_code", "account_name", "currency", *head])]
    currency = table.organization.functional_currency
    lines += [csv_line([row.code, row.name, currency, *(side or None for pair in row.sides for side in pair)]) for row in table.rows]
    path.write_bytes("".join(lines).encode())


def _trial_xlsx(table: TrialBalance, path: Path) -> None:
    """Totals are formulas."""
    book = xlsxwriter.Workbook(str(path), {**OPTIONS, "constant_memory": False})
    sheet = book.add_worksheet("Trial balance")
    bold, muted = book.add_format({"bold": True, "font_size": 14}), book.add_format({"font_color": "#5B6673"})
    head, names = ({"bold": True, "bottom": 1, "bg_color": "#EEF2F6"} | more for more in ({"align": "right"}, {}))
    heads, amount, total = (
        book.add_format(head),
        book.add_format({"num_format": MONEY}),
        book.add_format({"bold": True, "top": 1, "num_format": MONEY}),
    )
    sheet.set_column(0, 0, 12)
    sheet.set_column(1, 1, 48)
    sheet.set_column(2, 1 + 2 * len(table.days), 20)
    sheet.write_string(0, 0, table.title, bold)
    sheet.write_string(1, 0, table.organization.name[:CELL_MAX])
    sheet.write_string(2, 0, f"Amounts in {table.organization.functional_currency}, {table.notes[0]}", muted)
    for at, text in enumerate(("Account", "Name")):
        sheet.write_string(4, at, text, book.add_format(names))
    for at, text in enumerate(f"{side} {day}" for day in table.days for side in ("Debit", "Credit")):
        sheet.write_string(4, 2 + at, text, heads)
    sheet.freeze_panes(5, 2)
    set_for_print(sheet, 4, wide=len(table.days) > 1)
    for line, row in enumerate(table.rows, start=5):
        sheet.write_string(line, 0, row.code)
        sheet.write_string(line, 1, row.name[:CELL_MAX])
        for at, value in enumerate(side for pair in row.sides for side in pair):
            if value and as_number(value):
                sheet.write_number(line, 2 + at, value, amount)
            elif value:  # more digits than a program of tables keeps: as text it keeps them all
                sheet.write_string(line, 2 + at, format(value, "f"), amount)
    last = 5 + len(table.rows)
    sheet.write_string(last, 1, "Total", total)
    for at in range(2 * len(table.days)):
        column, said = chr(ord("C") + at), table.total(at // 2, at % 2)
        if all(as_number(row.sides[at // 2][at % 2]) for row in table.rows) and table.rows:
            sheet.write_formula(last, 2 + at, f"=SUM({column}6:{column}{last})", total, said)
        else:
            sheet.write_string(last, 2 + at, format(said, "f"), total)
    for at, note in enumerate(table.notes[1:]):
        sheet.write_string(last + 2 + at, 0, note, muted)
    book.close()


def _trial_pdf(table: TrialBalance, path: Path) -> None:
    pages = PdfPages(path, title=table.title, organization=table.organization.name, about=table.notes[0], wide=len(table.days) > 1)
    head = [
        "Account",
        f"Amounts in {table.organization.functional_currency}",
        *(f"{side} {day}" for day in table.days for side in ("Debit", "Credit")),
    ]
    rows = [[row.code, pages.words(row.name, "row"), *(money(side) if side else "" for pair in row.sides for side in pair)] for row in table.rows]
    rows.append(["", "Total", *(money(table.total(column, side)) for column in range(len(table.days)) for side in (0, 1))])
    count = 2 * len(table.days)
    widths = [20, pages.width_mm - 20 - 33 * count, *[33] * count]
    style = [*_TABLE, ("ALIGN", (2, 0), (-1, -1), "RIGHT"), *_total(len(rows))]
    pages.table(head, rows, widths, style)
    pages.close([*map(sentence, table.notes[:1]), *table.notes[1:]])


_TRIAL_WRITERS: dict[str, Callable[[TrialBalance, Path], None]] = {"csv": _trial_csv, "xlsx": _trial_xlsx, "pdf": _trial_pdf}


# ---- general ledger --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """The lines of some accounts, each account between the balance before and the balance behind them; read page by page."""

    uow: UnitOfWork
    organization: Organization
    scopes: tuple[LedgerScope, ...]
    known_at: datetime

    @property
    def title(self) -> str:
        scope = self.scopes[0] if self.scopes else None
        first, last = (scope.date_from if scope else None), (scope.as_of.at if scope else None)
        days = f"{first or 'the beginning'} to {last or 'the last entry'}"
        return f"General ledger, {days}"

    async def table(self) -> AsyncIterator[Rows]:
        """A row for each line, with a value for each of `LEDGER_COLUMNS`; an account begins with its opening balance and ends with its closing."""
        org, currency = self.organization, self.organization.functional_currency
        accounts = {account.code: account.name for account in await ledger.accounts(org.id)}
        names = {wallet.id: wallet.name for wallet in await wallets.active(org.id)}
        for scope in self.scopes:
            code, last_day = scope.account_code, scope.as_of.at
            closing, edge = ZERO, partial(_edge, code, accounts.get(code, ""), currency)
            cursor, begun = None, False
            while not begun or cursor is not None:
                page = await as_of.general_ledger(org.id, self.uow, scope, PageRequest(limit=PAGE, sort="date", descending=False, cursor=cursor))
                if not begun:
                    yield [edge(scope.date_from, "Opening balance", less(page.opening.debit, page.opening.credit))]
                begun, cursor, closing = True, page.next_cursor, less(page.closing.debit, page.closing.credit)
                missing = {row.line.wallet_id for row in page.lines if row.line.wallet_id} - names.keys()
                if missing:  # wallets that were removed still have their history
                    names |= {wallet.id: wallet.name for wallet in await wallets.by_ids(org.id, sorted(missing))}
                yield [_ledger_row(row, accounts.get(code, ""), currency, names) for row in page.lines]
            yield [edge(last_day, "Closing balance", closing)]


def _edge(code: str, name: str, currency: str, day: date | None, said: str, balance: Decimal) -> list[str | Decimal | None]:
    blank: list[str | Decimal | None] = [None] * len(LEDGER_COLUMNS)
    for column, value in (("account_code", code), ("account_name", name), ("description", said), ("balance", balance), ("currency", currency)):
        blank[LEDGER_COLUMNS.index(column)] = value
    blank[LEDGER_COLUMNS.index("date")] = day.isoformat() if day else None
    return blank


def _ledger_row(row: as_of.LedgerLine, account: str, currency: str, names: dict[str, str]) -> list[str | Decimal | None]:
    entry, line = row.entry, row.line
    return [
        *(
            line.account_code,
            account,
            entry.date.isoformat(),
            entry.id,
            entry.description,
            line.description,
            entry.reference,
            entry.source_kind.value,
        ),
        *(line.debit or None, line.credit or None, row.balance, currency, line.asset, line.quantity),
        *(names.get(line.wallet_id, line.wallet_id) if line.wallet_id else None, entry.transaction_hash),
        entry.posted_at.isoformat().replace("+00:00", "Z") if entry.posted_at else None,
    ]


async def export_general_ledger(uow: UnitOfWork, clock: Clock, org_id: str, scope: LedgerScope, *, form: str) -> LedgerFile:
    """`scope` with an empty account: every account that has lines. As the books are known now, or at its instant: while it is read nothing is added.
    Recorded before the first row leaves. NotFound."""
    organization, now = await _organization(org_id), clock.now()
    known = scope.as_of.known_at or now
    until = AsOf(scope.as_of.at, known)
    codes = [scope.account_code] if scope.account_code else [row.account_code for row in await as_of.trial_balance(org_id, uow, until)]
    scopes = tuple(LedgerScope(code, scope.wallet_id, scope.asset, scope.date_from, until) for code in codes)
    after: dict[str, object] = {"format": form, "account_code": scope.account_code, "wallet_id": scope.wallet_id, "asset": scope.asset}
    await _noted(uow, clock, org_id, "general_ledger.exported", f"The general ledger was taken along as {form}.", after)
    return LedgerFile(uow, organization, scopes, known)


async def general_ledger_pdf(file: LedgerFile, *, lines_max: int = PDF_LINES_MAX) -> bytes:
    """TooManyLines."""
    accounts: list[tuple[str, str, list[Sequence[str | Decimal | None]]]] = []
    count = 0
    async for rows in file.table():
        count += len(rows)
        if count > lines_max:
            raise TooManyLines(lines_max)
        for row in rows:
            if not accounts or accounts[-1][0] != row[0]:
                accounts.append((str(row[0]), str(row[1]), []))
            accounts[-1][2].append(row)
    return await _written(partial(_ledger_pdf, file, accounts))


def _ledger_pdf(file: LedgerFile, accounts: Sequence[tuple[str, str, list[Sequence[str | Decimal | None]]]], path: Path) -> None:
    pages = PdfPages(path, title=file.title, organization=file.organization.name, about=_known(file.known_at), wide=True)
    currency = file.organization.functional_currency
    widths = [20, pages.width_mm - 20 - 42 - 46 - 3 * 32, 42, 46, 32, 32, 32]
    for code, name, rows in accounts:
        pages.heading(f"{code}  {name}")
        # On every page: whose lines these are.
        head = ["Date", f"Description, account {code}", "Wallet", "Quantity", "Debit", "Credit", f"Balance {currency}"]
        pages.table(head, [_printed(pages, row) for row in rows], widths, [*_TABLE, ("ALIGN", (3, 0), (-1, -1), "RIGHT")])
    if not accounts:
        pages.add(pages.words("Nothing was posted in this time."))
    pages.close([sentence(_known(file.known_at)), f"Amounts in {currency}."])


def _printed(pages: PdfPages, row: Sequence[str | Decimal | None]) -> list[Any]:
    told = dict(zip(LEDGER_COLUMNS, row, strict=True))
    quantity = f"{told['quantity']:,f} {told['asset']}" if isinstance(told["quantity"], Decimal) else ""
    amounts = [money(value) if isinstance(value := told[name], Decimal) else "" for name in ("debit_amount", "credit_amount", "balance")]
    words = [pages.words(str(told[name] or ""), "row") for name in ("description", "wallet")]
    return [told["date"] or "", *words, pages.words(quantity, "row numbers"), *amounts]


# ---- certificate -----------------------------------------------------------------------------------------------------------------


async def export_certificate(uow: UnitOfWork, clock: Clock, org_id: str, period: str, titles: Mapping[str, str]) -> BookFile:
    """Of the last closing of a month, as PDF. NotFound where it was never closed."""
    organization, found = await _organization(org_id), await period_store.certificates(org_id, period)
    if not found:
        raise NotFound
    content = await _written(partial(_certificate_pdf, organization, found[0], titles))
    told = f"The certificate of {period} was taken along as pdf."
    await _noted(uow, clock, org_id, "certificate.exported", told, {"format": "pdf", "period": period, "certificate_id": found[0].id})
    return BookFile(f"certificate-{period}.pdf", content)


def _certificate_pdf(organization: Organization, row: PeriodCertificate, titles: Mapping[str, str], path: Path) -> None:
    pages = PdfPages(path, title=f"Certificate for {row.period}", organization=organization.name, about=row.id)
    facts = (
        ("Closed through", row.closed_through.isoformat()),
        ("Closed by", f"{row.issuer}, {row.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"),
        ("Entries of the month", f"{row.entries:,}"),
        ("Head of the seals", f"{row.seal_seq}:{row.seal_hash}"),
        ("Certificate", row.id),
        ("SHA-256 of it", row.digest),
    )
    plain = [command for command in _TABLE if command[0] != "BACKGROUND" and command[1:3] != ((0, 0), (-1, 0))]
    told = [[label, pages.words(value, "row")] for label, value in facts]
    pages.table(told[0], told[1:], [42, pages.width_mm - 42], plain)
    pages.heading("What was found")
    checks = [
        [titles.get(check.name, check.name), pages.words(check.detail, "row"), "passed" if check.passed else "not passed"] for check in row.checks
    ]
    pages.table(["Check", "Detail", ""], checks, [36, pages.width_mm - 36 - 22, 22], _TABLE)
    pages.heading(f"Accounts at {row.closed_through}")
    sums = [
        [one.account_code, pages.words(one.name, "row"), *(money(side) if side else "" for side in (one.debit, one.credit))] for one in row.totals
    ]
    sums.append(["", "Total", *(money(add_exactly([getattr(one, side) for one in row.totals])) for side in ("debit", "credit"))])
    style = [*_TABLE, ("ALIGN", (2, 0), (-1, -1), "RIGHT"), *_total(len(sums))]
    pages.table(["Account", "", f"Debit {row.currency}", f"Credit {row.currency}"], sums, [20, pages.width_mm - 20 - 68, 34, 34], style)
    pages.space(14)
    pages.table(["Date and signature", ""], [], [70, 70], [("LINEABOVE", (0, 0), (0, 0), 0.5, LINE), ("FONTSIZE", (0, 0), (-1, -1), 8)])
    pages.close()
