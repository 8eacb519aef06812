"""Ours beside others, at the same work on the same data in one run.

    python -m benchmarks.peers [--of following,posting,lots,signing] [--report FILE] [--folder FOLDER] [--no-install] [--small]

following: a raw JSON-RPC client (the limit), ours, ethereum-etl, Ponder. posting: the raw driver (the limit), ours, medici. lots: ours, rp2. signing:
libsecp256k1 (the limit), our vault, eth-account. Each alone and in turn. Each peer is installed by its own package manager into FOLDER (by default
under the user's cache), never beside our packages. What each came to is compared: a run whose results differ fails. A peer that cannot be installed
or started has no figures: its row says why. `--small`: sizes that show that everything runs, and no figures worth telling.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks.peers import following, lots, posting, signing
from benchmarks.peers.comparison import Comparison, ResultsDiffer, report, show
from benchmarks.peers.peer import Home

Area = Callable[[Home], Awaitable[list[Comparison]]]
AREAS: dict[str, Area] = {
    "following": lambda home: following.compare(following.Sizes(), home),
    "posting": lambda home: posting.compare(posting.Sizes(), home),
    "lots": lambda home: lots.compare(10_000, home),
    "signing": lambda home: signing.compare(2_000, home),
}
SMALL: dict[str, Area] = {
    "following": lambda home: following.compare(following.Sizes(blocks=60, transfers=10, watched=50, one_in=10), home),
    "posting": lambda home: posting.compare(posting.Sizes(alone=4, at_once=40, imported=100), home),
    "lots": lambda home: lots.compare(200, home),
    "signing": lambda home: signing.compare(20, home),
}


async def compare(names: Sequence[str], areas: dict[str, Area], home: Home) -> list[Comparison]:
    """ResultsDiffer where a programme came to other results than ours."""
    found = []
    for name in names:
        for comparison in await areas[name](home):
            comparison.check()
            found.append(comparison)
    return found


def figures(comparisons: Sequence[Comparison]) -> list[dict[str, object]]:
    return [
        {
            "title": comparison.title,
            "per_s": {row.name: round(row.per_s, 1) for row in comparison.rows},
            "cpu_ms": {row.name: round(row.cpu_ms, 4) for row in comparison.rows},
            "absent": dict(comparison.absent),
        }
        for comparison in comparisons
    ]


def main() -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    parser = argparse.ArgumentParser(prog="benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", default=",".join(AREAS))
    parser.add_argument("--report", type=Path)
    parser.add_argument("--folder", type=Path, default=cache / "coffer-benchmark-peers")
    parser.add_argument("--no-install", action="store_true", help="peers that are not installed are absent")
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    names = given.of.split(",")
    if unknown := set(names) - AREAS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    home, before = Home(given.folder.resolve(), may_install=not given.no_install), os.getloadavg()[0]
    home.folder.mkdir(parents=True, exist_ok=True)
    try:
        found = asyncio.run(compare(names, SMALL if given.small else AREAS, home))
    except ResultsDiffer as error:
        raise SystemExit(str(error)) from None
    show(found)
    if given.report:
        given.report.write_text(report(found, f"python -m benchmarks.peers --of {given.of}", (before, os.getloadavg()[0])))
    sys.stdout.write(json.dumps(figures(found)) + "\n")


if __name__ == "__main__":
    main()
