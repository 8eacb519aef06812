"""A proxy in front of a node that does what providers and networks do on bad days, on request and repeatably.

    async with FaultProxy(node_url, seed=7) as proxy:          # proxy.url is the bad provider
        proxy.add(Lag(8))                                      # from now on
        proxy.add(Stall(), methods={"eth_getLogs"}, times=2)   # the next two requests with such a call
        proxy.add(Reset(), share=0.3)                          # three requests in ten, by the seed
        proxy.heal()

A `Wire` fault befalls a whole HTTP request, an `Answer` fault rewrites what single calls of it are answered. Several may be in force: the
first wire fault that applies is the one that happens, answer faults apply one after the other. `fired` counts what happened.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

Call = dict[str, Any]
Reply = dict[str, Any]


class Fault:
    """What happens; where and how often is said when it is added."""

    @property
    def name(self) -> str:
        return type(self).__name__


# ---- faults of the line ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Delay(Fault):
    seconds: float


class Stall(Fault):
    """Takes the request and never answers. Half-open is the same seen from outside."""


class Reset(Fault):
    """Breaks off before the node hears of it."""


class LoseReply(Fault):
    """The node does what it is asked; the answer is lost."""


@dataclass(frozen=True)
class Trickle(Fault):
    """So many bytes of the answer each tenth of a second."""

    size: int = 1


class Truncate(Fault):
    """Half of the answer, then the end."""


class Corrupt(Fault):
    """A few bytes of the answer are others."""


@dataclass(frozen=True)
class Status(Fault):
    code: int
    retry_after: int | None = None


class Nonsense(Fault):
    """A page in HTML instead of JSON, with a 200."""


@dataclass(frozen=True)
class Huge(Fault):
    """An answer of so many bytes that is good JSON."""

    size: int = 50_000_000


@dataclass(frozen=True)
class BatchLimit(Fault):
    """Refuses batches with more calls, as Geth does."""

    calls: int


# ---- faults of the answers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lag(Fault):
    """Knows nothing of the last blocks."""

    blocks: int


@dataclass(frozen=True)
class Alternate(Fault):
    """Every other request is answered by a backend that is behind, as a careless load balancer does."""

    blocks: int


@dataclass(frozen=True)
class Rewrite(Fault):
    """`change(call, result)` gives another result for calls of that method."""

    method: str
    change: Callable[[Call, Any], Any]
    label: str = "Rewrite"

    @property
    def name(self) -> str:
        return self.label


@dataclass(frozen=True)
class Refuse(Fault):
    """A JSON-RPC error for every call."""

    code: int
    message: str


@dataclass(frozen=True)
class Withhold(Fault):
    """Does not know a method, or a tag of blocks, as nodes say it that do not."""

    what: str


class ForgetAnswers(Fault):
    """Leaves out the last answer of a batch."""


class RepeatAnswers(Fault):
    """Answers the first call of a batch twice, and the last not at all."""


class StrangeIds(Fault):
    """Answers under ids that nobody asked."""


WIRE = (Delay, Stall, Reset, LoseReply, Trickle, Truncate, Corrupt, Status, Nonsense, Huge, BatchLimit)


@dataclass
class _Rule:
    fault: Fault
    methods: frozenset[str]  # empty: any
    left: int | None
    share: float

    def applies(self, calls: list[Call], random: Random) -> bool:
        if self.left == 0 or (self.methods and not any(call.get("method") in self.methods for call in calls)):
            return False
        if self.share < 1 and random.random() >= self.share:
            return False
        if self.left is not None:
            self.left -= 1
        return True


@dataclass
class FaultProxy:
    upstream: str
    seed: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)  # calls by method that came in
    requests: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self._rules: list[_Rule] = []
        self._random = Random(self.seed)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, fault: Fault, *, methods: Collection[str] = (), times: int | None = None, share: float = 1.0) -> Self:
        self._rules.append(_Rule(fault, frozenset(methods), times, share))
        return self

    def heal(self) -> None:
        self._rules.clear()

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            while (body := await _request(reader)) is not None:
                await self._answer(writer, body)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cancelled by the end of the proxy alone
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        asked = orjson.loads(body)
        calls = asked if isinstance(asked, list) else [asked]
        self.requests += 1
        self.asked.update(call["method"] for call in calls)
        wire = next((rule.fault for rule in self._rules if isinstance(rule.fault, WIRE) and self._fires(rule, calls)), None)
        if isinstance(wire, Stall):
            await asyncio.Event().wait()
        if isinstance(wire, Delay):
            await asyncio.sleep(wire.seconds)
        if isinstance(wire, Reset):
            _reset(writer)
        if (made := _made_up(wire, calls)) is not None:
            await _send(writer, *made)
            return
        known = await self._known_height(calls)
        content = await self._node(asked if known is None else _up_to(asked, known))
        if isinstance(wire, LoseReply):
            _reset(writer)
        if any(not isinstance(rule.fault, WIRE) for rule in self._rules):
            content = orjson.dumps(self._changed(calls, orjson.loads(content), known))
        await _send_badly(writer, wire, content, self._random)

    async def _node(self, asked: Any) -> bytes:
        async with self._http.post(self.upstream, data=orjson.dumps(asked), headers={"content-type": "application/json"}) as response:
            return await response.read()

    async def _known_height(self, calls: list[Call]) -> int | None:
        """The newest block of a provider that is behind; None for one that is not."""
        lagging = (rule for rule in self._rules if isinstance(rule.fault, Lag | Alternate))
        for rule in lagging:
            if isinstance(rule.fault, Alternate) and self.requests % 2 == 0:
                continue
            if rule.applies(calls, self._random):
                self.fired[rule.fault.name] += 1
                head = orjson.loads(await self._node({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}))["result"]
                return max(0, int(head, 16) - rule.fault.blocks)
        return None

    def _fires(self, rule: _Rule, calls: list[Call]) -> bool:
        if isinstance(rule.fault, BatchLimit) and len(calls) <= rule.fault.calls:
            return False
        if not rule.applies(calls, self._random):
            return False
        self.fired[rule.fault.name] += 1
        return True

    def _changed(self, calls: list[Call], replies: Any, known: int | None) -> Any:
        rows: list[Reply] = replies if isinstance(replies, list) else [replies]
        if known is not None:
            by_id = {call["id"]: call for call in calls}
            rows = [_behind(by_id[row["id"]], row, known) for row in rows]
        for rule in self._rules:
            if not isinstance(rule.fault, (*WIRE, Lag, Alternate)) and rule.applies(calls, self._random):
                rows = self._apply(rule.fault, calls, rows)
        return rows if isinstance(replies, list) else rows[0]

    def _apply(self, fault: Fault, calls: list[Call], rows: list[Reply]) -> list[Reply]:
        by_id = {call["id"]: call for call in calls}
        match fault:
            case Rewrite(method, change):
                changed = [
                    {**row, "result": change(by_id[row["id"]], row["result"])} if by_id[row["id"]]["method"] == method and "result" in row else row
                    for row in rows
                ]
            case Refuse(code, message):
                changed = [{"jsonrpc": "2.0", "id": row["id"], "error": {"code": code, "message": message}} for row in rows]
            case Withhold(what):
                changed = [_withheld(by_id[row["id"]], row, what) for row in rows]
            case ForgetAnswers():
                changed = rows[:-1]
            case RepeatAnswers():
                changed = [*rows[:-1], rows[0]]
            case StrangeIds():
                changed = [{**row, "id": row["id"] + 1000} for row in rows]
            case _:
                raise AssertionError(fault)
        if changed != rows:
            self.fired[fault.name] += 1
        return changed


def _up_to(asked: Any, known: int) -> Any:
    """The request with "latest" as the block that a provider behind takes for it."""
    if isinstance(asked, list):
        return [_up_to(call, known) for call in asked]
    return {**asked, "params": [hex(known) if part == "latest" else part for part in asked["params"]]}


def _withheld(call: Call, row: Reply, what: str) -> Reply:
    if call["method"] == what:
        error = {"code": -32601, "message": f"the method {what} does not exist/is not available"}
    elif what in call["params"]:
        error = {"code": -39001, "message": "Unknown block"}
    else:
        return row
    return {"jsonrpc": "2.0", "id": row["id"], "error": error}


def _behind(call: Call, row: Reply, known: int) -> Reply:
    """As a node answers that has not heard of the blocks above `known`."""
    result = row.get("result")
    match call["method"]:
        case "eth_blockNumber":
            return {**row, "result": hex(known)}
        case "eth_getBlockByNumber" | "eth_getBlockByHash" if result and int(result["number"], 16) > known:
            return {**row, "result": None}
        case "eth_getTransactionReceipt" if result and int(result["blockNumber"], 16) > known:
            return {**row, "result": None}
        case "eth_getLogs" if result and int(result[0]["blockNumber"], 16) > known:
            return {"jsonrpc": "2.0", "id": row["id"], "error": {"code": -32000, "message": "unknown block"}}
    return row


async def _request(reader: asyncio.StreamReader) -> bytes | None:
    """The body of the next request; None when the client has gone."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return await reader.readexactly(size)


