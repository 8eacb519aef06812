"""A block and a page of movements, by how much of the chain lies behind: every block has two transactions of an organisation's wallets."""

import asyncio
import time
from collections.abc import Sequence

from benchmarks.chain import Bench, bench, cpu_of
from benchmarks.growth.curve import Curve, cost_of
from crypto_api.chains.stretches import ReadAhead
from crypto_api.flows.advance_chain import advance_chain, start_following
from crypto_api.kit.paging import PageRequest
from crypto_api.transactions import store
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets.watch_list import WatchList

GROWS = "blocks followed, two movements in each"
TRANSFERS, ONE_IN, WATCHED, WINDOW = 20, 10, 10, 100
WARMING = 50  # blocks, for what a process loads with its first ones
ORG = "org_0"  # of all wallets of `bench`


async def curves(sizes: Sequence[int]) -> list[Curve]:
    """A block costs what those of the last stretches up to a size took; a page is read when the chain is that long."""
    async with bench(max(sizes), TRANSFERS, WATCHED, ONE_IN) as at:
        following = Following(at)
        await following.up_to(WARMING)
        reached, blocks, pages, wallets = [], [], [], []
        for size in sizes:
            blocks.append(await following.up_to(size) * 1_000)
            reached.append(following.height)
            stored = await Transaction.find({"org_id": ORG}).count()
            if abs(stored - 2 * following.height) > following.height // 10:
                raise SystemExit(f"wrong result: {stored} stored after {following.height} blocks")
            newest, wallet = PageRequest(limit=50, sort="timestamp"), {"wallet_ids": "wal_1"}
            pages.append((await cost_of(lambda newest=newest: store.page(ORG, {}, newest), at.database_pid)).cpu_ms)  # type: ignore[misc]
            wallets.append((await cost_of(lambda w=wallet, n=newest: store.page(ORG, w, n), at.database_pid)).cpu_ms)  # type: ignore[misc]
    return [
        Curve(GROWS, "a block with two movements, stored with their events", reached, blocks, 0),
        Curve(GROWS, "the first page of all transactions (50)", reached, pages, 0),
        Curve(GROWS, "the first page of a wallet's transactions", reached, wallets, 0),
    ]


class Following:
    """The follower's own steps, to be stopped at a height."""

    def __init__(self, at: Bench) -> None:
        self._at, self.height = at, 0
        (self._network,) = at.runtime.networks.values()
        self._chain, self._watched = at.runtime.rpc[self._network.slug], WatchList(self._network.slug)
        self._ahead = ReadAhead[list[Transaction]](asyncio.create_task)

    def used(self) -> float:
        """Seconds computed by this process and the database server."""
        return time.process_time() + cpu_of(self._at.database_pid)

    async def up_to(self, height: int) -> float:
        """Seconds computed for each of its last blocks, at least `WINDOW`."""
        marks = [(self.height, self.used())]
        while self.height < height:
            await self._step()
            marks.append((self.height, self.used()))
        low, begun = next((mark for mark in reversed(marks) if mark[0] <= self.height - WINDOW), marks[0])
        return (self.used() - begun) / (self.height - low)

    async def _step(self) -> None:
        """A stretch of blocks."""
        runtime = self._at.runtime
        cursor = await start_following(self._network, self._chain, runtime.clock)
        await self._watched.refresh(cursor.openings)
        step = await advance_chain(runtime.uow, runtime.clock, self._network, self._chain, self._watched, cursor, self._ahead)
        self.height = step.height
