"""The method by which lots are taken: what holds, since when and by whom, the change that one person proposes and another confirms, and what it would
change in the books."""

from collections.abc import Collection
from datetime import date

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.lot_words import ABOUT, METHODS, SCOPES, RuleSaid, decisions_said, rules_held
from crypto_api.dashboard.number_formats import count
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.change_lot_policy import Preview, confirm_lot_rule, preview_lot_policy, propose_lot_rule, reject_lot_rule, withdraw_lot_rule
from crypto_api.flows.second_person import others_who_may
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import CoreError, InvalidInput, PreconditionFailed
from crypto_api.lots import service as policies
from crypto_api.lots.documents import LotPolicy, LotRule
from crypto_api.lots.types import LotMethod, LotScope
from crypto_api.organizations.types import Permission
from crypto_api.reports import people

FIELDS = ("method", "scope", "months", "start_date")
MONTHS_MAX = 1200
SHOWN_MAX = 50
FLASHES = {
    "holds": _("The new method holds. The books follow it within seconds, by entries of their own."),
    "proposed": _("Proposed. It holds as soon as somebody else confirms it."),
    "rejected": _("The proposal is gone. The method stays as it was."),
    "same": _("Nothing was changed: that is the method already."),
}
CHANGED = _("The method was changed meanwhile. What stands there now was loaded; look at it and decide again.")
GONE = _("somebody whose account is gone")


@page(Permission.LEDGER_READ)
async def policy_page(visit: Visit) -> HttpResponse:
    return await _page(visit, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.LEDGER_READ)
async def proposal_fragment(visit: Visit) -> HttpResponse:
    return visit.render("lot_policy/proposal.html", await _values(visit))


@page(Permission.LEDGER_READ)
async def rules_fragment(visit: Visit) -> HttpResponse:
    return visit.render("lot_policy/rules.html", await _values(visit))


@page(Permission.LEDGER_READ)
async def effect_fragment(visit: Visit) -> HttpResponse:
    """What the proposal that waits would change in the books as they stand; nothing where none waits."""
    row = await _current(visit)
    if row.proposal is None:
        return visit.render("lot_policy/effect.html", {})
    try:
        preview = await preview_lot_policy(visit.runtime.clock, visit.org_id, row.proposal.rule)
    except InvalidInput:  # it was decided, and another rule begins later
        return visit.render("lot_policy/effect.html", {})
    return visit.render("lot_policy/effect.html", _effect(preview))


async def _page(visit: Visit, *, status: int = 200, **values: object) -> HttpResponse:
    return visit.render("lot_policy/policy.html", await _values(visit) | values, status=status)


async def _values(visit: Visit) -> dict[str, object]:
    row, waiting = await _current(visit), None
    held, decided = rules_held(row, _today(visit)), decisions_said(row)
    ids = {person for decision in row.decisions for person in (decision.proposed_by, decision.decided_by)}
    if row.proposal is not None:
        waiting = row.proposal
        ids.add(waiting.proposed_by)
    named = await people.names_of(ids)
    return {
        "row": row,
        "waiting": waiting,
        "proposed": RuleSaid(waiting.rule) if waiting else None,
        "proposer": str(named.get(waiting.proposed_by, GONE)) if waiting else "",
        "latest": held[0],
        "held": held,
        "decided": decided,
        "names": {person: str(named.get(person, GONE)) for person in ids},
        "own": waiting is not None and waiting.proposed_by == visit.principal.user_id,
        "may_write": visit.may(Permission.LEDGER_WRITE),
        "may_decide": visit.may(Permission.LEDGER_APPROVE),
    }


def _effect(preview: Preview) -> dict[str, object]:
    rows = sorted(preview.corrections, key=lambda row: (row.day, row.entry_id))
    return {"preview": preview, "corrections": rows[:SHOWN_MAX], "left": max(len(rows) - SHOWN_MAX, 0), "entries": len(rows)}


# ---- proposing -------------------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_WRITE)
async def change_page(visit: Visit) -> HttpResponse:
    """A form; then what it would change in the books; then the proposal."""
    row, step = await _current(visit), visit.request.POST.get("step")
    if visit.request.method != "POST":
        return _form(visit, row, _of(row.rules[-1]))
    form, rule = _read(visit)
    if rule is None or step == "edit":
        return _form(visit, row, form.given, form.errors)
    if rule == row.rules[-1]:
        return redirect("/lot-policy/?done=same")
    try:
        if step != "propose":
            return await _review(visit, row, form.given, rule)
        after = await propose_lot_rule(visit.runtime.uow, visit.runtime.clock, visit.principal, visit.org_id, rule, version_of(visit.request))
    except InvalidInput as error:
        problem = form.refused(error, FIELDS)
        return _form(visit, row, form.given, form.errors, problem=problem)
    except PreconditionFailed as error:
        return _form(visit, await _current(visit), form.given, problem=CHANGED, status=error.status)
    except CoreError as error:
        return await _page(visit, problem=error.detail, status=error.status)
    return redirect(f"/lot-policy/?done={'proposed' if after.proposal else 'holds'}")


