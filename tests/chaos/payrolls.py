"""A payroll of many people, ordered once, while the process that pays it dies at one of its named steps.

    manage.py chaos --of payrolls [--runs 100] [--people 200] [--seed 1]

Some are paid in the coin, some in a token, some at accounts that never were: so there are batches, an allowance and payments alone. The worker
dies by SIGKILL where the plan says, another one takes over; in every third run the signer dies too. Then everybody's balance is read from the node
and compared with what their payslip says, to the last unit: nobody is paid twice, and nobody is left out.
"""

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import httpx
import orjson
from eth_account import Account

from crypto_api.adapters.json_rpc import JsonRpcChain
from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.adapters.price_sources import OutsidePrices
from crypto_api.flows.pay_payroll import order_payroll
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.flows.price_at import Prices
from crypto_api.flows.run_payroll import process_period
from crypto_api.kit.clock import SystemClock
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.signing import KeyParcels
from crypto_api.ledger import service as ledger
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import Principal
from crypto_api.payments.batch import BATCH_CONTRACT, deployment
from crypto_api.payments.batch_code import PACKED_BATCH_CREATION
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt
from crypto_api.payments.types import PaymentKind, PaymentState
from crypto_api.payroll import service
from crypto_api.payroll.documents import Payout, PayrollStep, Payslip
from crypto_api.payroll.types import NewPeriod, PayslipStatus
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.prices.documents import ManualPrice
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from mongodb_config.unit_of_work import Session, UnitOfWork
from tests.chaos.house import DEPTH_MAX, NETWORK, House, open_house
from tests.chaos.report import Outcome
from tests.chaos.steps import FOLLOWER, PAYROLL, SIGNER, WORKER
from tests.factories.payrolls import ALL_ETH, ALL_USDC, employ_all, hired

PEOPLE = 200
ETHER, USDC = 10**18, 10**6
FASTER = ("payment.before_plan", "payment.after_plan")  # in runs in which these are planned, somebody asks for a batch to go faster
STEPS = (*PAYROLL, *WORKER, *(step for step in FOLLOWER if step.startswith(("advance_chain", "book_transaction"))))
"""That a payroll comes to: nothing is taken back from the chain in it, and no history is read."""


@dataclass(frozen=True)
class Plan:
    seed: int
    people: int
    kills: tuple[tuple[str, int], ...]  # (step, at which pass)

    @classmethod
    def of(cls, seed: int, people: int = PEOPLE) -> "Plan":
        random = Random(seed)
        steps = [STEPS[seed % len(STEPS)]] + ([random.choice(SIGNER)] if seed % 3 == 0 else [])
        return cls(seed, people, tuple((step, random.randint(1, _passes(step))) for step in steps))

    def __str__(self) -> str:
        return f"{self.seed} [{', '.join(f'{step}:{nth}' for step, nth in self.kills)}] {self.people} people"


def _passes(step: str) -> int:
    """How often a run of any size comes there at least: for the payments of the first pass, then for a token's batches."""
    if step in SIGNER or step in FASTER or step.startswith("book_transaction"):
        return 1
    return 2 if step in PAYROLL or "intent" in step else 4


class _Silent:
    """`kit.jobs.Jobs`, of whom nobody is woken: the lanes look by themselves."""

    async def put(self, job: object, **more: Any) -> None: ...


