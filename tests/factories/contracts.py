"""Contracts for the tests of the registry: compiled once, deployed on a node of their own through its unlocked accounts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from tests.factories.compiled import compiled

SOURCES = Path(__file__).parents[1] / "contracts" / "sources"
VAULT_SOURCE = (SOURCES / "Vault.sol").read_text()
COMPILER = "0.8.37"
SETTINGS: dict[str, Any] = {"optimizer": {"enabled": True, "runs": 200}, "evmVersion": "cancun"}
GAS = 5_000_000
OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
BEGIN = keccak(text="begin()")[:4]  # a proxy wants to be initialised by a call
PARTS = ("object", "linkReferences")
ARTIFACTS = ["abi", *(f"evm.bytecode.{part}" for part in PARTS), *(f"evm.deployedBytecode.{part}" for part in (*PARTS, "immutableReferences"))]


@cache
def sources() -> dict[str, Any]:
    return {"Registry.sol": {"content": (SOURCES / "Registry.sol").read_text()}, "Contract.sol": {"content": VAULT_SOURCE}}


_compiled: dict[str, Any] = {}


async def artifacts() -> dict[str, Any]:
    """Contract → {abi, evm}; of every contract, also those imported."""
    if not _compiled:
        settings = {**SETTINGS, "outputSelection": {"*": {"*": ARTIFACTS}}}
        made = await compiled("registry", sources(), settings, COMPILER)
        _compiled.update({name: one for contracts in made.values() for name, one in contracts.items()})
    return _compiled


@dataclass
class Deployer:
    http: httpx.AsyncClient
    account: str
    made: dict[str, str] = field(default_factory=dict)  # name → address
    creations: dict[str, str] = field(default_factory=dict)  # name → transaction

    async def rpc(self, method: str, *params: Any) -> Any:
        answer = (await self.http.post("", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).json()
        assert "error" not in answer, (method, answer)
        return answer["result"]

    async def send(self, to: str | None, data: str, value: int = 0) -> dict[str, Any]:
        call = {"from": self.account, "data": data, "gas": hex(GAS), "value": hex(value)} | ({"to": to} if to else {})
        hash_ = await self.rpc("eth_sendTransaction", call)
        receipt: dict[str, Any] | None = None
        async with asyncio.timeout(60):
            while receipt is None:
                receipt = await self.rpc("eth_getTransactionReceipt", hash_)
                await asyncio.sleep(0.005 if receipt is None else 0)
        assert receipt["status"] == "0x1", receipt
        return receipt

    async def deploy(self, name: str, types: str = "", *arguments: Any, as_: str = "", libraries: dict[str, str] | None = None) -> str:
        code = (await artifacts())[name]["evm"]["bytecode"]
        object_ = code["object"]
        for library, address in (libraries or {}).items():
            for spans in (found[library] for found in code["linkReferences"].values()):
                for span in spans:
                    at, end = span["start"] * 2, (span["start"] + span["length"]) * 2
                    object_ = object_[:at] + address[2:].lower() + object_[end:]
        given = encode(types.split(",") if types else [], arguments).hex()
        receipt = await self.send(None, f"0x{object_}{given}")
        self.made[as_ or name] = address = str(to_checksum_address(receipt["contractAddress"]))
        self.creations[as_ or name] = receipt["transactionHash"]
        return address

    async def made_by(self, maker: str, signature: str, target: str) -> str:
        """What a factory made, as its event tells."""
        receipt = await self.send(maker, "0x" + keccak(text=signature)[:4].hex() + target[2:].lower().rjust(64, "0"))
        return str(to_checksum_address("0x" + receipt["logs"][0]["data"][-40:]))


@asynccontextmanager
async def contract_node(folder: Path) -> AsyncIterator[Deployer]:
    """A node that mines by itself, with everything deployed."""
    child, port = chain_node(folder, folder, ChainNodeOptions(keep=False))
    await child.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            accounts = (await http.post("", json={"jsonrpc": "2.0", "id": 1, "method": "eth_accounts", "params": []})).json()["result"]
            node = Deployer(http, accounts[0])
            await _deploy(node)
            yield node
    finally:
        await child.stop()


async def _deploy(node: Deployer) -> None:
    oracle = await node.deploy("Oracle")
    await node.deploy("OracleTwo")
    await node.deploy("ERC1967Proxy", "address,bytes", oracle, BEGIN, as_="uups")
    await node.deploy("TransparentUpgradeableProxy", "address,address,bytes", oracle, node.account, BEGIN, as_="transparent")
    beacon = await node.deploy("UpgradeableBeacon", "address,address", oracle, node.account, as_="beacon")
    await node.deploy("BeaconProxy", "address,bytes", beacon, BEGIN, as_="beacon proxy")
    cloner = await node.deploy("Cloner")
    node.made["clone"] = await node.made_by(cloner, "plain(address)", oracle)
    node.made["clone with arguments"] = await node.made_by(cloner, "withArguments(address)", oracle)
    node.made["clone of a proxy"] = await node.made_by(cloner, "plain(address)", node.made["uups"])
    node.made["clone of nothing"] = await node.made_by(cloner, "plain(address)", "0x" + "ee" * 20)
    for name in ("Items", "Sets", "Liar", "Loop"):
        await node.deploy(name)
    sums = await node.deploy("Sums")
    await node.deploy("Ledger", libraries={"Sums": sums})
    await node.deploy("Vault", "address,uint256,string", OWNER, 10**60, "Nest egg")
