"""Tasks: work that takes long or happens by itself, as people see it. Each step is a fact in the organisation's log."""

from datetime import datetime
from typing import Any

from crypto_api.events import service as events
from crypto_api.kit.ids import new_id
from crypto_api.tasks import store
from crypto_api.tasks.documents import Task
from crypto_api.tasks.errors import TaskNotRunning
from crypto_api.tasks.events import TaskFinished, TaskProgressed, TaskStarted
from crypto_api.tasks.types import TaskStatus
from mongodb_config.unit_of_work import Session

TEXT_MAX = 500


async def start(session: Session, org_id: str, kind: str, now: datetime, *, summary: str = "") -> Task:
    task = Task(id=new_id("tsk"), created_at=now, org_id=org_id, kind=kind, status=TaskStatus.RUNNING, summary=summary[:TEXT_MAX], started_at=now)
    await store.insert(session, task)
    event = TaskStarted(task_id=task.id, task_kind=kind, status=task.status, progress=0, summary=task.summary)
    await events.append(session, org_id, event, now)
    return task


async def queue(session: Session, org_id: str, kind: str, now: datetime, *, summary: str = "", asked: dict[str, str] | None = None) -> Task:
    """Work that was asked for and that a worker takes up: `begin`, then as if it had been started."""
    task = Task(id=new_id("tsk"), created_at=now, org_id=org_id, kind=kind, status=TaskStatus.QUEUED, summary=summary[:TEXT_MAX], asked=asked)
    await store.insert(session, task)
    return task


async def begin(session: Session, org_id: str, task_id: str, now: datetime) -> bool:
    """False when it is not waiting (any more): it began before, or ended."""
    task = await store.change(session, org_id, task_id, TaskStatus.QUEUED, {"status": TaskStatus.RUNNING, "started_at": now})
    if task is None:
        return False
    event = TaskStarted(task_id=task.id, task_kind=task.kind, status=task.status, progress=0, summary=task.summary)
    await events.append(session, org_id, event, now)
    return True


async def progress(session: Session, org_id: str, task_id: str, percent: int, now: datetime, *, summary: str) -> Task:
    """TaskNotRunning when it ended meanwhile."""
    changes = {"progress": max(0, min(percent, 100)), "summary": summary[:TEXT_MAX]}
    task = await _change(session, org_id, task_id, changes)
    event = TaskProgressed(task_id=task.id, task_kind=task.kind, status=task.status, progress=task.progress, summary=task.summary)
    await events.append(session, org_id, event, now)
    return task


async def finish(
    session: Session, org_id: str, task_id: str, now: datetime, *, summary: str, result: dict[str, Any] | None = None, error: str | None = None
) -> Task:
    """Ended well, or, with `error`, badly. TaskNotRunning when it had ended before."""
    status = TaskStatus.FAILED if error is not None else TaskStatus.SUCCEEDED
    changes: dict[str, Any] = {"status": status, "summary": summary[:TEXT_MAX], "result": result, "finished_at": now}
    changes |= {"progress": 100} if error is None else {"error": error[:TEXT_MAX]}
    task = await _change(session, org_id, task_id, changes)
    event = TaskFinished(task_id=task.id, task_kind=task.kind, status=task.status, progress=task.progress, summary=task.summary, error=task.error)
    await events.append(session, org_id, event, now)
    return task


async def cancel(session: Session, org_id: str, task_id: str, now: datetime, *, summary: str) -> None:
    """Nothing when it had ended."""
    changes = {"status": TaskStatus.CANCELLED, "summary": summary[:TEXT_MAX], "finished_at": now}
    task = await store.change(session, org_id, task_id, TaskStatus.RUNNING, changes)
    task = task or await store.change(session, org_id, task_id, TaskStatus.QUEUED, changes)
    if task is not None:
        event = TaskFinished(task_id=task.id, task_kind=task.kind, status=task.status, progress=task.progress, summary=task.summary, error=None)
        await events.append(session, org_id, event, now)


async def _change(session: Session, org_id: str, task_id: str, changes: dict[str, Any]) -> Task:
    task = await store.change(session, org_id, task_id, TaskStatus.RUNNING, changes)
    if task is None:
        raise TaskNotRunning(task_id)
    return task
