"""Allowances, bonuses and deductions as rows of a form: what is filled in, and what a payslip or a pay profile makes of it. A row without a name and
an amount is no row, so there are always empty ones to fill in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.forms import Form
from crypto_api.dashboard.translation import gettext
from crypto_api.payroll.types import AMOUNT_MAX, ITEMS_MAX, Deduction, Earning, EarningKind

KINDS = {EarningKind.BONUS: _("Bonus"), EarningKind.ALLOWANCE: _("Allowance"), EarningKind.OVERTIME: _("Overtime"), EarningKind.BASIC: _("Basic pay")}
_SPARE = 2  # empty rows at the end
_PLACES = 3  # ISO 4217 has no more


@dataclass(frozen=True)
class ItemRow:
    """`flag`: untaxed, of an earning; before the tax, of a deduction."""

    kind: str = ""
    name: str = ""
    amount: str = ""
    flag: bool = False
    said: str = ""  # what is wrong with it


def earning_rows(items: Sequence[Earning]) -> list[ItemRow]:
    return _spared([ItemRow(item.kind.value, item.name, number_formats.active().typed(item.amount), not item.taxable) for item in items])


def deduction_rows(items: Sequence[Deduction]) -> list[ItemRow]:
    return _spared([ItemRow("", item.name, number_formats.active().typed(item.amount), item.before_tax) for item in items])


def read_earnings(form: Form, kinds: Collection[EarningKind] = KINDS) -> tuple[list[Earning], list[ItemRow]]:
    """What was filled in, and the rows to be shown again where something is wrong (`form.errors`)."""
    found, shown = [], []
    for row, amount in _read(form, "earning"):
        kind = row.kind or EarningKind.ALLOWANCE.value
        if kind not in kinds:
            form.wrong("earning", gettext("are of none of those kinds"))
        elif not row.said:
            found.append(Earning(kind=EarningKind(kind), name=row.name, amount=amount, taxable=not row.flag))
        shown.append(row)
    return found, _spared(shown)


def read_deductions(form: Form) -> tuple[list[Deduction], list[ItemRow]]:
    read = _read(form, "deduction")
    found = [Deduction(name=row.name, amount=amount, before_tax=row.flag) for row, amount in read if not row.said]
    return found, _spared([row for row, _ in read])


def _read(form: Form, what: str) -> list[tuple[ItemRow, Decimal]]:
    post = form.request.POST
    kinds, flags = post.getlist(f"{what}_kind"), set(post.getlist(f"{what}_flag"))
    given = list(zip(post.getlist(f"{what}_name"), post.getlist(f"{what}_amount"), strict=False))[: ITEMS_MAX + 1]
    if len(given) > ITEMS_MAX + _SPARE:
        form.wrong(what, gettext("are more than %(n)s") % {"n": ITEMS_MAX})
    rows = []
    for number, (name, amount) in enumerate(given):
        form.given |= {f"{what}_name_{number}": name.strip(), f"{what}_amount_{number}": amount.strip()}
        if not (name.strip() or amount.strip()):
            continue
        form.line(f"{what}_name_{number}")
        value = payable(form, f"{what}_amount_{number}")
        wrong = [said % {"said": form.errors[key]} for part, said in _wrong().items() if (key := f"{what}_{part}_{number}") in form.errors]
        kind = kinds[number] if number < len(kinds) else ""
        rows.append((ItemRow(kind, name.strip(), amount.strip(), str(number) in flags, " ".join(wrong)), value))
    return rows


def _wrong() -> dict[str, str]:
    return {"name": gettext("The name %(said)s."), "amount": gettext("The amount %(said)s.")}


def payable(form: Form, name: str, *, otherwise: str = "", most: Decimal = AMOUNT_MAX, places: int = _PLACES) -> Decimal:
    """An amount that may be paid, or a part in per cent."""
    try:
        value = form.numbers.read(form[name] or otherwise)
    except ValueError:
        form.wrong(name, gettext("must be a number such as %(example)s") % {"example": form.numbers.typed("1234.50")})
        return Decimal(0)
    if value > most or value != value.quantize(Decimal(1).scaleb(-places)):
        form.wrong(name, gettext("is too large, or has more than %(n)s decimals") % {"n": places})
    return value


def _spared(rows: list[ItemRow]) -> list[ItemRow]:
    return [*rows, *(ItemRow() for _ in range(_SPARE))]
