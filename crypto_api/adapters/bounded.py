"""A program of ours that reads what a stranger sent, bounded in memory, time and what it writes (`limited_child.py`)."""

import asyncio
import os
import sys
from pathlib import Path

LIMITER = Path(__file__).with_name("limited_child.py")


async def run_bounded(program: Path, *arguments: str, memory: int, seconds: int, output: int) -> int:
    """Its exit status; -1 where it took too long. `memory` is of addresses, as `output` in bytes."""
    limits = [str(os.getpid()), str(memory), str(seconds), str(output)]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(LIMITER), *limits, sys.executable, "-I", str(program), *arguments),
        env={"PATH": os.defpath},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(2 * seconds):
            return await child.wait()
    except TimeoutError:
        return -1
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
