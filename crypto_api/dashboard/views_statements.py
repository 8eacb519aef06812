"""Statements: the form that makes one, those that were made, and what one says, each amount with its way to the general ledger."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.statement_words import STATEMENT, changes_of, columns_of, days_of, name_of, row_name
from crypto_api.dashboard.translation import gettext, pgettext
from crypto_api.flows.export_statement import export_statement, notes_of
from crypto_api.flows.make_statement import NAMES
from crypto_api.flows.order_book_report import request_statement
from crypto_api.flows.roll_forward import changes_behind
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import Conflict, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.kit.table_files import CSV, XLSX
from crypto_api.ledger import anchor_store
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity
from crypto_api.statements import rules, store
from crypto_api.statements.changes import Change, change_between, pairs_of
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.roll_forward import NAMES as ROLL_NAMES
from crypto_api.statements.types import Asked, Column, Detail, Measure, Row, RowKind, StatementKind

FORMS = {"pdf": "application/pdf", "xlsx": XLSX, "csv": CSV}
FIELDS = ("kind", "as_of", "start_date", "end_date", "compare_to", "by")
DIVISIONS = {Detail.ASSET: _("Each asset"), Detail.WALLET: _("Each asset in each wallet")}


@dataclass(frozen=True, slots=True)
class Made:
    """A statement in the list."""

    report: FinancialReport

    @property
    def name(self) -> str:
        return name_of(self.report.kind)

    @property
    def days(self) -> str:
        return days_of(self.report.kind, self.report.columns[0])

    @property
    def compared(self) -> str:
        of_a_period = 1 if self.report.detail is None else len(Measure)
        return days_of(self.report.kind, self.report.columns[of_a_period]) if len(self.report.columns) > of_a_period else ""


@dataclass(frozen=True, slots=True)
class Cell:
    amount: Decimal | None
    is_quantity: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a statement; `link` opens what an account's amount consists of."""

    row: Row
    link: str
    cells: list[Cell]
    changes: list[Change | None]  # beside an earlier period: None where there is no amount

    @property
    def name(self) -> str:
        return row_name(self.row)

    @property
    def indent(self) -> str:
        return f"indent-{min(self.row.depth, 6)}"


# ---- the list and the form -------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return await _list(visit, _blank(visit))


