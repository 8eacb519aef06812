"""The networks file of an installation that has none configured: the chain node brought along, and the one of INFURA_URL."""

import json
from pathlib import Path
from typing import Any

import httpx

from crypto_api.kit.network_presets import preset_of_chain
from crypto_project.embedded.servers import Addresses


async def write_networks_file(path: Path, addresses: Addresses, infura_url: str | None) -> Path:
    rows: list[dict[str, Any]] = []
    if addresses.rpc_url:
        provider = {"url": addresses.rpc_url, "ws_url": addresses.rpc_ws_url or None}
        rows.append({"preset": "local", "chain_id": addresses.chain_id, "providers": [provider]})
    if infura_url:
        chain_id = await _chain_id(infura_url)
        preset = preset_of_chain(chain_id)
        known: dict[str, Any] = {"preset": preset} if preset else {"slug": f"chain-{chain_id}", "name": f"Chain {chain_id}", "chain_id": chain_id}
        rows.append({**known, "providers": [{"url": infura_url}]})
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(rows, indent=2))
    return partial.replace(path)


async def _chain_id(rpc_url: str) -> int:
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(rpc_url, json={"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []})
    if answer.is_error:  # httpx would name the whole address, which holds the access key
        raise ValueError(f"the node of INFURA_URL answered {answer.status_code}")
    return int(answer.json()["result"], 16)
