"""Reports that a worker makes: ordered, cancelled, asked for again, deleted, and gone after some days.

ordered ─▶ waits ─▶ is made ─▶ ready, for a week │ failed, with the reason │ cancelled
"""

from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound, PermissionDenied
from crypto_api.kit.ids import new_id
from crypto_api.long_reports import store
from crypto_api.long_reports.documents import LongReport
from crypto_api.long_reports.errors import HasEnded, NotEnded, NothingToRetry, TooManyUnfinished
from crypto_api.long_reports.events import LongReportDeleted, LongReportEnded, LongReportRequested
from crypto_api.long_reports.types import KEPT_FOR, KEPT_MAX, TASK_KIND, UNFINISHED_MAX, LongReportKind, LongReportStatus, Wanted
from crypto_api.organizations.types import Permission, Principal
from crypto_api.tasks import service as tasks
from crypto_api.tasks import store as task_store
from crypto_api.tasks.documents import Task
from crypto_api.tax import store as tax
from crypto_api.tax.types import TaxReportStatus
from mongodb_config.unit_of_work import Session, UnitOfWork

SWEPT_AT_ONCE = 50


async def order(uow: UnitOfWork, clock: Clock, org_id: str, user_id: str, wanted: Wanted, title: str) -> tuple[LongReport, Task]:
    """The one that is being made already, where there is one of the same parameters. TooManyUnfinished."""
    return await uow.run(lambda session: put(session, org_id, user_id, wanted, title, clock.now()))


async def put(session: Session, org_id: str, user_id: str, wanted: Wanted, title: str, now: datetime) -> tuple[LongReport, Task]:
    """`order`, in the caller's unit of work."""
    unfinished = await store.unfinished(session, org_id)
    if (same := next((row for row in unfinished if row.digest == wanted.digest), None)) is not None:
        known = await task_store.get(org_id, same.task_id, session)
        assert known is not None, f"{same.id} names a task that does not exist"
        return same, known
    if len(unfinished) >= UNFINISHED_MAX:
        raise TooManyUnfinished(UNFINISHED_MAX)
    kept = await store.ended(session, org_id)
    for old in kept[: max(len(kept) + 1 - KEPT_MAX, 0)]:
        await store.delete(session, old)
    task = await tasks.queue(session, org_id, TASK_KIND, now, summary=title)
    row = LongReport(
        id=new_id("lrp"),
        created_at=now,
        org_id=org_id,
        kind=wanted.kind,
        wanted=wanted,
        title=title,
        task_id=task.id,
        requested_by=user_id,
        digest=wanted.digest,
    )
    await store.insert(session, row)
    await events.append(session, org_id, LongReportRequested(report_id=row.id, report=row.kind.value, status=row.status.value), now)
    after = {"report": title, **wanted.model_dump(mode="json", exclude_none=True)}
    await audit.record(session, org_id, "long_report.ordered", f"{title} was ordered.", now, subject=("long_report", row.id), after=after)
    return row, task


async def cancel(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, report_id: str) -> None:
    """By whoever ordered it, or may write the books. NotFound, PermissionDenied, HasEnded."""
    row, now = await _own(principal, org_id, report_id), clock.now()

    async def work(session: Session) -> None:
        ended = {"status": LongReportStatus.CANCELLED.value, "ended_at": now, "expires_at": now + KEPT_FOR}
        if not await store.cancel(session, org_id, report_id, ended):
            raise HasEnded
        await store.delete_parts(session, org_id, report_id)
        await tasks.cancel(session, org_id, row.task_id, now, summary=f"{row.title}: cancelled")
        await give_up_tax_report(session, row, "It was cancelled.")
        event = LongReportEnded(report_id=row.id, report=row.kind.value, status=LongReportStatus.CANCELLED.value)
        await events.append(session, org_id, event, now)
        await audit.record(session, org_id, "long_report.cancelled", f"{row.title} was cancelled.", now, subject=("long_report", row.id))

    await uow.run(work)


async def retry(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, report_id: str) -> tuple[LongReport, Task]:
    """What failed or was cancelled once more, as a new one. NotFound, NothingToRetry, TooManyUnfinished."""
    row = await store.get(org_id, report_id)
    if row is None:
        raise NotFound
    if row.status not in (LongReportStatus.FAILED, LongReportStatus.CANCELLED):
        raise NothingToRetry

    async def work(session: Session) -> tuple[LongReport, Task]:
        made, task = await put(session, org_id, principal.user_id, row.wanted, row.title, clock.now())
        if row.kind is LongReportKind.TAX_REPORT and row.wanted.tax_report_id is not None:
            again = {"status": TaxReportStatus.QUEUED, "error": "", "task_id": task.id}
            await tax.advance(session, org_id, row.wanted.tax_report_id, TaxReportStatus.FAILED, again)
        return made, task

    return await uow.run(work)


async def delete(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, report_id: str) -> None:
    """The file, not what it tells of: it can be made again. By whoever ordered it, or may write the books. NotFound, PermissionDenied, NotEnded."""
    row, now = await _own(principal, org_id, report_id), clock.now()

    async def work(session: Session) -> None:
        if not await store.delete(session, row):
            raise NotEnded
        await events.append(session, org_id, LongReportDeleted(report_id=row.id, report=row.kind.value, status=row.status.value), now)
        await audit.record(session, org_id, "long_report.deleted", f"{row.title} was deleted.", now, subject=("long_report", row.id))

    await uow.run(work)


async def sweep_expired(uow: UnitOfWork, clock: Clock) -> int:
    """Deletes what was kept for long enough. Returns how many."""
    rows = await store.expired(clock.now(), SWEPT_AT_ONCE)
    return sum([await uow.run(lambda session, row=row: store.delete(session, row)) for row in rows])  # type: ignore[misc]


async def note_download(uow: UnitOfWork, clock: Clock, row: LongReport) -> None:
    """Before the first byte leaves."""
    now, told = clock.now(), f"{row.title} was taken along as {row.wanted.form}."
    subject = ("long_report", row.id)
    await uow.run(
        lambda session: audit.record(session, row.org_id, "long_report.downloaded", told, now, subject=subject, after={"sha256": row.sha256})
    )


async def give_up_tax_report(session: Session, row: LongReport, error: str) -> None:
    """The tax report that it would have computed says why it never will be; nothing for any other."""
    if row.kind is not LongReportKind.TAX_REPORT or row.wanted.tax_report_id is None:
        return
    for status in (TaxReportStatus.QUEUED, TaxReportStatus.RUNNING):
        await tax.advance(session, row.org_id, row.wanted.tax_report_id, status, {"status": TaxReportStatus.FAILED, "error": error})


async def _own(principal: Principal, org_id: str, report_id: str) -> LongReport:
    row = await store.get(org_id, report_id)
    if row is None:
        raise NotFound
    if row.requested_by != principal.user_id and not principal.may(Permission.LEDGER_WRITE):
        raise PermissionDenied("It was ordered by somebody else.")
    return row
