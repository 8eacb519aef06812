"""What people do with what works by itself: schedules are stopped, started and run, tasks cancelled and done again, dead letters dealt with.

`org_id` is an organisation, or the installation as a whole (`INSTALLATION`): its operator does the same with what is nobody's alone.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.jobs import ATTEMPTS_MAX
from crypto_api.organizations.types import Principal
from crypto_api.tasks import service, store
from crypto_api.tasks.catalogue import SCHEDULES
from crypto_api.tasks.documents import DeadLetter, InstallationSchedule, OrganizationSchedule, Task
from crypto_api.tasks.errors import DeadLetterDone, RunAlreadyAsked, ScheduleEssential, TaskNotCancellable, TaskNotRetriable
from crypto_api.tasks.events import ScheduleStarted, ScheduleStopped
from crypto_api.tasks.types import INSTALLATION, JobRef, Schedule, ScheduleName, TaskStatus
from mongodb_config.unit_of_work import Session, UnitOfWork

SUBJECT, LETTER, SCHEDULE = "task", "dead_letter", "schedule"


@dataclass(frozen=True)
class TaskDesk:
    uow: UnitOfWork
    clock: Clock
    principal: Principal
    org_id: str

    @property
    def audited(self) -> str | None:
        return None if self.org_id == INSTALLATION else self.org_id


@dataclass(frozen=True)
class ScheduleState:
    """One schedule as an organisation sees it, or, without `own`, the installation."""

    schedule: Schedule
    shared: InstallationSchedule | None
    own: OrganizationSchedule | None

    @property
    def stopped_at(self) -> datetime | None:
        return (self.own and self.own.stopped_at) or (self.shared and self.shared.stopped_at) or None

    @property
    def stopped_by_installation(self) -> bool:
        return self.shared is not None and self.shared.stopped_at is not None

    @property
    def every_s(self) -> float:
        return (self.shared.every_s if self.shared else 0.0) or self.schedule.every_s

    @property
    def run_at(self) -> datetime | None:
        """The last pass that went through this organisation. While it is stopped, only what was asked for counts."""
        own, shared = self.own and self.own.run_at, self.shared and self.shared.run_at
        if self.own is not None and self.own.stopped_at is not None and shared is not None:
            shared = min(shared, self.own.stopped_at)
        return max((at for at in (own, shared) if at), default=None)

    @property
    def next_at(self) -> datetime | None:
        return None if self.stopped_at or self.shared is None else self.shared.next_at

    @property
    def error(self) -> str | None:
        return (self.own and self.own.error) or (self.shared and self.shared.error) or None

    @property
    def failures(self) -> int:
        return max(self.own.failures if self.own else 0, self.shared.failures if self.shared else 0)

    @property
    def failed_at(self) -> datetime | None:
        return max((at for at in (self.own and self.own.failed_at, self.shared and self.shared.failed_at) if at), default=None)


async def automation_state(org_id: str) -> list[ScheduleState]:
    """Every schedule that goes through this organisation, in the order of the catalogue; all of them for the installation."""
    shared = await store.installation_schedules()
    if org_id == INSTALLATION:
        return [ScheduleState(row, shared.get(row.name), None) for row in SCHEDULES.values()]
    own = await store.organization_schedules(org_id)
    return [ScheduleState(row, shared.get(row.name), own.get(row.name)) for row in SCHEDULES.values() if row.per_organization]


async def stop(desk: TaskDesk, name: ScheduleName | None) -> None:
    """One, or all that can be stopped: within a second no pass begins; one that goes on is finished. ScheduleEssential; InvalidInput for what is the
    installation's alone."""
    now, chosen = desk.clock.now(), _chosen(desk.org_id, name)
    stopped = {row.schedule.name for row in await automation_state(desk.org_id) if _stopped(desk.org_id, row)}
    await _switch(desk, [row for row in chosen if row.name not in stopped], now, {"stopped_at": now, "stopped_by": desk.principal.user_id})


async def start(desk: TaskDesk, name: ScheduleName | None) -> None:
    """What is due by then is done with the next pass. Where the installation has stopped a schedule, it stays so. ScheduleEssential,
    InvalidInput."""
    now, chosen = desk.clock.now(), _chosen(desk.org_id, name)
    stopped = {row.schedule.name for row in await automation_state(desk.org_id) if _stopped(desk.org_id, row)}
    await _switch(desk, [row for row in chosen if row.name in stopped], now, {"stopped_at": None, "stopped_by": None})


def _stopped(org_id: str, row: ScheduleState) -> bool:
    mine = row.shared if org_id == INSTALLATION else row.own
    return mine is not None and mine.stopped_at is not None


def _chosen(org_id: str, name: ScheduleName | None) -> Sequence[Schedule]:
    if name is None:
        return [row for row in SCHEDULES.values() if not row.essential and (row.per_organization or org_id == INSTALLATION)]
    _of(org_id, name)
    if SCHEDULES[name].essential:
        raise ScheduleEssential
    return [SCHEDULES[name]]


def _of(org_id: str, name: ScheduleName) -> Schedule:
    if org_id != INSTALLATION and not SCHEDULES[name].per_organization:
        raise InvalidInput.of("schedule", "is not an organisation's", "not_of_organization")
    return SCHEDULES[name]


async def _switch(desk: TaskDesk, chosen: Collection[Schedule], now: datetime, changes: dict[str, Any]) -> None:
    event = ScheduleStopped if changes["stopped_at"] else ScheduleStarted
    verb = "Stopped" if changes["stopped_at"] else "Started"

    async def work(session: Session) -> None:
        for row in chosen:
            if desk.org_id == INSTALLATION:
                await store.set_installation_schedule(session, row.name, now, changes)
            else:
                await store.set_organization_schedule(session, desk.org_id, row.name, now, changes)
                await events.append(session, desk.org_id, event(schedule=row.name), now)
            await audit.record(session, desk.audited, event.kind, f"{verb} the schedule {row.title}", now, subject=(SCHEDULE, row.name))

    if chosen:
        await desk.uow.run(work)


