"""Two times: what the books said of one day, as they were known on another; against adding up every line."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from crypto_api.flows.seal_entries import seal_entries
from crypto_api.flows.verify_ledger import verify_ledger
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.ids import new_id
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import rules, seal_store, service, store
from crypto_api.ledger.documents import AccountSum, JournalEntry
from crypto_api.ledger.types import AsOf, EntryDraft, Line, Source, SourceKind, SumKey, Sums
from crypto_api.reports import as_of
from crypto_api.runtime import Runtime

D = Decimal
FIRST = datetime(2024, 11, 20, 23, 30, tzinfo=UTC)


@pytest.fixture
async def org(runtime: Runtime) -> str:
    org_id = new_id("org")
    await runtime.uow.run(lambda session: service.create_chart(session, org_id, FIRST))
    return org_id


def body(number: int, day: date, rng: random.Random) -> EntryDraft:
    value, quantity = D(rng.randrange(1, 10**6)).scaleb(-2), D(rng.randrange(1, 10**9)).scaleb(-18)
    wallet = rng.choice(["w1", "w2"])
    lines = [
        Line(account_code="1100", debit=value, asset="ETH", quantity=quantity, wallet_id=wallet),
        Line(account_code=rng.choice(["4100", "4900"]), credit=value, asset="ETH", quantity=quantity.copy_negate()),
    ]
    return EntryDraft(date=day, description="x", source=Source(kind=SourceKind.TRANSACTION, id=f"tx{number}", purpose="movements"), lines=lines)


async def history(runtime: Runtime, org: str, rng: random.Random, count: int) -> list[JournalEntry]:
    """Posted over two years, mostly near the day that it is about, some long after; some reversed; sealed here and there, the last ones not."""
    now, entries = FIRST, []
    for number in range(count):
        now += timedelta(days=rng.choice([0, 0, 1, 3, 30, 45]), hours=rng.randrange(30))
        late = timedelta(days=rng.choice([0, 0, 0, 1, 40, 400]))
        made = body(number, (now - late).date(), rng)
        entries.append(await runtime.uow.run(lambda session, b=made, at=now: service.post(session, org, b, at)))  # type: ignore[misc]
        if rng.random() < 0.2:
            chosen = rng.choice(entries)
            if not (await store.entry(org, chosen.id)).reversed_by:  # type: ignore[union-attr]
                await runtime.uow.run(lambda session, e=chosen, at=now: service.reverse(session, org, e.id, at, "x", on=at.date()))  # type: ignore[misc]
        if rng.random() < 0.3 and number < count - 3:
            await seal_entries(runtime.uow, runtime.clock)
    return await JournalEntry.find({"org_id": org, "status": {"$in": ["posted", "reversed"]}}).sort("+_id").to_list()


def added_up(entries: list[JournalEntry], when: AsOf) -> dict[SumKey, Sums]:
    counted = [
        entry
        for entry in entries
        if (when.at is None or entry.date <= when.at) and (when.known_at is None or (entry.posted_at and entry.posted_at <= when.known_at))
    ]
    return rules.sums_of(line for entry in counted for line in entry.lines)


def moments(entries: list[JournalEntry], rng: random.Random) -> list[AsOf]:
    """At, before and behind what happened, at the ends of months and years, and long before and after."""
    days = [entry.date for entry in rng.sample(entries, 8)] + [
        date(2024, 12, 31),
        date(2025, 1, 1),
        date(2025, 2, 28),
        date(2020, 1, 1),
        date(2030, 1, 1),
    ]
    known = [entry.posted_at or FIRST for entry in rng.sample(entries, 6)]
    known += [moment - timedelta(milliseconds=1) for moment in known[:3]] + [
        datetime(2025, 1, 1, tzinfo=UTC),
        datetime(2025, 12, 31, 23, 59, tzinfo=UTC),
    ]
    both = [AsOf(rng.choice(days), rng.choice(known)) for _ in range(25)]
    return [AsOf(), *(AsOf(at=day) for day in days), *(AsOf(known_at=moment) for moment in known), *both]


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_two_times_give_what_adding_up_every_line_gives(runtime: Runtime, org: str, seed: int) -> None:
    rng = random.Random(seed)
    entries = await history(runtime, org, rng, 30)
    assert any(entry.unsealed for entry in entries) and any(not entry.unsealed for entry in entries)
    for when in moments(entries, rng):
        expected = added_up(entries, when)
        assert await as_of.sums(org, runtime.uow, when) == expected, when
        some = {key: value for key, value in expected.items() if key[0] == "1100" and key[1] == "w1"}
        assert await as_of.sums(org, runtime.uow, when, account_codes=["1100"], wallet_id="w1") == some, when


@pytest.mark.parametrize("seed", [4, 5])
async def test_what_each_day_changed_of_an_asset_is_what_adding_up_every_line_gives(runtime: Runtime, org: str, seed: int) -> None:
    """Backdated, taken back on another day, sealed or not; also where the sums were made from those of accounts, for books from before."""
    rng = random.Random(seed)
    entries = await history(runtime, org, rng, 30)
    sums = AccountSum.get_pymongo_collection()
    days = [date(2020, 1, 1), date(2030, 1, 1), *(entry.date for entry in rng.sample(entries, 5))]
    for _ in range(2):
        for since in days:
            expected: dict[date, Decimal] = {}
            for entry in entries:
                parts = [line.quantity or D(0) for line in entry.lines if line.account_code == "1100" and entry.date >= since]
                expected[entry.date] = add_exactly([expected.get(entry.date, D(0)), *parts])
            found = await runtime.uow.run(lambda session, since=since: seal_store.held_changes(session, org, since))  # type: ignore[misc]
            assert {day: told["ETH"] for day, told in found.items() if told["ETH"]} == {day: moved for day, moved in expected.items() if moved}
        verified = await verify_ledger(runtime.uow, org, {}, {})
        assert verified.first_failure is None
        assert (await sums.delete_many({"org_id": org, "span": "held_day"})).deleted_count > 10
        assert (await verify_ledger(runtime.uow, org, {}, {})).first_failure is not None
        assert await seal_store.add_held_days(runtime.database, None) == org
        assert await seal_store.add_held_days(runtime.database, org) is None


async def test_the_general_ledger_runs_through_pages_either_way(runtime: Runtime, org: str) -> None:
    rng = random.Random(3)
    entries = await history(runtime, org, rng, 24)
    known = entries[15].posted_at
    for scope in (
        as_of.LedgerScope("1100"),
        as_of.LedgerScope("1100", "w1", "ETH"),
        as_of.LedgerScope("1100", None, None, date(2025, 2, 1), AsOf(date(2026, 1, 31), known)),
    ):
        counted = [row for row in entries if scope.as_of.known_at is None or (row.posted_at and row.posted_at <= scope.as_of.known_at)]
        inside = sorted(
            (row for row in counted if (scope.as_of.at or date.max) >= row.date >= (scope.date_from or date.min)), key=lambda row: (row.date, row.id)
        )
        before = [line for row in counted if row.date < (scope.date_from or date.min) for line in row.lines if scope.has(line)]
        balance = expected_opening = add_exactly([amount for line in before for amount in (line.debit, line.credit.copy_negate())])
        expected = []
        for row in inside:
            for line in filter(scope.has, row.lines):
                balance += line.debit - line.credit
                expected.append((row.id, balance))
        for descending in (False, True):
            seen, cursor = [], None
            while True:
                request = PageRequest(limit=4, cursor=cursor, sort="date", descending=descending)
                page = await as_of.general_ledger(org, runtime.uow, scope, request)
                seen += [(row.entry.id, row.balance) for row in page.lines]
                assert page.opening.debit - page.opening.credit == expected_opening
                assert page.closing.debit - page.closing.credit == balance
                if (cursor := page.next_cursor) is None:
                    break
            assert (seen[::-1] if descending else seen) == expected
