"""Classification rules: their order, an editor that shows beside it what the rule would change, and applying them to what is booked."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import dates
from django.utils.translation import gettext_noop

from crypto_api.classification import service, store
from crypto_api.classification.documents import ClassificationRule
from crypto_api.classification.types import RULE_CATEGORIES, Conditions, CounterpartyKind, MovementWay, TaxTreatment
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import only_post, version_of
from crypto_api.dashboard.number_formats import exact
from crypto_api.dashboard.rule_form import RuleForm, given_of
from crypto_api.dashboard.translation import gettext
from crypto_api.flows import keep_rules
from crypto_api.flows.apply_rules import Preview, Span, Trial, ask_to_apply, preview_rules
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound, PreconditionFailed
from crypto_api.ledger import store as ledger
from crypto_api.ledger.types import AccountType
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity

SHOWN = 20
CHANGED = gettext_noop("The rule was changed meanwhile. What stands there now was loaded; look at it and change it again.")
FLASHES = {
    "added": gettext_noop("The rule was added. It counts for what is booked from now on."),
    "changed": gettext_noop("The rule was changed."),
    "deleted": gettext_noop("The rule was deleted. What it decided stays."),
    "moved": gettext_noop("The order was changed."),
    "applied": gettext_noop("The rules are being applied to what is booked; the task log follows it."),
}
WAY_NAMES = {
    MovementWay.IN: gettext_noop("comes in"),
    MovementWay.OUT: gettext_noop("goes out"),
    MovementWay.BOTH: gettext_noop("goes out and comes in"),
    MovementWay.INTERNAL: gettext_noop("stays between own wallets"),
}
SOMEBODY = {
    CounterpartyKind.CLIENT: gettext_noop("a client"),
    CounterpartyKind.EMPLOYEE: gettext_noop("an employee"),
    CounterpartyKind.SUPPLIER: gettext_noop("a supplier"),
    CounterpartyKind.EXCHANGE: gettext_noop("an exchange"),
    CounterpartyKind.OTHER: gettext_noop("another kind"),
}


def weekday(number: int) -> str:
    """By its number from Monday (ISO 8601), in short."""
    return str(dates.WEEKDAYS_ABBR[number - 1])


@page(Permission.TRANSACTIONS_READ)
async def rules_page(visit: Visit) -> HttpResponse:
    return await _list(visit, flash=gettext(FLASHES.get(visit.request.GET.get("done", ""), "")))


@page(Permission.TRANSACTIONS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("understanding/rule_rows.html", await _rules(visit))


@page(Permission.TRANSACTIONS_WRITE)
async def new_page(visit: Visit) -> HttpResponse:
    form = RuleForm(visit.request)
    if visit.request.method != "POST":
        return await _editor(visit, None, {"enabled": "on"}, {})
    new = form.rule()
    if new is None:
        return await _again(visit, None, form)
    runtime, user_id = visit.runtime, visit.principal.user_id
    try:
        await keep_rules.add_rule(runtime.uow, runtime.clock, runtime.networks, visit.org_id, new, user_id)
    except InvalidInput as error:
        return await _again(visit, None, form, problem=form.take(error))
    except CoreError as error:
        return await _again(visit, None, form, problem=error.detail, status=error.status)
    return redirect("/classification-rules/?done=added")


@page(Permission.TRANSACTIONS_WRITE)
async def edit_page(visit: Visit, rule_id: str) -> HttpResponse:
    row = await store.rule(visit.org_id, rule_id)
    if row is None:
        raise Http404
    form = RuleForm(visit.request)
    if visit.request.method != "POST":
        return await _editor(visit, row, *given_of(row))
    new = form.rule()
    if new is None:
        return await _again(visit, row, form)
    fields = {"name": new.name, "conditions": new.conditions, "outcome": new.outcome, "enabled": new.enabled}
    try:
        await _change(visit, rule_id, fields)
    except InvalidInput as error:
        return await _again(visit, row, form, problem=form.take(error))
    except PreconditionFailed as error:
        there = await store.rule(visit.org_id, rule_id) or row
        return await _editor(visit, there, *given_of(there), problem=gettext(CHANGED), status=error.status)
    return redirect("/classification-rules/?done=changed")


@page(Permission.TRANSACTIONS_WRITE)
async def move(visit: Visit, rule_id: str) -> HttpResponse:
    """One up or one down."""
    only_post(visit.request)
    ids = [row.id for row in await store.rules(visit.org_id)]
    if rule_id not in ids:
        raise Http404
    at = ids.index(rule_id)
    to = at + (1 if visit.request.POST.get("to") == "down" else -1)
    if 0 <= to < len(ids):
        ids[at], ids[to] = ids[to], ids[at]
        await visit.runtime.uow.run(lambda session: service.order_rules(session, visit.org_id, ids, visit.runtime.clock.now()))
    return redirect("/classification-rules/?done=moved")


@page(Permission.TRANSACTIONS_WRITE)
async def switch(visit: Visit, rule_id: str) -> HttpResponse:
    only_post(visit.request)
    try:
        await _change(visit, rule_id, {"enabled": visit.request.POST.get("enabled") == "true"})
    except PreconditionFailed as error:
        return await _list(visit, problem=gettext(CHANGED), status=error.status)
    return redirect("/classification-rules/?done=changed")


@page(Permission.TRANSACTIONS_WRITE)
async def delete(visit: Visit, rule_id: str) -> HttpResponse:
    only_post(visit.request)
    now = visit.runtime.clock.now()
    try:
        await visit.runtime.uow.run(lambda session: service.delete_rule(session, visit.org_id, rule_id, now, version_of(visit.request)))
    except NotFound as error:
        raise Http404 from error
    except PreconditionFailed as error:
        return await _list(visit, problem=gettext(CHANGED), status=error.status)
    return redirect("/classification-rules/?done=deleted")


@page(Permission.TRANSACTIONS_WRITE)
async def apply(visit: Visit) -> HttpResponse:
    """First what it would change; with `sure`, a task that does it."""
    if visit.request.method != "POST":
        found = await preview_rules(visit.runtime.networks, visit.org_id, None, Span(), shown=SHOWN)
        return visit.render("understanding/apply.html", await _told(visit, found))
    await ask_to_apply(visit.runtime.uow, visit.runtime.clock, visit.org_id, Span())
    return redirect("/classification-rules/?done=applied")


@page(Permission.TRANSACTIONS_READ)
async def preview_fragment(visit: Visit) -> HttpResponse:
    """Of the rule as it is being typed. Nothing is written."""
    only_post(visit.request)
    form = RuleForm(visit.request)
    form.given["name"] = form["name"] or gettext("Without a name")
    new, rule_id = form.rule(), visit.request.POST.get("rule_id") or None
    if new is None:
        return visit.render("understanding/preview.html", {"waits": True})
    try:
        await keep_rules.check_rule(visit.runtime.networks, visit.org_id, new.conditions, new.outcome)
        found = await preview_rules(visit.runtime.networks, visit.org_id, Trial(new, rule_id), Span(), shown=SHOWN)
    except InvalidInput as error:
        return visit.render("understanding/preview.html", {"waits": True, "fault": form.take(error) or _first(form)})
    except NotFound as error:
        raise Http404 from error
    return visit.render("understanding/preview.html", await _told(visit, found))


def _first(form: RuleForm) -> str:
    return next((f"{gettext(name.replace('_', ' ').capitalize())} {said}." for name, said in form.errors.items()), "")


async def _told(visit: Visit, found: Preview) -> dict[str, object]:
    return {
        "found": found,
        "rows": [(change.transaction, change.before, change.after) for change in found.changes],
        "by_category": [(before, after, count) for (before, after), count in found.by_category.most_common()],
        "more": found.changed - len(found.changes),
    }


async def _change(visit: Visit, rule_id: str, fields: Mapping[str, Any]) -> None:
    runtime, by = visit.runtime, visit.principal.user_id
    try:
        await keep_rules.change_rule(runtime.uow, runtime.clock, runtime.networks, visit.org_id, rule_id, fields, by, version_of(visit.request))
    except NotFound as error:
        raise Http404 from error


# ---- pages -----------------------------------------------------------------------------------------------------------------------


async def _list(visit: Visit, *, status: int = 200, **values: object) -> HttpResponse:
    return visit.render("understanding/rules.html", await _rules(visit) | values, status=status)


async def _rules(visit: Visit) -> dict[str, object]:
    rows = await store.rules(visit.org_id)
    names = await activity.wallet_names(visit.org_id)
    told = [(row, conditions_in_words(row.conditions, names), row.position == len(rows)) for row in rows]
    return {"rules": told, "may_write": visit.may(Permission.TRANSACTIONS_WRITE), "zone_name": visit.organization.time_zone}


def conditions_in_words(found: Conditions, wallets: Mapping[str, str]) -> list[str]:
    """Each as a short phrase."""
    gone, plain = gettext("a wallet that is gone"), gettext("a plain transfer")
    phrases = (
        ("%(what)s", [gettext(WAY_NAMES[way]) for way in found.ways]),
        (gettext("with %(what)s"), [*found.counterparty_names, *(gettext(SOMEBODY[kind]) for kind in found.counterparty_kinds)]),
        (gettext("address %(what)s"), list(found.addresses)),
        (gettext("wallet %(what)s"), [wallets.get(wallet_id, gone) for wallet_id in found.wallet_ids]),
        (gettext("of %(what)s"), list(found.assets)),
        (gettext("by %(what)s"), [method if method != "0x" else plain for method in found.methods]),
        (gettext("on %(what)s"), [*found.networks, *(weekday(day) for day in found.weekdays)]),
        (gettext("from %(what)s"), [exact(found.amount_min)] if found.amount_min is not None else []),
        (gettext("up to %(what)s"), [exact(found.amount_max)] if found.amount_max is not None else []),
        (gettext("since %(day)s"), [found.date_from.isoformat()] if found.date_from is not None else []),
        (gettext("until %(day)s"), [found.date_to.isoformat()] if found.date_to is not None else []),
    )
    told = [phrase % dict.fromkeys(("what", "day"), _some(values)) for phrase, values in phrases if values]
    if found.hour_from is not None or found.hour_to is not None:
        last = 24 if found.hour_to is None else found.hour_to
        told.append(gettext("%(first)s:00 to %(last)s:00") % {"first": found.hour_from or 0, "last": last})
    return told


def _some(values: list[str]) -> str:
    if len(values) == 1:
        return values[0]
    said = {"first": values[0], "second": values[1], "n": len(values) - 2}
    return (gettext("%(first)s or %(second)s or %(n)s more") if len(values) > 2 else gettext("%(first)s or %(second)s")) % said


async def _again(visit: Visit, row: ClassificationRule | None, form: RuleForm, *, problem: str = "", status: int = 422) -> HttpResponse:
    given = form.given | {"enabled": "on" if form.enabled else ""}
    return await _editor(visit, row, given, form.chosen, errors=form.errors, problem=problem, status=status)


async def _editor(
    visit: Visit,
    row: ClassificationRule | None,
    given: Mapping[str, str],
    chosen: Mapping[str, list[str]],
    *,
    errors: Mapping[str, str] | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    wallets = await activity.wallet_names(visit.org_id)
    accounts = [one for one in await ledger.accounts(visit.org_id) if one.active and one.account_type in (AccountType.INCOME, AccountType.EXPENSE)]
    kinds = [(kind.value, gettext(kind.value)) for kind in CounterpartyKind]
    boxes = (
        ("ways", gettext("Which way"), [(way.value, gettext(WAY_NAMES[way])) for way in MovementWay]),
        ("counterparty_kinds", gettext("Counterparty is a"), kinds),
        ("wallet_ids", gettext("Own wallet"), sorted(wallets.items(), key=lambda one: one[1].casefold())),
        ("networks", gettext("Network"), [(slug, network.name) for slug, network in visit.runtime.networks.items()]),
        ("weekdays", gettext("Weekday"), [(str(number), weekday(number)) for number in range(1, 8)]),
    )
    faults = errors or {}
    values = {
        "row": row,
        "given": given,
        "errors": faults,
        "problem": problem,
        "boxes": [
            (name, label, [(key, shown, key in chosen.get(name, [])) for key, shown in options], faults.get(name)) for name, label, options in boxes
        ],
        "categories": [category.value for category in RULE_CATEGORIES],
        "tax_categories": [category.value for category in TaxTreatment],
        "accounts": [(one.code, f"{one.code} {one.name}") for one in accounts],
        "zone_name": visit.organization.time_zone,
    }
    return visit.render("understanding/rule.html", values, status=status)
