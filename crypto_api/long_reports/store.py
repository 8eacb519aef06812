"""Every query of the slice."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.long_reports.documents import LongReport, LongReportPart
from crypto_api.long_reports.types import LEASE, LongReportStatus
from mongodb_config import pages
from mongodb_config.unit_of_work import Session


async def get(org_id: str, report_id: str, session: Session | None = None) -> LongReport | None:
    return await LongReport.find_one({"_id": report_id, "org_id": org_id}, session=session)


async def page(org_id: str, request: PageRequest) -> Page[LongReport]:
    query: dict[str, Any] = {"org_id": org_id}
    rows = await pages.fetch(LongReport, query, sort="_id", descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await LongReport.find(query).count() if request.count else None)


async def unfinished(session: Session, org_id: str) -> list[LongReport]:
    return await LongReport.find({"org_id": org_id, "live": True}, session=session).to_list()


async def ended(session: Session, org_id: str) -> list[LongReport]:
    """Oldest first."""
    return await LongReport.find({"org_id": org_id, "live": False}, session=session).sort("+_id").to_list()


async def insert(session: Session, row: LongReport) -> None:
    await row.insert(session=session)


# ---- the worker's ----------------------------------------------------------------------------------------------------------------


async def due(now: datetime, limit: int) -> list[LongReport]:
    """Of whoever, oldest first: those that wait, and those whose worker has said nothing for too long."""
    rows = await LongReport.find({"live": True}).sort("+_id").limit(limit).to_list()
    return [row for row in rows if row.claimed_until is None or row.claimed_until < now]


async def claim(session: Session, row: LongReport, token: str, now: datetime) -> LongReport | None:
    """None when somebody was faster. DuplicateKeyError while another report of the organisation is being made."""
    changes = {"status": LongReportStatus.RUNNING.value, "claim": token, "claimed_until": now + LEASE, "started_at": now}
    found = await LongReport.get_pymongo_collection().find_one_and_update(
        {"_id": row.id, "org_id": row.org_id, "live": True, "claim": row.claim, "claimed_until": row.claimed_until},
        {"$set": changes, "$inc": {"tries": 1, "version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return LongReport.model_validate(found) if found else None


async def keep(session: Session, row: LongReport, until: datetime) -> bool:
    """False when it is not this worker's any more."""
    done = await LongReport.get_pymongo_collection().update_one(_of_worker(row), {"$set": {"claimed_until": until}}, session=session)
    return done.matched_count == 1


async def release(session: Session, row: LongReport) -> None:
    """For another worker at once, and not counted as a try."""
    changes = {"$set": {"claim": None, "claimed_until": None, "status": LongReportStatus.QUEUED.value}, "$inc": {"tries": -1, "version": 1}}
    await LongReport.get_pymongo_collection().update_one(_of_worker(row), changes, session=session)


async def finish(session: Session, row: LongReport, changes: dict[str, Any]) -> bool:
    """False when it is not this worker's any more."""
    done = await LongReport.get_pymongo_collection().update_one(
        _of_worker(row), {"$set": {**changes, "live": False, "claimed_until": None}, "$inc": {"version": 1}}, session=session
    )
    return done.modified_count == 1


def _of_worker(row: LongReport) -> dict[str, Any]:
    return {"_id": row.id, "org_id": row.org_id, "live": True, "claim": row.claim}


# ---- people's --------------------------------------------------------------------------------------------------------------------


async def cancel(session: Session, org_id: str, report_id: str, changes: dict[str, Any]) -> bool:
    """False when it has ended."""
    done = await LongReport.get_pymongo_collection().update_one(
        {"_id": report_id, "org_id": org_id, "live": True},
        {"$set": {**changes, "live": False, "claim": None, "claimed_until": None}, "$inc": {"version": 1}},
        session=session,
    )
    return done.modified_count == 1


async def delete(session: Session, row: LongReport) -> bool:
    """With its parts. False for one that has not ended."""
    done = await LongReport.get_pymongo_collection().delete_one({"_id": row.id, "org_id": row.org_id, "live": False}, session=session)
    if done.deleted_count:
        await delete_parts(session, row.org_id, row.id)
    return done.deleted_count == 1


async def expired(now: datetime, limit: int) -> list[LongReport]:
    """Of whoever: only the sweep asks."""
    return await LongReport.find({"expires_at": {"$lt": now}}, limit=limit).to_list()


# ---- parts -----------------------------------------------------------------------------------------------------------------------


async def insert_parts(session: Session, parts: Sequence[LongReportPart]) -> None:
    await LongReportPart.insert_many(parts, session=session)


async def delete_parts(session: Session, org_id: str, report_id: str, *, but_of: str | None = None) -> None:
    """All, or all that another worker than `but_of` made."""
    query: dict[str, Any] = {"org_id": org_id, "report_id": report_id} | ({"claim": {"$ne": but_of}} if but_of is not None else {})
    await LongReportPart.get_pymongo_collection().delete_many(query, session=session)


async def content(org_id: str, row: LongReport) -> AsyncIterator[bytes]:
    """The bytes of a file that is ready, part by part."""
    number = 0
    while part := await LongReportPart.find_one({"org_id": org_id, "report_id": row.id, "claim": row.claim, "number": number}):
        yield part.content
        number += 1
