"""HTTP/1.1 as cheaply as one process can speak it: the client computes on the same processors as what it measures.

Connections stay open. A request is bytes that were made before; of an answer the status, the headers and the body are kept.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import cast

import httptools
import orjson

ANSWER_S_MAX = 60.0
IDLE_S = 2.0  # less than after which the server closes a connection
NONE = 0
"""In place of a status: no answer came, since the connection broke or the time was over."""


@dataclass(slots=True)
class Answer:
    status: int = NONE
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


def request(method: str, path: str, host: str, body: object = None, **headers: str) -> bytes:
    """`idempotency_key="x"` becomes `Idempotency-Key: x`."""
    content = orjson.dumps(body) if body is not None else b""
    told = {"Host": host, **{name.replace("_", "-").title(): value for name, value in headers.items()}}
    if body is not None:
        told |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer = Answer()
        self._parts: list[bytes] = []
        self._waiting: asyncio.Future[Answer] | None = None
        self._used_at = time.monotonic()
        self._was_idle = False
        self.closed_unasked = False
        """Its last request found it closed, after it had been idle for as long as a server may have enough of."""

        self._parser = httptools.HttpResponseParser(self)

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, sent: bytes) -> Answer:
        """An answer with the status `NONE` where none came."""
        if self._transport is None or self._transport.is_closing():
            return Answer()
        self._waiting = asyncio.get_running_loop().create_future()
        self._was_idle, self._used_at = time.monotonic() - self._used_at > IDLE_S, time.monotonic()
        self._transport.write(sent)
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                return await self._waiting
        except (ConnectionError, TimeoutError):
            self.close()
            return Answer()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._was_idle, self._used_at = False, time.monotonic()
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self.closed_unasked = self._was_idle
            self._waiting.set_exception(ConnectionResetError())

    # ---- httptools

    def on_message_begin(self) -> None:
        self._answer, self._parts = Answer(), []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        self._answer.status, self._answer.body = self._parser.get_status_code(), b"".join(self._parts)
        if not self._parser.should_keep_alive() and self._transport is not None:
            self._transport.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self._answer)


class Pool:
    """As many connections as are in use at a time. `async with Pool(port) as pool: await pool.ask(…)`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()

    async def __aenter__(self) -> "Pool":
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._all:
            connection.close()

    async def ask(self, sent: bytes) -> Answer:
        """Once more where the server closed the connection, idle for too long, at the moment in which the request left (RFC 9112, 9.3.1); of writes
        each has an `Idempotency-Key`."""
        try:
            connection = await self._take()
            answer = await connection.ask(sent)
            if connection.closed_unasked:
                self._all.discard(connection)
                connection = await self._connect()
                answer = await connection.ask(sent)
        except OSError:
            return Answer()
        if connection.usable:
            self._idle.append(connection)
        else:
            self._all.discard(connection)
        return answer

    async def open(self, count: int) -> None:
        """Beforehand, so that opening is not measured."""
        for _ in range(count - len(self._idle)):
            self._idle.append(await self._connect())

    async def _take(self) -> Connection:
        while self._idle:
            if (connection := self._idle.pop()).usable:
                return connection
            self._all.discard(connection)
        return await self._connect()

    async def _connect(self) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        self._all.add(connection)
        return connection
