"""The tax centre: reports, the form that makes one, and what one says."""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.long_report_rows import shown
from crypto_api.dashboard.lot_words import METHODS, SCOPES, held_for
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.export_tax_report import export_tax_report
from crypto_api.flows.make_tax_report import delete_tax_report, period_asked, request_tax_report
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.kit.table_files import CSV, XLSX
from crypto_api.lots.types import LotMethod, LotScope
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity
from crypto_api.tasks import store as tasks
from crypto_api.tasks.documents import Task
from crypto_api.tax import rules, store
from crypto_api.tax.documents import TaxReport
from crypto_api.tax.tables import REASONS
from crypto_api.tax.types import UNFINISHED, Asked, DisposalRow, IncomeRow, MissingRow, TaxPeriod, TaxReportStatus

PERIODS = {
    TaxPeriod.YEARLY: _("Fiscal year"),
    TaxPeriod.MONTHLY: _("Month"),
    TaxPeriod.WEEKLY: _("Week"),
    TaxPeriod.DAILY: _("Day"),
    TaxPeriod.CUSTOM: _("From and to"),
}
FORMS = {"pdf": "application/pdf", "xlsx": XLSX, "csv": CSV}
FLASHES = {
    "deleted": _("The report was deleted. The books are as they were."),
    "asked": _("The report is being computed. It appears here by itself."),
}
DETAIL_FLASHES = {"ordered": _("The file is being made. It can be taken from here as soon as it is ready."), "asked": FLASHES["asked"]}
FIELDS = ("period", "date", "start_date", "end_date", "method", "scope")


@dataclass(frozen=True, slots=True)
class Row:
    report: TaxReport
    task: Task | None = None  # while it is computed by a worker

    @property
    def method(self) -> str:
        return str(METHODS[self.report.method])

    @property
    def scope(self) -> str:
        return str(SCOPES[self.report.scope])

    @property
    def long_term(self) -> str:
        return held_for(self.report.months)

    @property
    def percent(self) -> int:
        return self.task.progress if self.task is not None else 0

    @property
    def waits(self) -> bool:
        return self.report.status in (TaxReportStatus.QUEUED, TaxReportStatus.RUNNING)


# ---- the list and the form -------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return await _list(visit, _blank(visit), flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.LEDGER_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("tax/rows.html", await _rows(visit))


