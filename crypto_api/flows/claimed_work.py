"""What is ordered and made by a worker, such as an audit of a contract or a long report: taken up, kept, given back.

due ─▶ claimed, one at a time of an organisation, and its task begins ─▶ made under a lease that is renewed ─▶ ended by whoever made it
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from pymongo.errors import DuplicateKeyError, PyMongoError

from crypto_api.kit.clock import Clock
from crypto_api.kit.ids import new_id
from crypto_api.kit.kept import while_kept
from crypto_api.tasks import service as tasks
from mongodb_config import claimed_row
from mongodb_config.claimed_row import ClaimedRow
from mongodb_config.unit_of_work import Session, Units

LOOKED_AT = 200  # of what is due, at a time

Row = TypeVar("Row", bound=ClaimedRow)
Made = TypeVar("Made")


class Claims(Protocol):
    """The rows of what is ordered; in the database `mongodb_config/claimed_row.py`. Each call is one conditional update of a unit of work."""

    async def claim(self, session: Session, row: Row, token: str, now: datetime, until: datetime) -> Row | None: ...

    async def keep(self, session: Session, row: ClaimedRow, until: datetime) -> bool: ...

    async def release(self, session: Session, row: ClaimedRow) -> None: ...


class Begin(Protocol):
    """The task of the row runs from here on; False where it ran already, since a worker before died."""

    async def __call__(self, session: Session, org_id: str, task_id: str, now: datetime) -> bool: ...


@dataclass(frozen=True)
class Bench(Generic[Row]):
    """Where one kind of it is made. What decides is pure over ports, so that the same code runs in a simulator."""

    uow: Units
    clock: Clock
    prefix: str  # of the ids of claims
    lease: timedelta
    keep_every_s: float
    rows: Claims = claimed_row
    begin: Begin = tasks.begin

    async def take(self, due: list[Row]) -> Row | None:
        """The first of the organisation that waits longest and has none that is being made. None when there is none. What a worker left that died
        comes first: until it is taken up it is the one that is being made, and an older one that was given back would wait for it for ever."""
        seen: set[str] = set()
        for row in sorted(due, key=lambda row: row.claimed_until is None):
            if row.org_id not in seen and (claimed := await self.claim(row)) is not None:
                return claimed
            seen.add(row.org_id)
        return None

    async def claim(self, row: Row) -> Row | None:
        async def work(session: Session) -> Row | None:
            now = self.clock.now()
            claimed = await self.rows.claim(session, row, new_id(self.prefix), now, now + self.lease)
            if claimed is not None:
                await self.begin(session, row.org_id, row.task_id, now)
            return claimed

        try:
            return await self.uow.run(work)
        except DuplicateKeyError:  # another one of the organisation is being made
            return None

    async def make(self, row: Row, work: Coroutine[Any, Any, Made]) -> Made:
        """While the lease is renewed. LeaseLost when it is somebody else's now, or was cancelled."""

        return await while_kept(work, partial(self.keep, row), every_s=self.keep_every_s)

    async def keep(self, row: Row) -> bool:
        """False when it is somebody else's now, or has ended."""
        return await self.uow.run(lambda session: self.rows.keep(session, row, self.clock.now() + self.lease))

    @asynccontextmanager
    async def given_back(self, row: Row) -> AsyncIterator[None]:
        """If the worker is told to end meanwhile, another one takes it up at once."""
        try:
            yield
        except asyncio.CancelledError:
            with suppress(PyMongoError, OSError):  # then the lease runs out
                await asyncio.shield(self.give_back(row))
            raise

    async def give_back(self, row: Row) -> None:
        """For another worker at once."""
        await self.uow.run(lambda session: self.rows.release(session, row))
