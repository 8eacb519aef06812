"""Each fault of a provider, alone and beside one that is sound: what is stored in the end is what the chain holds, no more and no less."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from eth_account.signers.local import LocalAccount

from crypto_api.adapters import providers
from crypto_api.adapters.json_rpc import JsonRpcChain
from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_api.kit.networks import Endpoint, ProviderState
from crypto_project.demo.keys import dev_account
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from crypto_project.embedded.servers import Addresses
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from tests.chaos.provider_faults import (
    BLOCK,
    LINE,
    OURS,
    PROVED_ONLY,
    SEEN_AT_ONCE,
    STRANGER,
    Outcome,
    Scene,
    first_transaction_with,
    label,
    lie,
    network_row,
    open_scene,
    swarm,
)
from tests.conftest import TEST_MASTER_KEY, TEST_SECRET_KEY
from tests.factories import fault_proxy as faults
from tests.factories.clock import StoppedTime
from tests.factories.fault_proxy import FaultProxy

SILENT = (faults.Stall, faults.Trickle)
SILENCE_S = 1.0


def timeout_s(fault: faults.Fault) -> float:
    """Short only for what never answers: with one, a busy machine makes a provider silent whose lies are to be found out."""
    return SILENCE_S if isinstance(fault, SILENT) else 30.0


@pytest.fixture(scope="module")
async def scene(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("faults")
    options = ChainNodeOptions(mining=False, keep=False)
    node, port = chain_node(folder / "node", folder, options)
    await node.start()
    url, database = f"http://127.0.0.1:{port}", f"test_{secrets.token_hex(8)}"
    (folder / "networks.json").write_bytes(orjson.dumps([network_row(url, options.chain_id)]))
    values: dict[str, Any] = {"secret_key": TEST_SECRET_KEY, "master_key": TEST_MASTER_KEY, "log_dir": folder, "networks": folder / "networks.json"}
    config = Config(_env_file=None, mongodb_uri=addresses.mongodb_uri, redis_url=addresses.redis_url, mongodb_database=database, **values)  # type: ignore[call-arg]
    client = connect(addresses.mongodb_uri)
    await deploy(client, database, DOCUMENTS)
    try:
        async with open_scene(config, url) as opened, opened.reader([Endpoint(url=url)]) as chain:
            await opened.follow(chain)
            yield opened
    finally:
        await client.drop_database(database)
        await client.close()
        await node.stop()


async def _is_right(scene: Scene) -> None:
    stored, truth = await scene.stored(), await scene.truth()
    assert truth.total() >= 4, "the chain holds nothing that could be missed"
    assert stored == truth


async def _compared(chain: JsonRpcChain) -> None:
    """Until the head of the sound provider, which is asked second, is known beside that of the other: only then is it seen that one is behind."""
    async with asyncio.timeout(60):
        while chain.providers()[1].head is None:
            await chain.block_number()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("fault", [*SEEN_AT_ONCE, *LINE], ids=label)
async def test_a_sound_provider_takes_over_from_a_bad_one(scene: Scene, fault: faults.Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause of the bad one runs out meanwhile: it stays as what it did has left it."""
    monkeypatch.setattr(providers, "time", StoppedTime())
    await scene.forget()
    async with FaultProxy(scene.node, 7).add(fault) as proxy:
        endpoints = [Endpoint(url=proxy.url, timeout_s=timeout_s(fault)), Endpoint(url=scene.node, timeout_s=30)]
        async with scene.reader(endpoints) as chain:
            await scene.happen()
            await _compared(chain)
            outcome = await scene.follow(chain)
            bad, good = chain.providers()
        await _is_right(scene)
        assert proxy.fired[fault.name], "the fault never happened"
        assert outcome.requests <= 4, outcome.waited
        assert (good.error, good.error_rate) == (None, 0)
        if not isinstance(fault, faults.Delay | faults.BatchLimit):  # these are only slow
            assert bad.error is not None
            assert bad.error_rate > 0
            assert (bad.state in (ProviderState.SET_ASIDE, ProviderState.UNREACHABLE), good.state) == (True, ProviderState.IN_USE)


@pytest.mark.parametrize(
    "fault",
    [
        *(
            each
            for each in SEEN_AT_ONCE
            if label(each) in ("null blocks", "a transaction short", "logs of another block", "null receipts", "wrong chain")
        ),
        *(each for each in LINE if isinstance(each, faults.Stall | faults.LoseReply | faults.Corrupt | faults.Truncate | faults.RepeatAnswers)),
    ],
    ids=label,
)
async def test_a_bad_provider_alone_is_waited_for_and_nothing_is_stored_meanwhile(scene: Scene, fault: faults.Fault) -> None:
    await scene.forget()
    async with FaultProxy(scene.node, 7).add(fault) as proxy:
        stood: set[int] = set()

        def heals(outcome: Outcome) -> None:
            if len(outcome.waited) == 3:
                stood.update(outcome.heights)
                proxy.heal()

        async with scene.reader([Endpoint(url=proxy.url, timeout_s=timeout_s(fault))]) as chain:
            await scene.happen()
            outcome = await scene.follow(chain, stands=heals)
            assert proxy.fired[fault.name]
            assert all(outcome.waited)
            assert len(stood) == 1, "it went on by an answer that was bad"
    await _is_right(scene)


@pytest.mark.parametrize("fault", PROVED_ONLY, ids=label)
async def test_what_cannot_be_seen_in_one_answer_is_found_by_the_roots_in_the_header(scene: Scene, fault: faults.Fault) -> None:
    await scene.forget()
    async with FaultProxy(scene.node, 7).add(fault) as proxy:
        endpoints = [Endpoint(url=proxy.url), Endpoint(url=scene.node)]
        async with scene.reader(endpoints, receipts_checked="ours") as chain:
            await scene.happen()
            await scene.follow(chain)
        assert proxy.fired[fault.name]
    await _is_right(scene)


@pytest.mark.parametrize(("sender", "recipient", "hidden"), [(OURS, STRANGER, "from"), (STRANGER, OURS, "to")], ids=["sender", "recipient"])
async def test_whoever_hides_whose_a_transaction_is_is_found_out_where_every_block_is_proved(
    scene: Scene, sender: LocalAccount, recipient: LocalAccount, hidden: str
) -> None:
    """Nothing else in the block is ours and there is no other provider: only the signature, and the root over the recipient, tell."""
    await scene.forget()
    lied = lie(BLOCK, first_transaction_with(hidden, dev_account(6).address.lower()), "another one's")
    async with FaultProxy(scene.node, 7).add(lied) as proxy:
        async with scene.reader([Endpoint(url=proxy.url, timeout_s=30)], receipts_checked="all") as chain:
            await scene.actor.send(sender, recipient.address, value=5)
            await scene.actor.mine()
            outcome = await scene.follow(chain, stands=lambda _: proxy.heal())
        assert proxy.fired[lied.name]
    assert "is not as it was told" in outcome.waited[0]
    stored = await scene.stored()
    assert stored == await scene.truth()
    assert [row[2:] for row in stored if row[2] == "ether"] == [("ether", 5)]


async def test_swarms_of_faults(scene: Scene) -> None:
    outcomes = [await swarm(scene, seed) for seed in range(3)]
    assert [outcome.problems for outcome in outcomes] == [[], [], []]
    assert sum((outcome.fired for outcome in outcomes), start=Counter()).total() > 0
    assert all(outcome.counted["movements"] > 0 for outcome in outcomes)
