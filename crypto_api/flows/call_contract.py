"""Ask a contract something: arguments by its ABI, the call at one block, the answer decoded. Nothing is sent and nothing changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crypto_api.contracts import service as contracts
from crypto_api.contracts.abi import Abi, Entry, call_data, function_named, inert, refusal_text
from crypto_api.contracts.documents import Contract
from crypto_api.contracts.errors import AnswerUnreadable, CallReverted
from crypto_api.contracts.types import ANSWER_BYTES_MAX, READ_GAS, NodeReader
from crypto_api.flows.inspect_contract import data_of, head_of
from crypto_api.kit.abi_values import Unreadable, decoded
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ethereum import BlockHeader, CallRefused, ChainUnavailable

REVERTED = 3  # the code of a JSON-RPC error that is the contract's own


@dataclass(frozen=True, slots=True)
class Answered:
    function: Entry
    block: BlockHeader
    values: list[Any]
    raw: str


async def function_of(contract: Contract, wanted: str) -> tuple[Abi, Entry]:
    """AbiMissing; InvalidInput where the ABI has no such function, or more than one of that name."""
    abi = (await contracts.needed_abi(contract)).abi
    return abi, function_named(abi, wanted)


async def call_contract(
    chain: NodeReader, contract: Contract, abi: Abi, function: Entry, arguments: Sequence[Any], *, block: int | None = None
) -> Answered:
    """InvalidInput naming the argument, CallReverted with the contract's reason, AnswerUnreadable; ChainUnavailable."""
    at = await _block(chain, block)
    call = {"to": contract.address, "data": "0x" + call_data(function, arguments).hex(), "gas": hex(READ_GAS)}
    answer = await _ask(chain, call, at, abi)
    if len(answer) > ANSWER_BYTES_MAX:
        raise AnswerUnreadable(f"The answer has more than {ANSWER_BYTES_MAX:,} bytes.")
    if not answer and function.outputs:
        raise AnswerUnreadable("The contract answered nothing: it has no such function, or its ABI is another contract's.")
    try:
        return Answered(function, at, decoded(function.outputs, answer), "0x" + answer.hex())
    except Unreadable as error:
        raise AnswerUnreadable(f"The answer is not what the ABI says: {error}.") from error


async def _block(chain: NodeReader, number: int | None) -> BlockHeader:
    if number is None:
        return await head_of(chain)
    found = await chain.header(number)
    if found is None:
        raise InvalidInput.of("block", "is not a block of this network yet", "unknown_block")
    return found


async def _ask(chain: NodeReader, call: dict[str, Any], at: BlockHeader, abi: Abi) -> bytes:
    try:
        return data_of(await chain.call_any("eth_call", [call, {"blockHash": at.hash}]))
    except CallRefused as error:
        data = _refusal_data(error)
        if data or error.rpc_code == REVERTED or "revert" in error.rpc_message.lower():
            raise CallReverted(refusal_text(data, abi, _reason_in(error.rpc_message))) from error
        if any(word in error.rpc_message.lower() for word in ("gas", "opcode", "stack", "invalid jump")):
            raise CallReverted(inert(error.rpc_message)) from error
        raise ChainUnavailable(f"the node refused the call: {inert(error.rpc_message)}") from error


def _refusal_data(error: CallRefused) -> bytes:
    """Some nodes put words in front of the bytes."""
    given = (error.rpc_data or "").rsplit(" ", 1)[-1]
    try:
        return bytes.fromhex(given[2:]) if given.startswith("0x") else b""
    except ValueError:
        return b""


def _reason_in(message: str) -> str:
    return message.partition("execution reverted")[2].lstrip(": ")
