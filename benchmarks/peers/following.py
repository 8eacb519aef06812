"""Following: a generated chain, served from memory by one node, read by a raw client, by ours, by ethereum-etl and by Ponder, each alone."""

import resource
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import replay_node
from benchmarks.chain import CatchUp, bench, cpu_of, ours, raw_client
from benchmarks.peers import ethereum_etl, ponder
from benchmarks.peers.comparison import Comparison, Row
from benchmarks.peers.peer import Home, PeerUnavailable
from benchmarks.peers.reading import Asked, Reading
from crypto_api.transactions.documents import Transaction

PEERS = {ethereum_etl.NAME: ethereum_etl, ponder.NAME: ponder}
COMPARED = "the transactions that pay a watched address, by hash, and how many blocks, transactions and transfers each read"


@dataclass(frozen=True)
class Sizes:
    blocks: int = 1_000
    transfers: int = 100
    watched: int = 10_000
    one_in: int = 100


async def compare(sizes: Sizes, home: Home) -> list[Comparison]:
    absent: dict[str, str] = {}
    for name, peer in PEERS.items():
        try:
            await peer.prepare(home)
        except PeerUnavailable as error:
            absent[name] = str(error)
    async with bench(sizes.blocks, sizes.transfers, sizes.watched, sizes.one_in) as at:
        watched = frozenset(replay_node.address(index) for index in range(sizes.watched))
        asked = Asked(at.url, replay_node.CHAIN_ID, replay_node.TOKEN, sizes.blocks, watched)
        first, begun = await raw_client(at.url, sizes.blocks), cpu_of(at.database_pid)
        found = await ours(at.runtime, sizes.blocks, expected=at.paid)
        mine, paid = _ours(found, sizes.blocks, cpu_of(at.database_pid) - begun), await _hashes({})
        of_token = await _hashes({"movements.kind": "erc20", "block_number": {"$lt": sizes.blocks - ponder.NOT_FINAL + 1}})
        rows = [mine]
        for name, peer in PEERS.items():
            if name not in absent:
                try:
                    rows.append(_row(await peer.read(asked, home), paid if name == ethereum_etl.NAME else of_token, sizes))
                except PeerUnavailable as error:
                    absent[name] = str(error)
        again = await raw_client(at.url, sizes.blocks)
    return [Comparison("following", "Following a chain", "blocks", COMPARED, [_limit(first, again, sizes.blocks), *rows], absent)]


async def _hashes(where: Mapping[str, Any]) -> frozenset[str]:
    return frozenset([row["hash"] async for row in Transaction.get_pymongo_collection().find(where, {"hash": 1})])


def _limit(first: CatchUp, again: CatchUp, blocks: int) -> Row:
    """The better of the two, before and after the others."""
    per_s, cpu_s = max(first.blocks_per_s, again.blocks_per_s), min(first.cpu_s, again.cpu_s)
    return Row("raw client", "", "full blocks, logs; parsed, and nothing stored", per_s, cpu_s * 1_000 / blocks, is_limit=True)


def _ours(found: CatchUp, blocks: int, database_s: float) -> Row:
    does = f"full blocks, all logs; {found.stored:,} transactions with the cursor, durably"
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Row("coffer", "", does, found.blocks_per_s, (found.cpu_s + database_s) * 1_000 / blocks, peak_mb)


def _row(read: Reading, paid: frozenset[str], sizes: Sizes) -> Row:
    """It has to have read everything of its blocks, and found of it the same for the watched addresses as we have."""
    of_token = sum(index % 5 >= 3 for index in range(sizes.transfers))
    whole = {"blocks": read.blocks, "transactions": read.blocks * sizes.transfers, "token transfers": read.blocks * of_token}
    found = {**dict.fromkeys(read.paid, True), **read.counted}
    wanted = {**dict.fromkeys(paid, True), **{name: whole[name] for name in read.counted}}
    per_s, cpu_ms = read.blocks / read.seconds, read.cpu_s * 1_000 / read.blocks
    return Row(read.name, read.version, read.does, per_s, cpu_ms, read.peak_mb, found=found, wanted=wanted)
