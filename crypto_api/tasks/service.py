"""Tasks: work that takes long or happens by itself, as people see it. Each step is a fact in the organisation's log."""

from datetime import datetime
from typing import Any

from crypto_api.events import service as events
from crypto_api.events.types import DomainEvent
from crypto_api.kit.ids import new_id
from crypto_api.tasks import store
from crypto_api.tasks.documents import DeadLetter, Task
from crypto_api.tasks.errors import TaskNotRunning
from crypto_api.tasks.events import DeadLetterClosed, DeadLetterOpened, TaskFinished, TaskProgressed, TaskQueued, TaskStarted
from crypto_api.tasks.types import ENDED, INSTALLATION, JobRef, TaskLine, TaskStatus
from mongodb_config.unit_of_work import Session

TEXT_MAX = 500


async def start(session: Session, org_id: str, kind: str, now: datetime, *, summary: str = "") -> Task:
    task = Task(
        id=new_id("tsk"),
        created_at=now,
        org_id=org_id,
        kind=kind,
        status=TaskStatus.RUNNING,
        summary=summary[:TEXT_MAX],
        started_at=now,
        heard_at=now,
    )
    await store.insert(session, task)
    await _tell(session, task, TaskStarted, now)
    return task


async def queue(session: Session, org_id: str, kind: str, now: datetime, *, summary: str = "", asked: dict[str, str] | None = None) -> Task:
    """Work that was asked for and that a worker takes up: `begin`, then as if it had been started."""
    task = Task(id=new_id("tsk"), created_at=now, org_id=org_id, kind=kind, status=TaskStatus.QUEUED, summary=summary[:TEXT_MAX], asked=asked)
    await store.insert(session, task)
    return task


async def ask(
    session: Session,
    org_id: str,
    kind: str,
    now: datetime,
    user_id: str,
    *,
    summary: str,
    schedule: str | None = None,
    job: JobRef | None = None,
    attempts_max: int = 1,
    retry_of: str | None = None,
) -> Task:
    """Somebody wants a run of a schedule, or a job done again. The job's id in the queue is the task's own."""
    task_id = new_id("tsk")
    task = Task(
        id=task_id,
        created_at=now,
        org_id=org_id,
        kind=kind,
        status=TaskStatus.QUEUED,
        summary=summary[:TEXT_MAX],
        schedule=schedule,
        job=job.model_copy(update={"id": task_id}) if job is not None else None,
        attempts_max=attempts_max,
        requested_by=user_id,
        retry_of=retry_of,
    )
    await store.insert(session, task)
    await _tell(session, task, TaskQueued, now)
    return task


async def begin(session: Session, org_id: str, task_id: str, now: datetime) -> bool:
    """False when it is not waiting (any more): it began before, or ended."""
    changes = {"status": TaskStatus.RUNNING, "started_at": now, "heard_at": now}
    task = await store.change(session, org_id, task_id, TaskStatus.QUEUED, changes)
    if task is None:
        return False
    await _tell(session, task, TaskStarted, now)
    return True


async def begin_attempt(session: Session, org_id: str, job: JobRef, attempt: int, attempts_max: int, summary: str, now: datetime) -> Task | None:
    """The task of a job that a worker takes up, made with its first attempt. None when somebody cancelled it, or it is done."""
    task = await store.by_job(session, org_id, job.id)
    if task is None:
        task = Task(
            id=new_id("tsk"),
            created_at=now,
            org_id=org_id,
            kind=job.name,
            status=TaskStatus.RUNNING,
            summary=summary,
            started_at=now,
            heard_at=now,
            attempt=attempt,
            attempts_max=attempts_max,
            job=job,
        )
        await store.insert(session, task)
    else:
        if task.status in (TaskStatus.CANCELLED, TaskStatus.SUCCEEDED):
            return None
        said = "The worker of the attempt before was interrupted." if task.status is TaskStatus.RUNNING else ""
        changes: dict[str, Any] = {"status": TaskStatus.RUNNING, "attempt": attempt, "started_at": task.started_at or now, "heard_at": now}
        changes |= {"error": None, "finished_at": None, "summary": summary, "attempts_max": attempts_max}
        changed = await store.change(session, org_id, task.id, task.status, changes, line=TaskLine(at=now, text=said))
        assert changed is not None, "read and changed in one unit of work"
        task = changed
    await _tell(session, task, TaskStarted, now)
    return task