def _of(rule: LotRule) -> dict[str, str]:
    return {"method": rule.method.value, "scope": rule.scope.value, "months": str(rule.months), "start_date": ""}


def _read(visit: Visit) -> tuple[Form, LotRule | None]:
    form = Form(visit.request, *FIELDS)
    method, scope, months, day = form.one_of("method", METHODS), form.one_of("scope", SCOPES), form["months"], form.day("start_date")
    if not (months.isascii() and months.isdecimal() and len(months) < 5 and int(months) <= MONTHS_MAX):
        form.wrong("months", gettext("must be a whole number up to %(most)s") % {"most": count(MONTHS_MAX)})
    if form.errors:
        return form, None
    return form, LotRule.model_validate({"start": day, "method": LotMethod(method), "scope": LotScope(scope), "months": int(months)})


def _form(
    visit: Visit, row: LotPolicy, given: dict[str, str], errors: dict[str, str] | None = None, *, problem: str = "", status: int = 200
) -> HttpResponse:
    values = {
        "row": row,
        "given": given,
        "errors": errors or {},
        "problem": problem,
        "version": row.version,
        "methods": [(method.value, label, ABOUT[method]) for method, label in METHODS.items()],
        "scopes": SCOPES.items(),
        "latest": RuleSaid(row.rules[-1]),
        "first_change": len(row.rules) == 1 and row.rules[0].start is None,
    }
    return visit.render("lot_policy/change.html", values, status=status if status != 200 else 422 if errors or problem else 200)


async def _review(visit: Visit, row: LotPolicy, given: dict[str, str], rule: LotRule) -> HttpResponse:
    """InvalidInput as of the preview."""
    preview = await preview_lot_policy(visit.runtime.clock, visit.org_id, rule)
    others = await visit.runtime.uow.run(lambda session: others_who_may(session, visit.org_id, Permission.LEDGER_APPROVE, visit.principal.user_id))
    named = await people.names_of(others)
    values = {
        "row": row,
        "given": given,
        "version": visit.request.POST.get("version", ""),
        "latest": RuleSaid(row.rules[-1]),
        "proposed": RuleSaid(rule),
        "confirmers": sorted(named.values()),
    }
    return visit.render("lot_policy/review.html", values | _effect(preview))


# ---- deciding --------------------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_APPROVE)
async def decide(visit: Visit) -> HttpResponse:
    decision, versions = visit.request.POST.get("decision"), _read_version(visit)
    if decision not in ("confirm", "reject"):
        raise Http404
    flow = confirm_lot_rule if decision == "confirm" else reject_lot_rule
    try:
        await flow(visit.runtime.uow, visit.runtime.clock, visit.principal, visit.org_id, versions)
    except CoreError as error:
        return await _refused(visit, error)
    return redirect(f"/lot-policy/?done={'holds' if decision == 'confirm' else 'rejected'}")


@page(Permission.LEDGER_WRITE)
async def withdraw(visit: Visit) -> HttpResponse:
    versions = _read_version(visit)
    try:
        await withdraw_lot_rule(visit.runtime.uow, visit.runtime.clock, visit.principal, visit.org_id, versions)
    except CoreError as error:
        return await _refused(visit, error)
    return redirect("/lot-policy/?done=rejected")


def _read_version(visit: Visit) -> Collection[int]:
    """With the proposal, as it was read: nobody decides about another one."""
    only_post(visit.request)
    versions = version_of(visit.request)
    if versions is None:
        raise Http404
    return versions


async def _refused(visit: Visit, error: CoreError) -> HttpResponse:
    problem = CHANGED if isinstance(error, PreconditionFailed) else error.detail
    return await _page(visit, problem=problem, status=error.status)


async def _current(visit: Visit) -> LotPolicy:
    return await policies.current(visit.org_id, visit.runtime.clock.now())


def _today(visit: Visit) -> date:
    return day_of(visit.runtime.clock.now(), visit.organization.time_zone)
