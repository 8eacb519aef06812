"""A process whose event loop stands still for a minute ends, so that whoever supervises it starts another.

It would live and answer nobody: Python's `Thread.start` waits for ever for a thread that found no memory before it said that it lives, and a
supervisor sees a process that is there.
"""

import asyncio
import faulthandler
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

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
    loop, came, over = asyncio.get_running_loop(), threading.Event(), threading.Event()

    def look() -> None:
        missed = 0
        while missed < LOOKS:
            try:
                loop.call_soon_threadsafe(came.set)
            except MemoryError:  # a look in vain, and not the end of looking
                pass
            except RuntimeError:  # the loop is closed
                return
            time.sleep(after_s / LOOKS)  # an event's own wait takes memory
            if over.is_set():
                return
            missed = 0 if came.is_set() else missed + 1
            came.clear()
        end()

    threading.Thread(target=look, name="ends at a standstill", daemon=True).start()
    try:
        yield
    finally:
        over.set()
