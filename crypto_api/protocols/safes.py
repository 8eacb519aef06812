"""What a Safe carried out: `execTransaction`, and a MultiSend inside it unpacked.

A call inside is told as if the Safe had sent it itself, but only of a Safe that is the organisation's own: anybody may write a contract that is
called the same way, says that it succeeded and does nothing. A MultiSend reverts as a whole where one of its calls fails, so success is that of each.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from crypto_api.kit.ethereum import WireLog, checksummed
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.signatures import Event, Function
from crypto_api.protocols.types import Action, ActionKind

_EXECUTE = Function(
    "execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, "
    "address refundReceiver, bytes signatures)"
)
_MULTI_SEND = Function("multiSend(bytes transactions)")
MULTI_SENDS = frozenset(
    {
        "0x8d29be29923b68abfdd21e541b9374737b49cdad",  # 1.1.1
        "0xa238cbeb142c10ef7ad8442c6d1f9e89e07e7761",  # 1.3.0
        "0x998739bfdaadde7c933b942a68053933098f9eda",
        "0x40a2accbd92bca938b02010e17a5b8929b49130d",  # 1.3.0, calls only
        "0xa1dabef33b3b82c7814b6d82a79e50f4ac44102b",
        "0x38869bf66a61cf6bdb996a6ae40d5853fd43b526",  # 1.4.1
        "0x9641d764fc13c8b624c04430c7356c1c7c8102e2",  # 1.4.1, calls only
    }
)
"""By the deterministic deployments of Safe, the same on every network. What another contract does with the same words is not known."""
_SUCCESS = Event("ExecutionSuccess(bytes32 txHash, uint256 payment)")
_SUCCESS_INDEXED = Event("ExecutionSuccess(bytes32 indexed txHash, uint256 payment)")
_FAILURE = Event("ExecutionFailure(bytes32 txHash, uint256 payment)")
_FAILURE_INDEXED = Event("ExecutionFailure(bytes32 indexed txHash, uint256 payment)")
_BY_MODULE = Event("ExecutionFromModuleSuccess(address indexed module)")
TOPICS = frozenset({_SUCCESS.topic, _FAILURE.topic, _BY_MODULE.topic})
_CALLS_SHOWN = 3


class Call(NamedTuple):
    """Out of a Safe. `delegated`: the code of `to` ran in the Safe's name, and what that did is not told by the call. Address in lower case."""

    to: str
    value: int
    input: str
    delegated: bool


def actions(glance: Glance) -> Iterator[Action]:
    """A Safe is a proxy that anybody may put anywhere: whether it is one is not told by its address."""
    for topic in TOPICS & glance.by_topic.keys():
        for row in glance.by_topic[topic]:
            by_module = _BY_MODULE.read(row)
            if by_module is None and _paid(row) is None:
                continue
            yield Action(
                kind=ActionKind.SAFE_EXECUTION,
                protocol="shaped like Safe",
                verified=False,
                contract=checksummed(row.address),
                account=checksummed(row.address),
                evidence=(row.log_index,),
                note=f"By the module {checksummed(by_module[0])}." if by_module else _noted(glance, row),
            )


def inside(glance: Glance) -> list[Glance]:
    """The transaction once for each call that our own Safe made by it, in their order. Empty where it is none, where it failed, or where code of
    somebody else ran in the Safe's name."""
    safe = glance.recipient or ""
    if safe not in glance.own:
        return []
    outcomes = [row for topic in (_SUCCESS.topic, _FAILURE.topic) for row in glance.by_topic.get(topic, ()) if row.address == safe]
    if [row.topics[0] for row in outcomes] != [_SUCCESS.topic]:
        return []
    calls = calls_of(glance.input)
    if any(call.delegated for call in calls):
        return []
    return [replace(glance, sender=safe, recipient=call.to, value=call.value, input=call.input) for call in calls]


def nothing_beside(glance: Glance) -> bool:
    """Nothing came or went by the Safe's transaction but by its calls: no coin with it, no refund of gas out of the Safe."""
    rows = glance.by_topic.get(_SUCCESS.topic, ())
    return not glance.value and all(_paid(row) == 0 for row in rows if row.address == glance.recipient)


def calls_of(call: str) -> list[Call]:
    """In their order; a MultiSend in its place. Empty where the call is no execution, or is not one to the last byte."""
    if (told := _EXECUTE.read(call)) is None or told[3] not in ("0", "1"):
        return []
    outer = Call(told[0].lower(), int(told[1]), told[2], told[3] == "1")
    if not outer.delegated or outer.to not in MULTI_SENDS or (packed := _MULTI_SEND.read(outer.input)) is None:
        return [outer]
    return _unpacked(bytes.fromhex(packed[0][2:])) or [outer]


def _unpacked(packed: bytes) -> list[Call]:
    """Each: one byte of operation, 20 of address, 32 of value, 32 of length, the data."""
    calls, at = [], 0
    while at < len(packed):
        end = at + 85 + int.from_bytes(packed[at + 53 : at + 85])
        if at + 85 > len(packed) or end > len(packed) or packed[at] > 1:
            return []
        to, value = "0x" + packed[at + 1 : at + 21].hex(), int.from_bytes(packed[at + 21 : at + 53])
        calls.append(Call(to, value, "0x" + packed[at + 85 : end].hex(), packed[at] == 1))
        at = end
    return calls


def _paid(row: WireLog) -> int | None:
    """What the Safe gave back for gas. None where it is not the log of an execution."""
    told = next((told for event in (_SUCCESS, _SUCCESS_INDEXED, _FAILURE, _FAILURE_INDEXED) if (told := event.read(row)) is not None), None)
    return int(told[1]) if told is not None else None


def _noted(glance: Glance, row: WireLog) -> str:
    parts = ["Inside, it failed."] if row.topics[0] == _FAILURE.topic else []
    calls = calls_of(glance.input) if glance.recipient == row.address else []
    if len(calls) == 1:
        parts.append(f"It {_in_words(calls[0])}.")
    elif calls:
        more = f", and {len(calls) - _CALLS_SHOWN} more" if len(calls) > _CALLS_SHOWN else ""
        parts.append(f"It made {len(calls)} calls: it {', '.join(map(_in_words, calls[:_CALLS_SHOWN]))}{more}.")
    return " ".join(parts)


def _in_words(call: Call) -> str:
    to = checksummed(call.to)
    if call.delegated:
        return f"ran the code of method {call.input[:10]} of {to}"
    return f"called method {call.input[:10]} of {to}" if len(call.input) >= 10 else f"made a plain transfer to {to}"
