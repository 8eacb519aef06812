"""A block, by the number of watched addresses: ten of them are paid, the others are silent."""

from collections.abc import Sequence

from benchmarks.growth.curve import Curve
from benchmarks.watched import by_watched

GROWS = "watched wallets"
BLOCKS, TRANSFERS = 300, 100


async def curves(sizes: Sequence[int]) -> list[Curve]:
    *rows, _ = await by_watched(BLOCKS, TRANSFERS, list(sizes))  # the last: all of one organisation once more
    return [
        Curve(
            GROWS, "a block of 100 transfers, read, matched, stored", sizes, [row.cpu_ms_per_block for row in rows], 0, "ms of CPU of the follower"
        ),
        Curve(GROWS, "looking whether the list has changed", sizes, [row.refresh_ms for row in rows], 0, "ms"),
        Curve(GROWS, "loading the list, once at the start", sizes, [row.load_s * 1_000 for row in rows], 1, "ms"),
        Curve(GROWS, "the list in memory", sizes, [row.memory_mb for row in rows], 1, "MB", least=0.05),
    ]
