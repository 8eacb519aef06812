"""How a command runs: one event loop, and one orderly end on Ctrl-C or SIGTERM."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


async def until_signal() -> None:
    """For ever; Ctrl-C and SIGTERM end it by cancelling the main task, see `run`."""
    await asyncio.Event().wait()


def run(main: Coroutine[Any, Any, int]) -> int:
    """`asyncio.run` whose first Ctrl-C or SIGTERM cancels `main`, once, so that it can clean up; further ones do not disturb that."""

    async def guarded() -> int:
        task, loop = asyncio.ensure_future(main), asyncio.get_running_loop()
        signalled = asyncio.Event()

        def on_signal() -> None:
            if not signalled.is_set():
                signalled.set()
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)
        try:
            return await task
        except asyncio.CancelledError:
            if signalled.is_set():
                return 0
            raise

    return asyncio.run(guarded())
