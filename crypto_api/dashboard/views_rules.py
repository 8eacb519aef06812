"""Classification rules: their order, an editor that shows beside it what the rule would change, and applying them to what is booked."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from crypto_api.classification import service, store
from crypto_api.classification.documents import ClassificationRule
from crypto_api.classification.types import RULE_CATEGORIES, Conditions, CounterpartyKind, MovementWay, TaxTreatment
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import only_post, version_of
from crypto_api.dashboard.rule_form import RuleForm, given_of
from crypto_api.flows import keep_rules
from crypto_api.flows.apply_rules import Preview, Span, Trial, ask_to_apply, preview_rules
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound, PreconditionFailed
from crypto_api.ledger import store as ledger
from crypto_api.ledger.types import AccountType
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity

SHOWN = 20
CHANGED = "The rule was changed meanwhile. What stands there now was loaded; look at it and change it again."
FLASHES = {
    "added": "The rule was added. It counts for what is booked from now on.",
    "changed": "The rule was changed.",
    "deleted": "The rule was deleted. What it decided stays.",
    "moved": "The order was changed.",
    "applied": "The rules are being applied to what is booked; the task log follows it.",
}
WAY_NAMES = {
    MovementWay.IN: "comes in",
    MovementWay.OUT: "goes out",
    MovementWay.BOTH: "goes out and comes in",
    MovementWay.INTERNAL: "stays between own wallets",
}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@page(Permission.TRANSACTIONS_READ)
async def rules_page(visit: Visit) -> HttpResponse:
    return await _list(visit, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


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
        return await _editor(visit, there, *given_of(there), problem=CHANGED, status=error.status)
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
        return await _list(visit, problem=CHANGED, status=error.status)
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
        return await _list(visit, problem=CHANGED, status=error.status)
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
    form.given["name"] = form["name"] or "Without a name"
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
    return next((f"{name.replace('_', ' ').capitalize()} {said}." for name, said in form.errors.items()), "")


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
    phrases = {
        "": [WAY_NAMES[way] for way in found.ways],
        "with": [*found.counterparty_names, *(f"a {kind.value}" for kind in found.counterparty_kinds)],
        "address": list(found.addresses),
        "wallet": [wallets.get(wallet_id, "a wallet that is gone") for wallet_id in found.wallet_ids],
        "of": list(found.assets),
        "by": [method if method != "0x" else "a plain transfer" for method in found.methods],
        "on": [*found.networks, *(WEEKDAYS[day - 1] for day in found.weekdays)],
    }
    told = [f"{word} {_some(values)}".strip() for word, values in phrases.items() if values]
    ranges = (("from", found.amount_min), ("up to", found.amount_max))
    told += [f"{word} {text(bound)}" for word, bound in ranges if bound is not None]
    told += [f"{word} {day.isoformat()}" for word, day in (("since", found.date_from), ("until", found.date_to)) if day is not None]
    if found.hour_from is not None or found.hour_to is not None:
        told.append(f"{found.hour_from or 0}:00 to {24 if found.hour_to is None else found.hour_to}:00")
    return told


def _some(values: list[str]) -> str:
    return " or ".join(values[:2]) + (f" or {len(values) - 2} more" if len(values) > 2 else "")


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
    kinds = [(kind.value, kind.value) for kind in CounterpartyKind]
    boxes = (
        ("ways", "Which way", [(way.value, WAY_NAMES[way]) for way in MovementWay]),
        ("counterparty_kinds", "Counterparty is a", kinds),
        ("wallet_ids", "Own wallet", sorted(wallets.items(), key=lambda one: one[1].casefold())),
        ("networks", "Network", [(slug, network.name) for slug, network in visit.runtime.networks.items()]),
        ("weekdays", "Weekday", [(str(number), name) for number, name in enumerate(WEEKDAYS, 1)]),
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
