"""Contracts for the tests of the registry: compiled once, deployed on a node of their own through its unlocked accounts."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from eth_abi.abi import encode

from crypto_project.demo.compile import _run_compiler, _write_atomically
from crypto_project.npm import ROOT

SOURCES = Path(__file__).parents[1] / "contracts" / "sources"
VAULT_SOURCE = (SOURCES / "Vault.sol").read_text()
COMPILER = "0.8.37"
SETTINGS: dict[str, Any] = {"optimizer": {"enabled": True, "runs": 200}, "evmVersion": "cancun"}
GAS = 5_000_000
PARTS = ("object", "linkReferences")
ARTIFACTS = ["abi", *(f"evm.bytecode.{part}" for part in PARTS), *(f"evm.deployedBytecode.{part}" for part in (*PARTS, "immutableReferences"))]


@cache
def sources() -> dict[str, Any]:
    return {"Registry.sol": {"content": (SOURCES / "Registry.sol").read_text()}, "Contract.sol": {"content": VAULT_SOURCE}}


_compiled: dict[str, Any] = {}


async def artifacts() -> dict[str, Any]:
    """Contract → {abi, evm}; of every contract, also those imported. Kept by content: the compiler takes seconds."""
    if not _compiled:
        settings = {**SETTINGS, "outputSelection": {"*": {"*": ARTIFACTS}}}
        asked = json.dumps({"language": "Solidity", "sources": sources(), "settings": settings}, sort_keys=True)
        kept = ROOT / ".data" / "contracts" / f"registry-{hashlib.sha256(f'{COMPILER}{asked}'.encode()).hexdigest()}.json"
        if not kept.exists():
            output = await _run_compiler(asked, ROOT)
            assert [row for row in output.get("errors", []) if row["severity"] == "error"] == []
            _write_atomically(kept, json.dumps(output["contracts"]))
        _compiled.update({name: made for contracts in json.loads(kept.read_text()).values() for name, made in contracts.items()})
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
        receipt: dict[str, Any] = await self.rpc("eth_getTransactionReceipt", hash_)
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
        self.made[as_ or name] = address = checksummed(receipt["contractAddress"])
        self.creations[as_ or name] = receipt["transactionHash"]
        return address


def checksummed(address: str) -> str:
    from eth_utils.address import to_checksum_address

    return str(to_checksum_address(address))
