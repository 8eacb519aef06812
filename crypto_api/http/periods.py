"""/api/ledger/periods/: months closed upon everything that agrees, with a certificate, and reopened."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.flows import close_period as flows
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.periods import CertificateRead, ChecklistRead, PeriodRead, PeriodReopen
from crypto_api.kit.errors import NotFound
from crypto_api.ledger import anchor_store, period_store, rules
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["books"])


@router.get("/ledger/periods/", response=PageRead[PeriodRead], summary="Every month from the first entry to the current one")
@requires(Permission.LEDGER_READ)
async def list_periods(request: HttpRequest) -> HttpResponse:
    """Latest first."""
    found = await flows.list_periods(org_of(request), runtime_of(request.scope).clock)
    return answer(PageRead(items=[PeriodRead.of(row) for row in found], next_cursor=None))


@router.get("/ledger/periods/{period}/", response=ChecklistRead, summary="What a month would be closed upon, as it is now")
@requires(Permission.LEDGER_READ)
async def get_period(request: HttpRequest, period: str) -> HttpResponse:
    """`period` is a month such as 2026-11. 404 for anything else."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    _known(period)
    row = await period_store.period(org_id, period)
    return answer(ChecklistRead.of(period, row, await flows.look_at_period(runtime.uow, runtime.clock, runtime.networks, org_id, period)))


@router.post("/ledger/periods/{period}/close/", response=CertificateRead, summary="Close a month")
@requires(Permission.LEDGER_CLOSE)
@idempotent
async def close_period(request: HttpRequest, period: str) -> HttpResponse:
    """From then on it takes no entry: what arrives late is posted on the first open day with `original_date`. 409 `period_not_ready` names every
    reason in `errors`: blocks that were not read, books that differ from the chain, prices and categories that are missing, open issues, drafts."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    _known(period)
    row = await flows.close_period(runtime.uow, runtime.clock, runtime.networks, org_id, period, user_id)
    return answer(CertificateRead.of(row, await anchor_store.covering(org_id, row.seal_seq)))


@router.post("/ledger/periods/{period}/reopen/", response=PeriodRead, summary="Reopen the last month that is closed")
@requires(Permission.LEDGER_CLOSE)
@idempotent
async def reopen_period(request: HttpRequest, period: str, body: PeriodReopen) -> HttpResponse:
    """Its certificate stays; closing it again makes another. 409 `later_period_closed` where a later month rests on it."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    _known(period)
    row = await flows.reopen_period(runtime.uow, runtime.clock, org_id, period, user_id, body.reason)
    return answer(PeriodRead.of(flows.PeriodState(row.period, row.status, row)))


@router.get("/ledger/periods/{period}/certificate/", response=CertificateRead, summary="The certificate with which a month was closed last")
@requires(Permission.LEDGER_READ)
async def get_period_certificate(request: HttpRequest, period: str) -> HttpResponse:
    """404 for a month that was never closed."""
    _known(period)
    org_id = org_of(request)
    found = await period_store.certificates(org_id, period)
    if not found:
        raise NotFound
    return answer(CertificateRead.of(found[0], await anchor_store.covering(org_id, found[0].seal_seq)))


def _known(period: str) -> None:
    try:
        rules.days_of(period)
    except ValueError as error:
        raise NotFound from error
