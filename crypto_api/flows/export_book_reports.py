"""The trial balance and the certificate of a closed month as files. That they were taken along is itself recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import xlsxwriter

from crypto_api.flows.anchor_seal import anchor_words
from crypto_api.flows.book_files import TABLE, BookFile, as_known, noted, organization_of, total_style, written
from crypto_api.kit.amounts import add_exactly, change_of, percent_of
from crypto_api.kit.clock import Clock
from crypto_api.kit.csv_text import csv_line
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.pdf_pages import LINE, PdfPages, change_words, money, sentence
from crypto_api.kit.xlsx_text import CELL_MAX, OPTIONS, as_number, set_for_print
from crypto_api.ledger import anchor_store, period_store, seal_store
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import PeriodCertificate, SealAnchor
from crypto_api.ledger.types import AsOf, GateCheck
from crypto_api.organizations.documents import Organization
from crypto_api.reports import as_of
from mongodb_config.unit_of_work import UnitOfWork

ZERO = Decimal(0)
MONEY = "#,##0.00;[Red]-#,##0.00"
PERCENT = "+0.0%;[Red]-0.0%;0.0%"
# ---- trial balance ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TrialRow:
    """An account with what is left of its postings on the side where it stands, in each column of days."""

    code: str
    name: str
    sides: tuple[tuple[Decimal, Decimal], ...]  # debit, credit

    @property
    def change(self) -> Decimal:
        """Of its balance since the earlier day beside: more to debit is above zero."""
        (debit, credit), (debit_before, credit_before) = self.sides
        return add_exactly([debit, credit.copy_negate(), debit_before.copy_negate(), credit_before])

    @property
    def part(self) -> Decimal | None:
        """Of the balance that was; None where none was."""
        before = add_exactly([self.sides[1][0], self.sides[1][1].copy_negate()])
        return change_of(add_exactly([before, self.change]), before)


@dataclass(frozen=True, slots=True)
class TrialBalance:
    organization: Organization
    days: tuple[str, ...]
    rows: tuple[TrialRow, ...]
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"Trial balance, {self.days[0]}"

    @property
    def compared(self) -> bool:
        return len(self.days) > 1

    def total(self, column: int, side: int) -> Decimal:
        return add_exactly([row.sides[column][side] for row in self.rows])


async def export_trial_balance(
    uow: UnitOfWork, clock: Clock, org_id: str, *, form: str, at: date | None, known_at: datetime | None, compare_to: date | None
) -> BookFile:
    """`form` is pdf, xlsx or csv. With `compare_to` an earlier day in columns beside it. NotFound, InvalidInput."""
    if compare_to is not None and at is not None and compare_to >= at:
        raise InvalidInput.of("compare_to", "must lie before the day of the trial balance", "wrong_order")
    organization, now = await organization_of(org_id), clock.now()
    columns = [at] if compare_to is None else [at, compare_to]
    found = [{row.account.code: row for row in await as_of.standings(org_id, uow, AsOf(day, known_at))} for day in columns]
    rows = [
        TrialRow(account.code, account.name, tuple(_sides(part.get(account.code)) for part in found))
        for account in await ledger.accounts(org_id)
        if any(account.code in part for part in found)
    ]
    head = await seal_store.head(org_id)
    notes = [as_known(known_at or now), *([f"Sealed up to entry {head.seq}: {head.hash}"] if head.seq else [])]
    table = TrialBalance(organization, tuple(day.isoformat() if day else "all days" for day in columns), tuple(rows), tuple(notes))
    content = await written(partial(_TRIAL_WRITERS[form], table))
    day = (at or now.date()).isoformat()
    await noted(uow, clock, org_id, "trial_balance.exported", f"The trial balance of {day} was taken along as {form}.", {"format": form, "at": day})
    return BookFile(f"trial-balance-{day}.{form}", content)


def _sides(row: as_of.AccountStanding | None) -> tuple[Decimal, Decimal]:
    return (row.debit, row.credit) if row is not None else (ZERO, ZERO)


def _trial_csv(table: TrialBalance, path: Path) -> None:
    head = [f"{side} {day}" for day in table.days for side in ("debit", "credit")]
    head += ["change", "change in percent"] if table.compared else []
    lines = [csv_line(["account_code", "account_name", "currency", *head])]
    currency = table.organization.functional_currency
    for row in table.rows:
        changes = [row.change, percent_of(row.part, 4) if row.part is not None else None] if table.compared else []
        lines.append(csv_line([row.code, row.name, currency, *(side or None for pair in row.sides for side in pair), *changes]))
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
    sheet.set_column(2, 3 + 2 * len(table.days), 20)
    part = book.add_format({"num_format": PERCENT})
    sheet.write_string(0, 0, table.title, bold)
    quoted = book.add_format({"quote_prefix": True})  # names are people's words: text, also for whoever edits the cell
    sheet.write_string(1, 0, table.organization.name[:CELL_MAX], quoted)
    sheet.write_string(2, 0, f"Amounts in {table.organization.functional_currency}, {table.notes[0]}", muted)
    for at, text in enumerate(("Account", "Name")):
        sheet.write_string(4, at, text, book.add_format(names))
    for at, text in enumerate(f"{side} {day}" for day in table.days for side in ("Debit", "Credit")):
        sheet.write_string(4, 2 + at, text, heads)
    for at, text in enumerate(("Change", "Change in percent") if table.compared else ()):
        sheet.write_string(4, 6 + at, text, heads)
    sheet.freeze_panes(5, 2)
    set_for_print(sheet, 4, wide=len(table.days) > 1)
    for line, row in enumerate(table.rows, start=5):
        sheet.write_string(line, 0, row.code)
        sheet.write_string(line, 1, row.name[:CELL_MAX], quoted)
        for at, value in enumerate(side for pair in row.sides for side in pair):
            if value and as_number(value):
                sheet.write_number(line, 2 + at, value, amount)
            elif value:  # more digits than a program of tables keeps: as text it keeps them all
                sheet.write_string(line, 2 + at, format(value, "f"), amount)
        if table.compared and all(as_number(side) for pair in row.sides for side in pair):
            now, before = f"(C{line + 1}-D{line + 1})", f"(E{line + 1}-F{line + 1})"
            sheet.write_formula(line, 6, f"={now}-{before}", amount, row.change)
            sheet.write_formula(line, 7, f'=IF({before}=0,"",({now}-{before})/ABS({before}))', part, "" if row.part is None else row.part)
        elif table.compared:
            sheet.write_string(line, 6, format(row.change, "f"), amount)
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
        *(["Change", "%"] if table.compared else []),
    ]
    blanks = ["", ""] if table.compared else []
    rows = [
        [
            row.code,
            pages.words(row.name, "row"),
            *(money(side) if side else "" for pair in row.sides for side in pair),
            *(change_words(row.change, row.part) if table.compared else ()),
        ]
        for row in table.rows
    ]
    rows.append(["", "Total", *(money(table.total(column, side)) for column in range(len(table.days)) for side in (0, 1)), *blanks])
    count = 2 * len(table.days)
    widths = [20, pages.width_mm - 20 - 33 * count - (50 if table.compared else 0), *[33] * count, *([30, 20] if table.compared else [])]
    style = [*TABLE, ("ALIGN", (2, 0), (-1, -1), "RIGHT"), *total_style(len(rows))]
    pages.table(head, rows, widths, style)
    pages.close([*map(sentence, table.notes[:1]), *table.notes[1:]])


_TRIAL_WRITERS: dict[str, Callable[[TrialBalance, Path], None]] = {"csv": _trial_csv, "xlsx": _trial_xlsx, "pdf": _trial_pdf}


# ---- certificate -----------------------------------------------------------------------------------------------------------------


async def export_certificate(uow: UnitOfWork, clock: Clock, org_id: str, period: str, titles: Mapping[str, str]) -> BookFile:
    """Of the last closing of a month, as PDF. NotFound where it was never closed."""
    organization, found = await organization_of(org_id), await period_store.certificates(org_id, period)
    if not found:
        raise NotFound
    anchor = await anchor_store.covering(org_id, found[0].seal_seq)
    content = await written(partial(_certificate_pdf, organization, found[0], anchor, titles))
    told = f"The certificate of {period} was taken along as pdf."
    await noted(uow, clock, org_id, "certificate.exported", told, {"format": "pdf", "period": period, "certificate_id": found[0].id})
    return BookFile(f"certificate-{period}.pdf", content)


async def export_checklist(
    uow: UnitOfWork, clock: Clock, org_id: str, period: str, checks: Sequence[GateCheck], titles: Mapping[str, str]
) -> BookFile:
    """Of a month that is not closed, as PDF: what was found a moment ago, with room for who works it off. NotFound."""
    organization, now = await organization_of(org_id), clock.now()
    content = await written(partial(_checklist_pdf, organization, period, checks, titles, now))
    told, after = f"The checklist of {period} was taken along as pdf.", {"format": "pdf", "period": period}
    await noted(uow, clock, org_id, "checklist.exported", told, dict[str, object](after))
    return BookFile(f"checklist-{period}.pdf", content)


def _checklist_pdf(
    organization: Organization, period: str, checks: Sequence[GateCheck], titles: Mapping[str, str], now: datetime, path: Path
) -> None:
    about = f"as found on {now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    pages = PdfPages(path, title=f"Closing checklist for {period}", organization=organization.name, about=about)
    open_checks = sum(not check.passed for check in checks)
    noun = "check keeps" if open_checks == 1 else "checks keep"
    pages.add(pages.words(f"{open_checks} {noun} the month open." if open_checks else "Nothing keeps the month open."))
    pages.space(3)
    rows = [[titles.get(check.name, check.name), pages.words(check.detail, "row"), "passed" if check.passed else "open", ""] for check in checks]
    widths = [34, pages.width_mm - 34 - 16 - 40, 16, 40]
    style = [("FONTNAME", (2, at), (2, at), "Helvetica-Bold") for at, check in enumerate(checks, start=1) if not check.passed]
    pages.table(["Check", "What was found", "State", "Done by, on"], rows, widths, [*TABLE, *style])
    pages.close([sentence(about), "It is no certificate: closing the month looks at everything again."])


def _certificate_pdf(organization: Organization, row: PeriodCertificate, anchor: SealAnchor | None, titles: Mapping[str, str], path: Path) -> None:
    pages = PdfPages(path, title=f"Certificate for {row.period}", organization=organization.name, about=row.id)
    facts = (
        ("Closed through", row.closed_through.isoformat()),
        ("Closed by", f"{row.issuer}, {row.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"),
        ("Entries of the month", f"{row.entries:,}"),
        ("Head of the seals", f"{row.seal_seq}:{row.seal_hash}"),
        *([("Anchored on chain", anchor_words(anchor))] if anchor is not None else []),
        ("Certificate", row.id),
        ("SHA-256 of it", row.digest),
    )
    plain = [command for command in TABLE if command[0] != "BACKGROUND" and command[1:3] != ((0, 0), (-1, 0))]
    told = [[label, pages.words(value, "row")] for label, value in facts]
    pages.table(told[0], told[1:], [42, pages.width_mm - 42], plain)
    pages.heading("What was found")
    checks = [
        [titles.get(check.name, check.name), pages.words(check.detail, "row"), "passed" if check.passed else "not passed"] for check in row.checks
    ]
    pages.table(["Check", "Detail", ""], checks, [36, pages.width_mm - 36 - 22, 22], TABLE)
    pages.heading(f"Accounts at {row.closed_through}")
    sums = [
        [one.account_code, pages.words(one.name, "row"), *(money(side) if side else "" for side in (one.debit, one.credit))] for one in row.totals
    ]
    sums.append(["", "Total", *(money(add_exactly([getattr(one, side) for one in row.totals])) for side in ("debit", "credit"))])
    style = [*TABLE, ("ALIGN", (2, 0), (-1, -1), "RIGHT"), *total_style(len(sums))]
    pages.table(["Account", "", f"Debit {row.currency}", f"Credit {row.currency}"], sums, [20, pages.width_mm - 20 - 68, 34, 34], style)
    pages.space(14)
    pages.table(["Date and signature", ""], [], [70, 70], [("LINEABOVE", (0, 0), (0, 0), 0.5, LINE), ("FONTSIZE", (0, 0), (-1, -1), 8)])
    pages.close()
