"""What comes round by itself: passes through every organisation that has not stopped the schedule, and the runs that somebody asked for.

Whether a schedule is stopped, and what was asked for, is read once a second for all of them (`Board`). Each pass leaves in the database when it
was, how long it took, what it did and when the next one is; what fails is noted and raised, so that the lane starts again as any other does.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from crypto_api.desks import forget_caches
from crypto_api.kit import log
from crypto_api.kit.scope import OrgScope
from crypto_api.runtime import Runtime
from crypto_api.tasks import service, store
from crypto_api.tasks.catalogue import SCHEDULES
from crypto_api.tasks.documents import Task
from crypto_api.tasks.errors import TaskNotRunning
from crypto_api.tasks.types import INSTALLATION, ScheduleName, ScheduleRun
from mongodb_config.unit_of_work import Session
from workers.lane import Lane
from workers.running import Cancelled, watched

LOOK_S = 1.0
NOTE_S = 10.0  # a pass in which nothing was done is noted this often at most
QUEUED_MAX = 200
PASSES_MAX = 100  # of a run that was asked for
_NUDGE_AFTER = timedelta(seconds=10)  # by then the queue would have begun it
_logger = log.get(__name__)

Pass = Callable[[OrgScope], Awaitable[ScheduleRun]]


class Board:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._stopped: frozenset[str] = frozenset()
        self._skipped: dict[str, frozenset[str]] = {}
        self._asked: dict[str, list[Task]] = defaultdict(list)
        self._woken: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._noted_at: dict[str, float] = {}
        self._failing: dict[str, set[str]] = defaultdict(set)  # organisations, by schedule
        self._looked = asyncio.Event()
        self._clearings: int | None = None

    def lane(self) -> Lane:
        return Lane("schedules", self._keep_looking)

    async def keep(self, name: ScheduleName, run: Pass, *, every_s: float | None = None) -> None:
        """Pass after pass, until cancelled."""
        pause_s = every_s if every_s is not None else SCHEDULES[name].every_s
        await self._looked.wait()
        while True:
            self._woken[name].clear()
            for task in self._asked.pop(name, []):
                await self._asked_for(name, task, run)
            wait_s = await self._pass(name, run, pause_s) if name not in self._stopped else pause_s
            if wait_s:
                await self._pause(name, wait_s)

    async def _pause(self, name: ScheduleName, pause_s: float) -> None:
        until = time.monotonic() + pause_s
        while (left := until - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken[name].wait(), left)
            if self._asked.get(name):
                return
            self._woken[name].clear()

    # ---- a pass of its own accord

    async def _pass(self, name: ScheduleName, run: Pass, pause_s: float) -> float:
        """How long to wait for the next one."""
        began, at = time.monotonic(), self._runtime.clock.now()
        try:
            done = await run(OrgScope(skip=self._skipped.get(name, frozenset())))
        except Exception as error:
            await self._note_failure(name, at, error)
            raise
        took_s = time.monotonic() - began
        wait_s = 0.0 if done.more else pause_s if done.soon_s is None else min(done.soon_s, pause_s)
        await self._note_organizations(name, done, at)
        if done.done or time.monotonic() - self._noted_at.get(name, -NOTE_S) >= min(NOTE_S, pause_s):
            now = self._runtime.clock.now()
            changes: dict[str, Any] = {"every_s": pause_s, "run_at": at, "took_ms": round(took_s * 1000), "failures": 0, "error": None}
            changes["next_at"] = now + timedelta(seconds=wait_s)
            if done.done:
                changes |= {"done": done.done, "done_at": at}
            await store.set_installation_schedule(None, name, now, changes)
            self._noted_at[name] = time.monotonic()
        return wait_s

    async def _note_failure(self, name: ScheduleName, at: datetime, error: Exception) -> None:
        with suppress(Exception):  # where the database is away, the lane says so
            before = (await store.installation_schedules()).get(name)
            changes = {"run_at": at, "failed_at": at, "error": _told(error), "failures": (before.failures if before else 0) + 1}
            await store.set_installation_schedule(None, name, at, changes)
            self._noted_at.pop(name, None)

    async def _note_organizations(self, name: ScheduleName, done: ScheduleRun, at: datetime) -> None:
        failed = done.failed or {}
        for org_id, why in failed.items():
            if org_id not in self._failing[name]:
                await self._note_organization(name, org_id, at, why)
        for org_id in self._failing[name] - failed.keys():
            await self._note_organization(name, org_id, at, None)
        self._failing[name] = set(failed)

    async def _note_organization(self, name: ScheduleName, org_id: str, at: datetime, error: str | None) -> None:
        changes: dict[str, Any] = {"run_at": at, "error": error}
        if error is None:
            changes["failures"] = 0
        else:
            before = (await store.organization_schedules(org_id)).get(name)
            changes |= {"failed_at": at, "failures": (before.failures if before else 0) + 1}
        await store.set_organization_schedule(None, org_id, name, at, changes)

    # ---- one that was asked for

    async def _asked_for(self, name: ScheduleName, task: Task, run: Pass) -> None:
        runtime, at = self._runtime, self._runtime.clock.now()
        if not await runtime.uow.run(lambda session: service.begin(session, task.org_id, task.id, at)):
            return  # another process has it, or it was cancelled
        scope = OrgScope() if task.org_id == INSTALLATION else OrgScope(only=task.org_id)
        title, error, done = SCHEDULES[name].title, None, 0
        try:
            done = await watched(runtime.clock, task, _through(run, scope))
        except Cancelled:
            await self._end(task, lambda session: service.cancel(session, task.org_id, task.id, runtime.clock.now(), summary=f"{title}: cancelled"))
            return
        except Exception as failure:
            _logger.exception("asked_run_failed", schedule=name, task_id=task.id)
            error = _told(failure)
        if task.org_id != INSTALLATION:
            await self._note_organization(name, task.org_id, at, error)
        told = f"{title}: {done} done" if done else f"{title}: nothing was due"

        async def finish(session: Session) -> None:
            now = runtime.clock.now()
            await service.finish(session, task.org_id, task.id, now, summary=told if error is None else title, result={"done": done}, error=error)

        await self._end(task, finish)

    async def _end(self, task: Task, end: Callable[[Session], Awaitable[Any]]) -> None:
        try:
            await self._runtime.uow.run(end)
        except TaskNotRunning:
            _logger.warning("task_had_ended", task_id=task.id)

    # ---- what people want

    async def _keep_looking(self) -> None:
        while True:
            await self._look()
            self._looked.set()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        shared = await store.installation_schedules()
        skipped: dict[str, set[str]] = defaultdict(set)
        for org_id, name in await store.stopped_schedules():
            skipped[name].add(org_id)
        self._skipped = {name: frozenset(org_ids) for name, org_ids in skipped.items()}
        self._stopped = frozenset(name for name, row in shared.items() if row.stopped_at is not None)
        asked: dict[str, list[Task]] = defaultdict(list)
        for task in await store.queued(QUEUED_MAX):
            if task.schedule is not None:
                asked[task.schedule].append(task)
            elif task.job is not None:
                await self._nudge(task)
        self._asked = asked
        for name in asked:
            self._woken[name].set()
        await self._clear_caches()

    async def _nudge(self, task: Task) -> None:
        """A job that somebody wants again, or whose place on the queue was lost. The queue holds one of an id at most."""
        assert task.job is not None
        if task.heard_at is None or self._runtime.clock.now() - task.heard_at > _NUDGE_AFTER:
            await self._runtime.queue.put_again(task.job.name, dict(task.job.payload), task.job.id)

    async def _clear_caches(self) -> None:
        number = await store.clearings()
        if self._clearings is not None and number != self._clearings:
            _logger.info("caches_cleared", **forget_caches(self._runtime))
        self._clearings = number


async def _through(run: Pass, scope: OrgScope) -> int:
    """Passes until nothing is left; how much was done."""
    done = 0
    for _ in range(PASSES_MAX):
        one = await run(scope)
        done += one.done
        if one.failed:
            raise RuntimeError("; ".join(sorted(set(one.failed.values()))))
        if not one.more and one.soon_s is None:
            break
        await asyncio.sleep(one.soon_s or 0)
    return done


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[: service.TEXT_MAX]
