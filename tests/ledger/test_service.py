"""Posting on the real database: exactly once, whole or not at all, reversed to the last unit."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from pymongo.errors import WriteError

from crypto_api.events.documents import Event
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.ids import new_id
from crypto_api.ledger import drafts, rules, service, store
from crypto_api.ledger.documents import AccountBalance, JournalEntry
from crypto_api.ledger.errors import AccountExists, AccountInUse, ChangedMeanwhile, NotADraft, NotPosted
from crypto_api.ledger.types import AccountType, Acquisition, Disposal, EntryDraft, EntryStatus, Holding, Line, Place, Source, SourceKind
from crypto_api.runtime import Runtime
from mongodb_config.unit_of_work import Session

D = Decimal
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
CONCURRENT = 32


@pytest.fixture
async def org(runtime: Runtime) -> str:
    org_id = new_id("org")
    await runtime.uow.run(lambda session: service.create_chart(session, org_id, NOW))
    return org_id


def draft(source: str, *lines: Line, kind: SourceKind = SourceKind.TRANSACTION, description: str = "Receipt") -> EntryDraft:
    return EntryDraft(
        date=date(2026, 11, 21),
        description=description,
        source=Source(kind=kind, id=source, purpose="movements"),
        lines=list(lines),
        transaction_id=source,
    )


def receipt(source: str, wallet: str = "w1", quantity: str = "1.000000000000000001", value: str = "3000.00000001") -> EntryDraft:
    posting = rules.post([Acquisition(Place("1100", wallet, "ETH"), D(quantity), D(value), "4100")], {})
    return draft(source, *posting.lines)


async def kept(org_id: str) -> dict[tuple[str, str | None, str | None], tuple[Decimal, Decimal, Decimal]]:
    return {(row.account_code, row.wallet_id, row.asset): (row.debit, row.credit, row.quantity) for row in await store.balances(org_id)}


async def post(runtime: Runtime, org_id: str, body: EntryDraft) -> JournalEntry:
    return await runtime.uow.run(lambda session: service.post(session, org_id, body, NOW))


async def test_an_entry_its_balances_and_its_event_stand_together(runtime: Runtime, org: str) -> None:
    entry = await post(runtime, org, receipt("tx1"))
    stored = await store.entry(org, entry.id)
    assert stored is not None and stored.status is EntryStatus.POSTED
    assert stored.total_debit == stored.total_credit == D("3000.00000001")
    assert stored.date == date(2026, 11, 21)
    assert await kept(org) == {
        ("1100", "w1", "ETH"): (D("3000.00000001"), D(0), D("1.000000000000000001")),
        ("4100", None, "ETH"): (D(0), D("3000.00000001"), D("-1.000000000000000001")),
    }
    events = await Event.find({"org_id": org}).to_list()
    assert [(event.kind, event.permission, event.data["entry_id"], event.data["total"]) for event in events] == [
        ("journal_entry.posted", "ledger.read", entry.id, "3000.00000001")
    ]
    assert await store.holdings(org) == {("w1", "ETH"): (D("1.000000000000000001"), D("3000.00000001"))}


async def test_the_same_source_posts_once_however_many_post_it_at_once(runtime: Runtime, org: str) -> None:
    entries = await asyncio.gather(*(post(runtime, org, receipt("tx1")) for _ in range(CONCURRENT)))
    assert len({entry.id for entry in entries}) == 1
    assert await JournalEntry.find({"org_id": org}).count() == 1
    assert await Event.find({"org_id": org}).count() == 1
    assert (await kept(org))["1100", "w1", "ETH"] == (D("3000.00000001"), D(0), D("1.000000000000000001"))


async def test_many_sources_on_one_account_at_once_add_up_to_the_last_unit(runtime: Runtime, org: str) -> None:
    await asyncio.gather(*(post(runtime, org, receipt(f"tx{i}")) for i in range(CONCURRENT)))
    assert await JournalEntry.find({"org_id": org}).count() == CONCURRENT
    assert await kept(org) == {
        ("1100", "w1", "ETH"): (D("96000.00000032"), D(0), D("32.000000000000000032")),
        ("4100", None, "ETH"): (D(0), D("96000.00000032"), D("-32.000000000000000032")),
    }


async def test_disposals_at_once_never_take_the_same_cost_twice(runtime: Runtime, org: str) -> None:
    """Average cost is read in the unit of work that changes it: one of two beside each other runs again."""
    await post(runtime, org, receipt("tx0", quantity="16", value="0.00000016"))
    place = Place("1100", "w1", "ETH")

    async def dispose(i: int) -> None:
        async def work(session: Session) -> None:
            held = await store.holdings_in(org, {place}, session)
            posting = rules.post([Disposal(place, D(1), D("0.00000003"), "5300")], held)
            await service.post(session, org, draft(f"out{i}", *posting.lines), NOW)

        await runtime.uow.run(work)

    await asyncio.gather(*(dispose(i) for i in range(16)))
    assert await store.holdings(org) == {("w1", "ETH"): (D(0), D(0))}
    assert (await kept(org))["4200", None, None] == (D(0), D("0.00000032"), D(0))


async def test_another_organisation_sees_and_touches_nothing(runtime: Runtime, org: str) -> None:
    other = new_id("org")
    await runtime.uow.run(lambda session: service.create_chart(session, other, NOW))
    first, second = await post(runtime, org, receipt("tx1")), await post(runtime, other, receipt("tx1"))
    assert first.id != second.id
    assert await store.entry(other, first.id) is None
    with pytest.raises(NotFound):
        await runtime.uow.run(lambda session: service.reverse(session, other, first.id, NOW, "mine"))
    assert (await store.holdings(other)).keys() == {("w1", "ETH")}


def line(account: str, debit: str = "0", credit: str = "0") -> dict[str, Any]:
    return {"account_code": account, "debit": Decimal128(debit), "credit": Decimal128(credit)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"total_debit": Decimal128("4"), "total_credit": Decimal128("4")},  # both totals agree, and with no line
        {"total_credit": Decimal128("4")},
        {"lines": [line("1100", "5"), line("4100", "0", "4.99999999")]},
        {"lines": [line("1100", "-5"), line("4100", "10", "0"), line("5100", "0", "5")]},
        {"lines": [line("1100", "5", "5"), line("4100", "0", "0")]},
        {"lines": [line("1100", "5")]},
        {"lines": "none"},
        {"lines": [line("1100", "5") | {"debit": 5}, line("4100", "0", "5")]},
        {"status": "balanced"},
    ],
)
async def test_the_database_refuses_what_is_no_entry(runtime: Runtime, org: str, wrong: dict[str, Any]) -> None:
    row = await JournalEntry.get_pymongo_collection().find_one({"_id": (await post(runtime, org, receipt("tx1", value="5"))).id})
    assert row is not None
    with pytest.raises(WriteError):
        await JournalEntry.get_pymongo_collection().insert_one(row | {"_id": "je_wrong", "source_id": "wrong"} | wrong)
    with pytest.raises(WriteError):
        await JournalEntry.get_pymongo_collection().update_one({"_id": row["_id"]}, {"$set": wrong})
    await JournalEntry.get_pymongo_collection().insert_one(row | {"_id": "je_right", "source_id": "right"})


async def test_many_are_posted_at_once_or_none(runtime: Runtime, org: str) -> None:
    first = await post(runtime, org, receipt("tx1"))
    bodies = [receipt("tx1"), receipt("tx2"), receipt("tx3"), receipt("tx2")]
    entries = await runtime.uow.run(lambda session: service.post_all(session, org, bodies, NOW))
    assert [entry.source_id for entry in entries] == ["tx1", "tx2", "tx3", "tx2"]
    assert entries[0].id == first.id and entries[1].id == entries[3].id
    assert (await kept(org))["1100", "w1", "ETH"] == (D("9000.00000003"), D(0), D("3.000000000000000003"))
    assert await Event.find({"org_id": org}).count() == 3
    unknown = draft("tx9", Line(account_code="1100", debit=D(1)), Line(account_code="nowhere", credit=D(1)))
    with pytest.raises(InvalidInput):
        await runtime.uow.run(lambda session: service.post_all(session, org, [receipt("tx8"), unknown], NOW))
    assert await JournalEntry.find({"org_id": org}).count() == 3


async def test_a_reorganisation_does_not_wait_for_the_draft_of_a_reversal(runtime: Runtime, org: str) -> None:
    entry = await post(runtime, org, receipt("tx1"))
    waiting = await runtime.uow.run(lambda session: drafts.draft_reversal(session, org, entry.id, "u1", NOW, "wrong", NOW.date()))
    mirror = await runtime.uow.run(lambda session: service.reverse(session, org, entry.id, NOW, "block orphaned"))
    assert mirror.id != waiting.id and await store.entry(org, waiting.id) is None
    assert await store.holdings(org) == {("w1", "ETH"): (D(0), D(0))}


@pytest.mark.parametrize(
    "lines",
    [
        [Line(account_code="1000", debit=D(1)), Line(account_code="4900", credit=D("0.99999999"))],
        [Line(account_code="1000", debit=D(1)), Line(account_code="9999", credit=D(1))],
    ],
)
async def test_what_is_refused_leaves_nothing_behind(runtime: Runtime, org: str, lines: list[Line]) -> None:
    with pytest.raises(InvalidInput):
        await post(runtime, org, draft("tx1", *lines))
    assert await JournalEntry.find({"org_id": org}).count() == 0
    assert await AccountBalance.find({"org_id": org}).count() == 0
    assert await Event.find({"org_id": org}).count() == 0


async def test_a_failure_after_the_posting_takes_all_of_it_back(runtime: Runtime, org: str) -> None:
    async def work(session: Session) -> None:
        await service.post(session, org, receipt("tx1"), NOW)
        raise RuntimeError("the caller failed")

    with pytest.raises(RuntimeError):
        await runtime.uow.run(work)
    assert await JournalEntry.find({"org_id": org}).count() == await AccountBalance.find({"org_id": org}).count() == 0


# ---- reversal --------------------------------------------------------------------------------------------------------------------


async def test_a_reversal_leaves_every_account_as_it_was(runtime: Runtime, org: str) -> None:
    await post(runtime, org, receipt("tx0", quantity="3", value="100"))
    place = Place("1100", "w1", "ETH")
    posting = rules.post([Disposal(place, D(1), D("50"), "5300")], {place: Holding(D(3), D(100))})
    entry = await post(runtime, org, draft("tx1", *posting.lines))
    mirror = await runtime.uow.run(lambda session: service.reverse(session, org, entry.id, NOW, "block gone"))
    assert await store.holdings(org) == {("w1", "ETH"): (D(3), D(100))}
    balances = await kept(org)
    assert balances["5300", None, "ETH"] == (D(50), D(50), D(0))
    assert balances["4200", None, None] == (D("16.66666667"), D("16.66666667"), D(0))
    stored = await store.entry(org, entry.id)
    assert stored is not None
    assert (stored.status, stored.reversed_by, mirror.reverses) == (EntryStatus.REVERSED, mirror.id, entry.id)
    assert stored.lines == entry.lines, "what was posted is never changed"
    kinds = [event.kind for event in await Event.find({"org_id": org}).sort("+_id").to_list()]
    assert kinds == ["journal_entry.posted", "journal_entry.posted", "journal_entry.reversed"]


async def test_many_reversals_at_once_are_one(runtime: Runtime, org: str) -> None:
    entry = await post(runtime, org, receipt("tx1"))
    mirrors = await asyncio.gather(
        *(runtime.uow.run(lambda session: service.reverse(session, org, entry.id, NOW, "twice")) for _ in range(CONCURRENT))
    )
    assert len({mirror.id for mirror in mirrors}) == 1
    assert await store.holdings(org) == {("w1", "ETH"): (D(0), D(0))}
    assert await Event.find({"org_id": org, "kind": "journal_entry.reversed"}).count() == 1


async def test_a_mirror_is_not_reversed(runtime: Runtime, org: str) -> None:
    entry = await post(runtime, org, receipt("tx1"))
    mirror = await runtime.uow.run(lambda session: service.reverse(session, org, entry.id, NOW, "once"))
    with pytest.raises(NotPosted):
        await runtime.uow.run(lambda session: service.reverse(session, org, mirror.id, NOW, "back again"))


async def test_a_source_whose_entry_was_reversed_posts_again_under_the_next_purpose(runtime: Runtime, org: str) -> None:
    async def purpose(session: Session) -> str:
        return await service.open_purpose(session, org, SourceKind.TRANSACTION, "tx1", "movements")

    assert await runtime.uow.run(purpose) == "movements"
    for expected in ("movements", "movements:2", "movements:3"):
        found = await runtime.uow.run(purpose)
        assert found == expected
        body = receipt("tx1")
        entry = await post(runtime, org, body.model_copy(update={"source": body.source.model_copy(update={"purpose": found})}))
        assert await runtime.uow.run(purpose) == expected
        await runtime.uow.run(lambda session, entry=entry: service.reverse(session, org, entry.id, NOW, "gone"))  # type: ignore[misc]
    assert await store.holdings(org) == {("w1", "ETH"): (D(0), D(0))}


# ---- entries by hand -------------------------------------------------------------------------------------------------------------

BODY = draft("ignored", Line(account_code="1000", debit=D("10.5")), Line(account_code="4900", credit=D("10.5")), description="By hand")


async def test_a_draft_counts_only_when_it_is_posted(runtime: Runtime, org: str) -> None:
    entry = await runtime.uow.run(lambda session: drafts.create_draft(session, org, BODY, "u1", NOW))
    assert (entry.status, entry.source_kind, entry.source_id) == (EntryStatus.DRAFT, SourceKind.MANUAL, entry.id)
    assert await kept(org) == {}
    changed = BODY.model_copy(update={"lines": [Line(account_code="1000", debit=D(7)), Line(account_code="4900", credit=D(7))]})
    edited = await runtime.uow.run(lambda session: drafts.edit_draft(session, org, entry.id, entry.version, changed, "u1", NOW))
    assert (edited.total_debit, edited.version) == (D(7), 2)
    posted = await runtime.uow.run(lambda session: drafts.post_draft(session, org, entry.id, edited.version, NOW))
    assert (posted.status, posted.posted_at) == (EntryStatus.POSTED, NOW)
    assert (await kept(org))["1000", None, None] == (D(7), D(0), D(0))


async def test_a_posted_entry_is_neither_edited_nor_posted_again(runtime: Runtime, org: str) -> None:
    entry = await runtime.uow.run(lambda session: drafts.create_draft(session, org, BODY, "u1", NOW))
    posted = await runtime.uow.run(lambda session: drafts.post_draft(session, org, entry.id, entry.version, NOW))
    with pytest.raises(NotADraft):
        await runtime.uow.run(lambda session: drafts.edit_draft(session, org, entry.id, posted.version, BODY, "u1", NOW))
    with pytest.raises(NotADraft):
        await runtime.uow.run(lambda session: drafts.post_draft(session, org, entry.id, posted.version, NOW))
    assert (await kept(org))["1000", None, None] == (D("10.5"), D(0), D(0))


async def test_a_draft_that_is_not_there_is_not_posted(runtime: Runtime, org: str) -> None:
    with pytest.raises(NotFound):
        await runtime.uow.run(lambda session: drafts.post_draft(session, org, "je_none", 1, NOW))


async def test_a_draft_that_somebody_else_changed_is_not_overwritten(runtime: Runtime, org: str) -> None:
    entry = await runtime.uow.run(lambda session: drafts.create_draft(session, org, BODY, "u1", NOW))
    await runtime.uow.run(lambda session: drafts.edit_draft(session, org, entry.id, entry.version, BODY, "u1", NOW))
    with pytest.raises(ChangedMeanwhile):
        await runtime.uow.run(lambda session: drafts.edit_draft(session, org, entry.id, entry.version, BODY, "u1", NOW))


async def test_posting_a_draft_at_once_counts_once(runtime: Runtime, org: str) -> None:
    entry = await runtime.uow.run(lambda session: drafts.create_draft(session, org, BODY, "u1", NOW))
    results = await asyncio.gather(
        *(runtime.uow.run(lambda session: drafts.post_draft(session, org, entry.id, entry.version, NOW)) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(result, JournalEntry) for result in results) == 1
    assert all(isinstance(result, JournalEntry | NotADraft) for result in results)
    assert (await kept(org))["1000", None, None] == (D("10.5"), D(0), D(0))


# ---- accounts --------------------------------------------------------------------------------------------------------------------


async def test_the_chart_is_made_once(runtime: Runtime, org: str) -> None:
    before = await store.accounts(org)
    await runtime.uow.run(lambda session: service.create_chart(session, org, NOW))
    assert await store.accounts(org) == before
    assert {"1100", "1900", "3100", "4200", "5100"} <= {row.code for row in before}


async def test_an_account_with_postings_is_deactivated_and_an_empty_one_deleted(runtime: Runtime, org: str) -> None:
    async def make(code: str) -> None:
        await runtime.uow.run(
            lambda session: service.create_account(
                session, org, code=code, name="Grants", account_type=AccountType.INCOME, parent_code="4000", now=NOW
            )
        )

    await make("4500")
    await make("4600")
    with pytest.raises(AccountExists):
        await make("4500")
    await post(runtime, org, draft("tx", Line(account_code="1000", debit=D(1)), Line(account_code="4500", credit=D(1))))
    accounts = {row.code: row for row in await store.accounts(org)}
    assert await runtime.uow.run(lambda session: service.remove_account(session, org, accounts["4600"], NOW))
    assert not await runtime.uow.run(lambda session: service.remove_account(session, org, accounts["4500"], NOW))
    after = {row.code: row.active for row in await store.accounts(org)}
    assert after["4500"] is False and "4600" not in after
    with pytest.raises(InvalidInput):
        await post(runtime, org, draft("tx2", Line(account_code="1000", debit=D(1)), Line(account_code="4500", credit=D(1))))


async def test_what_movements_are_booked_on_stays(runtime: Runtime, org: str) -> None:
    accounts = {row.code: row for row in await store.accounts(org)}
    with pytest.raises(AccountInUse):
        await runtime.uow.run(lambda session: service.remove_account(session, org, accounts["1900"], NOW))
    with pytest.raises(AccountInUse):
        await runtime.uow.run(
            lambda session: service.update_account(session, org, accounts["1100"], name="x", parent_code="1000", active=False, now=NOW)
        )


@pytest.mark.parametrize(("parent", "code"), [("4100", "cycle"), ("1000", "wrong_type"), ("7777", "unknown_account")])
async def test_a_parent_is_of_the_same_type_and_above(runtime: Runtime, org: str, parent: str, code: str) -> None:
    accounts = {row.code: row for row in await store.accounts(org)}
    with pytest.raises(InvalidInput) as refused:
        await runtime.uow.run(
            lambda session: service.update_account(session, org, accounts["4000"], name="Income", parent_code=parent, active=True, now=NOW)
        )
    assert refused.value.errors[0].code == code
