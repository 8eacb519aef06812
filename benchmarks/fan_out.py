"""One event to many consoles of one API process, beside what it costs at least, in one run with the same clients.

    python -m benchmarks.fan_out [--consoles 2000] [--rounds 100]

Three servers one after another, each a process of its own under uvloop: a frame that was made once on a bare protocol, a plain ASGI application under
uvicorn, and the product as `manage.py` starts it, over a database, Valkey and a relay of its own. From the word to send until the last of all clients
has the frame; for the product from the commit too, with the relay, Valkey and the reading of the log in between. What a socket takes is the
difference of the process's resident memory, by the number of sockets. Then the API is killed, a hundred events are written, and all come back at
once, each saying where it stopped. Every client checks that each frame names the one before it: `missed` counts those that do not. Prints Markdown.
"""

import argparse
import asyncio
import base64
import os
import random
import re
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from socket import create_connection
from statistics import median
from typing import cast

import uvloop

from benchmarks.latency import percentile
from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_api.identity.types import DASHBOARD_COOKIE
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_project.embedded.child import Child, Ready
from crypto_project.embedded.ports import free_port
from crypto_project.embedded.servers import Configured, EmbeddedServers
from crypto_project.processes import api_process
from mongodb_config.client import connect as connect_database
from mongodb_config.migrations import deploy
from tests.sockets.conftest import new_member, new_organization, numbered, say

ROOT = Path(__file__).resolve().parents[1]
PAUSE_S = 0.3
PATIENCE_S = 120.0
MEMBERS = 200
MISSED_EVENTS = 100
CONNECTING_AT_ONCE = 100
WARMING, SETTLING_S = 50, 2.0
SECRET_KEY = "of many consoles: 0123456789abcdef0123456789abcdef"  # noqa: S105  of this run alone
_EVENT = re.compile(rb'"seq":(\d+),"prev":(\d+)')
_PING = re.compile(rb'"type":"ping","id":(\d+)')


class Crowd:
    """All clients: who has the event that is waited for, and what went wrong."""

    def __init__(self, port: int, path: str, cookies: list[str]) -> None:
        self.port, self.path, self.cookies = port, path, cookies
        self.lines: list[Line] = []
        self.missed = self.lost = 0
        self.returns = False
        self.changed = asyncio.Event()
        self.wanted, self.left, self.ended_at = 0, 0, 0.0

    async def gather(self, count: int) -> None:
        room = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def come(number: int) -> None:
            async with room:
                line = Line(self, self.cookies[number % len(self.cookies)] if self.cookies else "")
                self.lines.append(line)
                await line.connect()
                await line.greeted.wait()

        await asyncio.gather(*(come(number) for number in range(count)))

    def want(self, seq: int) -> None:
        self.wanted, self.left = seq, sum(line.last < seq for line in self.lines)
        self.changed.clear()

    async def all_have(self) -> float:
        """When the last of them had it."""
        async with asyncio.timeout(PATIENCE_S):
            while self.left:
                self.changed.clear()
                await self.changed.wait()
        return self.ended_at

    def leave(self) -> None:
        self.returns = False
        for line in self.lines:
            line.transport.abort()


