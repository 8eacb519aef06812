"""Invoices that recur: the list, one with its next days, and making one of an invoice that stands there."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.crypto_terms import CRYPTO_FIELDS, also_chosen, as_chosen, asked_terms, chosen_terms, terms_words, ways
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.translation import gettext, ngettext
from crypto_api.dashboard.views_invoice_editor import desk_of
from crypto_api.desks import receiving_of
from crypto_api.flows.recur_invoices import add_recurring, change_recurring, end_recurring, wish_of
from crypto_api.flows.request_payment import checked
from crypto_api.flows.write_invoice import wish_of as wish_of_invoice
from crypto_api.invoices import store as invoices
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import InvoiceKind
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.recurring_invoices import rules, store
from crypto_api.recurring_invoices.documents import RecurringInvoice
from crypto_api.recurring_invoices.types import INTERVAL_MAX, OCCURRENCES_MAX, Frequency, RecurringMode, RecurringStatus, Schedule

FIELDS = ("frequency", "interval", "start_date", "month_end", "ends", "end_date", "occurrences", "mode", *CRYPTO_FIELDS)
FREQUENCIES = {
    Frequency.DAILY: _("Days"),
    Frequency.WEEKLY: _("Weeks"),
    Frequency.MONTHLY: _("Months"),
    Frequency.QUARTERLY: _("Quarters"),
    Frequency.YEARLY: _("Years"),
}
MODES = {RecurringMode.DRAFT: _("Draft it, and I issue it"), RecurringMode.SEND: _("Issue and mail it at once")}
UPCOMING = 6
FLASHES = {
    "added": _("It recurs from now on."),
    "paused": _("Paused. What passes meanwhile is made when it goes on."),
    "resumed": _("It goes on."),
    "ended": _("It has ended. What it made stays."),
}


@page(Permission.INVOICES_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return visit.render("invoices/recurring_list.html", await _rows(visit))


@page(Permission.INVOICES_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("invoices/recurring_rows.html", await _rows(visit))


async def _rows(visit: Visit) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await store.page(visit.org_id, {}, request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    rows = [(row, words_of(row.schedule)) for row in found.items]
    return {"rows": rows, "next_cursor": found.next_cursor, "first_page": request.cursor is None}


@page(Permission.INVOICES_READ)
async def recurring_page(visit: Visit, recurring_id: str) -> HttpResponse:
    return await _shown(visit, recurring_id, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.INVOICES_READ)
async def recurring_fragment(visit: Visit, recurring_id: str) -> HttpResponse:
    return visit.render("invoices/recurring_facts.html", await _facts(visit, await _recurring(visit, recurring_id)))


@page(Permission.INVOICES_WRITE)
async def pause(visit: Visit, recurring_id: str) -> HttpResponse:
    return await _changed(visit, recurring_id, lambda: _paused(visit, recurring_id, True), "paused")


@page(Permission.INVOICES_WRITE)
async def resume(visit: Visit, recurring_id: str) -> HttpResponse:
    return await _changed(visit, recurring_id, lambda: _paused(visit, recurring_id, False), "resumed")


@page(Permission.INVOICES_WRITE)
async def end(visit: Visit, recurring_id: str) -> HttpResponse:
    return await _changed(visit, recurring_id, lambda: end_recurring(desk_of(visit), recurring_id, version_of(visit.request)), "ended")


async def _paused(visit: Visit, recurring_id: str, paused: bool) -> bool:
    await change_recurring(desk_of(visit), recurring_id, {}, {}, None, paused, version_of(visit.request))
    return False


async def _changed(visit: Visit, recurring_id: str, change: Callable[[], Awaitable[bool]], done: str) -> HttpResponse:
    only_post(visit.request)
    try:
        gone = await change()
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _shown(visit, recurring_id, problem=error.detail, status=error.status)
    return redirect("/invoices/recurring/" if gone else f"/invoices/recurring/{recurring_id}/?done={done}")


# ---- making one of an invoice ----------------------------------------------------------------------------------------------------


@page(Permission.INVOICES_WRITE)
async def repeat_page(visit: Visit, invoice_id: str) -> HttpResponse:
    row = await invoices.get(visit.org_id, invoice_id)
    if row is None or row.kind is not InvoiceKind.INVOICE:
        raise Http404
    form = Form(visit.request, *FIELDS)
    if visit.request.method != "POST":
        today = day_of(visit.runtime.clock.now(), visit.organization.time_zone)
        form.given |= {"frequency": "monthly", "interval": "1", "start_date": today.isoformat(), "mode": "draft", "ends": "never"}
        asked = await asked_terms(row)
        form.given |= as_chosen(asked)
        return await _form(visit, row, form, also=also_chosen(asked))
    schedule, mode, terms = _schedule(form), form.one_of("mode", {str(mode) for mode in MODES}), chosen_terms(form)
    if schedule is None or form.errors:
        return await _form(visit, row, form)
    wish = replace(wish_of_invoice(row), due_date=None, invoice_id=None, quote_id=None, crypto=terms)
    try:
        if terms is not None:
            await checked(receiving_of(visit.runtime), visit.org_id, terms)
        made = await add_recurring(desk_of(visit), wish, schedule, RecurringMode(mode))
    except InvalidInput as error:
        return await _form(visit, row, form, problem=form.refused(error, FIELDS))
    except CoreError as error:
        return await _form(visit, row, form, problem=error.detail, status=error.status)
    return redirect(f"/invoices/recurring/{made.id}/?done=added")


def _schedule(form: Form) -> Schedule | None:
    frequency = form.one_of("frequency", {str(frequency) for frequency in FREQUENCIES})
    interval = _whole(form, "interval", INTERVAL_MAX)
    start, ends = form.day("start_date"), form.one_of("ends", ("never", "date", "count"))
    if start is None:
        form.wrong("start_date", gettext("is needed"))
    end_date = form.day("end_date") if ends == "date" else None
    if ends == "date" and end_date is None:
        form.wrong("end_date", gettext("is needed"))
    occurrences = _whole(form, "occurrences", OCCURRENCES_MAX) if ends == "count" else None
    if form.errors or start is None:
        return None
    return Schedule(
        frequency=Frequency(frequency),
        interval=interval,
        start_date=date.fromisoformat(start),
        month_end=form["month_end"] == "on" and frequency not in (Frequency.DAILY, Frequency.WEEKLY),
        end_date=date.fromisoformat(end_date) if end_date else None,
        occurrences=occurrences,
    )


def _whole(form: Form, name: str, most: int) -> int:
    text = form[name]
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= most):
        form.wrong(name, gettext("must be a number from 1 to %(n)s") % {"n": most})
        return 1
    return int(text)


async def _form(visit: Visit, row: Invoice, form: Form, *, problem: str = "", status: int = 200, also: Sequence[str] = ()) -> HttpResponse:
    values = {
        "ways": await ways(visit),
        "also": also or visit.request.POST.getlist("also"),
        "invoice": row,
        "given": form.given,
        "errors": form.errors,
        "problem": problem,
        "frequencies": [(frequency.value, words) for frequency, words in FREQUENCIES.items()],
        "modes": [(mode.value, words) for mode, words in MODES.items()],
    }
    return visit.render("invoices/repeat.html", values, status=status if status != 200 else 422 if form.errors or problem else 200)


# ---- parts -----------------------------------------------------------------------------------------------------------------------


def words_of(schedule: Schedule) -> str:
    """Every month; every 2 weeks; every quarter, on its last day"""
    n = schedule.interval
    every = {
        Frequency.DAILY: ngettext("every day", "every %(n)s days", n),
        Frequency.WEEKLY: ngettext("every week", "every %(n)s weeks", n),
        Frequency.MONTHLY: ngettext("every month", "every %(n)s months", n),
        Frequency.QUARTERLY: ngettext("every quarter", "every %(n)s quarters", n),
        Frequency.YEARLY: ngettext("every year", "every %(n)s years", n),
    }[schedule.frequency] % {"n": n}
    return gettext("%(every)s, on the last day of the month") % {"every": every} if schedule.month_end else every


async def _shown(visit: Visit, recurring_id: str, *, status: int = 200, **values: object) -> HttpResponse:
    row = await _recurring(visit, recurring_id)
    return visit.render("invoices/recurring.html", await _facts(visit, row) | values, status=status)


async def _facts(visit: Visit, row: RecurringInvoice) -> dict[str, Any]:
    lives, wish = row.status is not RecurringStatus.ENDED, wish_of(row)
    return {
        "row": row,
        "said": words_of(row.schedule),
        "mode": MODES[row.mode],
        "next_dates": rules.dates_from(row.schedule, row.made, UPCOMING) if lives else [],
        "lines": [item.description for item in wish.items],
        "crypto": await terms_words(visit, wish.crypto) if wish.crypto is not None else "",
        "may_write": visit.may(Permission.INVOICES_WRITE) and lives,
    }


async def _recurring(visit: Visit, recurring_id: str) -> RecurringInvoice:
    row = await store.get(visit.org_id, recurring_id)
    if row is None:
        raise Http404
    return row
