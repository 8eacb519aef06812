"""The fast reader against a real node: the same answers as web3, only what is watched, and never "nothing" for "I do not know"."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from crypto_api.adapters.head_subscription import new_heads
from crypto_api.adapters.json_rpc import JsonRpcChain
from crypto_api.adapters.wire import EMPTY_BLOOM
from crypto_api.kit.ethereum import ChainUnavailable, InconsistentAnswer
from crypto_api.kit.networks import Endpoint
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.keys import dev_account
from tests.conftest import LocalChain

alice, bob, carol = dev_account(1), dev_account(2), dev_account(3)


@pytest.fixture
async def actor(chain: LocalChain) -> AsyncIterator[ChainActor]:
    actor = ChainActor(chain.rpc_url, chain.chain_id)
    yield actor
    await actor.close()


async def test_only_what_touches_a_watched_address_is_read(chain: LocalChain, actor: ChainActor) -> None:
    to_bob = await actor.send(alice, bob.address, value=7)
    await actor.send(alice, carol.address, value=8)
    block = await actor.mine()
    async with JsonRpcChain([chain.rpc_url], chain.chain_id) as reader:
        (read,) = await reader.read_blocks(block.number, block.number, {bob.address.lower()})
        receipts = await reader.read_receipts([to_bob.hash])
    assert (read.header.number, read.header.hash) == (block.number, block.hash)
    assert [(tx.hash, tx.sender, tx.recipient, tx.value) for tx in read.transactions] == [
        (to_bob.hash, alice.address.lower(), bob.address.lower(), 7)
    ]
    assert receipts[to_bob.hash].block_hash == block.hash
    assert receipts[to_bob.hash].gas_used == 21_000


async def test_a_block_that_is_not_there_ends_the_read_without_a_gap(chain: LocalChain, actor: ChainActor) -> None:
    await actor.mine_many(3)
    async with JsonRpcChain([chain.rpc_url], chain.chain_id) as reader:
        assert await reader.block_number() == 3
        assert [block.header.number for block in await reader.read_blocks(2, 9, set())] == [2, 3]
        assert await reader.header(4) is None


async def test_balances_are_those_of_that_block_and_a_vanished_block_is_not_zero(chain: LocalChain, actor: ChainActor) -> None:
    before = await actor.mine()
    await actor.send(alice, bob.address, value=5)
    after = await actor.mine()
    async with JsonRpcChain([chain.rpc_url], chain.chain_id) as reader:
        assert await reader.balance(bob.address, after.hash) - await reader.balance(bob.address, before.hash) == 5
        with pytest.raises(ChainUnavailable):
            await reader.balance(bob.address, "0x" + "11" * 32)
        assert await reader.token_balance(carol.address, bob.address, after.hash) == 0  # no contract there


async def test_a_node_of_another_chain_is_refused(chain: LocalChain) -> None:
    async with JsonRpcChain([chain.rpc_url], 1) as reader:
        with pytest.raises(ChainUnavailable, match="chain 31337, not 1"):
            await reader.block_number()


async def test_the_next_endpoint_answers_when_the_first_does_not(chain: LocalChain) -> None:
    async with JsonRpcChain(["http://127.0.0.1:1", chain.rpc_url], chain.chain_id) as reader:
        assert await reader.block_number() == 0
    async with JsonRpcChain(["http://127.0.0.1:1"], chain.chain_id) as reader:
        with pytest.raises(ChainUnavailable):
            await reader.block_number()


async def test_heads_arrive_and_the_end_of_the_line_is_told(chain: LocalChain, actor: ChainActor) -> None:
    heads = new_heads(chain.ws_url)
    first = asyncio.ensure_future(anext(heads))
    while not first.done():  # the subscription takes a moment: mine until it has heard of one
        await actor.mine()
        await asyncio.wait({first}, timeout=0.1)
    assert first.result() >= 1
    await heads.aclose()
    with pytest.raises(ChainUnavailable):
        await anext(new_heads("ws://127.0.0.1:1"))


@pytest.fixture
async def lying_node(request: pytest.FixtureRequest, unused_tcp_port: int) -> AsyncIterator[str]:
    """A node whose answers a test decides, by method."""
    answers: dict[str, object] = request.param

    async def handle(http_request: web.Request) -> web.Response:
        calls = json.loads(await http_request.read())
        rows = [{"jsonrpc": "2.0", "id": call["id"], "result": answers.get(call["method"], "0x1")} for call in calls]
        return web.Response(body=json.dumps(rows[: answers.get("rows", 99)]), content_type="application/json")

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    yield f"http://127.0.0.1:{unused_tcp_port}/"
    await runner.cleanup()


_BLOCK = {"number": "0x7", "hash": "0xaa", "parentHash": "0xbb", "timestamp": "0x1", "logsBloom": "0x1", "transactions": []}
_FOREIGN_LOG = {"address": "0x1", "topics": [], "data": "0x", "blockHash": "0xcc", "transactionHash": "0xdd", "logIndex": "0x0"}


@pytest.mark.parametrize(
    "lying_node",
    [
        {"eth_getBlockByNumber": {**_BLOCK, "number": "0x8"}},  # another block than asked for
        {"eth_getBlockByNumber": _BLOCK, "eth_getLogs": [_FOREIGN_LOG]},  # logs of another block
    ],
    indirect=True,
)
async def test_answers_that_do_not_fit_are_not_used(lying_node: str) -> None:
    async with JsonRpcChain([lying_node], 1) as reader:
        with pytest.raises(InconsistentAnswer):
            await reader.read_blocks(7, 7, set())


_EMPTY = {**_BLOCK, "hash": f"0x{7:064x}", "parentHash": f"0x{6:064x}", "logsBloom": EMPTY_BLOOM}


@pytest.mark.parametrize("lying_node", [{"eth_getBlockByNumber": {**_EMPTY, "transactionsRoot": "0x" + "ab" * 32}}], indirect=True)
async def test_a_block_whose_only_transaction_is_left_out_is_not_believed(lying_node: str) -> None:
    """By its places no transaction is missing in a list that is empty; its header tells. Not where a network's headers are of another kind."""
    async with JsonRpcChain([lying_node], 1, receipts_checked="ours") as reader:
        with pytest.raises(InconsistentAnswer, match="without its transactions"):
            await reader.read_blocks(7, 7, set())
    async with JsonRpcChain([lying_node], 1) as reader:
        assert [block.header.number for block in await reader.read_blocks(7, 7, set())] == [7]


