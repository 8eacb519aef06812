"""SIGTERM while there is work: a process ends in bounded time with code 0, and what it held is free at once for whoever comes next, on another
machine too. Real processes; a node that takes questions and never answers; a database that goes silent."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.runtime import Runtime
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from crypto_project.embedded.servers import EmbeddedServers
from mongodb_config.leases import Leases
from tests.conftest import ConfigMaker
from tests.factories.older_rows import PAYER, older_rows
from tests.factories.paying import FREE
from tests.sockets.conftest import say

ROOT = Path(__file__).parents[2]
_ENDING_WITHIN = "import asyncio, workers; workers.SHUTDOWN_S_MAX = {}; asyncio.run(workers.run(['{}']))"
"""It is ten seconds; a loaded machine may need more of them, and where it is waited for nobody needs so many."""
ELSEWHERE = "another-machine|boot/pid:[1]|7|7|hand_1"  # of which nobody here can tell whether it lives


@asynccontextmanager
async def silent_node() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Its address, and whether anybody has asked."""
    asked = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            asked.set()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


@asynccontextmanager
async def worker(config: Any, folder: Path, *command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = {"MONGODB_URI": config.mongodb_uri, "MONGODB_DATABASE": config.mongodb_database, "REDIS_URL": config.redis_url}
    settings |= {"SECRET_KEY": config.secret_key.get_secret_value(), "LOG_DIR": str(folder), "NETWORKS": str(config.networks)}
    child = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, env={**os.environ, **settings})
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


def said(folder: Path) -> list[str]:
    return [orjson.loads(line)["event"] for line in (folder / "crypto_accounting.log").read_bytes().splitlines()]


async def until(condition: Any, child: asyncio.subprocess.Process, timeout_s: float = 90) -> None:
    async with asyncio.timeout(timeout_s):
        while not await condition():
            assert child.returncode is None, "it ended by itself"
            await asyncio.sleep(0.05)


async def test_a_worker_told_to_end_in_the_middle_of_everything_frees_what_it_held(
    runtime: Runtime, make_config: ConfigMaker, tmp_path: Path
) -> None:
    rows = runtime.database["leases"]
    lane = f"payments:eip155:31337:{PAYER}"

    async def held() -> set[str]:
        now = datetime.now(UTC)
        return {row["_id"] async for row in rows.find({"expires_at": {"$gt": now}})}

    async with silent_node() as (url, asked):
        network = {"slug": "testnet", "name": "Test", "chain_id": 31337, "rpc_urls": [url], "confirmations": 2}
        older = await older_rows(runtime, 1)
        (payment,) = older.rows["payments"]
        now, org_id = datetime.now(UTC), payment["org_id"]
        await OrganizationPolicy(id=org_id, org_id=org_id, created_at=now, policy=FREE, updated_at=now).insert()
        wallet: Any = {"name": "Treasury", "address": PAYER, "wallet_type": WalletType.PRIVATE_KEY, "network": "testnet", "created_by": "usr_1"}
        await Wallet(id=payment["wallet_id"], org_id=org_id, created_at=now, updated_at=now, opening=Opening.DONE, **wallet).insert()
        due = {"state": "APPROVED", "nonce": None, "due_at": now, "approved_at": now, "value": None}
        await runtime.database["payments"].insert_one({**payment, **due, "description_folded": ""})
        async with worker(make_config([network]), tmp_path, "-c", _ENDING_WITHIN.format(50, "all")) as child:
            wanted = {lane, "follow:testnet", "relay", "audit-seals", "entry-seals"}

            async def busy() -> bool:
                return asked.is_set() and await held() >= wanted

            await until(busy, child)
            await say(runtime, "org_one", *range(1, 200))
            child.send_signal(signal.SIGTERM)
            child.send_signal(signal.SIGTERM)  # impatience disturbs nothing
            assert await asyncio.wait_for(child.wait(), 60) == 0
    assert await held() == set(), "nothing has to run out"
    assert await Leases(runtime.database).acquire(lane, ELSEWHERE) is not None
    row = await runtime.database["payments"].find_one({"_id": payment["_id"]})
    assert row is not None and (row["state"], row["nonce"], row["hash"], row["attempt_number"]) == ("APPROVED", None, None, 0), "not half of a step"
    events = await runtime.database["events"].find({"org_id": "org_one"}).sort("_id", 1).to_list()
    numbered = [event["seq"] for event in events if not event["pending"]]
    assert len(events) == 199 and numbered == list(range(1, len(numbered) + 1)), "those that were numbered are, in order, and the rest waits"
    assert said(tmp_path)[-1] == "workers_stopped" and "lane_failed" not in said(tmp_path)


async def test_a_silent_database_does_not_hold_up_the_end(
    servers: EmbeddedServers, runtime: Runtime, make_config: ConfigMaker, tmp_path: Path
) -> None:
    server = servers.children["mongodb"]
    async with worker(make_config([]), tmp_path, "-c", _ENDING_WITHIN.format(0.5, "events")) as child:

        async def leads() -> bool:
            return await runtime.database["leases"].find_one({"_id": "relay"}) is not None

        await until(leads, child)
        assert server.pid is not None
        os.killpg(server.pid, signal.SIGSTOP)
        try:
            child.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(child.wait(), 60) == 1, "cut off, and said so"
        finally:
            os.killpg(server.pid, signal.SIGCONT)
    assert said(tmp_path)[-1] == "workers_cut_off"
    lease = await Leases(runtime.database).wait_for("relay", "the next on this machine", poll_s=0.05)
    assert lease.fence > 1, "a process that is surely dead is not waited for"
