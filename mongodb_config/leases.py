"""Leases: at most one holder, with a fencing number that grows at each change of hands.

A lease only keeps two workers from doing the same work for nothing. Correctness rests on what they write: the cursor's
compare-and-set and unique indexes, which hold even when a stalled holder wakes up late.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from mongodb_config.client import Database
from mongodb_config.process_name import surely_dead
from mongodb_config.server_time import server_time

COLLECTION = "leases"
DURATION_S = 6.0  # a dead holder is replaced within this time
RENEWAL_S = 2.0
_AGAIN_S = 0.2
_LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Lease:
    name: str
    holder: str
    fence: int


class LeaseRows(Protocol):
    """Where leases are kept. Each change is one conditional update, alone: no unit of work is around it."""

    async def take(self, name: str, holder: str, now: datetime, until: datetime) -> int | None:
        """The fence, one more than before. None while another holds it at `now`."""

    async def holder(self, name: str) -> tuple[str, int] | None:
        """Who took it last, and the fence."""

    async def set_until(self, lease: Lease, until: datetime) -> bool:
        """False when another has taken it since."""

    async def until(self, name: str) -> datetime | None: ...


class LeaseSteps:
    """What holders do, over a port and clocks that are given: the same code runs in a simulator."""

    def __init__(self, rows: LeaseRows, now: Callable[[], datetime], is_dead: Callable[[str], bool]) -> None:
        self._rows, self._now, self._is_dead = rows, now, is_dead

    async def acquire(self, name: str, holder: str) -> Lease | None:
        """The lease, or None while another holds it. The same holder may acquire again. `holder` is a `process_name()`: a holder that is
        surely dead loses it at once, any other when its time runs out."""
        if (lease := await self._try(name, holder)) is not None:
            return lease
        before = await self._rows.holder(name)
        if before is None or not self._is_dead(before[0]):
            return None
        await self._rows.set_until(Lease(name, *before), _LONG_AGO)
        return await self._try(name, holder)

    async def _try(self, name: str, holder: str) -> Lease | None:
        now = self._now()
        fence = await self._rows.take(name, holder, now, now + timedelta(seconds=DURATION_S))
        return None if fence is None else Lease(name, holder, fence)

    async def renew(self, lease: Lease) -> bool:
        """False when it was lost: stop at once."""
        return await self._rows.set_until(lease, self._now() + timedelta(seconds=DURATION_S))

    async def release(self, lease: Lease) -> None:
        await self._rows.set_until(lease, _LONG_AGO)

    async def held(self, name: str) -> bool:
        """Whether anybody has it and has renewed it lately: a process that died is told of within `DURATION_S`."""
        until = await self._rows.until(name)
        return until is not None and until > self._now()

    async def wait_for(self, name: str, holder: str, *, poll_s: float = 0.5) -> Lease:
        while (lease := await self.acquire(name, holder)) is None:
            await asyncio.sleep(poll_s)
        return lease

    async def keep(self, lease: Lease) -> None:
        """Renews until it is lost, then returns. Run it beside the work and stop the work when it ends.

        A server that does not answer has not taken the lease away: it is asked again for as long as nobody else can have it, and what it
        answered last is raised afterwards.
        """
        held_until = time.monotonic() + DURATION_S
        while True:
            asked_at = time.monotonic()
            try:
                if not await self.renew(lease):
                    return
            except PyMongoError:
                if time.monotonic() >= held_until:
                    raise
                await asyncio.sleep(_AGAIN_S)
            else:
                held_until = asked_at + DURATION_S
                await asyncio.sleep(RENEWAL_S)


class Leases(LeaseSteps):
    """In the database."""

    def __init__(self, database: Database) -> None:
        super().__init__(_MongoRows(database), server_time.now, surely_dead)


class _MongoRows:
    """`LeaseRows` in the database."""

    def __init__(self, database: Database) -> None:
        self._rows = database[COLLECTION]

    async def take(self, name: str, holder: str, now: datetime, until: datetime) -> int | None:
        try:
            row = await self._rows.find_one_and_update(
                {"_id": name, "$or": [{"expires_at": {"$lt": now}}, {"holder": holder}]},
                {"$set": {"holder": holder, "expires_at": until}, "$inc": {"fence": 1}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:  # the row exists and is held: the upsert could not insert a second one
            return None
        if row is None:  # an upsert answers the row; the embedded database under load, now and then, nothing: what stands there is asked for
            row = await self._rows.find_one({"_id": name, "holder": holder})
        return int(row["fence"]) if row is not None else None

    async def holder(self, name: str) -> tuple[str, int] | None:
        row = await self._rows.find_one({"_id": name})
        return (row["holder"], row["fence"]) if row is not None else None

    async def set_until(self, lease: Lease, until: datetime) -> bool:
        where = {"_id": lease.name, "holder": lease.holder, "fence": lease.fence}
        done = await self._rows.update_one(where, {"$set": {"expires_at": until}})
        return done.matched_count == 1

    async def until(self, name: str) -> datetime | None:
        row = await self._rows.find_one({"_id": name})
        return row["expires_at"] if row is not None else None
