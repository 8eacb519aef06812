"""Followers, payment workers and signers killed at their named steps, while payments are in flight and the chain is reorganised.

    manage.py chaos --of crashes [--runs 200] [--seed 1] [--lanes 2]

Each run is an organisation with two wallets that pay and three that others move money in and out of. Four payments are asked for; one is made faster
and one is cancelled; blocks are mined with other people's transfers, wraps, failures and spam in them; up to eight blocks are thrown out, with all
or some of what stood in them. At the step that the plan names, the process that comes there dies by SIGKILL, and another one takes over; in every
third run one of each kind dies. Then everything is counted from the node and from the database, raw (`counting.py`).
"""

import asyncio
import multiprocessing
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pymongo
from eth_account import Account
from eth_account.signers.local import LocalAccount
from pymongo.errors import PyMongoError

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.flows.request_backfill import queue_backfill
from crypto_api.identity.documents import Approval, Session
from crypto_api.identity.types import Purpose
from crypto_api.kit import log
from crypto_api.kit.clock import SystemClock
from crypto_api.kit.signing import KeyParcels
from crypto_api.ledger import service as ledger
from crypto_api.organizations.documents import Organization
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.wallets.documents import Wallet, WalletType
from mongodb_config.unit_of_work import UnitOfWork
from tests.chaos.counting import Asked, Count, Scope
from tests.chaos.house import DATABASE, DEPTH_MAX, NETWORK, House, open_house
from tests.chaos.processes import vaults
from tests.chaos.report import Outcome
from tests.chaos.steps import BY_PROCESS, STEPS, process_of

USER = "usr_chaos"
PAYMENTS, FASTER, CANCELLED = 4, 1, 2  # how many, and which of them
WITHIN_S = 300  # a run: ten seconds on a machine that has nothing else to do
GONE_WITHIN_S = 60  # what a dead process held
CLOSED_WITHIN_S = 30
PATIENCE_S = 10.0  # before the blocks in which payments are mined, where a replacement is to be planned first
ETHER, USDC = 10**18, 10**6


@dataclass(frozen=True)
class Plan:
    seed: int
    kills: tuple[tuple[str, int], ...]  # (step, at which pass)
    depth: int  # of the reorganisation that takes payments out of the chain
    keeps: bool  # whether it keeps the payments, in other blocks, and drops some of the rest; else it drops everything
    shallow: bool  # one more, before: beneath the block at which the wallets were opened
    patient: bool  # what is asked for in the meantime comes in time

    @classmethod
    def of(cls, seed: int) -> "Plan":
        random = Random(seed)
        steps = [STEPS[seed % len(STEPS)]]
        if seed % 3 == 0:
            steps += [random.choice(of) for name, of in BY_PROCESS.items() if name != process_of(steps[0])]
        kills = tuple((step, 1 if _is_rare(step) else random.randint(1, 2)) for step in steps)
        patient = random.random() < 0.5 or any("plan" in step for step in steps)
        return cls(seed, kills, random.randint(1, 8), random.random() < 0.5, random.random() < 0.25, patient)

    def __str__(self) -> str:
        kills = ", ".join(f"{step}:{nth}" for step, nth in self.kills)
        more = [
            f"depth {self.depth}",
            *(word for word, is_so in (("keeps", self.keeps), ("shallow", self.shallow), ("patient", self.patient)) if is_so),
        ]
        return f"{self.seed} [{kills}] {' '.join(more)}"


def _is_rare(step: str) -> bool:
    return any(word in step for word in ("plan", "finalise", "backfill", "rewind"))


