"""Reorganisations of every depth that is undone by itself, on a real node, and one that is deeper.

    manage.py chaos --of reorganisations [--runs 64] [--seed 1]

For each depth: payments in every third block, followed and booked to the head; the chain is reorganised that deep, with some of the payments dropped
and others in other blocks; followed again. Then every row stands in the block in which the node has it and nowhere else, and the books of both
wallets are equal to the chain. Deeper than the limit, following stops, says so in the inbox, changes nothing, and goes on when it is
told to.
"""

import json
import tempfile
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.flows.resume_following import resume_following
from crypto_api.flows.rewind_chain import TooDeep
from crypto_api.inbox.documents import InboxItem
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Finality
from crypto_api.wallets.documents import Wallet
from crypto_project.demo.keys import dev_account
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from tests.chaos.report import Outcome
from tests.factories.following import Desk, open_desk

OWN = [dev_account(1), dev_account(2)]
STRANGER = dev_account(3)
DEPTH_MAX = 64
MARGIN = 5  # an empty block that is made again at the same second is the same block: up to two of them may not be replaced at all


@dataclass
class House:
    desk: Desk
    wallets: list[Wallet]
    random: Random

    async def blocks(self, count: int) -> None:
        for number in range(count):
            if number % 3 == 0:
                sender, receiver = self.random.sample([*OWN, STRANGER], 2)
                await self.desk.actor.send(sender, receiver.address, value=self.random.randrange(1, 10**15))
            await self.desk.actor.mine()

    async def problems(self) -> list[str]:
        found = []
        for row in await Transaction.find({"finality": {"$ne": Finality.ORPHANED}}).to_list():
            receipt = await self.desk.actor.rpc("eth_getTransactionReceipt", row.hash)
            if receipt is None or receipt["blockHash"] != row.block_hash:
                found.append(f"{row.hash} stands in {row.block_hash}, the chain has it in {receipt and receipt['blockHash']}")
        for wallet in self.wallets:
            differences = await self.desk.compare(wallet)
            found += [f"{wallet.name}: {difference} {asset}" for asset, difference in differences.items() if difference != Decimal(0)]
        return found

    async def undo(self, depth: int) -> Outcome:
        """Followed to the head, reorganised, followed again."""
        outcome, gone = Outcome(f"depth {depth}"), await Transaction.find({"finality": Finality.ORPHANED}).count()
        await self.blocks(depth + 1)
        await self.desk.follow()
        await self.desk.actor.reorg(depth, self.random, drop_share=0.3)
        await self.desk.actor.mine()
        await self.desk.follow()
        orphaned = await Transaction.find({"finality": Finality.ORPHANED}).count() - gone
        outcome.counted = Counter({"orphaned": orphaned, "undone": 1})
        outcome.problems = await self.problems()
        return outcome

    async def stop(self, depth: int) -> Outcome:
        """Deeper than is undone by itself."""
        desk, outcome = self.desk, Outcome(f"depth {depth}, too deep", counted=Counter({"stopped": 1}))
        await self.blocks(depth + 1)
        await desk.follow()
        before = [await desk.holding(wallet) for wallet in self.wallets]
        await desk.actor.alone("anvil_reorg", depth, [])
        await desk.actor.mine()
        try:
            await desk.follow()
            outcome.problems.append("it was undone, although it is too deep")
        except TooDeep:
            pass
        if [await desk.holding(wallet) for wallet in self.wallets] != before:
            outcome.problems.append("the books changed")
        await self._sweep()
        if await InboxItem.find({"kind": "follower_stopped", "state": "open"}).count() != 1:
            outcome.problems.append("nobody was told")
        await resume_following(desk.runtime.uow, desk.runtime.clock, desk.network, desk.chain)
        await desk.follow()
        await self._sweep()
        if await InboxItem.find({"kind": "follower_stopped", "live": True}).count():
            outcome.problems.append("the item did not close")
        outcome.problems += await self.problems()
        return outcome

    async def _sweep(self) -> None:
        await sweep_inbox(self.desk.runtime.uow, self.desk.runtime.clock, self.desk.org_id, self.desk.runtime.networks)


@asynccontextmanager
async def house(make_config: Any, rpc_url: str, chain_id: int, seed: int, depth_max: int = DEPTH_MAX) -> AsyncIterator[House]:
    async with open_desk(make_config, rpc_url, chain_id, reorg_depth_max=depth_max) as desk:
        wallets = [await desk.add(account.address, f"Wallet {number}") for number, account in enumerate(OWN)]
        await desk.follow()
        yield House(desk, wallets, Random(seed))


async def reorganisations(depths: Iterable[int], seed: int) -> AsyncIterator[Outcome]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        options = ChainNodeOptions(mining=False, keep=False)
        async with EmbeddedServers(path / "data", path / "logs", configured=Configured.nothing(), chain=options) as servers:
            addresses = servers.addresses
            client = connect(addresses.mongodb_uri)
            await deploy(client, "reorganisations", DOCUMENTS)
            await client.close()

            def make_config(networks: list[dict[str, object]]) -> Config:
                (path / "networks.json").write_text(json.dumps(networks))
                return Config(
                    _env_file=None, mongodb_uri=addresses.mongodb_uri, redis_url=addresses.redis_url, mongodb_database="reorganisations",
                    networks=path / "networks.json", secret_key="x" * 40, master_key=b64encode(bytes(32)).decode(), log_dir=path / "logs",
                )  # type: ignore[arg-type, call-arg]  # fmt: skip

            async with house(make_config, addresses.rpc_url, addresses.chain_id, seed) as made:
                await made.desk.actor.take_over_mining()
                for depth in depths:
                    yield await made.undo(depth)
                yield await made.stop(DEPTH_MAX + MARGIN)
