"""What a block costs, by the number of watched addresses, on one and the same chain: the watch list is looked through in memory.

    python -m benchmarks.watched [--blocks 600] [--transfers 100] [--watched 10,1000,100000]

Ten addresses are paid in every run; the others are watched and silent. Each run steps as the follower does: refresh of the watch list, a stretch
of blocks, storing. Wallets belong to organisations of ten, and, for the largest number once more, all to one.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
import tracemalloc
from base64 import b64encode
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import replay_node
from benchmarks.chain import _cpu_s, add_wallets, replay
from crypto_api.bootstrap import open_runtime
from crypto_api.chains.stretches import ReadAhead
from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_api.flows.advance_chain import advance_chain, start_following
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets.watch_list import WatchList
from crypto_project.embedded.servers import Addresses, Configured, EmbeddedServers
from mongodb_config.client import connect
from mongodb_config.migrations import deploy

PAID = 10


@dataclass(frozen=True)
class Cost:
    watched: int
    organizations: int
    ms_per_block: float
    cpu_ms_per_block: float
    refresh_ms: float  # of the watch list, when nothing has changed
    load_s: float  # of the whole list, once at the start
    memory_mb: float  # of the list
    stored: int


async def cost(runtime: Runtime, watched: int, organizations: int) -> Cost:
    (network,) = runtime.networks.values()
    chain, addresses, ahead = runtime.rpc[network.slug], WatchList(network.slug), ReadAhead[list[Transaction]](asyncio.create_task)
    tracemalloc.start()
    started = time.perf_counter()
    await addresses.refresh(0)
    load_s = time.perf_counter() - started
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(addresses) == watched
    started = time.perf_counter()
    for _ in range(20):
        await addresses.refresh(0)
    refresh_ms = (time.perf_counter() - started) * 1000 / 20
    cpu, started = _cpu_s(), time.perf_counter()
    while True:
        cursor = await start_following(network, chain, runtime.clock)
        await addresses.refresh(cursor.openings)
        if (step := await advance_chain(runtime.uow, runtime.clock, network, chain, addresses, cursor, ahead)).caught_up:
            break
    elapsed, spent = time.perf_counter() - started, _cpu_s() - cpu
    stored = await Transaction.find_all().count()
    per_block = 1000 / step.height
    return Cost(
        watched,
        organizations,
        round(elapsed * per_block, 3),
        round(spent * per_block, 3),
        round(refresh_ms, 2),
        round(load_s, 2),
        round(memory / 2**20, 1),
        stored,
    )


async def run(addresses: Addresses, folder: Path, url: str, watched: int, organizations: int) -> Cost:
    token = {"symbol": "USDX", "address": replay_node.TOKEN, "decimals": 6}
    row = {"slug": "replay", "name": "Replay", "chain_id": replay_node.CHAIN_ID, "rpc_urls": [url], "start_height": 0, "tokens": [token]}
    row["receipts_checked"] = "none"  # a generated chain has no roots that anything could be proved by
    (folder / "networks.json").write_text(json.dumps([row]))
    config = Config(
        _env_file=None, mongodb_uri=addresses.mongodb_uri, redis_url=addresses.redis_url, mongodb_database=f"watched_{watched}_{organizations}",
        networks=folder / "networks.json", secret_key="0" * 40, master_key=b64encode(bytes(32)).decode(), log_dir=folder / "logs",
    )  # type: ignore[arg-type, call-arg]  # fmt: skip
    client = connect(config.mongodb_uri)
    await deploy(client, config.mongodb_database, DOCUMENTS)
    await client.close()
    async with open_runtime(config) as runtime:
        await add_wallets(watched, organizations)
        return await cost(runtime, watched, organizations)


async def by_watched(blocks: int, transfers: int, counts: list[int]) -> list[Cost]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        async with (
            EmbeddedServers(path / "data", path / "logs", configured=Configured.nothing(), chain=None) as servers,
            replay(blocks, transfers, PAID) as (url, paid),
        ):
            for watched, organizations in [*((count, max(count // 10, 1)) for count in counts), (max(counts), 1)]:
                found.append(await run(servers.addresses, path, url, watched, organizations))
                if found[-1].stored != paid:
                    raise SystemExit(f"wrong result: {found[-1].stored} stored, the chain has {paid}")
    return found


def show(rows: list[Cost]) -> None:
    table = Table(title="Cost of a block by watched addresses")
    for name in (*asdict(rows[0]), "ratio"):
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*map(str, asdict(row).values()), f"{row.ms_per_block / rows[0].ms_per_block:.2f}")
    Console(stderr=True, width=150).print(table)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=600)
    parser.add_argument("--transfers", type=int, default=100)
    parser.add_argument("--watched", default="10,1000,100000")
    options = parser.parse_args()
    rows = await by_watched(options.blocks, options.transfers, [int(count) for count in options.watched.split(",")])
    show(rows)
    ratio = round(rows[-2].ms_per_block / rows[0].ms_per_block, 3)
    sys.stdout.write(json.dumps({"by_watched": [asdict(row) for row in rows], "ratio": ratio}) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
