"""The follower: one leased lane a network. It hears of a head, takes steps until it is there, and books what it stored.

The subscription only wakes it: the cursor in the database decides what is next, so a lost announcement costs one poll interval.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

from crypto_api.adapters.head_subscription import HeadSubscription
from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import ChainCursor, FollowState
from crypto_api.chains.stretches import ReadAhead
from crypto_api.flows.advance_chain import Ahead, CursorMoved, NotLinked, Step, advance_chain, start_following
from crypto_api.flows.agree_on_credits import agree_on_credits
from crypto_api.flows.book_due import book_due
from crypto_api.flows.confirm_transactions import confirm_transactions
from crypto_api.flows.open_wallets import open_wallet, opening_moment, read_opening
from crypto_api.flows.rewind_chain import TooDeep, rewind_chain
from crypto_api.kit import log, tracing
from crypto_api.kit.ethereum import ChainUnavailable, InconsistentAnswer
from crypto_api.kit.networks import NetworkConfig
from crypto_api.runtime import Runtime
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.watch_list import WatchList
from mongodb_config.process_name import process_name
from workers import backfills
from workers.checkpoints import Comparing
from workers.lane import Lane
from workers.running import running

logger = log.get(__name__)

_PAUSE_S_MAX = 5.0
_BLOCKS_FORGOTTEN_EVERY = 500
_PROVIDERS_TOLD_EVERY_S = 3.0


def lanes(runtime: Runtime) -> list[Lane]:
    following = [Lane(f"chain:{slug}", Follower(runtime, network).run) for slug, network in runtime.networks.items()]
    return [*following, *backfills.lanes(runtime)]


@dataclass
class Follower:
    runtime: Runtime
    network: NetworkConfig
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    stored: asyncio.Event = field(default_factory=asyncio.Event)
    booking: asyncio.Lock = field(default_factory=asyncio.Lock)  # a whole pass: an opening waits until nothing is on its way into the books
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one unit of work that writes rows: a booking, or the confirmation of many

    def __post_init__(self) -> None:
        self.feeds = self.runtime.prices
        self.heads = HeadSubscription(self.network.ws_urls(), self.network.chain_id)
        self.unconfirmed = False  # providers did not agree yet about what is deep enough
        self.ahead: Ahead = ReadAhead(asyncio.create_task)
        self.credited = asyncio.Event()
        self.comparing = Comparing(self.runtime, self.network, self.stored)

    async def run(self) -> None:
        """Follows while it holds the lease; returns when the lease is lost, to wait for it again."""
        leases, name = self.runtime.leases, f"follow:{self.network.slug}"
        lease = await leases.wait_for(name, process_name())
        logger.info("following", network=self.network.slug, fence=lease.fence)
        watched = WatchList(self.network.slug)
        work = (
            leases.keep(lease),
            self._follow(watched),
            self._keep_booking(),
            self._keep_agreeing(),
            self._listen(),
            self._tell_of_providers(),
            self.comparing.run(watched),
        )
        tasks = [asyncio.create_task(each) for each in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(Exception):  # a lease that cannot be given back runs out by itself
                await leases.release(lease)

    async def _listen(self) -> None:
        """Wakes the lane at each announced head."""
        async for _ in self.heads.heads():
            self.woken.set()
        await asyncio.Event().wait()  # no WebSocket is named: polling alone

    async def _tell_of_providers(self) -> None:
        """How they do is known here; the API and the pages read it from the database."""
        while True:
            reports = [*self.runtime.rpc[self.network.slug].providers(), *self.heads.report()]
            await chain_store.put_providers(self.network.slug, reports, self.runtime.clock.now())
            await asyncio.sleep(_PROVIDERS_TOLD_EVERY_S)

    async def _follow(self, watched: WatchList) -> None:
        try:
            await self._keep_up(watched)
        finally:
            self.ahead.drop()

    async def _keep_up(self, watched: WatchList) -> None:
        pause_s = 0.25
        while True:
            try:
                await self._until_caught_up(watched)
                pause_s = 0.25
            except ChainUnavailable as error:
                logger.warning("chain unavailable", network=self.network.slug, reason=error.detail)
                await chain_store.set_state(self.network.slug, FollowState.UNREACHABLE, error.detail)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _PAUSE_S_MAX)
                continue
            except TooDeep as error:
                logger.critical("follower stopped", network=self.network.slug, reason=str(error))
                await asyncio.sleep(_PAUSE_S_MAX)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.woken.wait(), self.network.poll_s)
            self.woken.clear()

    async def _until_caught_up(self, watched: WatchList) -> None:
        runtime, network, chain = self.runtime, self.network, self.runtime.rpc[self.network.slug]
        while True:
            cursor = await start_following(network, chain, runtime.clock)
            await watched.refresh(cursor.openings)
            if opened := await self._open_wallets(cursor):
                await watched.opened(opened)
            try:
                with tracing.span("advance chain", attributes={"coffer.network": network.slug}):
                    step = await advance_chain(runtime.uow, runtime.clock, network, chain, watched, cursor, self.ahead)
            except NotLinked:
                await self._rewind(watched, cursor)
                continue
            except CursorMoved:
                continue
            await self._settle(step, cursor)
            if step.blocks == 0 or step.caught_up:
                return

    async def _open_wallets(self, cursor: ChainCursor) -> set[str]:
        """The ids of those that were opened."""
        opened_ids: set[str] = set()
        runtime, network, chain = self.runtime, self.network, self.runtime.rpc[self.network.slug]
        due = await wallet_store.due_for_opening_on_network(network.slug)
        if not due:
            return opened_ids
        try:
            await self._book()  # an opening takes the difference between chain and books: nothing may be on its way into them
            if (moment := await opening_moment(network, chain, cursor)) is None:
                return opened_ids  # reorganised: the next step finds out
            for wallet in due:
                found = await read_opening(runtime.uow, runtime.clock, wallet, chain, self.feeds, moment)
                if found is None:
                    continue
                async with running(runtime.uow, runtime.clock, wallet.org_id, "open_wallet", f"Opening the books of {wallet.name}") as task:
                    opened = await open_wallet(runtime.uow, runtime.clock, wallet, found, moment)
                    if opened:
                        opened_ids.add(wallet.id)
                        self.comparing.moved.add((wallet.org_id, wallet.id))
                    task.summary = f"{wallet.name}: " + (f"in the books since block {cursor.height}" if opened else "put off to the next block")
        except ChainUnavailable as error:  # the cursor's block may be gone, which the next step finds out
            logger.warning("opening of wallets waits for the node", network=network.slug, reason=error.detail)
        return opened_ids

    async def _settle(self, step: Step, cursor: ChainCursor) -> None:
        if step.transactions:
            self.credited.set()
            self.stored.set()
        doubt = await self._confirm(step, cursor) if step.blocks or self.unconfirmed else None
        state = FollowState.FOLLOWING if step.caught_up or step.blocks == 0 else FollowState.CATCHING_UP
        told = (state, step.head, None) if step.blocks else (cursor.state, cursor.head, cursor.reason)
        if told != (state, step.head, doubt):
            await chain_store.set_state(self.network.slug, state, doubt, head=step.head)
        if step.blocks == 0:
            return
        if step.height % _BLOCKS_FORGOTTEN_EVERY < step.blocks:
            final = cursor.confirmed if cursor.told_final is None else min(cursor.confirmed, cursor.told_final)  # what is final next is still held
            await chain_store.forget_blocks_below(self.network.slug, min(step.height - chain_store.BLOCKS_KEPT, final))

    async def _confirm(self, step: Step, cursor: ChainCursor) -> str | None:
        """Only what as many providers name as the network asks for. Until they do, following goes on and the network says why nothing is confirmed:
        that is returned."""
        network = self.network
        self.unconfirmed = True
        try:
            final = await self._final(step, cursor)
            height = step.height - network.confirmations if final is None else final
            ours = await chain_store.canonical_hash(network.slug, height)
            if ours is not None:
                await self.runtime.rpc[network.slug].agree(height, ours)
            elif final is not None and height > (cursor.first_height or 0):
                raise InconsistentAnswer(f"block {height}, which the network calls final, is not held here any more")
        except ChainUnavailable as error:
            logger.warning("nothing is confirmed", network=network.slug, reason=error.detail)
            return f"Nothing is confirmed for now: {error.detail}"
        await confirm_transactions(self.runtime.uow, self.runtime.clock, network, step.height, final, self.turn)
        self.unconfirmed = False
        return None

    async def _final(self, step: Step, cursor: ChainCursor) -> int | None:
        """What the network itself calls final, of what was processed; None where depth decides. InconsistentAnswer when it calls another block so, or
        calls none so any more: what waits for the tag is not confirmed by depth instead."""
        chain, slug = self.runtime.rpc[self.network.slug], self.network.slug
        if self.network.finality == "depth":
            return None
        safe, final = await chain.tagged("safe"), await chain.tagged("finalized")
        await chain_store.set_tags(slug, min(safe.number, step.height) if safe else None, final.number if final else None)
        if final is None:
            if cursor.told_final is not None:
                raise InconsistentAnswer(f"no block is called final any more, and block {cursor.told_final} was")
            return None
        ours = await chain_store.canonical_hash(slug, final.number)
        if ours is not None and ours != final.hash:
            raise InconsistentAnswer(f"the node calls another block {final.number} final than the one that was processed")
        return min(final.number, step.height)

    async def _rewind(self, watched: WatchList, cursor: ChainCursor) -> None:
        chain = self.runtime.rpc[self.network.slug]
        if await chain.still_named(cursor.height, cursor.hash):
            raise InconsistentAnswer(f"blocks were told that do not stand on block {cursor.height}, which others still name")
        rewound = await rewind_chain(self.runtime.uow, self.runtime.clock, self.network, chain, watched.org_ids())
        self.comparing.moved |= rewound.moved
        logger.warning(
            "reorganisation undone", network=self.network.slug, from_height=cursor.height, to_height=rewound.ancestor_height, depth=rewound.depth
        )

    async def _keep_booking(self) -> None:
        """Beside the following, so that the next block need not wait for the books of the last one."""
        while True:
            self.stored.clear()
            await self._book()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stored.wait(), self.network.poll_s)

    async def _keep_agreeing(self) -> None:
        """Beside the booking, which need not wait for a second provider that is slow."""
        network, chain = self.network, self.runtime.rpc[self.network.slug]
        while True:
            self.credited.clear()
            try:
                if await agree_on_credits(self.runtime.uow, self.runtime.clock, network, chain):
                    self.unconfirmed = True
                    self.stored.set()
            except ChainUnavailable as error:
                logger.warning("credits wait until providers answer", network=network.slug, reason=error.detail)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.credited.wait(), network.poll_s)

    async def _book(self) -> None:
        async with self.booking:
            runtime = self.runtime
            if await book_due(runtime.uow, runtime.clock, self.network, self.feeds, runtime.queue, self.comparing.moved, self.turn):
                self.comparing.woken.set()
