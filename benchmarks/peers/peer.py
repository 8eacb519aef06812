"""What a run with a peer tells, and how its programme is installed, started and measured."""

import asyncio
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

INSTALLING_S_MAX = 900
RUNNING_S_MAX = 3600


class PeerUnavailable(Exception):
    """It could not be installed or does not run here. There is no figure then, and its row says why."""


@dataclass(frozen=True)
class Run:
    """`paid`: the transactions that it found to pay a watched address, by hash."""

    name: str
    version: str
    reads: str
    blocks: int
    blocks_per_s: float
    cpu_s: float
    peak_mb: int
    paid: frozenset[str]
    counted: Mapping[str, int]  # what it stored


@dataclass(frozen=True)
class Asked:
    """The chain that all of them read."""

    url: str
    chain_id: int
    token: str
    blocks: int
    watched: frozenset[str]  # lower case


async def install(name: str, command: Sequence[str | Path], folder: Path) -> None:
    """By the peer's own package manager, into a folder of its own."""
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), INSTALLING_S_MAX)
    except TimeoutError:
        process.kill()
        raise PeerUnavailable(f"{name} was not installed within {INSTALLING_S_MAX} s") from None
    if process.returncode:
        raise PeerUnavailable(f"{name} could not be installed: {last_words(output)}")


def last_words(output: bytes) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"


async def measured(command: Sequence[str | Path], folder: Path, log: Path) -> tuple[float, float, int]:
    """Seconds by the wall, seconds of computing and most memory in MB of a programme that runs to its end. PeerUnavailable when it fails."""
    return await asyncio.to_thread(_measured, command, folder, log)


def _measured(command: Sequence[str | Path], folder: Path, log: Path) -> tuple[float, float, int]:
    started = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONWARNINGS": "ignore"})
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise PeerUnavailable(f"{Path(command[0]).name} failed: {last_words(log.read_bytes())}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024
