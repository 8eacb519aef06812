"""One event to all consoles of one API process, by how many they are (`benchmarks/fan_out.py`)."""

import resource
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.fan_out import WARMING, measured_product
from benchmarks.growth.curve import Curve

GROWS = "open consoles of one API process"
ROUNDS = 20


async def curves(sizes: Sequence[int]) -> list[Curve]:
    """Each size on an installation of its own; none may miss an event."""
    if min(sizes) < 2 * WARMING:
        raise SystemExit(f"fewer than {2 * WARMING} consoles say nothing of what one takes")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the servers inherit it
    last, memory = [], []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="coffer-bench-") as folder:
            (found, _), _ = await measured_product(size, ROUNDS, Path(folder))
        if found.missed or found.kib is None:
            raise SystemExit(f"{found.missed} events were missed by {size} consoles")
        last.append(median(found.seconds) * 1_000)
        memory.append(found.kib)
    return [
        Curve(GROWS, "an event, from the doorbell until the last console has it", sizes, last, 1, "ms"),
        Curve(GROWS, "memory of the API for one console", sizes, memory, 0, "KiB"),
    ]
