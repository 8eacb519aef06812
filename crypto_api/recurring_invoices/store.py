"""Every query of the slice."""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.recurring_invoices.documents import RecurringInvoice
from mongodb_config import pages
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

Row = dict[str, Any]


async def get(org_id: str, recurring_id: str, session: Session | None = None) -> RecurringInvoice | None:
    return await RecurringInvoice.find_one({"_id": recurring_id, "org_id": org_id}, session=session)


async def page(org_id: str, where: Row, request: PageRequest) -> Page[RecurringInvoice]:
    query: Row = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(
        RecurringInvoice, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1
    )
    return request.page(rows, await RecurringInvoice.find(query).count() if request.count else None)


async def due(at: datetime, limit: int, scope: OrgScope = EVERYBODY) -> list[tuple[str, str]]:
    """(organisation, recurring invoice) of what a worker should look at by then, the longest due first."""
    where = {"due_at": {"$type": "date", "$lte": at}} | scope.filter()
    rows = await RecurringInvoice.get_pymongo_collection().find(where, {"org_id": 1}).sort("due_at", 1).limit(limit).to_list()
    return [(row["org_id"], row["_id"]) for row in rows]


async def insert(session: Session, row: RecurringInvoice) -> None:
    await row.insert(session=session)


async def change(session: Session, before: RecurringInvoice, changes: Row) -> RecurringInvoice | None:
    """Compare-and-set on the version: None when it is another by now."""
    stored = encoded(before.model_copy(update=changes))
    row: Row | None = await RecurringInvoice.get_pymongo_collection().find_one_and_update(
        {"_id": before.id, "org_id": before.org_id, "version": before.version},
        {"$set": {name: stored[name] for name in changes}, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return RecurringInvoice.model_validate(row) if row else None


async def delete(session: Session, before: RecurringInvoice) -> bool:
    """Compare-and-set on the version, and on nothing having been made by it."""
    where = {"_id": before.id, "org_id": before.org_id, "version": before.version, "made": 0}
    return (await RecurringInvoice.get_pymongo_collection().delete_one(where, session=session)).deleted_count == 1
