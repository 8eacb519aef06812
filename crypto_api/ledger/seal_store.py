"""Every query of the chain of seals and of the sums that are kept with it. Seals are inserted and read; nothing here updates or deletes them."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128
from pymongo import UpdateOne

from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.clock import SystemClock
from crypto_api.kit.seals import NO_HEAD, Head
from crypto_api.kit.turns import in_turns
from crypto_api.ledger import rules
from crypto_api.ledger.documents import AccountSum, EntrySeal, JournalEntry
from crypto_api.ledger.types import HOLDING_ACCOUNTS, AsOf, EntryStatus, Line, Span, SumKey, Sums
from mongodb_config import pages, seal_chain
from mongodb_config.client import Database
from mongodb_config.unit_of_work import Session

_COUNTED = [EntryStatus.POSTED, EntryStatus.REVERSED]
EXPORT_BATCH = 500
_READ_AT_ONCE = 2_000  # rows of days: without a number the database sends a hundred, and is asked again for the rest
_UNSEALED = "org_unsealed"  # named to the server: of the many indexes that begin with the organisation only this one is short


# ---- seals -----------------------------------------------------------------------------------------------------------------------


async def unsealed(limit: int) -> list[tuple[str, str]]:
    """(organisation, entry) of what has no seal yet, oldest first, over all organisations: only the sealing lane asks."""
    rows = JournalEntry.get_pymongo_collection().find({"unsealed": True}, {"org_id": 1}).sort("_id", 1).limit(limit)
    return [(row["org_id"], row["_id"]) async for row in rows]


async def still_unsealed(session: Session, org_id: str, entry_ids: Collection[str]) -> list[JournalEntry]:
    """Those that wait in this snapshot, in the order in which they were posted; mirrors behind everything else, and not before what they take back
    has its seal: whoever follows the chain meets an entry first, and its reversal later."""
    # ids first: where an index begins with the organisation, the embedded server walks through all of it
    query = {"_id": {"$in": list(entry_ids)}, "org_id": org_id, "unsealed": True}
    rows = await JournalEntry.find(query, session=session).sort("+posted_at", "+_id").to_list()
    named = {row.reverses for row in rows if row.reverses is not None} - {row.id for row in rows}
    early = JournalEntry.get_pymongo_collection().find(
        {"_id": {"$in": sorted(named)}, "org_id": org_id, "unsealed": True}, {"_id": 1}, session=session
    )
    waits = {row["_id"] async for row in early} if named else set()
    return sorted((row for row in rows if row.reverses not in waits), key=lambda row: row.reverses is not None)


async def head(org_id: str, session: Session | None = None) -> Head:
    row = await seal_chain.head(EntrySeal, org_id, session)
    return Head(row["seq"], row["hash"]) if row else NO_HEAD


async def sealed_at(org_id: str) -> datetime | None:
    """When the last seal was made."""
    row = await seal_chain.head(EntrySeal, org_id)
    return row["created_at"] if row else None


async def waiting(org_id: str) -> int:
    """How many entries have no seal yet."""
    return await JournalEntry.get_pymongo_collection().count_documents({"org_id": org_id, "unsealed": True}, hint=_UNSEALED)


async def add_seals(session: Session, org_id: str, seals: Sequence[EntrySeal], entries: Sequence[JournalEntry], now: datetime) -> None:
    """With the mark on the entries, and their sums. DuplicateKeyError when another has sealed in between."""
    await seal_chain.add_links(EntrySeal, seals, session)
    # by their ids alone: on `unsealed` there is an index that a planner might prefer, and walk through for each of them
    marks = [UpdateOne({"_id": seal.entry_id, "org_id": org_id}, {"$set": {"unsealed": False, "seal_seq": seal.seq}}) for seal in seals]
    done = await JournalEntry.get_pymongo_collection().bulk_write(marks, session=session)
    assert done.modified_count == len(seals), "an entry was sealed that did not wait for it"
    await AccountSum.get_pymongo_collection().bulk_write(_increments(org_id, entries, now), session=session)


async def seals_after(org_id: str, seq: int, limit: int, session: Session | None = None) -> list[EntrySeal]:
    return await seal_chain.after(EntrySeal, org_id, seq, limit, session)


async def seal_at(org_id: str, seq: int, session: Session | None = None) -> EntrySeal | None:
    return await seal_chain.at(EntrySeal, org_id, seq, session)


async def every_seal(org_id: str) -> AsyncIterator[EntrySeal]:
    """From the first to the last, in batches."""
    seq = 0
    while batch := await seals_after(org_id, seq, EXPORT_BATCH):
        for seal in batch:
            yield seal
        seq = batch[-1].seq


async def every_waiting(org_id: str, batch: int, session: Session | None = None) -> AsyncIterator[list[JournalEntry]]:
    """Entries without a seal, by id."""
    after, entries = "", JournalEntry.get_pymongo_collection()
    while True:
        rows = entries.find({"org_id": org_id, "_id": {"$gt": after}, "unsealed": True}, session=session, hint=_UNSEALED)
        found = [JournalEntry.model_validate(row) async for row in rows.sort("_id", 1).limit(batch)]
        if not found:
            return
        yield found
        after = found[-1].id


async def without_seal(org_id: str, named: Mapping[str, int | None]) -> list[str]:
    """`named`: entries, and the seal that each names. Those whose it is not, or that name none."""
    owners = await seal_chain.owners(EntrySeal, org_id, "entry_id", {seq for seq in named.values() if seq is not None})
    return sorted(entry_id for entry_id, seq in named.items() if seq is None or owners.get(seq) != entry_id)


async def mark_unsealed(database: Database) -> None:
    """Whatever counts and has no mark of either kind. Safe to repeat."""
    query = {"status": {"$in": _COUNTED}, "unsealed": {"$exists": False}}
    await database[JournalEntry.Settings.name].update_many(query, {"$set": {"unsealed": True, "seal_seq": None}})


# ---- sums ------------------------------------------------------------------------------------------------------------------------

Cell = tuple[Span, date, date, SumKey]
_AMOUNTS = ("debit", "credit", "quantity")
_HELD = "*"  # for an account: all that hold assets together
_SUMMED_AT_ONCE = 1000


def cells_of(entries: Sequence[JournalEntry]) -> dict[Cell, Sums]:
    """What these entries add to each cell."""
    parts: dict[Cell, list[Line]] = {}
    for entry in entries:
        assert entry.posted_at is not None, f"{entry.id} counts and was never posted"
        known = entry.posted_at.astimezone(UTC).date()
        for line in entry.lines:
            key = (line.account_code, line.wallet_id, line.asset)
            for span in (Span.DAY, Span.MONTH, Span.YEAR):
                parts.setdefault((span, rules.first_day(span, entry.date), rules.first_day(span, known), key), []).append(line)
            if line.account_code in HOLDING_ACCOUNTS and line.asset is not None:
                parts.setdefault((Span.HELD_DAY, entry.date, entry.date, (_HELD, None, line.asset)), []).append(line)
    return {cell: rules.added(rules.sums_of(lines).values()) for cell, lines in parts.items()}


def _sum_id(org_id: str, cell: Cell) -> str:
    span, day, known, (account, wallet, asset) = cell
    return f"{org_id}|{account}|{wallet or '-'}|{asset or '-'}|{span}|{day}|{known}"


def _increments(org_id: str, entries: Sequence[JournalEntry], now: datetime) -> list[UpdateOne]:
    changes = []
    for (span, day, known, (account, wallet, asset)), sums in sorted(cells_of(entries).items(), key=str):
        row_id = _sum_id(org_id, (span, day, known, (account, wallet, asset)))
        facts = {
            "span": span.value,
            "account_code": account,
            "wallet_id": wallet,
            "asset": asset,
            "date": _stored(day),
            "known": _stored(known),
            "created_at": now,
        }
        amounts = {name: Decimal128(getattr(sums, name)) for name in _AMOUNTS}
        changes.append(UpdateOne({"_id": row_id, "org_id": org_id}, {"$inc": amounts, "$setOnInsert": facts}, upsert=True))
    return changes


async def every_sum(org_id: str, first: date, last: date) -> AsyncIterator[list[AccountSum]]:
    """All cells, some at a time; those for days from `first` to `last` month by month, and whatever else there is at once."""
    for span in (Span.YEAR, Span.MONTH):
        yield await _sums_of(org_id, span, {})
    for span in (Span.DAY, Span.HELD_DAY):
        start = first
        yield await _sums_of(org_id, span, {"$lt": _stored(start)})
        while start <= last:
            end = min(rules.last_of_month(start), last) + timedelta(days=1)
            yield await _sums_of(org_id, span, pages.not_before(_stored(start)) | {"$lt": _stored(end)})
            start = end
        yield await _sums_of(org_id, span, pages.not_before(_stored(start)))


async def _sums_of(org_id: str, span: Span, days: dict[str, datetime]) -> list[AccountSum]:
    query = {"org_id": org_id, "span": span.value, **({"date": days} if days else {})}
    return await AccountSum.find(query).to_list()


async def sums_of_cells(org_id: str, cells: Mapping[Cell, Collection[str]], session: Session) -> list[AccountSum]:
    """The rows of these cells, and whatever others with these ids."""
    row_ids = {_sum_id(org_id, cell) for cell in cells}.union(*cells.values())
    return await AccountSum.find({"_id": {"$in": sorted(row_ids)}, "org_id": org_id}, session=session).to_list()


async def sums(
    session: Session, org_id: str, as_of: AsOf, *, account_codes: Collection[str] | None = None, wallet_id: str | None = None
) -> dict[SumKey, Sums]:
    """By account, wallet and asset, as of two times: a few cells, and what they do not hold yet. `session` is that of a unit of work: the cells and
    what is not in them belong to one snapshot."""
    where: dict[str, Any] = {"org_id": org_id}
    if account_codes is not None:
        where["account_code"] = {"$in": sorted(account_codes)}
    if wallet_id is not None:
        where["wallet_id"] = wallet_id
    found: dict[SumKey, list[Sums]] = {}
    async for row in AccountSum.get_pymongo_collection().find({**where, "$or": _cells(as_of)}, session=session):
        key = (row["account_code"], row["wallet_id"], row["asset"])
        found.setdefault(key, []).append(Sums(row["debit"].to_decimal(), row["credit"].to_decimal(), row["quantity"].to_decimal()))
    beside = [entry.lines for entry in await _beside_cells(session, org_id, as_of) if as_of.at is None or entry.date <= as_of.at]
    for parts in await in_turns(rules.sums_of, beside):
        for key, part in parts.items():
            if (account_codes is None or key[0] in account_codes) and wallet_id in (None, key[1]):
                found.setdefault(key, []).append(part)
    return {key: rules.added(parts) for key, parts in found.items()}


def _cells(as_of: AsOf) -> list[dict[str, Any]]:
    """Which cells make up everything for days up to `at` and known before the day of `known_at`: whole years, then the months of the years that are
    cut, then the days of the months that are cut."""
    at = as_of.at if as_of.at != date.max else None  # behind the last day there is none
    days = [at + timedelta(days=1) if at is not None else None, as_of.known_at.astimezone(UTC).date() if as_of.known_at else None]
    if days == [None, None]:
        return [{"span": Span.YEAR.value}]
    conditions, outer = [], None
    for span in (Span.YEAR, Span.MONTH, Span.DAY):
        ends = [rules.first_day(span, day) if day is not None else None for day in days]
        bounds = {name: {"$lt": _stored(end)} for name, end in zip(("date", "known"), ends, strict=True) if end is not None}
        condition: dict[str, Any] = {"span": span.value, **bounds}
        if outer is not None:  # not what a larger cell holds already
            condition = {"$and": [condition, {"$or": [{name: {"$gte": bound["$lt"]}} for name, bound in outer.items()]}]}
        conditions.append(condition)
        outer = bounds
    return conditions


async def _beside_cells(session: Session, org_id: str, as_of: AsOf) -> list[JournalEntry]:
    """Entries that no cell tells of: those without a seal, and those of the day in the midst of which `known_at` lies."""
    known: dict[str, Any] = {"posted_at": {"$lte": as_of.known_at}} if as_of.known_at is not None else {}
    collection = JournalEntry.get_pymongo_collection()
    rows = await collection.find({"org_id": org_id, "unsealed": True, **known}, session=session, hint=_UNSEALED).to_list()
    if as_of.known_at is not None:
        midnight = datetime.combine(as_of.known_at.astimezone(UTC).date(), time(), UTC)
        of_day = {"org_id": org_id, "posted_at": {"$gte": midnight, "$lte": as_of.known_at}}
        # the index of just these two fields is what every server takes; named to the embedded one, it would be walked through from end to end
        rows += [row for row in await collection.find(of_day, session=session).to_list() if not row["unsealed"]]
    return [entry for entry in await in_turns(JournalEntry.model_validate, rows) if entry.status in _COUNTED]


def _stored(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


async def held_changes(session: Session, org_id: str, since: date) -> dict[date, dict[str, Decimal]]:
    """By how much what is held of each asset changed on each day from `since` on: a row for each day and asset, however much moved on it, and what
    has no seal yet. `session` is that of a unit of work."""
    found: dict[date, dict[str, list[Decimal]]] = {}
    query = {"org_id": org_id, "span": Span.HELD_DAY.value, "date": pages.not_before(_stored(since))}
    shown = {"date": 1, "asset": 1, "quantity": 1}
    async for row in AccountSum.get_pymongo_collection().find(query, shown, batch_size=_READ_AT_ONCE, session=session):
        found.setdefault(row["date"].date(), {}).setdefault(row["asset"], []).append(row["quantity"].to_decimal())
    for entry in await _beside_cells(session, org_id, AsOf()):
        for line in entry.lines:
            if entry.date >= since and line.account_code in HOLDING_ACCOUNTS and line.asset is not None and line.quantity is not None:
                found.setdefault(entry.date, {}).setdefault(line.asset, []).append(line.quantity)
    return {day: {asset: add_exactly(parts) for asset, parts in assets.items()} for day, assets in found.items()}


async def add_held_days(database: Database, after: str | None) -> str | None:
    """The sums of one more organisation's days of an asset, for books that were sealed before these were kept; its id, or None when all have them.
    Safe to repeat: they are made anew from the sums of accounts."""
    sums = database[AccountSum.Settings.name]
    first = await sums.find_one({} if after is None else {"org_id": {"$gt": after}}, {"org_id": 1}, sort=[("org_id", 1)])
    if first is None:
        return None
    org_id, parts, created = first["org_id"], dict[tuple[datetime, str], list[Sums]](), SystemClock().now()
    query = {"org_id": org_id, "account_code": {"$in": sorted(HOLDING_ACCOUNTS)}, "span": Span.DAY.value, "asset": {"$ne": None}}
    async for row in sums.find(query):
        part = Sums(*(row[name].to_decimal() for name in _AMOUNTS))
        parts.setdefault((row["date"], row["asset"]), []).append(part)
    changes = [_held_day(org_id, day.date(), asset, rules.added(some), created) for (day, asset), some in sorted(parts.items())]
    for start in range(0, len(changes), _SUMMED_AT_ONCE):
        await sums.bulk_write(changes[start : start + _SUMMED_AT_ONCE])
    return str(org_id)


def _held_day(org_id: str, day: date, asset: str, whole: Sums, now: datetime) -> UpdateOne:
    facts = {"span": Span.HELD_DAY.value, "account_code": _HELD, "wallet_id": None, "asset": asset, "date": _stored(day), "known": _stored(day)}
    amounts = {name: Decimal128(getattr(whole, name)) for name in _AMOUNTS}
    key = {"_id": _sum_id(org_id, (Span.HELD_DAY, day, day, (_HELD, None, asset))), "org_id": org_id}
    return UpdateOne(key, {"$set": amounts, "$setOnInsert": {**facts, "created_at": now}}, upsert=True)


def cell_of(row: AccountSum) -> tuple[Cell, Sums]:
    return (row.span, row.date, row.known, (row.account_code, row.wallet_id, row.asset)), Sums(row.debit, row.credit, row.quantity)
