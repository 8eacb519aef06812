"""Several providers of one network on a real node: who is asked, what goes out exactly once, who is set aside and comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from crypto_api.adapters import provider_health, providers
from crypto_api.adapters.head_subscription import HeadSubscription
from crypto_api.adapters.json_rpc import JsonRpcChain
from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.kit.ethereum import CallRefused, ChainUnavailable, InconsistentAnswer
from crypto_api.kit.networks import Endpoint, ProviderState
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.keys import dev_account
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from tests.conftest import LocalChain
from tests.factories import fault_proxy as faults
from tests.factories.clock import StoppedTime
from tests.factories.fault_proxy import FaultProxy, TcpProxy

CHAIN_ID = ChainNodeOptions().chain_id


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalChain]:
    folder = tmp_path_factory.mktemp("node")
    child, port = chain_node(folder / "data", folder, ChainNodeOptions(mining=False, keep=False))
    await child.start()
    yield LocalChain(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}", CHAIN_ID)
    await child.stop()


@pytest.fixture(scope="module")
async def actor(node: LocalChain) -> AsyncIterator[ChainActor]:
    actor = ChainActor(node.rpc_url, CHAIN_ID)
    await actor.mine_many(40)
    yield actor
    await actor.close()


@pytest.fixture
async def pair(node: LocalChain, actor: ChainActor) -> AsyncIterator[tuple[FaultProxy, FaultProxy]]:
    async with FaultProxy(node.rpc_url) as first, FaultProxy(node.rpc_url) as second:
        yield first, second


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test can wait for."""
    for name in ("FAILURE_PAUSE_S", "LIE_PAUSE_S", "ASIDE_PAUSE_S"):
        monkeypatch.setattr(provider_health, name, 0.05)
    monkeypatch.setattr(providers, "_PROBE_EVERY_S", 0.05)
    monkeypatch.setattr(providers, "_LOOK_EVERY_S", 0.01)


def reader(*endpoints: FaultProxy | Endpoint, agreement: int = 1) -> JsonRpcChain:
    named = [each if isinstance(each, Endpoint) else Endpoint(url=each.url, timeout_s=30) for each in endpoints]
    return JsonRpcChain(named, CHAIN_ID, agreement=agreement, lag_blocks_max=5)


async def until(condition: Callable[[], bool], chain: JsonRpcChain) -> None:
    """Asks on, as a follower does, until it holds."""
    async with asyncio.timeout(60):
        while not condition():
            await chain.block_number()
            await asyncio.sleep(0.02)


# ---- exactly once ----------------------------------------------------------------------------------------------------------------


async def test_what_has_an_effect_goes_out_once_though_its_reply_is_lost(pair: tuple[FaultProxy, FaultProxy], actor: ChainActor) -> None:
    first, second = pair
    first.add(faults.LoseReply(), methods={"evm_mine"})
    before = int(await actor.rpc("eth_blockNumber"), 16)
    async with reader(first, second) as chain:
        with pytest.raises(ChainUnavailable) as refusal:
            await chain.call_once("evm_mine", [])
    assert not isinstance(refusal.value, CallRefused), "nobody knows what became of it"
    assert int(await actor.rpc("eth_blockNumber"), 16) == before + 1
    assert (first.asked["evm_mine"], second.asked["evm_mine"]) == (1, 0)


async def test_signed_bytes_go_out_once_and_again_only_when_somebody_asks(pair: tuple[FaultProxy, FaultProxy], actor: ChainActor) -> None:
    """web3's own provider repeats this call after a broken connection, and asks nobody."""
    first, second = pair
    first.add(faults.LoseReply(), methods={"eth_sendRawTransaction"}, times=1)
    sender, nonce = dev_account(6), int(await actor.rpc("eth_getTransactionCount", dev_account(6).address, "latest"), 16)
    fees = {"maxFeePerGas": 40 * 10**9, "maxPriorityFeePerGas": 10**9}
    signed = sender.sign_transaction({"chainId": CHAIN_ID, "nonce": nonce, "to": dev_account(7).address, "value": 5, "gas": 21_000, **fees})
    raw, before = signed.raw_transaction.to_0x_hex(), int(await actor.rpc("eth_getBalance", dev_account(7).address, "latest"), 16)
    async with reader(first, second) as chain:
        node = PaymentNode(chain)
        (handed,) = await node.send_raw([raw])
        assert handed.arrived is False, "nobody knows whether it did"
        assert (first.asked["eth_sendRawTransaction"], second.asked["eth_sendRawTransaction"]) == (1, 0)
        (handed,) = await node.send_raw([raw])
        assert handed.arrived and "already" in handed.note, "told for people to read: it decides nothing"
    await actor.mine()
    assert int(await actor.rpc("eth_getBalance", dev_account(7).address, "latest"), 16) == before + 5
    assert int(await actor.rpc("eth_getTransactionCount", sender.address, "latest"), 16) == nonce + 1


