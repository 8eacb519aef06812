"""The queue's edge: every actor, the lane that runs what is put on the queue, and the sweeps that find what a lost nudge left."""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from pymongo.errors import PyMongoError

from crypto_api.adapters.queue import JOB_TIMEOUT_S, Handler
from crypto_api.flows.end_abandoned_tasks import end_abandoned_tasks
from crypto_api.kit import log
from crypto_api.kit.jobs import ATTEMPTS_MAX, Job
from crypto_api.kit.measuring import JOB_S
from crypto_api.runtime import Runtime
from crypto_api.tasks import service as tasks
from crypto_api.tasks.documents import Task
from crypto_api.tasks.errors import TaskNotRunning
from crypto_api.tasks.types import INSTALLATION, JobRef, ScheduleName, ScheduleRun
from mongodb_config.unit_of_work import Session
from workers import (
    audits,
    classification,
    contracts,
    identity,
    inbox,
    invoices,
    long_reports,
    lots,
    news,
    notifications,
    organizations,
    payments,
    payroll,
    prices,
    recurring,
    webhooks,
)
from workers.actor import Actor
from workers.lane import Lane
from workers.running import Cancelled, watched
from workers.schedules import Board

ABANDONED_AFTER = timedelta(seconds=2 * JOB_TIMEOUT_S)
_logger = log.get(__name__)

ACTORS: list[Actor] = [
    *classification.ACTORS,
    *contracts.ACTORS,
    *identity.ACTORS,
    *invoices.ACTORS,
    *organizations.ACTORS,
    *payments.ACTORS,
    *prices.ACTORS,
]


def lanes(runtime: Runtime) -> list[Lane]:
    handlers, board = {actor.job.name: _handler(runtime, actor) for actor in ACTORS}, Board(runtime)
    return [
        Lane("queue", lambda: runtime.queue.serve(handlers)),
        board.lane(),
        Lane("abandoned_tasks", lambda: board.keep(ScheduleName.ABANDONED_TASKS, lambda _: _end_abandoned(runtime))),
        *identity.lanes(runtime, board),
        *payments.lanes(runtime),
        *payroll.lanes(runtime, board),
        *recurring.lanes(runtime, board),
        *classification.lanes(runtime, board),
        *contracts.lanes(runtime),
        *audits.lanes(runtime),
        *inbox.lanes(runtime),
        *invoices.lanes(runtime, board),
        *long_reports.lanes(runtime),
        *lots.lanes(runtime),
        *prices.lanes(runtime, board),
        *notifications.lanes(runtime, board),
        *news.lanes(runtime, board),
        *webhooks.lanes(runtime),
    ]


def _handler(runtime: Runtime, actor: Actor) -> Handler:
    async def handle(job_id: str, payload: dict[str, Any], job_try: int) -> None:
        job, ref = actor.job.model_validate(payload), JobRef(id=job_id, name=actor.job.name, payload=payload)
        with log.bound(job=ref.name, job_id=job_id, job_try=job_try):
            _logger.info("job_started")
            started = time.perf_counter()
            try:
                if actor.makes_task(job):
                    await _run_alone(runtime, actor, job, ref, job_try)
                else:
                    await _run_as_task(runtime, actor, job, ref, job_try)
            except Exception:
                JOB_S.labels(ref.name, "failed").observe(time.perf_counter() - started)
                _logger.exception("job_failed")
                raise
            JOB_S.labels(ref.name, "done").observe(time.perf_counter() - started)
            _logger.info("job_done")

    return handle


async def _run_alone(runtime: Runtime, actor: Actor, job: Job, ref: JobRef, attempt: int) -> None:
    """An actor that sees to its task by itself. What fails for the last time is kept as a dead letter all the same."""
    try:
        await actor.run(runtime, job)
    except Exception as error:
        if attempt >= ATTEMPTS_MAX:
            told, task_id = _told(error), getattr(job, "task_id", "") or None
            await runtime.uow.run(lambda session: tasks.bury(session, _org_of(job), ref, attempt, told, task_id, runtime.clock.now()))
        raise


async def _run_as_task(runtime: Runtime, actor: Actor, job: Job, ref: JobRef, attempt: int) -> None:
    org_id, now = _org_of(job), runtime.clock.now()
    task = await runtime.uow.run(lambda session: tasks.begin_attempt(session, org_id, ref, attempt, ATTEMPTS_MAX, actor.title, now))
    if task is None:  # cancelled meanwhile, or done by a worker that died before it could tell the queue
        return
    try:
        await watched(runtime.clock, task, _awaited(actor, runtime, job))
    except Cancelled:
        await _end(runtime, lambda session: tasks.cancel(session, org_id, task.id, runtime.clock.now(), summary=f"{actor.title}: cancelled"))
    except BaseException as error:  # also where the queue cuts off what takes too long
        await _failed(runtime, task, ref, error)
        raise
    else:
        await _end(runtime, lambda session: tasks.finish(session, org_id, task.id, runtime.clock.now(), summary=f"{actor.title}: done"))


async def _awaited(actor: Actor, runtime: Runtime, job: Job) -> None:
    await actor.run(runtime, job)


async def _failed(runtime: Runtime, task: Task, ref: JobRef, error: BaseException) -> None:
    """Another attempt follows, or it is buried: both are facts in the database before the queue hears of it."""
    now, told = runtime.clock.now(), _told(error)

    async def work(session: Session) -> None:
        if task.attempt < task.attempts_max:
            await tasks.wait_again(session, task, now, told)
            return
        await tasks.finish(session, task.org_id, task.id, now, summary=task.summary, error=told)
        await tasks.bury(session, task.org_id, ref, task.attempt, told, task.id, now)

    await _end(runtime, work)


async def _end(runtime: Runtime, work: Callable[[Session], Awaitable[Any]]) -> None:
    """What became of the work stands, whether or not its task can be told so now: the sweep ends tasks that nobody speaks for."""
    try:
        await runtime.uow.run(work)
    except TaskNotRunning:
        _logger.warning("task_had_ended")
    except PyMongoError as error:
        _logger.warning("task_not_told", error=str(error))


def _org_of(job: Job) -> str:
    return str(getattr(job, "org_id", INSTALLATION))


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


async def _end_abandoned(runtime: Runtime) -> ScheduleRun:
    if ended := await end_abandoned_tasks(runtime.uow, runtime.clock, ABANDONED_AFTER):
        _logger.warning("tasks_were_abandoned", count=ended)
    return ScheduleRun(ended)
