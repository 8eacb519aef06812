"""The networks file of an installation that has none configured: the chain node brought along, and the one of INFURA_URL."""

import json
from pathlib import Path
from typing import Any

import httpx

from crypto_project.embedded.servers import Addresses

KNOWN = {1: ("ethereum", "Ethereum"), 11155111: ("sepolia", "Sepolia"), 8453: ("base", "Base"), 42161: ("arbitrum", "Arbitrum One")}


async def write_networks_file(path: Path, addresses: Addresses, infura_url: str | None) -> Path:
    rows: list[dict[str, Any]] = []
    if addresses.rpc_url:
        local = {"slug": "local", "name": "Local chain", "chain_id": addresses.chain_id, "confirmations": 3}
        rows.append({**local, "rpc_urls": [addresses.rpc_url], "ws_url": addresses.rpc_ws_url})
    if infura_url:
        chain_id = await _chain_id(infura_url)
        slug, name = KNOWN.get(chain_id, (f"chain-{chain_id}", f"Chain {chain_id}"))
        rows.append({"slug": slug, "name": name, "chain_id": chain_id, "rpc_urls": [infura_url]})
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(rows, indent=2))
    return partial.replace(path)


async def _chain_id(rpc_url: str) -> int:
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(rpc_url, json={"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []})
    return int(answer.raise_for_status().json()["result"], 16)
