"""Questions that come at the same moment are asked as one."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Hashable, Mapping
from itertools import islice
from typing import Any, Generic, TypeVar

from crypto_api.kit.cancel import cancel_and_wait

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class Together(Generic[Key, Answer]):
    """One question at a time is under way; those who ask meanwhile share the next one. So nobody is given what was read before they asked, and a
    thousand who come at once cost a few reads."""

    def __init__(self, ask: Callable[[Collection[Key]], Awaitable[Mapping[Key, Answer]]], at_once: int) -> None:
        """`ask` answers at most `at_once` keys; one that it leaves out has no answer."""
        self._ask, self._at_once = ask, at_once
        self._waiting: dict[Key, asyncio.Future[Answer | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def answer(self, key: Key) -> Answer | None:
        """Raises what `ask` raised."""
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._go_on(), name="asked together")
        return await asyncio.shield(self._waiting[key])  # one asker that goes away must not take the answer from the others

    async def close(self) -> None:
        """Who still waits is told that it was cancelled."""
        if self._asking is not None:
            await cancel_and_wait(self._asking)
        for future in self._waiting.values():
            future.cancel()

    async def _go_on(self) -> None:
        while self._waiting:
            some = {key: self._waiting.pop(key) for key in list(islice(self._waiting, self._at_once))}
            try:
                found = await self._ask(some.keys())
            except Exception as error:
                for future in some.values():
                    future.set_exception(error)
                    future.exception()  # looked at: perhaps nobody waits any more
            except BaseException:
                for future in some.values():
                    future.cancel()
                raise
            else:
                for key, future in some.items():
                    future.set_result(found.get(key))


class SharedReads:
    """Of what is long to read, one reading of a key at a time is under way, and those who ask meanwhile share the next one: as `Together`, for
    questions that each bring how they are answered. Only for what is the same whoever asks, which nobody changes in their hands."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}
        self._next: dict[Hashable, asyncio.Task[Any]] = {}

    async def read(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """What `make` gives, begun after this was called, or what that of another who asked under the same key does. Raises what it raises."""
        task: asyncio.Task[Answer] | None = self._next.get(key)
        if task is None:
            before = self._under_way.get(key)
            task = asyncio.create_task(self._read(key, make, before), name="read for all who ask")
            task.add_done_callback(_looked_at)
            (self._under_way if before is None else self._next)[key] = task
        return await asyncio.shield(task)  # one asker that goes away must not take the answer from the others

    async def close(self) -> None:
        """Who still waits is told that it was cancelled."""
        await cancel_and_wait(*self._next.values(), *self._under_way.values())

    async def _read(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Answer]], before: asyncio.Task[Any] | None) -> Answer:
        if before is not None:
            try:
                await asyncio.wait({before})
            finally:
                self._under_way[key] = self._next.pop(key)
        try:
            return await make()
        finally:
            if key not in self._next:  # else it stands here until the next one does
                del self._under_way[key]


def _looked_at(task: asyncio.Task[Any]) -> None:
    """So that nobody warns of how it ended where all who asked are gone."""
    if not task.cancelled():
        task.exception()
