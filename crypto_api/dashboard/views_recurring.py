"""Recurring payments: what is paid again and again, what falls due in the next weeks, and the funds that it needs."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.address_book import store as address_book
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.payment_desk import desk_of
from crypto_api.dashboard.step_up import confirmed
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.keep_recurring import add_recurring, calendar, change_recurring
from crypto_api.identity.types import Purpose
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.recurring import service, store
from crypto_api.recurring.types import (
    COUNT_MAX,
    HOLIDAYS_MAX,
    INTERVAL_MAX,
    BusinessDay,
    MonthEnd,
    NewRecurring,
    PaymentFrequency,
    RecurringPaymentStatus,
    Schedule,
)
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import WalletType

AHEAD = timedelta(days=31)
SHOWN = 100
FIELDS = (
    *("name", "wallet_id", "payee_id", "asset", "amount", "frequency", "start_date"),
    *("month_end", "business_day", "end_date", "interval", "count", "holidays"),
)
FREQUENCIES = {
    PaymentFrequency.DAILY: _("Daily"),
    PaymentFrequency.WEEKLY: _("Weekly"),
    PaymentFrequency.BIWEEKLY: _("Biweekly"),
    PaymentFrequency.SEMIMONTHLY: _("Semimonthly"),
    PaymentFrequency.MONTHLY: _("Monthly"),
    PaymentFrequency.QUARTERLY: _("Quarterly"),
    PaymentFrequency.SEMIANNUAL: _("Every half year"),
    PaymentFrequency.YEARLY: _("Yearly"),
}
MONTH_ENDS = {MonthEnd.LAST_DAY: _("On its last day"), MonthEnd.SKIP: _("Not in that month"), MonthEnd.ALWAYS_LAST: _("Always on the last day")}
BUSINESS_DAYS = {
    BusinessDay.UNADJUSTED: _("On that day all the same"),
    BusinessDay.FOLLOWING: _("On the next working day"),
    BusinessDay.PRECEDING: _("On the working day before"),
    BusinessDay.MODIFIED_FOLLOWING: _("On the next one in the month, else before"),
}
FLASHES = {"added": _("Written. It is paid on its days from now on."), "changed": _("Changed."), "ended": _("Ended. What it paid stays.")}
_PAYING = (WalletType.PRIVATE_KEY, WalletType.METAMASK, WalletType.HARDWARE)


@page(Permission.PAYMENTS_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return visit.render("recurring/list.html", await _rows(visit) | {"flash": FLASHES.get(visit.request.GET.get("done", ""), "")})


@page(Permission.PAYMENTS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("recurring/rows.html", await _rows(visit))


async def _rows(visit: Visit) -> dict[str, object]:
    desk = desk_of(visit)
    found = await store.page(visit.org_id, {}, PageRequest(limit=SHOWN))
    coming = await calendar(desk, visit.org_id, day_of(desk.clock.now(), visit.organization.time_zone) + AHEAD)
    names = {row.id: row.name for row in await wallets.active(visit.org_id)}
    funds = [(names.get(wallet, gettext("a wallet that was removed")), asset, needed) for (wallet, asset), needed in sorted(coming.funds.items())]
    rows = [(row, FREQUENCIES[row.frequency]) for row in found.items]
    return {"rows": rows, "coming": coming.items[:SHOWN], "funds": funds, "may_write": visit.may(Permission.PAYMENTS_PREPARE)}


@page(Permission.PAYMENTS_READ)
async def recurring_page(visit: Visit, recurring_id: str) -> HttpResponse:
    return await _shown(visit, recurring_id, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


async def _shown(visit: Visit, recurring_id: str, *, status: int = 200, **values: object) -> HttpResponse:
    row = await store.get(visit.org_id, recurring_id)
    if row is None:
        raise Http404
    payee = await address_book.get(visit.org_id, row.payee_id)
    shown = {
        "row": row,
        "frequency": FREQUENCIES[row.frequency],
        "payee": payee,
        "occurrences": await store.occurrences(visit.org_id, recurring_id),
        "may_write": visit.may(Permission.PAYMENTS_PREPARE) and row.status is not RecurringPaymentStatus.ENDED,
    }
    return visit.render("recurring/recurring.html", shown | values, status=status)


@page(Permission.PAYMENTS_PREPARE)
@confirmed("/recurring-payments/{recurring_id}/", Purpose.KEYS)
async def pause(visit: Visit, recurring_id: str) -> HttpResponse:
    only_post(visit.request)
    try:
        paused = visit.request.POST.get("paused") == "true"
        await change_recurring(desk_of(visit), visit.principal, visit.org_id, recurring_id, {"paused": paused}, None)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _shown(visit, recurring_id, problem=error.detail, status=error.status)
    return redirect(f"/recurring-payments/{recurring_id}/?done=changed")


@page(Permission.PAYMENTS_PREPARE)
async def end(visit: Visit, recurring_id: str) -> HttpResponse:
    only_post(visit.request)
    now = visit.runtime.clock.now()
    try:
        await visit.runtime.uow.run(lambda session: service.end(session, visit.org_id, recurring_id, None, now))
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _shown(visit, recurring_id, problem=error.detail, status=error.status)
    return redirect("/recurring-payments/?done=ended")


@page(Permission.PAYMENTS_PREPARE)
@confirmed("/recurring-payments/add/", Purpose.KEYS)
async def add_page(visit: Visit) -> HttpResponse:
    form = Form(visit.request, *FIELDS)
    if visit.request.method != "POST":
        form.given |= {"frequency": PaymentFrequency.MONTHLY.value, "interval": "1"}
        return await _form(visit, form)
    new = _read(form)
    if form.errors or new is None:
        return await _form(visit, form, status=422)
    try:
        row = await add_recurring(desk_of(visit), visit.principal, visit.org_id, new)
    except InvalidInput as error:
        return await _form(visit, form, problem=form.refused(error, FIELDS), status=422)
    except CoreError as error:
        return await _form(visit, form, problem=error.detail, status=error.status)
    return redirect(f"/recurring-payments/{row.id}/?done=added")


def _read(form: Form) -> NewRecurring | None:
    form.line("name")
    for name in ("wallet_id", "payee_id", "asset"):
        form.line(name)
    form.one_of("frequency", set(PaymentFrequency))
    form.one_of("month_end", set(MonthEnd), needed=False)
    form.one_of("business_day", set(BusinessDay), needed=False)
    start, last = form.day("start_date"), form.day("end_date")
    if start is None:
        form.wrong("start_date", gettext("is needed"))
    interval, count, holidays = _whole(form, "interval", INTERVAL_MAX), _whole(form, "count", COUNT_MAX), _holidays(form)
    try:
        amount = form.numbers.read(form["amount"])
    except ValueError:
        amount = Decimal(0)
        form.wrong("amount", gettext("must be a number such as %(example)s") % {"example": form.numbers.typed("1234.50")})
    if form.errors or start is None:
        return None
    rule = Schedule(PaymentFrequency(form["frequency"]), date.fromisoformat(start), end_date=date.fromisoformat(last) if last else None)
    month_end, business_day = MonthEnd(form["month_end"] or MonthEnd.LAST_DAY), BusinessDay(form["business_day"] or BusinessDay.UNADJUSTED)
    rule = replace(rule, month_end=month_end, business_day=business_day, interval=interval or 1, count=count, holidays=holidays)
    return NewRecurring(form["name"], form["wallet_id"], form["payee_id"], form["asset"], amount, rule)


def _whole(form: Form, name: str, most: int) -> int | None:
    """None where it is left out."""
    typed = form[name]
    if not typed:
        return None
    if not (typed.isascii() and typed.isdecimal() and 1 <= int(typed[:9]) <= most):
        form.wrong(name, gettext("must be a whole number from 1 to %(n)s") % {"n": most})
        return None
    return int(typed)


def _holidays(form: Form) -> frozenset[date]:
    """Days in any order, one a line or with commas between them."""
    days = set()
    for word in form["holidays"].replace(",", " ").split():
        try:
            days.add(date.fromisoformat(word))
        except ValueError:
            form.wrong("holidays", gettext("must be days such as 2026-12-25, one a line"))
    if len(days) > HOLIDAYS_MAX:
        form.wrong("holidays", gettext("are more than %(n)s") % {"n": HOLIDAYS_MAX})
    return frozenset(days)


async def _form(visit: Visit, form: Form, *, status: int = 200, problem: str = "") -> HttpResponse:
    networks = visit.runtime.networks.values()
    shown = {
        "given": form.given,
        "errors": form.errors,
        "problem": problem,
        "wallets": [row for row in await wallets.active(visit.org_id) if row.wallet_type in _PAYING],
        "payees": await address_book.present(visit.org_id),
        "assets": sorted({name for row in networks for name in (row.native_asset, *(token.symbol for token in row.listed()))}),
        "frequencies": [(row.value, label) for row, label in FREQUENCIES.items()],
        "month_ends": [(row.value, label) for row, label in MONTH_ENDS.items()],
        "business_days": [(row.value, label) for row, label in BUSINESS_DAYS.items()],
    }
    return visit.render("recurring/add.html", shown, status=status)
