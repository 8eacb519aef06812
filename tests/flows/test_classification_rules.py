"""Rules and memory at work on the books: what is booked by them, what changes when they are applied to history, and what stays."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.classification import service as classification
from crypto_api.classification.documents import PersonDecision
from crypto_api.classification.types import Category, Conditions, MovementWay, NewRule, Outcome
from crypto_api.events.documents import Event
from crypto_api.flows import apply_rules as apply_flow
from crypto_api.flows.annotate_transaction import Annotation, annotate_transaction
from crypto_api.flows.apply_rules import Preview, Span, Trial, apply_next, apply_rules, ask_to_apply, preview_rules
from crypto_api.flows.book_transaction import reverse_bookings
from crypto_api.flows.end_abandoned_tasks import end_abandoned_tasks
from crypto_api.flows.learn_earlier_words import learn_earlier_words
from crypto_api.flows.review import Wanted, take_suggestions
from crypto_api.flows.verify_ledger import verify_ledger
from crypto_api.kit.clock import FixedClock
from crypto_api.ledger import period_store as periods
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountType, ChartAccount
from crypto_api.organizations.documents import Organization
from crypto_api.runtime import Runtime
from crypto_api.tasks.documents import Task
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking, Direction, Finality
from mongodb_config.unit_of_work import Session
from tests.factories.treasury import address_of, new_treasury
from tests.flows.test_book_transaction import NETWORK, NOW, Office

D = Decimal
NETWORKS = {NETWORK.slug: NETWORK}


@pytest.fixture
async def office(runtime: Runtime) -> Office:
    made = Office(runtime, await new_treasury(runtime.uow, now=NOW))
    await made.treasury.wallet("main")
    hosting = ChartAccount("5310", "Hosting", AccountType.EXPENSE, "5000")
    await ledger.add_to_chart(runtime.database, made.org_id, hosting, NOW)
    return made


def new(category: Category = Category.EXPENSE, *, name: str = "Hosting", other: str = "host", enabled: bool = True, **said: Any) -> NewRule:
    way = MovementWay.IN if category is Category.REWARD else MovementWay.OUT
    conditions = Conditions(addresses=(address_of(other),), ways=(way,))
    return NewRule(name=name, conditions=conditions, outcome=Outcome(category=category, **said), enabled=enabled)


async def added(office: Office, rule: NewRule) -> str:
    row = await office.runtime.uow.run(lambda session: classification.add_rule(session, office.org_id, rule, "usr_1", NOW))
    return row.id


async def balances(office: Office) -> dict[str, Decimal]:
    return {row.account_code: row.debit - row.credit for row in await ledger.trial_balance(office.org_id) if row.debit != row.credit}


async def again(office: Office, row: Transaction) -> Transaction:
    found = await transactions.get(office.org_id, row.id)
    assert found is not None
    return found


async def say(office: Office, row: Transaction, **words: Any) -> None:
    await annotate_transaction(office.runtime.uow, office.clock, office.org_id, row.id, Annotation(**words))


async def paid(office: Office, units: str = "1", other: str = "host") -> Transaction:
    row, _ = await office.booked(office.moved(Direction.OUT, units, other=other))
    return row


async def applied(office: Office, span: Span = Span()) -> Preview:
    return await apply_rules(office.runtime.uow, office.clock, NETWORKS, office.org_id, span)


async def test_a_rule_books_to_its_account_and_is_named_with_its_version(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "5"))
    rule_id = await added(office, new(subcategory="Servers", purpose="The product", account="5310"))
    row = await paid(office)
    assert (row.category, row.category_source, row.subcategory, row.purpose, row.tax_category, row.account) == (
        "expense", "rule", "Servers", "The product", "deductible", "5310",
    )  # fmt: skip
    assert row.provenance == {"rule_id": rule_id, "rule_version": 1}
    assert (await balances(office))["5310"] == D(3000)
    await say(office, row, category=Category.PAYROLL)
    assert "5310" not in await balances(office), "a person's word takes it out of the rule's account"
    assert (await again(office, row)).account == ""
    assert (await verify_ledger(office.runtime.uow, office.org_id, {}, {})).ok


async def test_a_dry_run_writes_nothing_and_applying_makes_exactly_that(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "5"))
    known, said, other = await paid(office, "1"), await paid(office, "0.5"), await paid(office, "0.25", "somebody")
    await say(office, said, category=Category.PAYROLL)
    before = {row.id: row.version for row in await Transaction.find({"org_id": office.org_id}).to_list()}
    entries, told = [await kind.find({"org_id": office.org_id}).count() for kind in (JournalEntry, Event)]
    trial = Trial(new(account="5310"))
    found = await preview_rules(NETWORKS, office.org_id, trial, Span())
    assert (found.looked_at, found.matched, found.changed, found.in_closed_periods, found.complete) == (3, 1, 1, 0, True)
    assert [(change.transaction.id, change.before.category, change.after.category) for change in found.changes] == [
        (known.id, Category.UNCLASSIFIED, Category.EXPENSE)
    ]
    assert {row.id: row.version for row in await Transaction.find({"org_id": office.org_id}).to_list()} == before
    assert await JournalEntry.find({"org_id": office.org_id}).count() == entries
    assert await Event.find({"org_id": office.org_id}).count() == told

    await added(office, trial.new)
    assert (await again(office, known)).category == "unclassified", "what is booked changes only when somebody applies the rules"
    assert (await applied(office)).changed == 1
    assert [(await again(office, row)).category for row in (known, said, other)] == ["expense", "payroll", "unclassified"]
    assert (await balances(office))["5310"] == D(3000)
    once_more = await applied(office)
    assert (once_more.changed, once_more.matched) == (0, 1)
    assert (await verify_ledger(office.runtime.uow, office.org_id, {}, {})).ok


async def test_a_rule_that_is_gone_gives_back_what_it_decided_and_a_closed_period_stays(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "5"))
    rule_id = await added(office, new())
    row = await paid(office)
    disabled = Trial(new(enabled=False), rule_id)
    assert (await preview_rules(NETWORKS, office.org_id, disabled, Span())).changed == 1
    await office.runtime.uow.run(lambda session: classification.delete_rule(session, office.org_id, rule_id, NOW, None))
    assert (await preview_rules(NETWORKS, office.org_id, None, Span(first=date(2027, 1, 1)))).looked_at == 0
    await office.runtime.uow.run(lambda session: periods.set_closed_through(session, office.org_id, date(2026, 11, 30), NOW))
    closed = await applied(office)
    assert (closed.changed, closed.in_closed_periods) == (0, 1)
    assert (await again(office, row)).category == "expense"
    await office.runtime.uow.run(lambda session: periods.set_closed_through(session, office.org_id, None, NOW))
    assert (await applied(office)).changed == 1
    assert (await again(office, row)).category == "unclassified"
    assert len(await JournalEntry.find({"org_id": office.org_id, "status": "posted", "reverses": None}).to_list()) == 2


async def test_a_word_is_remembered_and_teaches_only_its_own_organisation(office: Office, runtime: Runtime) -> None:
    await office.booked(office.moved(Direction.IN, "5"))
    first = await paid(office)
    await say(office, first, category=Category.EXPENSE, subcategory="Servers", counterparty="Host Ltd", purpose="The product")
    asked = await paid(office, "0.1")
    assert asked.category == "unclassified" and asked.suggestion is not None
    assert (asked.suggestion["category"], asked.suggestion["confidence"], asked.suggestion["subcategory"]) == ("expense", 0.78, "Servers")
    await take_suggestions(office.runtime.uow, office.clock, office.org_id, [Wanted(asked.id, asked.version)])
    second = await paid(office, "0.1")
    assert (second.category, second.category_source, second.confidence) == ("expense", "memory", 0.95)
    assert (second.subcategory, second.counterparty, second.purpose) == ("Servers", "Host Ltd", "The product")
    assert second.provenance is not None and sorted(second.provenance["precedents"]) == sorted([first.id, asked.id])
    elsewhere = Office(runtime, await new_treasury(runtime.uow, name="Elsewhere", first="Bo", now=NOW))
    await elsewhere.treasury.wallet("main")
    await elsewhere.booked(elsewhere.moved(Direction.IN, "5"))
    theirs = await paid(elsewhere)
    assert (theirs.category, theirs.suggestion) == ("unclassified", None)

    third = await paid(office, "0.1", "somebody")
    assert (third.category, third.suggestion) == ("unclassified", None)
    await say(office, first, category=Category.PAYROLL)
    await say(office, asked, category=Category.PAYROLL)
    fourth = await paid(office, "0.2")
    assert fourth.category == "payroll", "the last word about a transaction is the one that counts"
    await say(office, first, category=Category.UNCLASSIFIED)
    await say(office, asked, category=Category.UNCLASSIFIED)
    assert await PersonDecision.find({"org_id": office.org_id}).count() == 0
    assert (await paid(office, "0.3")).category == "unclassified"


async def test_what_people_said_before_it_was_remembered_teaches_after_the_upgrade(office: Office, runtime: Runtime) -> None:
    """Migration 11, and once more after it was interrupted: nothing that was said since is overwritten, nothing of others is learnt."""
    await office.booked(office.moved(Direction.IN, "5"))
    first, second = await paid(office, "0.1", "host"), await paid(office, "0.2", "maker")
    await say(office, first, category=Category.EXPENSE, subcategory="Servers", counterparty="Host Ltd", purpose="The product")
    await say(office, second, category=Category.UNCLASSIFIED)
    kept = await paid(office, "0.3", "third")
    await say(office, kept, category=Category.PAYROLL)
    taught = {row.id: row for row in await PersonDecision.find({"org_id": office.org_id}).to_list()}
    assert set(taught) == {first.id, kept.id}
    collection = PersonDecision.get_pymongo_collection()
    await collection.delete_one({"_id": first.id, "org_id": office.org_id})
    assert (await paid(office, "0.4", "host")).suggestion is None, "nobody remembers"

    for _ in range(2):
        after: str | None = None
        while (after := await learn_earlier_words(runtime.database, after)) is not None:
            pass
    learnt = {row.id: row for row in await PersonDecision.find({"org_id": office.org_id}).to_list()}
    assert set(learnt) == set(taught) and learnt[kept.id] == taught[kept.id]
    assert (learnt[first.id].traits, learnt[first.id].at) == (taught[first.id].traits, first.timestamp)
    assert learnt[first.id].outcome.model_dump(exclude={"tax_category"}) == taught[first.id].outcome.model_dump(exclude={"tax_category"})
    taken = (await paid(office, "0.5", "host")).suggestion
    assert taken is not None
    assert (taken["category"], taken["source"], taken["subcategory"], taken["counterparty"]) == ("expense", "memory", "Servers", "Host Ltd")
    assert taken["provenance"]["precedents"] == [first.id]


async def test_what_was_asked_for_is_done_whoever_was_stopped(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task is the queue: one whose worker died half-way goes on, with the days that it was asked for; one that fails says so."""
    await office.booked(office.moved(Direction.IN, "5"))
    rows = [await paid(office, "0.1"), await paid(office, "0.2")]
    await added(office, new())
    uow, clock, moved, seen = office.runtime.uow, office.clock, apply_flow.reclassify, []
    asked = [await ask_to_apply(uow, clock, office.org_id, span) for span in (Span(last=date(2026, 1, 1)), Span(first=date(2026, 11, 1)))]

    async def stopped(session: Session, row: Transaction, *rest: Any) -> Any:
        seen.append(row.id)
        if len(seen) == 2:
            raise asyncio.CancelledError
        return await moved(session, row, *rest)

    monkeypatch.setattr(apply_flow, "reclassify", stopped)
    assert await apply_next(uow, clock, NETWORKS), "the first of the two, whose days hold nothing"
    with pytest.raises(asyncio.CancelledError):
        await apply_next(uow, clock, NETWORKS)
    tasks = [await Task.get(task.id) for task in asked]
    assert [task.status for task in tasks if task] == ["succeeded", "running"]
    assert await end_abandoned_tasks(uow, FixedClock(NOW + timedelta(days=1)), timedelta(minutes=2)) == 0, "nobody gives it up"
    assert sorted([(await again(office, row)).category for row in rows]) == ["expense", "unclassified"]

    monkeypatch.setattr(apply_flow, "reclassify", moved)
    while await apply_next(uow, clock, NETWORKS):
        pass
    tasks = [await Task.get(task.id) for task in asked]
    assert [(task.status, task.result and task.result["looked_at"]) for task in tasks if task] == [("succeeded", 0), ("succeeded", 3)]
    assert [(await again(office, row)).category for row in rows] == ["expense", "expense"]
    assert len(await JournalEntry.find({"org_id": office.org_id, "status": "posted", "reverses": None}).to_list()) == 3, "none twice"

    async def broken(*_: Any) -> Any:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(apply_flow, "apply_rules", broken)
    failed = await ask_to_apply(uow, clock, office.org_id, Span())
    assert [await apply_next(uow, clock, NETWORKS) for _ in range(2)] == [True, False]
    told = await Task.get(failed.id)
    assert told is not None and (told.status, told.error) == ("failed", "ValueError: a fault of ours")
    assert (await verify_ledger(uow, office.org_id, {}, {})).ok


