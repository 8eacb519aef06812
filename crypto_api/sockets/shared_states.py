"""States of consoles, read once for all that ask for the same at the same time: a thousand that reconnect together cost one read."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from crypto_api.sockets.timing import STATE_S


class SharedStates:
    def __init__(self) -> None:
        self._reads: dict[Hashable, tuple[float, asyncio.Future[dict[str, Any]]]] = {}

    async def get(self, key: Hashable, read: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """What `read` gave for this key within the last second, or gives now."""
        now = time.monotonic()
        self._reads = {known: (at, task) for known, (at, task) in self._reads.items() if now - at < STATE_S}
        if key not in self._reads:
            self._reads[key] = (now, asyncio.ensure_future(read()))
        task = self._reads[key][1]
        try:
            # shielded: one asker that goes away must not take the answer from the others
            return await asyncio.shield(task)
        except Exception:
            self._reads.pop(key, None)
            raise