async def wait_again(session: Session, task: Task, now: datetime, error: str) -> None:
    """An attempt failed and another one follows. TaskNotRunning when it ended meanwhile."""
    said = f"Attempt {task.attempt} of {task.attempts_max}: {error}"[:TEXT_MAX]
    row = await _change(session, task.org_id, task.id, {"status": TaskStatus.QUEUED, "error": error[:TEXT_MAX]}, TaskLine(at=now, text=said))
    await _tell(session, row, TaskQueued, now)


async def progress(session: Session, org_id: str, task_id: str, percent: int, now: datetime, *, summary: str) -> Task:
    """TaskNotRunning when it ended meanwhile."""
    changes = {"progress": max(0, min(percent, 100)), "summary": summary[:TEXT_MAX], "heard_at": now}
    task = await _change(session, org_id, task_id, changes, TaskLine(at=now, text=summary[:TEXT_MAX]))
    await _tell(session, task, TaskProgressed, now)
    return task


async def finish(
    session: Session, org_id: str, task_id: str, now: datetime, *, summary: str, result: dict[str, Any] | None = None, error: str | None = None
) -> Task:
    """Ended well, or, with `error`, badly. TaskNotRunning when it had ended before."""
    status = TaskStatus.FAILED if error is not None else TaskStatus.SUCCEEDED
    changes: dict[str, Any] = {"status": status, "summary": summary[:TEXT_MAX], "result": result, "finished_at": now}
    changes |= {"progress": 100, "error": None} if error is None else {"error": error[:TEXT_MAX]}
    task = await _change(session, org_id, task_id, changes, TaskLine(at=now, text=(error or summary)[:TEXT_MAX]))
    await _tell(session, task, TaskFinished, now)
    return task


async def cancel(session: Session, org_id: str, task_id: str, now: datetime, *, summary: str) -> bool:
    """False when it had ended."""
    changes = {"status": TaskStatus.CANCELLED, "summary": summary[:TEXT_MAX], "finished_at": now}
    line = TaskLine(at=now, text=summary[:TEXT_MAX])
    task = await store.change(session, org_id, task_id, TaskStatus.RUNNING, changes, line=line)
    task = task or await store.change(session, org_id, task_id, TaskStatus.QUEUED, changes, line=line)
    if task is not None:
        await _tell(session, task, TaskFinished, now)
    return task is not None


async def bury(session: Session, org_id: str, job: JobRef, attempts: int, error: str, task_id: str | None, now: datetime) -> None:
    """A job that failed at every attempt is kept for a person. Once for each job; one that was replayed and failed again is open again."""
    before = await store.dead_letter_of(session, org_id, job.id)
    if before is not None:
        await store.change_dead_letter(session, before, {"open": True, "error": error[:TEXT_MAX], "closed_at": None, "closed_as": None})
        row = before
    else:
        row = DeadLetter(id=new_id("dead"), created_at=now, org_id=org_id, job=job, task_id=task_id, error=error[:TEXT_MAX], attempts=attempts)
        await store.insert_dead_letter(session, row)
    await _append(session, org_id, DeadLetterOpened(dead_letter_id=row.id, job=job.name), now)


async def close_dead_letter(session: Session, row: DeadLetter, how: str, now: datetime, more: dict[str, Any]) -> DeadLetter | None:
    """Dealt with: `replayed` or `discarded`. None when somebody was first."""
    closed = await store.change_dead_letter(session, row, {"open": False, "closed_at": now, "closed_as": how} | more)
    if closed is not None:
        await _append(session, row.org_id, DeadLetterClosed(dead_letter_id=row.id, job=row.job.name, closed_as=how), now)
    return closed


def is_cancellable(task: Task) -> bool:
    return task.status not in ENDED and task.cancel_requested_at is None and (task.job is not None or task.schedule is not None)


def is_retriable(task: Task) -> bool:
    return task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED) and (task.job is not None or task.schedule is not None)


async def _change(session: Session, org_id: str, task_id: str, changes: dict[str, Any], line: TaskLine) -> Task:
    task = await store.change(session, org_id, task_id, TaskStatus.RUNNING, changes, line=line)
    if task is None:
        raise TaskNotRunning(task_id)
    return task


async def _tell(session: Session, task: Task, kind: type[TaskQueued | TaskStarted | TaskProgressed | TaskFinished], now: datetime) -> None:
    told: dict[str, Any] = {
        "task_id": task.id,
        "task_kind": task.kind,
        "status": task.status,
        "progress": task.progress,
        "summary": task.summary,
    }
    if issubclass(kind, TaskFinished):
        told["error"] = task.error
    await _append(session, task.org_id, kind(**told), now)


async def _append(session: Session, org_id: str, event: DomainEvent, now: datetime) -> None:
    """The installation has no log of events."""
    if org_id != INSTALLATION:
        await events.append(session, org_id, event, now)
