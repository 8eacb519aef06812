"""/api/audit-log/: who did what, when and from where. Read and taken along, never changed."""

from collections.abc import AsyncIterator

import orjson
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from crypto_api.flows.read_audit_log import AuditLine, audit_export, audit_line, audit_page
from crypto_api.flows.verify_audit_log import verify_audit_log
from crypto_api.http.answers import JSON, answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.audit_log import AuditExportQuery, AuditQuery, AuditRecordRead, AuditVerifyRead
from crypto_api.http.schemas.base import PageRead
from crypto_api.kit.csv_text import csv_line
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["audit"])

SORTS = {"at": "created_at"}
COLUMNS = tuple(AuditRecordRead.model_fields)


@router.get("/audit-log/", response=PageRead[AuditRecordRead], summary="Who did what, when and from where")
@requires(Permission.AUDIT_READ)
async def list_audit_records(request: HttpRequest, query: Query[AuditQuery]) -> HttpResponse:
    page = await audit_page(org_of(request), query.wanted(), page_request(query, SORTS, "-at"))
    return answer(page_read(page, AuditRecordRead.of))


@router.get("/audit-log/export/", summary="The audit log as a file")
@requires(Permission.AUDIT_READ)
async def export_audit_log(request: HttpRequest, query: Query[AuditExportQuery]) -> StreamingHttpResponse:
    """CSV or JSON, with the filters of the list, newest first. The export is itself recorded. Cells that a program of tables would compute
    have a ' in front."""
    runtime = runtime_of(request.scope)
    user_id = principal_of(request).user_id
    batches = await audit_export(runtime.uow, runtime.clock, org_of(request), query.wanted(), form=query.format, user_id=user_id)
    body, kind = (_csv(batches), "text/csv; charset=utf-8") if query.format == "csv" else (_json(batches), JSON)
    response = StreamingHttpResponse(body, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="audit-log.{query.format}"'
    return response


@router.get("/audit-log/verify/", response=AuditVerifyRead, summary="Whether the audit log is as it was written")
@requires(Permission.AUDIT_READ)
async def verify_audit(request: HttpRequest) -> HttpResponse:
    """Walks the chain of seals and names the first record that was altered, taken away or put in."""
    return answer(AuditVerifyRead.of(await verify_audit_log(org_of(request))))


@router.get("/audit-log/{record_id}/", response=AuditRecordRead, summary="One record of the audit log")
@requires(Permission.AUDIT_READ)
async def get_audit_record(request: HttpRequest, record_id: str) -> HttpResponse:
    line = await audit_line(org_of(request), record_id)
    if line is None:
        raise NotFound
    return answer(AuditRecordRead.of(line))


async def _csv(batches: AsyncIterator[list[AuditLine]]) -> AsyncIterator[str]:
    yield csv_line(COLUMNS)
    async for lines in batches:
        yield "".join(csv_line(_cells(line)) for line in lines)


def _cells(line: AuditLine) -> list[str]:
    values = AuditRecordRead.of(line).model_dump(mode="json")
    return [_text(values[name]) for name in COLUMNS]


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


async def _json(batches: AsyncIterator[list[AuditLine]]) -> AsyncIterator[str]:
    yield '{"items":['
    between = ""
    async for lines in batches:
        yield between + ",".join(AuditRecordRead.of(line).model_dump_json() for line in lines)
        between = ","
    yield "]}"
