"""What a posting meets: accounts withdrawn and months closed between its first look and its commit."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pymongo.monitoring import CommandStartedEvent

from crypto_api.events.documents import Event
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ids import new_id
from crypto_api.ledger import drafts, period_store, service, store
from crypto_api.ledger.chart import ChartRow
from crypto_api.ledger.documents import Account, AccountBalance, JournalEntry, LedgerGuard
from crypto_api.ledger.errors import PeriodClosed
from crypto_api.ledger.types import AccountType, EntryDraft, Line, Source, SourceKind
from crypto_api.runtime import Runtime
from mongodb_config.measuring import CommandTimes
from mongodb_config.unit_of_work import Session

D = Decimal
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
TODAY = NOW.date()
GRANTS = "4500"


@pytest.fixture
async def org(runtime: Runtime) -> str:
    org_id = new_id("org")

    async def work(session: Session) -> None:
        await service.create_chart(session, org_id, NOW)
        row = {"code": GRANTS, "name": "Grants", "account_type": AccountType.INCOME, "parent_code": "4000"}
        await service.create_account(session, org_id, **row, now=NOW)  # type: ignore[arg-type]

    await runtime.uow.run(work)
    return org_id


def draft(source: str, credited: str = "4100", debited: str = "1100", kind: SourceKind = SourceKind.TRANSACTION) -> EntryDraft:
    lines = [Line(account_code=debited, debit=D(5), asset="DAI", quantity=D(5), wallet_id="w1"), Line(account_code=credited, credit=D(5))]
    return EntryDraft(date=TODAY, description="Receipt", source=Source(kind=kind, id=source, purpose="movements"), lines=lines)


async def post(runtime: Runtime, org_id: str, *bodies: EntryDraft) -> list[JournalEntry]:
    return await runtime.uow.run(lambda session: service.post_all(session, org_id, bodies, NOW))


async def left(org_id: str) -> tuple[int, int, int]:
    """Entries, balances, events."""
    return (
        await JournalEntry.find({"org_id": org_id}).count(),
        await AccountBalance.find({"org_id": org_id}).count(),
        await Event.find({"org_id": org_id}).count(),
    )


# ---- what happens between the first look and the commit --------------------------------------------------------------------------

Work = Callable[[Session], Awaitable[Any]]


async def between(runtime: Runtime, work: Work, meanwhile: Work, org_id: str) -> tuple[Any, int]:
    """`work`, whose snapshot is older than `meanwhile`, which is committed before `work` does anything. Its outcome, and how often it ran."""
    began, done, ran = asyncio.Event(), asyncio.Event(), 0

    async def late(session: Session) -> Any:
        nonlocal ran
        ran += 1
        await store.accounts(org_id, session=session)  # the snapshot
        began.set()
        await asyncio.wait_for(done.wait(), 60)
        return await work(session)

    running = asyncio.create_task(runtime.uow.run(late))
    await asyncio.wait_for(began.wait(), 60)
    try:
        await runtime.uow.run(meanwhile)
    finally:
        done.set()
    (outcome,) = await asyncio.gather(running, return_exceptions=True)
    return outcome, ran


async def _account(org_id: str) -> Account:
    found = await store.account(org_id, store.account_id(org_id, GRANTS))
    assert found is not None
    return found


async def _deactivated(session: Session, org_id: str, account: Account) -> None:
    await service.update_account(session, org_id, account, name="Grants", parent_code="4000", active=False, now=NOW)


async def _removed(session: Session, org_id: str, account: Account) -> None:
    await service.remove_account(session, org_id, account, NOW)


async def _imported(session: Session, org_id: str, account: Account) -> None:
    rows: Sequence[ChartRow] = [ChartRow(2, GRANTS, "Grants", AccountType.INCOME, "4000", False)]
    await service.import_chart(session, org_id, rows, NOW)


@pytest.mark.parametrize("withdraw", [_deactivated, _removed, _imported])
@pytest.mark.parametrize("by_hand", [False, True])
async def test_a_posting_beside_the_withdrawal_of_its_account_is_refused(
    runtime: Runtime, org: str, withdraw: Callable[[Session, str, Account], Awaitable[None]], by_hand: bool
) -> None:
    account = await _account(org)
    body = draft("tx1", GRANTS)
    if by_hand:
        waiting = await runtime.uow.run(lambda session: drafts.create_draft(session, org, body, "u1", NOW))
    before = await left(org)

    async def work(session: Session) -> None:
        if by_hand:
            await drafts.post_draft(session, org, waiting.id, waiting.version, NOW)
        else:
            await service.post(session, org, body, NOW)

    outcome, ran = await between(runtime, work, lambda session: withdraw(session, org, account), org)
    assert isinstance(outcome, InvalidInput) and outcome.errors[0].code == "unknown_account"
    assert ran == 2, "it met the withdrawal and looked again"
    assert await left(org) == before
    assert await JournalEntry.find({"org_id": org, "status": "posted"}).count() == 0


async def test_an_account_on_which_something_is_posted_meanwhile_is_not_deleted(runtime: Runtime, org: str) -> None:
    account = await _account(org)
    outcome, ran = await between(
        runtime,
        lambda session: service.remove_account(session, org, account, NOW),
        lambda session: service.post(session, org, draft("tx1", GRANTS), NOW),
        org,
    )
    assert (outcome, ran) == (False, 2), "deactivated, since it has an entry"
    assert (await _account(org)).active is False


async def test_a_posting_on_other_accounts_stands_beside_a_withdrawal(runtime: Runtime, org: str) -> None:
    account = await _account(org)
    outcome, _ = await between(
        runtime, lambda session: service.post(session, org, draft("tx1"), NOW), lambda session: _deactivated(session, org, account), org
    )
    assert isinstance(outcome, JournalEntry)
    assert await left(org) == (1, 2, 1)


@pytest.mark.parametrize("kind", [SourceKind.TRANSACTION, SourceKind.MANUAL])
async def test_a_posting_beside_the_closing_of_its_month_finds_it_closed(runtime: Runtime, org: str, kind: SourceKind) -> None:
    outcome, ran = await between(
        runtime,
        lambda session: service.post(session, org, draft("tx1", kind=kind), NOW),
        lambda session: period_store.set_closed_through(session, org, date(2026, 11, 30), NOW),
        org,
    )
    assert ran == 2
    if kind is SourceKind.MANUAL:
        assert isinstance(outcome, PeriodClosed) and await left(org) == (0, 0, 0)
    else:
        assert (outcome.date, outcome.original_date) == (date(2026, 12, 1), TODAY)
        assert await left(org) == (1, 2, 1)


# ---- accounts that postings have found active ------------------------------------------------------------------------------------


@pytest.fixture
def one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """All postings meet at one row of the guard, so that each knows what the one before it found."""
    monkeypatch.setattr(period_store, "STRIPES", 1)


async def commands_of(monkeypatch: pytest.MonkeyPatch, work: Awaitable[Any]) -> list[str]:
    sent: list[str] = []

    def started(_: CommandTimes, event: CommandStartedEvent) -> None:
        asked = event.command.get(event.command_name)
        if asked != "process_presence":
            sent.append(f"{event.command_name} {asked}" if isinstance(asked, str) else event.command_name)

    with monkeypatch.context() as patched:
        patched.setattr(CommandTimes, "started", started)
        await work
    return sent


@pytest.mark.usefixtures("one_row")
async def test_a_posting_on_known_accounts_sends_four_commands(runtime: Runtime, org: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = ["find journal_entries", "findAndModify ledger_guards"]
    looked = ["find accounts", "update ledger_guards"]
    assert await commands_of(monkeypatch, post(runtime, org, draft("tx1"))) == [*begun, *looked, "bulkWrite", "commitTransaction"]
    assert await commands_of(monkeypatch, post(runtime, org, draft("tx2"))) == [*begun, "bulkWrite", "commitTransaction"]
    assert await commands_of(monkeypatch, post(runtime, org, draft("tx3", GRANTS))) == [*begun, *looked, "bulkWrite", "commitTransaction"]
    assert await commands_of(monkeypatch, post(runtime, org, draft("tx4", GRANTS), draft("tx5"))) == [*begun, "bulkWrite", "commitTransaction"]
    assert await left(org) == (5, 3, 5)


@pytest.mark.usefixtures("one_row")
@pytest.mark.parametrize("withdraw", [_deactivated, _removed, _imported])
async def test_a_known_account_that_was_withdrawn_is_refused_until_it_is_active_again(
    runtime: Runtime, org: str, withdraw: Callable[[Session, str, Account], Awaitable[None]]
) -> None:
    await post(runtime, org, draft("tx1", GRANTS))
    account = await _account(org)
    await runtime.uow.run(lambda session: withdraw(session, org, account))
    for source in ("tx2", "tx3"):
        with pytest.raises(InvalidInput):
            await post(runtime, org, draft(source, GRANTS))
    await post(runtime, org, draft("tx4"))
    with pytest.raises(InvalidInput):
        await post(runtime, org, draft("tx5", GRANTS))
    assert await left(org) == (2, 3, 2)
    withdrawn = await _account(org)
    values = {"name": "Grants", "parent_code": "4000", "active": True}
    await runtime.uow.run(lambda session: service.update_account(session, org, withdrawn, **values, now=NOW))  # type: ignore[arg-type]
    await post(runtime, org, draft("tx6", GRANTS))
    assert await left(org) == (3, 3, 3)


@pytest.mark.usefixtures("one_row")
async def test_what_a_unit_of_work_found_that_did_not_commit_nobody_knows(runtime: Runtime, org: str) -> None:
    class Abandoned(Exception): ...

    async def work(session: Session) -> None:
        row = {"code": "4600", "name": "Prizes", "account_type": AccountType.INCOME, "parent_code": "4000"}
        await service.create_account(session, org, **row, now=NOW)  # type: ignore[arg-type]
        await service.post(session, org, draft("tx1", "4600"), NOW)
        raise Abandoned

    with pytest.raises(Abandoned):
        await runtime.uow.run(work)
    with pytest.raises(InvalidInput):
        await post(runtime, org, draft("tx2", "4600"))
    assert await left(org) == (0, 0, 0)


@pytest.mark.usefixtures("one_row")
async def test_what_the_release_before_withdraws_is_not_believed_to_be_active(runtime: Runtime, org: str) -> None:
    """It counts `entered` alone, for a posting as for a withdrawal."""
    await post(runtime, org, draft("tx1", GRANTS))
    guards, accounts = LedgerGuard.get_pymongo_collection(), Account.get_pymongo_collection()

    async def withdraws(session: Session) -> None:
        await accounts.update_one({"_id": store.account_id(org, GRANTS), "org_id": org}, {"$set": {"active": False}}, session=session)
        await guards.update_many({"org_id": org}, {"$inc": {"entered": 1}}, session=session)

    await runtime.uow.run(withdraws)
    with pytest.raises(InvalidInput):
        await post(runtime, org, draft("tx2", GRANTS))


@pytest.mark.usefixtures("one_row")
async def test_of_many_accounts_a_row_knows_the_last(runtime: Runtime, org: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(period_store, "_ACTIVE_MAX", 3)
    await post(runtime, org, draft("tx1"))
    await post(runtime, org, draft("tx2", GRANTS))
    guard = await LedgerGuard.find_one({"org_id": org})
    assert guard is not None and guard.active == ["1100", "4100", GRANTS]
    await post(runtime, org, draft("tx3", "4200"))
    guard = await LedgerGuard.find_one({"org_id": org})
    assert guard is not None and guard.active == ["1100", "4200"]
    assert await left(org) == (3, 4, 3)
