"""How fast others follow the same chain.

    python -m benchmarks.peers [--blocks 1000] [--transfers 100] [--watched 10000] [--folder FOLDER]

A generated chain is served from memory by one node (`benchmarks/replay_node.py`). In turn, each alone: a raw client (the limit), ours,
ethereum-etl and Ponder. What each found is compared with ours, transaction by transaction: a run whose results differ fails. Each peer is
installed by its own package manager into FOLDER (by default under the user's cache), never beside our packages. One that cannot be installed
or started has no figures: its row says why.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import replay_node
from benchmarks.chain import bench, ours, raw_client
from benchmarks.peers import ethereum_etl, ponder
from benchmarks.peers.peer import Asked, PeerUnavailable, Run
from crypto_api.transactions.documents import Transaction

PEERS = {"ethereum-etl": ethereum_etl, "ponder": ponder}


@dataclass(frozen=True)
class Results:
    raw_blocks_per_s: float
    raw_cpu_s: float
    ours: Run
    peers: list[Run]
    absent: dict[str, str]  # why


async def compare(blocks: int, transfers: int, watched: int, folder: Path) -> Results:
    addresses = frozenset(replay_node.address(index) for index in range(watched))
    absent: dict[str, str] = {}
    for name, peer in PEERS.items():
        try:
            await peer.prepare(folder)
        except PeerUnavailable as error:
            absent[name] = str(error)
    async with bench(blocks, transfers, watched) as at:
        asked = Asked(at.url, replay_node.CHAIN_ID, replay_node.TOKEN, blocks, addresses)
        limit = await raw_client(at.url, blocks)
        found = await ours(at.runtime, blocks, expected=at.paid)
        mine = Run(
            "coffer",
            "this",
            "full blocks, all logs; to the database with the cursor",
            blocks,
            found.blocks_per_s,
            found.cpu_s,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            await hashes({}),
            {"transactions": found.stored},
        )
        of_token = await hashes({"movements.kind": "erc20", "block_number": {"$lt": blocks - ponder.NOT_FINAL + 1}})
        runs: list[Run] = []
        for name, peer in PEERS.items():
            if name not in absent:
                try:
                    runs.append(await peer.run(asked, folder))
                except PeerUnavailable as error:
                    absent[name] = str(error)
        again = await raw_client(at.url, blocks)
    for run in runs:
        check(run, mine.paid if run.name == ethereum_etl.NAME else of_token, transfers)
    return Results(max(limit.blocks_per_s, again.blocks_per_s), min(limit.cpu_s, again.cpu_s), mine, runs, absent)


async def hashes(where: dict[str, Any]) -> frozenset[str]:
    return frozenset([row["hash"] async for row in Transaction.get_pymongo_collection().find(where, {"hash": 1})])


def check(run: Run, paid: frozenset[str], transfers: int) -> None:
    """Everything of its blocks, and of it the same for the watched addresses as we have."""
    of_token = sum(index % 5 >= 3 for index in range(transfers))
    whole = {"blocks": run.blocks, "transactions": run.blocks * transfers, "token transfers": run.blocks * of_token}
    wrong = {name: count for name, count in run.counted.items() if count != whole[name]}
    if wrong or run.paid != paid:
        raise SystemExit(f"{run.name} has other results: {wrong}, {len(run.paid ^ paid)} payments to watched addresses differ")


def show(results: Results) -> None:
    table = Table(title="The same chain, read by each in turn")
    for name in ("", "reads", "blocks/s", "of the limit", "ours is faster by", "CPU s", "peak MB", "stored"):
        table.add_column(name, justify="left" if name in ("", "reads", "stored") else "right")
    limit, ours_ = results.raw_blocks_per_s, results.ours
    table.add_row("raw client", "full blocks, logs; stores nothing", f"{limit:,.0f}", "1", "", f"{results.raw_cpu_s:.2f}", "", "")
    for run in (ours_, *results.peers):
        ratio = "" if run is ours_ else f"{ours_.blocks_per_s / run.blocks_per_s:.1f} ×"
        stored = ", ".join(f"{count:,} {name}" for name, count in run.counted.items())
        share = f"{run.blocks_per_s / limit:.3f}"
        table.add_row(f"{run.name} {run.version}", run.reads, f"{run.blocks_per_s:,.0f}", share, ratio, f"{run.cpu_s:.1f}", str(run.peak_mb), stored)
    for name, reason in results.absent.items():
        table.add_row(name, "[red]no figures: " + reason, *[""] * 6)
    Console(stderr=True, width=190).print(table)


def figures(results: Results) -> dict[str, object]:
    def of(run: Run) -> dict[str, object]:
        return {
            "version": run.version,
            "blocks": run.blocks,
            "blocks_per_s": round(run.blocks_per_s, 1),
            "share_of_raw": round(run.blocks_per_s / results.raw_blocks_per_s, 3),
            "cpu_s": round(run.cpu_s, 2),
            "peak_mb": run.peak_mb,
            "paid": len(run.paid),
            **{name.replace(" ", "_"): count for name, count in run.counted.items()},
        }

    peers = {run.name: of(run) | {"ours_is_faster_by": round(results.ours.blocks_per_s / run.blocks_per_s, 1)} for run in results.peers}
    return {"raw_blocks_per_s": round(results.raw_blocks_per_s), "ours": of(results.ours), "peers": peers, "absent": results.absent}


async def main() -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    parser = argparse.ArgumentParser(prog="benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=1000)
    parser.add_argument("--transfers", type=int, default=100)
    parser.add_argument("--watched", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, default=cache / "coffer-benchmark-peers")
    options = parser.parse_args()
    results = await compare(options.blocks, options.transfers, options.watched, options.folder.resolve())
    show(results)
    sys.stdout.write(json.dumps(figures(results)) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
