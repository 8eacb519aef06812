"""How fast a chain is followed.

    python -m benchmarks.chain [--blocks 2000] [--transfers 100] [--watched 10000] [--one-in 100,1000] [--latency-blocks 200]

1. Catch-up over a generated chain that a node serves from memory: full blocks and their logs read, decoded, matched against the
   watched addresses, movements stored durably with the cursor and booked. Beside it, in the same run, a raw client that reads and
   parses the same answers and stores nothing: the limit.
2. Latency on a real node with the real processes: from the moment a block was mined to its movement in the database, and to the
   frame at a console.
3. With `--by-watched`: what a block costs, by the number of watched addresses (`benchmarks/watched.py`).
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import orjson
from eth_utils.address import to_checksum_address
from rich.console import Console
from rich.table import Table

from benchmarks import replay_node
from crypto_api.bootstrap import open_runtime
from crypto_api.chains.stretches import ReadAhead
from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_api.flows.advance_chain import advance_chain, start_following
from crypto_api.kit.clock import SystemClock
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from crypto_api.wallets.watch_list import WatchList
from crypto_project.embedded.ports import free_port
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config.client import connect
from mongodb_config.migrations import deploy

RAW_BATCH = 10
RAW_CONNECTIONS = 2
WALLETS_AT_ONCE = 250  # fewer than a busy server takes half a minute for


@dataclass(frozen=True)
class CatchUp:
    blocks_per_s: float
    cpu_s: float
    stored: int


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def raw_client(url: str, blocks: int) -> CatchUp:
    """Batches of ten on two connections, parsed by orjson and dropped."""
    numbers = list(range(1, blocks + 1))
    cpu, started = _cpu_s(), time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=RAW_CONNECTIONS)) as http:

        async def post(calls: list[dict[str, object]]) -> list[dict[str, object]]:
            async with http.post(url, data=orjson.dumps(calls)) as response:
                return orjson.loads(await response.read())  # type: ignore[no-any-return]

        async def lane(chunks: list[list[int]]) -> None:
            for chunk in chunks:
                answers = await post([{"jsonrpc": "2.0", "id": n, "method": "eth_getBlockByNumber", "params": [hex(n), True]} for n in chunk])
                hashes = [answer["result"]["hash"] for answer in answers]  # type: ignore[index]
                await post([{"jsonrpc": "2.0", "id": i, "method": "eth_getLogs", "params": [{"blockHash": h}]} for i, h in enumerate(hashes)])

        chunks = [numbers[i : i + RAW_BATCH] for i in range(0, blocks, RAW_BATCH)]
        await asyncio.gather(*(lane(chunks[start::RAW_CONNECTIONS]) for start in range(RAW_CONNECTIONS)))
    elapsed = time.perf_counter() - started
    return CatchUp(blocks / elapsed, _cpu_s() - cpu, 0)


async def ours(runtime: Runtime, blocks: int, *, expected: int) -> CatchUp:
    """`advance_chain` as the follower calls it, until it is at the head; then what the database holds."""
    (network,) = runtime.networks.values()
    chain, watched, ahead = runtime.rpc[network.slug], WatchList(network.slug), ReadAhead[list[Transaction]](asyncio.create_task)
    await watched.refresh(0)
    await start_following(network, chain, runtime.clock)
    cpu, started = _cpu_s(), time.perf_counter()
    while True:
        cursor = await start_following(network, chain, runtime.clock)
        await watched.refresh(cursor.openings)
        if (step := await advance_chain(runtime.uow, runtime.clock, network, chain, watched, cursor, ahead)).caught_up:
            break
    elapsed, spent = time.perf_counter() - started, _cpu_s() - cpu
    stored = await Transaction.find_all().count()
    if stored != expected or step.height != blocks:
        raise SystemExit(f"wrong result: {stored} stored at height {step.height}, the chain has {expected} at {blocks}")
    return CatchUp(blocks / elapsed, spent, stored)


async def add_wallets(count: int, organizations: int = 1) -> None:
    """Watched since an hour: what was added this minute is looked at again and again."""
    now = SystemClock().now()
    before = now - timedelta(hours=1)
    for start in range(0, count, WALLETS_AT_ONCE):
        rows = [
            Wallet(
                id=f"wal_{index}", created_at=before, updated_at=before, org_id=f"org_{index % organizations}", name=f"Wallet {index}",
                address=to_checksum_address(replay_node.address(index)), wallet_type=WalletType.WATCH, network="replay", created_by="usr_1",
                opening=Opening.DONE, opened_at_height=0, opened_at_hash="0x00",
            )
            for index in range(start, min(start + WALLETS_AT_ONCE, count))
        ]  # fmt: skip
        await Wallet.insert_many(rows)


@asynccontextmanager
async def replay(blocks: int, transfers: int, watched: int, one_in: int = 100) -> AsyncIterator[tuple[str, int]]:
    """The node's URL, and how many transactions pay a watched address."""
    port = free_port()
    arguments = [sys.executable, "-m", "benchmarks.replay_node", *map(str, (port, blocks, transfers, watched, one_in))]
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    _, paid = (await process.stdout.readline()).decode().split()
    try:
        yield f"http://127.0.0.1:{port}/", int(paid)
    finally:
        process.kill()
        await process.wait()


