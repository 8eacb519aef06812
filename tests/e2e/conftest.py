"""One whole installation for the session: real servers, every process, a sample organisation, and a console that listens throughout."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from crypto_project.demo.chain import ChainActor
from crypto_project.demo.event_listener import EventListener
from crypto_project.demo.keys import dev_account
from crypto_project.demo.world import DemoWorld
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.shell import Shell, ShellOptions
from tests.browser import chromium, faults

__all__ = ["chromium", "faults"]
PAYER = dev_account(9)
BACK_WITHIN_S = 10.0
LOADED_MACHINE = 3  # a test does not measure: it allows for a machine that does other things as well


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

    async def opened(self) -> None:
        """Until the follower has begun and every wallet's books are open: what is paid before belongs to the opening balance."""
        wallets = self.client[self.shell.config.mongodb_database]["wallets"]
        followed = {"org_id": self.shell.world.org_id, "active": True, "monitoring_enabled": True}
        deadline = time.monotonic() + BACK_WITHIN_S * LOADED_MACHINE
        while await wallets.count_documents(followed | {"opening": {"$ne": "done"}}):
            assert time.monotonic() < deadline, "the follower has opened no books"
            await asyncio.sleep(0.05)

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


@pytest.fixture(scope="session")
async def installation() -> AsyncIterator[Installation]:
    async with Shell(ShellOptions(chain=ChainNodeOptions(mining=False))) as shell:
        assert isinstance(shell.world, DemoWorld)
        client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(shell.addresses.mongodb_uri)
        wallet = await client[shell.config.mongodb_database]["wallets"].find_one({"org_id": shell.world.org_id, "active": True})
        assert wallet is not None
        actor = ChainActor(shell.addresses.rpc_url, shell.addresses.chain_id)
        async with EventListener(shell.base_url, shell.world.admin["email"], shell.world.admin["password"]) as listener:
            made = Installation(shell, listener, actor, client, str(wallet["address"]))
            await made.opened()
            await made.booked_and_heard(await made.pay())
            yield made
        await actor.close()
        await client.close()
