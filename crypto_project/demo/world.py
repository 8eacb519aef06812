"""The sample organisation on its own chain, made through the product's services. Building it again finds what is there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config
from crypto_project.demo import cast
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.compile import compile_contracts
from crypto_project.demo.deploy import DemoContracts, deploy_contracts
from crypto_project.demo.moves import ChainMoves
from crypto_project.demo.payroll import deploy_batch_contract
from crypto_project.demo.plays import Plays
from crypto_project.demo.seed import seed_organization
from crypto_project.embedded.servers import Addresses

NETWORK = "local"
CONFIRMATIONS = 8  # more than the deepest reorganisation of the demo
FEED_AGE_MAX_S = 7 * 86_400


@dataclass(slots=True)
class DemoWorld:
    org_id: str
    network: str
    networks_file: Path
    contracts: DemoContracts
    admin: dict[str, str] = field(repr=False)
    logins: list[tuple[str, str, str]] = field(repr=False)
    """(role, e-mail, password) of each person."""


async def build(addresses: Addresses, data_dir: Path, env: Mapping[str, str]) -> DemoWorld:
    contracts = await _prepare_chain(addresses)
    networks_file = _write_networks_file(data_dir / "networks.json", addresses, contracts)
    async with open_runtime(_config(env, networks_file)) as runtime:
        org_id = await seed_organization(runtime, NETWORK)
    people = (cast.FOUNDER, *cast.STAFF)
    return DemoWorld(
        org_id=org_id,
        network=NETWORK,
        networks_file=networks_file,
        contracts=contracts,
        admin={"email": cast.FOUNDER.email, "password": cast.FOUNDER.password},
        logins=[(person.role.value, person.email, person.password) for person in people],
    )


async def _prepare_chain(addresses: Addresses) -> DemoContracts:
    actor = ChainActor(addresses.rpc_url, addresses.chain_id)
    try:
        contracts = await deploy_contracts(actor, await compile_contracts())
        plays = Plays(ChainMoves(actor, contracts), Random())
        await plays.fund_outsiders()
        await plays.repeat_prices()
        await deploy_batch_contract(actor)
        await actor.mine()
        return contracts
    finally:
        await actor.close()


def _write_networks_file(path: Path, addresses: Addresses, contracts: DemoContracts) -> Path:
    network: dict[str, Any] = {
        "slug": NETWORK,
        "name": "Demo chain",
        "chain_id": addresses.chain_id,
        "native_asset": "ETH",
        "rpc_urls": [addresses.rpc_url],
        "ws_url": addresses.rpc_ws_url,
        "confirmations": CONFIRMATIONS,
        "wrapped_native": {"symbol": "WETH", "address": contracts.weth, "decimals": 18, "name": "Wrapped Ether"},
        "tokens": [
            {"symbol": "USDC", "address": contracts.usdc, "decimals": 6, "name": "USD Coin"},
            {"symbol": "DAI", "address": contracts.dai, "decimals": 18, "name": "Dai Stablecoin"},
        ],
        "price_feeds": [
            {"asset": asset, "address": feed, "age_max_s": FEED_AGE_MAX_S}
            for asset, feed in (
                ("ETH", contracts.eth_usd),
                ("WETH", contracts.eth_usd),
                ("USDC", contracts.usdc_usd),
                ("DAI", contracts.dai_usd),
            )
        ],
    }
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps([network], indent=2) + "\n")
    return partial.replace(path)


def _config(env: Mapping[str, str], networks_file: Path) -> Config:
    """The settings as the processes will see them."""
    known = {name.lower(): value for name, value in env.items() if name.lower() in Config.model_fields}
    return Config(_env_file=None, **(known | {"networks": networks_file}))  # type: ignore[arg-type]
