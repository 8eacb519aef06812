"""Internal transfers of the native coin, which no log tells of, from a node that traces.

Two dialects: `debug_traceTransaction` with the call tracer (Geth, Reth, Erigon, Nethermind, Anvil) and `trace_transaction` (OpenEthereum's,
of Erigon, Nethermind, Reth and several providers). Which one a network's providers offer is found out once and remembered; one that offers
neither is asked again after RETRY_S.
"""

import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import msgspec

from crypto_api.adapters import wire
from crypto_api.kit import log
from crypto_api.kit.ethereum import CallRefused, InconsistentAnswer, InternalTransfer

logger = log.get(__name__)

RETRY_S = 600.0
_METHOD_NOT_FOUND = -32601
_NO_SUCH_METHOD = re.compile(
    r"method\b.*\b(not found|not exist|not available|not supported|unsupported|not allowed|disabled)|unsupported method", re.IGNORECASE
)
_CALLS = frozenset({"CALL", "CREATE", "CREATE2", "SELFDESTRUCT"})  # a delegate call shows the value of its caller and moves nothing

Ask = Callable[[Sequence[tuple[str, list[Any]]]], Awaitable[list[msgspec.Raw]]]
Transfers = tuple[InternalTransfer, ...]


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


class _Flat(msgspec.Struct, rename={"trace_address": "traceAddress"}):
    type: str
    action: _Action
    trace_address: list[int]
    result: _Result | None = None
    error: str | None = None


_decode_frame = wire.decoder(_Frame)
_decode_flat = wire.decoder(list[_Flat])


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
    failed = {tuple(row.trace_address) for row in rows if row.error is not None}
    found = []
    for row in rows:
        address = tuple(row.trace_address)
        if not address or any(address[:depth] in failed for depth in range(len(address) + 1)):
            continue
        if (moved := _moved(row)) is not None:
            found.append(InternalTransfer(".".join(map(str, address)), *moved))
    return tuple(found)


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


_DIALECTS: tuple[tuple[str, list[Any], Callable[[msgspec.Raw], Transfers]], ...] = (
    ("debug_traceTransaction", [{"tracer": "callTracer"}], _from_frames),
    ("trace_transaction", [], _from_flat),
)


class CallTraces:
    """`ask` sends a batch to the network's providers and raises CallRefused where they refuse one of its calls."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._dialect = 0
        self._silent_until = 0.0  # monotonic seconds

    async def internal_transfers(self, hashes: Sequence[str]) -> dict[str, Transfers | None]:
        """By transaction hash, in the order in which they happened; None where nobody can tell, which is not the same as none.
        ChainUnavailable when no provider answers at all."""
        if not hashes or time.monotonic() < self._silent_until:
            return dict.fromkeys(hashes)
        try:
            return await self._together(hashes)
        except CallRefused:
            return {hash_: await self._one(hash_) for hash_ in hashes}

    async def _together(self, hashes: Sequence[str]) -> dict[str, Transfers | None]:
        method, parameters, read = _DIALECTS[self._dialect]
        answers = await self._ask([(method, [hash_, *parameters]) for hash_ in hashes])
        return {hash_: _readable(read, raw, hash_) for hash_, raw in zip(hashes, answers, strict=True)}

    async def _one(self, hash_: str) -> Transfers | None:
        """Goes on to the next dialect where the node does not know this one; None where the node refuses this transaction: its state is gone."""
        while time.monotonic() >= self._silent_until:
            try:
                return (await self._together([hash_]))[hash_]
            except CallRefused as error:
                if not _unknown_method(error):
                    logger.info("not traced", transaction=hash_, reason=error.detail)
                    return None
                self._next_dialect()
        return None

    def _next_dialect(self) -> None:
        self._dialect += 1
        if self._dialect == len(_DIALECTS):
            self._dialect, self._silent_until = 0, time.monotonic() + RETRY_S
            logger.info("no provider of this network traces: internal transfers are found by balance")


def _readable(read: Callable[[msgspec.Raw], Transfers], raw: msgspec.Raw, hash_: str) -> Transfers | None:
    try:
        return read(raw)
    except (InconsistentAnswer, RecursionError, ValueError) as error:  # also a tree of calls deeper than a decoder goes
        logger.warning("a trace is not readable", transaction=hash_, reason=str(error)[:200])
        return None


def _unknown_method(error: CallRefused) -> bool:
    return error.rpc_code == _METHOD_NOT_FOUND or _NO_SUCH_METHOD.search(error.rpc_message) is not None
