"""Internal transfers of the native coin, which no log tells of, from a node that traces.

Two dialects: `debug_trace…` with the call tracer (Geth, Reth, Erigon, Nethermind, Anvil) and `trace_…` (OpenEthereum's, of Erigon, Nethermind,
Reth and several providers), for a transaction and for a whole block. Which one a network's providers offer is found out once and remembered;
where they offer neither, they are asked again after RETRY_S.
"""

import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from crypto_api.adapters import wire
from crypto_api.kit import log
from crypto_api.kit.ethereum import BlockHeader, CallRefused, ChainUnavailable, InconsistentAnswer, InternalTransfer

logger = log.get(__name__)

RETRY_S = 600.0
TRIES_MAX = 3
_FAILURES_KEPT = 100
_METHOD_NOT_FOUND = -32601
_NO_SUCH_METHOD = re.compile(
    r"method\b.*\b(not found|not exist|not available|not supported|unsupported|not allowed|disabled)|unsupported method", re.IGNORECASE
)
_CALLS = frozenset({"CALL", "CREATE", "CREATE2", "SELFDESTRUCT"})  # a delegate call shows the value of its caller and moves nothing

Ask = Callable[[Sequence[tuple[str, list[Any]]]], Awaitable[list[msgspec.Raw]]]
Transfers = tuple[InternalTransfer, ...]
T = TypeVar("T")


class _Frame(msgspec.Struct, rename={"sender": "from"}):
    type: str
    sender: str
    to: str = ""
    value: str = "0x0"
    error: str | None = None
    calls: list["_Frame"] = []


class _Action(msgspec.Struct, rename={"sender": "from", "call_type": "callType", "refund_address": "refundAddress"}):
    sender: str = ""
    to: str = ""
    value: str = "0x0"
    call_type: str = "call"
    address: str = ""  # of a contract that destroyed itself
    refund_address: str = ""
    balance: str = "0x0"


class _Result(msgspec.Struct):
    address: str = ""  # of a created contract


class _TracedTransaction(msgspec.Struct, rename={"tx_hash": "txHash"}):
    tx_hash: str
    result: _Frame


class _Flat(msgspec.Struct, rename={"trace_address": "traceAddress", "transaction_hash": "transactionHash"}):
    type: str
    action: _Action
    trace_address: list[int]
    result: _Result | None = None
    error: str | None = None
    transaction_hash: str | None = None


_decode_frame = wire.decoder(_Frame)
_decode_flat = wire.decoder(list[_Flat])
_decode_block_frames = wire.decoder(list[_TracedTransaction])


def _from_frames(raw: msgspec.Raw) -> Transfers:
    return tuple(_walk(_decode_frame(raw)))


def _walk(root: _Frame) -> Iterator[InternalTransfer]:
    """What a call that failed did, and everything beneath it, did not happen. The root is the transaction itself."""
    stack: list[tuple[str, _Frame]] = [("", root)]
    while stack:
        path, frame = stack.pop()
        if frame.error is not None:
            continue
        if path and frame.type in _CALLS and (value := int(frame.value or "0x0", 16)):
            yield InternalTransfer(path, frame.sender.lower(), frame.to.lower(), value)
        stack.extend((f"{path}.{i}" if path else str(i), frame.calls[i]) for i in reversed(range(len(frame.calls))))


def _from_flat(raw: msgspec.Raw) -> Transfers:
    rows = _decode_flat(raw)
    if not rows:
        raise InconsistentAnswer("the node has no trace of the transaction")
    return _of_flat(rows)


def _of_flat(rows: Sequence[_Flat]) -> Transfers:
    """Of the rows of one transaction."""
    failed = {tuple(row.trace_address) for row in rows if row.error is not None}
    found = []
    for row in rows:
        address = tuple(row.trace_address)
        if not address or any(address[:depth] in failed for depth in range(len(address) + 1)):
            continue
        if (moved := _moved(row)) is not None:
            found.append(InternalTransfer(".".join(map(str, address)), *moved))
    return tuple(found)


def _block_from_frames(raw: msgspec.Raw) -> dict[str, Transfers]:
    return {row.tx_hash: tuple(_walk(row.result)) for row in _decode_block_frames(raw)}


def _block_from_flat(raw: msgspec.Raw) -> dict[str, Transfers]:
    by_hash: dict[str, list[_Flat]] = {}
    for row in _decode_flat(raw):
        if row.transaction_hash is not None:  # a reward has none
            by_hash.setdefault(row.transaction_hash, []).append(row)
    return {hash_: _of_flat(rows) for hash_, rows in by_hash.items()}


def _moved(row: _Flat) -> tuple[str, str, int] | None:
    action = row.action
    if row.type == "suicide":
        sender, recipient, value = action.address, action.refund_address, int(action.balance, 16)
    elif row.type == "create":
        sender, recipient, value = action.sender, row.result.address if row.result else "", int(action.value, 16)
    elif row.type == "call" and action.call_type == "call":
        sender, recipient, value = action.sender, action.to, int(action.value, 16)
    else:
        return None
    return (sender.lower(), recipient.lower(), value) if value else None


