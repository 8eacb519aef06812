"""Every query of the slice."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from bson.decimal128 import Decimal128
from pymongo import ASCENDING

from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.paging import Page, PageRequest
from crypto_api.ledger.documents import Account, AccountBalance, JournalEntry
from crypto_api.ledger.types import AccountCode, AccountTotal, ChartAccount, EntryStatus, Holding, Line, Place, Source, SourceKind
from mongodb_config import pages
from mongodb_config.base_document import encoded
from mongodb_config.client import Database
from mongodb_config.unit_of_work import Session
from mongodb_config.writes import Insert, Upsert, Writes

_UNCOSTED = "org_uncosted"  # named to the server: of the many indexes that begin with the organisation only this one is short
_MARKS_AT_ONCE = 1000


# ---- accounts --------------------------------------------------------------------------------------------------------------------


def account_id(org_id: str, code: str) -> str:
    return f"{org_id}:{code}"


async def account(org_id: str, row_id: str) -> Account | None:
    return await Account.find_one({"_id": row_id, "org_id": org_id})


async def accounts(org_id: str, codes: Collection[str] | None = None, session: Session | None = None) -> list[Account]:
    """By code."""
    query: dict[str, Any] = {"org_id": org_id} if codes is None else {"org_id": org_id, "code": {"$in": sorted(codes)}}
    return await Account.find(query, session=session).sort("+code").to_list()


async def page_of_accounts(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[Account]:
    return await _page(Account, org_id, where, request)


async def insert_accounts(session: Session, rows: Sequence[Account]) -> None:
    if rows:
        await Account.insert_many(rows, session=session)


async def update_account(session: Session, org_id: str, row_id: str, version: int, changes: dict[str, Any]) -> bool:
    """Compare-and-set on `version`."""
    done = await Account.get_pymongo_collection().update_one(
        {"_id": row_id, "org_id": org_id, "version": version}, {"$set": changes, "$inc": {"version": 1}}, session=session
    )
    return done.modified_count == 1


async def delete_account(session: Session, org_id: str, row_id: str) -> None:
    await Account.get_pymongo_collection().delete_one({"_id": row_id, "org_id": org_id}, session=session)


async def account_is_used(session: Session, org_id: str, code: str) -> bool:
    """By any entry, drafts included, or as a parent."""
    entry = await JournalEntry.find_one({"org_id": org_id, "lines.account_code": code}, session=session)
    return entry is not None or await Account.find_one({"org_id": org_id, "parent_code": code}, session=session) is not None


async def organizations_with_a_chart(database: Database, after: str | None, limit: int) -> list[str]:
    """Their ids, in order, for the deploy step: no document is ready then."""
    query: dict[str, Any] = {"code": AccountCode.CRYPTO.value, **({} if after is None else {"org_id": {"$gt": after}})}
    rows = database[Account.Settings.name].find(query, {"org_id": 1}).sort("org_id", ASCENDING).limit(limit)
    return [row["org_id"] async for row in rows]


async def add_to_chart(database: Database, org_id: str, row: ChartAccount, now: datetime) -> None:
    """Changes nothing where there is an account of this code: what the organisation made of it stays."""
    facts = {
        "name": row.name,
        "account_type": row.account_type.value,
        "parent_code": row.parent_code,
        "active": True,
        "version": 1,
        "created_at": now,
    }
    key = {"_id": account_id(org_id, row.code), "org_id": org_id}
    await database[Account.Settings.name].update_one(key, {"$setOnInsert": {"code": row.code, **facts}}, upsert=True)


# ---- entries ---------------------------------------------------------------------------------------------------------------------


async def entry(org_id: str, row_id: str, session: Session | None = None) -> JournalEntry | None:
    return await JournalEntry.find_one({"_id": row_id, "org_id": org_id}, session=session)


async def entries_by_ids(org_id: str, row_ids: Collection[str], session: Session | None = None) -> list[JournalEntry]:
    """By id."""
    if not row_ids:
        return []
    return await JournalEntry.find({"_id": {"$in": sorted(row_ids)}, "org_id": org_id}, session=session).sort("+_id").to_list()


async def entry_of_source(org_id: str, source: Source, session: Session) -> JournalEntry | None:
    query = {"org_id": org_id, "source_kind": source.kind, "source_id": source.id, "source_purpose": source.purpose}
    return await JournalEntry.find_one(query, session=session)


async def entries_of_sources(org_id: str, sources: Sequence[Source], session: Session) -> dict[Source, JournalEntry]:
    """Those of the sources that have an entry already."""
    if len(sources) == 1:
        found = await entry_of_source(org_id, sources[0], session)
        return {sources[0]: found} if found is not None else {}
    known, wanted = dict[Source, JournalEntry](), set(sources)
    by_kind: dict[SourceKind, set[str]] = {}
    for source in sources:
        by_kind.setdefault(source.kind, set()).add(source.id)
    for kind, ids in by_kind.items():
        # without the purpose: behind a list of ids it keeps the embedded server from using the index, which then reads every entry
        for row in await entries_of_source_ids(org_id, kind, ids, session):
            if (source := Source(kind=row.source_kind, id=row.source_id, purpose=row.source_purpose)) in wanted:
                known[source] = row
    return known


async def entries_of_source_ids(org_id: str, kind: SourceKind, source_ids: Collection[str], session: Session) -> list[JournalEntry]:
    """Every purpose of each, oldest first."""
    query = {"org_id": org_id, "source_kind": kind, "source_id": {"$in": sorted(set(source_ids))}}
    return await JournalEntry.find(query, session=session).sort("+_id").to_list()


async def entries_of_source(org_id: str, kind: str, source_id: str, session: Session) -> list[JournalEntry]:
    """Every purpose, oldest first."""
    query = {"org_id": org_id, "source_kind": kind, "source_id": source_id}
    return await JournalEntry.find(query, session=session).sort("+_id").to_list()


async def posted_of_transaction(org_id: str, transaction_id: str, session: Session) -> list[JournalEntry]:
    """What stands in the books for it: neither reversed nor a reversal."""
    # by the fields of the index alone: the few that a transaction has are told apart here
    rows = await JournalEntry.find({"org_id": org_id, "transaction_id": transaction_id}, session=session).sort("+_id").to_list()
    return [row for row in rows if row.status is EntryStatus.POSTED and row.reverses is None]


async def standing_openings(org_id: str, wallet_id: str) -> list[JournalEntry]:
    """One for each time that watching of the wallet began."""
    source = {"$gte": f"{wallet_id}@", "$lt": f"{wallet_id}A"}  # whatever block it names
    return await JournalEntry.find({"org_id": org_id, "source_kind": "opening", "source_id": source, "status": EntryStatus.POSTED}).to_list()


async def unpriced(org_id: str) -> list[JournalEntry]:
    """What stands in the books without a price or a cost, oldest first."""
    query = {"org_id": org_id, "unpriced": True, "status": EntryStatus.POSTED}
    return [row for row in await JournalEntry.find(query).sort("+_id").to_list() if row.reverses is None]


async def uncosted(org_id: str) -> list[tuple[str, date]]:
    """Entries and mirrors that wait to be compared with the lots, and the first day that each concerns."""
    made = JournalEntry.get_pymongo_collection()
    shown = dict.fromkeys(("date", "original_date", "reverses"), 1)
    rows = [row async for row in made.find({"org_id": org_id, "uncosted": True}, shown, hint=_UNCOSTED)]
    undone = [row["reverses"] for row in rows if row.get("reverses")]
    days = {row["_id"]: _first_day(row) async for row in made.find({"_id": {"$in": undone}, "org_id": org_id}, shown)} if undone else {}
    return [(row["_id"], min(_first_day(row), days.get(row.get("reverses"), date.max))) for row in rows]


async def any_of_transactions(org_id: str) -> bool:
    """Whether any entry came of a transaction."""
    where = {"org_id": org_id, "source_kind": SourceKind.TRANSACTION}
    return await JournalEntry.get_pymongo_collection().find_one(where, {"_id": 1}) is not None


async def any_uncosted(org_id: str, session: Session | None = None) -> bool:
    row = JournalEntry.get_pymongo_collection().find({"org_id": org_id, "uncosted": True}, {"_id": 1}, session=session, hint=_UNCOSTED).limit(1)
    return bool(await row.to_list())


async def provisional_costs(org_id: str, entry_ids: Collection[str]) -> frozenset[str]:
    """Those of the entries whose cost is provisional."""
    return frozenset(row.id for row in await entries_by_ids(org_id, entry_ids) if row.cost_provisional)


async def mark_costed(session: Session, org_id: str, entry_ids: Sequence[str]) -> None:
    """They were compared with the lots."""
    collection = JournalEntry.get_pymongo_collection()
    for at in range(0, len(entry_ids), _MARKS_AT_ONCE):
        some = sorted(entry_ids)[at : at + _MARKS_AT_ONCE]
        await collection.update_many({"_id": {"$in": some}, "org_id": org_id}, {"$set": {"uncosted": False}}, session=session)


def _first_day(row: dict[str, Any]) -> date:
    """What arrived late is dated later than it happened."""
    day: datetime = row.get("original_date") or row["date"]
    return day.date()


async def standing_of_kind(org_id: str, kind: SourceKind, since: date | None) -> list[JournalEntry]:
    """All of them, or those dated on `since` or later: costs grow with what is dated so, of whatever kind."""
    # by the fields of one index alone: more of them would let the embedded server walk through every entry
    query: dict[str, Any] = {"org_id": org_id, "source_kind": kind} if since is None else {"org_id": org_id, "date": {"$gte": day_as_stored(since)}}
    rows = JournalEntry.get_pymongo_collection().find(query)
    return [JournalEntry.model_validate(row) async for row in rows if row["source_kind"] == kind and row["status"] == EntryStatus.POSTED]


async def any_moves_assets(org_id: str, session: Session | None = None) -> bool:
    """Whether anything ever did: then there is a kept sum of a place."""
    query = {"org_id": org_id, "account_code": {"$in": [AccountCode.CRYPTO, AccountCode.CUSTODY]}}
    return await AccountBalance.find_one(query, session=session) is not None


async def page_of_entries(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[JournalEntry]:
    """`where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    return await _page(JournalEntry, org_id, where, request)


def bounds(first: date | None, last: date | None) -> dict[str, datetime]:
    """A filter on the date of entries, both days included; empty where neither is given."""
    return {operator: day_as_stored(day) for operator, day in (("$gte", first), ("$lte", last)) if day is not None}


def insertions(rows: Sequence[JournalEntry]) -> Writes:
    return Writes(JournalEntry.get_pymongo_collection(), [Insert(encoded(row)) for row in rows])


async def delete_draft(session: Session, org_id: str, row_id: str, version: int) -> bool:
    """Compare-and-set on status and `version`: what is posted is never deleted."""
    query = {"_id": row_id, "org_id": org_id, "status": EntryStatus.DRAFT, "version": version}
    done = await JournalEntry.get_pymongo_collection().delete_one(query, session=session)
    return done.deleted_count == 1


async def update_entry(session: Session, org_id: str, row_id: str, status: EntryStatus, version: int, changes: dict[str, Any]) -> bool:
    """Compare-and-set on status and `version`. `changes` is as it goes into the database."""
    done = await JournalEntry.get_pymongo_collection().update_one(
        {"_id": row_id, "org_id": org_id, "status": status, "version": version}, {"$set": changes, "$inc": {"version": 1}}, session=session
    )
    return done.modified_count == 1


def as_stored(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [encoded(line) for line in lines]


def totals_as_stored(debit: Decimal, credit: Decimal) -> dict[str, Any]:
    return {"total_debit": Decimal128(debit), "total_credit": Decimal128(credit)}


# ---- balances --------------------------------------------------------------------------------------------------------------------


def balance_id(org_id: str, line: Line | Place) -> str:
    return f"{org_id}|{line.account_code}|{line.wallet_id or '-'}|{line.asset or '-'}"


def additions_to_balances(org_id: str, lines: Iterable[Line], now: datetime) -> Writes:
    """One increment for each account, wallet and asset, in a fixed order, so that two postings of the same accounts meet at the first."""
    by_id: dict[str, list[Line]] = {}
    for line in lines:
        by_id.setdefault(balance_id(org_id, line), []).append(line)
    return Writes(AccountBalance.get_pymongo_collection(), [_increment(org_id, row_id, rows, now) for row_id, rows in sorted(by_id.items())])


def _increment(org_id: str, row_id: str, rows: Sequence[Line], now: datetime) -> Upsert:
    first = rows[0]
    sums = {
        "debit": [line.debit for line in rows],
        "credit": [line.credit for line in rows],
        "quantity": [line.quantity or Decimal(0) for line in rows],
    }
    return Upsert(
        {"_id": row_id, "org_id": org_id},
        {
            "$inc": {name: Decimal128(add_exactly(values)) for name, values in sums.items()},
            "$setOnInsert": {"account_code": first.account_code, "wallet_id": first.wallet_id, "asset": first.asset, "created_at": now},
        },
    )


async def holdings(org_id: str) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """(wallet, asset) → (quantity, cost) of what the wallets hold."""
    rows = await AccountBalance.find({"org_id": org_id, "account_code": AccountCode.CRYPTO}).to_list()
    return {(row.wallet_id, row.asset): (row.quantity, _balance(row)) for row in rows if row.wallet_id and row.asset}


async def holdings_in(org_id: str, places: Collection[Place], session: Session | None = None) -> dict[Place, Holding]:
    """Read in the unit of work that will change them: a posting beside it conflicts, and one of the two runs again."""
    by_id = {balance_id(org_id, place): place for place in places}
    rows = await AccountBalance.find({"_id": {"$in": sorted(by_id)}, "org_id": org_id}, session=session).to_list()
    return {by_id[row.id]: Holding(row.quantity, _balance(row)) for row in rows}


async def balances(org_id: str, session: Session | None = None) -> list[AccountBalance]:
    return await AccountBalance.find({"org_id": org_id}, session=session).to_list()


async def trial_balance(org_id: str) -> list[AccountTotal]:
    """Debits and credits of every account that has any, by code, as they stand. At another time: reports/as_of.py."""
    sums: dict[str, tuple[list[Decimal], list[Decimal]]] = {}
    for row in await balances(org_id):
        _collect(sums, row.account_code, row.debit, row.credit)
    return [AccountTotal(code, add_exactly(debit), add_exactly(credit)) for code, (debit, credit) in sorted(sums.items())]


def _collect(sums: dict[str, tuple[list[Decimal], list[Decimal]]], code: str, debit: Decimal, credit: Decimal) -> None:
    column = sums.setdefault(code, ([], []))
    column[0].append(debit)
    column[1].append(credit)


def _balance(row: AccountBalance) -> Decimal:
    return add_exactly([row.debit, row.credit.copy_negate()])


# ---- pages -----------------------------------------------------------------------------------------------------------------------

Row = TypeVar("Row", Account, JournalEntry)


async def _page(document: type[Row], org_id: str, where: dict[str, Any], request: PageRequest) -> Page[Row]:
    query: dict[str, Any] = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(document, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    more = len(rows) > request.limit
    rows = rows[: request.limit]
    cursor = request.cursor_after(_sort_value(rows[-1], request.sort), rows[-1].id) if more else None
    total = await document.find(query).count() if request.count else None
    return Page(rows, cursor, total)


def _sort_value(row: Account | JournalEntry, field: str) -> Any:
    value = row.id if field == "_id" else getattr(row, field)
    return day_as_stored(value) if isinstance(value, date) and not isinstance(value, datetime) else value


def day_as_stored(day: date) -> datetime:
    """A date stands in MongoDB as its midnight in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


async def has_entries(org_id: str, session: Session | None = None) -> bool:
    """Whether anything was ever entered, drafts included."""
    return await JournalEntry.find_one({"org_id": org_id}, session=session) is not None