async def run_schedule(desk: TaskDesk, name: ScheduleName) -> Task:
    """One pass, for this organisation alone, as soon as a worker takes it up; also of a schedule that is stopped. RunAlreadyAsked."""
    now, row = desk.clock.now(), _of(desk.org_id, name)

    async def work(session: Session) -> Task:
        if await store.asked_runs(desk.org_id, name, session):
            raise RunAlreadyAsked
        task = await service.ask(session, desk.org_id, name, now, desk.principal.user_id, summary=f"{row.title}: asked for", schedule=name)
        await audit.record(session, desk.audited, "schedule.run", f"Asked for a run of {row.title}", now, subject=(SUBJECT, task.id))
        return task

    return await desk.uow.run(work)


async def cancel_task(desk: TaskDesk, task_id: str) -> Task:
    """What waits ends at once; what runs is cut off by its worker within seconds, as by a crash: what is due is found again. NotFound,
    TaskNotCancellable."""
    now = desk.clock.now()

    async def work(session: Session) -> Task:
        task = await store.get(desk.org_id, task_id, session)
        if task is None:
            raise NotFound
        if not service.is_cancellable(task):
            raise TaskNotCancellable
        if task.status is TaskStatus.QUEUED:
            await service.cancel(session, desk.org_id, task_id, now, summary=f"{task.summary or task.kind}: cancelled")
        else:
            await store.change(session, desk.org_id, task_id, TaskStatus.RUNNING, {"cancel_requested_at": now})
        await audit.record(session, desk.audited, "task.cancelled", f"Cancelled the task {task.kind}", now, subject=(SUBJECT, task_id))
        after = await store.get(desk.org_id, task_id, session)
        assert after is not None
        return after

    return await desk.uow.run(work)


async def retry_task(desk: TaskDesk, task_id: str) -> Task:
    """The same again as a task of its own. NotFound, TaskNotRetriable, RunAlreadyAsked."""
    now = desk.clock.now()

    async def work(session: Session) -> Task:
        before = await store.get(desk.org_id, task_id, session)
        if before is None:
            raise NotFound
        if not service.is_retriable(before):
            raise TaskNotRetriable
        if before.schedule is not None and await store.asked_runs(desk.org_id, before.schedule, session):
            raise RunAlreadyAsked
        if before.job is not None and (letter := await store.dead_letter_of(session, desk.org_id, before.job.id)) is not None and letter.open:
            return await _replay(session, desk, letter, now)
        again = await _again(session, desk, before.kind, before.job, before.schedule, before.id, now)
        await audit.record(session, desk.audited, "task.retried", f"Had the task {before.kind} done again", now, subject=(SUBJECT, again.id))
        return again

    return await desk.uow.run(work)


async def replay_dead_letter(desk: TaskDesk, letter_id: str) -> Task:
    """The job is put on the queue again, as a task of its own. NotFound, DeadLetterDone."""
    now = desk.clock.now()

    async def work(session: Session) -> Task:
        return await _replay(session, desk, await _open(desk, letter_id, session), now)

    return await desk.uow.run(work)


async def discard_dead_letter(desk: TaskDesk, letter_id: str) -> DeadLetter:
    """Nobody does it again. NotFound, DeadLetterDone."""
    now = desk.clock.now()

    async def work(session: Session) -> DeadLetter:
        before = await _open(desk, letter_id, session)
        closed = await service.close_dead_letter(session, before, "discarded", now, {})
        if closed is None:
            raise DeadLetterDone
        told = f"Discarded the failed job {before.job.name}"
        await audit.record(session, desk.audited, "dead_letter.discarded", told, now, subject=(LETTER, letter_id))
        return closed

    return await desk.uow.run(work)


async def _replay(session: Session, desk: TaskDesk, before: DeadLetter, now: datetime) -> Task:
    task = await _again(session, desk, before.job.name, before.job, None, before.task_id, now)
    more = {"replayed_at": now, "replayed_by": desk.principal.user_id, "replay_task_id": task.id}
    if await service.close_dead_letter(session, before, "replayed", now, more) is None:
        raise DeadLetterDone
    told = f"Had the failed job {before.job.name} done again"
    await audit.record(session, desk.audited, "dead_letter.replayed", told, now, subject=(LETTER, before.id))
    return task


async def _again(session: Session, desk: TaskDesk, kind: str, job: JobRef | None, schedule: str | None, retry_of: str | None, now: datetime) -> Task:
    return await service.ask(
        session,
        desk.org_id,
        kind,
        now,
        desk.principal.user_id,
        summary="Asked for again",
        schedule=schedule,
        job=job,
        attempts_max=ATTEMPTS_MAX if job is not None else 1,
        retry_of=retry_of,
    )


async def _open(desk: TaskDesk, letter_id: str, session: Session) -> DeadLetter:
    row = await store.dead_letter(desk.org_id, letter_id, session)
    if row is None:
        raise NotFound
    if not row.open:
        raise DeadLetterDone
    return row


async def clear_caches(desk: TaskDesk) -> None:
    """Every process forgets within seconds what it keeps in memory to be quicker. Nothing of record is touched."""
    now = desk.clock.now()

    async def work(session: Session) -> None:
        await store.add_clearing(session, now)
        await audit.record(session, desk.audited, "caches.cleared", "Cleared the caches", now)

    await desk.uow.run(work)
