"""WebSockets byte by byte (RFC 6455), as no library would send them. Standard library only."""

import asyncio
import base64
import contextlib
import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
PROTOCOL_ERROR, INVALID_DATA, TOO_BIG, ABNORMAL = 1002, 1007, 1009, 1006


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, reserved: int = 0, announced: int | None = None, wide: int = 0
) -> bytes:
    """One frame. `announced`: another length than that of the payload. `wide`: 2 or 8 bytes for a length that needs fewer."""
    length = len(payload) if announced is None else announced
    head = bytes([(0x80 if fin else 0) | (reserved & 7) << 4 | opcode & 0xF])
    bit = 0x80 if masked else 0
    if wide == 8 or length > 0xFFFF:
        head += bytes([bit | 127]) + struct.pack("!Q", length)
    elif wide == 2 or length > 125:
        head += bytes([bit | 126]) + struct.pack("!H", length)
    else:
        head += bytes([bit | length])
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + _masked(payload, key)


def _masked(payload: bytes, key: bytes) -> bytes:
    length = len(payload)
    whole = int.from_bytes((key * (length // 4 + 1))[:length], "big")
    return (int.from_bytes(payload, "big") ^ whole).to_bytes(length, "big")


def handshake(path: str, headers: Mapping[str, str], host: str) -> bytes:
    """What opens a socket."""
    lines = {
        "Host": host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        **headers,
    }
    return "\r\n".join([f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items()), "", ""]).encode("latin-1")


@dataclass
class Line:
    """A connection whose other side is read frame by frame."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int = 0  # of the answer to the handshake; 0: it was closed without one
    code: int | None = None  # with which the other side closed; ABNORMAL where it just went away
    received: bytes = b""  # the payloads of all text frames, joined, to be looked through
    pongs: int = 0
    frames: int = 0
    _reading: "asyncio.Task[None] | None" = field(default=None, repr=False)

    async def send(self, data: bytes, limit_s: float = 60.0) -> bool:
        """False where the other side is gone."""
        try:
            self.writer.write(data)
            await asyncio.wait_for(self.writer.drain(), limit_s)
        except (ConnectionError, TimeoutError, RuntimeError):
            return False
        return True

    def read_on(self) -> None:
        self._reading = asyncio.create_task(self._read())

    async def ended(self, limit_s: float) -> int | None:
        """The close code, or None where it is still open after so long."""
        assert self._reading is not None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reading), limit_s)
            return self.code
        return None

    async def until_pong(self, limit_s: float) -> bool:
        """Whether it answers a ping of today, or has closed."""
        before = self.pongs
        if not await self.send(frame(PING, b"alive?")):
            return self.code is not None or await self.ended(limit_s) is not None
        deadline = asyncio.get_running_loop().time() + limit_s
        while self.pongs == before and self.code is None:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(0.005)
        return True

    async def leave(self) -> None:
        """Without a word, as a client does that is switched off."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self.writer.transport.abort()

    async def _read(self) -> None:
        try:
            while self.code is None:
                head = await self.reader.readexactly(2)
                length = head[1] & 0x7F
                if length > 125:
                    wide = 2 if length == 126 else 8
                    length = int.from_bytes(await self.reader.readexactly(wide), "big")
                payload = await self.reader.readexactly(length)
                self._take(head[0] & 0xF, payload)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.code = ABNORMAL

    def _take(self, opcode: int, payload: bytes) -> None:
        self.frames += 1
        if opcode == TEXT:
            self.received += payload
        elif opcode == PONG:
            self.pongs += 1
        elif opcode == CLOSE:
            self.code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005


async def connect(port: int, request: bytes, *, socket_bytes: int | None = None, limit_s: float = 60.0) -> Line:
    """Sends the request and reads the head of its answer. OSError and TimeoutError where there is none to talk to. `socket_bytes`: the system keeps
    no more than about so many in either direction."""
    plug = socket.socket()
    plug.setblocking(False)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF) if socket_bytes is not None else ():
        plug.setsockopt(socket.SOL_SOCKET, option, socket_bytes)
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", port)), limit_s)
    except BaseException:
        plug.close()
        raise
    reader, writer = await asyncio.open_connection(sock=plug, limit=2**16)
    line = Line(reader, writer)
    writer.write(request)
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), limit_s)
        line.status = int(head.split(b" ", 2)[1])
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError, IndexError):
        line.code = ABNORMAL
    return line
