"""Consoles while parts die: nobody misses an event, nobody sees one twice, and a slow one holds nobody up."""

import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest
from redis.asyncio import Redis
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_api.events.types import DomainEvent
from crypto_api.flows.relay_events import relay_pass
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.organizations.types import Permission, Role
from crypto_api.runtime import Runtime
from crypto_api.sockets import console as console_module
from crypto_api.sockets import hub as hub_module
from crypto_api.sockets.hub import EventHub
from crypto_project.embedded.child import Child
from crypto_project.embedded.mongodb import mongodb
from crypto_project.embedded.valkey import valkey
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from tests.conftest import ConfigMaker
from tests.sockets.conftest import Member, append, console, new_member, new_organization, numbered, say, serving

ROOT = Path(__file__).parents[2]


class Listener:
    """A client as one should be written: it reconnects, says where it stopped, and keeps what it gets."""

    def __init__(self, member: Member, address: str) -> None:
        self.member, self.address = member, address
        self.links: list[tuple[int, int]] = []
        self.connections = 0

    @property
    def last(self) -> int:
        return self.links[-1][1] if self.links else 0

    async def run(self) -> None:
        while True:
            with contextlib.suppress(ConnectionClosed, InvalidHandshake, OSError, EOFError):
                async with console(self.address, await self.member.ticket(), after=self.last) as client:
                    self.connections += 1
                    async for text in client.socket:
                        frame = json.loads(text)
                        if "prev" in frame:
                            self.links.append((frame["prev"], frame["seq"]))
            await asyncio.sleep(0.1)


def api_process(config: Config, port: int, log_dir: Path) -> Child:
    env = {
        **os.environ,
        "MONGODB_URI": config.mongodb_uri,
        "MONGODB_DATABASE": config.mongodb_database,
        "REDIS_URL": config.redis_url,
        "SECRET_KEY": config.secret_key.get_secret_value(),
        "LOG_DIR": str(log_dir),
    }

    async def answers() -> bool:
        with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=0.2)):
            return True

    command = (
        sys.executable,
        "-m",
        "uvicorn",
        "crypto_project.asgi:application",
        "--port",
        str(port),
        "--lifespan",
        "on",
        "--ws",
        "crypto_project.socket_protocol:BoundedSockets",
    )
    return Child("api", command, log_file=log_dir / "api.log", ready=answers, env=env, cwd=ROOT)


async def test_the_server_is_killed_under_fire_and_each_client_reads_the_log_once_in_order(
    runtime: Runtime, make_config: ConfigMaker, admin: Member, relay: None, unused_tcp_port: int, tmp_path: Path
) -> None:
    api = api_process(make_config(), unused_tcp_port, tmp_path)
    await api.start()
    listeners = [Listener(admin, f"ws://127.0.0.1:{unused_tcp_port}") for _ in range(12)]
    tasks = [asyncio.create_task(listener.run()) for listener in listeners]
    written, done = 0, asyncio.Event()

    async def write() -> None:
        nonlocal written
        while not done.is_set():
            await say(runtime, admin.org_id, *range(written, written + 5))
            written += 5
            await asyncio.sleep(0.02)

    writer = asyncio.create_task(write())
    try:
        for _ in range(2):
            async with asyncio.timeout(40):
                reached = min(listener.last for listener in listeners) + 20
                while min(listener.last for listener in listeners) < reached:
                    await asyncio.sleep(0.05)
            api.kill()
            await api.wait()
            await api.start()
        done.set()
        await writer
        async with asyncio.timeout(40):
            while min(listener.last for listener in listeners) < written:
                await asyncio.sleep(0.05)
    finally:
        await cancel_and_wait(writer, *tasks)
        await api.stop()
    assert written > 40
    for listener in listeners:
        assert listener.links == [(number - 1, number) for number in range(1, written + 1)]
        assert listener.connections >= 3
    assert "ticket" not in (tmp_path / "api.log").read_text()


class Filled(DomainEvent):
    kind: ClassVar[str] = "test.filled"
    permission: ClassVar[str] = Permission.ORGANIZATION_READ

    text: str


