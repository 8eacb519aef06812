"""A worker dies by SIGKILL in the midst of a task, and another one takes that up: a real process, a real queue."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from crypto_api.adapters.queue import JOB_TIMEOUT_S
from crypto_api.config import Config
from crypto_api.events.documents import Event
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.runtime import Runtime
from crypto_api.tasks import store
from crypto_api.tasks.documents import DeadLetter, Task
from crypto_api.tasks.types import TaskStatus
from tests.conftest import ConfigMaker
from tests.factories.counting_worker import TITLE, Count, count_to
from workers.actor import Actor
from workers.jobs import _handler

ROOT = Path(__file__).parents[2]
ORG = "org_one"


async def test_another_worker_takes_up_what_a_killed_one_had_begun_and_ends_it_once(
    runtime: Runtime, make_config: ConfigMaker, tmp_path: Path
) -> None:
    assert await runtime.queue.put(Count(org_id=ORG, number=7))
    await _killed_at_forty(make_config(), tmp_path)
    assert (await _only_task()).status is TaskStatus.RUNNING  # nobody has noticed yet
    async with Redis.from_url(runtime.config.redis_url) as redis:
        (claim,) = await redis.keys("arq:in-progress:*")
        assert 0 < await redis.pttl(claim) <= (JOB_TIMEOUT_S + 10) * 1_000  # nobody else has to wait for longer
        await redis.pexpire(claim, 1)  # and that time is over

    runs: list[int] = []

    async def count_on(opened: Runtime, job: Count) -> None:
        assert (await _only_task()).progress == 40  # where the other one was
        await count_to(opened, job, 70)
        runs.append(job.number)

    handlers = {Count.name: _handler(runtime, Actor(Count, count_on, TITLE))}
    serving = [asyncio.create_task(runtime.queue.serve(handlers)) for _ in range(2)]  # two that could
    try:
        async with asyncio.timeout(120):
            while await runtime.queue.depth():
                await asyncio.sleep(0.05)
    finally:
        await cancel_and_wait(*serving)

    task = await _only_task()
    assert runs == [7]
    assert (task.status, task.progress, task.attempt, task.attempts_max, task.error) == (TaskStatus.SUCCEEDED, 100, 2, 3, None)
    assert [line.text for line in task.log] == [
        "40 of 100",
        "The worker of the attempt before was interrupted.",
        "70 of 100",
        f"{TITLE}: done",
    ]
    told = [(row.kind, row.data["progress"]) for row in await Event.find({"org_id": ORG}).sort("+_id").to_list()]
    assert told == [("task.started", 0), ("task.progressed", 40), ("task.started", 40), ("task.progressed", 70), ("task.finished", 100)]
    assert await DeadLetter.find_all().count() == 0


async def _killed_at_forty(config: Config, folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.factories.counting_worker", env=_environment(config, folder), cwd=ROOT
    )
    try:
        async with asyncio.timeout(180):
            while not any(task.progress == 40 for task in await store.latest(ORG, 1)):
                assert process.returncode is None, "it ended before it was killed"
                await asyncio.sleep(0.05)
    finally:
        process.kill()
        assert await process.wait() == -signal.SIGKILL


async def _only_task() -> Task:
    (task,) = await store.latest(ORG, 5)
    return task


def _environment(config: Config, folder: Path) -> dict[str, Any]:
    return {
        **os.environ,
        "MONGODB_URI": config.mongodb_uri,
        "MONGODB_DATABASE": config.mongodb_database,
        "REDIS_URL": config.redis_url,
        "SECRET_KEY": config.secret_key.get_secret_value(),
        "LOG_DIR": str(folder / "logs"),
    }
