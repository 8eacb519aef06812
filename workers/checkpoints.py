"""Beside following: what moved is compared with the chain as soon as it is booked, and every wallet in turn."""

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass, field

from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import FollowState
from crypto_api.checkpoints.documents import Checkpoint
from crypto_api.flows.checkpoint_wallets import checkpoint_wallets
from crypto_api.flows.explain_difference import explain_by_itself, told
from crypto_api.kit import log
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import NetworkConfig
from crypto_api.runtime import Runtime
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.watch_list import WatchList

WALLETS_AT_ONCE = 20
TURN_S = 5.0  # between two batches of the turn in which every wallet is compared
EVERY_S = 600.0  # from the beginning of one turn to the next
_logger = log.get(__name__)

Key = tuple[str, str]  # organisation, wallet


@dataclass
class Comparing:
    """One network's. `moved` is filled by whoever books and undoes; what a crash forgets of it comes in its turn. `found` is set when something
    is due for booking."""

    runtime: Runtime
    network: NetworkConfig
    found: asyncio.Event
    moved: set[Key] = field(default_factory=set)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: deque[Key] = field(default_factory=deque)
    _next_turn_at: float = 0.0
    _next_batch_at: float = 0.0

    async def run(self, watched: WatchList) -> None:
        while True:
            self.woken.clear()
            try:
                while await self.step(watched):
                    pass
            except ChainUnavailable as error:
                _logger.warning("checkpoints_wait", network=self.network.slug, reason=error.detail)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.woken.wait(), max(self.network.poll_s, 0.2))

    async def step(self, watched: WatchList) -> bool:
        """Compares one batch; False when there is nothing to compare for now, or the network is not at rest."""
        due = self._due(watched)
        if not due:
            return False
        cursor = await chain_store.cursor(self.network.slug)
        found = None
        try:
            if cursor is not None and cursor.state is FollowState.FOLLOWING:
                wallets = await wallet_store.some_on_network(self.network.slug, due)
                chain = self.runtime.rpc[self.network.slug]
                found = await checkpoint_wallets(self.runtime.uow, self.runtime.clock, self.network, chain, wallets)
        finally:
            if found is None:
                self.moved |= due  # again at the next pass
        if found is None:
            return False
        for row in found:
            if not row.agrees:
                await self._explain(row)
        return True

    async def _explain(self, row: Checkpoint) -> None:
        runtime, network = self.runtime, self.network
        search = await explain_by_itself(runtime.uow, runtime.clock, network, runtime.rpc[network.slug], row)
        _logger.warning("books_differ_from_chain", wallet=row.wallet_id, asset=row.asset, block=row.block_number, came_of_it=told(search))
        if search.rows:
            self.found.set()

    def _due(self, watched: WatchList) -> set[Key]:
        due = {self.moved.pop() for _ in range(min(len(self.moved), WALLETS_AT_ONCE))}
        now = time.monotonic()
        if not self._turn and now >= self._next_turn_at:
            self._turn.extend(watched.wallets())
            self._next_turn_at = now + EVERY_S
        if not due and self._turn and now >= self._next_batch_at:
            due = {self._turn.popleft() for _ in range(min(len(self._turn), WALLETS_AT_ONCE))}
            self._next_batch_at = now + TURN_S
        return due
