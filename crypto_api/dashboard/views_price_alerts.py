"""Price alerts: those that there are, what each saw last and when it fired; added, changed, paused, acknowledged and deleted."""

from decimal import Decimal
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.translation import gettext, language
from crypto_api.dashboard.views_prices import around, number
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound, PreconditionFailed
from crypto_api.organizations.types import Permission
from crypto_api.price_alerts import service as alerts
from crypto_api.price_alerts import store
from crypto_api.price_alerts.documents import PriceAlert
from crypto_api.price_alerts.service import NewAlert
from crypto_api.price_alerts.types import Condition
from crypto_api.prices import rules
from crypto_api.reports import people

CONDITIONS = {Condition.ABOVE: _("rises to"), Condition.BELOW: _("falls to"), Condition.MOVES: _("moves by per cent")}
FIELDS = ("asset", "quote", "condition", "threshold", "hysteresis", "note", "mail")
CHANGEABLE = ("condition", "threshold", "hysteresis", "note", "mail")
CHANGED = _("The alert was changed meanwhile. What stands there now was loaded; look at it and change it again.")
NOTE_MAX = 200


@page(Permission.PRICES_READ)
async def alerts_page(visit: Visit) -> HttpResponse:
    return await _alerts_page(visit, Form(visit.request, *FIELDS))


@page(Permission.PRICES_READ)
async def alerts_fragment(visit: Visit) -> HttpResponse:
    return visit.render("prices/alert_rows.html", await _alerts(visit))


@page(Permission.PRICES_READ)
async def notices_fragment(visit: Visit) -> HttpResponse:
    """On the overview: what fired, until somebody takes note."""
    return visit.render("overview/alerts.html", await notices(visit))


async def notices(visit: Visit) -> dict[str, object]:
    if not visit.may(Permission.PRICES_READ):
        return {"fired_alerts": []}
    fired = sorted((row for row in await store.of_org(visit.org_id) if row.unseen), key=lambda row: row.fired_at or row.created_at, reverse=True)
    return {
        "fired_alerts": [(row, alerts.said(row, language(), number_formats.written)) for row in fired],
        "may_acknowledge": visit.may(Permission.PRICES_WRITE),
    }


