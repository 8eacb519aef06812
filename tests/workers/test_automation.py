"""Every run of an actor is a task, also where its worker dies; schedules pass over whoever stopped them, and run for whoever asks."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from crypto_api.events.documents import Event
from crypto_api.flows import operate_tasks
from crypto_api.flows.end_abandoned_tasks import end_abandoned_tasks
from crypto_api.flows.operate_tasks import TaskDesk
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.jobs import Job
from crypto_api.kit.scope import OrgScope
from crypto_api.organizations.types import Principal
from crypto_api.runtime import Runtime
from crypto_api.tasks import service, store
from crypto_api.tasks.documents import DeadLetter, Task
from crypto_api.tasks.errors import DeadLetterDone, RunAlreadyAsked, TaskNotCancellable, TaskNotRetriable
from crypto_api.tasks.types import INSTALLATION, JobRef, ScheduleName, ScheduleRun, TaskStatus
from tests.factories.clock import MovableClock
from workers import jobs, schedules
from workers import running as running_module
from workers.actor import Actor
from workers.schedules import Board

ORG, OTHER = "org_one", "org_two"
LONG_AGO = timedelta(seconds=120)


class Count(Job):
    name: ClassVar[str] = "count"

    org_id: str
    number: int


class House(Job):
    name: ClassVar[str] = "house"

    number: int


def desk(runtime: Runtime, org_id: str = ORG) -> TaskDesk:
    who = Principal("usr_ada", org_id, "ADMIN", frozenset(), "ses_1", runtime.clock.now(), username="ada")
    return TaskDesk(runtime.uow, runtime.clock, who, org_id)


def handler(runtime: Runtime, run: Callable[[Runtime, Any], Awaitable[None]], job: type[Job] = Count) -> Any:
    return jobs._handler(runtime, Actor(job, run, "Counting"))


async def told() -> list[tuple[str, str]]:
    rows = await Event.find({"org_id": ORG}).sort("+_id").to_list()
    return [(row.kind, row.data.get("status", "")) for row in rows]


async def only_task(org_id: str = ORG) -> Task:
    (row,) = await Task.find({"org_id": org_id}).to_list()
    return row


async def test_a_job_is_one_task_over_all_its_attempts_and_then_a_dead_letter(runtime: Runtime) -> None:
    broken = True

    async def run(_: Runtime, job: Count) -> None:
        if broken:
            raise ValueError(f"attempt at {job.number}")

    handle = handler(runtime, run)
    for attempt in (1, 2, 3):
        with pytest.raises(ValueError, match="attempt at 7"):
            await handle("job_1", {"org_id": ORG, "number": 7}, attempt)
    task = await only_task()
    assert (task.status, task.attempt, task.attempts_max, task.error) == (TaskStatus.FAILED, 3, 3, "ValueError: attempt at 7")
    assert [line.text for line in task.log] == [
        "Attempt 1 of 3: ValueError: attempt at 7",
        "Attempt 2 of 3: ValueError: attempt at 7",
        "ValueError: attempt at 7",
    ]
    (letter,) = await DeadLetter.find({"org_id": ORG}).to_list()
    assert (letter.open, letter.attempts, letter.task_id, letter.job.payload) == (True, 3, task.id, {"org_id": ORG, "number": 7})
    assert [kind for kind, _ in await told()] == ["task.started", "task.queued"] * 2 + ["task.started", "task.finished", "dead_letter.opened"]
    # It is replayed, by one of two who want it: a task of its own, whose id is the job's on the queue.
    broken = False
    results = await asyncio.gather(*(operate_tasks.replay_dead_letter(desk(runtime), letter.id) for _ in range(2)), return_exceptions=True)
    (again,) = [one for one in results if isinstance(one, Task)]
    assert [type(one) for one in results if not isinstance(one, Task)] == [DeadLetterDone]
    assert (again.status, again.retry_of, again.job) == (TaskStatus.QUEUED, task.id, JobRef(id=again.id, name="count", payload=letter.job.payload))
    await handle(again.id, {"org_id": ORG, "number": 7}, 1)
    done, closed = await store.get(ORG, again.id), await store.dead_letter(ORG, letter.id)
    assert done is not None and closed is not None
    assert (done.status, done.summary, closed.open, closed.closed_as) == (TaskStatus.SUCCEEDED, "Counting: done", False, "replayed")
    await handle(again.id, {"org_id": ORG, "number": 7}, 2)  # the queue gives it out once more: it is done
    assert (await store.get(ORG, again.id)) == done
    with pytest.raises(TaskNotRetriable):
        await operate_tasks.retry_task(desk(runtime), done.id)


async def test_a_job_of_nobody_is_the_installations(runtime: Runtime) -> None:
    async def run(_: Runtime, __: House) -> None:
        raise OSError("away")

    for attempt in (1, 2, 3):
        with pytest.raises(OSError, match="away"):
            await handler(runtime, run, House)("job_1", {"number": 1}, attempt)
    assert (await only_task(INSTALLATION)).status is TaskStatus.FAILED
    assert await store.open_dead_letters(INSTALLATION) == 1
    assert await Event.find({}).count() == 0  # it has no log


async def test_a_killed_worker_is_followed_by_another_attempt_or_by_the_sweep(runtime: Runtime) -> None:
    clock = MovableClock()
    moved = replace(runtime, clock=clock)
    ref = JobRef(id="job_1", name="count", payload={"org_id": ORG, "number": 1})
    begin = lambda attempt: runtime.uow.run(  # noqa: E731
        lambda session: service.begin_attempt(session, ORG, ref, attempt, 3, "Counting", clock.now())
    )
    assert await begin(1) is not None  # and its worker dies here
    clock.forward(seconds=70)
    assert await end_abandoned_tasks(runtime.uow, clock, LONG_AGO) == 0  # the queue still has it
    assert await begin(2) is not None  # and this one too
    task = await only_task()
    assert (task.status, task.attempt, [line.text for line in task.log]) == (
        TaskStatus.RUNNING,
        2,
        ["The worker of the attempt before was interrupted."],
    )
    clock.forward(minutes=5)
    assert [await end_abandoned_tasks(runtime.uow, clock, LONG_AGO) for _ in range(2)] == [1, 0]
    task = await only_task()
    assert task.status is TaskStatus.FAILED and task.finished_at is not None
    assert await store.open_dead_letters(ORG) == 1
    # The queue comes back with the third attempt after all: the same task goes on and succeeds.
    await handler(moved, lambda *_: asyncio.sleep(0))("job_1", dict(ref.payload), 3)
    assert ((await only_task()).status, (await only_task()).error) == (TaskStatus.SUCCEEDED, None)
    # The run of a schedule that somebody asked for: half a minute of silence is enough.
    asked = await operate_tasks.run_schedule(desk(moved), ScheduleName.PRICES)
    await runtime.uow.run(lambda session: service.begin(session, ORG, asked.id, clock.now()))
    clock.forward(seconds=31)
    assert await end_abandoned_tasks(runtime.uow, clock, LONG_AGO) == 1
    ended = await store.get(ORG, asked.id)
    assert ended is not None and ended.status is TaskStatus.FAILED
    again = await operate_tasks.retry_task(desk(moved), asked.id)
    assert (again.schedule, again.status, again.retry_of) == ("prices", TaskStatus.QUEUED, asked.id)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.02)


async def test_a_schedule_passes_over_whoever_stopped_it_and_runs_for_whoever_asks(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "LOOK_S", 0.02)
    monkeypatch.setattr(running_module, "HEARD_S", 0.02)
    scopes: list[OrgScope] = []
    hangs, fails = asyncio.Event(), False

    async def run(scope: OrgScope) -> ScheduleRun:
        scopes.append(scope)
        if scope.only is not None and hangs.is_set():
            await asyncio.Event().wait()
        if fails:
            raise RuntimeError("no node")
        return ScheduleRun(3 if len(scopes) == 1 else 0)

    async def passes(wanted: OrgScope) -> None:
        scopes.clear()
        await until(lambda: asyncio.sleep(0, wanted in scopes))

    board, name = Board(runtime), ScheduleName.RECEIPTS
    lanes = [asyncio.create_task(board.lane().run()), asyncio.create_task(board.keep(name, run, every_s=0.02))]
    try:
        await passes(OrgScope())
        await operate_tasks.stop(desk(runtime), name)
        await passes(OrgScope(skip=frozenset({ORG})))
        # Stopped for itself, it is run once for whoever asks, and once at a time.
        asked = await operate_tasks.run_schedule(desk(runtime), name)
        await until(lambda: ended(asked.id))
        assert OrgScope(only=ORG) in scopes
        row = await store.get(ORG, asked.id)
        assert row is not None and (row.status, row.result, row.summary) == (TaskStatus.SUCCEEDED, {"done": 0}, "Receipts: nothing was due")
        # One that runs is cut off when it is cancelled.
        hangs.set()
        asked = await operate_tasks.run_schedule(desk(runtime), name)
        with pytest.raises(RunAlreadyAsked):
            await operate_tasks.run_schedule(desk(runtime), name)
        await until(lambda: is_in(asked.id, TaskStatus.RUNNING))
        await operate_tasks.cancel_task(desk(runtime), asked.id)
        await until(lambda: is_in(asked.id, TaskStatus.CANCELLED))
        with pytest.raises(TaskNotCancellable):
            await operate_tasks.cancel_task(desk(runtime), asked.id)
        hangs.clear()
        # The installation stops it for everybody; the other organisation has not stopped it, and is told who did.
        await operate_tasks.stop(desk(runtime, INSTALLATION), name)
        (state,) = [one for one in await operate_tasks.automation_state(OTHER) if one.schedule.name is name]
        assert state.stopped_by_installation and state.next_at is None and state.run_at is not None
        await operate_tasks.start(desk(runtime, INSTALLATION), None)
        await operate_tasks.start(desk(runtime), None)
        await passes(OrgScope())
        # What fails is noted, raised to the lane, and gone with the next one that does not.
        fails = True
        with pytest.raises(RuntimeError, match="no node"):
            await asyncio.wait_for(lanes[1], 60)
        shared = (await store.installation_schedules())[name]
        assert (shared.failures, shared.error) == (1, "RuntimeError: no node")
        fails = False
        lanes.append(asyncio.create_task(board.keep(name, run, every_s=0.02)))
        await until(has_recovered)
    finally:
        await cancel_and_wait(*lanes)
    kinds = [kind for kind, _ in await told()]
    assert [kind for kind in kinds if kind.startswith("schedule.")] == ["schedule.stopped", "schedule.started"]


async def ended(task_id: str) -> bool:
    row = await store.get(ORG, task_id)
    return row is not None and row.finished_at is not None


async def is_in(task_id: str, status: TaskStatus) -> bool:
    row = await store.get(ORG, task_id)
    return row is not None and row.status is status


async def has_recovered() -> bool:
    return (await store.installation_schedules())[ScheduleName.RECEIPTS].failures == 0
