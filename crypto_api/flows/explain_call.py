"""The call that a transaction is, with its arguments, as the ABI says that the organisation registered for the contract. Reads, changes nothing."""

from dataclasses import dataclass

import orjson

from crypto_api.contracts import service as contracts
from crypto_api.contracts import store
from crypto_api.contracts.abi import Entry, inert
from crypto_api.kit.abi_values import Unreadable, decoded, keys_of
from crypto_api.transactions.documents import Transaction

_NO_CALL = frozenset({"", "0x"})


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    type: str
    value: str  # in words, bounded: a stranger's


@dataclass(frozen=True, slots=True)
class ExplainedCall:
    """`function` is None where no ABI is known that has it, or where the bytes are not what it says: then nothing is told of the arguments."""

    selector: str
    function: str | None  # its signature
    contract_name: str
    arguments: tuple[Argument, ...]


async def explain_call(row: Transaction) -> ExplainedCall | None:
    """None where it is no call."""
    if row.method in _NO_CALL or row.to_address is None:
        return None
    unknown = ExplainedCall(row.method, None, "", ())
    found = await store.by_address(row.org_id, row.to_address, row.network)
    if not found or (abi := await contracts.callable_abi(found[0])) is None:
        return unknown
    entry = next((one for one in abi.abi.functions if one.selector == row.method), None)
    if entry is None or row.input is None:
        return ExplainedCall(row.method, entry.signature if entry else None, found[0].name, ())
    arguments = _arguments(entry, row.input)
    return ExplainedCall(row.method, entry.signature, found[0].name, arguments) if arguments is not None else unknown


def _arguments(entry: Entry, call: str) -> tuple[Argument, ...] | None:
    try:
        values = decoded(entry.inputs, bytes.fromhex(call[10:]))
    except (Unreadable, ValueError):
        return None
    named = zip(keys_of(entry.inputs), entry.inputs, values, strict=True)
    return tuple(Argument(key, part.type.canonical, inert(_in_words(value))) for key, part, value in named)


def _in_words(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
