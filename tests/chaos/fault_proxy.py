"""A proxy for bytes, one for each link of an installation: between a process and its MongoDB, between a process and Valkey, between clients and the
API.

    async with Link("worker-1 → mongodb", "127.0.0.1", 27017, seed=7) as link:     # link.port is where the process connects
        link.befall(Delay(0.5))                                                   # from now on
        link.heal()

It knows nothing of what the bytes mean. The link between a process and a node, whose answers can also lie, is
`tests/factories/fault_proxy.FaultProxy`. `fired` counts what really befell somebody. A fault that leaves connections in a state that no network
leaves for long (`Stall`, `HalfOpen`) is over with `heal`: what was held back flows on, and a connection whose other end is gone is reset, as the
first packet that gets through has it."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Self

PIECE = 65_536
TRICKLED_BYTES = 64  # so many come slowly; the rest of a reply then comes at once, so that a long one does not outlive its fault by minutes
TRICKLE_S = 0.01
NOT_A_HEAD = b"\xff" * 8  # no length of a message of MongoDB, no type of a reply of Valkey, no version of HTTP


@dataclass(frozen=True)
class LineFault:
    share: float = 1.0  # of the pieces of bytes that come by

    @property
    def name(self) -> str:
        return type(self).__name__


@dataclass(frozen=True)
class Delay(LineFault):
    """Each reply comes so much later."""

    seconds: float = 0.5


@dataclass(frozen=True)
class Stall(LineFault):
    """Nothing comes through in either direction; all of it does afterwards."""


@dataclass(frozen=True)
class HalfOpen(LineFault):
    """The other end is gone and nobody says so: bytes are taken and lost."""


@dataclass(frozen=True)
class Reset(LineFault):
    """The connection breaks before the server hears of the request."""


@dataclass(frozen=True)
class LoseReply(LineFault):
    """The server does what it is asked; its reply is lost with the connection."""


@dataclass(frozen=True)
class Trickle(LineFault):
    """A reply comes byte by byte."""


@dataclass(frozen=True)
class Truncate(LineFault):
    """Half of a reply, then the end."""


@dataclass(frozen=True)
class Corrupt(LineFault):
    """The first bytes of a reply are others. Bytes in the middle of an amount are not changed: the checksums of TCP and TLS are there for those,
    and no reader could tell."""


LINE_FAULTS: tuple[type[LineFault], ...] = (Delay, Stall, HalfOpen, Reset, LoseReply, Trickle, Truncate, Corrupt)


@dataclass(eq=False)
class _Line:
    """One connection, with both of its ends."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    dead: bool = False  # half open

    def abort(self) -> None:
        for writer in (self.near, self.far):
            writer.transport.abort()


_PassOn = Callable[[_Line, LineFault, bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Link:
    name: str
    host: str
    to_port: int
    seed: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._fault: LineFault | None = None
        self._whole = asyncio.Event()
        self._whole.set()
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        self._abort_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def befall(self, fault: LineFault) -> None:
        """One at a time: the last one counts."""
        self._fault = fault
        self._whole.clear()

    def heal(self) -> None:
        self._fault = None
        self._whole.set()
        for line in [line for line in self._lines if line.dead]:
            line.abort()

    def _abort_all(self) -> None:
        for line in list(self._lines):
            line.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        line: _Line | None = None
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, self.to_port)
            line = _Line(writer, far_writer)
            self._lines.add(line)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(line, reader, far_writer, self._request))
                both.create_task(self._pump(line, far_reader, writer, self._reply))
        except* (OSError, asyncio.CancelledError):  # nobody listens there just now; or the link ends
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            if line is not None:
                self._lines.discard(line)
                line.abort()

    async def _pump(self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pass_on: _PassOn) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(PIECE):
                if line.dead:
                    continue
                fault = self._fault
                if fault is None or (fault.share < 1 and self._random.random() >= fault.share):
                    writer.write(piece)
                else:
                    await pass_on(line, fault, piece, writer)
                await writer.drain()
        if not line.dead and not writer.is_closing():
            writer.close()

    async def _request(self, line: _Line, fault: LineFault, piece: bytes, writer: asyncio.StreamWriter) -> None:
        match fault:
            case Stall():
                self.fired[fault.name] += 1
                await self._whole.wait()
                writer.write(piece)
            case HalfOpen():
                self.fired[fault.name] += 1
                line.dead = True
            case Reset():
                self.fired[fault.name] += 1
                line.abort()
            case _:
                writer.write(piece)

    async def _reply(self, line: _Line, fault: LineFault, piece: bytes, writer: asyncio.StreamWriter) -> None:
        match fault:
            case Delay(seconds=seconds):
                self.fired[fault.name] += 1
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._whole.wait(), seconds)
                writer.write(piece)
            case Stall():
                await self._whole.wait()
                writer.write(piece)
            case HalfOpen():
                line.dead = True
            case LoseReply():
                self.fired[fault.name] += 1
                line.abort()
            case Trickle():
                self.fired[fault.name] += 1
                await self._trickle(piece, writer)
            case Truncate():
                self.fired[fault.name] += 1
                writer.write(piece[: len(piece) // 2])
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                writer.close()
                line.far.transport.abort()
            case Corrupt():
                self.fired[fault.name] += 1
                writer.write(NOT_A_HEAD[: len(piece)] + piece[len(NOT_A_HEAD) :])
            case _:
                writer.write(piece)

    async def _trickle(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        for place in range(min(TRICKLED_BYTES, len(piece))):
            if self._whole.is_set():
                writer.write(piece[place:])
                return
            writer.write(piece[place : place + 1])
            await writer.drain()
            await asyncio.sleep(TRICKLE_S)
        writer.write(piece[TRICKLED_BYTES:])
