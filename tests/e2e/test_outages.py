"""A whole installation whose parts go away and come back: everything goes on by itself within ten seconds, nothing lost, nothing twice.

One installation for all of them, one fault after another, and a console that listens from the first to the last.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from redis.asyncio import Redis

from crypto_project.demo.chain import ChainActor
from crypto_project.demo.event_listener import EventListener
from crypto_project.demo.keys import dev_account
from crypto_project.demo.world import DemoWorld
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.shell import Shell, ShellOptions

PAYER = dev_account(9)
BACK_WITHIN_S = 10.0
LOADED_MACHINE = 3  # a test does not measure: it allows for a machine that does other things as well

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class Installation:
    shell: Shell
    listener: EventListener
    actor: ChainActor
    client: AsyncMongoClient[dict[str, object]]
    wallet: str
    paid: list[str] = field(default_factory=list)

    @property
    def rows(self) -> Callable[[dict[str, object]], Awaitable[int]]:
        return self.client[self.shell.config.mongodb_database]["transactions"].count_documents

    async def pay(self) -> str:
        """A payment from outside, in a block of its own."""
        sent = await self.actor.send(PAYER, self.wallet, value=10**12 + len(self.paid))
        await self.actor.mine()
        self.paid.append(sent.hash)
        return sent.hash

    async def booked_and_heard(self, *hashes: str) -> None:
        """Within the promised time after the parts are back, in the books and at the console."""
        deadline = time.monotonic() + BACK_WITHIN_S * LOADED_MACHINE
        while True:
            try:
                booked = await self.rows({"hash": {"$in": hashes}, "booking": "done"})
            except PyMongoError:
                booked = 0
            heard = {frame.data["hash"] for frame in self.listener.heard.frames if frame.kind == "transaction.booked"}
            if booked == len(hashes) and heard.issuperset(hashes):
                return
            assert time.monotonic() < deadline, f"booked {booked} of {len(hashes)}, heard {len(heard & set(hashes))}"
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
async def installation() -> AsyncIterator[Installation]:
    async with Shell(ShellOptions(chain=ChainNodeOptions(mining=False))) as shell:
        assert isinstance(shell.world, DemoWorld)
        client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(shell.addresses.mongodb_uri)
        wallet = await client[shell.config.mongodb_database]["wallets"].find_one({"org_id": shell.world.org_id, "active": True})
        assert wallet is not None
        actor = ChainActor(shell.addresses.rpc_url, shell.addresses.chain_id)
        async with EventListener(shell.base_url, shell.world.admin["email"], shell.world.admin["password"]) as listener:
            made = Installation(shell, listener, actor, client, str(wallet["address"]))
            await made.booked_and_heard(await made.pay())
            yield made
        await actor.close()
        await client.close()


@pytest.mark.parametrize("name", ["follower", "relay", "api", "jobs"])
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
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
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
