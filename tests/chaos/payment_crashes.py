"""Kill the worker at a named step of a payment, and count afterwards.

    python -m tests.chaos.payment_crashes --runs 200 [--seed 1]

Each run: a database of its own, a real node, the real signer, and a real worker that prepares payments, follows the chain and moves the payments
on, and SIGKILLs itself at the chosen pass of the chosen step; a second one takes over. One payment is made faster, one is cancelled, blocks are
mined, and in half of the runs a reorganisation throws out what was mined. Then the chain is read by itself: every payment has arrived exactly once
or, where it was cancelled, not at all; no nonce is missing and none is left open.
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
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pymongo
from beanie import init_beanie
from eth_account import Account
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.adapters.signer import SignerClient
from crypto_api.documents import DOCUMENTS
from crypto_api.identity.documents import Approval, Session
from crypto_api.identity.types import Purpose
from crypto_api.kit import log
from crypto_api.kit.signing import KeyParcels
from crypto_api.organizations.documents import Organization
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.compile import compile_contracts
from crypto_project.demo.deploy import DemoContracts, deploy_contracts
from crypto_project.demo.moves import ChainMoves
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.embedded.servers import Addresses, Configured, EmbeddedServers
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from mongodb_config.presence import Presence
from tests.factories.signer import signing_desk

NAMED = ("intent", "fees", "slot", "sign", "record", "broadcast", "receipt", "plan", "finalise")
STEPS = (*(f"payment.{when}_{what}" for what in NAMED for when in ("before", "after")), "payment.after_sent")
ORG, NETWORK, SESSION, USER = "org_chaos", "local", "ses_chaos", "usr_chaos"
MASTER_KEY = b64encode(bytes(range(32))).decode()
PAYMENTS = 4
ENDED_WITHIN_S = 90
WAITED_S = 3.0
FASTER, CANCELLED = 1, 2  # which of them


@dataclass(frozen=True)
class Plan:
    seed: int
    step: str
    nth: int
    reorganised: bool

    @classmethod
    def of(cls, seed: int) -> "Plan":
        random = Random(seed)
        step = STEPS[seed % len(STEPS)]
        rare = any(word in step for word in ("plan", "finalise"))
        return cls(seed, step, nth=1 if rare else random.randint(1, 3), reorganised=random.random() < 0.5)


@dataclass
class Outcome:
    plan: Plan
    killed: bool = False
    states: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def _worker(settings: dict[str, Any], intents: list[dict[str, Any]], fault: str) -> None:
    """The body of a worker process."""
    from crypto_api.adapters.payment_chain import PaymentNode
    from crypto_api.bootstrap import open_runtime
    from crypto_api.config import Config
    from crypto_api.flows.prepare_payment import NewPayment, PaymentDesk, prepare_payment
    from crypto_api.flows.price_at import Prices
    from crypto_api.kit.faultpoint import arm
    from crypto_api.organizations.types import PERMISSIONS, Principal, Role
    from crypto_api.payments.types import Origin
    from workers import chains, payments
    from workers.lane import supervise

    async def work() -> None:
        log.configure(Path(settings["log_dir"]), process="worker")
        async with open_runtime(Config(_env_file=None, **settings)) as runtime:
            nodes = {slug: PaymentNode(rpc) for slug, rpc in runtime.rpc.items()}
            prices = Prices(runtime.networks, runtime.prices)
            desk = PaymentDesk(runtime.uow, runtime.clock, runtime.networks, nodes, prices, runtime.queue)
            later = runtime.clock.now() + timedelta(hours=1)
            person = Principal(USER, ORG, Role.ADMIN, PERMISSIONS[Role.ADMIN], SESSION, later)
            for intent in intents:
                new = NewPayment(intent["wallet_id"], Decimal(intent["amount"]), intent["to"], asset=intent["asset"])
                await prepare_payment(desk, person, ORG, new, Origin(kind="manual", id=intent["id"]))
            await asyncio.gather(*(supervise(lane) for lane in (*chains.lanes(runtime), *payments.lanes(runtime))))

    arm(fault)
    asyncio.run(work())


class Rig:
    """The servers, contracts and the signer that all runs share; runs follow one another on one chain."""

    def __init__(self, addresses: Addresses, folder: Path, socket: Path) -> None:
        self.addresses, self.folder, self.socket = addresses, folder, socket
        self.actor = ChainActor(addresses.rpc_url, addresses.chain_id)
        self.signer = SignerClient(socket)
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(["workers.chains", "workers.payments", "crypto_api.bootstrap"])
        self.contracts: DemoContracts

    async def prepare(self) -> None:
        await self.actor.take_over_mining()
        self.contracts = await deploy_contracts(self.actor, await compile_contracts())
        await self.actor.mine_many(4)

    def settings(self, database: str, start_height: int) -> dict[str, Any]:
        row = {
            "slug": NETWORK,
            "name": "Local",
            "chain_id": self.addresses.chain_id,
            "rpc_urls": [self.addresses.rpc_url],
            "confirmations": 3,
            "reorg_depth_max": 4,
            "start_height": start_height,
            "tokens": [{"symbol": "USDC", "address": self.contracts.usdc, "decimals": 6}],
            "poll_s": 0.1,
        }
        path = self.folder / f"{database}.json"
        path.write_text(json.dumps([row]))
        return {
            "mongodb_uri": self.addresses.mongodb_uri,
            "redis_url": self.addresses.redis_url,
            "mongodb_database": database,
            "networks": str(path),
            "secret_key": "x" * 40,
            "signer_socket": str(self.socket),
            "log_dir": str(self.folder / "logs"),
        }

    async def number(self, method: str, *params: Any) -> int:
        return int(await self.actor.rpc(method, *params), 16)


class Run:
    def __init__(self, rig: Rig, plan: Plan) -> None:
        self.rig, self.plan, self.random = rig, plan, Random(plan.seed)
        self.database = f"pay_{plan.seed}_{time.time_ns()}"
        self.outcome = Outcome(plan)
        self.intents: list[dict[str, Any]] = []
        self.senders: list[str] = []

    async def go(self) -> Outcome:
        client = connect(self.rig.addresses.mongodb_uri)
        try:
            await self._seed(client)
            self.settings = self.rig.settings(self.database, await self.rig.number("eth_blockNumber"))
            self.process = self._start(f"{self.plan.step}:{self.plan.nth}")
            try:
                await self._play(client)
                await self._compare(client)
            finally:
                self.process.kill()
                self.process.join()
                with suppress(PyMongoError), pymongo.timeout(20):
                    await Presence(client[self.database]).bury_the_dead()  # else what the last worker has locked holds up the drop, and the next run
                    await client.drop_database(self.database)
        finally:
            await client.close()
        return self.outcome

    async def _seed(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        await deploy(client, self.database, DOCUMENTS)
        await init_beanie(database=client[self.database], document_models=DOCUMENTS, skip_indexes=True)
        now = datetime.now(UTC).replace(microsecond=0)
        await Organization(id=ORG, created_at=now, name="Chaos").insert()
        policy = PaymentPolicy(payees=Payees.ANY, approvals_required=0)
        await OrganizationPolicy(id=ORG, org_id=ORG, created_at=now, policy=policy, updated_at=now).insert()
        approval = Approval(purpose=Purpose.KEYS, org_id=ORG, granted_at=now, until=now + timedelta(hours=1))
        session = Session(id=SESSION, created_at=now, user_id=USER, org_id=ORG, refresh_hash="x", expires_at=now + timedelta(hours=1))
        await session.model_copy(update={"approvals": [approval]}).insert()
        moves = ChainMoves(self.rig.actor, self.rig.contracts)
        for number in range(2):
            await self._wallet(f"wal_{number}", now, moves)
        await self.rig.actor.mine()
        for number in range(PAYMENTS):
            asset, amount = self.random.choice([("ETH", "0.5"), ("USDC", "12.5")])
            to = str(Account.create().address)
            self.intents.append({"id": f"key_{number}", "wallet_id": f"wal_{number % 2}", "to": to, "asset": asset, "amount": amount})

    async def _wallet(self, wallet_id: str, now: datetime, moves: ChainMoves) -> None:
        key = Account.create()
        parcel = make_parcel(bytearray(orjson.dumps("0x" + bytes(key.key).hex())), await self.rig.signer.public_key())
        sealed = await self.rig.signer.seal(ORG, wallet_id, KeyParcels(private_key=parcel))
        await Wallet(
            id=wallet_id, created_at=now, updated_at=now, org_id=ORG, name=wallet_id, address=key.address, wallet_type=WalletType.PRIVATE_KEY,
            network=NETWORK, sealed_key=sealed.envelope, created_by=USER, opening=Opening.DONE,
        ).insert()  # fmt: skip
        await self.rig.actor.set_balance(key.address, 10 * 10**18)
        await moves.mint(self.rig.contracts.usdc, key.address, 10**9)
        self.senders.append(key.address)

    def _start(self, fault: str) -> Any:
        process = self.rig.processes.Process(target=_worker, args=(self.settings, self.intents, fault), daemon=True)
        process.start()
        return process

    def _revive(self) -> None:
        """A second worker, once the first is dead."""
        if self.process.is_alive():
            return
        self.outcome.killed |= self.process.exitcode == -9
        if self.process.exitcode != -9:
            self.outcome.problems.append(f"the worker ended by itself: {self.process.exitcode}")
        self.process = self._start("")

    async def _play(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        rows = client[self.database]["payments"]
        deadline, asked, reorganised, mines_at = time.monotonic() + ENDED_WITHIN_S, False, not self.plan.reorganised, 0.0
        while True:
            self._revive()
            payments = {row["origin"]["id"]: row for row in await rows.find({}).to_list()}
            if not asked and len(payments) == PAYMENTS and all(row["state"] == "BROADCAST" for row in payments.values()):
                asked = await self._asked(rows, payments)
                patience = self.random.choice([0.0, WAITED_S])  # some of what was asked for comes too late
                mines_at = time.monotonic() + (WAITED_S if "plan" in self.plan.step else patience)
            elif asked and time.monotonic() >= mines_at:
                await self.rig.actor.mine()
                mined = sum(row["state"] in ("MINED", "CONFIRMED") for row in payments.values())
                if not reorganised and mined:
                    await self.rig.actor.rpc("anvil_reorg", 2, [])
                    reorganised = True
            if len(payments) == PAYMENTS and all(row["ended_at"] and row["due_at"] is None for row in payments.values()) and self.outcome.killed:
                return
            if time.monotonic() > deadline:
                told = {row["origin"]["id"]: (row["state"], row["holds"], row["reason"]) for row in payments.values()}
                self.outcome.problems.append(f"not ended, killed {self.outcome.killed}: {told}")
                return
            await asyncio.sleep(0.1)

    async def _asked(self, rows: Any, payments: dict[str, Any]) -> bool:
        """A person wants one to go faster, and another one not at all. As the flows do it: by compare-and-set."""
        now = datetime.now(UTC)
        for number, name in ((FASTER, "speed_up_requested_by"), (CANCELLED, "cancel_requested_by")):
            row = payments[f"key_{number}"]
            key = {"_id": row["_id"], "org_id": ORG, "version": row["version"]}
            if row.get(name) is not None:
                continue
            try:
                with pymongo.timeout(2):  # what a dead worker has locked is freed when another one has come
                    done = await rows.update_one(key, {"$set": {name: USER, "due_at": now}, "$inc": {"version": 1}})
            except PyMongoError:
                return False
            if done.matched_count == 0:
                return False
        return True

    async def _compare(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        """By the chain alone, and what the database says of it."""
        database, problems = client[self.database], self.outcome.problems
        payments = {row["origin"]["id"]: row for row in await database["payments"].find({}).to_list()}
        if len(payments) != PAYMENTS or await database["payments"].count_documents({}) != PAYMENTS:
            problems.append(f"{await database['payments'].count_documents({})} payments of {PAYMENTS} intents")
        for intent in self.intents:
            row = payments[intent["id"]]
            self.outcome.states[row["state"]] += 1
            arrived = await self._arrived(intent)
            wanted = Decimal(intent["amount"]) if row["state"] == "CONFIRMED" else Decimal(0)
            if arrived != wanted or row["state"] not in ("CONFIRMED", "CANCELLED"):
                problems.append(f"{intent['id']} is {row['state']}, and {arrived} {intent['asset']} of {intent['amount']} arrived")
        slots = await database["nonce_slots"].find({}).to_list()
        if any(slot["live"] for slot in slots):
            problems.append("a nonce is left open")
        for sender in self.senders:
            nonces = sorted(slot["nonce"] for slot in slots if slot["address"] == sender)
            if nonces != list(range(await self.rig.number("eth_getTransactionCount", sender, "latest"))):
                problems.append(f"{sender}: nonces {nonces}, and the chain has others")
        if await database["sender_lanes"].count_documents({"frozen_reason": {"$ne": None}}):
            problems.append("a sender is stopped")

    async def _arrived(self, intent: dict[str, Any]) -> Decimal:
        if intent["asset"] == "ETH":
            return Decimal(await self.rig.number("eth_getBalance", intent["to"], "latest")).scaleb(-18)
        data = "0x70a08231" + "0" * 24 + intent["to"][2:].lower()
        return Decimal(await self.rig.number("eth_call", {"to": self.rig.contracts.usdc, "data": data}, "latest")).scaleb(-6)


@asynccontextmanager
async def rig(folder: Path) -> AsyncIterator[Rig]:
    servers = EmbeddedServers(folder / "data", folder / "logs", configured=Configured.nothing(), chain=ChainNodeOptions(mining=False, keep=False))
    async with servers, signing_desk(folder / "signer", MASTER_KEY) as signing:
        made = Rig(servers.addresses, folder, signing.socket)
        await made.prepare()
        try:
            yield made
        finally:
            await made.actor.close()


async def crash_runs(seeds: list[int]) -> AsyncIterator[Outcome]:
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
    parser.add_argument("--runs", type=int, default=len(STEPS))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as logs:
        log.configure(Path(logs), process="supervisor")
        return await _report(options.seed, options.runs)


async def _report(seed: int, runs: int) -> int:
    failed, started = 0, time.monotonic()
    kills: Counter[str] = Counter()
    async for outcome in crash_runs(list(range(seed, seed + runs))):
        failed += bool(outcome.problems)
        kills[outcome.plan.step] += outcome.killed
        sys.stdout.write(f"{outcome.plan} killed={outcome.killed} {dict(outcome.states)} {outcome.problems or 'ok'}\n")
        sys.stdout.flush()
    figures = {"runs": runs, "failed": failed, "kills": dict(kills), "seconds": round(time.monotonic() - started)}
    sys.stdout.write(json.dumps(figures) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