class Run:
    def __init__(self, house: House, plan: Plan, within_s: float) -> None:
        self.house, self.plan, self.random = house, plan, Random(plan.seed)
        self.org, self.outcome = f"org_pay_{plan.seed}_{time.time_ns()}", Outcome(plan)
        self.deadline = time.monotonic() + within_s
        self.uow = UnitOfWork(house.client)
        self.all_new = False  # everybody at an account that never was, and paid in the coin

    async def go(self) -> Outcome:
        deaths = sum(process.deaths for process in self.house.processes.values())
        try:
            await self._move_in()
            await self._order()
            if any(step in FASTER for step, _ in self.plan.kills):
                await self._until("one is sent anew", self._sent_anew)
            await self._until("everybody is paid", self._paid)
            await self.house.actor.mine_many(DEPTH_MAX + 2)
            await self._until("nothing can be undone any more", self._settled)
            await self._count()
        except TimeoutError as error:
            self.outcome.problems.append(str(error))
        left = self.house.ordered()
        for step, _ in self.plan.kills:
            if step in left:
                self.outcome.problems.append(f"nobody came to {step}")
                (self.house.orders / step).unlink(missing_ok=True)
            else:
                self.outcome.fired[step] += 1
        self.outcome.counted["processes killed"] += sum(process.deaths for process in self.house.processes.values()) - deaths
        for process in self.house.processes.values():
            self.outcome.problems += process.odd_ends
            process.odd_ends.clear()
        return self.outcome

    async def _move_in(self) -> None:
        house, now = self.house, datetime.now(UTC).replace(microsecond=0)
        self.key = Account.from_key(self.random.randbytes(32))
        stranger = house.strangers[0]
        if await house.actor.rpc("eth_getCode", BATCH_CONTRACT, "latest") == "0x":
            (payer, *_), call = await house.actor.rpc("eth_accounts"), deployment(PACKED_BATCH_CREATION)
            await house.actor.rpc("eth_sendTransaction", {"from": payer, "to": call.to, "data": call.data, "gas": hex(2_000_000)})
        await house.actor.set_balance(self.key.address, (1_000 + 10 * self.plan.people) * ETHER)
        await house.moves.mint(house.contracts.usdc, self.key.address, 10**9 * USDC)
        await house.moves.pay_ether(stranger, self.key.address, 1)
        await house.actor.mine()
        await Organization(id=self.org, created_at=now, name=self.org).insert()
        await self.uow.run(lambda session: ledger.create_chart(session, self.org, now))
        policy = PaymentPolicy(payees=Payees.ANY, approvals_required=0)
        await OrganizationPolicy(id=self.org, org_id=self.org, created_at=now, policy=policy, updated_at=now).insert()
        for asset, rate in (("ETH", "3000"), ("USDC", "1")):
            values = {"asset": asset, "quote": "USD", "at": now - timedelta(minutes=5), "rate": Decimal(rate), "set_by": "usr_x"}
            await ManualPrice(id=f"{self.org}:{asset}", created_at=now, org_id=self.org, **values).insert()
        self.wallet = f"{self.org}_pays"
        parcel = make_parcel(bytearray(orjson.dumps("0x" + bytes(self.key.key).hex())), await house.signer.public_key())
        sealed = await house.signer.seal(self.org, self.wallet, KeyParcels(private_key=parcel))
        values = {"wallet_type": WalletType.PRIVATE_KEY, "sealed_key": sealed.envelope, "opening": Opening.DONE, "created_by": "usr_x"}
        at = {"address": self.key.address, "network": NETWORK, "name": "Pays"}
        await Wallet(id=self.wallet, created_at=now, updated_at=now, org_id=self.org, **at, **values).insert()
        self.before: dict[str, int] = {}
        people = []
        for number in range(self.plan.people):
            address = Account.from_key(self.random.randbytes(32)).address
            new, token = self.all_new or number % 20 == 0, not self.all_new and number % 3 == 1
            self.before[address] = 0 if new else 7
            basic = f"{self.random.randint(100_000, 900_000) / 100:.2f}"
            people.append(hired(self.org, address, now, basic=basic, shares=ALL_USDC if token else ALL_ETH, name=f"P{number}"))
        await self._give([address for address, wei in self.before.items() if wei], 7)
        await employ_all(people)

    async def _give(self, addresses: Sequence[str], wei: int) -> None:
        """In batches, since they may be thousands."""
        async with httpx.AsyncClient(timeout=120) as http:
            for start in range(0, len(addresses), 500):
                part = [{"method": "anvil_setBalance", "params": [address, hex(wei)]} for address in addresses[start : start + 500]]
                body = [{"jsonrpc": "2.0", "id": place, **call} for place, call in enumerate(part)]
                answers = (await http.post(self.house.addresses.rpc_url, json=body)).json()
                assert all("error" not in answer for answer in answers), answers

    async def _order(self) -> None:
        """As a person does it, through the product's own flows; then whoever is to die is told."""
        house, clock = self.house, SystemClock()
        network = NetworkConfig.model_validate(orjson.loads((house.folder / "networks.json").read_bytes())[0])
        now, day = clock.now(), date(2026, 11, 30)
        new = NewPeriod("November", date(2026, 11, 1), day, day, "USD")
        period = await self.uow.run(lambda session: service.add_period(session, self.org, new, "usr_a", now))
        while (await process_period(self.uow, clock, self.org, period.id, None, "usr_a")).left:
            pass  # thousands take more than the time of one request
        await self._approve(period.id, now)
        async with JsonRpcChain.of(network) as rpc:
            prices = Prices({NETWORK: network}, OutsidePrices({}))
            desk = PaymentDesk(self.uow, clock, {NETWORK: network}, {NETWORK: PaymentNode(rpc)}, prices, _Silent())
            who = Principal("usr_a", self.org, None, frozenset(), "", now)
            for step, nth in self.plan.kills:
                house.order(step, nth)
            self.ordered_at = time.monotonic()
            ordered = await order_payroll(desk, who, self.org, period.id, self.wallet)
        assert ordered.payouts == self.plan.people and not ordered.held
        self.period = period.id

    async def _approve(self, period_id: str, now: datetime) -> None:
        """A hundred in each unit of work."""
        rows = await Payslip.find({"period_id": period_id}).to_list()
        for start in range(0, len(rows), 100):

            async def work(session: Session, part: Sequence[Payslip] = rows[start : start + 100]) -> None:
                for row in part:
                    await service.approve(session, row, service.Approved("Employer", "usr_b", "USD", Decimal(1), "", row.net, None), now)

            await self.uow.run(work)

    async def _sent_anew(self) -> bool:
        """Somebody asks, by compare-and-set as the flow does it, for one that is on its way to go faster: a batch, where there is one."""
        if await PaymentAttempt.find({"org_id": self.org, "number": {"$gt": 0}, "first_sent_at": {"$ne": None}}).count():
            return True
        query = {"org_id": self.org, "state": PaymentState.BROADCAST, "speed_up_requested_by": None, "attempt_number": 0}
        rows = sorted(await Payment.find(query).to_list(), key=lambda row: row.kind is not PaymentKind.BATCH)
        if rows and await Payment.find({"org_id": self.org, "speed_up_requested_by": {"$ne": None}}).count() == 0:
            change = {"$set": {"speed_up_requested_by": "usr_a", "due_at": datetime.now(UTC)}, "$inc": {"version": 1}}
            query = {"_id": rows[0].id, "org_id": self.org, "version": rows[0].version}
            await Payment.get_pymongo_collection().update_one(query, change)
        return False

    async def _paid(self) -> bool:
        await self.house.actor.mine()
        return await Payslip.find({"org_id": self.org, "period_id": self.period, "status": {"$ne": PayslipStatus.PAID}}).count() == 0

    async def _settled(self) -> bool:
        return await PayrollStep.find({"org_id": self.org, "settled": False}).count() == 0

    async def _until(self, what: str, condition: Any) -> None:
        while not await condition():
            self.house.look()
            if time.monotonic() > self.deadline:
                steps = [(row.kind.value, row.asset, row.reason) for row in await PayrollStep.find({"org_id": self.org, "settled": False}).to_list()]
                states = Counter(row.status.value for row in await Payslip.find({"org_id": self.org}).to_list())
                raise TimeoutError(f"not in time: {what}; {dict(states)}; {steps}")
            await asyncio.sleep(0.3)

    async def _count(self) -> None:
        """From the node, beside what the payslips say."""
        house, problems = self.house, self.outcome.problems
        payouts = await Payout.find({"org_id": self.org}).to_list()
        payslips = {row.id: row for row in await Payslip.find({"org_id": self.org}).to_list()}
        if len(payouts) != self.plan.people or {row.payslip_id for row in payouts} != payslips.keys():
            problems.append(f"{len(payouts)} shares for {len(payslips)} payslips of {self.plan.people} people")
        for row in payouts:
            token = row.asset == "USDC"
            had = self.before[row.address]
            has = await self._usdc(row.address) if token else await house.number("eth_getBalance", row.address, "latest") - had
            if has != int(row.raw_amount):
                problems.append(f"{row.address} has {has} of {row.asset} and was to have {row.raw_amount}")
        payments = await Payment.find({"org_id": self.org}).to_list()
        nonces = sorted(row.nonce for row in await NonceSlot.find({"owner_org_id": self.org}).to_list())
        sent = await house.number("eth_getTransactionCount", self.key.address, "latest")
        if nonces != list(range(sent)) or len(payments) != sent or {row.state for row in payments} != {"CONFIRMED"}:
            problems.append(f"{sent} transactions, nonces {nonces}, payments {Counter(row.state.value for row in payments)}")
        left = await self._usdc(self.key.address)
        paid = sum(int(row.raw_amount) for row in payouts if row.asset == "USDC")
        if left != 10**9 * USDC - paid or await self._usdc(BATCH_CONTRACT):
            problems.append(f"the wallet has {left} USDC left, and {paid} were to go")
        self.outcome.counted += Counter({"people paid": len(payouts), "transactions": sent})

    async def _usdc(self, address: str) -> int:
        data = "0x70a08231" + "0" * 24 + address[2:].lower()
        return int(await self.house.actor.rpc("eth_call", {"to": self.house.contracts.usdc, "data": data}, "latest"), 16)


async def payroll_runs(seeds: Sequence[int], people: int = PEOPLE, logs: Path | None = None, within_s: float = 600) -> AsyncIterator[Outcome]:
    """One after another in one house; after a problem the next run begins in a new one. In this process: its log is the caller's."""
    left = list(seeds)
    while left:
        with tempfile.TemporaryDirectory(prefix="chaos-pay-") as folder:
            async with open_house(Path(folder)) as house:
                while left:
                    seed = left.pop(0)
                    outcome = await Run(house, Plan.of(seed, people), within_s).go()
                    if outcome.problems and logs is not None:
                        shutil.copytree(house.logs, logs / f"{seed}", dirs_exist_ok=True)
                    yield outcome
                    if outcome.problems:
                        break


def planned(seeds: Sequence[int], people: int = PEOPLE) -> Counter[str]:
    return Counter(step for seed in seeds for step, _ in Plan.of(seed, people).kills)
