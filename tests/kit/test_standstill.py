"""A process that stands still ends; one that was stopped as a whole, or that is only slow, does not."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crypto_api.kit.standstill import EXIT_CODE, ends_at_a_standstill

PROGRAM = """
import asyncio, sys, threading, time
from crypto_api.kit.standstill import ends_at_a_standstill

async def main():
    async with ends_at_a_standstill(after_s=1.0):
        print("begun", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        if sys.argv[1] == "stands":
            threading.Event().wait()
        for _ in range(8):
            time.sleep(0.3)
            await asyncio.sleep(0)
        print("well", flush=True)

asyncio.run(main())
"""


@asynccontextmanager
async def program(what: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, what, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        assert process.stdout is not None and await process.stdout.readline() == b"begun\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_process_whose_loop_stands_still_ends_and_says_where() -> None:
    async with program("stands") as process:
        out, told = await process.communicate(b"go\n")
    assert (process.returncode, out) == (EXIT_CODE, b"")
    assert b"in main" in told and b"threading.py" in told


async def test_one_that_is_slow_or_was_stopped_for_longer_goes_on() -> None:
    async with program("is slow") as process:
        os.kill(process.pid, signal.SIGSTOP)
        await asyncio.sleep(1.5)  # longer than it may stand still: no condition to wait for
        os.kill(process.pid, signal.SIGCONT)
        out, _ = await process.communicate(b"go\n")
    assert (process.returncode, out) == (0, b"well\n")


async def test_nothing_is_left_of_it_where_a_process_ends_well() -> None:
    ended: list[bool] = []
    async with ends_at_a_standstill(after_s=0.05, end=lambda: ended.append(True)):
        await asyncio.sleep(0.1)
    assert ended == []
