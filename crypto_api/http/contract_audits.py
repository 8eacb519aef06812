"""/api/ai/…: audits of contracts by a static analyser and by checks of the code itself."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, UploadedFile
from ninja.params import functions

from crypto_api.contract_audits import service, store
from crypto_api.contract_audits.documents import ContractAudit
from crypto_api.contract_audits.service import Ordered
from crypto_api.contracts import service as contracts
from crypto_api.flows.audit_statistics import audit_statistics
from crypto_api.flows.order_audit import audit_given, audit_registered, audit_upload
from crypto_api.flows.print_audit import print_audit
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.body import only_file
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.contract_audits import (
    AuditContract,
    AuditDetailRead,
    AuditRead,
    AuditStatisticsRead,
    CheckCountRead,
    ContractAuditQuery,
    FindingQuery,
    FindingRead,
    SuppressFinding,
)
from crypto_api.http.schemas.system import TaskRead
from crypto_api.kit.amounts import text
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from crypto_api.tasks import store as tasks
from mongodb_config.pages import contains

router = Router(tags=["contract audits"])

FINDINGS_SHOWN = 100
ContractFile = Annotated[UploadedFile, functions.File(description="Solidity, a zip archive of a project, or standard JSON.", example="Vesting.sol")]


@router.post("/ai/audit-contract/", response={202: TaskRead}, summary="Audit a contract")
@requires(Permission.CONTRACTS_WRITE)
@idempotent
async def audit_contract(request: HttpRequest, body: AuditContract) -> HttpResponse:
    """A registered contract by its address, with the verified source of the code that runs there where there is one; or a source. A worker does it:
    the task tells how far it is, and `Location` leads to the audit. What is wrong with a source is told at once (422): a missing import, a version
    pragma that no installed compiler fits."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    if body.address is not None:
        contract = await contracts.named(org_id, body.address, body.network)
        return _ordered(await audit_registered(runtime.uow, runtime.clock, contract, user_id))
    args = (runtime.uow, runtime.clock, runtime.compiler, runtime.libraries, org_id, user_id)
    if body.standard_json is not None:
        return _ordered(await audit_given(*args, body.name or "Contract.json", body.standard_json.plain(), field="standard_json"))
    source = (body.source or "").encode(errors="surrogatepass")
    return _ordered(await audit_upload(*args, body.name or "Contract.sol", source, field="source"))


@router.post("/ai/upload-contract/", response={202: TaskRead}, summary="Upload a contract and audit it")
@requires(Permission.CONTRACTS_WRITE)
@idempotent
async def upload_contract(request: HttpRequest, file: ContractFile) -> HttpResponse:
    """One Solidity file, a zip archive of a project (with its `remappings.txt`), or the compiler's standard JSON input. At most 10 MB packed, 2 MB of
    source and 400 files with everything that they import; imports are resolved from what was uploaded, and from OpenZeppelin's contracts. Audits of
    the same file name are compared with one another."""
    only_file(request, "file")
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    args = (runtime.uow, runtime.clock, runtime.compiler, runtime.libraries, org_id, user_id)
    return _ordered(await audit_upload(*args, file.name or "", file.read(), field="file"))


@router.get("/ai/audits/", response=PageRead[AuditRead], summary="List audits of contracts")
@requires(Permission.CONTRACTS_READ)
async def list_contract_audits(request: HttpRequest, query: Query[ContractAuditQuery]) -> HttpResponse:
    org_id, where = org_of(request), dict[str, Any]()
    if query.status is not None:
        where["status"] = query.status
    if query.kind is not None:
        where["subject.kind"] = query.kind
    if query.contract_id is not None:
        where["subject.contract_id"] = query.contract_id
    if query.q is not None:
        where["$or"] = [{"subject.name": contains(query.q)}, {"subject.address": contains(query.q)}]
    page = await store.page(org_id, where, page_request(query, {"created_at": "_id"}, "-created_at"))
    told = {task.id: task for task in await tasks.by_ids(org_id, [row.task_id for row in page.items])}
    return answer(page_read(page, lambda row: AuditRead.of(row, told.get(row.task_id))))


@router.get("/ai/audits/{audit_id}/", response=AuditDetailRead, summary="Get an audit with its findings")
@requires(Permission.CONTRACTS_READ)
async def get_contract_audit(request: HttpRequest, audit_id: str) -> HttpResponse:
    return await _detail(await service.needed(org_of(request), audit_id))


