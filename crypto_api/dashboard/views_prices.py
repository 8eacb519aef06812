"""Prices: the rates of what is held with who says so, the worklist of what has none, and alerts."""

from datetime import datetime
from decimal import Decimal

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.enter_prices import NewPrice, enter_price
from crypto_api.flows.true_up import ask_for_true_up
from crypto_api.flows.unpriced import page_of_unpriced
from crypto_api.kit.clock import to_milliseconds
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import store as ledger
from crypto_api.organizations.types import Permission
from crypto_api.prices import rules, service, store
from crypto_api.prices.jobs import TrueUpPrices
from crypto_api.reports import people
from crypto_api.reports.price_sources import sources_of

FLASHES = {
    "entered": _("The price was entered. What stands in the books without one is looked up again by itself."),
    "retried": _("Every missing price is being looked up again. What is found leaves this list by itself."),
    "alert": _("The alert was added."),
    "changed": _("The alert was changed. The next rate says on which side of it the price stands."),
    "paused": _("The alert is paused: it looks at no rate."),
    "resumed": _("The alert goes on. What happened during the pause does not fire it."),
    "deleted": _("The alert was deleted."),
}
SOURCE_NAMES = {"manual": _("Entered by hand"), "oracle": _("Feed on chain"), "history": _("What was kept")}
REASON_MAX = 500
BY_HAND_SHOWN = 10


# ---- rates -----------------------------------------------------------------------------------------------------------------------


@page(Permission.PRICES_READ)
async def rates_page(visit: Visit) -> HttpResponse:
    return await _rates_page(visit, Form(visit.request, "asset", "quote", "at", "rate", "reason"))


@page(Permission.PRICES_READ)
async def rates_fragment(visit: Visit) -> HttpResponse:
    return visit.render("prices/rates_table.html", await _rates(visit))


@page(Permission.PRICES_WRITE)
async def enter(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    form = Form(visit.request, "asset", "quote", "at", "rate", "reason")
    new = _price(visit, form)
    if new is None:
        return await _rates_page(visit, form, status=422)
    runtime = visit.runtime
    try:
        await enter_price(runtime.uow, runtime.clock, runtime.queue, visit.org_id, new, visit.principal.user_id)
    except InvalidInput as error:
        return await _rates_page(visit, form, problem=form.refused(error, form.given), status=422)
    return redirect("/prices/?done=entered")


async def _rates_page(visit: Visit, form: Form, *, problem: str = "", status: int = 200) -> HttpResponse:
    values: dict[str, object] = {
        "given": form.given | {"quote": form["quote"] or visit.organization.functional_currency},
        "errors": form.errors,
        "problem": problem,
        "sources": [(SOURCE_NAMES.get(row.name, row.name), row) for row in sources_of(visit.runtime)],
        "may_write": visit.may(Permission.PRICES_WRITE),
        "zone_name": visit.zone.key,
    }
    return visit.render("prices/rates.html", values | around(visit, "rates") | await _rates(visit), status=status)


async def _rates(visit: Visit) -> dict[str, object]:
    now, currency = visit.runtime.clock.now(), visit.organization.functional_currency
    held = {asset for (_, asset), (quantity, _) in (await ledger.holdings(visit.org_id)).items() if quantity != 0} - {currency}
    rates = await service.kept_rates(visit.org_id, held, currency, now, visit.pricing)
    rows = [(asset, rates.get(asset), int((now - rates[asset].at).total_seconds()) if asset in rates else 0) for asset in sorted(held)]
    by_hand = (await store.page_of_manual(visit.org_id, {}, PageRequest(limit=BY_HAND_SHOWN, sort="at"))).items
    names = await people.names_of([row.set_by for row in by_hand])
    return {"rows": rows, "by_hand": [(row, names.get(row.set_by, "")) for row in by_hand], "source_names": SOURCE_NAMES}


def _price(visit: Visit, form: Form) -> NewPrice | None:
    asset, quote, reason = form.line("asset"), form.line("quote"), form.line("reason", most=REASON_MAX, needed=False)
    for name, text in (("asset", asset), ("quote", quote)):
        if text and not rules.is_asset_name(text):
            form.wrong(name, gettext("must be the name of an asset or currency, such as ETH or USD"))
    rate, at = number(form, "rate"), visit.runtime.clock.now()
    if form["at"]:
        try:
            at = to_milliseconds(datetime.fromisoformat(form["at"]).replace(tzinfo=visit.zone))
        except (ValueError, OverflowError):
            form.wrong("at", gettext("is not a time such as 2026-11-21T09:30"))
    return None if form.errors or rate is None else NewPrice(asset, quote, at, rate, reason)


def number(form: Form, name: str) -> Decimal | None:
    if not form[name]:
        form.wrong(name, gettext("is needed"))
        return None
    try:
        return form.numbers.read(form[name])
    except ValueError:
        form.wrong(name, gettext("must be a number such as %(example)s") % {"example": form.numbers.typed("3120.45")})
        return None


# ---- the worklist ----------------------------------------------------------------------------------------------------------------


@page(Permission.INBOX_READ)
async def unpriced_page(visit: Visit) -> HttpResponse:
    values = {"may_retry": visit.may(Permission.PRICES_WRITE)} | around(visit, "unpriced")
    return visit.render("prices/unpriced.html", values | await _unpriced(visit))


@page(Permission.INBOX_READ)
async def unpriced_fragment(visit: Visit) -> HttpResponse:
    return visit.render("prices/unpriced_rows.html", await _unpriced(visit))


@page(Permission.PRICES_WRITE)
async def retry(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    task = await ask_for_true_up(visit.runtime.uow, visit.runtime.clock, visit.org_id)
    await visit.runtime.queue.put(TrueUpPrices(org_id=visit.org_id, task_id=task.id))
    return redirect("/prices/unpriced/?done=retried")


async def _unpriced(visit: Visit) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await page_of_unpriced(visit.org_id, None, request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    acts = {"may_act": visit.may(Permission.INBOX_WRITE)}
    return acts | {"rows": found.items, "next_cursor": found.next_cursor, "first_page": request.cursor is None}


def around(visit: Visit, tab: str) -> dict[str, object]:
    return {"tab": tab, "flash": FLASHES.get(visit.request.GET.get("done", ""), ""), "may_inbox": visit.may(Permission.INBOX_READ)}
