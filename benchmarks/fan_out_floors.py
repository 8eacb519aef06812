"""What one event to many sockets costs at least, as a process of its own: `python -m benchmarks.fan_out_floors bare|asgi PORT`.

`bare`: a protocol on the loop alone; the handshake, and then a WebSocket frame that was made once is written to each transport. `asgi`: a plain
application under uvicorn, set up as the product is, that sends the same text to each. Each line on standard input is a text to be sent to all.
"""

import asyncio
import base64
import hashlib
import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast

import uvicorn
import uvloop

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
Broadcast = Callable[[str], Awaitable[None]]


class BareSocket(asyncio.Protocol):
    """Whatever the client sends after its handshake is not looked at."""

    everybody: set[asyncio.Transport] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop names no class of it

    def data_received(self, data: bytes) -> None:
        if self._transport in self.everybody:
            return
        key = next(line.split(b": ")[1] for line in data.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        accepted = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())  # noqa: S324  the handshake's, not a secret
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accepted + b"\r\n\r\n"
        )
        self.everybody.add(self._transport)

    def connection_lost(self, _: Exception | None) -> None:
        self.everybody.discard(self._transport)


async def _broadcast_bare(text: str) -> None:
    data = text.encode()
    assert len(data) < 126
    frame = bytes([0x81, len(data)]) + data  # RFC 6455, 5.2: final, text, not masked, its length in seven bits
    for transport in list(BareSocket.everybody):
        transport.write(frame)


async def bare(port: int) -> None:
    await asyncio.get_running_loop().create_server(BareSocket, "127.0.0.1", port, backlog=2_048)
    await _obey(_broadcast_bare)


async def asgi(port: int) -> None:
    sends: set[Callable[[dict[str, Any]], Awaitable[None]]] = set()

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        sends.add(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        sends.discard(send)

    async def broadcast(text: str) -> None:
        message = {"type": "websocket.send", "text": text}
        for send in list(sends):
            await send(message)

    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", ws="websockets-sansio", log_level="warning", backlog=2_048))
    await asyncio.gather(server.serve(), _obey(broadcast))


async def _obey(broadcast: Broadcast) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        await broadcast(line.decode().rstrip("\n"))


if __name__ == "__main__":
    uvloop.run({"bare": bare, "asgi": asgi}[sys.argv[1]](int(sys.argv[2])))