@router.get("/ai/audits/{audit_id}/pdf/", summary="An audit as a PDF")
@requires(Permission.CONTRACTS_READ)
async def get_contract_audit_pdf(request: HttpRequest, audit_id: str) -> HttpResponse:
    """409 `not_ready` before. That it was taken is recorded."""
    runtime = runtime_of(request.scope)
    made = await print_audit(runtime.uow, runtime.clock, org_of(request), audit_id)
    response = HttpResponse(made.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{made.name}"'
    return response


@router.get("/ai/audits/{audit_id}/findings/", response=PageRead[FindingRead], summary="List the findings of an audit")
@requires(Permission.CONTRACTS_READ)
async def list_audit_findings(request: HttpRequest, audit_id: str, query: Query[FindingQuery]) -> HttpResponse:
    """Most severe first."""
    row = await service.needed(org_of(request), audit_id)
    where: dict[str, Any] = {"audit_id": row.id}
    where |= {name: getattr(query, name) for name in ("severity", "origin", "change", "suppressed") if getattr(query, name) is not None}
    page = await store.finding_page(row.org_id, where, page_request(query, {"number": "number"}, "number"))
    return answer(page_read(page, FindingRead.of))


@router.post("/ai/audits/{audit_id}/cancel/", response=AuditDetailRead, summary="Cancel an audit")
@requires(Permission.CONTRACTS_WRITE)
@idempotent
async def cancel_contract_audit(request: HttpRequest, audit_id: str) -> HttpResponse:
    """409 `audit_ended` where it is ready, failed or cancelled."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    await service.cancel(runtime.uow, org_id, audit_id, runtime.clock.now())
    return await _detail(await service.needed(org_id, audit_id))


@router.post("/ai/audits/{audit_id}/retry/", response={202: TaskRead}, summary="Run an audit once more")
@requires(Permission.CONTRACTS_WRITE)
@idempotent
async def retry_contract_audit(request: HttpRequest, audit_id: str) -> HttpResponse:
    """What failed or was cancelled, with the same sources, as a new one. 409 `nothing_to_retry` for any other."""
    runtime = runtime_of(request.scope)
    return _ordered(await service.retry(runtime.uow, org_of(request), principal_of(request).user_id, audit_id, runtime.clock.now()))


@router.post("/ai/audits/{audit_id}/findings/{finding_id}/suppress/", response=FindingRead, summary="Suppress a finding")
@requires(Permission.CONTRACTS_WRITE)
@idempotent
async def suppress_finding(request: HttpRequest, audit_id: str, finding_id: str, body: SuppressFinding) -> HttpResponse:
    """It does not count any more, in this audit and in later ones of the same contract, until it is opened again. Who, and why, is kept."""
    runtime, user_id = runtime_of(request.scope), principal_of(request).user_id
    row = await service.suppress(runtime.uow, org_of(request), user_id, audit_id, finding_id, body.reason, runtime.clock.now())
    return answer(FindingRead.of(row))


@router.post("/ai/audits/{audit_id}/findings/{finding_id}/reopen/", response=FindingRead, summary="Open a suppressed finding again")
@requires(Permission.CONTRACTS_WRITE)
@idempotent
async def reopen_finding(request: HttpRequest, audit_id: str, finding_id: str) -> HttpResponse:
    runtime = runtime_of(request.scope)
    return answer(FindingRead.of(await service.reopen(runtime.uow, org_of(request), audit_id, finding_id, runtime.clock.now())))


@router.get("/ai/audit-statistics/", response=AuditStatisticsRead, summary="Audits in numbers")
@requires(Permission.CONTRACTS_READ)
async def get_audit_statistics(request: HttpRequest) -> HttpResponse:
    """Of each contract and upload the last audit counts."""
    found = await audit_statistics(org_of(request))
    frequent = [CheckCountRead(check=check, severity=severity, count=count) for check, severity, count in found.most_frequent]
    average = text(found.average_score) if found.average_score is not None else None
    values = {name: getattr(found, name) for name in AuditStatisticsRead.model_fields if name not in ("most_frequent", "average_score")}
    return answer(AuditStatisticsRead(**values, average_score=average, most_frequent=frequent))


def _ordered(made: Ordered) -> HttpResponse:
    row, task = made
    response = answer(TaskRead.of(task), status=202)
    response["Location"] = f"/api/ai/audits/{row.id}/"
    return response


async def _detail(row: ContractAudit) -> HttpResponse:
    request = PageRequest(limit=FINDINGS_SHOWN, cursor=None, sort="number", descending=False, count=False)
    page = await store.finding_page(row.org_id, {"audit_id": row.id}, request)
    return answer(AuditDetailRead.whole(row, await tasks.get(row.org_id, row.task_id), page.items), version=row.version)
