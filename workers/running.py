"""Work for an organisation as a task that people can follow."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pymongo.errors import PyMongoError

from crypto_api.kit import log
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.clock import Clock
from crypto_api.tasks import service as tasks
from crypto_api.tasks import store
from crypto_api.tasks.documents import Task
from crypto_api.tasks.types import TaskStatus
from mongodb_config.unit_of_work import Session, UnitOfWork

HEARD_S = 4.0
_logger = log.get(__name__)
_Result = TypeVar("_Result")


class Cancelled(Exception):
    """Somebody cancelled the task."""


async def watched(clock: Clock, task: Task, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Does the work, says every few seconds that somebody is at it, and cuts it off when the task was cancelled: then `Cancelled`."""
    doing = asyncio.create_task(work)
    keeping = asyncio.create_task(_keep(clock, task))
    try:
        await asyncio.wait({doing, keeping}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise Cancelled
    finally:
        await cancel_and_wait(doing, keeping)


async def _keep(clock: Clock, task: Task) -> None:
    """Returns when the task is to end."""
    while True:
        try:
            row = await store.heard(task.org_id, task.id, clock.now())
        except PyMongoError as error:
            _logger.warning("task_not_heard", task_id=task.id, error=str(error))
        else:
            if row is not None and row.cancel_requested_at is not None:
                return
            if row is None and (seen := await store.get(task.org_id, task.id)) is not None and seen.status is TaskStatus.CANCELLED:
                return
        await asyncio.sleep(HEARD_S)


class Running:
    """A task that goes on. `summary` is what it says at its end."""

    def __init__(self, uow: UnitOfWork, clock: Clock, task: Task) -> None:
        self._uow, self._clock = uow, clock
        self.task = task
        self.summary = task.summary

    async def progress(self, percent: int, summary: str) -> None:
        async def work(session: Session) -> None:
            await tasks.progress(session, self.task.org_id, self.task.id, percent, self._clock.now(), summary=summary)

        await self._uow.run(work)
        self.summary = summary

    async def finish(self, error: str | None) -> None:
        async def work(session: Session) -> None:
            await tasks.finish(session, self.task.org_id, self.task.id, self._clock.now(), summary=self.summary, error=error)

        await self._uow.run(work)


@asynccontextmanager
async def running(uow: UnitOfWork, clock: Clock, org_id: str, kind: str, summary: str = "") -> AsyncIterator[Running]:
    """`async with running(…) as task:` starts it, and ends it as succeeded, or as failed when the body raises. A worker that is killed
    leaves it running; the sweep ends it."""

    async def begin(session: Session) -> Task:
        return await tasks.start(session, org_id, kind, clock.now(), summary=summary)

    task = Running(uow, clock, await uow.run(begin))
    try:
        yield task
    except BaseException as error:
        await task.finish(f"{type(error).__name__}: {error}")
        raise
    await task.finish(None)