class Line(asyncio.Protocol):
    """A client that does as little as can be, so that the servers are measured."""

    def __init__(self, crowd: Crowd, cookie: str) -> None:
        self.crowd, self.cookie = crowd, cookie
        self.transport: asyncio.Transport
        self.last, self._rest, self._tries = 0, b"", 0
        self.greeted = asyncio.Event()

    async def connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self.crowd.port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop names no class of it
        self._rest = b""
        host, key = f"127.0.0.1:{self.crowd.port}", base64.b64encode(os.urandom(16)).decode()
        asked = f"GET {self.crowd.path}{f'?after={self.last}' if self.last else ''} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
        asked += f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        self.transport.write(f"{asked}{f'Cookie: {DASHBOARD_COOKIE}={self.cookie}' if self.cookie else 'X-Nobody: 1'}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        data, at = self._rest + data, 0
        for found in _EVENT.finditer(data):
            at = found.end()
            self._take(int(found[1]), int(found[2]))
        if (ping := _PING.search(data, at)) is not None:
            self._say(b'{"type":"pong","id":' + ping[1] + b"}")
            at = ping.end()
        if not self.greeted.is_set() and (not self.cookie or b'"snapshot"' in data):
            self.greeted.set()
        self._rest = data[max(at, len(data) - 80) :]

    def _take(self, seq: int, prev: int) -> None:
        crowd = self.crowd
        crowd.missed += prev != self.last and self.last > 0
        if self.last < crowd.wanted <= seq:
            crowd.left -= 1
            if not crowd.left:
                crowd.ended_at = time.monotonic()
                crowd.changed.set()
        self.last, self._tries = seq, 0

    def _say(self, text: bytes) -> None:
        self.transport.write(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)  # masked with zeros

    def connection_lost(self, _: Exception | None) -> None:
        self.crowd.lost += 1
        if self.crowd.returns:
            self._tries += 1
            asyncio.get_running_loop().call_later(random.uniform(0.3, 0.6) * min(self._tries, 8), self.come_back)

    def come_back(self) -> None:
        async def try_it() -> None:
            try:
                await self.connect()
            except OSError as error:
                self.connection_lost(error)

        self._coming = asyncio.ensure_future(try_it())


class Measured:
    """From the word to send until the last one had it: seconds, of each round."""

    def __init__(self, name: str, seconds: list[float], kib: float | None, missed: int) -> None:
        self.name, self.seconds, self.kib, self.missed = name, seconds, kib, missed

    def row(self, bare: "Measured", plain: "Measured") -> str:
        p50, p99 = (percentile(self.seconds, share) * 1_000 for share in (0.5, 0.99))
        times = " | ".join(f"{median(self.seconds) / median(other.seconds):.2f}" for other in (bare, plain))
        return f"| {self.name} | {p50:.0f} | {p99:.0f} | {times} | {f'{self.kib:.1f}' if self.kib else ''} | {self.missed} |"


async def rounds_of(crowd: Crowd, seqs: range, announce: Callable[[int], Awaitable[float]]) -> list[tuple[float, float]]:
    """`announce` has the event of that number told, and says from when on to count; with when the last one had it."""
    found = []
    for seq in seqs:
        crowd.want(seq)
        began_at = await announce(seq)
        found.append((began_at, await crowd.all_have()))
        await asyncio.sleep(PAUSE_S)
    return found


async def gathered(crowd: Crowd, pid: int, count: int) -> float:
    """KiB that each takes; a few come first, for what a process loads with its first ones."""
    await crowd.gather(WARMING)
    await asyncio.sleep(SETTLING_S)
    before = resident_kib(pid)
    await crowd.gather(count - WARMING)
    await asyncio.sleep(SETTLING_S)
    return (resident_kib(pid) - before) / (count - WARMING)


def resident_kib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


# ---- the servers ------------------------------------------------------------------------------------------------------------------


async def floor(kind: str, name: str, consoles: int, rounds: int) -> Measured:
    port = free_port()
    command = (sys.executable, "-m", "benchmarks.fan_out_floors", kind, str(port))
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, cwd=ROOT)
    assert process.stdin is not None
    told = process.stdin
    try:
        await until_it_answers(port)
        crowd = Crowd(port, "/", [])
        kib = await gathered(crowd, process.pid, consoles)

        async def announce(seq: int) -> float:
            began_at = time.monotonic()
            told.write(b'{"type":"test.said","seq":%d,"prev":%d,"at":"2026-11-30T10:00:00.000Z","data":{"number":%d}}\n' % (seq, seq - 1, seq))
            return began_at

        found = await rounds_of(crowd, range(1, rounds + 1), announce)
        crowd.leave()
    finally:
        process.kill()
        await process.wait()
    return Measured(name, [ended_at - began_at for began_at, ended_at in found], kib, crowd.missed)


class Product:
    """An API process and a relay over servers of their own."""

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self.runtime, self.port, self.org_id, self.head = runtime, free_port(), "", 0
        command = api_process("127.0.0.1", self.port).command
        self.api = _child("api", command, runtime.config, folder, lambda: answers(self.port))
        self.relay = _child("relay", (sys.executable, "manage.py", "worker", "events"), runtime.config, folder, None)
        self.rung_at: dict[int, float] = {}

    async def people(self, count: int) -> list[str]:
        self.org_id = await new_organization(self.runtime)
        return [(await new_member(self.runtime, self.org_id, Role.ADMIN)).cookie for _ in range(count)]

    async def happen(self, count: int) -> float:
        """So many events; when they were committed."""
        await say(self.runtime, self.org_id, *range(count))
        self.head += count
        return time.monotonic()

    async def listen(self) -> None:
        """When the doorbell rang."""
        async for org_id, head in self.runtime.frames.subscribe():
            if org_id == self.org_id:
                self.rung_at.setdefault(head, time.monotonic())


