"""/api/payment-policy/: what the organisation lets its payments do. Two people change it."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.flows.change_payment_policy import change_payment_policy, confirm_payment_policy, reject_payment_policy
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.permissions import approved, requires
from crypto_api.http.schemas.payment_policy import PaymentPolicyRead, PaymentPolicyUpdate, ProposalDecision
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import NotFound
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Permission
from crypto_api.policies import service as policies
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.runtime import runtime_of

router = Router(tags=["payments"])


@router.get("/payment-policy/", response=PaymentPolicyRead, summary="Get the payment policy")
@requires(Permission.POLICIES_READ)
async def get_payment_policy(request: HttpRequest) -> HttpResponse:
    """With the proposed one, while it waits for a second person."""
    org_id = org_of(request)
    return await _answer(org_id, await policies.current(org_id, runtime_of(request.scope).clock.now()))


@router.put("/payment-policy/", response=PaymentPolicyRead, summary="Propose another payment policy")
@requires(Permission.POLICIES_WRITE)
@approved(Purpose.KEYS)
async def propose_payment_policy(request: HttpRequest, body: PaymentPolicyUpdate) -> HttpResponse:
    """It waits as `proposal` until a second person confirms it; where nobody else may, it holds at once. 409 `proposal_waits` while another
    waits. Payments that have not been signed are judged by the policy that holds when they are."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    row = await change_payment_policy(runtime.uow, runtime.clock, principal_of(request), org_id, body.fields(), expected_versions(request))
    return await _answer(org_id, row)


@router.post("/payment-policy/confirm/", response=PaymentPolicyRead, summary="Confirm the proposed payment policy")
@requires(Permission.POLICIES_WRITE)
@approved(Purpose.KEYS)
@idempotent
async def confirm_proposed_policy(request: HttpRequest, body: ProposalDecision) -> HttpResponse:
    """By somebody else than who proposed it (403 `own_proposal`). 412 when it is not the one that was read any more."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    row = await confirm_payment_policy(runtime.uow, runtime.clock, principal_of(request), org_id, {body.version})
    return await _answer(org_id, row)


@router.post("/payment-policy/reject/", response=PaymentPolicyRead, summary="Reject or withdraw the proposed payment policy")
@requires(Permission.POLICIES_WRITE)
@approved(Purpose.KEYS)
@idempotent
async def reject_proposed_policy(request: HttpRequest, body: ProposalDecision) -> HttpResponse:
    runtime, org_id = runtime_of(request.scope), org_of(request)
    row = await reject_payment_policy(runtime.uow, runtime.clock, principal_of(request), org_id, {body.version})
    return await _answer(org_id, row)


async def _answer(org_id: str, row: OrganizationPolicy) -> HttpResponse:
    organization = await organizations.get(org_id)
    if organization is None:
        raise NotFound
    return answer(PaymentPolicyRead.of(row, organization.functional_currency), version=row.version)
