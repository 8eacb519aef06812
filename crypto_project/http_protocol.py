"""The server's side of HTTP: uvicorn's own protocol on llhttp, with bounds for a head that does not end, and with an eye on keys.

uvicorn's other protocol (h11) caps a head at 64 kB; this one reads on for as long as the client sends, and waits for as long as it does not.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from crypto_api.kit.wiping import wipe
from crypto_project.body_guard import KEYS_BODY_BYTES_MAX, KEYS_COME_TO
from crypto_project.secret_intake import digest_of, seal_body

HEAD_BYTES_MAX = 65_536  # more than the guard behind it lets pass, which can say what is wrong
HEAD_S_MAX = 10.0
RECEIVE_BYTES = 262_144
SEALED = "sealed"
"""In the scope of a request that may bring keys: a dictionary that holds the `digest` of the body as it came, once it has come."""

READ_ON_BYTES_MAX = 2_000_000
"""Of a body with keys that is too large, and of which nothing is kept: who is cut off while they send often loses the answer. Then it is refused
without its end, which may never come."""

_MORE_THAN_MAY_BE = bytes(KEYS_BODY_BYTES_MAX + 1)  # is what the guard behind this refuses, and nothing of what came
_CLEANSE_PLAINTEXT = 0x2
"""Of OpenSSL 3 (SSL_CTX_set_options(3)), which Python's `ssl` does not name: what was deciphered is wiped once it was read."""
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHttp(asyncio.BufferedProtocol):
    """Give it to uvicorn as `--http crypto_project.http_protocol:BoundedHttp`.

    It lends the event loop a buffer of its own, so that nothing of a request stays in one of the loop's; everything else is `_Http`.
    """

    _buffer = bytearray(RECEIVE_BYTES)  # for all connections: the loop reads into it and calls `buffer_updated` at once

    def __init__(self, *args: Any, **values: Any) -> None:
        if (tls := values["config"].ssl) is not None:
            tls.options |= _CLEANSE_PLAINTEXT  # before the connection that this is made for begins
        self._http = _Http(*args, **values)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._http.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()

    def eof_received(self) -> None:
        self._http.eof_received()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        with memoryview(self._buffer)[:nbytes] as received:
            data = bytes(received)
            wipe(received)
        self._http.data_received(data)
        if self._http.saw_secrets():
            wipe(data)


class _Http(HttpToolsProtocol):
    _head_bytes = 0
    _in_head = True
    _deadline: asyncio.TimerHandle | None = None
    _secret_body: bytearray | None = None
    _secret_length = 0
    _sealed: dict[str, bytes]
    _saw_secrets = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        self._drop_secrets()
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
        if self.scope.get("path", "").startswith(KEYS_COME_TO) and self.scope["method"] not in ("GET", "HEAD"):
            self._secret_body, self._secret_length, self._sealed = bytearray(self._expected_length()), 0, {}
            self.scope[SEALED] = self._sealed  # type: ignore[literal-required]

    def on_body(self, body: bytes) -> None:
        if self._secret_body is None:
            super().on_body(body)
            return
        self._saw_secrets = True
        end = self._secret_length + len(body)
        if end <= len(self._secret_body):
            self._secret_body[self._secret_length : end] = body
        elif self._secret_length <= READ_ON_BYTES_MAX < end:
            super().on_body(_MORE_THAN_MAY_BE)
        self._secret_length = end
        wipe(body)

    def on_message_complete(self) -> None:
        if self._secret_body is not None:
            self._pass_on_sealed()
        super().on_message_complete()
        self._in_head, self._head_bytes = True, 0  # of the next request, which may come on this connection

    def saw_secrets(self) -> bool:
        """Whether what was received since the last time held the body of a request with keys."""
        saw, self._saw_secrets = self._saw_secrets or self._secret_body is not None, False
        return saw

    def _expected_length(self) -> int:
        """Room for the whole body: a buffer that grew would leave copies behind."""
        headers = dict(self.headers)
        told = headers.get(b"content-length", b"0")
        return min(int(told[:20]), KEYS_BODY_BYTES_MAX) if told.isdigit() and b"transfer-encoding" not in headers else KEYS_BODY_BYTES_MAX

    def _pass_on_sealed(self) -> None:
        body, length = self._secret_body, self._secret_length
        assert body is not None
        if length > len(body):
            super().on_body(_MORE_THAN_MAY_BE)
        elif length:
            with memoryview(body)[:length] as given:
                whole = bytearray(given)
            runtime = self.app_state["runtime"]
            self._sealed["digest"] = digest_of(whole, runtime.config.secret_key.get_secret_value())
            super().on_body(seal_body(whole, runtime.signer.intake_key))
        self._drop_secrets()

    def _drop_secrets(self) -> None:
        if self._secret_body is not None:
            wipe(self._secret_body)
            self._secret_body = None

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
