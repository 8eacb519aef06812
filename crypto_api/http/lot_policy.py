"""/api/lot-policy/: by which method disposals take lots, from which day on. Two people change it."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.flows.change_lot_policy import confirm_lot_rule, preview_lot_policy, propose_lot_rule, reject_lot_rule, withdraw_lot_rule
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.lot_policy import LotPolicyRead, LotPreviewRead, LotProposalDecision, LotRuleUpdate
from crypto_api.lots import service as policies
from crypto_api.lots.documents import LotPolicy
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["tax"])


@router.get("/lot-policy/", response=LotPolicyRead, summary="Get the method by which lots are taken")
@requires(Permission.LEDGER_READ)
async def get_lot_policy(request: HttpRequest) -> HttpResponse:
    """With the proposed rule, while it waits for a second person. Where nothing was decided: average cost in each wallet."""
    return _answer(await policies.current(org_of(request), runtime_of(request.scope).clock.now()))


@router.post("/lot-policy/preview/", response=LotPreviewRead, summary="What another method would change in the books")
@requires(Permission.LEDGER_READ)
async def preview_lot_rule(request: HttpRequest, body: LotRuleUpdate) -> HttpResponse:
    """The corrections that would be posted if it held now. Nothing is changed."""
    runtime = runtime_of(request.scope)
    return answer(LotPreviewRead.of(await preview_lot_policy(runtime.clock, org_of(request), body.rule())))


@router.put("/lot-policy/", response=LotPolicyRead, summary="Propose another method")
@requires(Permission.LEDGER_WRITE)
async def propose_lot_policy(request: HttpRequest, body: LotRuleUpdate) -> HttpResponse:
    """It waits as `proposal` until somebody else who approves entries confirms it; where nobody may, it holds at once. What was booked before
    its start stays; what was booked after is corrected by entries of its own. 409 `proposal_waits` while another waits."""
    runtime = runtime_of(request.scope)
    row = await propose_lot_rule(runtime.uow, runtime.clock, principal_of(request), org_of(request), body.rule(), expected_versions(request))
    return _answer(row)


@router.post("/lot-policy/confirm/", response=LotPolicyRead, summary="Confirm the proposed method")
@requires(Permission.LEDGER_APPROVE)
@idempotent
async def confirm_lot_policy(request: HttpRequest, body: LotProposalDecision) -> HttpResponse:
    """By somebody else than who proposed it (403 `own_proposal`). 412 when it is not the one that was read any more."""
    runtime = runtime_of(request.scope)
    return _answer(await confirm_lot_rule(runtime.uow, runtime.clock, principal_of(request), org_of(request), {body.version}))


@router.post("/lot-policy/reject/", response=LotPolicyRead, summary="Reject the proposed method")
@requires(Permission.LEDGER_APPROVE)
@idempotent
async def reject_lot_policy(request: HttpRequest, body: LotProposalDecision) -> HttpResponse:
    runtime = runtime_of(request.scope)
    return _answer(await reject_lot_rule(runtime.uow, runtime.clock, principal_of(request), org_of(request), {body.version}))


@router.post("/lot-policy/withdraw/", response=LotPolicyRead, summary="Withdraw the method that you proposed")
@requires(Permission.LEDGER_WRITE)
@idempotent
async def withdraw_lot_policy(request: HttpRequest, body: LotProposalDecision) -> HttpResponse:
    """Whoever proposed it need not be one who confirms. 403 `proposal_of_another` for everybody else."""
    runtime = runtime_of(request.scope)
    return _answer(await withdraw_lot_rule(runtime.uow, runtime.clock, principal_of(request), org_of(request), {body.version}))


def _answer(row: LotPolicy) -> HttpResponse:
    return answer(LotPolicyRead.of(row), version=row.version)
