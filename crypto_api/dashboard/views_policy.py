"""The payment policy: what holds in plain words, and the change that one person proposes and another confirms."""

from decimal import Decimal
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.number_formats import count
from crypto_api.dashboard.policy_words import changes, said
from crypto_api.dashboard.step_up import confirmed
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.change_payment_policy import change_payment_policy, changed, confirm_payment_policy, reject_payment_policy
from crypto_api.flows.second_person import others_who_may
from crypto_api.identity.types import Purpose
from crypto_api.kit.amounts import is_exact, text, to_functional
from crypto_api.kit.errors import CoreError, InvalidInput, PreconditionFailed
from crypto_api.organizations.types import Permission
from crypto_api.policies import service as policies
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.reports import people

AMOUNTS = ("approval_free_max", "manager_max")
LIMITS = ("transaction_max", "day_max", "delay_above", "signed_above")
NUMBERS = {"cooling_off_hours": 720, "approvals_required": 10, "delay_hours": 720, "fee_per_gas_max_gwei": 1_000_000}
FIELDS = ("payees", "delegated_batches", *NUMBERS, *AMOUNTS, *LIMITS)
FLASHES = {
    "holds": "The new policy holds from now on. Payments that are not signed yet are judged by it.",
    "proposed": "Proposed. It holds as soon as somebody else confirms it.",
    "rejected": "The proposal is gone. The policy stays as it was.",
    "same": "Nothing was changed: that is the policy already.",
}
CHANGED = "The policy was changed meanwhile. What stands there now was loaded; look at it and change it again."


@page(Permission.POLICIES_READ)
async def policy_page(visit: Visit) -> HttpResponse:
    return await _page(visit, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.POLICIES_READ)
async def policy_fragment(visit: Visit) -> HttpResponse:
    return visit.render("policy/body.html", await _values(visit))


async def _page(visit: Visit, *, status: int = 200, **values: object) -> HttpResponse:
    return visit.render("policy/policy.html", await _values(visit) | values, status=status)


async def _values(visit: Visit) -> dict[str, object]:
    row, currency = await _current(visit), visit.organization.functional_currency
    waiting = row.proposal
    named = await people.names_of({waiting.proposed_by}) if waiting else {}
    return {
        "row": row,
        "lines": said(row.policy, currency),
        "changes": changes(row.policy, waiting.policy, currency) if waiting else [],
        "proposer": named.get(waiting.proposed_by, gettext("somebody whose account is gone")) if waiting else "",
        "own": waiting is not None and waiting.proposed_by == visit.principal.user_id,
        "may_write": visit.may(Permission.POLICIES_WRITE),
    }


@page(Permission.POLICIES_WRITE)
@confirmed("/payment-policy/change/", Purpose.KEYS)
async def change_page(visit: Visit) -> HttpResponse:
    """A form; then what it would change, in words; then the proposal."""
    row, step = await _current(visit), visit.request.POST.get("step")
    if visit.request.method != "POST":
        return await _form(visit, row, _of(row.policy))
    form, fields = _read(visit)
    if form.errors or step == "edit":
        return await _form(visit, row, form.given, form.errors)
    try:
        wanted = changed(row.policy, fields)
    except InvalidInput as error:
        return await _form(visit, row, form.given, form.errors, problem=form.refused(error, FIELDS))
    if wanted == row.policy:
        return redirect("/payment-policy/?done=same")
    if step != "propose":
        return await _review(visit, row, form.given, wanted)
    try:
        after = await change_payment_policy(visit.runtime.uow, visit.runtime.clock, visit.principal, visit.org_id, fields, version_of(visit.request))
    except PreconditionFailed as error:
        return await _form(visit, row, _of(row.policy), problem=CHANGED, status=error.status)
    except CoreError as error:
        return await _page(visit, problem=error.detail, status=error.status)
    return redirect(f"/payment-policy/?done={'proposed' if after.proposal else 'holds'}")


def _of(policy: PaymentPolicy) -> dict[str, str]:
    given = {name: str(getattr(policy, name)) for name in ("payees", *NUMBERS)}
    given["delegated_batches"] = "yes" if policy.delegated_batches else ""
    return given | {
        name: "" if (value := getattr(policy, name)) is None else number_formats.active().typed(text(value)) for name in (*AMOUNTS, *LIMITS)
    }


def _read(visit: Visit) -> tuple[Form, dict[str, Any]]:
    """What was typed, and the fields of a policy that it stands for. An empty limit is none."""
    form = Form(visit.request, *FIELDS)
    fields: dict[str, Any] = {"payees": form.one_of("payees", list(Payees)), "delegated_batches": form["delegated_batches"] == "yes"}
    for name, most in NUMBERS.items():
        try:
            fields[name] = form.numbers.whole(form[name], most)
        except ValueError:
            form.wrong(name, gettext("must be a whole number up to %(most)s") % {"most": count(most)})
    for name in (*AMOUNTS, *LIMITS):
        fields[name] = _amount(form, name)
    return form, fields


def _amount(form: Form, name: str) -> object:
    typed = form[name]
    if not typed:
        return Decimal(0) if name in AMOUNTS else None
    try:
        value = form.numbers.read(typed)
    except ValueError:
        form.wrong(name, gettext("must be an amount such as %(example)s") % {"example": form.numbers.typed("1234.50")})
        return None
    if not is_exact(value) or to_functional(value) != value:
        form.wrong(name, gettext("must have at most 8 decimals"))
    return value


async def _form(
    visit: Visit, row: OrganizationPolicy, given: dict[str, str], errors: dict[str, str] | None = None, *, problem: str = "", status: int = 200
) -> HttpResponse:
    values = {"row": row, "given": given, "errors": errors or {}, "problem": problem, "version": row.version}
    return visit.render("policy/change.html", values, status=status if status != 200 else 422 if errors or problem else 200)


async def _review(visit: Visit, row: OrganizationPolicy, given: dict[str, str], wanted: PaymentPolicy) -> HttpResponse:
    others = await visit.runtime.uow.run(lambda session: others_who_may(session, visit.org_id, Permission.POLICIES_WRITE, visit.principal.user_id))
    named = await people.names_of(others)
    values = {
        "row": row,
        "given": given,
        "changes": changes(row.policy, wanted, visit.organization.functional_currency),
        "confirmers": sorted(named.values()),
        "version": visit.request.POST.get("version", ""),
    }
    return visit.render("policy/review.html", values)


@page(Permission.POLICIES_WRITE)
@confirmed("/payment-policy/", Purpose.KEYS)
async def decide(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    decision, versions = visit.request.POST.get("decision"), version_of(visit.request)
    if decision not in ("confirm", "reject") or versions is None:
        raise Http404
    flow = confirm_payment_policy if decision == "confirm" else reject_payment_policy
    try:
        await flow(visit.runtime.uow, visit.runtime.clock, visit.principal, visit.org_id, versions)
    except PreconditionFailed as error:
        return await _page(visit, problem=CHANGED, status=error.status)
    except CoreError as error:
        return await _page(visit, problem=error.detail, status=error.status)
    return redirect(f"/payment-policy/?done={'holds' if decision == 'confirm' else 'rejected'}")


async def _current(visit: Visit) -> OrganizationPolicy:
    return await policies.current(visit.org_id, visit.runtime.clock.now())
