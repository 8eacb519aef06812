"""The relay: one leased lane that numbers events and rings the doorbell."""

import asyncio
from contextlib import suppress

from crypto_api.flows.relay_events import relay_pass
from crypto_api.kit import log
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.ids import new_id
from crypto_api.runtime import Runtime
from mongodb_config.process_name import process_name
from workers.lane import Lane

LEASE = "relay"
IDLE_S = 0.05  # one look at a partial index that is empty when idle
_logger = log.get(__name__)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("relay", lambda: relay(runtime))]


async def relay(runtime: Runtime) -> None:
    """Holds the lease and relays; returns when the lease is lost."""
    holder = f"{process_name()}|{new_id('relay')}"  # two relays of one process are two
    lease = await runtime.leases.wait_for(LEASE, holder)
    _logger.info("relay_leads", fence=lease.fence)
    keep = asyncio.create_task(runtime.leases.keep(lease))
    passes = asyncio.create_task(_passes(runtime))
    try:
        await asyncio.wait({keep, passes}, return_when=asyncio.FIRST_COMPLETED)
        for task in (passes, keep):
            if task.done():
                task.result()
        _logger.warning("relay_lease_lost", fence=lease.fence)
    finally:
        await cancel_and_wait(keep, passes)
        with suppress(Exception):  # a database that is away lets the lease run out
            await runtime.leases.release(lease)


async def _passes(runtime: Runtime) -> None:
    while True:
        if not await relay_pass(runtime.uow, runtime.clock, runtime.frames):
            await asyncio.sleep(IDLE_S)