def _made_up(fault: Fault | None, calls: list[Call]) -> tuple[int, bytes, dict[str, str]] | None:
    """Status, body and headers of an answer that needs no node."""
    match fault:
        case Status(code, retry_after):
            return code, b"slow down", {"retry-after": str(retry_after)} if retry_after is not None else {}
        case Nonsense():
            return 200, b"<html><body>Bad gateway</body></html>", {}
        case Huge(size):
            return 200, b'[{"jsonrpc":"2.0","id":0,"result":"0x' + b"0" * size + b'"}]', {}
        case BatchLimit():
            return 200, orjson.dumps([{"jsonrpc": "2.0", "id": calls[0]["id"], "error": {"code": -32600, "message": "batch too large"}}]), {}
        case _:
            return None


async def _send_badly(writer: asyncio.StreamWriter, fault: Fault | None, content: bytes, random: Random) -> None:
    match fault:
        case Truncate():
            writer.write(_head(200, len(content), {}) + content[: len(content) // 2])
            await writer.drain()
            _reset(writer)
        case Trickle(size):
            writer.write(_head(200, len(content), {}))
            for start in range(0, len(content), size):
                writer.write(content[start : start + size])
                await writer.drain()
                await asyncio.sleep(0.1)
        case Corrupt():
            broken = bytearray(content)
            for _ in range(3):
                broken[random.randrange(len(broken))] = random.randrange(128, 256)
            await _send(writer, 200, bytes(broken), {})
        case _:
            await _send(writer, 200, content, {})


async def _send(writer: asyncio.StreamWriter, status: int, content: bytes, headers: dict[str, str]) -> None:
    writer.write(_head(status, len(content), headers) + content)
    await writer.drain()


def _head(status: int, size: int, headers: dict[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {status} X",
        "content-type: application/json",
        f"content-length: {size}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    raise ConnectionResetError


@dataclass
class TcpProxy:
    """Bytes in both directions to host:port, whatever they mean, until it is told to `cut` the lines, to `hold` them silent, or to `refuse`."""

    host: str
    port: int
    refusing: bool = False
    address: tuple[str, int] = ("", 0)

    def __post_init__(self) -> None:
        self._lines: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = self._server.sockets[0].getsockname()[:2]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        for writer in list(self._lines):
            writer.transport.abort()

    def hold(self) -> None:
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            if self.refusing:
                writer.transport.abort()
                return
            far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
            self._lines |= {writer, far_writer}
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer))
                group.create_task(self._pump(far_reader, writer))
        except* (ConnectionError, OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65536):
                await self._flowing.wait()
                writer.write(piece)
                await writer.drain()
        writer.close()
