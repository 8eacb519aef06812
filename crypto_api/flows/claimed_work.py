"""What is ordered and made by a worker, such as an audit of a contract or a long report: taken up, kept, given back.

due ─▶ claimed, one at a time of an organisation, and its task begins ─▶ made under a lease that is renewed ─▶ ended by whoever made it
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from pymongo.errors import DuplicateKeyError, PyMongoError

from crypto_api.kit.clock import Clock
from crypto_api.kit.ids import new_id
from crypto_api.kit.kept import while_kept
from crypto_api.tasks import service as tasks
from mongodb_config import claimed_row
from mongodb_config.claimed_row import ClaimedRow
from mongodb_config.unit_of_work import Session, UnitOfWork

LOOKED_AT = 200  # of what is due, at a time

Row = TypeVar("Row", bound=ClaimedRow)
Made = TypeVar("Made")


@dataclass(frozen=True)
class Bench(Generic[Row]):
    """Where one kind of it is made."""

    uow: UnitOfWork
    clock: Clock
    prefix: str  # of the ids of claims
    lease: timedelta
    keep_every_s: float

    async def take(self, due: list[Row]) -> Row | None:
        """The first of the organisation that waits longest and has none that is being made. None when there is none."""
        seen: set[str] = set()
        for row in due:
            if row.org_id not in seen and (claimed := await self.claim(row)) is not None:
                return claimed
            seen.add(row.org_id)
        return None

    async def claim(self, row: Row) -> Row | None:
        async def work(session: Session) -> Row | None:
            now = self.clock.now()
            claimed = await claimed_row.claim(session, row, new_id(self.prefix), now, now + self.lease)
            if claimed is not None:
                await tasks.begin(session, row.org_id, row.task_id, now)
            return claimed

        try:
            return await self.uow.run(work)
        except DuplicateKeyError:  # another one of the organisation is being made
            return None

    async def make(self, row: Row, work: Coroutine[Any, Any, Made]) -> Made:
        """While the lease is renewed. LeaseLost when it is somebody else's now, or was cancelled."""

        async def keep() -> bool:
            return await self.uow.run(lambda session: claimed_row.keep(session, row, self.clock.now() + self.lease))

        return await while_kept(work, keep, every_s=self.keep_every_s)

    @asynccontextmanager
    async def given_back(self, row: Row) -> AsyncIterator[None]:
        """If the worker is told to end meanwhile, another one takes it up at once."""
        try:
            yield
        except asyncio.CancelledError:
            with suppress(PyMongoError, OSError):  # then the lease runs out
                await asyncio.shield(self.uow.run(lambda session: claimed_row.release(session, row)))
            raise
