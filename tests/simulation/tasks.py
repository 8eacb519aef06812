"""Seeded schedules of what workers do one at a time: work that was ordered and is claimed under a lease that is renewed, and a lane that one process
leads. Workers die between any two port calls, or sleep for longer than their lease and wake; some are told to end and give back; clocks differ by
seconds; people order and cancel.

What runs is the product's: `Bench` of `flows/claimed_work.py`, and the steps of leases. What a worker ends is its own by the claim; no two of one
organisation are made at once; nobody takes what another may still have; a fence grows at each change of hands. When everything heals, all that was
ordered and not cancelled is made, each once. The same seed gives the same trace.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from unittest.mock import patch

from crypto_api.flows import claimed_work
from crypto_api.flows.claimed_work import Bench
from crypto_api.kit.clock import FixedClock
from mongodb_config.leases import Lease, LeaseSteps
from tests.simulation.interleaving import Point, Running
from tests.simulation.payments import Violation
from tests.simulation.units import Tables, Unit, Units

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
LEASE = timedelta(seconds=30)
SKEW = timedelta(seconds=2)  # between the clocks of two workers, at most
ORGS = ("org_a", "org_b")
WORKERS_MOST = 5
HEALING_ROUNDS = 200
LANE = "lane"


class Lost(Exception):
    """It is somebody else's by now, or was cancelled."""


@dataclass(frozen=True)
class Work:
    """A `ClaimedRow`, and what was made of it."""

    id: str
    org_id: str
    task_id: str
    status: str = "queued"
    live: bool = True
    claim: str | None = None
    claimed_until: datetime | None = None
    tries: int = 0
    made_by: str | None = None


@dataclass
class Rows:
    """`claimed_work.Claims`, with the end and the cancelling as `claimed_row` has them."""

    tables: Tables

    async def due(self, now: datetime) -> list[Work]:
        await Point("rows.due")
        rows = sorted((row for row in self.tables.of("work") if row.live), key=lambda row: row.id)
        return [row for row in rows if row.claimed_until is None or row.claimed_until < now]

    async def claim(self, session: Unit, row: Work, token: str, now: datetime, until: datetime) -> Work | None:
        await Point("rows.claim")
        there = session.get("work", row.id)
        if not there.live or (there.claim, there.claimed_until) != (row.claim, row.claimed_until):
            return None
        return self._put(session, there, status="running", claim=token, claimed_until=until, tries=there.tries + 1)

    async def keep(self, session: Unit, row: Work, until: datetime) -> bool:
        await Point("rows.keep")
        there = session.get("work", row.id)
        return self._of_worker(there, row) and self._put(session, there, claimed_until=until) is not None

    async def release(self, session: Unit, row: Work) -> None:
        await Point("rows.release")
        there = session.get("work", row.id)
        if self._of_worker(there, row):
            self._put(session, there, claim=None, claimed_until=None, status="queued", tries=there.tries - 1)

    async def finish(self, session: Unit, row: Work) -> bool:
        await Point("rows.finish")
        session.notes["ends"] = row.claim
        there = session.get("work", row.id)
        return (
            self._of_worker(there, row) and self._put(session, there, status="ready", live=False, claimed_until=None, made_by=row.claim) is not None
        )

    async def cancel(self, session: Unit, row_id: str) -> bool:
        await Point("rows.cancel")
        there = session.get("work", row_id)
        return there.live and self._put(session, there, status="cancelled", live=False, claim=None, claimed_until=None) is not None

    async def begin(self, session: Unit, org_id: str, task_id: str, now: datetime) -> bool:
        """`tasks.begin`."""
        await Point("tasks.begin")
        if session.get("task", task_id) != "queued":
            return False
        session.put("task", task_id, "running")
        return True

    def _of_worker(self, there: Work, row: Work) -> bool:
        return there.live and there.claim == row.claim

    def _put(self, session: Unit, there: Work, **changes: Any) -> Work:
        after = replace(there, **changes)
        session.put("work", there.id, after)
        return after


