"""Work that a client started and that goes on without it. Django cancels a view when the client disconnects; a change must not end halfway."""

import asyncio
from collections.abc import Coroutine
from typing import Any

_running: set[asyncio.Task[Any]] = set()


def start(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    task = asyncio.ensure_future(work)
    _running.add(task)
    task.add_done_callback(_done)
    return task


def _done(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # seen: whoever waits raises it, and when nobody waits any more nothing is to be said


async def drain(timeout_s: float) -> int:
    """Waits for what is under way, on shutdown. How many did not finish in time."""
    if not _running:
        return 0
    _, late = await asyncio.wait(set(_running), timeout=timeout_s)
    return len(late)
