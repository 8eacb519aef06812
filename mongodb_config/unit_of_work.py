"""One unit of work is one MongoDB transaction, and the work in it may run several times: only database calls belong inside.

Every call in it takes `session=`; a write without it survives the roll-back. What else is to happen (mail, frames, chain) follows
the commit or, better, follows from an event written in it.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Protocol, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from mongodb_config import measuring
from mongodb_config.client import MongoClient
from mongodb_config.measuring import CONFLICTS, GIVEN_UP
from mongodb_config.presence import Presence

Session = AsyncClientSession
Item = TypeVar("Item")
Result = TypeVar("Result")

ATTEMPTS_MAX = 40
FREELY = 4  # attempts before somebody waits for their turn
TOGETHER_MAX = 200
RETRY_S_MAX = 8.0  # a server that is away lets each attempt wait for it: the caller should hear of it sooner
_BACKOFF_S_MAX = 0.25
_logger = logging.getLogger(__name__)


class _Group:
    """Who waits for the next unit of work of a key, and who makes it."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Any, asyncio.Future[Any]]] = []
        self.leader: asyncio.Task[None] | None = None


def _settle(waiting: "asyncio.Future[Any]", result: Any = None, error: BaseException | None = None) -> None:
    if waiting.done():  # whoever asked is gone
        return
    if error is not None:
        waiting.set_exception(error)
    else:
        waiting.set_result(result)


async def _pause(attempt: int) -> None:
    await asyncio.sleep(random.uniform(0, min(0.002 * 2**attempt, _BACKOFF_S_MAX)))


class Units(Protocol):
    """A `UnitOfWork`, as steps see it that run in a simulator too."""

    async def run(self, work: Callable[[Session], Awaitable[Result]]) -> Result: ...


class UnitOfWork:
    def __init__(self, client: MongoClient, presence: Presence | None = None) -> None:
        """With `presence`, locks of this process are freed soon after it is killed; without, when the server's time limit ends them."""
        self._client = client
        self._presence = presence
        self._turn = asyncio.Lock()
        self._groups: dict[Hashable, _Group] = {}

    async def run(self, work: Callable[[Session], Awaitable[Result]]) -> Result:
        """Runs `work` in a transaction with snapshot reads and commits it. A transient conflict runs it again with growing jittered
        pauses, within bounds of number and time; anything else rolls back and is raised.

        Who has met others again and again goes on in turn with everybody else of this process that has: on one hot document many writers would
        otherwise keep one another from ever finishing."""
        with measuring.unit_of_work():
            return await self._repeated(work)

    async def _repeated(self, work: Callable[[Session], Awaitable[Result]]) -> Result:
        deadline = time.monotonic() + RETRY_S_MAX
        for attempt in range(FREELY):
            try:
                return await self._once(work)
            except PyMongoError as error:
                if time.monotonic() > deadline or not error.has_error_label("TransientTransactionError"):
                    raise
            CONFLICTS.inc()
            await _pause(attempt)
        async with self._turn:
            deadline = time.monotonic() + RETRY_S_MAX  # from here on the pauses are not spent waiting for the others
            for attempt in range(FREELY, ATTEMPTS_MAX):
                try:
                    return await self._once(work)
                except PyMongoError as error:
                    if not error.has_error_label("TransientTransactionError"):
                        raise
                    if attempt == ATTEMPTS_MAX - 1 or time.monotonic() > deadline:
                        GIVEN_UP.inc()
                        _logger.warning("unit of work given up after %d attempts: %s", attempt + 1, getattr(work, "__qualname__", work))
                        raise
                CONFLICTS.inc()
                await _pause(attempt - FREELY)
        raise AssertionError("unreachable")

    async def together(self, key: Hashable, item: Item, work: Callable[[Session, Sequence[Item]], Awaitable[Sequence[Result]]]) -> Result:
        """One of many of the same kind: whoever asks under the same `key` while a unit of work is being committed shares the next one. `work` is
        handed the items and gives a result for each; it must be the same for all of a key. When it refuses, each item runs alone, so that only
        the one that is refused hears of it. `work` runs in the context of whoever came first: an item carries what is its own."""
        group = self._groups.setdefault(key, _Group())
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        group.waiting.append((item, waiting))
        if group.leader is None:
            group.leader = asyncio.create_task(self._lead(key, group, work))
        result: Result = await waiting
        return result

    async def _lead(self, key: Hashable, group: "_Group", work: Callable[[Session, Sequence[Any]], Awaitable[Sequence[Any]]]) -> None:
        while group.waiting:
            batch, group.waiting = group.waiting[:TOGETHER_MAX], group.waiting[TOGETHER_MAX:]
            await self._commit_together(batch, work)
        del self._groups[key]  # between the last look and here nobody else runs

    async def _commit_together(
        self, batch: "list[tuple[Any, asyncio.Future[Any]]]", work: Callable[[Session, Sequence[Any]], Awaitable[Sequence[Any]]]
    ) -> None:
        items = [item for item, _ in batch]
        try:
            results = await self.run(lambda session: work(session, items))
        except Exception as error:
            if len(batch) == 1:
                _settle(batch[0][1], error=error)
                return
            for one in batch:
                await self._commit_together([one], work)
            return
        for (_, waiting), result in zip(batch, results, strict=True):
            _settle(waiting, result)

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