@dataclass
class LeaseRows:
    """`leases.LeaseRows`: each call happens as one. `promised`: until when the holder may believe that it has it."""

    is_dead: Callable[[str], bool]
    rows: dict[str, tuple[str, int, datetime]] = field(default_factory=dict)  # holder, fence, until
    promised: dict[str, datetime] = field(default_factory=dict)  # by holder
    acting: str = ""

    async def take(self, name: str, holder: str, now: datetime, until: datetime) -> int | None:
        await Point("lease.take")
        before = self.rows.get(name)
        if before is not None and not (before[2] < now or before[0] == holder):
            return None
        if before is not None and before[0] != holder and not self.is_dead(before[0]):
            there = self.promised.get(before[0], BEGIN)
            assert there < now, f"{holder} took {name} from {before[0]}, who lives and may have it until {there}"
        fence = (before[1] if before else 0) + 1
        self.rows[name] = (holder, fence, until)
        self.promised[holder] = until
        await Point("lease.take.reply")
        return fence

    async def holder(self, name: str) -> tuple[str, int] | None:
        await Point("lease.holder")
        row = self.rows.get(name)
        return row[:2] if row else None

    async def set_until(self, lease: Lease, until: datetime) -> bool:
        await Point("lease.set_until")
        if not self._is_of(lease):
            return False
        holder, fence, _ = self.rows[lease.name]
        assert (holder, fence) == (lease.holder, lease.fence), f"{self.acting} says on behalf of {lease.holder} what {holder} alone may"
        self.rows[lease.name] = (holder, fence, until)
        if self.acting == holder:
            self.promised[holder] = until
        await Point("lease.set_until.reply")
        return True

    def _is_of(self, lease: Lease) -> bool:
        row = self.rows.get(lease.name)
        return row is not None and row[:2] == (lease.holder, lease.fence)

    async def until(self, name: str) -> datetime | None:
        await Point("lease.until")
        return self.rows[name][2] if name in self.rows else None