async def test_a_refusal_is_told_as_the_node_told_it_and_nobody_else_is_asked(pair: tuple[FaultProxy, FaultProxy]) -> None:
    first, second = pair
    first.add(faults.Refuse(-32000, "nonce too low"), methods={"eth_sendRawTransaction"})
    async with reader(first, second) as chain:
        with pytest.raises(CallRefused) as refusal:
            await chain.call_once("eth_sendRawTransaction", ["0x00"])
    assert (refusal.value.rpc_code, refusal.value.rpc_message) == (-32000, "nonce too low")
    assert second.asked["eth_sendRawTransaction"] == 0


async def test_nothing_is_sent_to_a_node_of_another_chain(pair: tuple[FaultProxy, FaultProxy]) -> None:
    first, second = pair
    first.add(faults.Rewrite("eth_chainId", lambda *_: "0x1"))
    async with reader(first, second) as chain:
        await chain.call_once("evm_mine", [])
    assert (first.asked["evm_mine"], second.asked["evm_mine"]) == (0, 1)


async def test_no_redirect_is_followed(pair: tuple[FaultProxy, FaultProxy], unused_tcp_port: int) -> None:
    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(pair[0].url)

    async with AsyncExitStack() as stack:
        app = web.Application()
        app.router.add_post("/", elsewhere)
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
        async with reader(Endpoint(url=f"http://127.0.0.1:{unused_tcp_port}/")) as chain:
            with pytest.raises(ChainUnavailable, match="answered 307"):
                await chain.call_once("evm_mine", [])
    assert pair[0].requests == 0


# ---- who is asked ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> StoppedTime:
    """No pause ends and nobody is looked after until the test says so."""
    stopped = StoppedTime()
    monkeypatch.setattr(providers, "time", stopped)
    return stopped


async def test_the_preferred_one_is_asked_again_when_it_is_back(pair: tuple[FaultProxy, FaultProxy], time: StoppedTime) -> None:
    first, second = pair
    first.add(faults.Reset())
    async with reader(first, second) as chain:
        assert await chain.block_number() > 0
        assert [row.state for row in chain.providers()] == [ProviderState.UNREACHABLE, ProviderState.IN_USE]
        await until(lambda: not chain._pool._background, chain)
        asked = first.requests
        for _ in range(3):
            await chain.headers(1, 3)
        assert first.requests == asked, "who is away is not asked while its pause lasts"
        first.heal()
        time.forward(provider_health.FAILURE_PAUSE_S_MAX)
        await until(lambda: chain.providers()[0].state is ProviderState.IN_USE, chain)
        assert [row.error for row in chain.providers()] == [None, None]
        await until(lambda: not chain._pool._background, chain)
        asked = second.asked["eth_getBlockByNumber"]
        assert len(await chain.headers(1, 3)) == 3
        assert second.asked["eth_getBlockByNumber"] == asked, "the preferred one answers"


@pytest.mark.usefixtures("quick")
async def test_one_that_lags_is_set_aside_and_taken_back(pair: tuple[FaultProxy, FaultProxy], actor: ChainActor) -> None:
    first, second = pair
    first.add(faults.Lag(9))
    async with reader(first, second) as chain:
        await until(lambda: chain.providers()[0].state is ProviderState.SET_ASIDE, chain)
        aside = chain.providers()[0]
        assert (aside.lag_blocks, aside.error) == (9, "it is 9 blocks behind")
        assert await chain.block_number() == int(await actor.rpc("eth_blockNumber"), 16)
        first.heal()
        await until(lambda: chain.providers()[0].state is ProviderState.IN_USE, chain)
        assert chain.providers()[0].error is None


@pytest.mark.usefixtures("quick")
async def test_one_whose_head_goes_back_is_set_aside(pair: tuple[FaultProxy, FaultProxy]) -> None:
    first, second = pair
    async with reader(first, second) as chain:
        height = await chain.block_number()
        await until(lambda: chain.providers()[1].head is not None, chain)
        first.add(faults.Lag(20))
        assert await chain.block_number() == height
        assert "went back" in (chain.providers()[0].error or "")


