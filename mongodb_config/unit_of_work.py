"""One unit of work is one MongoDB transaction, and the work in it may run several times: only database calls belong inside.

Every call in it takes `session=`; a write without it survives the roll-back. What else is to happen (mail, frames, chain) follows
the commit or, better, follows from an event written in it.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from mongodb_config.client import MongoClient
from mongodb_config.presence import Presence

Session = AsyncClientSession
Result = TypeVar("Result")

ATTEMPTS_MAX = 40
RETRY_S_MAX = 8.0  # a server that is away lets each attempt wait for it: the caller should hear of it sooner
_BACKOFF_S_MAX = 0.25


class UnitOfWork:
    def __init__(self, client: MongoClient, presence: Presence | None = None) -> None:
        """With `presence`, locks of this process are freed soon after it is killed; without, when the server's time limit ends them."""
        self._client = client
        self._presence = presence

    async def run(self, work: Callable[[Session], Awaitable[Result]]) -> Result:
        """Runs `work` in a transaction with snapshot reads and commits it. A transient conflict runs it again with growing jittered
        pauses, within bounds of number and time; anything else rolls back and is raised."""
        deadline = time.monotonic() + RETRY_S_MAX
        for attempt in range(ATTEMPTS_MAX):
            try:
                return await self._once(work)
            except PyMongoError as error:
                last = attempt == ATTEMPTS_MAX - 1 or time.monotonic() > deadline
                if last or not error.has_error_label("TransientTransactionError"):
                    raise
            await asyncio.sleep(random.uniform(0, min(0.002 * 2**attempt, _BACKOFF_S_MAX)))
        raise AssertionError("unreachable")

    async def _once(self, work: Callable[[Session], Awaitable[Result]]) -> Result:
        async with self._client.start_session() as session:
            if self._presence is not None:
                await self._presence.note(session)
            await session.start_transaction(
                read_concern=ReadConcern("snapshot"),
                write_concern=WriteConcern("majority", j=True),
                read_preference=ReadPreference.PRIMARY,
            )
            try:
                result = await work(session)
            except BaseException:
                await asyncio.shield(session.abort_transaction())
                raise
            await self._commit(session)
            return result

    async def _commit(self, session: Session) -> None:
        # An unknown outcome is settled by committing again: MongoDB answers the same transaction number once only.
        deadline = time.monotonic() + RETRY_S_MAX
        for attempt in range(ATTEMPTS_MAX):
            try:
                await session.commit_transaction()
                return
            except PyMongoError as error:
                last = attempt == ATTEMPTS_MAX - 1 or time.monotonic() > deadline
                if last or not error.has_error_label("UnknownTransactionCommitResult"):
                    raise
            await asyncio.sleep(random.uniform(0, min(0.01 * 2**attempt, 1)))
