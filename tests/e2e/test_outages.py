"""A whole installation whose parts go away and come back: everything goes on by itself within ten seconds, nothing lost, nothing twice.

One fault after another, and a console that listens from the first to the last.
"""

import asyncio
import os
import signal
import time

import httpx
import pytest
from redis.asyncio import Redis

from tests.e2e.conftest import BACK_WITHIN_S, LOADED_MACHINE, Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", ["follower", "relay", "api", "jobs", "signer"])
async def test_a_killed_process_comes_back_and_goes_on(installation: Installation, name: str) -> None:
    before = installation.shell.pids[name]
    installation.shell.processes.kill(name)
    hash_ = await installation.pay()
    await installation.booked_and_heard(hash_)
    await installation.shell.processes.wait_ready(name, BACK_WITHIN_S * LOADED_MACHINE)
    assert installation.shell.pids[name] != before


async def test_valkey_killed_and_flushed(installation: Installation) -> None:
    valkey = installation.shell.servers.children["valkey"]
    valkey.kill()
    await valkey.wait()
    await installation.booked_and_heard(await installation.pay())  # frames come by polling the head
    await valkey.start()
    redis = Redis.from_url(installation.shell.addresses.redis_url)
    await redis.flushall()
    await redis.aclose()
    await installation.booked_and_heard(await installation.pay())


async def test_the_database_killed_and_restarted(installation: Installation) -> None:
    mongodb = installation.shell.servers.children["mongodb"]
    mongodb.kill()
    await mongodb.wait()
    hash_ = await installation.pay()
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        health = await http.get(f"{installation.shell.base_url}/api/system/health/")
    assert health.status_code == 503
    await mongodb.start()
    await installation.booked_and_heard(hash_, await installation.pay())


async def test_the_node_stalls_in_the_middle(installation: Installation) -> None:
    pid = installation.shell.pids["chain"]
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(1)  # long enough for a call to be under way
    finally:
        os.kill(pid, signal.SIGCONT)
    await installation.booked_and_heard(await installation.pay())


async def test_the_node_is_down_when_the_follower_starts(installation: Installation) -> None:
    """The network is shown as unreachable, and followed again once the node is back."""
    chain, processes = installation.shell.servers.children["chain"], installation.shell.processes
    hash_ = await installation.pay()
    await installation.booked_and_heard(hash_)
    await chain.stop()  # it writes its state down
    processes.kill("follower")
    cursors = installation.client[installation.shell.config.mongodb_database]["chain_cursors"]
    deadline = time.monotonic() + BACK_WITHIN_S * LOADED_MACHINE
    while (await cursors.find_one({}) or {}).get("state") != "unreachable":
        assert time.monotonic() < deadline, "the follower never said that its node is away"
        await asyncio.sleep(0.1)
    await chain.start()
    await installation.actor.take_over_mining()
    await installation.booked_and_heard(await installation.pay())


async def test_in_the_end_nothing_is_lost_or_doubled(installation: Installation) -> None:
    assert await installation.rows({"hash": {"$in": installation.paid}, "booking": "done"}) == len(installation.paid)
    database = installation.client[installation.shell.config.mongodb_database]
    entries = await database["journal_entries"].find({"transaction_hash": {"$in": installation.paid}}).to_list()
    assert sorted(str(entry["transaction_hash"]) for entry in entries) == sorted(installation.paid)
    heard = installation.listener.heard
    assert heard.duplicates == 0
    assert heard.broken_links == 0
    assert not heard.missing(heard.last)
    for kind in ("transaction.recorded", "transaction.booked"):
        told = [frame.data["hash"] for frame in heard.frames if frame.kind == kind and frame.data["hash"] in installation.paid]
        assert sorted(told) == sorted(installation.paid), kind