async def test_the_only_one_may_lag_and_go_back(pair: tuple[FaultProxy, FaultProxy]) -> None:
    first, _ = pair
    async with reader(first) as chain:
        height = await chain.block_number()
        first.add(faults.Lag(20))
        assert await chain.block_number() == height - 20
        assert chain.providers()[0].state is ProviderState.IN_USE


async def test_a_wait_that_is_asked_for_is_kept(pair: tuple[FaultProxy, FaultProxy]) -> None:
    first, _ = pair
    first.add(faults.Status(429, retry_after=30))
    async with reader(first) as chain:
        with pytest.raises(ChainUnavailable, match="429"):
            await chain.block_number()
        asked = first.requests
        with pytest.raises(ChainUnavailable, match="too many requests"):
            await chain.block_number()
        assert first.requests == asked
        assert chain.providers()[0].state is ProviderState.SET_ASIDE


async def test_batches_adapt_to_what_is_taken(pair: tuple[FaultProxy, FaultProxy]) -> None:
    first, _ = pair
    first.add(faults.BatchLimit(3))
    async with reader(first) as chain:
        assert [header.number for header in await chain.headers(1, 40)] == list(range(1, 41))
        assert 2 <= chain.providers()[0].batch <= 3  # halved until it was taken, and perhaps grown again to what is
        assert chain.providers()[0].error_rate < 0.01, "a smaller batch is no failure"
        refused = first.fired["BatchLimit"]
        await chain.headers(1, 40)
        assert first.fired["BatchLimit"] == refused, "the size is remembered"


async def test_one_that_takes_no_batches_at_all_is_asked_singly(pair: tuple[FaultProxy, FaultProxy]) -> None:
    first, _ = pair
    async with reader(Endpoint(url=first.url, batch_max=1)) as chain:
        assert len(await chain.headers(1, 5)) == 5
    assert first.requests == first.asked.total()


async def test_a_limit_of_requests_per_second_is_kept(pair: tuple[FaultProxy, FaultProxy]) -> None:
    first, _ = pair
    async with reader(Endpoint(url=first.url, requests_per_second=20, batch_max=5)) as chain:
        started = asyncio.get_running_loop().time()
        await chain.headers(1, 30)  # and one for the chain's id: twenty at once, eleven at twenty a second
        assert asyncio.get_running_loop().time() - started >= 11 / 20 - 0.05


async def test_the_chain_is_asked_for_at_each_connect(pair: tuple[FaultProxy, FaultProxy], time: StoppedTime) -> None:
    first, _ = pair
    async with reader(first) as chain:
        await chain.block_number()
        await chain.block_number()
        assert first.asked["eth_chainId"] == 1
        first.add(faults.Reset(), times=1)
        first.add(faults.Rewrite("eth_chainId", lambda *_: "0x5"))
        for _ in range(2):  # over the connection that was made in place of the broken one, and when it is tried again
            with pytest.raises(ChainUnavailable, match="chain 5, not 31337"):
                await chain.block_number()
            time.forward(provider_health.LIE_PAUSE_S_MAX)
        assert "chain 5, not 31337" in (chain.providers()[0].error or "")


async def test_no_error_tells_an_access_key(unused_tcp_port: int) -> None:
    key = "9f8e7d6c5b4a"
    async with reader(Endpoint(url=f"http://user:{key}@127.0.0.1:{unused_tcp_port}/v3/{key}")) as chain:
        with pytest.raises(ChainUnavailable) as refusal:
            await chain.block_number()
        (health,) = chain.providers()
    assert key not in refusal.value.detail
    assert (health.host, health.error) == (f"127.0.0.1:{unused_tcp_port}", "it accepts no connections")


# ---- agreement ---------------------------------------------------------------------------------------------------------------------


def _other(_: object, block: dict[str, object]) -> dict[str, object]:
    return {**block, "hash": "0x" + "ab" * 32}


async def test_as_many_must_name_a_block_as_are_asked_for(pair: tuple[FaultProxy, FaultProxy], node: LocalChain, actor: ChainActor) -> None:
    first, second = pair
    ours = (await actor.rpc("eth_getBlockByNumber", "0x5", False))["hash"]
    async with reader(first, second, agreement=2) as chain:
        await chain.agree(5, ours)
        first.add(faults.Rewrite("eth_getBlockByNumber", _other))
        with pytest.raises(InconsistentAnswer, match=r"1 of the 2 providers that must agree named block 5 .*named another"):
            await chain.agree(5, ours)
        assert not await chain.still_named(5, ours), "one against one"
    async with reader(first, second, Endpoint(url=node.rpc_url), agreement=2) as chain:
        await chain.agree(5, ours)
        assert chain.providers()[0].state is ProviderState.SET_ASIDE, "outvoted"
    async with reader(first, second, Endpoint(url=node.rpc_url)) as chain:
        assert await chain.still_named(5, ours)
        await chain.agree(5, "0x" + "cd" * 32)  # nothing is asked where one is enough


