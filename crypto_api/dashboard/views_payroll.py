"""Payrolls: the list, and one of them on its way from the first draft to the last payment."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import CURRENCY_CHOICES, Form, fields_in_words, only_post
from crypto_api.dashboard.number_formats import count
from crypto_api.dashboard.payment_desk import desk_of
from crypto_api.dashboard.step_up import confirmed
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.advance_payroll import approve_run, first_payments
from crypto_api.flows.issue_invoice import Counter
from crypto_api.flows.pay_payroll import order_payroll
from crypto_api.flows.price_at import Prices
from crypto_api.flows.run_payroll import approve_period, preview_period, process_period
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.payments import store as payments
from crypto_api.payroll import service, store
from crypto_api.payroll.documents import PayrollPeriod
from crypto_api.payroll.types import NewPeriod, PayrollStatus, PayslipStatus
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import WalletType

FIELDS = ("name", "start_date", "end_date", "pay_date", "currency")
STAGES = (
    (_("Prepare"), (PayrollStatus.DRAFT,)),
    (_("Approve"), (PayrollStatus.PREPARED,)),
    (pgettext_lazy("payroll", "Pay"), (PayrollStatus.APPROVED,)),
    (_("Under way"), (PayrollStatus.PAYING,)),
    (_("Paid"), (PayrollStatus.PAID,)),
)
FLASHES = {
    "opened": _("The payroll is open. Prepare its payslips next."),
    "processed": _("The payslips are as the pay profiles say now."),
    "approved": _("Approved and booked: what is owed stands in the books."),
    "ordered": _("Ordered. The rates are fixed, and the payments are prepared one after another."),
    "payments": _("The payments that waited are approved."),
}
_PAYING = (WalletType.PRIVATE_KEY, WalletType.METAMASK, WalletType.HARDWARE)
_TOLD_MAX, _SHOWN = 5, 100


@page(Permission.PAYROLL_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return visit.render("payroll/list.html", await _rows(visit))


@page(Permission.PAYROLL_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("payroll/rows.html", await _rows(visit))


async def _rows(visit: Visit) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await store.page_of_periods(visit.org_id, {}, request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    first = request.cursor is None
    return {"rows": found.items, "next_cursor": found.next_cursor, "first_page": first, "may_write": visit.may(Permission.PAYROLL_WRITE)}


@page(Permission.PAYROLL_WRITE)
async def add_page(visit: Visit) -> HttpResponse:
    form = Form(visit.request, *FIELDS)
    if visit.request.method != "POST":
        form.given["currency"] = visit.organization.functional_currency
        return _form(visit, form)
    form.line("name")
    form.one_of("currency", CURRENCY_CHOICES)
    days = {name: form.day(name) for name in ("start_date", "end_date", "pay_date")}
    for name, day in days.items():
        if day is None:
            form.wrong(name, gettext("is needed"))
    if form.errors:
        return _form(visit, form, status=422)
    start, end, pay = (date.fromisoformat(days[name] or "") for name in ("start_date", "end_date", "pay_date"))
    new, by, runtime = NewPeriod(form["name"], start, end, pay, form["currency"]), visit.principal.user_id, visit.runtime
    try:
        row = await runtime.uow.run(lambda session: service.add_period(session, visit.org_id, new, by, runtime.clock.now()))
    except InvalidInput as error:
        return _form(visit, form, problem=form.refused(error, FIELDS), status=422)
    except CoreError as error:
        return _form(visit, form, problem=error.detail, status=error.status)
    return redirect(f"/payroll/{row.id}/?done=opened")


def _form(visit: Visit, form: Form, *, status: int = 200, problem: str = "") -> HttpResponse:
    values = {"given": form.given, "errors": form.errors, "currencies": CURRENCY_CHOICES, "problem": problem}
    return visit.render("payroll/add.html", values, status=status)


# ---- one of them -----------------------------------------------------------------------------------------------------------------


@page(Permission.PAYROLL_READ)
async def run_page(visit: Visit, period_id: str) -> HttpResponse:
    return await _shown(visit, period_id, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.PAYROLL_READ)
async def run_fragment(visit: Visit, period_id: str) -> HttpResponse:
    return visit.render("payroll/facts.html", await _facts(visit, period_id))


async def _shown(visit: Visit, period_id: str, *, status: int = 200, **values: object) -> HttpResponse:
    return visit.render("payroll/run.html", await _facts(visit, period_id) | values, status=status)


async def _facts(visit: Visit, period_id: str) -> dict[str, object]:
    try:
        found = await preview_period(visit.org_id, period_id)
    except NotFound as error:
        raise Http404 from error
    steps, step_count = await first_payments(visit.org_id, period_id, _SHOWN)
    waiting = visit.may(Permission.PAYMENTS_APPROVE) and await payments.any_waits_for_approval(
        visit.org_id, await store.payments_to_follow(visit.org_id, period_id)
    )
    first = _first(visit.request.GET.get("from", ""), len(found.rows))
    slips = [row.payslip for row in found.rows if row.payslip is not None]
    open_ = any(row.status in (PayslipStatus.APPROVED, PayslipStatus.PAYING, PayslipStatus.FAILED) for row in slips)
    return {
        "period": found.period,
        "stages": _stages(found.period),
        "found": found,
        "totals": {name: found.total(name) for name in ("gross", "tax", "net")},
        "last_net": sum((row.last.net for row in found.rows if row.last is not None), Decimal(0)),
        "rows": found.rows[first : first + _SHOWN],
        "places": _Places(first, min(first + _SHOWN, len(found.rows)), len(found.rows)),
        "steps": steps,
        "more_steps": step_count - len(steps),
        "wallets": [row for row in await wallets.active(visit.org_id) if row.wallet_type in _PAYING],
        "may_process": visit.may(Permission.PAYROLL_WRITE) and found.period.status in (PayrollStatus.DRAFT, PayrollStatus.PREPARED),
        "may_approve": visit.may(Permission.PAYROLL_APPROVE) and any(row.status is PayslipStatus.DRAFT for row in slips),
        "may_pay": visit.may(Permission.PAYMENTS_PREPARE) and open_,
        "may_approve_payments": waiting,
    }


@dataclass(frozen=True)
class _Places:
    """Which of the people are shown."""

    first: int
    behind: int
    count: int

    @property
    def earlier(self) -> int | None:
        return max(0, self.first - _SHOWN) if self.first else None

    @property
    def later(self) -> int | None:
        return self.behind if self.behind < self.count else None


def _first(given: str, count: int) -> int:
    """From the address: at the beginning of a page that there is."""
    place = int(given) if given.isascii() and given.isdecimal() and len(given) < 7 else 0
    return min(place, max(0, count - 1)) // _SHOWN * _SHOWN


def _stages(period: PayrollPeriod) -> list[tuple[str, str]]:
    """Each stage of the way, and whether it is behind, at hand or ahead."""
    here = next(place for place, (_, statuses) in enumerate(STAGES) if period.status in statuses)
    at_end = period.status is PayrollStatus.PAID
    return [(label, "done" if place < here or at_end else "here" if place == here else "ahead") for place, (label, _) in enumerate(STAGES)]


@page(Permission.PAYROLL_WRITE)
async def process(visit: Visit, period_id: str) -> HttpResponse:
    async def work() -> str | None:
        found = await process_period(visit.runtime.uow, visit.runtime.clock, visit.org_id, period_id, None, visit.principal.user_id)
        why = "; ".join(f"{row.name}: {row.reason}" for row in found.left_out[:_TOLD_MAX])
        return " ".join([*_still(found.left), *([gettext("Some have no payslip. %(why)s") % {"why": why}] if why else [])]) or None

    return await _done(visit, period_id, work, "processed", "")


@page(Permission.PAYROLL_APPROVE)
async def approve(visit: Visit, period_id: str) -> HttpResponse:
    async def work() -> str | None:
        found = await approve_period(counter_of(visit), visit.principal, period_id)
        return " ".join([*_still(found.left), *dict.fromkeys(row.message for row in found.refused)]) or None

    return await _done(visit, period_id, work, "approved", "")


@page(Permission.PAYMENTS_PREPARE)
@confirmed("/payroll/{period_id}/", Purpose.KEYS)
async def pay(visit: Visit, period_id: str) -> HttpResponse:
    async def work() -> str | None:
        wallet_id = visit.request.POST.get("wallet_id", "")
        found = await order_payroll(desk_of(visit), visit.principal, visit.org_id, period_id, wallet_id)
        return " ".join(row.message for row in found.held[:_TOLD_MAX]) or None

    return await _done(visit, period_id, work, "ordered", gettext("Ordered, and some are not paid now.") + " ")


@page(Permission.PAYMENTS_APPROVE)
@confirmed("/payroll/{period_id}/", Purpose.KEYS)
async def approve_payments(visit: Visit, period_id: str) -> HttpResponse:
    async def work() -> str | None:
        found = await approve_run(desk_of(visit), visit.principal, visit.org_id, period_id)
        return " ".join([*_still(found.left), *dict.fromkeys(row.message for row in found.refused)]) or None

    return await _done(visit, period_id, work, "payments", "")


async def _done(visit: Visit, period_id: str, work: Callable[[], Awaitable[str | None]], what: str, before: str) -> HttpResponse:
    """Does it; what `work` gives back is told on the page, as what it refuses is."""
    only_post(visit.request)
    try:
        told = await work()
    except NotFound as error:
        raise Http404 from error
    except InvalidInput as error:
        return await _shown(visit, period_id, problem=fields_in_words(error), status=422)
    except CoreError as error:
        more = " ".join(gettext(row.message) for row in getattr(error, "errors", None) or ())
        return await _shown(visit, period_id, problem=f"{gettext(error.detail)} {more}".strip(), status=error.status)
    if told is not None:
        return await _shown(visit, period_id, warning=before + told)
    return redirect(f"/payroll/{period_id}/?done={what}")


def _still(left: int) -> list[str]:
    return [gettext("%(n)s are left, of so many: press again to go on with them.") % {"n": count(left)}] if left else []


def counter_of(visit: Visit) -> Counter:
    runtime = visit.runtime
    return Counter(runtime.uow, runtime.clock, visit.org_id, visit.principal.user_id, Prices(runtime.networks, runtime.prices))
