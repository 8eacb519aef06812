"""The API as it runs: a process of its own under uvicorn, with its own start, logs and end."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from crypto_api.identity.documents import User
from crypto_api.runtime import Runtime
from crypto_project.embedded.ports import free_port
from crypto_project.embedded.servers import Addresses, EmbeddedServers
from crypto_project.processes import GRACEFUL_S, api_process
from tests.conftest import TEST_SECRET_KEY
from tests.http.conftest import Join, registration

ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def process(
    addresses: Addresses, database: str, log_dir: Path, *, graceful_s: int = GRACEFUL_S, **env: str
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    port = free_port()
    settings = {
        "MONGODB_URI": addresses.mongodb_uri,
        "MONGODB_DATABASE": database,
        "REDIS_URL": addresses.redis_url,
        "LOG_DIR": str(log_dir),
        "SECRET_KEY": TEST_SECRET_KEY,
        "EMAIL_MOCK_MODE": "true",
    }
    *command, bound = api_process("127.0.0.1", port).command
    assert (command[-1], bound) == ("--timeout-graceful-shutdown", str(GRACEFUL_S))
    child = await asyncio.create_subprocess_exec(
        *command, str(graceful_s), env={**os.environ, **settings, **env}, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield f"http://127.0.0.1:{port}", child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def answering(base_url: str) -> None:
    async with asyncio.timeout(120), httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"{base_url}/api/system/health/")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def test_it_starts_logs_each_request_with_its_id_and_ends_when_told(addresses: Addresses, database_name: str, tmp_path: Path) -> None:
    async with process(addresses, database_name, tmp_path) as (base_url, child):
        await answering(base_url)
        async with httpx.AsyncClient(base_url=base_url) as client:
            body = registration("ada", organization_name="Byron Treasury")
            assert (await client.post("/api/auth/register/", json=body, headers={"X-Request-Id": "trace-me"})).status_code == 201
            assert (await client.get("/api/wallets/", headers={"X-Request-Id": "refuse-me"})).status_code == 401
        child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(child.wait(), 60) in (0, -signal.SIGTERM)
    lines = [orjson.loads(line) for line in (tmp_path / "crypto_accounting.log").read_bytes().splitlines()]
    assert [(line["path"], line["status"]) for line in lines if line.get("request_id") == "trace-me" and line["event"] == "request"] == [
        ("/api/auth/register/", 201)
    ]
    security = [orjson.loads(line) for line in (tmp_path / "security.log").read_bytes().splitlines()]
    assert [(line["event"], line["request_id"]) for line in security] == [("registered", "trace-me"), ("refused", "refuse-me")]
    assert b"a-river-of-9-stones" not in (tmp_path / "crypto_accounting.log").read_bytes()


async def test_told_to_end_it_finishes_what_it_has_begun_takes_nothing_new_and_sends_consoles_elsewhere(
    join: Join, runtime: Runtime, addresses: Addresses, database_name: str, tmp_path: Path
) -> None:
    ada = await join("ada", founds="Byron Treasury")
    async with process(addresses, database_name, tmp_path, graceful_s=60) as (base_url, child):  # a loaded machine may need more than five
        await answering(base_url)
        host, port = "127.0.0.1", int(base_url.rpartition(":")[2])
        ticket = (await ada.http.post("/api/auth/ws-ticket/")).json()["ticket"]
        async with connect(f"ws://{host}:{port}/api/ws/events/?ticket={ticket}", proxy=None) as console:
            body = orjson.dumps(registration("eve", organization_name="Half Sent"))
            reader, writer = await asyncio.open_connection(host, port)
            head = f"POST /api/auth/register/ HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body[:20])
            await writer.drain()
            async with httpx.AsyncClient(base_url=base_url) as client:  # after which the server has read the head as well
                assert (await client.get("/api/system/health/")).status_code == 200
            child.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                with pytest.raises(ConnectionClosed):
                    while True:
                        await console.recv()
                while not await refuses(host, port):
                    await asyncio.sleep(0.02)
            assert console.close_code == CloseCode.SERVICE_RESTART, "which pages answer by coming back"
            writer.write(body[20:])
            answer = await asyncio.wait_for(reader.read(), 30)
            assert answer.startswith(b"HTTP/1.1 201 "), answer[:200]
            writer.close()
        assert await asyncio.wait_for(child.wait(), 60) in (0, -signal.SIGTERM)
    assert await User.find_one({"username": "eve"}) is not None
    events = [orjson.loads(line)["event"] for line in (tmp_path / "crypto_accounting.log").read_bytes().splitlines()]
    assert "requests were cut off on shutdown" not in events and "shutdown failed" not in events


async def refuses(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_an_unsafe_setting_stops_it_in_one_line(addresses: Addresses, database_name: str, tmp_path: Path) -> None:
    async with process(addresses, database_name, tmp_path, SECRET_KEY="short") as (_, child):
        _, errors = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 78
    assert re.fullmatch(rb"settings: SECRET_KEY: [^\n]+\n", errors), errors


async def test_it_waits_for_a_database_that_is_not_there_yet(
    servers: EmbeddedServers, addresses: Addresses, database_name: str, tmp_path: Path
) -> None:
    await servers.children["mongodb"].stop()
    try:
        async with process(addresses, database_name, tmp_path) as (base_url, child):
            log = tmp_path / "crypto_accounting.log"
            async with asyncio.timeout(120):
                while not (log.exists() and b"the start waits for the database" in log.read_bytes()):
                    assert child.returncode is None
                    await asyncio.sleep(0.05)
            await servers.children["mongodb"].start()
            await answering(base_url)
    finally:
        if servers.children["mongodb"].pid is None:
            await servers.children["mongodb"].start()
