"""The sample company on a day of which pictures can be taken: the same movements each time, everything booked, last month's payroll paid."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from playwright.async_api import Locator

from crypto_project.demo import payroll
from crypto_project.demo.activity import one_block, open_business
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.database_census import DatabaseCensus
from crypto_project.demo.moves import ChainMoves
from crypto_project.demo.plays import Plays
from crypto_project.demo.world import CONFIRMATIONS, DemoWorld
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.shell import Shell, ShellOptions

SEED = 20_260
BLOCKS, PLAYS_PER_BLOCK = 40, 3
STRANGERS = 4
WITHIN_S = 300
POLL_S = 0.2


@dataclass
class Company:
    """`actor` mines: nothing comes into a block by itself, so that a picture can wait for what is under way."""

    shell: Shell
    world: DemoWorld
    actor: ChainActor
    census: DatabaseCensus

    @property
    def base_url(self) -> str:
        return self.shell.page_url

    async def settle(self) -> None:
        """Until the follower stands on the node's head and everything up to it is booked and final."""
        async with asyncio.timeout(WITHIN_S):
            await self.actor.mine_many(CONFIRMATIONS + 1)
            while await self._behind():
                await asyncio.sleep(POLL_S)

    async def until_mined(self, place: Locator, text: str) -> None:
        """Blocks come until the page says so by itself."""
        async with asyncio.timeout(WITHIN_S):
            while text not in await place.inner_text():
                await self.actor.mine()
                await asyncio.sleep(POLL_S)

    async def _behind(self) -> bool:
        block = await self.actor.rpc("eth_getBlockByNumber", "latest", False)
        here = (int(block["number"], 16), block["hash"])
        return await self.census.position() != here or await self.census.any_due() or await self.census.any_unconfirmed()


@asynccontextmanager
async def open_company() -> AsyncIterator[Company]:
    async with Shell(ShellOptions(chain=ChainNodeOptions(mining=False))) as shell, contextlib.AsyncExitStack() as stack:
        assert isinstance(shell.world, DemoWorld)
        actor = ChainActor(shell.addresses.rpc_url, shell.addresses.chain_id)
        stack.push_async_callback(actor.close)
        census = DatabaseCensus(shell.addresses.mongodb_uri, shell.config.mongodb_database, shell.world.org_id, shell.world.network)
        stack.push_async_callback(census.close)
        company = Company(shell, shell.world, actor, census)
        await actor.take_over_mining()
        async with asyncio.timeout(WITHIN_S):
            while not all(wallet["opening"] == "done" for wallet in await census.wallets()):
                await asyncio.sleep(POLL_S)
        await _trade(company)
        await _payday(company)
        await company.settle()
        yield company


async def _trade(company: Company) -> None:
    plays = Plays(ChainMoves(company.actor, company.world.contracts), Random(SEED))
    await open_business(plays)
    for _ in range(BLOCKS):
        await one_block(plays, PLAYS_PER_BLOCK)
    for _ in range(STRANGERS):  # what nobody can tell: it waits for a person
        await plays.stranger_pays()
    await company.settle()


async def _payday(company: Company) -> None:
    """Blocks come while last month's payroll is paid, which waits for them."""
    paying = asyncio.create_task(payroll.payday(company.shell.config, company.world.org_id, asyncio.Event()))
    async with asyncio.timeout(WITHIN_S):
        while not paying.done():
            await company.actor.mine()
            await asyncio.sleep(POLL_S)
    await paying
