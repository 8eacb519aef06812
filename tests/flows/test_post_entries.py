"""Many who post at once: nothing is lost, nothing doubled, no error reaches whoever asked for something right."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.events.documents import Event
from crypto_api.flows.post_entries import post_draft_together
from crypto_api.flows.verify_ledger import verify_ledger
from crypto_api.kit import origin
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ids import new_id
from crypto_api.ledger import drafts, service, store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.errors import NotADraft
from crypto_api.ledger.types import EntryDraft, EntryStatus, Line, Source, SourceKind
from crypto_api.runtime import Runtime
from mongodb_config.unit_of_work import Session

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
WRITERS = 64


@pytest.fixture
async def org(runtime: Runtime) -> str:
    org_id = new_id("org")
    await runtime.uow.run(lambda session: service.create_chart(session, org_id, NOW))
    return org_id


def body(source: str, wallet: str = "w1", account: str = "4900") -> EntryDraft:
    value = Decimal("3.00000001")
    lines = [
        Line(account_code="1100", debit=value, asset="ETH", quantity=Decimal("0.000000000000000001"), wallet_id=wallet),
        Line(account_code=account, credit=value),
    ]
    return EntryDraft(date=date(2026, 11, 21), description=source, source=Source(kind=SourceKind.TRANSACTION, id=source, purpose="p"), lines=lines)


async def post_together(runtime: Runtime, org: str, draft: EntryDraft) -> JournalEntry:
    """As whoever posts many at once does it: those who come while a unit of work is being committed share the next one."""

    async def work(session: Session, items: Sequence[EntryDraft]) -> list[JournalEntry]:
        return await service.post_all(session, org, items, NOW)

    return await runtime.uow.together(("post", org), draft, work)


@pytest.mark.parametrize("wallets", [1, WRITERS])
async def test_64_writers_on_one_account_and_on_many(runtime: Runtime, org: str, wallets: int) -> None:
    """Each source is posted by two of them."""
    wanted = [body(f"tx{i // 2}", f"w{i // 2 % wallets}") for i in range(WRITERS)]
    entries = await asyncio.gather(*(post_together(runtime, org, draft) for draft in wanted))
    assert [entry.source_id for entry in entries] == [draft.source.id for draft in wanted]
    assert len({entry.id for entry in entries}) == await JournalEntry.find({"org_id": org}).count() == WRITERS // 2
    assert await Event.find({"org_id": org}).count() == WRITERS // 2
    totals = {row.account_code: (row.debit, row.credit) for row in await store.trial_balance(org)}
    assert totals == {"1100": (Decimal("96.00000032"), Decimal(0)), "4900": (Decimal(0), Decimal("96.00000032"))}
    assert (await verify_ledger(runtime.uow, org, {}, {})).ok


async def test_writers_of_several_processes_take_turns_at_one_account(runtime: Runtime, org: str) -> None:
    """Each with a unit of work of its own, as from other processes: they conflict, and all of them come through."""

    async def post(i: int) -> JournalEntry:
        return await runtime.uow.run(lambda session: service.post(session, org, body(f"tx{i}"), NOW))

    await asyncio.gather(*(post(i) for i in range(24)))
    assert (await store.holdings(org))["w1", "ETH"] == (Decimal("24E-18"), Decimal("72.00000024"))


async def test_one_that_is_refused_takes_nobody_with_it(runtime: Runtime, org: str) -> None:
    wanted = [body(f"tx{i}", account="nowhere" if i == 3 else "4900") for i in range(8)]
    found = await asyncio.gather(*(post_together(runtime, org, draft) for draft in wanted), return_exceptions=True)
    assert [i for i, entry in enumerate(found) if isinstance(entry, InvalidInput)] == [3]
    assert await JournalEntry.find({"org_id": org}).count() == 7


async def test_drafts_posted_together_are_told_of_whoever_posted_them(runtime: Runtime, org: str) -> None:
    made = [await runtime.uow.run(lambda session, i=i: drafts.create_draft(session, org, body(f"d{i}"), "u0", NOW)) for i in range(6)]  # type: ignore[misc]

    async def post(entry: JournalEntry, who: str) -> JournalEntry:
        origin.identified(who, f"ses_{who}", who)
        return await post_draft_together(runtime.uow, runtime.clock, org, entry.id, entry.version, approval=False)

    asked = [(entry, f"u{i}") for i, entry in enumerate(made, 1)]
    found = await asyncio.gather(*(asyncio.create_task(post(*one)) for one in [*asked, (made[0], "u9")]), return_exceptions=True)
    assert sum(isinstance(entry, JournalEntry) and entry.status is EntryStatus.POSTED for entry in found) == 6
    assert sum(isinstance(entry, NotADraft) for entry in found) == 1
    records = await AuditRecord.find({"org_id": org, "action": "journal_entry.posted"}).to_list()
    told = {row.subject_id: row.actor_id for row in records}
    assert {entry.id: told[entry.id] for entry, _ in asked[1:]} == {entry.id: who for entry, who in asked[1:]}
    assert len(records) == 6 and told[made[0].id] in ("u1", "u9")


async def test_whoever_leaves_does_not_stop_the_others(runtime: Runtime, org: str) -> None:
    leaving = asyncio.create_task(post_together(runtime, org, body("tx0")))
    staying = asyncio.create_task(post_together(runtime, org, body("tx1")))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).source_id == "tx1"
    with pytest.raises(asyncio.CancelledError):
        await leaving
