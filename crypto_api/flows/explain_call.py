"""The call that a transaction is, with its arguments, as the ABI says that the organisation registered for the contract. Reads, changes nothing."""

from dataclasses import dataclass, replace

import orjson

from crypto_api.contracts import service as contracts
from crypto_api.contracts import store
from crypto_api.contracts.abi import Entry, inert
from crypto_api.kit.abi_values import Unreadable, decoded, keys_of
from crypto_api.kit.ethereum import checksummed
from crypto_api.protocols.safes import calls_of
from crypto_api.transactions.documents import Transaction

_NO_CALL = frozenset({"", "0x"})
WITHIN_MAX = 10


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    type: str
    value: str  # in words, bounded: a stranger's


@dataclass(frozen=True, slots=True)
class ExplainedCall:
    """`function` is None where no ABI is known that has it, or where the bytes are not what it says: then nothing is told of the arguments."""

    contract: str  # EIP-55
    selector: str
    function: str | None  # its signature
    contract_name: str
    arguments: tuple[Argument, ...]
    within: tuple["ExplainedCall", ...] = ()  # what a Safe was told to execute by it
    within_left_out: int = 0


async def explain_call(row: Transaction) -> ExplainedCall | None:
    """None where it is no call. What a Safe was told to execute is explained call by call, each by the ABI of its own contract; whether it did, the
    logs tell."""
    if row.method in _NO_CALL or row.to_address is None:
        return None
    called = await _explained(row, row.to_address, row.method, row.input)
    inner = [call for call in calls_of(row.input or "") if len(call.input) >= 10]
    within = [await _explained(row, checksummed(call.to), call.input[:10], call.input) for call in inner[:WITHIN_MAX]]
    return replace(called, within=tuple(within), within_left_out=len(inner) - len(within))


async def _explained(row: Transaction, contract: str, selector: str, call: str | None) -> ExplainedCall:
    unknown = ExplainedCall(contract, selector, None, "", ())
    found = await store.by_address(row.org_id, contract, row.network)
    if not found or (abi := await contracts.callable_abi(found[0])) is None:
        return unknown
    entry = next((one for one in abi.abi.functions if one.selector == selector), None)
    if entry is None or call is None:
        return ExplainedCall(contract, selector, entry.signature if entry else None, found[0].name, ())
    arguments = _arguments(entry, call)
    return ExplainedCall(contract, selector, entry.signature, found[0].name, arguments) if arguments is not None else unknown


def _arguments(entry: Entry, call: str) -> tuple[Argument, ...] | None:
    try:
        values = decoded(entry.inputs, bytes.fromhex(call[10:]))
    except (Unreadable, ValueError):
        return None
    named = zip(keys_of(entry.inputs), entry.inputs, values, strict=True)
    return tuple(Argument(key, part.type.canonical, inert(_in_words(value))) for key, part, value in named)


def _in_words(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
