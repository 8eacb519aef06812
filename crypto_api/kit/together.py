"""Questions that come at the same moment are asked as one."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from itertools import islice
from typing import Generic, TypeVar

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