@dataclass
class Bench:
    """A runtime on servers of its own, in front of a chain that a node serves from memory."""

    runtime: Runtime
    url: str
    paid: int  # transactions to watched addresses
    database_pid: int


@asynccontextmanager
async def bench(blocks: int, transfers: int, watched: int, one_in: int = 100) -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        async with (
            EmbeddedServers(path / "data", path / "logs", configured=Configured.nothing(), chain=None) as servers,
            replay(blocks, transfers, watched, one_in) as (url, paid),
        ):
            token = {"symbol": "USDX", "address": replay_node.TOKEN, "decimals": 6}
            row = {"slug": "replay", "name": "Replay", "chain_id": replay_node.CHAIN_ID, "rpc_urls": [url], "start_height": 0, "tokens": [token]}
            row["receipts_checked"] = "none"  # a generated chain has no roots that anything could be proved by
            (path / "networks.json").write_text(json.dumps([row]))
            config = Config(
                _env_file=None, mongodb_uri=servers.addresses.mongodb_uri, redis_url=servers.addresses.redis_url,
                networks=path / "networks.json", secret_key="0" * 40, master_key=b64encode(bytes(32)).decode(), log_dir=path / "logs",
            )  # type: ignore[arg-type, call-arg]  # fmt: skip
            client = connect(config.mongodb_uri)
            await deploy(client, config.mongodb_database, DOCUMENTS)
            await client.close()
            async with open_runtime(config) as runtime:
                await add_wallets(watched)
                yield Bench(runtime, url, paid, servers.pids["mongodb"])


async def catch_up(blocks: int, transfers: int, watched: int, one_in: int) -> dict[str, object]:
    async with bench(blocks, transfers, watched, one_in) as at:
        limit = await raw_client(at.url, blocks)
        before = cpu_of(at.database_pid)
        result = await ours(at.runtime, blocks, expected=at.paid)
        database_s = cpu_of(at.database_pid) - before
        again = await raw_client(at.url, blocks)
    raw = max(limit.blocks_per_s, again.blocks_per_s)
    return {
        "blocks": blocks,
        "transfers_per_block": transfers,
        "watched": watched,
        "stored": result.stored,
        "raw_blocks_per_s": round(raw),
        "blocks_per_s": round(result.blocks_per_s),
        "share_of_raw": round(result.blocks_per_s / raw, 3),
        "cpu_s": round(result.cpu_s, 2),
        "raw_cpu_s": round(min(limit.cpu_s, again.cpu_s), 2),
        "database_cpu_s": round(database_s, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def cpu_of(pid: int) -> float:
    """Seconds that a process and those that it waited for have computed (proc(5), stat: utime, stime, cutime, cstime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def show(title: str, figures: dict[str, object]) -> None:
    table = Table(title=title, show_header=False)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), str(value))
    Console(stderr=True).print(table)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=2000)
    parser.add_argument("--transfers", type=int, default=100)
    parser.add_argument("--watched", type=int, default=10_000)
    parser.add_argument("--one-in", default="100,1000", help="which transactions concern a watched address; one run for each")
    parser.add_argument("--latency-blocks", type=int, default=200, help="0 leaves the latency out")
    parser.add_argument("--by-watched", action="store_true", help="what a block costs with 10, 1,000 and 100,000 watched addresses")
    options = parser.parse_args()
    figures: dict[str, object] = {}
    for one_in in map(int, options.one_in.split(",")):
        figures[f"catch_up_one_in_{one_in}"] = found = await catch_up(options.blocks, options.transfers, options.watched, one_in)
        show(f"Catch-up, one transaction in {one_in:,} is watched", found)
    if options.latency_blocks:
        from benchmarks.latency import measure_latency  # with a whole installation's packages, which are no part of a follower's memory

        figures["latency_ms"] = await measure_latency(options.latency_blocks)
        show("Latency, ms", figures["latency_ms"])  # type: ignore[arg-type]
    if options.by_watched:
        from benchmarks import watched  # it stands on what is above

        rows = await watched.by_watched(options.blocks, options.transfers, [10, 1_000, 100_000])
        watched.show(rows)
        figures["by_watched"] = [asdict(row) for row in rows]
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
