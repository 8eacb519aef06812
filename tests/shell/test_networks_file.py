"""What an installation follows that has no networks file, and what `check` says of providers: never an access key."""

import json
from pathlib import Path

import pytest

from crypto_api.kit.networks import NetworkConfig
from crypto_project.embedded.servers import Addresses
from crypto_project.management.commands.check import _network
from crypto_project.networks_file import write_networks_file
from tests.conftest import LocalChain
from tests.factories import fault_proxy as faults
from tests.factories.fault_proxy import FaultProxy

KEY = "9f8e7d6c5b4a"


def embedded(chain: LocalChain) -> Addresses:
    return Addresses(mongodb_uri="", redis_url="", rpc_url=chain.rpc_url, rpc_ws_url=chain.ws_url, chain_id=chain.chain_id)


async def test_the_node_brought_along_and_a_public_network_by_its_chain_id(chain: LocalChain, tmp_path: Path) -> None:
    async with FaultProxy(chain.rpc_url).add(faults.Rewrite("eth_chainId", lambda *_: "0x2105")) as base:
        path = await write_networks_file(tmp_path / "networks.json", embedded(chain), f"{base.url}/v3/{KEY}")
    local, public = [NetworkConfig.model_validate(row) for row in json.loads(path.read_text())]
    assert (local.slug, local.chain_id, local.endpoints()[0].url, local.ws_urls()) == ("local", chain.chain_id, chain.rpc_url, [chain.ws_url])
    assert (public.slug, public.name, [token.symbol for token in public.tokens]) == ("base", "Base", ["USDC", "EURC", "DAI"])
    async with FaultProxy(chain.rpc_url).add(faults.Status(401)) as closed:
        with pytest.raises(ValueError, match="answered 401") as refusal:
            await write_networks_file(tmp_path / "networks.json", embedded(chain), f"{closed.url}/v3/{KEY}")
    assert KEY not in str(refusal.value)


async def test_check_names_each_provider_that_is_not_in_order(chain: LocalChain) -> None:
    async with FaultProxy(chain.rpc_url).add(faults.Status(401)) as closed:
        row = {"preset": "local", "chain_id": chain.chain_id, "providers": [{"url": chain.rpc_url}, {"url": f"{closed.url}/v3/{KEY}"}]}
        network = NetworkConfig.model_validate(row)
        with pytest.raises(ValueError, match=r"^127\.0\.0\.1:\d+: .* answered 401$") as refusal:
            await _network(network)
    assert KEY not in str(refusal.value)
    assert network.endpoints()[0].host not in str(refusal.value)
