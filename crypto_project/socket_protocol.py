"""The server's side of WebSockets: uvicorn's own protocol, with an answer to what is no handshake and no text, and a bound for what nobody takes.

uvicorn answers a head that its WebSocket library refuses with nothing, and fails at the next byte; text that is no UTF-8 it writes into the log with
a traceback, and where a close comes in the same segment it fails; what the application sends after a bad frame or on a lost connection it takes for a
mistake of the application; and it answers pings as fast as they come, whether or not anybody reads the answers.
"""

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode


class BoundedSockets(WebSocketsSansIOProtocol):
    """Give it to uvicorn as `--ws crypto_project.socket_protocol:BoundedSockets`."""

    _held_back = False
    _ended = False  # by us, without the application

    async def send(self, message: ASGISendEvent) -> None:
        """uvicorn takes it for a mistake of the application when it still sends."""
        await self.writable.wait()
        if self._ended:
            raise ClientDisconnected
        await super().send(message)

    def handle_parser_exception(self) -> None:
        self._ended = True
        super().handle_parser_exception()

    def keepalive_timeout(self) -> None:
        self._ended = True
        super().keepalive_timeout()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse_handshake()

    def _refuse_handshake(self) -> None:
        self.handshake_complete = self.close_sent = self._ended = True
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self.conn.fail(CloseCode.INVALID_DATA, "no UTF-8")
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Nothing more is read from somebody who takes no answers."""
        super().handle_ping()
        if not self.writable.is_set() and not self._held_back and not self.transport.is_closing():
            self._held_back = True
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._held_back:
            self._held_back = False
            if not self.read_paused and not self.transport.is_closing():
                self.transport.resume_reading()


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
