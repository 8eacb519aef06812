"""A process whose event loop stands still for a minute ends, so that whoever supervises it starts another.

It would live and answer nobody: Python's `Thread.start` waits for ever for a thread that found no memory before it said that it lives, and a
supervisor sees a process that is there.
"""

import asyncio
import faulthandler
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from crypto_api.kit.cancel import cancel_and_wait

Seconds = float
STANDSTILL_S: Seconds = 60.0
LOOKS = 60
EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h


def _end() -> None:
    """Says where each thread stands, in words that need no memory, and leaves at once: what was not committed is taken up by others."""
    faulthandler.dump_traceback()
    os._exit(EXIT_CODE)


@asynccontextmanager
async def ends_at_a_standstill(after_s: Seconds = STANDSTILL_S, end: Callable[[], None] = _end) -> AsyncIterator[None]:
    """Entered when the process begins, while there is memory for the thread. The time is counted in looks of that thread, so that one which was
    stopped as a whole (SIGSTOP, a machine asleep) has not stood still."""
    look_s, over, came = after_s / LOOKS, threading.Event(), threading.Event()

    async def beat() -> None:
        while True:
            came.set()
            await asyncio.sleep(look_s)

    def look() -> None:
        missed = 0
        while not over.wait(look_s):
            missed = 0 if came.is_set() else missed + 1
            came.clear()
            if missed >= LOOKS:
                end()
                return

    beating = asyncio.create_task(beat())
    threading.Thread(target=look, name="ends at a standstill", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        await cancel_and_wait(beating)