@dataclass(frozen=True)
class _Dialect(Generic[T]):
    """How a transaction is asked for by its hash, or a block by its header."""

    method: str
    parameters: Callable[[Any], list[Any]]
    read: Callable[[msgspec.Raw], T]


_TRACER = {"tracer": "callTracer"}
_OF_TRANSACTION: tuple[_Dialect[Transfers], ...] = (
    _Dialect("debug_traceTransaction", lambda hash_: [hash_, _TRACER], _from_frames),
    _Dialect("trace_transaction", lambda hash_: [hash_], _from_flat),
)
_OF_BLOCK: tuple[_Dialect[dict[str, Transfers]], ...] = (
    _Dialect("debug_traceBlockByHash", lambda header: [header.hash, _TRACER], _block_from_frames),
    _Dialect("trace_block", lambda header: [hex(header.number)], _block_from_flat),
)


class _Tracer(Generic[T]):
    """Keeps in mind which dialect is offered."""

    def __init__(self, ask: Ask, dialects: tuple[_Dialect[T], ...]) -> None:
        self._ask, self._dialects = ask, dialects
        self.dialect = 0
        self._silent_until = 0.0  # monotonic seconds

    @property
    def silent(self) -> bool:
        return time.monotonic() < self._silent_until

    async def together(self, subjects: Sequence[Any]) -> list[T | None]:
        dialect = self._dialects[self.dialect]
        answers = await self._ask([(dialect.method, dialect.parameters(subject)) for subject in subjects])
        return [_readable(dialect.read, raw) for raw in answers]

    async def one(self, subject: Any) -> T | None:
        """Goes on to the next dialect where the node does not know this one; None where the node refuses this subject: its state is gone."""
        while not self.silent:
            try:
                return (await self.together([subject]))[0]
            except CallRefused as error:
                if not _unknown_method(error):
                    logger.info("not traced", reason=error.detail)
                    return None
                self._next()
        return None

    def _next(self) -> None:
        self.dialect += 1
        if self.dialect == len(self._dialects):
            self.dialect, self._silent_until = 0, time.monotonic() + RETRY_S
            logger.info("no provider of this network traces: internal transfers are found by balance", method=self._dialects[0].method)


class CallTraces:
    """`ask` sends a batch to the network's providers and raises CallRefused where they refuse one of its calls."""

    def __init__(self, ask: Ask) -> None:
        self._transactions, self._blocks = _Tracer(ask, _OF_TRANSACTION), _Tracer(ask, _OF_BLOCK)
        self._failures: dict[str, int] = {}  # how often a question went unanswered; answered ones are not in it

    async def internal_transfers(self, hashes: Sequence[str]) -> dict[str, Transfers | None]:
        """By transaction hash, in the order in which they happened; None where nobody can tell, which is not the same as none.
        ChainUnavailable when no provider answers at all, but not for ever: what is too much for them to trace must not stop the following."""
        if not hashes or self._transactions.silent:
            return dict.fromkeys(hashes)
        try:
            return dict(zip(hashes, await self._transactions.together(hashes), strict=True))
        except CallRefused:
            return {hash_: await self._transactions.one(hash_) for hash_ in hashes}
        except ChainUnavailable as error:
            self._count_failure(hashes[0], error)
            return {hash_: await self._or_none(self._transactions, hash_) for hash_ in hashes}

    async def internal_transfers_in(self, header: BlockHeader) -> dict[str, Transfers] | None:
        """The same of every transaction of a block; None where nobody can tell."""
        try:
            return await self._blocks.one(header)
        except ChainUnavailable as error:
            self._count_failure(header.hash, error)
            return None

    def _count_failure(self, key: str, error: ChainUnavailable) -> None:
        """Raises the first times: the provider may be away for a moment."""
        count = self._failures.pop(key, 0) + 1
        if count < TRIES_MAX:
            self._failures = {**dict(list(self._failures.items())[-_FAILURES_KEPT:]), key: count}
            raise error
        logger.warning("tracing was given up", subject=key, reason=error.detail)

    @staticmethod
    async def _or_none(tracer: _Tracer[Transfers], hash_: str) -> Transfers | None:
        try:
            return await tracer.one(hash_)
        except ChainUnavailable:
            return None


def _readable(read: Callable[[msgspec.Raw], T], raw: msgspec.Raw) -> T | None:
    try:
        return read(raw)
    except (InconsistentAnswer, RecursionError, ValueError) as error:  # also a tree of calls deeper than a decoder goes
        logger.warning("a trace is not readable", reason=str(error)[:200])
        return None


def _unknown_method(error: CallRefused) -> bool:
    return error.rpc_code == _METHOD_NOT_FOUND or _NO_SUCH_METHOD.search(error.rpc_message) is not None
