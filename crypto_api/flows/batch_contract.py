"""Whether our batch contract stands on a network with exactly our code, and the transaction that puts it there.

Anybody may send that transaction from any account: the deployment proxy makes the address follow from the code alone (EIP-1014), the contract has no
owner, and it takes no value. So no wallet of ours is needed for it, and none is given a kind of payment that could create contracts.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from eth_utils.crypto import keccak

from crypto_api.payments.batch import BATCH_CONTRACT, DEPLOYER, deployment
from crypto_api.payments.batch_code import PACKED_BATCH_CREATION, PACKED_BATCH_RUNTIME
from crypto_api.payments.types import Call


class CodeReader(Protocol):
    async def code(self, address: str) -> bytes: ...


class Standing(StrEnum):
    STANDS = "stands"
    MISSING = "missing"
    OTHER_CODE = "other_code"  # nothing that the deployment proxy put there, or a node that does not tell the truth
    NO_PROXY = "no_proxy"  # the deployment proxy itself is not there


@dataclass(frozen=True)
class BatchContract:
    standing: Standing
    code_hash: str  # keccak-256 of what stands there, in hexadecimal; empty where nothing does


OUR_CODE_HASH = "0x" + keccak(PACKED_BATCH_RUNTIME).hex()


async def look_at_batch_contract(node: CodeReader) -> BatchContract:
    """ChainUnavailable."""
    code = await node.code(BATCH_CONTRACT)
    if code:
        code_hash = "0x" + keccak(code).hex()
        return BatchContract(Standing.STANDS if code_hash == OUR_CODE_HASH else Standing.OTHER_CODE, code_hash)
    return BatchContract(Standing.MISSING if await node.code(DEPLOYER) else Standing.NO_PROXY, "")


def deploying(chain_id: int) -> dict[str, str]:
    """For any wallet (EIP-1193, `eth_sendTransaction`), without a sender: whoever pays the gas."""
    call: Call = deployment(PACKED_BATCH_CREATION)
    return {"to": call.to, "value": "0x0", "data": call.data, "chainId": hex(chain_id)}
