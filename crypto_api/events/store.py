"""Every query of the event log."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from beanie import SortDirection
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from crypto_api.events.documents import Event, EventHead
from mongodb_config.unit_of_work import Session

DUPLICATE_KEY = 11000


async def insert(session: Session, event: Event) -> None:
    await event.insert(session=session)


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


async def still_pending(org_id: str, event_ids: list[str]) -> list[str]:
    """Which of these have no number yet, in the order of their ids."""
    query = {"_id": {"$in": event_ids}, "org_id": org_id, "pending": True}
    rows = Event.get_pymongo_collection().find(query, {"_id": 1}).sort("_id", 1)
    return [row["_id"] async for row in rows]


async def last_number(org_id: str) -> int:
    """The greatest number in the log itself; 0 before the first."""
    found = await latest(org_id, 1)
    return found[0].seq or 0 if found else 0


async def raise_head(org_id: str, seq: int, now: datetime) -> None:
    """The head is now `seq` or more: what is committed and waits will have these numbers."""
    await EventHead.get_pymongo_collection().update_one(
        {"_id": org_id}, {"$max": {"seq": seq}, "$setOnInsert": {"org_id": org_id, "created_at": now}}, upsert=True
    )


async def give_numbers(org_id: str, event_ids: list[str], first: int, now: datetime) -> int:
    """Numbers these events one after another from `first`, in that order, and returns how many this call numbered. An event that has
    a number keeps it; at a number that is taken by another event it stops, because the unique index refuses."""
    changes = [
        UpdateOne(
            {"_id": event_id, "org_id": org_id, "pending": True},
            {"$set": {"pending": False, "seq": seq, "numbered_at": now}},
        )
        for seq, event_id in enumerate(event_ids, first)
    ]
    try:
        done = await Event.get_pymongo_collection().bulk_write(changes, ordered=True)
    except BulkWriteError as error:
        if any(fault["code"] != DUPLICATE_KEY for fault in error.details["writeErrors"]):
            raise
        return int(error.details["nModified"])
    return done.modified_count