async def test_below_the_organisations_threshold_it_asks(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "5"))
    for amount in ("1", "0.5"):
        await say(office, await paid(office, amount), category=Category.EXPENSE)
    await Organization.find({"_id": office.org_id}).update({"$set": {"classification_threshold": 0.96}})
    row = await paid(office, "0.2")
    assert (row.category, row.category_source) == ("unclassified", "none")
    assert row.suggestion is not None and (row.suggestion["category"], row.suggestion["confidence"]) == ("expense", 0.95)


async def test_a_persons_word_stands_when_its_block_leaves_and_comes_back(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "5"))
    await added(office, new(Category.EXPENSE))
    row = await paid(office)
    await say(office, row, category=Category.PAYROLL, purpose="Agreed")
    said = await again(office, row)
    await office.runtime.uow.run(lambda session: reverse_bookings(session, said, NOW))
    await office.runtime.uow.run(lambda session: transactions.orphan(session, said, NOW))
    gone = await again(office, row)
    fresh = {"block_number": said.block_number + 1, "block_hash": "0x" + "cd" * 32, "finality": Finality.PENDING, "category": "unclassified"}
    back = gone.model_copy(update=fresh | {"category_source": "none", "booking": Booking.DUE})
    await office.runtime.uow.run(lambda session: transactions.put_in_block(session, [], [(gone, back)]))
    stored = await again(office, row)
    assert (stored.category, stored.category_source, stored.purpose) == ("payroll", "person", "Agreed")
    await office.book(stored)
    after = await again(office, row)
    assert (after.category, after.category_source, after.purpose) == ("payroll", "person", "Agreed")
    assert (await balances(office))["5200"] == D(3000)
    assert (await applied(office)).changed == 0


async def test_a_word_and_an_application_at_the_same_moment_leave_one_of_them(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "5"))
    row = await paid(office)
    await added(office, new())
    await asyncio.gather(applied(office), say(office, row, category=Category.PAYROLL))
    after = await again(office, row)
    assert (after.category, after.category_source) == ("payroll", "person"), "whichever was first, a person's word is the last"
    assert (await verify_ledger(office.runtime.uow, office.org_id, {}, {})).ok
