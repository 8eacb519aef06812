"""From the block to the database and to the console, on a whole installation: real node, follower, relay, API and a WebSocket client."""

import asyncio
import time

from pymongo import AsyncMongoClient

from crypto_project.demo.chain import ChainActor
from crypto_project.demo.event_listener import EventListener
from crypto_project.demo.keys import dev_account
from crypto_project.demo.moves import ChainMoves
from crypto_project.demo.world import DemoWorld
from crypto_project.shell import Shell, ShellOptions

PAYER = dev_account(7)
PAUSE_S = 0.15  # a block every 150 ms, each with one payment to a watched wallet
WAIT_S_MAX = 30.0


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def measure_latency(blocks: int) -> dict[str, object]:
    """p50 and p99 in milliseconds from just before the node made a block to (a) its transaction stored, by the follower's clock, and (b)
    its frame received by a console."""
    async with Shell(ShellOptions()) as shell:
        world = shell.world
        assert isinstance(world, DemoWorld)
        actor = ChainActor(shell.addresses.rpc_url, shell.addresses.chain_id)
        await actor.take_over_mining()
        client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(shell.addresses.mongodb_uri, tz_aware=True)
        database = client[shell.config.mongodb_database]
        wallet = await database["wallets"].find_one({"org_id": world.org_id, "active": True})
        assert wallet is not None
        async with EventListener(shell.base_url, world.admin["email"], world.admin["password"]) as listener:
            mined = await _pay(ChainMoves(actor, world.contracts), str(wallet["address"]), blocks)
            framed = await _frames(listener, set(mined))
        rows = await database["transactions"].find({"hash": {"$in": list(mined)}}).to_list()
        stored = {str(row["hash"]): row["stored_at"].timestamp() for row in rows}  # type: ignore[attr-defined]
        await actor.close()
        await client.close()
    return {
        "blocks": blocks,
        "block_to_stored": _figures([stored[hash_] - at for hash_, at in mined.items()]),
        "block_to_frame": _figures([framed[hash_] - at for hash_, at in mined.items()]),
    }


async def _pay(moves: ChainMoves, to: str, blocks: int) -> dict[str, float]:
    """Transaction hash → when its block was made."""
    mined: dict[str, float] = {}
    for _ in range(blocks):
        sent = await moves.pay_ether(PAYER, to, 10**12)
        mined[sent.hash] = (await moves.actor.mine()).mined_at
        await asyncio.sleep(PAUSE_S)
    return mined


async def _frames(listener: EventListener, wanted: set[str]) -> dict[str, float]:
    deadline = time.monotonic() + WAIT_S_MAX
    while True:
        found = {str(f.data["hash"]): f.received_at for f in listener.heard.frames if f.kind == "transaction.recorded" and f.data["hash"] in wanted}
        if len(found) == len(wanted):
            return found
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(wanted) - len(found)} frames did not arrive within {WAIT_S_MAX} s")
        await asyncio.sleep(0.1)


def _figures(seconds: list[float]) -> dict[str, int]:
    return {"p50": round(percentile(seconds, 0.5) * 1000), "p99": round(percentile(seconds, 0.99) * 1000)}
