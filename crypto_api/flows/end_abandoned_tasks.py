"""Tasks whose worker was killed are ended by somebody else: nothing is shown as running for ever."""

from datetime import timedelta

from crypto_api.kit.clock import Clock
from crypto_api.tasks import service as tasks
from crypto_api.tasks import store
from crypto_api.tasks.documents import Task
from crypto_api.tasks.errors import TaskNotRunning
from mongodb_config.unit_of_work import Session, UnitOfWork

BATCH_MAX = 100


async def end_abandoned_tasks(uow: UnitOfWork, clock: Clock, older_than: timedelta) -> int:
    """Ends what has run for longer than any job may. Returns how many."""
    ended = 0
    for task in await store.running_since_before(clock.now() - older_than, BATCH_MAX):
        ended += await _end(uow, clock, task)
    return ended


async def _end(uow: UnitOfWork, clock: Clock, task: Task) -> bool:
    async def work(session: Session) -> None:
        error = "The worker was interrupted. What was due is done by its next run."
        await tasks.finish(session, task.org_id, task.id, clock.now(), summary=task.summary, error=error)

    try:
        await uow.run(work)
    except TaskNotRunning:  # it ended by itself meanwhile
        return False
    return True
