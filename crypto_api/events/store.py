"""Every query of the event log."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from beanie import SortDirection
from pymongo import ReturnDocument, UpdateOne

from crypto_api.events.documents import Event, EventHead
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session
from mongodb_config.writes import Insert, Writes


async def insert(session: Session, event: Event) -> None:
    await event.insert(session=session)


def insertions(events: Sequence[Event]) -> Writes:
    return Writes(Event.get_pymongo_collection(), [Insert(encoded(event)) for event in events])


async def after(org_id: str, seq: int, limit: int) -> list[Event]:
    """The numbered events behind `seq`, in order."""
    return await Event.find({"org_id": org_id, "pending": False, "seq": {"$gt": seq}}, sort=[("seq", SortDirection.ASCENDING)], limit=limit).to_list()


async def latest(org_id: str, limit: int) -> list[Event]:
    """The last numbered events, oldest of them first."""
    found = await Event.find({"org_id": org_id, "pending": False}, sort=[("seq", SortDirection.DESCENDING)], limit=limit).to_list()
    return found[::-1]


async def head(org_id: str) -> int:
    """The last number given; 0 before the first."""
    row = await EventHead.get(org_id)
    return row.seq if row is not None else 0


async def heads(org_ids: Collection[str]) -> dict[str, int]:
    """The last number of each of these organisations that has one."""
    rows = await EventHead.find({"_id": {"$in": list(org_ids)}}).to_list()
    return {row.id: row.seq for row in rows}


async def all_heads() -> dict[str, int]:
    """The last number of every organisation that has one: what has changed anywhere since the last look."""
    return {row.id: row.seq for row in await EventHead.find_all().to_list()}


async def seq_visible_at(org_id: str, seq: int, permissions: Iterable[str] | None, kind_prefix: str = "") -> int:
    """The greatest number up to and with `seq` whose event needs one of `permissions` (None: any); 0 if there is none."""
    query: dict[str, Any] = {"org_id": org_id, "pending": False, "seq": {"$lte": seq}}
    if permissions is not None:
        query["permission"] = {"$in": sorted(permissions)}
    if kind_prefix:
        query["kind"] = {"$gte": kind_prefix, "$lt": kind_prefix + "\uffff"}
    found = await Event.find(query, sort=[("seq", SortDirection.DESCENDING)], limit=1).to_list()
    return found[0].seq or 0 if found else 0


async def pending(limit: int) -> list[tuple[str, str]]:
    """(organisation, event) of what has no number yet, oldest first, over all organisations: only the relay asks."""
    rows = Event.get_pymongo_collection().find({"pending": True}, {"org_id": 1}).sort("_id", 1).limit(limit)
    return [(row["org_id"], row["_id"]) async for row in rows]


async def oldest_pending() -> datetime | None:
    """Since when an event waits for its number, over all organisations: whether the relay works."""
    row = await Event.get_pymongo_collection().find_one({"pending": True}, {"created_at": 1}, sort=[("_id", 1)])
    return row["created_at"] if row else None


async def still_pending(session: Session, org_id: str, event_ids: list[str]) -> list[str]:
    """Which of these have no number in this snapshot, in the order of their ids."""
    query = {"_id": {"$in": event_ids}, "org_id": org_id, "pending": True}
    rows = Event.get_pymongo_collection().find(query, {"_id": 1}, session=session).sort("_id", 1)
    return [row["_id"] async for row in rows]


async def take_numbers(session: Session, org_id: str, count: int, now: datetime) -> int:
    """Reserves `count` consecutive numbers and returns the first of them."""
    row: Any = await EventHead.get_pymongo_collection().find_one_and_update(
        {"_id": org_id, "org_id": org_id},
        {"$inc": {"seq": count}, "$setOnInsert": {"created_at": now}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return int(row["seq"]) - count + 1


async def give_numbers(session: Session, org_id: str, event_ids: list[str], first: int, now: datetime) -> int:
    """Numbers these events one after another from `first`. Returns how many were still waiting for a number."""
    changes = [
        UpdateOne(
            {"_id": event_id, "org_id": org_id, "pending": True},
            {"$set": {"pending": False, "seq": seq, "numbered_at": now}},
        )
        for seq, event_id in enumerate(event_ids, first)
    ]
    done = await Event.get_pymongo_collection().bulk_write(changes, ordered=True, session=session)
    return done.modified_count
