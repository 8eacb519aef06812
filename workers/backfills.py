"""Histories of wallets are read beside the following, a stretch of each in turn, under a lease of their own."""

import asyncio
from collections.abc import Awaitable, Callable

from crypto_api.backfills import store
from crypto_api.flows.backfill_wallet import Desk, step_backfill
from crypto_api.kit import log
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import NetworkConfig
from crypto_api.runtime import Runtime
from workers.lane import Lane
from workers.leading import while_leading

IDLE_S = 1.0
PAUSE_S_MAX = 10.0
_logger = log.get(__name__)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane(f"backfill:{slug}", _lane(runtime, network)) for slug, network in runtime.networks.items()]


def _lane(runtime: Runtime, network: NetworkConfig) -> Callable[[], Awaitable[None]]:
    return lambda: while_leading(runtime, f"backfill:{network.slug}", keep_reading(runtime, network))


async def keep_reading(runtime: Runtime, network: NetworkConfig) -> None:
    desk = Desk(runtime.uow, runtime.clock, network, runtime.rpc[network.slug], runtime.prices)
    pause_s = IDLE_S
    while True:
        went_on = False
        for row in await store.live_on_network(network.slug):
            try:
                went_on |= await step_backfill(desk, row)
                pause_s = IDLE_S
            except ChainUnavailable as error:
                _logger.warning("backfill_waits", network=network.slug, wallet=row.wallet_id, reason=error.detail)
                pause_s = min(pause_s * 2, PAUSE_S_MAX)
                went_on = False
                break
        if not went_on:
            await asyncio.sleep(pause_s)