@page(Permission.LEDGER_WRITE)
async def generate(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    form = Form(visit.request, *FIELDS)
    asked = await _asked(visit, form)
    if asked is None:
        return await _list(visit, form, status=422)
    runtime, you = visit.runtime, visit.principal.user_id
    try:
        made = await request_tax_report(runtime.uow, runtime.clock, visit.org_id, asked, you)
    except InvalidInput as error:
        problem = form.refused(error, FIELDS)
        return await _list(visit, form, status=422, problem=problem)
    except CoreError as error:
        return await _list(visit, form, status=error.status, problem=error.detail)
    return redirect(f"/tax/{made.report.id}/{'?done=asked#long-reports' if made.task is not None else ''}")


async def _list(visit: Visit, form: Form, *, status: int = 200, **values: object) -> HttpResponse:
    shown = {
        "given": form.given,
        "errors": form.errors,
        "methods": METHODS.items(),
        "scopes": SCOPES.items(),
        "periods": PERIODS.items(),
        "may_write": visit.may(Permission.LEDGER_WRITE),
    }
    return visit.render("tax/list.html", await _rows(visit) | shown | values, status=status)


async def _rows(visit: Visit) -> dict[str, object]:
    wanted = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await store.page(visit.org_id, wanted)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    waiting = [report.task_id for report in found.items if report.task_id and report.status in UNFINISHED]
    told = {task.id: task for task in await tasks.by_ids(visit.org_id, waiting)} if waiting else {}
    rows = [Row(report, told.get(report.task_id or "")) for report in found.items]
    return {"rows": rows, "next_cursor": found.next_cursor, "first_page": wanted.cursor is None}


def _blank(visit: Visit) -> Form:
    """Last year is what most reports are about."""
    form = Form(visit.request, *FIELDS)
    today = day_of(visit.runtime.clock.now(), visit.organization.time_zone)
    start, _ = rules.bounds(TaxPeriod.YEARLY, today, visit.organization.fiscal_year_start)
    form.given |= {"period": TaxPeriod.YEARLY, "date": today.isoformat(), "start_date": start.isoformat(), "end_date": today.isoformat()}
    form.given |= {"method": LotMethod.FIFO, "scope": LotScope.WALLET}
    return form


async def _asked(visit: Visit, form: Form) -> Asked | None:
    period, method, scope = form.one_of("period", PERIODS), form.one_of("method", METHODS), form.one_of("scope", SCOPES)
    names = ("start_date", "end_date") if period == TaxPeriod.CUSTOM else ("date",)
    days = [form.day(name) for name in names]
    for name, day in zip(names, days, strict=True):
        if day is None:
            form.wrong(name, gettext("is needed"))
    if form.errors:
        return None
    found = [date.fromisoformat(day) for day in days if day is not None]
    asked = Asked(TaxPeriod(period), found[0], found[-1], LotMethod(method), LotScope(scope))
    return asked if asked.period is TaxPeriod.CUSTOM else await period_asked(visit.org_id, asked)


# ---- one report ------------------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_READ)
async def detail_page(visit: Visit, report_id: str) -> HttpResponse:
    return await _detail(visit, report_id, flash=DETAIL_FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.LEDGER_READ)
async def detail_fragment(visit: Visit, report_id: str) -> HttpResponse:
    return visit.render("tax/report.html", await _values(visit, report_id))


@page(Permission.LEDGER_READ)
async def part_fragment(visit: Visit, report_id: str) -> HttpResponse:
    """Further disposals: `part` counts from 0."""
    report = await _report(visit, report_id)
    given = visit.request.GET.get("part", "0")
    if not (given.isascii() and given.isdecimal() and len(given) < 7):
        raise Http404
    return visit.render("tax/disposals.html", await _disposals(visit, report, int(given)))


@page(Permission.LEDGER_WRITE)
async def delete(visit: Visit, report_id: str) -> HttpResponse:
    only_post(visit.request)
    version = version_of(visit.request)
    try:
        await delete_tax_report(visit.runtime.uow, visit.runtime.clock, visit.org_id, report_id, frozenset(version) if version else None)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _detail(visit, report_id, status=error.status, problem=error.detail)
    return redirect("/tax/?done=deleted")


@page(Permission.LEDGER_READ)
async def file(visit: Visit, report_id: str, form: str) -> HttpResponse:
    try:
        made = await export_tax_report(visit.runtime.uow, visit.runtime.clock, visit.org_id, report_id, form)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _detail(visit, report_id, status=error.status, problem=error.detail)
    response = HttpResponse(made.content, content_type=FORMS[form])
    response["Content-Disposition"] = f'attachment; filename="{made.name}"'
    return response


async def _detail(visit: Visit, report_id: str, *, status: int = 200, **values: object) -> HttpResponse:
    made = await shown(visit, report_id)
    return visit.render("tax/detail.html", await _values(visit, report_id) | made | values, status=status)


async def _values(visit: Visit, report_id: str) -> dict[str, object]:
    report = await _report(visit, report_id)
    missing = await store.rows_of(visit.org_id, report.id, MissingRow, "missing", 0)
    income = await store.rows_of(visit.org_id, report.id, IncomeRow, "income", 0)
    return {
        "row": Row(report),
        "totals": report.totals,
        "missing": [(line, gettext(REASONS[line.reason])) for line in missing],
        "income": income,
        "missing_left": report.totals.missing - len(missing),
        "income_left": report.totals.incomes - len(income),
        "accounts": await activity.account_names(visit.org_id),
        "may_write": visit.may(Permission.LEDGER_WRITE),
        **await _disposals(visit, report, 0),
    }


async def _disposals(visit: Visit, report: TaxReport, part: int) -> dict[str, object]:
    rows = await store.rows_of(visit.org_id, report.id, DisposalRow, "disposals", part)
    return {
        "report": report,
        "report_zone": ZoneInfo(report.time_zone),
        "disposals": rows,
        "first_part": part == 0,
        "next_part": part + 1 if len(rows) == store.ROWS_IN_A_PART else None,
        "wallets": await activity.wallet_names(visit.org_id),
    }


async def _report(visit: Visit, report_id: str) -> TaxReport:
    report = await store.get(visit.org_id, report_id)
    if report is None:
        raise Http404
    return report
