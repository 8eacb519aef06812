"""So many at once, and no more."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Part = TypeVar("Part")


async def in_lanes(parts: Iterable[Part], lanes: int, work: Callable[[Part], Awaitable[None]]) -> None:
    """Each lane takes the next part when it is done with one."""
    left = iter(parts)

    async def lane() -> None:
        for part in left:
            await work(part)

    await asyncio.gather(*(lane() for _ in range(lanes)))
