"""What work costs as there is more of everything else, each at three sizes: with which power of the size it grows, and with which it should.

    python -m benchmarks.growth [--of wallets,chain,entries,organizations,consoles] [--sizes 1000,10000,100000] [--report FILE]
    python -m benchmarks.growth --storage [--blocks 1000] [--more 3000] [--one-in 500]

Costs are what this process and the embedded database compute, in milliseconds, where nothing else is said: the clock of a machine that others use
says little. The exponent is that of the line of least squares through the logarithms: 0 costs nothing more, 1 doubles when there is twice as much.
`--sizes` for one of them. `--storage`: what the database keeps of a block and of a movement.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import structlog

from benchmarks.growth import chain, consoles, entries, organizations, storage, wallets
from benchmarks.growth.curve import Curve, report, show

Measure = Callable[[Sequence[int]], Awaitable[list[Curve]]]
AREAS: dict[str, tuple[Measure, Sequence[int]]] = {
    "wallets": (wallets.curves, (100, 1_000, 10_000)),
    "chain": (chain.curves, (250, 1_000, 4_000)),
    "entries": (entries.curves, (100, 400, 1_600)),
    "organizations": (organizations.curves, (10, 100, 1_000)),
    "consoles": (consoles.curves, (100, 400, 1_600)),
}


async def measure(names: Sequence[str], sizes: Sequence[int]) -> list[Curve]:
    found: list[Curve] = []
    for name in names:
        of_area, usual = AREAS[name]
        found += await of_area(sizes or usual)
        print(name, "measured", file=sys.stderr, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", default=",".join(AREAS))
    parser.add_argument("--sizes", default="")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--storage", action="store_true")
    parser.add_argument("--blocks", type=int, default=1_000)
    parser.add_argument("--more", type=int, default=3_000)
    parser.add_argument("--one-in", type=int, default=500)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    if given.storage:
        sys.stdout.write(json.dumps(asyncio.run(storage.measure(given.blocks, given.more, given.one_in))) + "\n")
        return
    names, before = given.of.split(","), os.getloadavg()[0]
    if unknown := set(names) - AREAS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    found = asyncio.run(measure(names, [int(size) for size in given.sizes.split(",") if size]))
    show(found)
    if given.report:
        given.report.write_text(report(found, f"python -m benchmarks.growth --of {given.of}", (before, os.getloadavg()[0])))
    sys.stdout.write(json.dumps([asdict(curve) | {"exponent": round(curve.exponent, 2)} for curve in found]) + "\n")


if __name__ == "__main__":
    main()
