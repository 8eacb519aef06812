"""Seeded schedules of the lane of payrolls: workers beside each other that die between any two port calls, a chain that takes back what it mined,
nodes that are away, funds that are missing for now, addresses that somebody changes after the order, payments that people reject.

What runs is the product's `advance_payroll`. A step has one payment, or was given up and never has one; what is paid is what was ordered, to the
address of then; what is settled stays so. When everything heals each step is settled, each share is paid once or failed as its payment did, and
payslips say so. The same seed gives the same trace.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from pymongo.errors import DuplicateKeyError

from crypto_api.flows import advance_payroll as lane
from crypto_api.flows.advance_payroll import Plan, advance_payroll
from crypto_api.flows.prepare_batch import NewAllowance, NewBatch
from crypto_api.flows.prepare_many import Order
from crypto_api.kit.clock import FixedClock
from crypto_api.kit.errors import Conflict, CoreError, Unavailable
from crypto_api.payments.documents import Payment
from crypto_api.payments.errors import WouldRevert
from crypto_api.payments.types import ENDED, Origin, PaymentKind, PaymentState
from crypto_api.payroll import rules, service
from crypto_api.payroll.documents import Payout, PayrollStep, Payslip
from crypto_api.payroll.types import PayoutState, PayslipStatus, StepKind
from tests.simulation.interleaving import Point, Running
from tests.simulation.payments import Violation
from tests.simulation.units import Tables, Unit, Units

ORG, PERIOD, TOKEN, COIN = "org", "per", "USDC", "ETH"
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
WORKERS_MOST = 3
HEALING_ROUNDS = 300
_WAY = (PaymentState.PENDING_APPROVAL, PaymentState.APPROVED, PaymentState.BROADCAST, PaymentState.MINED, PaymentState.CONFIRMED)


@dataclass
class Rows:
    """`PlanRows` and `PaymentRows`."""

    tables: Tables

    def _of(self, kind: str, session: Unit | None) -> dict[str, Any]:
        return dict(session.of(kind)) if session is not None else {key: row for (name, key), row in sorted(self.tables.rows.items()) if name == kind}

    async def period(self, org_id: str, period_id: str, session: Unit | None = None) -> Any:
        await Point("rows.period")
        return SimpleNamespace(title="March")

    async def steps_due(self, now: datetime, limit: int) -> list[PayrollStep]:
        await Point("rows.steps_due")
        due = [row for row in self._of("step", None).values() if not row.settled and row.look_at <= now]
        return sorted(due, key=lambda row: (row.look_at, row.id))[:limit]

    async def steps(self, org_id: str, step_ids: Collection[str], session: Unit | None = None) -> dict[str, PayrollStep]:
        await Point("rows.steps")
        return {key: row for key, row in self._of("step", session).items() if key in step_ids}

    async def change_steps(self, session: Unit, org_id: str, changes: Mapping[str, dict[str, Any]]) -> None:
        await Point("rows.change_steps")
        for step_id, fields in changes.items():
            session.put("step", step_id, session.get("step", step_id).model_copy(update=fields))

    async def allowance_of_run(self, org_id: str, period_id: str, run_id: str, asset: str) -> PayrollStep | None:
        await Point("rows.allowance_of_run")
        return next((row for row in self._of("step", None).values() if row.kind is StepKind.ALLOWANCE and row.asset == asset), None)

    async def payouts_of_steps(self, org_id: str, step_ids: Collection[str], session: Unit | None = None) -> dict[str, list[Payout]]:
        await Point("rows.payouts_of_steps")
        rows = self._of("payout", session).values()
        return {step_id: [row for row in rows if row.step_id == step_id] for step_id in step_ids}

    async def payouts_of_payslips(self, org_id: str, payslip_ids: Collection[str], session: Unit | None = None) -> dict[str, list[Payout]]:
        await Point("rows.payouts_of_payslips")
        rows = self._of("payout", session).values()
        return {payslip_id: [row for row in rows if row.payslip_id == payslip_id] for payslip_id in payslip_ids}

    async def move_payouts(self, session: Unit, org_id: str, changes: Mapping[str, dict[str, Any]]) -> None:
        await Point("rows.move_payouts")
        for key, row in session.of("payout"):
            if row.step_id in changes:
                session.put("payout", key, row.model_copy(update=changes[row.step_id]))

    async def payslips(self, org_id: str, payslip_ids: Collection[str], session: Unit | None = None) -> dict[str, Payslip]:
        await Point("rows.payslips")
        return {key: row for key, row in self._of("payslip", session).items() if key in payslip_ids}

    async def move_payslips(self, session: Unit, rows: Sequence[tuple[Payslip, dict[str, Any]]]) -> bool:
        await Point("rows.move_payslips")
        for row, changes in rows:
            there = session.get("payslip", row.id)
            if there.version != row.version:
                return False
            session.put("payslip", row.id, there.model_copy(update=changes | {"version": there.version + 1}))
        return True

    async def tell(self, session: Unit, told: Any, org_id: str, period_id: str, now: datetime) -> None:
        """Its facts, and the period, whose row every such unit of work writes."""
        await Point("rows.tell")
        session.put("period", period_id, (session.get("period", period_id) or 0) + 1)

    async def get(self, org_id: str, payment_id: str, session: Unit | None = None) -> Payment | None:
        await Point("payments.get")
        return self._of("payment", session).get(payment_id)

    async def by_ids(self, org_id: str, payment_ids: Collection[str], session: Unit | None = None) -> list[Payment]:
        await Point("payments.by_ids")
        return [row for key, row in self._of("payment", session).items() if key in payment_ids]

    async def by_origins(self, org_id: str, origins: Collection[Origin], session: Unit | None = None) -> dict[Origin, Payment]:
        await Point("payments.by_origins")
        return {row.origin: row for row in self._of("payment", session).values() if row.origin in origins}


@dataclass
class Schedule:
    """One run of the world."""

    seed: int
    actions: int = 350
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random, self.clock = Random(self.seed), FixedClock(BEGIN)
        self.faults = self.random.choice((0.05, 0.3, 0.6))
        self.tables = Tables(committing=[self._look_at], unique={"payment": lambda row: row.origin})
        self.rows, self.units = Rows(self.tables), Units(self.tables)
        self.desk: Any = SimpleNamespace(clock=self.clock, uow=self.units, networks={"eth": SimpleNamespace(native_asset=COIN)})
        self.plan = Plan(self.rows, self.rows, self.prepare, self.rows.tell)
        self.running: dict[str, Running] = {}
        self.born = 0
        self.addresses: dict[str, str] = {}  # by payee: the address book
        self._order()

    def _order(self) -> None:
        """An allowance and two batches of a token, and four shares that are paid alone; some payslips are paid in two parts."""
        kinds = [(StepKind.ALLOWANCE, 0, TOKEN), (StepKind.BATCH, 3, TOKEN), (StepKind.BATCH, 2, TOKEN), *[(StepKind.SINGLE, 1, COIN)] * 4]
        places: dict[str, int] = {}
        for number, (kind, shares, asset) in enumerate(kinds):
            step_id = f"step{number}"
            for share in range(shares):
                payslip_id = f"slip{self.random.randrange(6)}"
                place = places[payslip_id] = places.get(payslip_id, -1) + 1
                self.tables.put("payout", f"{payslip_id}:{place}", self._payout(payslip_id, place, step_id, asset, 10 * number + share + 1))
            fields = {"id": step_id, "org_id": ORG, "created_at": BEGIN, "period_id": PERIOD, "run_id": "run", "number": number, "kind": kind}
            fields |= {"network": "eth", "wallet_id": "wal", "asset": asset, "raw_amount": "1000", "ordered_by": "usr", "look_at": BEGIN}
            self.tables.put("step", step_id, _built(PayrollStep, **fields, updated_at=BEGIN))
        for payslip_id, last in places.items():
            fields = {"id": payslip_id, "org_id": ORG, "period_id": PERIOD, "status": PayslipStatus.PAYING, "shares": [None] * (last + 1)}
            self.tables.put("payslip", payslip_id, _built(Payslip, **fields, updated_at=BEGIN))

    def _payout(self, payslip_id: str, place: int, step_id: str, asset: str, amount: int) -> Payout:
        payee = f"payee {payslip_id}"
        self.addresses[payee] = f"address of {payslip_id}"
        fields = {"id": f"{payslip_id}:{place}", "org_id": ORG, "payslip_id": payslip_id, "period_id": PERIOD, "place": place, "step_id": step_id}
        fields |= {"network": "eth", "wallet_id": "wal", "asset": asset, "decimals": 0, "raw_amount": str(amount), "settles": Decimal(1)}
        return _built(Payout, **fields, address=self.addresses[payee], payee_id=payee, updated_at=BEGIN)

    def run(self) -> None:
        """Violation names the seed and what does not hold."""
        acts: Sequence[tuple[Callable[[], None], int]] = (
            (self._go_on, 130), (self._work, 20), (self._pay, 25), (self._die, 5), (self._time, 20), (self._move_house, 1),
        )  # fmt: skip
        kinds, weights = zip(*acts, strict=True)
        small = ((lane, "AT_ONCE", 5), (lane, "PAYEES_AT_ONCE", 3), (lane, "NOTED_TOGETHER", 2), (service, "as_stored", _as_it_is))
        try:
            with ExitStack() as stack:
                for module, name, value in small:
                    stack.enter_context(patch.object(module, name, value))
                for _ in range(self.actions):
                    self.random.choices(kinds, weights)[0]()
                self._heal()
        except Exception as error:
            raise Violation(f"seed {self.seed}: {type(error).__name__}: {error}") from error
        finally:
            for work in self.running.values():
                work.die()

    # ---- preparing -----------------------------------------------------------------------------------------------------------

    async def prepare(
        self, desk: Any, principal: Any, org_id: str, orders: Sequence[Order], *, confirmed: bool = False, guard: Any = None
    ) -> list[Payment | CoreError]:
        """As `prepare_many`: what is known by its origin is that payment; the rest is tried, and stored where the guard lets it."""
        found: dict[Origin, Any] = dict(await self.rows.by_origins(org_id, [order.origin for order in orders]))
        await Point("chain")
        if self.random.random() < self.faults / 4:
            raise Unavailable("the node is away")
        fresh = []
        for order in (order for order in orders if order.origin not in found):
            if (refused := self._refusal()) is not None:
                found[order.origin] = refused
            else:
                fresh.append(self._payment(order))
        if fresh:
            found |= {row.origin: one for row, one in zip(fresh, await self._store(fresh, guard), strict=True)}
        return [found[order.origin] for order in orders]

    def _refusal(self) -> CoreError | None:
        if self.random.random() >= self.faults / 2:
            return None
        return self.random.choice((Conflict("no funds"), Conflict("no funds"), Unavailable("no price"), WouldRevert("it would")))

    async def _store(self, fresh: Sequence[Payment], guard: Any) -> list[Payment | CoreError]:
        async def work(session: Unit) -> Mapping[str, CoreError]:
            refused: Mapping[str, CoreError] = await guard(session, fresh)
            for row in fresh:
                await Point("payments.insert")
                if row.id not in refused:
                    session.put("payment", row.id, row)
            return refused

        try:
            refused = await self.units.run(work)
        except DuplicateKeyError:  # another prepared one of them at the same moment
            there = await self.rows.by_origins(ORG, [row.origin for row in fresh])
            return [there.get(row.origin, Conflict("again, please")) for row in fresh]
        return [refused.get(row.id, row) for row in fresh]

    def _payment(self, order: Order) -> Payment:
        self.born += 1
        fields: dict[str, Any] = {"id": f"pay{self.born:04}", "org_id": ORG, "origin": order.origin, "state": PaymentState.PENDING_APPROVAL}
        fields |= {"due_at": BEGIN, "payees": [], "payee_address": "", "raw_amount": "0", "reason": ""}
        match order.new:
            case NewBatch(shares=shares):
                payees = [SimpleNamespace(address=self.addresses[row.payee_id or ""], raw_amount=str(row.raw_amount)) for row in shares]
                fields |= {"kind": PaymentKind.BATCH, "payees": payees}
            case NewAllowance():
                fields |= {"kind": PaymentKind.ALLOWANCE}
            case _:
                address = self.addresses[order.new.payee_id or ""]
                fields |= {"kind": PaymentKind.TRANSFER, "payee_address": address, "raw_amount": str(int(order.new.amount))}
        return _built(Payment, **fields)

    # ---- the schedule --------------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        if len(self.running) < WORKERS_MOST:
            self.born += 1
            self.running[f"worker{self.born}"] = Running(advance_payroll(self.desk, self.plan))
            self.trace.append(f"begin worker{self.born}")

    def _go_on(self) -> None:
        if self.running:
            name = self.random.choice(list(self.running))
            for _ in range(self.random.choice((1, 2, 4, 12))):
                if not self._step(name):
                    return

    def _step(self, name: str) -> bool:
        work = self.running[name]
        going = work.go_on()
        self.trace.append(f"{name} {work.at if going else 'end'}")
        if not going:
            del self.running[name]
        return going

    def _die(self) -> None:
        if self.running:
            name = self.random.choice(list(self.running))
            work = self.running.pop(name)
            work.die()
            self.trace.append(f"die {name} at {work.at}")

    def _time(self) -> None:
        self.clock.at += timedelta(seconds=self.random.choice((0.5, 1, 11, 31, 600)))
        self.trace.append(f"time {self.clock.at.isoformat()}")

    def _move_house(self) -> None:
        payee = self.random.choice(sorted(self.addresses))
        self.addresses[payee] += " and another"
        self.trace.append(f"move {payee}")

    def _pay(self) -> None:
        """A payment goes on, or back, or ends badly; one that has ended is out of reach of a reorganisation some time."""
        open_ = [row for row in self.rows._of("payment", None).values() if row.due_at is not None]
        if open_:
            row = self.random.choice(open_)
            self._move(row, self.random.random())

    def _move(self, row: Payment, chance: float) -> None:
        changes: dict[str, Any]
        if row.state in ENDED:
            back = chance < 0.2 and row.state is PaymentState.CONFIRMED
            changes = {"state": PaymentState.BROADCAST, "hash": None, "block_number": None} if back else {"due_at": None}
        elif chance < 0.05:
            state = PaymentState.REJECTED if row.state is PaymentState.PENDING_APPROVAL else PaymentState.FAILED
            changes = {"state": state, "reason": "it did not come to be"}
        elif chance < 0.15 and row.state is PaymentState.MINED:
            changes = {"state": PaymentState.BROADCAST, "hash": None, "block_number": None}
        else:
            state = _WAY[_WAY.index(row.state) + 1]
            changes = {"state": state} | ({"hash": f"hash of {row.id}", "block_number": 1} if state is PaymentState.MINED else {})
        self.tables.put("payment", row.id, row.model_copy(update=changes))
        self.trace.append(f"{row.id} {changes}")

    # ---- invariants ----------------------------------------------------------------------------------------------------------

    def _look_at(self, unit: Unit) -> None:
        """At every commit, what it changes."""
        for (kind, key), row in unit.written.items():
            before = self.tables.rows.get((kind, key))
            if kind == "step" and before is not None:
                self._compare(before, row)
            elif kind == "payment" and before is None:
                self._compare_payment(row)

    def _compare(self, before: PayrollStep, row: PayrollStep) -> None:
        assert before.payment_id in (None, row.payment_id), f"{row.id} was of {before.payment_id}, and is of {row.payment_id}"
        assert row.settled or not before.settled, f"{row.id} was settled, and is not"
        if row.settled and row.payment_id is None:
            paid = [one.id for one in self.tables.of("payment") if one.origin.id == row.id]
            assert not paid, f"{row.id} is given up, and {paid} pays it"

    def _compare_payment(self, row: Payment) -> None:
        step_id = row.origin.id.partition(":")[0]
        others = [one.id for one in self.tables.of("payment") if one.origin.id.partition(":")[0] == step_id]
        assert not others, f"{row.id} and {others} pay {step_id}"
        step = self.tables.rows["step", step_id]
        assert not step.settled, f"{row.id} pays {step_id}, which was given up"
        ordered = [(one.address, one.raw_amount) for one in self.tables.of("payout") if one.step_id == step.id]
        if row.kind is not PaymentKind.ALLOWANCE:
            pays = [(one.address, one.raw_amount) for one in row.payees] or [(row.payee_address, row.raw_amount)]
            assert sorted(pays) == sorted(ordered), f"{row.id} pays {pays}, and {ordered} was ordered"
        if step.kind is StepKind.BATCH:
            first = [one for one in self.tables.of("payment") if one.kind is PaymentKind.ALLOWANCE]
            assert first, f"{row.id} was prepared before its allowance"

    # ---- the end -------------------------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        """Nothing fails any more, and every payment is confirmed or has ended."""
        self.faults = 0.0
        for work in self.running.values():
            work.die()
        self.running.clear()
        for _ in range(HEALING_ROUNDS):
            if all(row.settled for row in self.tables.of("step")):
                break
            self._work()
            for name in list(self.running):
                while self._step(name):
                    pass
            for row in self.rows._of("payment", None).values():
                if row.due_at is not None:
                    self._move(row, 1.0)
            self.clock.at += timedelta(seconds=40)
        left = [row.id for row in self.tables.of("step") if not row.settled]
        assert not left, f"it does not come to its end: {left}"
        self._count()

    def _count(self) -> None:
        payments = {row.id: row for row in self.tables.of("payment")}
        steps = {row.id: row for row in self.tables.of("step")}
        for payout in self.tables.of("payout"):
            payment = payments.get(steps[payout.step_id].payment_id or "")
            ended = PayoutState.PAID if payment is not None and payment.state is PaymentState.CONFIRMED else PayoutState.FAILED
            assert payout.state is ended, f"{payout.id} is {payout.state.value}, and its payment says {ended.value}"
        orphans = [row.id for row in payments.values() if steps[row.origin.id].payment_id != row.id]
        assert not orphans, f"no step knows of {orphans}"
        for slip in self.tables.of("payslip"):
            states = [row.state for row in self.tables.of("payout") if row.payslip_id == slip.id]
            assert slip.status is rules.status_of(len(slip.shares), 0, states), f"{slip.id} is {slip.status.value}, and its shares are {states}"


def _as_it_is(changes: Mapping[str, Any], row: Payslip) -> dict[str, Any]:
    return dict(changes)


def _built(of: Any, **fields: Any) -> Any:
    """A document without a database behind it."""
    defaults = {key: info.get_default(call_default_factory=True) for key, info in of.model_fields.items() if not info.is_required()}
    return of.model_construct(**defaults | fields)