@dataclass
class Schedule:
    """One run of the world."""

    seed: int
    actions: int = 400
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random, self.clock = Random(self.seed), FixedClock(BEGIN)
        self.tables = Tables(committing=[self._look_at], unique={"work": lambda row: row.org_id if row.status == "running" else None})
        self.rows, self.units = Rows(self.tables), Units(self.tables)
        self.leases = LeaseRows(lambda name: name in self.dead)
        self.running: dict[str, Running] = {}
        self.dead: set[str] = set()
        self.fences: list[tuple[str, int]] = []  # that were given out, in order
        self.born = 0

    def run(self) -> None:
        """Violation names the seed and what does not hold."""
        acts: Sequence[tuple[Callable[[], None], int]] = (
            (self._go_on, 100), (self._order, 10), (self._work, 24), (self._lead, 8), (self._die, 6), (self._time, 12), (self._cancel, 2),
        )  # fmt: skip
        kinds, weights = zip(*acts, strict=True)
        try:
            with patch.object(claimed_work, "new_id", self._id):
                for _ in range(self.actions):
                    self.random.choices(kinds, weights)[0]()
                self._heal()
        except Exception as error:
            raise Violation(f"seed {self.seed}: {type(error).__name__}: {error}") from error
        finally:
            for work in self.running.values():
                work.die()

    def _id(self, prefix: str) -> str:
        self.born += 1
        return f"{prefix}_{self.born:04}"

    # ---- workers -------------------------------------------------------------------------------------------------------------

    def _worker_clock(self) -> Any:
        skew = self.random.choice((timedelta(0), SKEW / 2, -SKEW / 2))
        return SkewedClock(self.clock, skew)

    def _work(self) -> None:
        if len(self.running) < WORKERS_MOST:
            name = self._id("worker")
            bench: Bench[Any] = Bench(self.units, self._worker_clock(), "clm", LEASE, 10.0, self.rows, self.rows.begin)
            self._start(name, self._working(bench))

    async def _working(self, bench: Bench[Any]) -> None:
        row = await bench.take(await self.rows.due(bench.clock.now()))
        if row is None:
            return
        for _ in range(self.random.choice((0, 1, 3))):
            await Point(f"makes {row.id}")
            if not await bench.keep(row):
                return
        if self.random.random() < 0.2:  # it is told to end
            await bench.give_back(row)
            return

        async def end(session: Unit) -> None:
            if not await self.rows.finish(session, row):
                raise Lost
            session.put("task", row.task_id, "ended")

        try:
            await self.units.run(end)
        except Lost:
            return

    def _lead(self) -> None:
        if len(self.running) < WORKERS_MOST:
            name = self._id("leader")
            self._start(name, self._leading(name, LeaseSteps(self.leases, self._worker_clock().now, self.leases.is_dead)))

    async def _leading(self, name: str, leases: LeaseSteps) -> None:
        lease = await leases.acquire(LANE, name)
        if lease is None:
            return
        assert all(fence != lease.fence for _, fence in self.fences), f"{lease.fence} was given out twice"
        self.fences.append((name, lease.fence))
        for _ in range(self.random.choice((0, 2, 5))):
            await Point("leads")
            if not await leases.renew(lease):
                return
        await leases.release(lease)

    # ---- people, time and the schedule ---------------------------------------------------------------------------------------

    def _order(self) -> None:
        if sum(row.live for row in self.tables.of("work")) < 6:
            row_id = self._id("work")
            self.tables.put("task", f"task of {row_id}", "queued")
            self.tables.put("work", row_id, Work(row_id, self.random.choice(ORGS), f"task of {row_id}"))
            self.trace.append(f"order {row_id}")

    def _cancel(self) -> None:
        live = sorted(row.id for row in self.tables.of("work") if row.live)
        if live:
            row_id = self.random.choice(live)
            self._start(self._id("person"), self.units.run(lambda session: self.rows.cancel(session, row_id)))

    def _time(self) -> None:
        self.clock.at += timedelta(seconds=self.random.choice((0.1, 1, 5.9, 6.1, 31, 40)))
        self.trace.append(f"time {self.clock.at.isoformat()}")

    def _start(self, name: str, work: Any) -> None:
        self.running[name] = Running(work)
        self.trace.append(f"begin {name}")

    def _go_on(self) -> None:
        if self.running:
            name = self.random.choice(list(self.running))
            for _ in range(self.random.choice((1, 1, 2, 8))):
                if not self._step(name):
                    return

    def _step(self, name: str) -> bool:
        work = self.running[name]
        self.leases.acting = name
        going = work.go_on()
        self.trace.append(f"{name} {work.at if going else 'end'}")
        if not going:
            del self.running[name]
        return going

    def _die(self) -> None:
        if self.running:
            name = self.random.choice(list(self.running))
            work = self.running.pop(name)
            work.die()
            if self.random.random() < 0.5:  # on this machine, so that others can tell
                self.dead.add(name)
            self.trace.append(f"die {name} at {work.at}")

    # ---- invariants ----------------------------------------------------------------------------------------------------------

    def _look_at(self, unit: Unit) -> None:
        """At every commit, what it changes."""
        for (kind, key), row in unit.written.items():
            before = self.tables.rows.get((kind, key))
            if kind == "work" and before is not None:
                self._compare(before, row, unit)

    def _compare(self, before: Work, row: Work, unit: Unit) -> None:
        assert before.live, f"{row.id} had ended, and changed"
        if row.status == "ready":
            assert unit.notes["ends"] == before.claim, f"{row.id} was ended by {unit.notes['ends']}, and {before.claim} has it"
        if row.claim is not None and row.claim != before.claim:
            over = before.claimed_until is None or before.claimed_until < self.clock.at + SKEW
            assert over, f"{row.id} was taken from {before.claim}, who may have it until {before.claimed_until}"
            assert unit.get("task", row.task_id) == "running", f"{row.id} is being made and its task does not say so"
        others = [one.id for one in self.tables.of("work") if one.id != row.id and one.org_id == row.org_id and one.status == "running"]
        assert row.status != "running" or not others, f"{row.id} and {others} of {row.org_id} are made at once"

    # ---- the end -------------------------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        """Nobody dies any more: what was ordered is made, and the lane has somebody who leads it."""
        for work in self.running.values():
            work.die()
        self.running.clear()
        for _ in range(HEALING_ROUNDS):
            if not any(row.live for row in self.tables.of("work")):
                break
            self.clock.at += timedelta(seconds=20)
            self._work()
            for name in list(self.running):
                while self._step(name):
                    pass
        waits = [row for row in self.tables.of("work") if row.live]
        assert not waits, f"it does not come to its end: {waits}"
        self.clock.at += timedelta(seconds=10)
        given = len(self.fences)
        self._lead()
        for name in list(self.running):
            while self._step(name):
                pass
        assert len(self.fences) == given + 1, "nobody leads the lane any more"


@dataclass(frozen=True)
class SkewedClock:
    """Of one machine."""

    clock: FixedClock
    skew: timedelta

    def now(self) -> datetime:
        return self.clock.now() + self.skew
