"""Rows of the networks file: the short form, several providers with limits of their own, presets."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from crypto_api.kit.network_presets import PRESETS, preset_of_chain
from crypto_api.kit.networks import NetworkConfig, host_of

ROW: dict[str, Any] = {"slug": "local", "name": "Local", "chain_id": 31337}


def test_the_short_form_stays() -> None:
    network = NetworkConfig.model_validate({**ROW, "rpc_urls": ["http://one:8545", "https://two/key"], "ws_url": "ws://one:8546"})
    assert [(each.url, each.batch_max, each.requests_per_second) for each in network.endpoints()] == [
        ("http://one:8545", 20, None),
        ("https://two/key", 20, None),
    ]
    assert network.ws_urls() == ["ws://one:8546"]


def test_providers_are_preferred_by_priority_then_as_listed() -> None:
    providers = [
        {"url": "https://dear/k", "priority": 2},
        {"url": "https://cheap/k", "ws_url": "wss://cheap/k", "requests_per_second": 5, "batch_max": 1},
        {"url": "https://own", "ws_url": "wss://own", "priority": -1},
    ]
    network = NetworkConfig.model_validate({**ROW, "rpc_urls": ["https://short"], "providers": providers, "ws_url": "wss://first"})
    assert [each.host for each in network.endpoints()] == ["own", "short", "cheap", "dear"]
    assert network.ws_urls() == ["wss://first", "wss://own", "wss://cheap/k"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_needs_nothing_but_providers_and_what_the_row_says_goes_first(name: str) -> None:
    plain = NetworkConfig.model_validate({"preset": name, "rpc_urls": ["https://node/key"]})
    assert (plain.slug, plain.chain_id) == (name, PRESETS[name]["chain_id"])
    assert plain.confirmations <= plain.reorg_depth_max
    changed = NetworkConfig.model_validate({"preset": name, "rpc_urls": ["https://node/key"], "slug": "treasury", "confirmations": 2, "tokens": []})
    assert (changed.slug, changed.confirmations, changed.tokens) == ("treasury", 2, [])


def test_two_providers_must_agree_where_two_are_named_unless_the_row_says_otherwise() -> None:
    def agreement(**row: Any) -> tuple[int, Any]:
        network = NetworkConfig.model_validate({**ROW, "credits_agreed_above": {"ETH": "2.5"}, **row})
        return network.agreement, (network.credit_limit("ETH"), network.credit_limit("USDC"))

    waits = (Decimal("2.5"), Decimal(0))  # what is not named waits however small it is
    assert agreement(rpc_urls=["https://one"]) == (1, (None, None))
    assert agreement(rpc_urls=["https://one", "https://two/k"]) == (2, waits)
    assert agreement(rpc_urls=["https://one/a", "https://one/b"]) == (1, (None, None)), "two addresses of one provider"
    assert agreement(rpc_urls=["https://one", "https://two", "https://three"]) == (2, waits)
    assert agreement(rpc_urls=["https://one", "https://two"], agreement=1) == (1, (None, None))


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "local"])
def test_a_preset_says_which_credits_are_large_and_whether_its_blocks_can_be_proved(name: str) -> None:
    network = NetworkConfig.model_validate({"preset": name, "rpc_urls": ["https://one", "https://two"]})
    assert set(network.credits_agreed_above) == {network.native_asset, *(token.symbol for token in network.listed())}
    assert all(limit > 0 for limit in network.credits_agreed_above.values())
    assert network.receipts_checked == ("none" if name in ("polygon", "arbitrum") else "ours")
    assert (network.agreement, network.finality) == (2, "tag")


def test_a_network_is_known_by_its_chain_id() -> None:
    assert preset_of_chain(8453) == "base"
    assert preset_of_chain(31337) is None  # anybody's


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (ROW, "at least one provider"),
        ({"preset": "etherium", "rpc_urls": ["https://node"]}, "'etherium' is not known; known are ethereum"),
        ({**ROW, "rpc_urls": ["https://node"], "agreement": 2}, "2 providers cannot agree where 1 are named"),
        ({**ROW, "rpc_urls": ["https://node/a", "https://node/b"], "agreement": 2}, "2 providers cannot agree where 1 are named"),
        ({**ROW, "rpc_urls": ["https://node"], "credits_agreed_above": {"ETH": "-1"}}, "greater than or equal to 0"),
        ({**ROW, "rpc_urls": ["node:8545"]}, "must begin with http://"),
        ({**ROW, "rpc_urls": ["https://node"], "ws_url": "https://node"}, "must begin with ws://"),
        ({**ROW, "providers": [{"url": "https://node", "requests_per_second": 0}]}, "greater than 0"),
        ({**ROW, "providers": [{"url": "https://node", "burst": 3}]}, "Extra inputs"),
    ],
)
def test_what_is_wrong_is_said(row: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        NetworkConfig.model_validate(row)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://mainnet.infura.io/v3/key", "mainnet.infura.io"),
        ("https://user:key@node.example/", "node.example"),
        ("http://10.0.0.7:8545", "10.0.0.7:8545"),
    ],
)
def test_a_host_tells_no_key(url: str, host: str) -> None:
    assert host_of(url) == host
