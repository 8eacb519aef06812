"""/api/auth/: approvals of a session ("step-up")."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.flows.approve_session import Confirmation, approve_by_password, revoke_approvals
from crypto_api.flows.step_up import approvals_of
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import principal_of
from crypto_api.http.permissions import signed_in
from crypto_api.http.schemas.mfa import ApprovalRead, ApprovalsRead, ConfirmPassword, SessionApprovedRead
from crypto_api.runtime import runtime_of

router = Router(tags=["auth"])


@router.post("/auth/confirm-password/", response=SessionApprovedRead, summary="Approve this session for a few minutes")
@signed_in
async def confirm_password(request: HttpRequest, body: ConfirmPassword) -> HttpResponse:
    """For one purpose, in the organisation that the session acts in now, for five minutes. Whoever has a second factor gives it as well; whoever has
    no password uses a passkey (POST /api/auth/passkeys/approve/). Wrong tries count like those at the log-in."""
    runtime = runtime_of(request.scope)
    approval = await approve_by_password(
        runtime.uow,
        runtime.box,
        runtime.clock,
        principal_of(request),
        Confirmation(body.password, body.otp, body.purpose),
        runtime.config.bcrypt_cost,
    )
    return answer(SessionApprovedRead(session_approved=True, approved_until=approval.until, purpose=approval.purpose))


@router.delete("/auth/confirm-password/", response={204: None}, summary="Revoke the approvals of this session")
@signed_in
async def revoke_session_approvals(request: HttpRequest) -> HttpResponse:
    """A log-in of a moment ago approves nothing from then on either."""
    runtime = runtime_of(request.scope)
    await revoke_approvals(runtime.uow, runtime.clock, principal_of(request))
    return no_content()


@router.get("/auth/approvals/", response=ApprovalsRead, summary="List what this session is approved for")
@signed_in
async def list_approvals(request: HttpRequest) -> HttpResponse:
    runtime, principal = runtime_of(request.scope), principal_of(request)
    rows = await approvals_of(principal.session_id, principal.org_id, runtime.clock.now())
    items = [ApprovalRead(purpose=row.purpose, organization_id=principal.org_id, approved_until=row.until, by_log_in=row.by_log_in) for row in rows]
    return answer(ApprovalsRead(items=items))
