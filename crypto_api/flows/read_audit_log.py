"""Reading the audit log, and taking it along. The names of people are those of then; where a record holds none (a log-in is recorded before
it is known who came), today's is shown."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from crypto_api.audit import service as audit
from crypto_api.audit import store
from crypto_api.audit.documents import AuditRecord
from crypto_api.audit.types import AuditFilter
from crypto_api.identity import store as identities
from crypto_api.kit.clock import Clock
from crypto_api.kit.paging import Page, PageRequest
from mongodb_config.unit_of_work import UnitOfWork

EXPORT_BATCH = 500


@dataclass(frozen=True)
class AuditLine:
    record: AuditRecord
    actor_name: str


async def audit_page(org_id: str, wanted: AuditFilter, request: PageRequest) -> Page[AuditLine]:
    page = await store.page(org_id, wanted, request)
    return Page(await _named(page.items), page.next_cursor, page.total)


async def audit_line(org_id: str, record_id: str) -> AuditLine | None:
    record = await store.get(org_id, record_id)
    return (await _named([record]))[0] if record is not None else None


async def audit_export(uow: UnitOfWork, clock: Clock, org_id: str, wanted: AuditFilter, *, form: str, user_id: str) -> AsyncIterator[list[AuditLine]]:
    """Recorded before the first line leaves. Then batch after batch, newest first, of what there was at that moment."""
    now = clock.now()
    user = await identities.user(user_id)
    asked = {name: value for name, value in vars(wanted).items() if value is not None}
    await uow.run(
        lambda session: audit.record(
            session,
            org_id,
            "audit.exported",
            f"The audit log was exported as {form}.",
            now,
            subject=("audit_log", ""),
            after={"format": form, **asked},
            actor_name=user.username if user is not None else "",
        )
    )
    return _batches(org_id, wanted)


async def _batches(org_id: str, wanted: AuditFilter) -> AsyncIterator[list[AuditLine]]:
    request = replace(store.NEWEST_FIRST, limit=EXPORT_BATCH)
    while True:
        page = await audit_page(org_id, wanted, request)
        if page.items:
            yield list(page.items)
        if page.next_cursor is None:
            return
        request = replace(request, cursor=page.next_cursor)


async def _named(records: Sequence[AuditRecord]) -> list[AuditLine]:
    missing = {record.actor_id for record in records if record.actor_id and not record.actor_name}
    names = {user.id: user.username for user in await identities.users(sorted(missing))} if missing else {}
    return [AuditLine(record, record.actor_name or names.get(record.actor_id or "", "")) for record in records]
