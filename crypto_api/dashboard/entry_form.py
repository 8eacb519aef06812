"""A journal entry as a form: everything is text, lines are repeated fields, an empty line is none."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.http import HttpRequest

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.forms import Form, refusal_in_words
from crypto_api.dashboard.number_formats import NumberFormat
from crypto_api.dashboard.translation import gettext
from crypto_api.kit.amounts import is_exact, text, to_functional
from crypto_api.kit.errors import InvalidInput
from crypto_api.ledger.documents import Account, JournalEntry
from crypto_api.ledger.rules import LINES_MAX
from crypto_api.ledger.types import EntryDraft, Line, Source, SourceKind

DESCRIPTION_MAX = 200
TEXT_MAX = 2_000
COLUMNS = ("account", "note", "debit", "credit", "asset", "quantity")
ROWS_MIN = 4
SPARE_ROWS = 2
_COLUMN_OF = {"account_code": "account", "debit_amount": "debit", "credit_amount": "credit"}


@dataclass(slots=True)
class FormRow:
    number: int  # from 1, as a person counts
    given: Mapping[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return not any(self.given.values())


class EntryForm:
    """What was typed, what is wrong with it, and the draft that it stands for."""

    def __init__(self, request: HttpRequest) -> None:
        self.form = Form(request, "date", "description", "reference")
        columns = {name: request.POST.getlist(name)[: LINES_MAX + 1] for name in COLUMNS}
        count = max(map(len, columns.values()), default=0)
        self.rows = [FormRow(i + 1, {name: values[i].strip() if i < len(values) else "" for name, values in columns.items()}) for i in range(count)]
        self.problem = ""

    @classmethod
    def of(cls, request: HttpRequest, entry: JournalEntry) -> "EntryForm":
        made = cls(request)
        made.form.given = {"date": entry.date.isoformat(), "description": entry.description, "reference": entry.reference}
        made.rows = [FormRow(number, _as_typed(line)) for number, line in enumerate(entry.lines, 1)]
        return made

    def draft(self, accounts: Sequence[Account]) -> EntryDraft | None:
        """None when something is wrong, which then stands at its field. `accounts`: those that can be named instead of given by code."""
        codes = _codes(accounts)
        description, reference = self.form.line("description", most=DESCRIPTION_MAX), self.form.prose("reference", most=TEXT_MAX)
        day = self.form.day("date")
        if day is None:
            self.form.wrong("date", gettext("is needed"))
        numbers = self.form.numbers
        lines = [_line(row, codes, numbers) for row in self.filled()]
        if len(lines) > LINES_MAX:
            self.problem = gettext("An entry has at most %(n)s lines.") % {"n": LINES_MAX}
        if len(lines) < 2 and not self.problem:
            self.problem = gettext("An entry has at least two lines.")
        if day is None or self.form.errors or self.problem or any(row.errors for row in self.rows):
            return None
        source = Source(kind=SourceKind.MANUAL, id="", purpose="manual")
        return EntryDraft(date=date.fromisoformat(day), description=description, reference=reference, source=source, lines=lines)

    def refused(self, error: InvalidInput) -> None:
        """Puts what the books refused at its line; what belongs to none stands above the form."""
        filled, rest = self.filled(), []
        for row in error.errors:
            _, _, place = row.field.partition("line_items.")
            number, _, column = place.partition(".")
            if number.isdecimal() and int(number) < len(filled):
                filled[int(number)].errors.setdefault(_COLUMN_OF.get(column, "account"), refusal_in_words(row.message))
            else:
                said = refusal_in_words(row.message)
                rest.append(said[:1].upper() + said[1:])
        self.problem = " ".join(f"{text}." for text in rest)

    def filled(self) -> list[FormRow]:
        return [row for row in self.rows if not row.empty]

    @property
    def wrong(self) -> bool:
        return bool(self.form.errors or self.problem or any(row.errors for row in self.rows))

    def values(self) -> dict[str, object]:
        """For the template: what was typed, and some empty lines behind it."""
        rows = self.filled()
        for number, row in enumerate(rows, 1):
            row.number = number
        spare = max(ROWS_MIN - len(rows), SPARE_ROWS)
        rows += [FormRow(len(rows) + i + 1, dict.fromkeys(COLUMNS, "")) for i in range(spare)]
        return {"given": self.form.given, "errors": self.form.errors, "lines": rows, "problem": self.problem}


def _as_typed(line: Line) -> dict[str, str]:
    numbers = number_formats.active()
    return {
        "account": line.account_code,
        "note": line.description,
        "debit": numbers.typed(text(line.debit)) if line.debit else "",
        "credit": numbers.typed(text(line.credit)) if line.credit else "",
        "asset": line.asset or "",
        "quantity": "" if line.quantity is None else numbers.typed(text(line.quantity)),
    }


def _codes(accounts: Sequence[Account]) -> Mapping[str, str]:
    """What may be typed for an account → its code: the code, or the name in any case where only one has it."""
    names, by_code = Counter(row.name.casefold() for row in accounts), {row.code.casefold(): row.code for row in accounts}
    return {row.name.casefold(): row.code for row in accounts if names[row.name.casefold()] == 1} | by_code


def _line(row: FormRow, codes: Mapping[str, str], numbers: NumberFormat) -> Line:
    """What is wrong with it stands in `row.errors`."""
    given = row.given
    typed = given["account"].split(" ", 1)[0]  # a list offers "5300 Suppliers and services"
    code = codes.get(given["account"].casefold(), typed)
    if not code:
        row.errors["account"] = gettext("is needed")
    if len(given["note"]) > TEXT_MAX:
        row.errors["note"] = gettext("is too long")
    debit, credit, quantity = _amount(row, "debit", numbers), _amount(row, "credit", numbers), _quantity(row, numbers)
    return Line(account_code=code, debit=debit, credit=credit, asset=given["asset"] or None, quantity=quantity, description=given["note"][:TEXT_MAX])


def _amount(row: FormRow, side: str, numbers: NumberFormat) -> Decimal:
    typed = row.given[side]
    if not typed:
        return Decimal(0)
    try:
        value = numbers.read(typed)
    except ValueError:
        row.errors[side] = gettext("must be an amount such as %(example)s") % {"example": numbers.typed("1234.50")}
        return Decimal(0)
    if not is_exact(value) or to_functional(value) != value:
        row.errors[side] = gettext("must have at most 8 decimals")
    return value


def _quantity(row: FormRow, numbers: NumberFormat) -> Decimal | None:
    typed = row.given["quantity"]
    if not typed:
        return None
    try:
        return numbers.read(typed, signed=True)
    except ValueError:
        row.errors["quantity"] = gettext("must be a quantity such as %(example)s") % {"example": numbers.typed("-0.25")}
        return None
