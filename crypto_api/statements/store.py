"""Every query of the slice."""

from typing import Any

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.types import StatementKind
from mongodb_config import pages
from mongodb_config.unit_of_work import Session


async def get(org_id: str, report_id: str) -> FinancialReport | None:
    return await FinancialReport.find_one({"_id": report_id, "org_id": org_id})


async def page(org_id: str, kind: StatementKind | None, request: PageRequest) -> Page[FinancialReport]:
    query: dict[str, Any] = {"org_id": org_id} | ({"kind": kind.value} if kind is not None else {})
    rows = await pages.fetch(FinancialReport, query, sort="_id", descending=request.descending, after=request.position(), limit=request.limit + 1)
    more = len(rows) > request.limit
    rows = rows[: request.limit]
    cursor = request.cursor_after(rows[-1].id, rows[-1].id) if more else None
    total = await FinancialReport.find(query).count() if request.count else None
    return Page(rows, cursor, total)


async def insert(session: Session, row: FinancialReport) -> None:
    await row.insert(session=session)
