"""Closing the books: the months, the checklist of one, its certificate to print."""

from datetime import date

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.translation import gettext
from crypto_api.flows import close_period as flows
from crypto_api.flows.close_gate import TITLES
from crypto_api.flows.export_book_reports import export_certificate, export_checklist
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.errors import CoreError, NotFound
from crypto_api.ledger import anchor_store, period_store, rules
from crypto_api.ledger.types import PeriodStatus
from crypto_api.organizations.types import Permission
from crypto_api.reports import people

REASON_MAX = 200
FLASHES = {"closed": _("The month is closed. This is its certificate."), "reopened": _("The month takes entries again.")}


@page(Permission.LEDGER_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return visit.render("closing/list.html", await _months(visit))


@page(Permission.LEDGER_READ)
async def months_fragment(visit: Visit) -> HttpResponse:
    return visit.render("closing/months.html", await _months(visit))


async def _months(visit: Visit) -> dict[str, object]:
    found = await flows.list_periods(visit.org_id, visit.runtime.clock)
    named = await people.names_of({row.row.closed_by for row in found if row.row})
    rows = [(row, _day(row.period), named.get(row.row.closed_by, gettext("somebody whose account is gone")) if row.row else "") for row in found]
    return {"months": rows}


@page(Permission.LEDGER_READ)
async def month_page(visit: Visit, period: str) -> HttpResponse:
    return await _month(visit, period, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


async def _month(visit: Visit, period: str, *, status: int = 200, **values: object) -> HttpResponse:
    return visit.render("closing/month.html", await _checklist(visit, period) | values, status=status)


@page(Permission.LEDGER_READ)
async def checks_fragment(visit: Visit, period: str) -> HttpResponse:
    return visit.render("closing/checks.html", await _checklist(visit, period))


async def _checklist(visit: Visit, period: str) -> dict[str, object]:
    day, row = _day(period), await period_store.period(visit.org_id, period)
    is_closed = row is not None and row.status is PeriodStatus.CLOSED
    checks = [] if is_closed else await flows.look_at_period(visit.runtime.uow, visit.runtime.clock, visit.runtime.networks, visit.org_id, period)
    return {
        "period": period,
        "day": day,
        "row": row,
        "is_closed": is_closed,
        "checks": [(gettext(TITLES[check.name]), check) for check in checks],
        "ready": not is_closed and all(check.passed for check in checks),
        "may_close": visit.may(Permission.LEDGER_CLOSE),
    }


@page(Permission.LEDGER_CLOSE)
async def close(visit: Visit, period: str) -> HttpResponse:
    only_post(visit.request)
    _day(period)
    runtime = visit.runtime
    try:
        await flows.close_period(runtime.uow, runtime.clock, runtime.networks, visit.org_id, period, visit.principal.user_id)
    except CoreError as error:
        return await _month(visit, period, problem=error.detail, status=error.status)
    return redirect(f"/closing/{period}/certificate/?done=closed")


@page(Permission.LEDGER_CLOSE)
async def reopen(visit: Visit, period: str) -> HttpResponse:
    only_post(visit.request)
    _day(period)
    form = Form(visit.request, "reason")
    reason = form.line("reason", most=REASON_MAX)
    if form.errors:
        return await _month(visit, period, given=form.given, errors=form.errors, status=422)
    try:
        await flows.reopen_period(visit.runtime.uow, visit.runtime.clock, visit.org_id, period, visit.principal.user_id, reason)
    except CoreError as error:
        return await _month(visit, period, problem=error.detail, status=error.status)
    return redirect(f"/closing/{period}/?done=reopened")


@page(Permission.LEDGER_READ)
async def certificate_page(visit: Visit, period: str) -> HttpResponse:
    day, found = _day(period), await period_store.certificates(visit.org_id, period)
    if not found:
        raise Http404
    row = found[0]
    values = {
        "period": period,
        "day": day,
        "certificate": row,
        "earlier": found[1:],
        "anchor": await anchor_store.covering(visit.org_id, row.seal_seq),
        "checks": [(gettext(TITLES[check.name]), check) for check in row.checks],
        "total_debit": add_exactly([one.debit for one in row.totals]),
        "total_credit": add_exactly([one.credit for one in row.totals]),
        "intact": flows.digest_of(row) == row.digest,
        "flash": FLASHES.get(visit.request.GET.get("done", ""), ""),
    }
    return visit.render("closing/certificate.html", values)


@page(Permission.LEDGER_READ)
async def certificate_pdf(visit: Visit, period: str) -> HttpResponse:
    _day(period)
    try:
        file = await export_certificate(visit.runtime.uow, visit.runtime.clock, visit.org_id, period, TITLES)
    except NotFound as error:
        raise Http404 from error
    response = HttpResponse(file.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


@page(Permission.LEDGER_READ)
async def checklist_pdf(visit: Visit, period: str) -> HttpResponse:
    _day(period)
    runtime = visit.runtime
    checks = await flows.look_at_period(runtime.uow, runtime.clock, runtime.networks, visit.org_id, period)
    file = await export_checklist(runtime.uow, runtime.clock, visit.org_id, period, checks, TITLES)
    response = HttpResponse(file.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


def _day(period: str) -> date:
    try:
        return rules.days_of(period)[0]
    except ValueError as error:
        raise Http404 from error
