"""The demo's life on the chain goes on through a node that is killed, and leaves the chain usable when it ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from crypto_project.demo import activity
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.compile import compile_contracts
from crypto_project.demo.deploy import DemoContracts, deploy_contracts
from crypto_project.demo.keys import dev_account
from crypto_project.demo.moves import ChainMoves
from crypto_project.demo.plays import Plays
from crypto_project.demo.world import DemoWorld
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from crypto_project.embedded.child import Child
from crypto_project.embedded.servers import Addresses

OPTIONS = ChainNodeOptions(block_time_s=1.0, dump_every_s=1)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[tuple[Child, str]]:
    child, port = chain_node(tmp_path / "node", tmp_path, OPTIONS)
    await child.start()
    try:
        yield child, f"http://127.0.0.1:{port}"
    finally:
        await child.stop()


@pytest.fixture
async def actor(node: tuple[Child, str]) -> AsyncIterator[ChainActor]:
    actor = ChainActor(node[1], OPTIONS.chain_id)
    yield actor
    await actor.close()


@pytest.fixture
async def contracts(actor: ChainActor) -> DemoContracts:
    contracts = await deploy_contracts(actor, await compile_contracts())
    await Plays(ChainMoves(actor, contracts), Random(1)).fund_outsiders()
    await actor.mine()
    return contracts


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 60) -> None:
    async with asyncio.timeout(timeout_s):
        while True:
            with contextlib.suppress(*activity.UNREACHABLE):
                if await condition():
                    return
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_life_goes_on_after_the_node_was_killed(
    node: tuple[Child, str], actor: ChainActor, contracts: DemoContracts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "BLOCK_S", 0.1)
    monkeypatch.setattr(activity, "PAUSE_AFTER_FAULT_S", 0.1)
    child, rpc_url = node
    world = DemoWorld("org", "local", tmp_path / "networks.json", contracts, admin={}, logins=[])
    stop = asyncio.Event()
    living = asyncio.create_task(activity.run(world, Addresses("", "", rpc_url, "", OPTIONS.chain_id), stop))

    async def height() -> int:
        return await actor.w3.eth.block_number

    async def transactions_in_latest_blocks() -> int:
        head = await height()
        return sum([len((await actor.w3.eth.get_block(number))["transactions"]) for number in range(head - 9, head + 1)])

    start = await height()
    await until(lambda: _above(height, start + 30))
    child.kill()
    await child.wait()
    await child.start()
    after = await height()
    assert after > 10  # it kept the chain, up to the last seconds
    await until(lambda: _above(height, after + 40))
    assert await transactions_in_latest_blocks() > 0
    stop.set()
    await asyncio.wait_for(living, 10)
    assert int((await actor.rpc("txpool_status"))["queued"], 16) == 0
    sent = await actor.send(dev_account(5), dev_account(6).address, value=1)
    assert (await actor.wait(sent, timeout_s=60))["status"] == 1  # somebody mines again


async def _above(height: Callable[[], Awaitable[int]], least: int) -> bool:
    return await height() > least