@page(Permission.LEDGER_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("statements/rows.html", await _rows(visit))


@page(Permission.LEDGER_READ)
async def make(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    form = Form(visit.request, *FIELDS)
    asked = _asked(form)
    if asked is None:
        return await _list(visit, form, status=422)
    try:
        report = await request_statement(visit.runtime.uow, visit.runtime.clock, visit.pricing, visit.org_id, asked, visit.principal.user_id)
    except InvalidInput as error:
        problem = form.refused(error, FIELDS)
        return await _list(visit, form, status=422, problem=problem)
    except Conflict as error:
        return await _list(visit, form, status=error.status, problem=error.detail)
    if not isinstance(report, FinancialReport):
        return redirect("/exports/?done=ordered#long-reports")
    return redirect(f"/statements/{report.id}/")


async def _list(visit: Visit, form: Form, *, status: int = 200, **values: object) -> HttpResponse:
    shown = {"given": form.given, "errors": form.errors, "kinds": [(kind, name_of(kind)) for kind in NAMES], "divisions": DIVISIONS.items()}
    return visit.render("statements/list.html", await _rows(visit) | shown | values, status=status)


async def _rows(visit: Visit) -> dict[str, object]:
    wanted = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await store.page(visit.org_id, None, wanted)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    return {"rows": [Made(report) for report in found.items], "next_cursor": found.next_cursor, "first_page": wanted.cursor is None}


def _blank(visit: Visit) -> Form:
    """The fiscal year so far."""
    form = Form(visit.request, *FIELDS)
    today = day_of(visit.runtime.clock.now(), visit.organization.time_zone)
    first, _ = rules.fiscal_year(today, visit.organization.fiscal_year_start)
    form.given |= {
        "kind": StatementKind.BALANCE_SHEET,
        "by": Detail.ASSET,
        "as_of": today.isoformat(),
        "start_date": first.isoformat(),
        "end_date": today.isoformat(),
    }
    return form


def _asked(form: Form) -> Asked | None:
    kind = form.one_of("kind", NAMES)
    rolled = kind == StatementKind.CRYPTO_ROLL_FORWARD
    names = ("as_of",) if kind == StatementKind.BALANCE_SHEET else ("start_date", "end_date")
    days = {name: form.day(name) for name in (*names, "compare_to")}
    detail = form.one_of("by", DIVISIONS) if rolled else Detail.ASSET
    for name in names:
        if days[name] is None and name not in form.errors:
            form.wrong(name, gettext("is needed"))
    if form.errors:
        return None
    found = {name: date.fromisoformat(day) for name, day in days.items() if day is not None}
    return Asked(StatementKind(kind), found.get("start_date"), found[names[-1]], found.get("compare_to"), detail=Detail(detail))


# ---- one statement ---------------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_READ)
async def detail_page(visit: Visit, report_id: str) -> HttpResponse:
    report = await store.get(visit.org_id, report_id)
    if report is None:
        raise Http404
    values = {
        "made": Made(report),
        "report": report,
        "columns": columns_of(report),
        "changes": (changes := changes_of(report)),
        "changes_count": len(changes),
        "lines": [_line(report, at) for at in range(len(report.rows))],
        "rolled": report.kind is StatementKind.CRYPTO_ROLL_FORWARD,
        "notes": notes_of(report, None),
        "anchor": await anchor_store.covering(visit.org_id, report.seal_seq),
        "totals": RowKind.TOTAL,
    }
    return visit.render("statements/detail.html", values)


@page(Permission.LEDGER_READ)
async def file(visit: Visit, report_id: str, form: str) -> HttpResponse:
    try:
        made = await export_statement(visit.runtime.uow, visit.runtime.clock, visit.org_id, report_id, form)
    except NotFound as error:
        raise Http404 from error
    response = HttpResponse(made.content, content_type=FORMS[form])
    response["Content-Disposition"] = f'attachment; filename="{made.name}"'
    return response


@page(Permission.LEDGER_READ)
async def behind_page(visit: Visit, report_id: str) -> HttpResponse:
    """The lines that a row of a roll-forward sums: `row` is its number, without one the closing balance of all assets."""
    report = await store.get(visit.org_id, report_id)
    if report is None or report.detail is None:
        raise Http404
    number = _wanted(visit.request.GET.get("row", ""), report)
    row, column = report.rows[number], report.columns[0]
    asked = Asked(report.kind, column.first, column.last, None, report.known_at, report.detail)
    found = await changes_behind(visit.runtime.uow, visit.org_id, asked, row)
    group = next(row_name(report.rows[at]) for at in range(number, -1, -1) if report.rows[at].kind is RowKind.HEADING)
    values = {"made": Made(report), "report": report, "row": row, "name": row_name(row), "group": group, "changes": found.changes, "more": found.more}
    return visit.render(
        "statements/behind.html",
        values
        | {"wallets": await activity.wallet_names(visit.org_id), "names": {reason: pgettext(STATEMENT, name) for reason, name in ROLL_NAMES.items()}},
    )


def _line(report: FinancialReport, at: int) -> Line:
    row = report.rows[at]
    cells = [
        Cell(amount, column.measure is Measure.QUANTITY)
        for amount, column in zip(row.amounts, report.columns, strict=False)  # a heading has none
    ]
    changes = [change_between(row, *pair) for pair in pairs_of(report.columns)] if row.amounts else []
    if report.detail is not None:
        return Line(row, f"/statements/{report.id}/rows/?row={at}" if _opens(row) else "", cells, changes)
    return Line(row, _link(row, report.columns[0]), cells, changes)


def _wanted(said: str, report: FinancialReport) -> int:
    if not said:
        return next(at for at, row in enumerate(report.rows) if row.key == "closing")
    if not said.isascii() or not said.isdigit() or len(said) > 6 or int(said) >= len(report.rows) or not _opens(report.rows[int(said)]):
        raise Http404
    return int(said)


def _opens(row: Row) -> bool:
    """Whether lines of the books stand behind it: not behind what is computed of prices, and not behind a balance that was before."""
    return row.kind is not RowKind.HEADING and row.key not in ("opening", "unrealised", "gains", "losses")


def _link(row: Row, column: Column) -> str:
    if row.account_code is None:
        return ""
    days = {"date_to": column.last.isoformat()} | ({"date_from": column.first.isoformat()} if column.first is not None else {})
    return "/general-ledger/?" + urlencode({"account": row.account_code, **days})