# ---- heads -------------------------------------------------------------------------------------------------------------------------


async def test_heads_come_from_the_next_address_when_one_is_silent(node: LocalChain, actor: ChainActor) -> None:
    host, port = node.ws_url.removeprefix("ws://").split(":")
    async with TcpProxy(host, int(port)) as good, TcpProxy(host, int(port), refusing=True) as refusing:
        urls = [f"ws://127.0.0.1:{each.address[1]}" for each in (refusing, good)]
        subscription = HeadSubscription(urls, CHAIN_ID)
        heads = subscription.heads()
        first = await _next_head(heads, actor)
        assert [row.state for row in subscription.report()] == [ProviderState.UNREACHABLE, ProviderState.IN_USE]
        good.cut()
        assert await _next_head(heads, actor) > first, "the line was made anew"
        assert subscription.report()[1].error is None
        await heads.aclose()  # type: ignore[attr-defined]


async def test_a_line_that_is_down_is_tried_again_with_pauses(node: LocalChain) -> None:
    """web3's own reconnecting makes hundreds of connections a second where a subscription is registered again."""
    host, port = node.ws_url.removeprefix("ws://").split(":")
    async with TcpProxy(host, int(port), refusing=True) as down:
        waiting = asyncio.ensure_future(anext(HeadSubscription([f"ws://127.0.0.1:{down.address[1]}"], CHAIN_ID).heads()))
        started = asyncio.get_running_loop().time()
        async with asyncio.timeout(60):
            while down.connections < 3:
                await asyncio.sleep(0.02)
        assert asyncio.get_running_loop().time() - started >= 0.25 + 0.5, "a pause after each try, twice as long each time"
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_heads_of_another_chain_are_not_listened_to(node: LocalChain) -> None:
    subscription = HeadSubscription([node.ws_url], 1)
    waiting = asyncio.ensure_future(anext(subscription.heads()))
    async with asyncio.timeout(60):
        while subscription.report()[0].error is None:
            await asyncio.sleep(0.02)
    assert subscription.report()[0].error == f"the node answers for chain {CHAIN_ID}, not 1"
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def _next_head(heads: AsyncIterator[int], actor: ChainActor) -> int:
    waiting = asyncio.ensure_future(anext(heads))
    async with asyncio.timeout(60):
        while not waiting.done():
            await actor.mine()
            await asyncio.wait({waiting}, timeout=0.05)
    return waiting.result()


# ---- receipts ----------------------------------------------------------------------------------------------------------------------


async def test_headers_and_receipts_of_a_node_prove_themselves(node: LocalChain, actor: ChainActor) -> None:
    """Legacy, access-list, fee-market, failed and creating transactions in one block."""
    alice = dev_account(1)
    nonce = int(await actor.rpc("eth_getTransactionCount", alice.address, "latest"), 16)
    base = {"chainId": CHAIN_ID, "gas": 100_000, "to": dev_account(2).address, "value": 1}
    fees = {"maxFeePerGas": 40 * 10**9, "maxPriorityFeePerGas": 10**9}
    kinds: list[dict[str, object]] = [
        {**base, "gasPrice": 40 * 10**9},
        {**base, "gasPrice": 40 * 10**9, "accessList": [{"address": dev_account(2).address, "storageKeys": []}], "type": 1},
        {**base, **fees},
        {key: value for key, value in {**base, **fees, "value": 0, "data": "0x60006000fd"}.items() if key != "to"},
    ]
    for offset, transaction in enumerate(kinds):
        signed = alice.sign_transaction({**transaction, "nonce": nonce + offset})
        await actor.rpc("eth_sendRawTransaction", signed.raw_transaction.to_0x_hex())
    block = await actor.mine()
    endpoints = [Endpoint(url=node.rpc_url)]
    async with JsonRpcChain(endpoints, CHAIN_ID, receipts_checked="all") as chain:
        (read,) = await chain.read_blocks(block.number, block.number, {alice.address.lower()})
        assert len(read.transactions) == 4
        receipts = await chain.read_receipts([tx.hash for tx in read.transactions])
    assert [receipts[tx.hash].succeeded for tx in read.transactions] == [True, True, True, False]
