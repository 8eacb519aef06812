"""The one scenario of `demo --once`: a company's busy weeks in half a minute, with three reorganisations and a killed follower."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

from crypto_project.demo.activity import open_business
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.database_census import DatabaseCensus, EventFacts
from crypto_project.demo.moves import ChainMoves
from crypto_project.demo.plays import Plays
from crypto_project.demo.story import Story
from crypto_project.demo.world import CONFIRMATIONS, DemoWorld

SEED = 4217
BLOCK_S = 0.5
PLAYS_PER_BLOCK = 3
DROP_SHARE = 0.5  # of the senders in the blocks that a reorganisation replaces
OPENING_TIMEOUT_S = 20.0
RECOVERY_TIMEOUT_S = 30.0
CATCH_UP_TIMEOUT_S = 60.0
POLL_S = 0.1


class NotReached(RuntimeError):
    """The system did not come to a state within its time."""


class Scenario:
    def __init__(self, actor: ChainActor, world: DemoWorld, census: DatabaseCensus, kill_follower: Callable[[], None]) -> None:
        self._actor = actor
        self._census = census
        self._kill_follower = kill_follower
        self._random = Random(SEED)
        self._day = 0
        self._mined_at: dict[int, float] = {}
        self.story = Story(Plays(ChainMoves(actor, world.contracts), self._random))

    async def play(self) -> Story:
        self.story.first_block = await self._wallets_open() + 1
        await open_business(self.story.plays)
        await self._days(18)
        await self._reorganise_what_was_seen(3)
        await self._days(12)
        await self._outage()
        await self._days(12)
        await self._reorganise_what_was_seen(1)
        await self._days(5)
        await self._actor.mine_many(CONFIRMATIONS + 1)
        return self.story

    async def _wallets_open(self) -> int:
        """The height from which on every wallet's movements count."""
        async with _within(OPENING_TIMEOUT_S, "open the books of every wallet"):
            while not all(wallet["opening"] == "done" for wallet in await self._census.wallets()):
                await asyncio.sleep(POLL_S)
        wallets = await self._census.wallets()
        return max(int(wallet["opened_at_height"]) for wallet in wallets)

    async def _days(self, count: int) -> None:
        for _ in range(count):
            began = time.monotonic()
            await self._one_day()
            await asyncio.sleep(max(0.0, BLOCK_S - (time.monotonic() - began)))

    async def _one_day(self) -> None:
        plays = self.story.plays
        names, weights = zip(*plays.day(), strict=True)
        for play in self._random.choices(names, weights, k=PLAYS_PER_BLOCK):
            await play()
        for every, play in ((2, plays.failure), (3, plays.airdrop), (4, plays.poisoning)):
            if self._day % every == 0:
                await play()
        self._day += 1
        block = await self._actor.mine()
        self._mined_at[block.number] = block.mined_at
        plays.block_mined(block)

    async def _reorganise_what_was_seen(self, depth: int) -> None:
        """Replaced blocks that were never processed would leave nothing to undo."""
        async with _within(CATCH_UP_TIMEOUT_S, "catch up before a reorganisation"):
            await self.caught_up()
        await self._reorganise(depth)

    async def _reorganise(self, depth: int) -> None:
        result = await self._actor.reorg(depth, self._random, drop_share=DROP_SHARE)
        self.story.plays.block_mined(*result.blocks)
        self.story.dropped |= set(result.dropped)
        fault = {"kind": "reorganisation", "depth": depth, "first_block": result.first_block}
        self.story.faults.append({**fault, "dropped": len(result.dropped), "resent": len(result.resent)})

    async def _outage(self) -> None:
        """The follower dies; blocks keep coming, and blocks that it had processed are replaced, before another is up."""
        height, _ = await self._census.position()
        self._kill_follower()
        killed_at = time.time()
        await self._days(6)
        await self._reorganise(6)
        await self._days(6)
        async with _within(RECOVERY_TIMEOUT_S, "catch up after its follower was killed"):
            await self.caught_up()
        self.story.outages.append((self._mined_at.get(height + 1, killed_at), time.time()))
        recovered_s = round(time.time() - killed_at, 2)
        self.story.faults.append({"kind": "follower_killed", "processed_up_to": height, "caught_up_after_s": recovered_s})

    async def finish(self, heard_up_to: Callable[[], int]) -> EventFacts:
        """Until everything of the chain is stored, booked and confirmed, and every event that there is then was heard: those events. The
        lanes go on and tell more, so whoever counted again would count some that are only just being told."""
        async with _within(CATCH_UP_TIMEOUT_S, "store, book, confirm and tell everything"):
            await self.caught_up()
            while True:
                events = await self._census.events()
                if not events.unnumbered and heard_up_to() >= events.head and not await self._census.any_unconfirmed():
                    return events
                await asyncio.sleep(POLL_S)

    async def caught_up(self) -> None:
        """Until the cursor stands on the node's head and everything up to it is booked."""
        while await self._census.position() != await self._head() or await self._census.any_due():
            await asyncio.sleep(POLL_S)

    async def _head(self) -> tuple[int, str]:
        block = await self._actor.rpc("eth_getBlockByNumber", "latest", False)
        return int(block["number"], 16), block["hash"]


@asynccontextmanager
async def _within(seconds: float, what: str) -> AsyncIterator[None]:
    """A time limit that says what was not reached."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise NotReached(f"The system did not {what} within {seconds:.0f} s.") from None
