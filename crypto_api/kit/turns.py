"""Long lists, a part of them in each turn of the event loop: what computes for a fifth of a second at a stretch holds up everybody else."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

AT_ONCE = 100


async def in_turns(make: Callable[[Item], Made], items: Iterable[Item], *, at_once: int = AT_ONCE) -> list[Made]:
    """As `list(map(make, items))`."""
    made, left = list[Made](), iter(items)
    while some := list(islice(left, at_once)):
        made += map(make, some)
        await asyncio.sleep(0)
    return made