@page(Permission.PRICES_WRITE)
async def add_alert(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    form = Form(visit.request, *FIELDS)
    new = _alert(form)
    if new is None:
        return await _alerts_page(visit, form, status=422)
    org_id, user_id, now = visit.org_id, visit.principal.user_id, visit.runtime.clock.now()
    try:
        await visit.runtime.uow.run(lambda session: alerts.add(session, org_id, new, user_id, now))
    except InvalidInput as error:
        return await _alerts_page(visit, form, problem=form.refused(error, form.given), status=422)
    except CoreError as error:
        return await _alerts_page(visit, form, problem=error.detail, status=error.status)
    return redirect("/prices/alerts/?done=alert")


@page(Permission.PRICES_WRITE)
async def edit_page(visit: Visit, alert_id: str) -> HttpResponse:
    row = await store.get(visit.org_id, alert_id)
    if row is None:
        raise Http404
    form = Form(visit.request, *CHANGEABLE)
    if visit.request.method != "POST":
        return _edit(visit, row, _given(row), {})
    fields = _changes(form)
    if fields is None:
        return _edit(visit, row, form.given, form.errors, status=422)
    try:
        await _change(visit, alert_id, fields)
    except InvalidInput as error:
        problem = form.refused(error, CHANGEABLE)
        return _edit(visit, row, form.given, form.errors, problem=problem, status=422)
    except PreconditionFailed as error:
        now_there = await store.get(visit.org_id, alert_id) or row
        return _edit(visit, now_there, _given(now_there), {}, problem=CHANGED, status=error.status)
    return redirect("/prices/alerts/?done=changed")


@page(Permission.PRICES_WRITE)
async def pause(visit: Visit, alert_id: str) -> HttpResponse:
    only_post(visit.request)
    paused = visit.request.POST.get("paused") == "true"
    try:
        await _change(visit, alert_id, {"paused": paused})
    except PreconditionFailed as error:
        return await _alerts_page(visit, Form(visit.request, *FIELDS), problem=CHANGED, status=error.status)
    return redirect(f"/prices/alerts/?done={'paused' if paused else 'resumed'}")


@page(Permission.PRICES_WRITE)
async def acknowledge(visit: Visit, alert_id: str) -> HttpResponse:
    only_post(visit.request)
    org_id, user_id, now = visit.org_id, visit.principal.user_id, visit.runtime.clock.now()
    try:
        await visit.runtime.uow.run(lambda session: alerts.acknowledge(session, org_id, alert_id, user_id, now))
    except NotFound as error:
        raise Http404 from error
    return redirect("/" if visit.request.POST.get("from") == "overview" else "/prices/alerts/")


@page(Permission.PRICES_WRITE)
async def delete_alert(visit: Visit, alert_id: str) -> HttpResponse:
    only_post(visit.request)
    org_id, now = visit.org_id, visit.runtime.clock.now()
    try:
        await visit.runtime.uow.run(lambda session: alerts.delete(session, org_id, alert_id, now))
    except NotFound as error:
        raise Http404 from error
    return redirect("/prices/alerts/?done=deleted")


async def _change(visit: Visit, alert_id: str, fields: dict[str, Any]) -> None:
    """InvalidInput, PreconditionFailed."""
    org_id, now, versions = visit.org_id, visit.runtime.clock.now(), version_of(visit.request)
    expected = frozenset(versions) if versions is not None else None
    try:
        await visit.runtime.uow.run(lambda session: alerts.change(session, org_id, alert_id, fields, now, expected))
    except NotFound as error:
        raise Http404 from error


# ---- forms -----------------------------------------------------------------------------------------------------------------------


def _alert(form: Form) -> NewAlert | None:
    asset, quote = form.line("asset"), form.line("quote")
    for name, given in (("asset", asset), ("quote", quote)):
        if given and not rules.is_asset_name(given):
            form.wrong(name, gettext("must be the name of an asset or currency, such as ETH or USD"))
    fields = _changes(form)
    return None if fields is None else NewAlert(asset=asset, quote=quote, **fields)


def _changes(form: Form) -> dict[str, Any] | None:
    condition, threshold, note = form.one_of("condition", list(Condition)), number(form, "threshold"), form.line("note", most=NOTE_MAX, needed=False)
    hysteresis = number(form, "hysteresis") if form["hysteresis"] else Decimal(1)
    if form.errors or threshold is None or hysteresis is None:
        return None
    mail = form["mail"] == "on"
    return {"condition": Condition(condition), "threshold": threshold, "hysteresis": hysteresis, "note": note, "mail": mail}


def _given(row: PriceAlert) -> dict[str, str]:
    return {
        "condition": row.condition.value,
        "threshold": number_formats.active().typed(text(row.threshold)),
        "hysteresis": number_formats.active().typed(text(row.hysteresis)),
        "note": row.note,
        "mail": "on" if row.mail else "",
    }


def _edit(visit: Visit, row: PriceAlert, given: dict[str, str], errors: dict[str, str], *, problem: str = "", status: int = 200) -> HttpResponse:
    values = {
        "row": row,
        "said": alerts.said(row, language(), number_formats.written),
        "given": given,
        "errors": errors,
        "problem": problem,
        "conditions": _conditions(),
    }
    return visit.render("prices/alert.html", values, status=status)


def _conditions() -> list[tuple[str, str]]:
    return [(condition.value, name) for condition, name in CONDITIONS.items()]


async def _alerts_page(visit: Visit, form: Form, *, problem: str = "", status: int = 200) -> HttpResponse:
    values: dict[str, object] = {
        "given": form.given | {"quote": form.given.get("quote") or visit.organization.functional_currency},
        "errors": form.errors,
        "problem": problem,
        "conditions": _conditions(),
    }
    return visit.render("prices/alerts.html", values | around(visit, "alerts") | await _alerts(visit), status=status)


async def _alerts(visit: Visit) -> dict[str, object]:
    rows = await store.of_org(visit.org_id)
    names = await people.names_of({row.created_by for row in rows})
    told = [
        (row, alerts.said(row, language(), number_formats.written), names.get(row.created_by, gettext("somebody whose account is gone")))
        for row in rows
    ]
    return {"rows": told, "may_write": visit.may(Permission.PRICES_WRITE)}
