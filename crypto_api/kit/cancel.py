"""Ending tasks for certain."""

import asyncio
from typing import Any

AGAIN_S = 2.0


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancels and returns when all have ended. It asks again, since Python 3.11's `wait_for`, which drivers use, can lose a cancellation
    that arrives in the moment of its result; whoever cleans up has `AGAIN_S` for it. How they ended is not told."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody warns of it
