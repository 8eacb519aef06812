"""Kill the follower at a named step while the chain is reorganised, and count afterwards.

    python -m tests.chaos.follower_crashes --runs 100 [--seed 1]

Each run: a database of its own, a real node, a real follower process that SIGKILLs itself at the chosen pass of the chosen step, and a
second one that takes over. Then the chain is counted from the node (`chain_census`, which shares no code with the follower) and compared
with what lies in MongoDB: every movement once, none that the chain does not have, every transaction in the books once, and the
quantity in the books of every wallet and asset equal to its balance on chain.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from beanie import init_beanie
from pymongo import AsyncMongoClient

from crypto_api.documents import DOCUMENTS
from crypto_api.ledger import service as ledger
from crypto_api.organizations.documents import Organization
from crypto_api.wallets.documents import Wallet, WalletType
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.chain_census import Watched, read_balances, take_chain_census
from crypto_project.demo.compile import compile_contracts
from crypto_project.demo.database_census import DatabaseCensus
from crypto_project.demo.deploy import DemoContracts, deploy_contracts
from crypto_project.demo.keys import dev_account
from crypto_project.demo.moves import ChainMoves
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.embedded.servers import Addresses, Configured, EmbeddedServers
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from mongodb_config.unit_of_work import UnitOfWork

STEPS = ("advance_chain.read", "advance_chain.before_commit", "advance_chain.committed", "rewind_chain.undone", "book_transaction.before_commit")
ORG = "org_chaos"
NETWORK = "local"
BLOCKS = 10
SETTLED_WITHIN_S = 30
OWN = [dev_account(index) for index in (1, 2, 3)]
STRANGERS = [dev_account(index) for index in (4, 5, 6)]


@dataclass(frozen=True)
class Plan:
    seed: int
    step: str
    nth: int
    depth: int
    shallow: bool  # the reorganisation reaches below the block at which the wallets were opened

    @classmethod
    def of(cls, seed: int) -> "Plan":
        random = Random(seed)
        step = STEPS[seed % len(STEPS)]
        return cls(seed, step, nth=random.randint(1, 2), depth=1 + seed // len(STEPS) % 8, shallow=random.random() < 0.25)


@dataclass
class Outcome:
    plan: Plan
    killed: bool = False
    movements: int = 0
    orphaned: int = 0
    problems: list[str] = field(default_factory=list)


def _follower(settings: dict[str, Any], fault: str) -> None:
    """The body of a follower process."""
    from crypto_api.bootstrap import open_runtime
    from crypto_api.config import Config
    from crypto_api.kit import log
    from crypto_api.kit.faultpoint import arm
    from workers import chains
    from workers.lane import supervise

    async def follow() -> None:
        log.configure(Path(settings["log_dir"]), process="follower")
        async with open_runtime(Config(_env_file=None, **settings)) as runtime:  # type: ignore[call-arg]
            await asyncio.gather(*(supervise(lane) for lane in chains.lanes(runtime)))

    arm(fault)
    asyncio.run(follow())


class Rig:
    """The servers and contracts that all runs share; runs follow one another on one chain."""

    def __init__(self, addresses: Addresses, folder: Path) -> None:
        self.addresses = addresses
        self.folder = folder
        self.actor = ChainActor(addresses.rpc_url, addresses.chain_id)
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(["workers.chains", "crypto_api.bootstrap"])
        self.contracts: DemoContracts
        self.moves: ChainMoves

    async def prepare(self) -> None:
        await self.actor.take_over_mining()
        self.contracts = await deploy_contracts(self.actor, await compile_contracts())
        self.moves = ChainMoves(self.actor, self.contracts)
        for account in OWN + STRANGERS:
            await self.moves.mint(self.contracts.usdc, account.address, 10**12)
        await self.actor.mine()

    @property
    def watched(self) -> Watched:
        wallets = frozenset(account.address.lower() for account in OWN)
        return Watched(wallets, frozenset({self.contracts.usdc.lower(), self.contracts.weth.lower()}), self.contracts.weth.lower())

    def settings(self, database: str, start_height: int) -> dict[str, Any]:
        listed = {"symbol": "USDC", "address": self.contracts.usdc, "decimals": 6}
        row = {
            "slug": NETWORK,
            "name": "Local",
            "chain_id": self.addresses.chain_id,
            "rpc_urls": [self.addresses.rpc_url],
            "ws_url": self.addresses.rpc_ws_url,
            "confirmations": 4,
            "start_height": start_height,
            "tokens": [listed],
            "wrapped_native": {"symbol": "WETH", "address": self.contracts.weth, "decimals": 18},
            "poll_s": 0.2,
        }
        path = self.folder / f"{database}.json"
        path.write_text(json.dumps([row]))
        return {
            "mongodb_uri": self.addresses.mongodb_uri,
            "redis_url": self.addresses.redis_url,
            "mongodb_database": database,
            "networks": str(path),
            "secret_key": "x" * 40,
            "master_key": b64encode(bytes(32)).decode(),
            "log_dir": str(self.folder / "logs"),
        }


class Run:
    def __init__(self, rig: Rig, plan: Plan) -> None:
        self.rig, self.plan, self.random = rig, plan, Random(plan.seed)
        self.database = f"crash_{plan.seed}_{time.time_ns()}"
        self.outcome = Outcome(plan)

    async def go(self) -> Outcome:
        client = connect(self.rig.addresses.mongodb_uri)
        try:
            await self._seed(client)
            start = int(await self.rig.actor.rpc("eth_blockNumber"), 16)
            self.settings = self.rig.settings(self.database, start)
            census = DatabaseCensus(self.rig.addresses.mongodb_uri, self.database, ORG, NETWORK)
            self.process = self._start(f"{self.plan.step}:{self.plan.nth}")
            try:
                await self._play(client)
                await self._settle(client, census)
                await self._compare(client, census)
            finally:
                self.process.kill()
                self.process.join()
                await census.close()
        finally:
            await client.close()
        return self.outcome

    async def _seed(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        await deploy(client, self.database, DOCUMENTS)
        await init_beanie(database=client[self.database], document_models=DOCUMENTS, skip_indexes=True)
        now = datetime.now(UTC).replace(microsecond=0)
        await Organization(id=ORG, created_at=now, name="Chaos").insert()
        await UnitOfWork(client).run(lambda session: ledger.create_chart(session, ORG, now))
        for number, account in enumerate(OWN):
            await Wallet(
                id=f"wal_{number}", created_at=now, updated_at=now, org_id=ORG, name=f"Wallet {number}", address=account.address,
                wallet_type=WalletType.WATCH, network=NETWORK, created_by="usr_1",
            ).insert()  # fmt: skip

    def _start(self, fault: str) -> Any:
        process = self.rig.processes.Process(target=_follower, args=(self.settings, fault), daemon=True)
        process.start()
        return process

    async def _revive(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        """A second follower, once the first is dead; the dead one's lease has run out."""
        if self.process.is_alive():
            return
        self.outcome.killed |= self.process.exitcode == -9
        if self.process.exitcode != -9:
            self.outcome.problems.append(f"the follower ended by itself: {self.process.exitcode}")
        await client[self.database]["leases"].delete_many({})
        self.process = self._start("")

    async def _play(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        if not self.plan.shallow:
            await self._opened(client)
            await self.rig.actor.mine_many(8)
        for number in range(BLOCKS):
            for _ in range(self.random.randint(1, 4)):
                await self._move()
            await self.rig.actor.mine()
            if number == BLOCKS // 2:
                await self._stored(client)
                await self.rig.actor.reorg(self.plan.depth, self.random)
            await self._revive(client)

    async def _opened(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        rows = client[self.database]["wallets"]
        await self._until(client, "wallets are opened", lambda: rows.count_documents({"opening": "due"}), 0)

    async def _stored(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        """Something stands in the database that the reorganisation can take away."""
        head = int(await self.rig.actor.rpc("eth_blockNumber"), 16)
        cursors = client[self.database]["chain_cursors"]
        await self._until(client, "the follower is at the head", lambda: cursors.count_documents({"height": {"$gte": head}}), 1)

    async def _until(self, client: AsyncMongoClient[dict[str, Any]], what: str, count: Any, wanted: int) -> None:
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while await count() != wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {SETTLED_WITHIN_S} s: {what}")
            await self._revive(client)
            await asyncio.sleep(0.02)

    async def _move(self) -> None:
        moves, contracts, random = self.rig.moves, self.rig.contracts, self.random
        own, stranger = random.choice(OWN), random.choice(STRANGERS)
        match random.randrange(7):
            case 0:
                await moves.pay_ether(stranger, own.address, random.randrange(1, 10**18))
            case 1:
                await moves.pay_ether(own, stranger.address, random.randrange(1, 10**17))
            case 2:
                await moves.pay_token(stranger, contracts.usdc, own.address, random.randrange(1, 10**9))
            case 3:
                await moves.pay_token(own, contracts.usdc, random.choice(OWN).address, random.randrange(1, 10**8))
            case 4:
                await moves.overdraw(own, contracts.usdc, stranger.address)
            case 5:
                await moves.wrap(own, random.randrange(1, 10**16))
            case 6:
                await moves.airdrop([own.address], 10**20)

    async def _settle(self, client: AsyncMongoClient[dict[str, Any]], census: DatabaseCensus) -> None:
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while True:
            await self._revive(client)
            head = await self.rig.actor.rpc("eth_getBlockByNumber", "latest", False)
            _, hash_ = await census.position()
            settled = hash_ == head["hash"] and not await census.any_due()
            if settled and self.outcome.killed:
                return
            if time.monotonic() > deadline:
                self.outcome.problems.append(
                    f"not settled: at {await census.position()}, head {int(head['number'], 16)}, killed {self.outcome.killed}"
                )
                return
            if settled:  # the step was not passed often enough yet
                await self._move()
                await self.rig.actor.mine()
                if self.plan.step.startswith("rewind"):
                    await self._stored(client)
                    await self.rig.actor.reorg(1, self.random)
            await asyncio.sleep(0.05)

    async def _compare(self, client: AsyncMongoClient[dict[str, Any]], census: DatabaseCensus) -> None:
        problems, rig = self.outcome.problems, self.rig
        opened = [row["opened_at_height"] for row in await census.wallets()]
        if None in opened:
            problems.append("a wallet was never opened")
            return
        chain = await take_chain_census(rig.addresses.rpc_url, rig.watched, min(opened) + 1)
        stored = await census.movements()
        self.outcome.movements, self.outcome.orphaned = sum(stored.movements.values()), stored.orphaned
        if len(set(opened)) == 1:
            problems.extend(f"missing or doubled: {row}" for row in (chain.movements - stored.movements) + (stored.movements - chain.movements))
        problems.extend(await self._books(client, chain.head))

    async def _books(self, client: AsyncMongoClient[dict[str, Any]], head: int) -> list[str]:
        rig, database = self.rig, client[self.database]
        problems = []
        standing = Counter(
            row["transaction_id"]
            for row in await database["journal_entries"].find({"status": "posted", "reverses": None, "source_kind": "transaction"}).to_list()
        )
        booked = {row["_id"] for row in await database["transactions"].find({"booking": "done"}).to_list()}
        if set(standing) != booked or any(count != 1 for count in standing.values()):
            problems.append(f"booked {len(booked)}, standing entries {dict(standing)}")
        tokens = {"ETH": "", "USDC": rig.contracts.usdc, "WETH": rig.contracts.weth}
        chain = await read_balances(rig.addresses.rpc_url, [account.address for account in OWN], tokens, head)
        held = {(f"wal_{i}", symbol): chain[(account.address.lower(), symbol)] for i, account in enumerate(OWN) for symbol in tokens}
        for (wallet, asset), raw in held.items():
            row = await database["account_balances"].find_one({"account_code": "1100", "wallet_id": wallet, "asset": asset})
            quantity = row["quantity"].to_decimal() if row else Decimal(0)
            if quantity != Decimal(raw).scaleb(-6 if asset == "USDC" else -18):
                problems.append(f"{wallet} {asset}: books {quantity}, chain {raw}")
        return problems


@asynccontextmanager
async def rig(folder: Path) -> AsyncIterator[Rig]:
    servers = EmbeddedServers(folder / "data", folder / "logs", configured=Configured.nothing(), chain=ChainNodeOptions(mining=False, keep=False))
    async with servers:
        made = Rig(servers.addresses, folder)
        await made.prepare()
        try:
            yield made
        finally:
            await made.actor.close()


async def crash_runs(seeds: range) -> AsyncIterator[Outcome]:
    with tempfile.TemporaryDirectory() as folder:
        async with rig(Path(folder)) as shared:
            for seed in seeds:
                run = Run(shared, Plan.of(seed))
                with suppress(TimeoutError):
                    yield await run.go()
                    continue
                run.outcome.problems.append("timed out")
                yield run.outcome


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failed, started = 0, time.monotonic()
    steps: Counter[str] = Counter()
    async for outcome in crash_runs(range(options.seed, options.seed + options.runs)):
        failed += bool(outcome.problems)
        steps[outcome.plan.step] += outcome.killed
        sys.stdout.write(
            f"{outcome.plan} killed={outcome.killed} movements={outcome.movements} orphaned={outcome.orphaned} {outcome.problems or 'ok'}\n"
        )
        sys.stdout.flush()
    figures = {"runs": options.runs, "failed": failed, "kills": dict(steps), "seconds": round(time.monotonic() - started)}
    sys.stdout.write(json.dumps(figures) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