class Run:
    def __init__(self, house: House, plan: Plan) -> None:
        self.house, self.plan, self.random = house, plan, Random(plan.seed)
        self.org = f"org_{plan.seed}"
        self.outcome = Outcome(plan)
        self.accounts: dict[str, LocalAccount] = {}
        self.asked: list[Asked] = []
        self.histories: dict[str, int] = {}
        self.deadline = time.monotonic() + WITHIN_S

    async def go(self) -> Outcome:
        deaths = sum(process.deaths for process in self.house.processes.values())
        try:
            await self._move_in()
            await self._play()
            await self._settle()
            await self._count()
        except TimeoutError as error:
            self.outcome.problems.append(f"not within {WITHIN_S} s: {error}")
        finally:
            await self.count.close()
            self._tell_kills(sum(process.deaths for process in self.house.processes.values()) - deaths)
        return self.outcome

    def _tell_kills(self, deaths: int) -> None:
        left = self.house.ordered()
        for step, _ in self.plan.kills:
            if step in left:
                self.outcome.problems.append(f"nobody came to {step}")
                (self.house.orders / step).unlink(missing_ok=True)
            else:
                self.outcome.fired[step] += 1
        self.outcome.counted["processes killed"] += deaths
        for process in self.house.processes.values():
            self.outcome.problems += process.odd_ends
            process.odd_ends.clear()

    # ---- the organisation --------------------------------------------------------------------------------------------------------

    async def _move_in(self) -> None:
        """Money first, then blocks that no reorganisation reaches below, then the wallets: their books open with what they have."""
        house, now = self.house, datetime.now(UTC).replace(microsecond=0)
        names = [f"{self.org}_{name}" for name in ("pays", "pays_too", "busy", "calm", "old")]
        self.accounts = {name: Account.from_key(self.random.randbytes(32)) for name in names}
        self.pays, self.own = names[:2], names[2:]
        self.scope = Scope(
            self.org, NETWORK, {"ETH": "", "USDC": house.contracts.usdc, "WETH": house.contracts.weth},
            {name: account.address for name, account in self.accounts.items()}, [self.accounts[name].address for name in self.pays], self.histories,
        )  # fmt: skip
        self.count = Count(house.addresses.mongodb_uri, DATABASE, house.actor, house.addresses.rpc_url, self.scope)
        await self._fund()
        await self._until("the follower is at the head", self.count.at_head)
        await Organization(id=self.org, created_at=now, name=self.org).insert()
        await UnitOfWork(house.client).run(lambda session: ledger.create_chart(session, self.org, now))
        policy = PaymentPolicy(payees=Payees.ANY, approvals_required=0)
        await OrganizationPolicy(id=self.org, org_id=self.org, created_at=now, policy=policy, updated_at=now).insert()
        later = now + timedelta(hours=1)
        session = Session(id=f"ses_{self.org}", created_at=now, user_id=USER, org_id=self.org, refresh_hash=self.org, expires_at=later)
        await session.model_copy(update={"approvals": [Approval(purpose=Purpose.KEYS, org_id=self.org, granted_at=now, until=later)]}).insert()
        for name in self.accounts:
            await self._wallet(name, now)

    async def _fund(self) -> None:
        house, stranger = self.house, self.house.strangers[0]
        for account in self.accounts.values():
            await house.moves.pay_ether(stranger, account.address, 3 * ETHER)
            await house.moves.mint(house.contracts.usdc, account.address, 1_000 * USDC)
        await house.actor.mine()
        old = self.accounts[self.own[2]]
        for _ in range(3):
            await house.moves.pay_token(stranger, house.contracts.usdc, old.address, self.random.randrange(1, USDC))
            await house.moves.pay_ether(old, stranger.address, self.random.randrange(1, ETHER // 100))
            await house.actor.mine()
        self.histories[self.own[2]] = await house.number("eth_blockNumber") - 1  # two blocks of it
        await house.actor.mine_many(DEPTH_MAX)

    async def _wallet(self, name: str, now: datetime) -> None:
        account, values = self.accounts[name], dict[str, Any](wallet_type=WalletType.WATCH)
        if name in self.pays:
            parcel = make_parcel(bytearray(orjson.dumps("0x" + bytes(account.key).hex())), await self.house.signer.public_key())
            sealed = await self.house.signer.seal(self.org, name, KeyParcels(private_key=parcel))
            values = {"wallet_type": WalletType.PRIVATE_KEY, "sealed_key": sealed.envelope}
        wallet = Wallet(
            id=name, created_at=now, updated_at=now, org_id=self.org, name=name, address=account.address, network=NETWORK, created_by=USER, **values
        )
        await wallet.insert()
        if name in self.histories:
            first = self.histories[name]
            await UnitOfWork(self.house.client).run(lambda session: queue_backfill(session, SystemClock(), wallet, first, USER))

    # ---- what happens ------------------------------------------------------------------------------------------------------------

    async def _play(self) -> None:
        for step, nth in self.plan.kills:
            self.house.order(step, nth)
        await self._until("the wallets are opened", self._opened)
        if self.plan.shallow:
            await self._blocks(1)
            await self._until("the follower is at the head", self.count.at_head)
            await self._reorganise(self.random.randint(2, 4))
        await self._blocks(2)
        self._ask()
        await self._until("everything is sent", self._sent)
        await self._until("a person has asked for another way", self._asked_otherwise)
        if self.plan.patient:
            await self._for(PATIENCE_S, self._replaced)
        await self._until("a payment is mined", self._mined)
        await self._reorganise(self.plan.depth)
        await self._until("every payment has ended", self._ended)
        await self.house.actor.mine_many(DEPTH_MAX + 1)

    async def _opened(self) -> bool:
        return await self.count.unopened() == 0

    def _ask(self) -> None:
        """Of the worker, by way of a file."""
        for number in range(PAYMENTS):
            asset, amount = self.random.choice([("ETH", "0.5"), ("USDC", "12.5")])
            payee = Account.from_key(self.random.randbytes(32)).address
            self.asked.append(Asked(f"key_{number}", self.pays[number % 2], payee, asset, amount))
        payments = [{"id": row.id, "wallet_id": row.wallet_id, "to": row.to, "asset": row.asset, "amount": row.amount} for row in self.asked]
        content = {"org": self.org, "user": USER, "session": f"ses_{self.org}", "payments": payments}
        partial = self.house.intents / f"{self.org}.partial"
        partial.write_bytes(orjson.dumps(content))
        partial.replace(partial.with_suffix(".json"))

    async def _sent(self) -> bool:
        rows = await self.count.payments()
        return len(rows) == PAYMENTS and all(row["state"] == "BROADCAST" for row in rows.values())

    async def _asked_otherwise(self) -> bool:
        """One is to go faster, and another one not at all: by compare-and-set, as the flows do it."""
        rows, payments = self.house.client[DATABASE]["payments"], await self.count.payments()
        for number, name in ((FASTER, "speed_up_requested_by"), (CANCELLED, "cancel_requested_by")):
            row = payments[f"key_{number}"]
            if row.get(name) is not None or (name.startswith("speed") and row["attempt_number"]):
                continue
            change = {"$set": {name: USER, "due_at": datetime.now(UTC)}, "$inc": {"version": 1}}
            try:
                with pymongo.timeout(2):  # what a dead worker has locked is freed when another one has come
                    done = await rows.update_one({"_id": row["_id"], "org_id": self.org, "version": row["version"]}, change)
            except PyMongoError:
                return False
            if done.matched_count == 0:
                return False
        return True

    async def _replaced(self) -> bool:
        """What takes the place of both is with the node, so that it is what the next block holds."""
        sent = await self.count.replacements_sent()
        return {f"key_{FASTER}", f"key_{CANCELLED}"} <= sent

    async def _mined(self) -> bool:
        if await self.count.at_head():
            await self._blocks(1)
        return any(row["state"] in ("MINED", "CONFIRMED") for row in (await self.count.payments()).values())

    async def _ended(self) -> bool:
        if await self.count.at_head():
            await self._blocks(1)
        rows = await self.count.payments()
        return len(rows) == PAYMENTS and all(row["ended_at"] for row in rows.values())

    async def _blocks(self, count: int) -> None:
        for _ in range(count):
            for _ in range(self.random.randint(0, 2)):
                await self._move()
            await self.house.actor.mine()

    async def _reorganise(self, depth: int) -> None:
        actor = self.house.actor
        if self.plan.keeps:
            await actor.reorg(depth, self.random)
            return
        await actor.alone("anvil_reorg", depth, [])
        actor.forget_nonces()
        await actor.mine()

    async def _move(self) -> None:
        moves, contracts, random = self.house.moves, self.house.contracts, self.random
        own, stranger = self.accounts[random.choice(self.own)], random.choice(self.house.strangers)
        match random.randrange(7):
            case 0:
                await moves.pay_ether(stranger, own.address, random.randrange(1, ETHER // 100))
            case 1:
                await moves.pay_ether(own, stranger.address, random.randrange(1, ETHER // 100))
            case 2:
                await moves.pay_token(stranger, contracts.usdc, own.address, random.randrange(1, USDC))
            case 3:
                await moves.pay_token(own, contracts.usdc, self.accounts[random.choice(self.own)].address, random.randrange(1, USDC))
            case 4:
                await moves.overdraw(own, contracts.usdc, stranger.address)
            case 5:
                await moves.wrap(own, random.randrange(1, ETHER // 1_000))
            case 6:
                await moves.airdrop([own.address], 10**20)

    # ---- until it is quiet -------------------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Until everything is followed, booked and ended for good, and everybody has died who was to."""
        await self._until("everything is settled", self._is_settled)

    async def _is_settled(self) -> bool:
        if not await self.count.settled() or not all(row["due_at"] is None for row in (await self.count.payments()).values()):
            return False
        left = self.house.ordered()
        if not left:
            return True
        if any(step in left for step in BY_PROCESS["follower"] if not step.startswith("backfill")):  # it was not passed often enough
            await self._blocks(1)
            if "rewind_chain.undone" in left:
                await self._until("the follower is at the head", self.count.at_head)
                await self._reorganise(1)
            return False
        return True  # `_tell_kills` says that nobody came

    async def _for(self, seconds: float, condition: Any) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._until("", condition)

    async def _until(self, what: str, condition: Any) -> None:
        while not await condition():
            self.house.look()
            if time.monotonic() > self.deadline:
                told = {key: (row["state"], row["holds"], row["reason"]) for key, row in (await self.count.payments()).items()}
                raise TimeoutError(f"{what}; {told}")
            await asyncio.sleep(0.1)

    # ---- the count ---------------------------------------------------------------------------------------------------------------

    async def _count(self) -> None:
        outcome = self.outcome
        movements, problems = await self.count.movements()
        states, more = await self.count.paid(self.asked)
        outcome.counted += movements + states
        outcome.problems += [*problems, *more, *await self.count.books(), *await self._left_behind()]

    async def _left_behind(self) -> list[str]:
        """A dead process's things may take a moment to be found; then nothing of it may be there."""
        deadline = time.monotonic() + GONE_WITHIN_S
        while True:
            self.house.look()
            alive = {process.pid for process in self.house.processes.values()}
            signer = self.house.processes["signer"]
            found = await self.count.left_behind(alive)
            found += [f"vault {vault} outlived its signer" for vault, desk in vaults().items() if desk in signer.pids and desk != signer.pid]
            if not found or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.2)


async def crash_runs(seeds: Sequence[int], lanes: int = 1, logs: Path | None = None) -> AsyncIterator[Outcome]:
    """`lanes`: houses beside one another, each with servers and processes of its own; the runs are dealt out among them. `logs`: where those of a
    house go in which a run found a problem."""
    spawned = multiprocessing.get_context("spawn")
    done: multiprocessing.Queue[Outcome | BaseException] = spawned.Queue()
    houses = [spawned.Process(target=_lane, args=(seeds[number::lanes], done, logs)) for number in range(min(lanes, len(seeds)))]
    for process in houses:
        process.start()
    try:
        for _ in seeds:
            outcome = await asyncio.to_thread(done.get)
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome
    finally:
        for process in houses:
            process.join(CLOSED_WITHIN_S)
            process.kill()


def _lane(seeds: Sequence[int], done: "multiprocessing.Queue[Outcome | BaseException]", logs: Path | None) -> None:
    async def runs() -> None:
        parent, here = multiprocessing.parent_process(), asyncio.current_task()
        assert parent is not None and here is not None
        asyncio.get_running_loop().add_reader(parent.sentinel, here.cancel)  # nobody asks any more: servers and processes end as well
        left = list(seeds)
        while left:
            left = await _in_one_house(left, done, logs)

    try:
        asyncio.run(runs())
    except BaseException as error:
        done.put(RuntimeError(f"{type(error).__name__}: {error}"))
        raise


async def _in_one_house(seeds: list[int], done: "multiprocessing.Queue[Outcome | BaseException]", logs: Path | None) -> list[int]:
    """What is left: after a problem the next run begins in a new house."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        log.configure(Path(folder, "supervisor"), process="supervisor")
        async with open_house(Path(folder)) as house:
            for number, seed in enumerate(seeds, 1):
                outcome = await Run(house, Plan.of(seed)).go()
                done.put(outcome)
                if outcome.problems:
                    if logs is not None:
                        shutil.copytree(house.logs, logs / f"{seed}", dirs_exist_ok=True)
                    return seeds[number:]
    return []


def planned(seeds: Sequence[int]) -> Counter[str]:
    return Counter(step for seed in seeds for step, _ in Plan.of(seed).kills)
