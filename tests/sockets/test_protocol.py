"""Below the consoles, on raw sockets: what is no handshake and no text is answered and leaves no error in the log, and answers that nobody takes are
bounded."""

import asyncio
import json
import logging
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from bson.int64 import Int64

from crypto_api.config import Config
from crypto_api.sockets import frames
from crypto_api.sockets.admission import origin_allowed
from tests.factories.serving import Server, serving
from tests.fuzz.wire import CLOSE, CONT, PING, TEXT, Line, connect, frame, handshake

CLOSED = frame(CLOSE, struct.pack("!H", 1000))
NO_UTF8 = frame(TEXT, b'{"type":"ping","id":"\xfe"}')


async def echo(scope: Any, receive: Any, send: Any) -> None:
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "websocket.send", "text": message["text"]})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    options = {"lifespan": "off", "ws": "crypto_project.socket_protocol:BoundedSockets", "http": "crypto_project.http_protocol:BoundedHttp"}
    async with serving(echo, timeout_graceful_shutdown=1, **options) as running:
        yield running


async def opened(server: Server, **headers: str) -> Line:
    return await connect(server.port, handshake("/", headers, "127.0.0.1"))


@pytest.mark.parametrize(
    ("sent", "codes"),
    [
        (NO_UTF8, {1007}),
        (frame(TEXT, b'"\xe2', fin=False) + frame(CONT, b'\x28\xa1"'), {1007}),
        (NO_UTF8 + NO_UTF8, {1007}),
        (NO_UTF8 + CLOSED, {1000, 1007}),
        (CLOSED + NO_UTF8, {1000}),
        (frame(TEXT, b"hello") * 5 + CLOSED, {1000}),
        (frame(TEXT, b"hello") + frame(7), {1002}),
    ],
    ids=["one", "in pieces", "twice", "before a close", "behind a close", "text before a close", "text before a bad frame"],
)
async def test_what_is_no_text_is_closed_and_no_error(server: Server, sent: bytes, codes: set[int], caplog: pytest.LogCaptureFixture) -> None:
    line = await opened(server)
    assert line.status == 101
    line.read_on()
    await line.send(sent)
    assert await line.ended(60) in codes
    await line.leave()
    well = await opened(server)
    well.read_on()
    await well.send(frame(TEXT, "grüß dich".encode()))
    assert await well.until_pong(60) and well.received == "grüß dich".encode()
    await well.leave()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("headers", [{f"X-{number}": "y" for number in range(200)}, {"X-Long": "x" * 9_000}, {"Sec-WebSocket-Key": "short"}])
async def test_a_head_that_is_no_handshake_is_answered(server: Server, headers: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    line = await opened(server, **headers)
    assert line.status in (400, 431)
    assert await asyncio.wait_for(line.reader.read(), 60) is not None  # to its end
    await line.send(frame(TEXT, b"{}"))
    await line.leave()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_pings_are_answered_as_fast_as_the_answers_are_taken(server: Server) -> None:
    """More than any buffer of the system holds: without a bound all answers would lie in the memory of the process."""
    line = await connect(server.port, handshake("/", {}, "127.0.0.1"), socket_bytes=4096)
    count, most = 60_000, 0
    line.writer.write(frame(PING, b"x" * 125) * count)
    (protocol,) = [one for one in server.server_state.connections if hasattr(one, "conn")]
    left = waiting(line)
    for _ in range(100_000):  # until nothing moves any more: the system's buffers are full, and nobody reads
        await asyncio.sleep(0.01)
        most = max(most, protocol.transport.get_write_buffer_size())
        if waiting(line) == left and not protocol.writable.is_set():
            break
        left = waiting(line)
    assert left > 0, "everything was read, whoever takes the answers"
    assert most < 2 * 2**20
    line.read_on()
    async with asyncio.timeout(120):
        while line.pongs < count:
            await asyncio.sleep(0.01)
    await line.leave()


def test_a_number_as_the_database_gives_it_is_told() -> None:
    at = datetime(2026, 11, 30, tzinfo=UTC)
    told = json.loads(frames.encode("test.said", at, {"block": Int64(2**40), "parts": [Int64(-(2**40)), 1]}, seq=1, prev=0))
    assert told["data"] == {"block": 2**40, "parts": [-(2**40), 1]}
    with pytest.raises(TypeError):
        frames.encode("test.said", at, {"amount": object()}, seq=1, prev=0)


def waiting(line: Line) -> int:
    return int(line.writer.transport.get_write_buffer_size())


@pytest.mark.parametrize("origin", ["http://[::1", "http://[x]", "null", "", "http://", "javascript:alert(1)", "http://evil.example"])
def test_an_origin_of_nobody_is_refused(origin: str) -> None:
    config = Config(_env_file=None, secret_key="0123456789abcdef" * 4)  # type: ignore[call-arg,arg-type]
    assert not origin_allowed(origin, "127.0.0.1:8000", config)
    assert origin_allowed("http://127.0.0.1:8000", "127.0.0.1:8000", config)


def test_where_pages_come_over_tls_a_socket_of_one_that_did_not_is_refused() -> None:
    hosts = {"frontend_url": "https://coffer.example", "backend_url": "https://api.coffer.example", "allowed_hosts": "coffer.example,books.example"}
    config = Config(_env_file=None, secret_key="0123456789abcdef" * 4, **hosts)  # type: ignore[call-arg,arg-type]
    asked = {
        (scheme, host): origin_allowed(f"{scheme}://{host}", host, config)
        for scheme in ("http", "https")
        for host in ("coffer.example", "books.example")
    }
    assert asked == {(scheme, host): scheme == "https" for scheme, host in asked}
    assert origin_allowed("https://api.coffer.example", "anything.example", config)
