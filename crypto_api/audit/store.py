"""Every query of the slice. Records and seals are inserted and read; nothing here updates or deletes them, and a test holds that."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from crypto_api.audit.documents import AuditQueued, AuditRecord, AuditSeal
from crypto_api.audit.types import AuditFilter
from crypto_api.kit.paging import Page, PageRequest
from crypto_api.kit.seals import NO_HEAD, Head
from mongodb_config import pages, seal_chain
from mongodb_config.unit_of_work import Session

NEWEST_FIRST = PageRequest(sort="created_at", descending=True)
_EQUAL = ("actor_id", "subject_kind", "subject_id", "outcome", "ip", "request_id")
_SEARCHED = ("summary", "actor_name", "subject_id")

Row = dict[str, Any]


async def insert(session: Session, records: Sequence[AuditRecord]) -> None:
    """Each with its place in the queue for a seal."""
    queued_ = [AuditQueued(id=record.id, created_at=record.created_at, org_id=record.org_id) for record in records]
    await AuditRecord.insert_many(records, session=session)
    await AuditQueued.insert_many(queued_, session=session)


async def get(org_id: str, record_id: str) -> AuditRecord | None:
    return await AuditRecord.find_one({"_id": record_id, "org_id": org_id})


async def page(org_id: str, wanted: AuditFilter, request: PageRequest) -> Page[AuditRecord]:
    query = _query(org_id, wanted)
    rows = await pages.fetch(AuditRecord, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await AuditRecord.find(query).count() if request.count else None)


def _query(org_id: str, wanted: AuditFilter) -> dict[str, Any]:
    query: dict[str, Any] = {"org_id": org_id}
    query |= {name: value for name in _EQUAL if (value := getattr(wanted, name)) is not None}
    if wanted.action is not None:
        query["action"] = {"$gte": wanted.action, "$lt": wanted.action + "\uffff"}
    within = (pages.not_before(wanted.since) if wanted.since else {}) | ({"$lt": wanted.before} if wanted.before else {})
    if within:
        query["created_at"] = within
    if wanted.q is not None:
        query["$or"] = [{field: pages.contains(wanted.q)} for field in _SEARCHED]
    return query


# ---- seals -----------------------------------------------------------------------------------------------------------------------


async def queued(limit: int) -> list[tuple[str, str]]:
    """(organisation, record) of what has no seal yet, oldest first, over all organisations: only the sealing lane asks."""
    rows = AuditQueued.get_pymongo_collection().find({}, {"org_id": 1}).sort("_id", 1).limit(limit)
    return [(row["org_id"], row["_id"]) async for row in rows]


async def still_queued(session: Session, org_id: str, record_ids: Collection[str]) -> list[Row]:
    """The records among these that wait in this snapshot, as they stand in the database, in the order of their ids."""
    waiting = AuditQueued.get_pymongo_collection().find({"_id": {"$in": list(record_ids)}, "org_id": org_id}, {"_id": 1}, session=session)
    ids = [row["_id"] async for row in waiting]
    rows = AuditRecord.get_pymongo_collection().find({"_id": {"$in": ids}, "org_id": org_id}, session=session).sort("_id", 1)
    return [dict(row) async for row in rows]


async def head(org_id: str, session: Session | None = None) -> Head:
    row = await seal_chain.head(AuditSeal, org_id, session)
    return Head(row["seq"], row["hash"]) if row else NO_HEAD


async def insert_seals(session: Session, org_id: str, seals: Sequence[AuditSeal]) -> None:
    """DuplicateKeyError when another has sealed in between."""
    await seal_chain.add_links(AuditSeal, seals, session)
    ids = [seal.record_id for seal in seals]
    await AuditQueued.get_pymongo_collection().delete_many({"_id": {"$in": ids}, "org_id": org_id}, session=session)


async def seals_after(org_id: str, seq: int, limit: int) -> list[AuditSeal]:
    return await seal_chain.after(AuditSeal, org_id, seq, limit)


async def seal_at(org_id: str, seq: int) -> AuditSeal | None:
    return await seal_chain.at(AuditSeal, org_id, seq)


async def records(org_id: str, record_ids: Collection[str]) -> Mapping[str, Row]:
    """As they stand in the database."""
    rows = AuditRecord.get_pymongo_collection().find({"_id": {"$in": list(record_ids)}, "org_id": org_id})
    return {row["_id"]: dict(row) async for row in rows}


async def record_ids_after(org_id: str, record_id: str, limit: int) -> list[str]:
    rows = AuditRecord.get_pymongo_collection().find({"org_id": org_id, "_id": {"$gt": record_id}}, {"_id": 1}).sort("_id", 1).limit(limit)
    return [row["_id"] async for row in rows]


async def unsealed(org_id: str, record_ids: Collection[str]) -> set[str]:
    """Those of the records that have no seal."""
    rows = AuditSeal.get_pymongo_collection().find({"org_id": org_id, "record_id": {"$in": list(record_ids)}}, {"record_id": 1})
    return set(record_ids) - {row["record_id"] async for row in rows}


async def waiting(org_id: str, record_ids: Collection[str]) -> set[str]:
    """Those of the records that are queued for a seal."""
    rows = AuditQueued.get_pymongo_collection().find({"_id": {"$in": list(record_ids)}, "org_id": org_id}, {"_id": 1})
    return {row["_id"] async for row in rows}


async def sealed_organizations() -> list[str]:
    """Every chain that there is, also that of an organisation which is gone: for the verification of the whole installation."""
    first = AuditSeal.get_pymongo_collection().find({"seq": 1}, {"org_id": 1}).sort("org_id", 1)
    return [row["org_id"] async for row in first]
