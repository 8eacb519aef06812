"""Work under a lease: it goes on while its lease is kept, and is given up when that is taken away."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from crypto_api.kit.cancel import cancel_and_wait

Value = TypeVar("Value")


class LeaseLost(Exception):
    """Somebody took the work away, or ended it. No fault of whoever does it."""


async def while_kept(work: Coroutine[Any, Any, Value], keep: Callable[[], Awaitable[bool]], *, every_s: float) -> Value:
    """What `work` gives. `keep` is asked at once and every `every_s` seconds: LeaseLost when it says no, and the work is cancelled."""
    doing, keeping = asyncio.create_task(work), asyncio.create_task(_keep(keep, every_s))
    try:
        await asyncio.wait({doing, keeping}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        keeping.result()
        raise LeaseLost
    finally:
        await cancel_and_wait(doing, keeping)


async def _keep(keep: Callable[[], Awaitable[bool]], every_s: float) -> None:
    """Returns when it is not ours any more."""
    while await keep():
        await asyncio.sleep(every_s)
