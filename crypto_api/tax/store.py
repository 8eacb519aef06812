"""Every query of the slice."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.tax.documents import TaxReport, TaxReportPart
from crypto_api.tax.types import UNFINISHED, TaxReportStatus
from mongodb_config import pages
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

ROWS_IN_A_PART = 500
Row = TypeVar("Row", bound=BaseModel)


async def get(org_id: str, report_id: str, session: Session | None = None) -> TaxReport | None:
    return await TaxReport.find_one({"_id": report_id, "org_id": org_id}, session=session)


async def page(org_id: str, request: PageRequest) -> Page[TaxReport]:
    query: dict[str, Any] = {"org_id": org_id}
    rows = await pages.fetch(TaxReport, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    more = len(rows) > request.limit
    rows = rows[: request.limit]
    cursor = request.cursor_after(getattr(rows[-1], request.sort, rows[-1].id), rows[-1].id) if more else None
    total = await TaxReport.find(query).count() if request.count else None
    return Page(rows, cursor, total)


async def unfinished_count(session: Session, org_id: str) -> int:
    return await TaxReport.find({"org_id": org_id, "status": {"$in": list(UNFINISHED)}}, session=session).count()


async def insert(session: Session, row: TaxReport) -> None:
    await row.insert(session=session)


async def advance(session: Session, org_id: str, report_id: str, status: TaxReportStatus, changes: dict[str, Any]) -> bool:
    """Compare-and-set on `status`. `changes` is as it goes into the database."""
    done = await TaxReport.get_pymongo_collection().update_one(
        {"_id": report_id, "org_id": org_id, "status": status}, {"$set": changes, "$inc": {"version": 1}}, session=session
    )
    return done.modified_count == 1


async def delete(session: Session, row: TaxReport) -> bool:
    """The report and its rows. False when it changed meanwhile."""
    done = await TaxReport.get_pymongo_collection().delete_one({"_id": row.id, "org_id": row.org_id, "version": row.version}, session=session)
    if done.deleted_count:
        await delete_parts(session, row.org_id, row.id)
    return done.deleted_count == 1


# ---- rows ------------------------------------------------------------------------------------------------------------------------


def part_of(report: TaxReport, kind: str, number: int, rows: Sequence[BaseModel], now: datetime) -> TaxReportPart:
    return TaxReportPart(
        id=f"{report.id}:{kind}:{number}",
        created_at=now,
        org_id=report.org_id,
        report_id=report.id,
        kind=kind,
        number=number,
        rows=[encoded(row) for row in rows],
    )


async def insert_parts(session: Session, parts: Sequence[TaxReportPart]) -> None:
    await TaxReportPart.insert_many(parts, session=session)


async def delete_parts(session: Session, org_id: str, report_id: str) -> None:
    await TaxReportPart.get_pymongo_collection().delete_many({"org_id": org_id, "report_id": report_id}, session=session)


async def rows_of(org_id: str, report_id: str, row: type[Row], kind: str, number: int | None = None) -> list[Row]:
    """All of a kind, or those of one part."""
    query: dict[str, Any] = {"org_id": org_id, "report_id": report_id, "kind": kind} | ({} if number is None else {"number": number})
    parts = await TaxReportPart.find(query).sort("+number").to_list()
    return [row.model_validate(one) for part in parts for one in part.rows]


async def row_batches(org_id: str, report_id: str, row: type[Row], kind: str) -> AsyncIterator[list[Row]]:
    """Part by part: there may be more than memory holds."""
    number = 0
    while rows := await rows_of(org_id, report_id, row, kind, number):
        yield rows
        number += 1
