"""Every query of the slice."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from beanie import SortDirection
from pymongo import ReturnDocument

from crypto_api.contract_audits.documents import ContractAudit, ContractAuditSource, ContractFinding, FindingSuppression
from crypto_api.contract_audits.types import AuditStatus, Severity, SubjectKind
from crypto_api.kit.paging import Page, PageRequest
from mongodb_config import claimed_row, pages
from mongodb_config.unit_of_work import Session


async def get(org_id: str, audit_id: str, session: Session | None = None) -> ContractAudit | None:
    return await ContractAudit.find_one({"_id": audit_id, "org_id": org_id}, session=session)


async def page(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[ContractAudit]:
    query: dict[str, Any] = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(ContractAudit, query, sort="_id", descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await ContractAudit.find(query).count() if request.count else None)


async def latest(org_id: str, limit: int) -> list[ContractAudit]:
    """Newest first."""
    return await ContractAudit.find({"org_id": org_id}, sort=[("_id", SortDirection.DESCENDING)], limit=limit).to_list()


async def latest_ready(org_id: str, subject_key: str, *, before: str | None = None, session: Session | None = None) -> ContractAudit | None:
    """Of one subject; ordered before that audit where one is named."""
    query: dict[str, Any] = {"org_id": org_id, "subject.key": subject_key, "status": AuditStatus.READY}
    if before is not None:
        query["_id"] = {"$lt": before}
    return await ContractAudit.find_one(query, session=session, sort=[("_id", SortDirection.DESCENDING)])


async def latest_of_addresses(org_id: str, network: str, addresses: Collection[str]) -> list[ContractAudit]:
    """The last that is ready of the contract at each of them, where there is one."""
    query = {"org_id": org_id, "subject.address": {"$in": sorted(addresses)}, "subject.network": network, "status": AuditStatus.READY}
    rows = await ContractAudit.find(query).sort("+_id").to_list() if addresses else []
    return list({row.subject.address: row for row in rows}.values())


async def unfinished(session: Session, org_id: str) -> list[ContractAudit]:
    return await ContractAudit.find({"org_id": org_id, "live": True}, session=session).to_list()


async def uploaded_by(session: Session, org_id: str, user_id: str, most: int) -> int:
    """How many of this person's uploads are kept here, counted no further than `most`."""
    query = {"org_id": org_id, "requested_by": user_id, "subject.kind": SubjectKind.UPLOAD}
    return len(await ContractAudit.get_pymongo_collection().find(query, {"_id": 1}, session=session, limit=most).to_list())


async def insert(session: Session, audit: ContractAudit, source: ContractAuditSource | None) -> None:
    await audit.insert(session=session)
    if source is not None:
        await source.insert(session=session)


async def source_of(org_id: str, audit_id: str) -> ContractAuditSource | None:
    return await ContractAuditSource.find_one({"_id": audit_id, "org_id": org_id})


async def cancel(session: Session, org_id: str, audit_id: str, now: datetime) -> bool:
    """False when it has ended."""
    changes = {"status": AuditStatus.CANCELLED.value, "ended_at": now}
    return await claimed_row.cancel(session, ContractAudit, org_id, audit_id, changes)


async def count_by_status(org_id: str) -> dict[str, int]:
    stages: list[dict[str, Any]] = [{"$match": {"org_id": org_id}}, {"$group": {"_id": "$status", "count": {"$sum": 1}}}]
    return {row["_id"]: int(row["count"]) async for row in await ContractAudit.get_pymongo_collection().aggregate(stages)}


async def latest_of_each_subject(org_id: str) -> list[ContractAudit]:
    """The last that is ready of every subject."""
    stages: list[dict[str, Any]] = [
        {"$match": {"org_id": org_id, "status": AuditStatus.READY}},
        {"$sort": {"_id": -1}},
        {"$group": {"_id": "$subject.key", "audit": {"$first": "$_id"}}},
    ]
    ids = [row["audit"] async for row in await ContractAudit.get_pymongo_collection().aggregate(stages)]
    return await ContractAudit.find({"org_id": org_id, "_id": {"$in": ids}}, sort=[("_id", SortDirection.DESCENDING)]).to_list() if ids else []


# ---- the worker's ----------------------------------------------------------------------------------------------------------------


async def due(now: datetime, limit: int) -> list[ContractAudit]:
    """Of whoever, oldest first."""
    return await claimed_row.due(ContractAudit, now, limit)


# ---- findings --------------------------------------------------------------------------------------------------------------------


async def insert_findings(session: Session, rows: Sequence[ContractFinding]) -> None:
    if rows:
        await ContractFinding.insert_many(rows, session=session)


async def finding(org_id: str, audit_id: str, finding_id: str, session: Session | None = None) -> ContractFinding | None:
    return await ContractFinding.find_one({"_id": finding_id, "org_id": org_id, "audit_id": audit_id}, session=session)


async def findings(org_id: str, audit_id: str, session: Session | None = None) -> list[ContractFinding]:
    """Most severe first."""
    return await ContractFinding.find({"org_id": org_id, "audit_id": audit_id}, session=session).sort("+number").to_list()


async def finding_page(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[ContractFinding]:
    query: dict[str, Any] = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(
        ContractFinding, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1
    )
    return request.page(rows, await ContractFinding.find(query).count() if request.count else None)


async def set_finding(session: Session, row: ContractFinding, expected: bool, changes: dict[str, Any]) -> bool:
    """Compare-and-set on whether it is suppressed: False when it is not as `expected`."""
    done = await ContractFinding.get_pymongo_collection().update_one(
        {"_id": row.id, "org_id": row.org_id, "suppressed": expected}, {"$set": changes}, session=session
    )
    return done.modified_count == 1


async def set_counts(session: Session, row: ContractAudit, changes: dict[str, Any]) -> ContractAudit | None:
    found = await ContractAudit.get_pymongo_collection().find_one_and_update(
        {"_id": row.id, "org_id": row.org_id}, {"$set": changes, "$inc": {"version": 1}}, return_document=ReturnDocument.AFTER, session=session
    )
    return ContractAudit.model_validate(found) if found else None


async def count_by_check(org_id: str, audit_ids: Sequence[str], limit: int) -> list[tuple[str, Severity, int]]:
    """Open findings of those audits, the most frequent first."""
    stages: list[dict[str, Any]] = [
        {"$match": {"org_id": org_id, "audit_id": {"$in": list(audit_ids)}, "suppressed": False}},
        {"$group": {"_id": {"check": "$check", "severity": "$severity"}, "count": {"$sum": 1}}},
        {"$sort": {"count": -1, "_id.check": 1}},
        {"$limit": limit},
    ]
    rows = await ContractFinding.get_pymongo_collection().aggregate(stages)
    return [(row["_id"]["check"], Severity(row["_id"]["severity"]), int(row["count"])) async for row in rows]


# ---- suppressions ----------------------------------------------------------------------------------------------------------------


async def suppressions(session: Session, org_id: str, subject_key: str) -> dict[str, FindingSuppression]:
    rows = await FindingSuppression.find({"org_id": org_id, "subject_key": subject_key}, session=session).to_list()
    return {row.key: row for row in rows}


async def keep_suppression(session: Session, row: FindingSuppression) -> None:
    """In place of one that stands there."""
    await drop_suppression(session, row.org_id, row.subject_key, row.key)
    await row.insert(session=session)


async def drop_suppression(session: Session, org_id: str, subject_key: str, key: str) -> None:
    query = {"org_id": org_id, "subject_key": subject_key, "key": key}
    await FindingSuppression.get_pymongo_collection().delete_one(query, session=session)
