"""Work that one process of all does at a time, under a lease."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from crypto_api.kit import log
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.ids import new_id
from crypto_api.runtime import Runtime
from mongodb_config.process_name import process_name

_logger = log.get(__name__)


async def while_leading(runtime: Runtime, name: str, work: Coroutine[Any, Any, None]) -> None:
    """Waits for the lease and works while it holds it; returns when it is lost."""
    holder = f"{process_name()}|{new_id('lead')}"  # two lanes of one process are two
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
