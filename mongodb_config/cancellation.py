"""Cancellation that reaches the caller on Python 3.11.

PyMongo sends and connects through `asyncio.wait_for`, which before Python 3.12 swallows a cancellation that arrives just when what it waits
for is done (python/cpython#86296). Measured: 17 of 150 cancelled tasks went on as if nothing had happened; a worker then neither stops nor
lets go of what it does. The driver's modules get the `wait_for` of Python 3.12 instead.
"""

import asyncio
import sys
from collections.abc import Awaitable
from typing import Any, TypeVar

from pymongo import lock, network_layer, pool_shared

Result = TypeVar("Result")


async def _wait_for(awaitable: Awaitable[Result], timeout: float | None) -> Result:
    async with asyncio.timeout(timeout):
        return await awaitable


class _Asyncio:
    """`asyncio` as those modules see it."""

    wait_for = staticmethod(_wait_for)

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)


def keep_cancellations() -> None:
    """Harmless when called again."""
    if sys.version_info < (3, 12):
        for module, name, value in ((network_layer, "asyncio", _Asyncio()), (pool_shared, "asyncio", _Asyncio()), (lock, "wait_for", _wait_for)):
            setattr(module, name, value)
