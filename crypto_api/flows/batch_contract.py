"""Whether our contracts that pay many stand on a network with exactly our code, and the transaction that puts them there.

Anybody may send that transaction from any account: the deployment proxy makes the address follow from the code alone (EIP-1014), the contracts have
no owner, and it takes no value. So a wallet of ours is not needed; where one is to pay the gas, it is a call of the proxy, approved as any call.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from eth_utils.crypto import keccak

from crypto_api.flows.prepare_payment import NewCall, payer_of, prepare_call
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.kit.errors import Conflict
from crypto_api.organizations.types import Principal
from crypto_api.payments.batch import BATCH_CONTRACT, BATCH_DELEGATE, CODE, DEPLOYER, deployment
from crypto_api.payments.batch_code import PACKED_BATCH_CREATION, PACKED_BATCH_DELEGATE_CREATION
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Call, Origin


class CodeReader(Protocol):
    async def code(self, address: str) -> bytes: ...


class BatchCode(StrEnum):
    """Which of the two."""

    ANY_WALLET = "any_wallet"  # called by whoever pays
    OWN_CODE = "own_code"  # run by wallets as their own code (EIP-7702)

    @property
    def address(self) -> str:
        return BATCH_CONTRACT if self is BatchCode.ANY_WALLET else BATCH_DELEGATE

    @property
    def deployment(self) -> Call:
        return deployment(PACKED_BATCH_CREATION if self is BatchCode.ANY_WALLET else PACKED_BATCH_DELEGATE_CREATION)

    @property
    def code_hash(self) -> str:
        """keccak-256 of what has to stand there, 0x…"""
        return "0x" + keccak(CODE[self.address]).hex()


class Standing(StrEnum):
    STANDS = "stands"
    MISSING = "missing"
    OTHER_CODE = "other_code"  # nothing that the deployment proxy put there, or a node that does not tell the truth
    NO_PROXY = "no_proxy"  # the deployment proxy itself is not there


@dataclass(frozen=True)
class BatchContract:
    standing: Standing
    code_hash: str  # keccak-256 of what stands there, in hexadecimal; empty where nothing does


class AlreadyThere(Conflict):
    code = "batch_contract_stands"


OUR_CODE_HASH = BatchCode.ANY_WALLET.code_hash


async def look_at_batch_contract(node: CodeReader, which: BatchCode = BatchCode.ANY_WALLET) -> BatchContract:
    """ChainUnavailable."""
    code = await node.code(which.address)
    if code:
        code_hash = "0x" + keccak(code).hex()
        return BatchContract(Standing.STANDS if code_hash == which.code_hash else Standing.OTHER_CODE, code_hash)
    return BatchContract(Standing.MISSING if await node.code(DEPLOYER) else Standing.NO_PROXY, "")


def deploying(chain_id: int, which: BatchCode = BatchCode.ANY_WALLET) -> dict[str, str]:
    """For any wallet (EIP-1193, `eth_sendTransaction`), without a sender: whoever pays the gas."""
    call = which.deployment
    return {"to": call.to, "value": "0x0", "data": call.data, "chainId": hex(chain_id)}


async def prepare_deployment(desk: PaymentDesk, principal: Principal, org_id: str, wallet_id: str, which: BatchCode, origin: Origin) -> Payment:
    """A call of the deployment proxy by one of the organisation's wallets, as `prepare_call`: nothing is sent along, and others approve it.
    AlreadyThere, Conflict where the proxy is not there."""
    new = NewCall(wallet_id, DEPLOYER, which.deployment.data, description=_DESCRIPTIONS[which])
    payer = await payer_of(desk, org_id, wallet_id, None)
    found = await look_at_batch_contract(desk.nodes[payer.network.slug], which)
    if found.standing is Standing.NO_PROXY:
        raise Conflict(f"The deployment proxy is not on {payer.network.name}.", code="no_deployment_proxy")
    if found.standing is not Standing.MISSING:
        raise AlreadyThere("Something stands at its address already.")
    return await prepare_call(desk, principal, org_id, new, origin)


_DESCRIPTIONS = {
    BatchCode.ANY_WALLET: "Puts our batch contract on the network",
    BatchCode.OWN_CODE: "Puts our code for wallets (EIP-7702) on the network",
}
