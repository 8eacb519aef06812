"""Pages of the journal, day by day, are what the database would give when it sorted all entries, for every filter that an edge composes."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from crypto_api.flows.seal_entries import seal_entries
from crypto_api.kit.ids import new_id
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import day_store, drafts, journal_store, service, store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import EntryDraft, Line, Source, SourceKind
from crypto_api.runtime import Runtime
from mongodb_config.pages import contains

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAYS = (0, 0, 0, 1, 1, 3, 40, 41, 41, 400, 401, 900)  # before today, in no order of the entries
FILTERS: list[dict[str, Any]] = [
    {},
    {"status": "draft"},
    {"status": "reversed"},
    {"status": "draft", "lines.account_code": "4900"},
    {"lines.account_code": "4900"},
    {"lines.account_code": "4900", "source_kind": "transaction"},
    {"lines.account_code": "2100"},
    {"lines.wallet_id": "w1", "status": "posted"},
    {"date": {"$gte": store.day_as_stored(date(2025, 10, 26)), "$lte": store.day_as_stored(date(2026, 11, 29))}},
    {"date": {"$lte": store.day_as_stored(date(2026, 10, 21))}, "source_kind": "transaction"},
    {"approved_by": None},
    {"approved_by": {"$ne": None}},
    {"transaction_id": "trn_3"},
    {"transaction_hash": "0x5"},
    {"$or": [{"description": contains("GRANT (")}, {"reference": contains("ref 7")}]},
    {"status": "posted", "$or": [{"description": contains("nothing")}, {"transaction_hash": contains("0x5")}]},
]


async def books(runtime: Runtime) -> str:
    org_id = new_id("org")
    await runtime.uow.run(lambda session: service.create_chart(session, org_id, NOW))
    entries = []
    for number, before in enumerate([*DAYS[::2], *DAYS[1::2]]):
        code = "4900" if number % 3 else "4100"
        lines = [Line(account_code="1000", debit=Decimal(5), wallet_id=f"w{number % 2}"), Line(account_code=code, credit=Decimal(5))]
        draft = EntryDraft(
            date=(NOW - timedelta(days=before)).date(),
            description=f"{'Grant' if number % 2 else 'Gift'} ({number})",
            source=Source(kind=SourceKind.TRANSACTION if number % 4 else SourceKind.OPENING, id=f"trn_{number}", purpose="movements"),
            lines=lines,
            reference=f"Ref {number}",
            transaction_id=f"trn_{number}",
            transaction_hash=f"0x{number}",
        )
        entries.append(await runtime.uow.run(lambda session, draft=draft: service.post(session, org_id, draft, NOW)))  # type: ignore[misc]
    await seal_entries(runtime.uow, runtime.clock)
    await runtime.uow.run(lambda session: service.reverse(session, org_id, entries[4].id, NOW, "twice"))
    for before in (2, 1200, -5000):  # some of them beyond anything that counts
        lines = [Line(account_code="1000", debit=Decimal(1)), Line(account_code="4900", credit=Decimal(1))]
        source = Source(kind=SourceKind.MANUAL, id=new_id("src"), purpose="entry")
        draft = EntryDraft(date=(NOW - timedelta(days=before)).date(), description="Rent", source=source, lines=lines)
        await runtime.uow.run(lambda session, draft=draft: drafts.create_draft(session, org_id, draft, "usr_1", NOW))  # type: ignore[misc]
    return org_id


async def test_every_filter_gives_what_the_database_would(runtime: Runtime) -> None:
    org_id = await books(runtime)
    for where in FILTERS:
        for sort, descending in (("date", True), ("date", False), ("_id", True)):
            order = [("_id", -1 if descending else 1)] if sort == "_id" else [(sort, -1 if descending else 1), ("_id", -1 if descending else 1)]
            rows = await JournalEntry.get_pymongo_collection().find({"$and": [{"org_id": org_id}, where]}).sort(order).to_list()
            found, cursor = list[str](), None
            while True:
                request = PageRequest(limit=4, cursor=cursor, sort=sort, descending=descending, count=True)
                page = await journal_store.page(org_id, where, request)
                assert page.total == len(rows) and len(page.items) <= 4
                found += [entry.id for entry in page.items]
                if (cursor := page.next_cursor) is None:
                    break
            assert found == [row["_id"] for row in rows], (where, sort, descending)
    assert await day_store.first_day(org_id) == (NOW - timedelta(days=900)).date(), "a draft does not count"
    assert await day_store.counted_between(org_id, date(2026, 10, 1), date(2026, 11, 30)) == 10
    assert await journal_store.page(new_id("org"), {}, PageRequest(sort="date", count=True)) == journal_store.Page([], None, 0)
