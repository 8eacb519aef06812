"""Tables by which tax is kept back: which are in force from which day on, and adding one, or the next version of one."""

import re
from datetime import date
from decimal import Decimal

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import CURRENCY_CHOICES, Form
from crypto_api.dashboard.pay_items import payable
from crypto_api.dashboard.translation import gettext
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import CoreError, InvalidInput
from crypto_api.organizations.types import Permission
from crypto_api.payroll import rules, service, store
from crypto_api.payroll.documents import TaxTable
from crypto_api.payroll.types import BRACKETS_MAX, PERCENT_PLACES, Bracket

FIELDS = ("code", "name", "currency", "effective_from", "brackets")
ROWS_LEAST, _SPARE = 5, 2
_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,29}", re.ASCII)
FLASHES = {"added": _("Added. It is in force from its day on; payslips of earlier days of payment keep the version before it.")}


@page(Permission.PAYROLL_READ)
async def list_page(visit: Visit) -> HttpResponse:
    rows = await store.tables(visit.org_id)
    today = day_of(visit.runtime.clock.now(), visit.organization.time_zone)
    values = {
        "tables": [(row, _standing(row, rows, today), _span(row.brackets)) for row in rows],
        "example": (rules.EXAMPLE_CODE, gettext(rules.EXAMPLE_NAME), _span(rules.EXAMPLE_TABLE)),
        "may_write": visit.may(Permission.PAYROLL_WRITE),
        "flash": FLASHES.get(visit.request.GET.get("done", ""), ""),
    }
    return visit.render("payroll/tax_tables.html", values)


def _standing(row: TaxTable, rows: list[TaxTable], today: date) -> str:
    """Of its code the latest that has begun is in force; what begins later waits, what began earlier is behind."""
    if row.effective_from > today:
        return "ahead"
    latest = max(one.effective_from for one in rows if one.code == row.code and one.effective_from <= today)
    return "here" if row.effective_from == latest else "behind"


def _span(brackets: tuple[Bracket, ...] | list[Bracket]) -> list[tuple[Decimal, Decimal | None, Decimal]]:
    """(above, up to, per cent); the last one has no end."""
    ends = [*(one.above for one in brackets[1:]), None]
    return [(one.above, end, one.percent) for one, end in zip(brackets, ends, strict=True)]


@page(Permission.PAYROLL_WRITE)
async def add_page(visit: Visit) -> HttpResponse:
    form = Form(visit.request, *FIELDS)
    if visit.request.method != "POST":
        form.given["currency"] = visit.organization.functional_currency
        return _form(visit, form)
    form.line("name")
    form.one_of("currency", CURRENCY_CHOICES)
    if not _CODE.fullmatch(form["code"]):
        form.wrong("code", gettext("must be up to 30 capital letters, digits, - and _"))
    day, brackets = form.day("effective_from"), _brackets(form)
    if day is None:
        form.wrong("effective_from", gettext("is needed"))
    if form.errors or day is None:
        return _form(visit, form, status=422)
    told = {"code": form["code"], "title": form["name"], "currency": form["currency"], "effective_from": date.fromisoformat(day)}
    runtime, by = visit.runtime, visit.principal.user_id
    try:
        await runtime.uow.run(
            lambda session: service.add_table(session, visit.org_id, **told, brackets=brackets, by=by, now=runtime.clock.now())  # type: ignore[arg-type]
        )
    except InvalidInput as error:
        return _form(visit, form, problem=form.refused(error, FIELDS), status=422)
    except CoreError as error:
        return _form(visit, form, problem=error.detail, status=error.status)
    return redirect("/payroll/tax-tables/?done=added")


def _brackets(form: Form) -> list[Bracket]:
    found = []
    for number, (above, percent) in enumerate(_given(form)):
        form.given |= {f"above_{number}": above, f"percent_{number}": percent}
        if not (above or percent):
            continue
        share = payable(form, f"percent_{number}", most=Decimal(100), places=PERCENT_PLACES)
        found.append(Bracket(above=payable(form, f"above_{number}", otherwise="0"), percent=share))
        if any(name in form.errors for name in (f"above_{number}", f"percent_{number}")):
            form.wrong("brackets", gettext("must be amounts, and at most 100 per cent: row %(n)s is not") % {"n": number + 1})
    if len(found) > BRACKETS_MAX:
        form.wrong("brackets", gettext("are more than %(n)s") % {"n": BRACKETS_MAX})
    return found


def _given(form: Form) -> list[tuple[str, str]]:
    post = form.request.POST
    pairs = zip(post.getlist("above"), post.getlist("percent"), strict=False)
    return [(above.strip(), percent.strip()) for above, percent in pairs][: BRACKETS_MAX + ROWS_LEAST]


def _form(visit: Visit, form: Form, *, status: int = 200, problem: str = "") -> HttpResponse:
    filled = [row for row in _given(form) if any(row)]
    spare = max(ROWS_LEAST - len(filled), _SPARE)
    values = {
        "given": form.given,
        "errors": form.errors,
        "problem": problem,
        "rows": [*filled, *[("", "")] * spare],
        "currencies": CURRENCY_CHOICES,
    }
    return visit.render("payroll/tax_table_add.html", values, status=status)
