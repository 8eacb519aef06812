"""The relay numbers events and rings the doorbell; beside it the audit log is sealed. One leased lane each."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from crypto_api.flows.relay_events import relay_pass
from crypto_api.flows.seal_audit_log import seal_pass
from crypto_api.kit import log
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.ids import new_id
from crypto_api.runtime import Runtime
from mongodb_config.process_name import process_name
from workers.lane import Lane

LEASE = "relay"
IDLE_S = 0.05  # one look at a partial index that is empty when idle
SEALING_LEASE = "audit-seals"
SEALING_IDLE_S = 1.0
_logger = log.get(__name__)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("relay", lambda: relay(runtime)), Lane("audit seals", lambda: seal_audit_log(runtime))]


async def relay(runtime: Runtime) -> None:
    """Holds the lease and relays; returns when the lease is lost."""
    await _while_leading(runtime, LEASE, _passes(runtime))


async def seal_audit_log(runtime: Runtime) -> None:
    """Holds the lease and seals; returns when the lease is lost."""
    await _while_leading(runtime, SEALING_LEASE, _sealing(runtime))


async def _while_leading(runtime: Runtime, name: str, work: Coroutine[Any, Any, None]) -> None:
    holder = f"{process_name()}|{new_id('relay')}"  # two relays of one process are two
    try:
        lease = await runtime.leases.wait_for(name, holder)
    except BaseException:
        work.close()
        raise
    _logger.info("lane_leads", lease=name, fence=lease.fence)
    keep = asyncio.create_task(runtime.leases.keep(lease))
    passes = asyncio.create_task(work)
    try:
        await asyncio.wait({keep, passes}, return_when=asyncio.FIRST_COMPLETED)
        for task in (passes, keep):
            if task.done():
                task.result()
        _logger.warning("lease_lost", lease=name, fence=lease.fence)
    finally:
        await cancel_and_wait(keep, passes)
        with suppress(Exception):  # a database that is away lets the lease run out
            await runtime.leases.release(lease)


async def _passes(runtime: Runtime) -> None:
    while True:
        if not await relay_pass(runtime.uow, runtime.clock, runtime.frames):
            await asyncio.sleep(IDLE_S)


async def _sealing(runtime: Runtime) -> None:
    while True:
        if not await seal_pass(runtime.uow, runtime.clock):
            await asyncio.sleep(SEALING_IDLE_S)
