"""/api/journal-entries/: drafts are edited, posted ones only reversed."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.post_entries import post_draft_together
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.journal_entries import JournalEntryQuery, JournalEntryRead, JournalEntryReverse, JournalEntryWrite
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import NotFound, PreconditionFailed
from crypto_api.ledger import drafts, journal_store, service, store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from mongodb_config.pages import contains
from mongodb_config.unit_of_work import Session

router = Router(tags=["books"])

SORTS = {"date": "date", "created_at": "_id"}
_FILTERS = {
    "transaction_id": "transaction_id",
    "account_code": "lines.account_code",
    "wallet_id": "lines.wallet_id",
    "status": "status",
    "source": "source_kind",
}


@router.get("/journal-entries/", response=PageRead[JournalEntryRead], summary="List journal entries")
@requires(Permission.LEDGER_READ)
async def list_journal_entries(request: HttpRequest, query: Query[JournalEntryQuery]) -> HttpResponse:
    page = await journal_store.page(org_of(request), conditions(query), page_request(query, SORTS, "-date"))
    return answer(page_read(page, JournalEntryRead.of))


@router.post("/journal-entries/", response={201: JournalEntryRead}, summary="Write a draft")
@requires(Permission.LEDGER_WRITE)
@idempotent
async def create_journal_entry(request: HttpRequest, body: JournalEntryWrite) -> HttpResponse:
    """It has to balance, and counts only when it is posted."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    now = runtime.clock.now()
    entry = await runtime.uow.run(lambda session: drafts.create_draft(session, org_id, body.draft(), user_id, now))
    return answer(JournalEntryRead.of(entry), status=201, version=entry.version)


@router.get("/journal-entries/{entry_id}/", response=JournalEntryRead, summary="Get a journal entry")
@requires(Permission.LEDGER_READ)
async def get_journal_entry(request: HttpRequest, entry_id: str) -> HttpResponse:
    entry = await _entry(org_of(request), entry_id)
    return answer(JournalEntryRead.of(entry), version=entry.version)


@router.put("/journal-entries/{entry_id}/", response=JournalEntryRead, summary="Edit a draft")
@requires(Permission.LEDGER_WRITE)
async def update_journal_entry(request: HttpRequest, entry_id: str, body: JournalEntryWrite) -> HttpResponse:
    """The whole entry as it is to be. An approval is gone with it. 409 when it is posted."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    entry, now = await _expected(request, entry_id), runtime.clock.now()
    changed = await runtime.uow.run(lambda session: drafts.edit_draft(session, org_id, entry_id, entry.version, body.draft(), user_id, now))
    return answer(JournalEntryRead.of(changed), version=changed.version)


@router.delete("/journal-entries/{entry_id}/", response={204: None}, summary="Delete a draft")
@requires(Permission.LEDGER_WRITE)
async def delete_journal_entry(request: HttpRequest, entry_id: str) -> HttpResponse:
    """It never counted. 409 for a posted entry: that is only reversed."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    entry, now = await _expected(request, entry_id), runtime.clock.now()
    await runtime.uow.run(lambda session: drafts.discard_draft(session, org_id, entry_id, entry.version, now))
    return no_content()


@router.post("/journal-entries/{entry_id}/approve/", response=JournalEntryRead, summary="Approve a draft that somebody else prepared")
@requires(Permission.LEDGER_APPROVE)
@idempotent
async def approve_journal_entry(request: HttpRequest, entry_id: str) -> HttpResponse:
    """Where the organisation asks for it (`entry_approval`), a draft is posted only after this. 403 `own_entry` for whoever wrote or edited it."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    entry, now = await _expected(request, entry_id), runtime.clock.now()
    approved = await runtime.uow.run(lambda session: drafts.approve_draft(session, org_id, entry_id, entry.version, user_id, now))
    return answer(JournalEntryRead.of(approved), version=approved.version)


@router.post("/journal-entries/{entry_id}/post/", response=JournalEntryRead, summary="Post a draft")
@requires(Permission.LEDGER_WRITE)
@idempotent
async def post_journal_entry(request: HttpRequest, entry_id: str) -> HttpResponse:
    """From then on it counts and is never changed. 403 `approval_required` where it waits for another person."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    entry, approval = await _expected(request, entry_id), (await _organization(org_id)).entry_approval
    posted = await post_draft_together(runtime.uow, runtime.clock, org_id, entry_id, entry.version, approval=approval)
    return answer(JournalEntryRead.of(posted), version=posted.version)


@router.post("/journal-entries/{entry_id}/reverse/", response={201: JournalEntryRead}, summary="Reverse a posted entry")
@requires(Permission.LEDGER_WRITE)
@idempotent
async def reverse_journal_entry(request: HttpRequest, entry_id: str, body: JournalEntryReverse) -> HttpResponse:
    """Posts and answers the mirror entry. The entry itself stays, marked as reversed. Where the organisation asks for approvals, the mirror is a
    draft first: the entry is reversed when that is posted."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    organization, now = await _organization(org_id), runtime.clock.now()
    on = body.date or day_of(now, organization.time_zone)

    async def work(session: Session) -> JournalEntry:
        if organization.entry_approval:
            return await drafts.draft_reversal(session, org_id, entry_id, user_id, now, body.reason, on)
        return await service.reverse(session, org_id, entry_id, now, body.reason, on=on, by=user_id)

    mirror = await runtime.uow.run(work)
    return answer(JournalEntryRead.of(mirror), status=201, version=mirror.version)


async def _organization(org_id: str) -> Organization:
    organization = await organizations.get(org_id)
    if organization is None:
        raise NotFound
    return organization


def conditions(query: JournalEntryQuery) -> dict[str, Any]:
    where: dict[str, Any] = {stored: value for name, stored in _FILTERS.items() if (value := getattr(query, name)) is not None}
    if query.transaction_hash is not None:
        where["transaction_hash"] = query.transaction_hash.lower()
    days = {"$gte": query.date_from, "$lte": query.date_to}
    if bounds := {operator: store.day_as_stored(day) for operator, day in days.items() if day is not None}:
        where["date"] = bounds
    if query.approved is not None:
        where["approved_by"] = {"$ne": None} if query.approved else None
    if query.q is not None:
        where["$or"] = [{"description": contains(query.q)}, {"reference": contains(query.q)}]
    return where


async def _entry(org_id: str, entry_id: str) -> JournalEntry:
    entry = await store.entry(org_id, entry_id)
    if entry is None:
        raise NotFound
    return entry


async def _expected(request: HttpRequest, entry_id: str) -> JournalEntry:
    entry, versions = await _entry(org_of(request), entry_id), expected_versions(request)
    if versions is not None and entry.version not in versions:
        raise PreconditionFailed
    return entry
