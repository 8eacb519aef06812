"""A task goes from running to one end, and the log tells each step."""

import asyncio
from datetime import timedelta

import pytest

from crypto_api.events.documents import Event
from crypto_api.flows.end_abandoned_tasks import end_abandoned_tasks
from crypto_api.kit.clock import FixedClock
from crypto_api.kit.paging import PageRequest
from crypto_api.runtime import Runtime
from crypto_api.tasks import service, store
from crypto_api.tasks.documents import Task
from crypto_api.tasks.errors import TaskNotRunning
from crypto_api.tasks.types import TaskStatus
from workers.running import running

ORG = "org_one"


async def steps(org_id: str = ORG) -> list[tuple[str, str, int, str]]:
    rows = await Event.find({"org_id": org_id}).sort("+_id").to_list()
    return [(row.kind, row.data["status"], row.data["progress"], row.data["summary"]) for row in rows]


async def test_the_log_tells_each_step(runtime: Runtime) -> None:
    async with running(runtime.uow, runtime.clock, ORG, "import", "begins") as task:
        await task.progress(40, "40 of 100 rows")
        assert (await store.count_by_status(ORG)) == {TaskStatus.RUNNING: 1}
        task.summary = "100 rows"
    assert await steps() == [
        ("task.started", "running", 0, "begins"),
        ("task.progressed", "running", 40, "40 of 100 rows"),
        ("task.finished", "succeeded", 100, "100 rows"),
    ]
    row = await store.get(ORG, task.task.id)
    assert row is not None
    assert (row.status, row.progress, row.error) == (TaskStatus.SUCCEEDED, 100, None)
    assert row.finished_at is not None
    assert await store.get("org_other", row.id) is None
    assert {event.permission for event in await Event.find({"org_id": ORG}).to_list()} == {"tasks.read"}


async def test_what_raises_fails_the_task_and_is_raised(runtime: Runtime) -> None:
    with pytest.raises(ValueError, match="row 7"):
        async with running(runtime.uow, runtime.clock, ORG, "import", "begins"):
            raise ValueError("row 7 is wrong")
    rows = await store.latest(ORG, 5)
    assert [(row.status, row.progress, row.error) for row in rows] == [(TaskStatus.FAILED, 0, "ValueError: row 7 is wrong")]
    assert (await steps())[-1][:2] == ("task.finished", "failed")


async def test_of_two_ends_one_counts(runtime: Runtime) -> None:
    task = await runtime.uow.run(lambda session: service.start(session, ORG, "import", runtime.clock.now()))

    async def finish(summary: str) -> bool:
        try:
            await runtime.uow.run(lambda session: service.finish(session, ORG, task.id, runtime.clock.now(), summary=summary))
        except TaskNotRunning:
            return False
        return True

    assert sorted(await asyncio.gather(finish("one"), finish("two"))) == [False, True]
    assert [kind for kind, *_ in await steps()] == ["task.started", "task.finished"]
    with pytest.raises(TaskNotRunning):
        await runtime.uow.run(lambda session: service.progress(session, ORG, task.id, 50, runtime.clock.now(), summary="late"))
    assert len(await steps()) == 2


async def test_a_task_whose_worker_died_is_ended_by_the_sweep(runtime: Runtime) -> None:
    start = runtime.clock.now()
    old = await runtime.uow.run(lambda session: service.start(session, ORG, "import", start, summary="half"))
    young = await runtime.uow.run(lambda session: service.start(session, ORG, "import", start + timedelta(seconds=100)))
    clock = FixedClock(start + timedelta(seconds=130))
    assert await end_abandoned_tasks(runtime.uow, clock, timedelta(seconds=120)) == 1
    assert await end_abandoned_tasks(runtime.uow, clock, timedelta(seconds=120)) == 0
    ended, going = await store.get(ORG, old.id), await store.get(ORG, young.id)
    assert ended is not None
    assert going is not None
    assert (ended.status, going.status) == (TaskStatus.FAILED, TaskStatus.RUNNING)
    assert ended.error is not None
    assert "interrupted" in ended.error


async def test_pages_go_from_the_newest_and_stay_stable(runtime: Runtime) -> None:
    now = runtime.clock.now()
    for index in range(5):
        await runtime.uow.run(lambda session, index=index: service.start(session, ORG, f"kind{index}", now))
        await asyncio.sleep(0.002)  # ids sort by millisecond
    first = await store.page(ORG, PageRequest(limit=2, count=True))
    assert [row.kind for row in first.items] == ["kind4", "kind3"]
    assert first.total == 5
    await runtime.uow.run(lambda session: service.start(session, ORG, "kind5", now))
    second = await store.page(ORG, PageRequest(limit=2, cursor=first.next_cursor))
    assert [row.kind for row in second.items] == ["kind2", "kind1"]
    assert await Task.find({"org_id": "org_other"}).count() == 0
