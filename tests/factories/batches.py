"""A node with our batch contracts on it, and payees and tokens of every kind that they may meet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from crypto_api.kit.ethereum import checksummed
from crypto_api.payments.batch import deployment
from crypto_api.payments.batch_code import PACKED_BATCH_CREATION, PACKED_BATCH_DELEGATE_CREATION
from crypto_api.payments.types import Call
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from tests.factories.compiled import compiled

SOURCE = Path(__file__).parents[1] / "contracts" / "sources" / "Payees.sol"
GAS = 16_777_216  # the most that a transaction may have (EIP-7825)
_SETTINGS = {"optimizer": {"enabled": True, "runs": 200}, "evmVersion": "cancun", "outputSelection": {"*": {"*": ["evm.bytecode.object"]}}}


async def _creations() -> dict[str, str]:
    """Contract → its creation."""
    made = await compiled("payees", {"Payees.sol": {"content": SOURCE.read_text()}}, _SETTINGS)
    return {name: part["evm"]["bytecode"]["object"] for name, part in made["Payees.sol"].items()}


def call(to: str, signature: str, *values: Any, value: int = 0) -> Call:
    types = signature[signature.index("(") + 1 : -1]
    data = keccak(text=signature)[:4] + encode(types.split(",") if types else [], values)
    return Call(to=to, value_raw=str(value), data="0x" + data.hex())


@dataclass
class Reverted(Exception):
    data: str


@dataclass
class BatchNode:
    http: httpx.AsyncClient
    account: str
    creations: dict[str, str] = field(default_factory=dict)

    async def rpc(self, method: str, *params: Any) -> Any:
        answer = (await self.http.post("", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).json()
        if "error" in answer:
            raise Reverted(str(answer["error"].get("data", answer["error"])))
        return answer["result"]

    async def send(self, what: Call | str, **fields: Any) -> dict[str, Any]:
        """Reverted with what it says, and its receipt was a failed one; a text is a creation."""
        asked = {"from": self.account, "gas": hex(GAS)}
        asked |= {"data": what} if isinstance(what, str) else {"to": what.to, "value": hex(int(what.value_raw)), "data": what.data}
        asked |= fields
        receipt = await self.receipt(await self.rpc("eth_sendTransaction", asked))
        if receipt["status"] != "0x1":
            await self.rpc("eth_call", asked, "latest")
            raise Reverted("it fails in a block only")
        return receipt

    async def receipt(self, hash_: str) -> dict[str, Any]:
        """Once its block is made."""
        async with asyncio.timeout(60):
            while (found := await self.rpc("eth_getTransactionReceipt", hash_)) is None:
                await asyncio.sleep(0.005)
        mined: dict[str, Any] = found
        return mined

    async def fails(self, what: Call, **fields: Any) -> str:
        """What it reverts with; nothing that anybody owns changes by it but the gas of the sender."""
        try:
            await self.send(what, **fields)
        except Reverted as error:
            return error.data
        raise AssertionError("it did not fail")

    async def deploy(self, name: str, types: str = "", *values: Any) -> str:
        if not self.creations:
            self.creations = await _creations()
        arguments = encode(types.split(",") if types else [], values).hex()
        return checksummed((await self.send("0x" + self.creations[name] + arguments))["contractAddress"])

    async def read(self, to: str, signature: str, *values: Any) -> int:
        asked = call(to, signature, *values)
        return int(decode(["uint256"], bytes.fromhex((await self.rpc("eth_call", {"to": to, "data": asked.data}, "latest"))[2:]))[0])

    async def balances(self, addresses: Sequence[str], token: str | None) -> list[int]:
        """All at once."""
        asked: list[tuple[str, list[Any]]] = [("eth_getBalance", [each, "latest"]) for each in addresses]
        if token is not None:
            reads = [call(token, "balanceOf(address)", each) for each in addresses]
            asked = [("eth_call", [{"to": token, "data": read.data}, "latest"]) for read in reads]
        rows = [{"jsonrpc": "2.0", "id": place, "method": method, "params": params} for place, (method, params) in enumerate(asked)]
        answers = sorted((await self.http.post("", json=rows)).json(), key=lambda answer: answer["id"])
        return [int(answer["result"], 16) for answer in answers]

    async def balance(self, address: str, token: str | None = None) -> int:
        if token is None:
            return int(await self.rpc("eth_getBalance", address, "latest"), 16)
        return await self.read(token, "balanceOf(address)", address)


@asynccontextmanager
async def batch_node(folder: Path) -> AsyncIterator[BatchNode]:
    """It mines by itself."""
    child, port = chain_node(folder, folder, ChainNodeOptions(keep=False))
    await child.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            node = BatchNode(http, "")
            node.account = checksummed((await node.rpc("eth_accounts"))[0])
            for creation in (PACKED_BATCH_CREATION, PACKED_BATCH_DELEGATE_CREATION):
                await node.send(deployment(creation))
            yield node
    finally:
        await child.stop()
