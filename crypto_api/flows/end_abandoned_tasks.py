"""Tasks whose worker was killed are ended by somebody else: nothing is shown as running for ever."""

from datetime import timedelta

from crypto_api.kit.clock import Clock
from crypto_api.tasks import service as tasks
from crypto_api.tasks import store
from crypto_api.tasks.documents import Task
from crypto_api.tasks.errors import TaskNotRunning
from mongodb_config.unit_of_work import Session, UnitOfWork

BATCH_MAX = 100
SILENT_MAX = timedelta(seconds=30)
"""Whoever runs a schedule for somebody says every few seconds that it is at it."""

JOB_SILENT_MAX = timedelta(minutes=4)
"""By then the queue has given the job to another worker, if it has attempts left."""

ERROR = "The worker was interrupted. What was due is done by its next run."


async def end_abandoned_tasks(uow: UnitOfWork, clock: Clock, older_than: timedelta) -> int:
    """Ends what its worker has not been heard of for too long; of what no worker speaks for, what has run for longer than any job may. Returns
    how many."""
    ended, now = 0, clock.now()
    for task in await store.running_since_before(now - min(SILENT_MAX, older_than), BATCH_MAX):
        quiet = now - (task.heard_at or task.started_at or task.created_at)
        patience = JOB_SILENT_MAX if task.job is not None else SILENT_MAX if task.schedule is not None else older_than
        if quiet > patience:
            ended += await _end(uow, clock, task)
    return ended


async def _end(uow: UnitOfWork, clock: Clock, task: Task) -> bool:
    async def work(session: Session) -> None:
        now = clock.now()
        if task.cancel_requested_at is not None:
            await tasks.cancel(session, task.org_id, task.id, now, summary=f"{task.summary or task.kind}: cancelled")
            return
        await tasks.finish(session, task.org_id, task.id, now, summary=task.summary, error=ERROR)
        if task.job is not None:
            await tasks.bury(session, task.org_id, task.job, task.attempt, ERROR, task.id, now)

    try:
        await uow.run(work)
    except TaskNotRunning:  # it ended by itself meanwhile
        return False
    return True
