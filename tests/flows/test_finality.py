"""seen → safe → final, as the follower goes it on a real node: by depth, by the network's own tags, and only with as many providers as must agree."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import ChainCursor, FollowState
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Status
from crypto_project.demo.chain import SentTransaction
from crypto_project.demo.keys import dev_account
from tests.conftest import ConfigMaker, LocalChain
from tests.factories import fault_proxy as faults
from tests.factories.fault_proxy import FaultProxy
from tests.factories.following import Desk, open_desk
from workers import chains
from workers.chains import Follower

SAFE, FINAL = 32, 64
"""How far behind its head the node calls blocks so: one epoch of 32 slots, and two."""
treasury, client = dev_account(1), dev_account(3)


class Following:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.follower = Follower(desk.runtime, desk.network)

    async def mine(self, blocks: int = 1) -> ChainCursor:
        if blocks:
            await self.desk.actor.mine_many(blocks)
        await self.follower._until_caught_up(self.desk.watched)
        return await self.cursor()

    async def cursor(self) -> ChainCursor:
        cursor = await chain_store.cursor(self.desk.network.slug)
        assert cursor is not None
        return cursor

    async def receive(self) -> SentTransaction:
        sent = await self.desk.actor.send(client, treasury.address, value=7)
        await self.mine()
        return sent

    async def status(self, sent: SentTransaction) -> Status:
        (row,) = await Transaction.find({"org_id": self.desk.org_id, "hash": sent.hash}).to_list()
        return row.status


@asynccontextmanager
async def following(make_config: ConfigMaker, chain: LocalChain, *proxies: FaultProxy, **network: object) -> AsyncIterator[Following]:
    providers = [{"url": proxy.url, "timeout_s": 30} for proxy in proxies]
    row = {"rpc_urls": [], "providers": providers, "credits_agreed_above": {"ETH": "1000"}, **network}
    async with open_desk(make_config, chain.rpc_url, chain.chain_id, **row) as desk:
        await desk.add(treasury.address, "Treasury")
        made = Following(desk)
        await made.mine()
        yield made


@pytest.fixture
async def first(chain: LocalChain) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(chain.rpc_url) as proxy:
        yield proxy


@pytest.fixture
async def second(chain: LocalChain) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(chain.rpc_url) as proxy:
        yield proxy


async def test_the_networks_own_tag_confirms_and_depth_does_not(chain: LocalChain, make_config: ConfigMaker, first: FaultProxy) -> None:
    async with following(make_config, chain, first, finality="tag") as made:
        await made.mine(FINAL)  # so that blocks are called final at all
        sent = await made.receive()
        block = (await made.cursor()).height
        cursor = await made.mine(FINAL - 1)
        assert (cursor.safe, cursor.told_final) == (cursor.height - SAFE, block - 1)
        assert await made.status(sent) is Status.PENDING, "63 blocks are deeper than the 3 that depth would take"
        cursor = await made.mine()
        assert (cursor.told_final, cursor.confirmed) == (block, block)
        assert await made.status(sent) is Status.CONFIRMED


async def test_depth_decides_where_the_node_knows_no_tag(chain: LocalChain, make_config: ConfigMaker, first: FaultProxy) -> None:
    first.add(faults.Withhold("finalized")).add(faults.Withhold("safe"))
    async with following(make_config, chain, first, finality="tag") as made:
        sent = await made.receive()
        await made.mine(2)
        assert await made.status(sent) is Status.PENDING
        cursor = await made.mine()
        assert await made.status(sent) is Status.CONFIRMED
        assert (cursor.safe, cursor.told_final, cursor.reason) == (None, None, None)


async def test_depth_does_not_take_over_from_a_tag_that_is_told_no_more(chain: LocalChain, make_config: ConfigMaker, first: FaultProxy) -> None:
    async with following(make_config, chain, first, finality="tag") as made:
        final = (await made.mine(FINAL)).told_final
        sent = await made.receive()
        first.add(faults.Withhold("finalized"))
        cursor = await made.mine(FINAL)
        assert (cursor.state, cursor.reason) == (
            FollowState.FOLLOWING,
            f"Nothing is confirmed for now: no block is called final any more, and block {(final or 0) + 1} was",
        )
        assert await made.status(sent) is Status.PENDING
        first.heal()
        assert (await made.mine(0)).reason is None
        assert await made.status(sent) is Status.CONFIRMED


async def test_a_tag_that_goes_back_confirms_nothing_and_takes_nothing_back(chain: LocalChain, make_config: ConfigMaker, first: FaultProxy) -> None:
    async with following(make_config, chain, first, finality="tag") as made:
        sent = await made.receive()
        cursor = await made.mine(FINAL)
        assert await made.status(sent) is Status.CONFIRMED
        earlier = await made.desk.actor.rpc("eth_getBlockByNumber", "0x3", False)
        first.add(faults.Rewrite("eth_getBlockByNumber", lambda call, told: earlier if call["params"][0] == "finalized" else told))
        later = await made.mine(5)
        assert later.reason == f"Nothing is confirmed for now: what it calls final went back from {cursor.told_final} to 3"
        assert (later.height, later.confirmed, later.told_final) == (cursor.height + 5, cursor.confirmed, cursor.told_final)
        assert await made.status(sent) is Status.CONFIRMED


async def test_final_is_what_both_call_so(chain: LocalChain, make_config: ConfigMaker, first: FaultProxy, second: FaultProxy) -> None:
    async with following(make_config, chain, first, second, finality="tag") as made:
        assert made.desk.network.agreement == 2
        sent = await made.receive()
        head = {"block": await made.desk.actor.rpc("eth_getBlockByNumber", "latest", False)}
        first.add(faults.Rewrite("eth_getBlockByNumber", lambda call, told: head["block"] if call["params"][0] == "finalized" else told))
        await made.mine(5)
        assert await made.status(sent) is Status.PENDING, "one alone calls it final"
        first.heal()
        await made.mine(FINAL)
        assert await made.status(sent) is Status.CONFIRMED


async def test_what_the_network_calls_final_late_is_still_held_then(
    chain: LocalChain, make_config: ConfigMaker, first: FaultProxy, second: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A roll-up calls blocks final thousands of blocks later: more than are kept for a reorganisation."""
    monkeypatch.setattr(chain_store, "BLOCKS_KEPT", 10)
    monkeypatch.setattr(chains, "_BLOCKS_FORGOTTEN_EVERY", 1)
    async with following(make_config, chain, first, second, finality="tag") as made:
        await made.mine(FINAL)
        sent = await made.receive()
        for _ in range(8):
            cursor = await made.mine(8)
        assert (cursor.reason, await made.status(sent)) == (None, Status.CONFIRMED)
        held = [block.number for block in await chain_store.canonical_blocks("local", 0)]
        assert held == list(range(cursor.height, cursor.confirmed - 9, -1)), "and no longer than that"
        await chain_store.forget_blocks_below("local", cursor.height)
        final = cursor.height - FINAL + 1
        why = f"Nothing is confirmed for now: block {final}, which the network calls final, is not held here any more"
        assert (await made.mine()).reason == why


