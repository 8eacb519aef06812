"""Ponder: the Transfer events of one token, into its embedded database (PGlite). It does not read transfers of the coin here."""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson

from benchmarks.chain import cpu_of
from benchmarks.peers.peer import RUNNING_S_MAX, Home, PeerUnavailable, last_words, node_of
from benchmarks.peers.reading import Asked, Reading
from crypto_project.embedded.ports import free_port

NAME = "ponder"
APP = Path(__file__).with_name("ponder_app")
NOT_FINAL = 30  # blocks below the head that it takes for not final on a chain that it does not know: those it reads one by one, as they come


def version() -> str:
    return str(orjson.loads((APP / "package.json").read_bytes())["dependencies"][NAME])


async def prepare(home: Home) -> None:
    """A folder of npm's own, beside a copy of the application."""
    shutil.copytree(APP, home.folder / NAME, dirs_exist_ok=True)
    await home.npm(NAME, version())


async def read(asked: Asked, home: Home) -> Reading:
    place, port = home.folder / NAME, free_port()
    shutil.rmtree(place / ".ponder", ignore_errors=True)
    started = time.perf_counter()
    async with _running(asked, place, port) as process, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        await _ready(process, http, place / "said.log")
        elapsed, cpu_s, peak_mb = time.perf_counter() - started, cpu_of(process.pid), _peak_mb(process.pid)
        async with http.get("/transfers") as response:
            rows = orjson.loads(await response.read())
    paid = {transaction for transaction, to in rows if to in asked.watched}
    does, blocks = f"one token's logs and their blocks; {len(rows):,} transfers to PGlite", asked.blocks - NOT_FINAL
    return Reading(NAME, version(), does, blocks, elapsed, cpu_s, peak_mb, frozenset(paid), {"token transfers": len(rows)})


@asynccontextmanager
async def _running(asked: Asked, home: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = {"RPC_URL": asked.url, "CHAIN_ID": str(asked.chain_id), "TOKEN": asked.token, "BLOCKS": str(asked.blocks - NOT_FINAL)}
    environment = os.environ | settings | {"PONDER_TELEMETRY_DISABLED": "true", "NODE_ENV": "production"}
    command: list[str | Path] = [
        node_of(NAME),
        "node_modules/ponder/dist/esm/bin/ponder.js",
        "start",
        "--port",
        str(port),
        "--schema",
        "beside",
        "--log-level",
        "warn",
    ]
    with (home / "said.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, cwd=home, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with the compiler that it has started beside
        await process.wait()


async def _ready(process: asyncio.subprocess.Process, http: aiohttp.ClientSession, log: Path) -> None:
    """Until it says itself that everything is indexed."""
    deadline = time.monotonic() + RUNNING_S_MAX
    while time.monotonic() < deadline:
        if process.returncode is not None:
            raise PeerUnavailable(f"ponder ended: {last_words(log.read_bytes())}")
        try:
            async with http.get("/ready") as response:
                if response.status == 200:
                    return
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.1)
    raise PeerUnavailable(f"ponder was not ready within {RUNNING_S_MAX} s")


def _peak_mb(pid: int) -> int:
    line = next(row for row in Path(f"/proc/{pid}/status").read_text().splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) // 1024
