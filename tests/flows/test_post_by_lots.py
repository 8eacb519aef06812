"""What leaves a wallet is posted at what its lots cost, at once; and running so comes to what a rebuild from all entries does."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from crypto_api.classification.types import Category, Decision, DecisionSource
from crypto_api.flows import post_by_lots as booking
from crypto_api.flows import settle_lots as settling
from crypto_api.flows.book_transaction import Valued, book_valued, changes_of, reverse_bookings
from crypto_api.flows.settle_lots import is_settled, plan_corrections, settle_lots
from crypto_api.flows.verify_lots import verify_lots
from crypto_api.kit.clock import FixedClock
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.lots import service as policies
from crypto_api.lots import store
from crypto_api.lots.documents import LotCheckpoint, LotPage, LotPolicy, LotPool, LotRule
from crypto_api.lots.kept import lot_from_text
from crypto_api.lots.types import LotMethod, LotScope
from crypto_api.organizations.documents import Organization
from crypto_api.reports.lot_events import read_lot_events
from crypto_api.runtime import Runtime
from crypto_api.transactions import store as transactions
from crypto_api.transactions.types import Direction, Movement, MovementKind
from mongodb_config.unit_of_work import Session
from tests.factories.treasury import Treasury, new_treasury

D = Decimal
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
_numbers = count()


class Desk:
    """An organisation whose lots are kept from its beginning."""

    def __init__(self, runtime: Runtime, treasury: Treasury) -> None:
        self.runtime, self.treasury, self.clock = runtime, treasury, FixedClock(NOW)
        self.org_id, self.uow, self.at = treasury.org_id, runtime.uow, START

    def coin(self, wallet: str, way: Direction, units: str, value: str | None, asset: str = "ETH", **changes: Any) -> Movement:
        own = self.treasury.wallets[wallet]
        if way is Direction.INTERNAL:
            changes["counter_wallet_id"] = self.treasury.wallets["side" if wallet == "main" else "main"].id
        return self.treasury.movement(own, way, units, asset, other="Acme", value=value, **changes)

    async def due(self, category: Category, *movements: Movement, at: datetime | None = None) -> Valued:
        if at is None:
            self.at += timedelta(hours=7)
        row = await self.treasury.record(self.treasury.transaction(list(movements), at or self.at))
        decision = Decision(category=category, confidence=1, source=DecisionSource.RULE, explanation="")
        return Valued(row, decision, tuple(movements), tuple(changes_of(movements, category)), "UTC")

    async def book(self, *valued: Valued) -> list[JournalEntry]:
        results = await book_valued(self.uow, self.clock, valued)
        assert all(result.booked for result in results)
        entries = {row.id: row for row in await ledger.entries_by_ids(self.org_id, [result.entry_id or "" for result in results])}
        return [entries[result.entry_id] for result in results if result.entry_id]

    async def buy(self, wallet: str, units: str, value: str | None, **when: Any) -> JournalEntry:
        return (await self.book(await self.due(Category.INCOME, self.coin(wallet, Direction.IN, units, value), **when)))[0]

    async def sell(self, wallet: str, units: str, value: str | None, **when: Any) -> JournalEntry:
        return (await self.book(await self.due(Category.EXPENSE, self.coin(wallet, Direction.OUT, units, value), **when)))[0]

    async def settle(self) -> int:
        return await settle_lots(self.uow, self.clock, self.org_id)

    async def agrees(self) -> None:
        """With a rebuild: no correction is wanted, and quantities, pools, lots and checkpoints are what it makes."""
        policy = await policies.current(self.org_id, NOW)
        plan = await plan_corrections(self.treasury.organization, policies.rules_of(policy), policy.rules_version, None, NOW)
        assert plan.corrections == [] and plan.orphans == []
        assert await is_settled(self.treasury.organization, policy)
        found = await verify_lots(self.uow, self.org_id)
        assert found.failure is None, found.failure

    async def kinds(self) -> Counter[tuple[str, bool]]:
        return Counter((row.source_kind.value, row.uncosted) for row in await JournalEntry.find({"org_id": self.org_id}).to_list())


async def desk(runtime: Runtime, method: LotMethod = LotMethod.FIFO, scope: LotScope = LotScope.WALLET) -> Desk:
    number = next(_numbers)
    treasury = await new_treasury(runtime.uow, name=f"Desk {number}", first=f"Bo{number}", now=START)
    for name in ("main", "side"):
        await treasury.wallet(name, monitoring_enabled=False)
    rule = LotRule(method=method, scope=scope)
    await LotPolicy(id=treasury.org_id, org_id=treasury.org_id, created_at=START, updated_at=START, rules=[rule]).insert()
    made = Desk(runtime, treasury)
    assert await made.settle() == 0
    return made


def lines_of(entry: JournalEntry) -> list[tuple[str, Decimal, Decimal]]:
    """Account, debit less credit, quantity."""
    return [(line.account_code, line.debit - line.credit, line.quantity or D(0)) for line in entry.lines]


@pytest.mark.parametrize(("method", "cost"), [("fifo", 2500), ("lifo", 3500), ("hifo", 3500), ("average", 3000)])
async def test_a_disposal_is_posted_at_what_its_lots_cost(runtime: Runtime, method: str, cost: int) -> None:
    books = await desk(runtime, LotMethod(method))
    await books.buy("main", "1", "1000")
    await books.buy("main", "1", "3000")
    entry = await books.sell("main", "1.5", "6000")
    assert lines_of(entry) == [("1100", D(-cost), D("-1.5")), ("5300", D(6000), D("1.5")), ("4200", D(cost - 6000), D(0))]
    assert not entry.uncosted and not entry.unpriced
    rest = await books.sell("main", "0.5", "100")
    assert lines_of(rest)[0] == ("1100", D(cost - 4000), D("-0.5"))
    assert await LotPage.find({"org_id": books.org_id}).to_list() == []
    assert await books.settle() == 0
    await books.agrees()
    assert await books.kinds() == {("transaction", False): 4}, "no correction was needed"


async def test_where_lots_of_all_wallets_are_together_each_wallet_keeps_its_average(runtime: Runtime) -> None:
    books = await desk(runtime, LotMethod.FIFO, LotScope.UNIVERSAL)
    await books.buy("main", "1", "1000")
    await books.buy("side", "1", "3000")
    entry = await books.sell("side", "1", "4000")  # the ether that was bought first, wherever it lies
    side = books.treasury.wallets["side"].id
    assert [(line.account_code, line.wallet_id, line.debit - line.credit, line.quantity) for line in entry.lines] == [
        ("1100", side, D(-3000), D(-1)),
        ("1100", None, D(2000), D(0)),
        ("5300", None, D(4000), D(1)),
        ("4200", None, D(-3000), None),
    ]
    (event,) = [event for event in (await read_lot_events(books.org_id, "UTC")).events if event.kind == "dispose"]
    assert (event.value, event.fee) == (4000_00000000, 0)
    await books.book(await books.due(Category.TRANSFER_OUT, books.coin("main", Direction.INTERNAL, "0.5", "2000")))  # stays among the same lots
    await books.sell("side", "0.5", "2000")
    assert await books.settle() == 0
    await books.agrees()
    assert await books.kinds() == {("transaction", False): 5}


HISTORIES = [(method, scope, seed) for method in LotMethod for scope in LotScope for seed in (1, 2)]


@pytest.mark.parametrize(("method", "scope", "seed"), HISTORIES)
async def test_any_history_in_its_order_needs_no_correction(runtime: Runtime, method: LotMethod, scope: LotScope, seed: int) -> None:
    """One at a time or several in a unit of work, with gas, own transfers and wraps."""
    books, chance = await desk(runtime, method, scope), random.Random(seed)
    held: Counter[tuple[str, str]] = Counter()
    entries, together = list[JournalEntry](), list[Valued]()
    for _ in range(26):
        together.append(await _something(books, chance, held, wraps=scope is LotScope.WALLET))
        if chance.random() < 0.5:
            entries += await books.book(*together)
            together = []
    entries += await books.book(*together) if together else []
    assert [row.id for row in entries if row.uncosted] == []
    assert await books.settle() == 0
    await books.agrees()
    assert set(await books.kinds()) == {("transaction", False)}


async def _something(books: Desk, chance: random.Random, held: Counter[tuple[str, str]], *, wraps: bool) -> Valued:
    """In thousandths of a coin; what goes out is there."""
    wallet, asset = chance.choice(("main", "side")), chance.choice(("ETH", "ETH", "WETH"))
    have, kind = held[wallet, asset], chance.choice(("in", "in", "out", "out", "between", "wrap" if wraps else "between"))
    if kind == "in" or have < 10:
        units = chance.randrange(1, 4000)
        held[wallet, asset] += units
        value = str(D(chance.randrange(1, 10**9)).scaleb(-3))
        return await books.due(Category.REWARD, books.coin(wallet, Direction.IN, str(D(units).scaleb(-3)), value, asset))
    units = chance.choice((have, chance.randrange(1, have)))
    amount, value = str(D(units).scaleb(-3)), str(D(chance.randrange(1, 10**9)).scaleb(-3))
    held[wallet, asset] -= units
    if kind == "between":
        held["side" if wallet == "main" else "main", asset] += units
        return await books.due(Category.TRANSFER_OUT, books.coin(wallet, Direction.INTERNAL, amount, value, asset))
    if kind == "wrap":
        other = "WETH" if asset == "ETH" else "ETH"
        held[wallet, other] += units
        out, into = (books.coin(wallet, way, amount, value, what) for way, what in ((Direction.OUT, asset), (Direction.IN, other)))
        return await books.due(Category.WRAP, out, into)
    moved = [books.coin(wallet, Direction.OUT, amount, value, asset)]
    if held[wallet, "ETH"] > 5:
        held[wallet, "ETH"] -= 1
        moved.insert(0, books.coin(wallet, Direction.OUT, "0.001", "2.5", kind=MovementKind.GAS, key="gas"))
    return await books.due(chance.choice((Category.EXPENSE, Category.TRANSFER_OUT)), *moved)


@pytest.mark.parametrize(("method", "scope"), [("fifo", "universal"), ("lifo", "wallet"), ("hifo", "universal"), ("average", "wallet")])
async def test_any_history_in_any_order_is_settled_to_the_same(runtime: Runtime, method: str, scope: str) -> None:
    """Backdated, without a price, more than there is, taken back: compared later, and right in the end."""
    books, chance = await desk(runtime, LotMethod(method), LotScope(scope)), random.Random(method)
    booked, marked = list[Valued](), Counter[bool]()
    for number in range(40):
        if booked and chance.random() < 0.1:
            gone = booked.pop(chance.randrange(len(booked))).transaction
            row = await transactions.get(books.org_id, gone.id)
            assert row is not None

            async def work(session: Session, row: Any = row) -> None:
                await reverse_bookings(session, row, NOW)
                await transactions.orphan(session, row, NOW)

            await books.uow.run(work)
        at = START + timedelta(days=number * 3 if chance.random() < 0.85 else chance.randrange(number * 3 + 1), minutes=number)
        way, wallet = chance.choice((Direction.IN, Direction.IN, Direction.OUT, Direction.INTERNAL)), chance.choice(("main", "side"))
        value = None if chance.random() < 0.05 else str(chance.randrange(1, 9000))
        category = Category.TRANSFER_OUT if way is Direction.INTERNAL else Category.EXPENSE if way is Direction.OUT else Category.INCOME
        valued = await books.due(
            category, books.coin(wallet, way, str(D(chance.randrange(1, 3000 if way is Direction.IN else 900)).scaleb(-3)), value), at=at
        )
        for entry in await books.book(valued):
            marked[entry.uncosted] += 1
        booked.append(valued)
        if chance.random() < 0.6:
            await books.settle()
        if number == 20:
            await books.settle()
            await books.agrees()
    await books.settle()
    await books.agrees()
    assert marked[True] > 5 and marked[False] > 5, marked  # both ways were taken


async def test_what_comes_late_is_marked_and_all_behind_it_until_it_was_compared(runtime: Runtime) -> None:
    books = await desk(runtime)
    await books.buy("main", "1", "3000")
    await books.sell("main", "0.5", "2000")
    late = await books.buy("main", "1", "1000", at=START)  # before what was sold: it cost less
    behind = await books.sell("main", "0.1", "400")
    other = await books.buy("side", "1", "500")
    assert [late.uncosted, behind.uncosted, other.uncosted] == [True, True, True]
    assert not await is_settled(books.treasury.organization, await policies.current(books.org_id, NOW))
    assert await books.settle() == 2, "both disposals cost what the older lot did"
    await books.agrees()
    assert not (await books.sell("main", "0.1", "400")).uncosted
    assert await books.settle() == 0
    await books.agrees()


async def test_what_has_no_cost_or_was_never_acquired_is_marked(runtime: Runtime) -> None:
    books = await desk(runtime)
    unpriced = await books.buy("main", "1", None)
    assert unpriced.unpriced and not unpriced.uncosted, "the lot is known, its cost is not"
    assert (await books.sell("main", "0.5", "900")).uncosted
    await books.settle()
    short = await books.sell("side", "2", "900")
    assert short.uncosted and short.unpriced
    await books.settle()
    await books.agrees()
    assert not (await books.buy("side", "3", "900")).uncosted
    await books.agrees()


async def test_what_leaves_nothing_behind_leaves_the_lots_as_they_were(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    books = await desk(runtime)
    await books.buy("main", "1", "1000")
    before = await store.all_lot_pages(books.org_id), await store.lot_pools(books.org_id)
    valued = await books.due(Category.EXPENSE, books.coin("main", Direction.OUT, "0.25", "900"))

    async def refused(*_: Any) -> bool:
        return False

    with monkeypatch.context() as patched:
        patched.setattr(transactions, "mark_booked", refused)
        assert [row.booked for row in await book_valued(books.uow, books.clock, [valued])] == [False]
    assert (await store.all_lot_pages(books.org_id), await store.lot_pools(books.org_id)) == before
    await books.book(valued)
    await books.book(await books.due(Category.EXPENSE, books.coin("main", Direction.OUT, "0.25", "900")))
    again = await book_valued(books.uow, books.clock, [valued])
    assert not again[0].booked and await books.kinds() == {("transaction", False): 3}
    await books.agrees()


@pytest.mark.parametrize("scope", list(LotScope))
async def test_bookings_and_settling_at_once_take_every_lot_once(runtime: Runtime, scope: LotScope) -> None:
    books = await desk(runtime, LotMethod.HIFO, scope)
    for value in ("1000", "3000", "2000"):
        await books.buy("main", "4", value)
    await books.buy("side", "4", "2500")
    due = [await books.due(Category.EXPENSE, books.coin(wallet, Direction.OUT, "0.7", "2000")) for _ in range(5) for wallet in ("main", "side")]
    late = await books.due(Category.INCOME, books.coin("main", Direction.IN, "1", "5000"), at=START)
    chance = random.Random(scope)
    chance.shuffle(due)

    async def settle_often() -> None:
        for _ in range(4):
            await books.settle()

    await asyncio.gather(*(books.book(one) for one in due), books.book(late), settle_often())
    await books.settle()
    await books.agrees()
    lots = await store.all_lot_pages(books.org_id)
    assert sum(lot_from_text(text).left for pages in lots.values() for page in pages.values() for text in page) == 10 * 10**36


async def test_a_lot_that_was_changed_is_found(runtime: Runtime) -> None:
    books = await desk(runtime, LotMethod.AVERAGE)
    await books.buy("main", "1", "1000")
    await books.buy("side", "1", "1000")
    await books.settle()
    place = f"1100|{books.treasury.wallets['side'].id}|ETH"
    page = await LotPage.find_one({"org_id": books.org_id, "pool": place})
    assert page is not None
    for where, changes in ((LotPage, {"lots": [page.lots[0].replace("1", "2", 1)]}), (LotPool, {"cost": "1"})):
        rows = where.get_pymongo_collection()
        before = await rows.find_one({"org_id": books.org_id, "pool" if where is LotPage else "key": place})
        assert before is not None
        await rows.update_one({"_id": before["_id"], "org_id": books.org_id}, {"$set": changes})
        found = await verify_lots(books.uow, books.org_id)
        assert found.failure is not None and found.failure.subject == place
        await rows.replace_one({"_id": before["_id"], "org_id": books.org_id}, before)
    await books.agrees()


async def test_what_a_killed_worker_began_is_taken_up(runtime: Runtime) -> None:
    """While the lots are worked through anew nothing is booked by them, however long that lasts."""
    books = await desk(runtime)
    await books.buy("main", "1", "1000")
    await books.settle()
    state = await store.state(books.org_id)
    assert state is not None and state.month == date(2026, 3, 1)
    await books.uow.run(lambda session: store.put_state(session, state, state.model_copy(update={"anew": True})))
    assert (await books.sell("main", "0.5", "700")).uncosted
    assert await books.settle() == 0
    assert not (await books.sell("main", "0.25", "300")).uncosted
    await books.agrees()


async def test_days_of_another_time_zone_are_worked_through_anew(runtime: Runtime) -> None:
    books = await desk(runtime)
    for hour in (1, 2):
        await books.buy("main", "1", f"{hour}000", at=datetime(2026, 3, hour, 23, tzinfo=UTC))
    books.at = datetime(2026, 3, 3, tzinfo=UTC)
    await books.settle()
    await Organization.find_one({"_id": books.org_id}).set({"time_zone": "Asia/Tokyo"})
    books.treasury.organization = books.treasury.organization.model_copy(update={"time_zone": "Asia/Tokyo"})
    late = replace(await books.due(Category.EXPENSE, books.coin("main", Direction.OUT, "1", "1500")), time_zone="Asia/Tokyo")
    assert [entry.uncosted for entry in await books.book(late)] == [True]
    assert await books.settle() == 1, "the lot that was bought first cost less than the average"
    await books.agrees()
    late = replace(await books.due(Category.EXPENSE, books.coin("main", Direction.OUT, "0.5", "1500")), time_zone="Asia/Tokyo")
    assert [entry.uncosted for entry in await books.book(late)] == [False]
    await books.agrees()


async def test_a_long_import_is_settled_together(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking, "AT_ONCE_MAX", 2)
    books = await desk(runtime)
    rows = [await books.due(Category.INCOME, books.coin("main", Direction.IN, "1", "1000")) for _ in range(3)]
    assert [entry.uncosted for entry in await books.book(*rows)] == [True] * 3
    assert await books.settle() == 0
    assert not (await books.sell("main", "0.5", "700")).uncosted
    await books.agrees()


async def test_a_proposal_compares_nothing_anew_and_a_rule_does(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    books = await desk(runtime)
    await books.buy("main", "1", "1000")
    await books.buy("main", "1", "3000")
    read: list[date | None] = []

    async def watched(*arguments: Any, **named: Any) -> Any:
        read.append(named.get("since"))
        return await read_lot_events(*arguments, **named)

    await books.settle()
    monkeypatch.setattr(settling, "read_lot_events", watched)
    now, rule = NOW, LotRule(start=date(2026, 4, 1), method=LotMethod.LIFO)

    async def change(session: Session, by: str) -> None:
        before = await policies.current(books.org_id, now, session)
        await (policies.propose(session, before, rule, by, now) if before.proposal is None else policies.reject(session, before, by, now))

    await books.uow.run(lambda session: change(session, "usr_a"))
    await books.uow.run(lambda session: change(session, "usr_b"))
    assert (await policies.current(books.org_id, now)).version == 3
    assert not (await books.sell("main", "0.1", "100")).uncosted and await books.settle() == 0 and read == []

    async def confirm(session: Session) -> None:
        await policies.put(session, await policies.current(books.org_id, now, session), rule, "usr_a", now)

    await books.uow.run(confirm)
    assert (await books.sell("main", "0.1", "100")).uncosted, "by which rule, the worker finds out first"
    await books.settle()
    assert read == [None]
    books.at = datetime(2026, 4, 2, 12, tzinfo=UTC)
    assert (await books.sell("main", "0.1", "400")).uncosted, "the first of the days of another rule"
    assert await books.settle() == 1
    entry = await books.sell("main", "0.1", "400")
    assert not entry.uncosted and lines_of(entry)[0] == ("1100", D(-300), D("-0.1"))
    await books.agrees()


async def test_months_get_their_checkpoints_where_nothing_was_to_be_compared(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    books, read = await desk(runtime), list[date | None]()

    async def watched(*arguments: Any, **named: Any) -> Any:
        read.append(named.get("since"))
        return await read_lot_events(*arguments, **named)

    monkeypatch.setattr(settling, "read_lot_events", watched)
    for month in range(3, 8):
        for day in (2, 20):
            await books.buy("main", "1", "1000", at=datetime(2026, month, day, 12, tzinfo=UTC))
            await books.settle()
    days = [row.day for row in await LotCheckpoint.find({"org_id": books.org_id}).sort("day").to_list()]
    assert days == [date(2026, month, 1) for month in range(4, 8)]
    assert read == [None, None, date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)], "each month once, from the beginning of the one before"
    assert set(await books.kinds()) == {("transaction", False)}
    await books.agrees()