def _other_hash(_: Any, block: Any) -> Any:
    return block and {**block, "hash": "0x" + "ab" * 32}


@pytest.mark.parametrize(
    ("fault", "words"),
    [(faults.Reset(), ""), (faults.Rewrite("eth_getBlockByNumber", _other_hash), "; {host} named another")],
    ids=["silent", "contradicts"],
)
async def test_one_of_two_confirms_nothing_and_following_goes_on(
    chain: LocalChain, make_config: ConfigMaker, first: FaultProxy, second: FaultProxy, fault: faults.Fault, words: str
) -> None:
    async with following(make_config, chain, first, second) as made:
        sent = await made.receive()
        second.add(fault)
        cursor = await made.mine(5)
        why = f"1 of the 2 providers that must agree named block {cursor.height - 3} as it is held here"
        host = second.url.removeprefix("http://")
        assert (cursor.state, cursor.reason) == (FollowState.FOLLOWING, f"Nothing is confirmed for now: {why}{words.format(host=host)}")
        assert cursor.height == cursor.head
        assert await made.status(sent) is Status.PENDING
        second.heal()
        async with asyncio.timeout(60):
            while (await made.mine(0)).reason is not None:  # its pause is not over
                await asyncio.sleep(0.05)
        assert await made.status(sent) is Status.CONFIRMED