@pytest.mark.parametrize("lying_node", [{"eth_getBlockByNumber": {"number": 3}}, {"eth_getBlockByNumber": "soon"}, {"rows": 0}], indirect=True)
async def test_malformed_answers_mean_unavailable(lying_node: str) -> None:
    async with JsonRpcChain([lying_node], 1) as reader:
        with pytest.raises(ChainUnavailable):
            await reader.header(3)


async def test_logs_are_asked_for_by_the_hash_of_their_block(unused_tcp_port: int) -> None:
    """A node that has not got the block says so then; asked by numbers it would answer that there are none."""
    asked: list[dict[str, Any]] = []

    async def handle(http_request: web.Request) -> web.Response:
        calls = json.loads(await http_request.read())
        rows = [{"jsonrpc": "2.0", "id": call["id"], **answer(call)} for call in (calls if isinstance(calls, list) else [calls])]
        return web.Response(body=json.dumps(rows if isinstance(calls, list) else rows[0]), content_type="application/json")

    def answer(call: dict[str, Any]) -> dict[str, Any]:
        if call["method"] != "eth_getLogs":
            return {"result": _BLOCK if call["method"] == "eth_getBlockByNumber" else "0x1"}
        asked.append(call["params"][0])
        return {"error": {"code": -32000, "message": "unknown block"}} if "blockHash" in call["params"][0] else {"result": []}

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
        async with JsonRpcChain([f"http://127.0.0.1:{unused_tcp_port}/"], 1) as reader:
            with pytest.raises(ChainUnavailable):
                await reader.read_blocks(7, 7, set())
    finally:
        await runner.cleanup()
    assert asked and all(row["blockHash"] == _BLOCK["hash"] and not row.keys() & {"fromBlock", "toBlock"} for row in asked)


@dataclass
class Script:
    """A node of twelve empty blocks: those that it does not have, and that at which it breaks."""

    missing: frozenset[int] = frozenset()
    breaks_at: int | None = None
    asked: list[list[int]] = field(default_factory=list)  # batches of numbers

    def answer(self, call: dict[str, Any]) -> object:
        if call["method"] != "eth_getBlockByNumber":
            return "0x1"
        number = int(call["params"][0], 16)
        if number in self.missing or number > 12:
            return None
        return {**_BLOCK, "number": hex(number), "hash": f"0x{number:064x}", "parentHash": f"0x{number - 1:064x}", "logsBloom": EMPTY_BLOOM}


@pytest.fixture
async def scripted(unused_tcp_port: int) -> AsyncIterator[tuple[Script, JsonRpcChain]]:
    script = Script()

    async def handle(http_request: web.Request) -> web.Response:
        calls = json.loads(await http_request.read())
        if numbers := [int(call["params"][0], 16) for call in calls if call["method"] == "eth_getBlockByNumber"]:
            script.asked.append(numbers)
            if script.breaks_at in numbers:
                return web.Response(status=500)
        rows = [{"jsonrpc": "2.0", "id": call["id"], "result": script.answer(call)} for call in calls]
        return web.Response(body=json.dumps(rows), content_type="application/json")

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    async with JsonRpcChain([Endpoint(url=f"http://127.0.0.1:{unused_tcp_port}/", batch_max=3)], 1) as reader:
        yield script, reader
    await runner.cleanup()


async def test_many_blocks_are_read_in_batches_and_told_in_order(scripted: tuple[Script, JsonRpcChain]) -> None:
    script, reader = scripted
    assert [block.header.number for block in await reader.read_blocks(2, 20, set())] == list(range(2, 13))
    assert all(len(numbers) <= 3 for numbers in script.asked)
    assert max(max(numbers) for numbers in script.asked) < 20, "it went on asking behind the end"


async def test_what_lies_behind_a_block_that_is_not_there_is_not_told(scripted: tuple[Script, JsonRpcChain]) -> None:
    """Wherever in its batch of three it is missing."""
    script, reader = scripted
    for missing in (4, 5, 6):
        script.missing = frozenset({missing})
        assert [block.header.number for block in await reader.read_blocks(1, 12, set())] == list(range(1, missing))


async def _read_when_it_is_asked_again(reader: JsonRpcChain) -> list[Any]:
    """A node that failed rests for a moment, unless it answered another batch meanwhile."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(ChainUnavailable):
                return list(await reader.read_blocks(1, 3, set()))
            await asyncio.sleep(0.05)


async def test_a_batch_that_fails_ends_the_others(scripted: tuple[Script, JsonRpcChain]) -> None:
    script, reader = scripted
    script.breaks_at = 2
    with pytest.raises(ChainUnavailable):
        await reader.read_blocks(1, 300, set())
    so_far = len(script.asked)
    script.breaks_at = None
    assert len(await _read_when_it_is_asked_again(reader)) == 3
    assert len(script.asked) == so_far + 1, "somebody went on asking for what nobody waits for"
