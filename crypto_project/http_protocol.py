"""The server's side of HTTP: uvicorn's own protocol on llhttp, with bounds for a head that does not end.

uvicorn's other protocol (h11) caps a head at 64 kB; this one reads on for as long as the client sends, and waits for as long as it does not.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 65_536  # more than the guard behind it lets pass, which can say what is wrong
HEAD_S_MAX = 10.0

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHttp(HttpToolsProtocol):
    """Give it to uvicorn as `--http crypto_project.http_protocol:BoundedHttp`."""

    _head_bytes = 0
    _in_head = True
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._deadline is None:
                self._await_head()
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            self._give_up(_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_clock()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head_bytes = True, 0  # of the next request, which may come on this connection

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_S_MAX, self._give_up, _TOO_SLOW)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self, answer: bytes) -> None:
        self._stop_clock()
        if not self.transport.is_closing():
            if self._head_bytes:  # a connection that was opened ahead of need is closed without a word
                self.transport.write(answer)
            self.transport.close()
