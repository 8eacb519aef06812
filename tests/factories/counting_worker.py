"""A worker of a job that counts: as a process of its own it gets to 40 of 100 and stays there until it is killed."""

import asyncio
from typing import ClassVar

from crypto_api.bootstrap import open_runtime
from crypto_api.config import load_config
from crypto_api.kit.jobs import Job
from crypto_api.runtime import Runtime
from crypto_api.tasks import service, store
from workers.actor import Actor
from workers.jobs import _handler

TITLE = "Counting"


class Count(Job):
    name: ClassVar[str] = "count"

    org_id: str
    number: int


async def count_to(runtime: Runtime, job: Count, percent: int) -> None:
    """Of the organisation's only task."""
    (task,) = await store.latest(job.org_id, 2)
    said = f"{percent} of 100"
    await runtime.uow.run(lambda session: service.progress(session, job.org_id, task.id, percent, runtime.clock.now(), summary=said))


async def stay_at_forty(runtime: Runtime, job: Count) -> None:
    await count_to(runtime, job, 40)
    await asyncio.Event().wait()


async def main() -> None:
    async with open_runtime(load_config()) as runtime:
        await runtime.queue.serve({Count.name: _handler(runtime, Actor(Count, stay_at_forty, TITLE))})


if __name__ == "__main__":
    asyncio.run(main())