async def test_a_slow_client_is_closed_and_resumes_while_others_are_not_held_up(
    runtime: Runtime, api: str, admin: Member, relay: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_module, "OUTBOX_MAX", 40)
    monkeypatch.setattr(hub_module, "SILENT_S_MAX", 600)  # both only listen, for longer than usual where the machine has other work
    total = 400
    async with console(api, await admin.ticket()) as fast, console(api, await admin.ticket(), max_queue=1) as slow:
        for client in (fast, slow):
            await client.send(type="resume", after=0)
            await client.next("snapshot")
        for number in range(0, total, 5):  # 24 MB: more than the kernel buffers
            await append(runtime, admin.org_id, *(Filled(text=f"{number + index} " + "x" * 60_000) for index in range(5)))
            await fast.until_seq(number + 5, timeout_s=30)
        assert [frame["seq"] for frame in fast.numbered] == list(range(1, total + 1))
        assert await slow.closed(60) == 4408
    last = slow.numbered[-1]["seq"]
    assert 0 < last < total
    async with console(api, await admin.ticket()) as back:
        await back.send(type="resume", after=last)
        await back.until_seq(total, timeout_s=60)
    assert [frame["seq"] for frame in slow.numbered + back.numbered] == list(range(1, total + 1))


@contextlib.asynccontextmanager
async def own_servers(make_config: ConfigMaker, tmp_path: Path) -> AsyncIterator[tuple[Child, Child, Runtime]]:
    """MongoDB and Valkey of this test alone, to be killed."""
    database, uri = mongodb(tmp_path / "data", tmp_path, test_commands=False)
    cache, redis_url = valkey(tmp_path)
    await asyncio.gather(database.start(), cache.start())
    try:
        config = make_config(mongodb_uri=uri, redis_url=redis_url)
        client = connect(uri)
        await deploy(client, config.mongodb_database, DOCUMENTS)
        await client.close()
        async with open_runtime(config) as runtime:
            yield database, cache, runtime
    finally:
        await asyncio.gather(database.stop(), cache.stop())


async def relay_for(runtime: Runtime) -> None:
    while True:
        with contextlib.suppress(Exception):  # the lane's supervisor does this in the product
            if await relay_pass(runtime.uow, runtime.clock, runtime.frames):
                continue
        await asyncio.sleep(0.02)


async def test_frames_go_on_while_valkey_is_flushed_killed_and_back(make_config: ConfigMaker, tmp_path: Path) -> None:
    async with own_servers(make_config, tmp_path) as (_, cache, runtime), EventHub(runtime.frames, runtime.clock) as hub:
        relay = asyncio.create_task(relay_for(runtime))
        async with serving(runtime, hub) as address:
            admin = await new_member(runtime, await new_organization(runtime), Role.ADMIN)
            async with console(address, await admin.ticket()) as client:
                await client.send(type="resume", after=0)
                await say(runtime, admin.org_id, 1)
                await client.until_seq(1)
                async with Redis.from_url(runtime.config.redis_url) as redis:
                    await redis.flushall()
                await say(runtime, admin.org_id, 2)
                await client.until_seq(2, timeout_s=30)  # by doorbell

                cache.kill()
                await cache.wait()
                for number in (3, 4, 5):
                    await say(runtime, admin.org_id, number)
                    await client.until_seq(number, timeout_s=30)  # by polling

                await cache.start()
                number = 5
                async with asyncio.timeout(60):
                    while True:  # the subscription is made again: frames are quick once more
                        number, started = number + 1, time.monotonic()
                        await say(runtime, admin.org_id, number)
                        await client.until_seq(number)
                        if time.monotonic() - started < 0.3:
                            break
                assert [frame["seq"] for frame in client.numbered] == list(range(1, number + 1))
        await cancel_and_wait(relay)


async def test_a_restarted_database_costs_open_consoles_nothing(make_config: ConfigMaker, tmp_path: Path) -> None:
    async with own_servers(make_config, tmp_path) as (database, _, runtime), EventHub(runtime.frames, runtime.clock) as hub:
        relay = asyncio.create_task(relay_for(runtime))
        async with serving(runtime, hub) as address:
            admin = await new_member(runtime, await new_organization(runtime), Role.ADMIN)
            ticket = await admin.ticket()
            async with console(address, await admin.ticket()) as client:
                await client.send(type="resume", after=0)
                await say(runtime, admin.org_id, 1)
                await client.until_seq(1)
                database.kill()
                await database.wait()
                async with console(address, ticket) as early:
                    assert await early.closed(60) == 1013
                await database.start()
                await say(runtime, admin.org_id, 2, 3)
                await numbered(admin.org_id, 3)
                await client.until_seq(3, timeout_s=30)
                assert [frame["seq"] for frame in client.numbered] == [1, 2, 3]
                async with console(address, await admin.ticket()) as late:
                    await late.next("hello")
        await cancel_and_wait(relay)