async def measured_product(consoles: int, rounds: int, folder: Path) -> tuple[list[Measured], str]:
    async with installation(folder) as (runtime, _):
        product = Product(runtime, folder)
        cookies = await product.people(min(MEMBERS, consoles))
        await asyncio.gather(product.api.start(), product.relay.start())
        listening = asyncio.create_task(product.listen())
        try:
            await product.happen(1)
            await numbered(product.org_id, 1)
            crowd = Crowd(product.port, "/api/ws/events/", cookies)
            assert product.api.pid is not None
            kib = await gathered(crowd, product.api.pid, consoles)

            async def announce(_: int) -> float:
                return await product.happen(1)

            seqs = range(2, rounds + 2)
            found = await rounds_of(crowd, seqs, announce)
            from_commit = Measured("the product, from the commit", [ended - began for began, ended in found], None, crowd.missed)
            rung = [product.rung_at[seq] for seq in seqs]
            from_bell = Measured(
                "the product, from the doorbell", [ended - at for at, (_, ended) in zip(rung, found, strict=True)], kib, crowd.missed
            )
            return [from_bell, from_commit], await all_back(product, crowd)
        finally:
            listening.cancel()
            await asyncio.gather(product.api.stop(), product.relay.stop())


async def all_back(product: Product, crowd: Crowd) -> str:
    """The API is killed, events happen, and all come back at the same moment."""
    product.api.kill()
    await product.api.wait()
    await product.happen(MISSED_EVENTS)
    await numbered(product.org_id, product.head)
    await product.api.start()
    crowd.lost, crowd.returns = 0, True
    crowd.want(product.head)
    began_at = time.monotonic()
    for line in crowd.lines:
        line.come_back()
    took_s = await crowd.all_have() - began_at
    lost, missed = crowd.lost, crowd.missed
    crowd.leave()
    asked = f"All {len(crowd.lines)} back at once, {MISSED_EVENTS} events behind"
    return f"{asked}: the last had everything after {took_s:.1f} s; {lost} times somebody was told to come later; {missed} missed."


@asynccontextmanager
async def installation(folder: Path) -> AsyncIterator[tuple[Runtime, int]]:
    """A runtime on servers of its own, and the process of the database server."""
    async with EmbeddedServers(folder / "data", folder / "servers", configured=Configured.nothing(), chain=None) as servers:
        config = Config(
            mongodb_uri=servers.addresses.mongodb_uri,
            mongodb_database="fan_out",
            redis_url=servers.addresses.redis_url,
            secret_key=SECRET_KEY,  # type: ignore[arg-type]
        )
        client = connect_database(config.mongodb_uri)
        await deploy(client, config.mongodb_database, DOCUMENTS)
        await client.close()
        async with open_runtime(config) as runtime:
            yield runtime, servers.pids["mongodb"]


def _child(name: str, command: Sequence[str], config: Config, folder: Path, ready: Ready | None) -> Child:
    async def runs() -> bool:
        return True

    env = {
        **os.environ,
        "MONGODB_URI": config.mongodb_uri,
        "MONGODB_DATABASE": config.mongodb_database,
        "REDIS_URL": config.redis_url,
        "SECRET_KEY": config.secret_key.get_secret_value(),
        "LOG_DIR": str(folder / "logs"),
    }
    return Child(name, command, log_file=folder / f"{name}.log", ready=ready or runs, env=env, cwd=ROOT, start_timeout_s=120)


async def answers(port: int) -> bool:
    with closing(create_connection(("127.0.0.1", port), timeout=0.2)):
        return True


async def until_it_answers(port: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(OSError):
                await answers(port)
                return
            await asyncio.sleep(0.05)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--consoles", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the servers inherit it
    bare = await floor("bare", "a frame made once, bare protocol", options.consoles, options.rounds)
    plain = await floor("asgi", "plain ASGI under uvicorn", options.consoles, options.rounds)
    with tempfile.TemporaryDirectory(prefix="fan-out-") as name:
        products, back = await measured_product(options.consoles, options.rounds, Path(name))
    print(f"{options.consoles} sockets, {options.rounds} events, load {os.getloadavg()[0]:.0f}\n")
    print("| | p50, ms | p99, ms | times the bare frame | times plain ASGI | KiB a socket | missed |\n|---|---|---|---|---|---|---|")
    for found in (bare, plain, *products):
        print(found.row(bare, plain))
    print(f"\n{back}")


if __name__ == "__main__":
    uvloop.run(main())
