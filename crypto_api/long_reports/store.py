"""Every query of the slice."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.long_reports.documents import LongReport, LongReportPart
from mongodb_config import claimed_row, pages
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
    """Of whoever, oldest first."""
    return await claimed_row.due(LongReport, now, limit)


# ---- people's --------------------------------------------------------------------------------------------------------------------


async def cancel(session: Session, org_id: str, report_id: str, changes: dict[str, Any]) -> bool:
    """False when it has ended."""
    return await claimed_row.cancel(session, LongReport, org_id, report_id, changes)


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
