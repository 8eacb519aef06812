"""Work for an organisation as a task that people can follow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crypto_api.kit.clock import Clock
from crypto_api.tasks import service as tasks
from crypto_api.tasks.documents import Task
from mongodb_config.unit_of_work import Session, UnitOfWork


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
