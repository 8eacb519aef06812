"""Plausible life on the chain for as long as the demo runs: a block every two seconds, now and then a reorganisation."""

import asyncio
import contextlib
from random import Random

import httpx
from aiohttp import ClientError
from web3.exceptions import Web3Exception

from crypto_api.kit import log
from crypto_project.demo.chain import ChainActor, ChainError, MinedBlock
from crypto_project.demo.moves import ChainMoves
from crypto_project.demo.plays import Plays
from crypto_project.demo.world import DemoWorld
from crypto_project.embedded.servers import Addresses

BLOCK_S = 2.0
PLAYS_PER_BLOCK_MAX = 3
BLOCKS_BETWEEN_REORGS = (15, 25)
REORG_DEPTH_MAX = 6
PAUSE_AFTER_FAULT_S = 1.0
UNREACHABLE = (OSError, TimeoutError, ClientError, httpx.TransportError, Web3Exception, ChainError)

logger = log.get(__name__)


async def run(world: DemoWorld, addresses: Addresses, stop: asyncio.Event) -> None:
    """Goes on through faults of the node until `stop` is set."""
    actor = ChainActor(addresses.rpc_url, addresses.chain_id)
    random = Random()
    plays = Plays(ChainMoves(actor, world.contracts), random)
    try:
        while not stop.is_set():
            try:
                await _live(plays, actor, random, stop)
            except UNREACHABLE as problem:
                logger.warning("demo_activity_paused", problem=str(problem))
                actor.forget_nonces()
                await _pause(stop, PAUSE_AFTER_FAULT_S)
        with contextlib.suppress(*UNREACHABLE):
            await actor.give_back_mining()
    finally:
        await actor.close()


async def _live(plays: Plays, actor: ChainActor, random: Random, stop: asyncio.Event) -> None:
    await actor.take_over_mining()
    await open_business(plays)
    blocks_to_reorg = random.randint(*BLOCKS_BETWEEN_REORGS)
    while not stop.is_set():
        block = await one_block(plays, random.randint(1, PLAYS_PER_BLOCK_MAX))
        plays.forget()
        blocks_to_reorg -= 1
        if blocks_to_reorg == 0:
            result = await actor.reorg(random.randint(1, REORG_DEPTH_MAX), random)
            logger.info("demo_reorganisation", depth=result.depth, dropped=len(result.dropped), resent=len(result.resent))
            block = result.blocks[-1]
            blocks_to_reorg = random.randint(*BLOCKS_BETWEEN_REORGS)
        await _pause(stop, BLOCK_S)
        await _notice_restart(actor, block)


async def _notice_restart(actor: ChainActor, last: MinedBlock) -> None:
    """A node that was restarted mines by itself again and has lost its latest transactions: those sent since wait for them for ever."""
    head = await actor.w3.eth.block_number
    queued = int((await actor.rpc("txpool_status"))["queued"], 16)
    if head != last.number or queued:
        await actor.rpc("anvil_dropAllTransactions")
        actor.forget_nonces()
        await actor.take_over_mining()


async def bring_in_capital(world: DemoWorld, addresses: Addresses) -> None:
    """Where nothing goes on by itself afterwards."""
    actor = ChainActor(addresses.rpc_url, addresses.chain_id)
    try:
        await open_business(Plays(ChainMoves(actor, world.contracts), Random()))
    finally:
        await actor.close()


async def open_business(plays: Plays) -> None:
    """Capital, then working capital: nothing happens where there is some already."""
    if await plays.bring_in_capital():
        plays.block_mined(await plays.moves.actor.mine())
        await plays.hand_out_working_capital()
        plays.block_mined(await plays.moves.actor.mine())


async def one_block(plays: Plays, count: int) -> MinedBlock:
    names, weights = zip(*plays.day(), strict=True)
    for play in plays.random.choices(names, weights, k=count):
        await play()
    block = await plays.moves.actor.mine()
    plays.block_mined(block)
    return block


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
