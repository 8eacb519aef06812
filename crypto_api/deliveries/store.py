"""Every query of the slice."""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from crypto_api.deliveries.documents import InvoiceDelivery
from crypto_api.deliveries.types import DeliveryStatus
from crypto_api.kit.paging import Page, PageRequest
from crypto_api.kit.scope import EVERYBODY, OrgScope
from mongodb_config import pages
from mongodb_config.unit_of_work import Session

Row = dict[str, Any]


async def get(org_id: str, delivery_id: str) -> InvoiceDelivery | None:
    return await InvoiceDelivery.find_one({"_id": delivery_id, "org_id": org_id})


async def of_invoice(org_id: str, invoice_id: str, session: Session | None = None) -> list[InvoiceDelivery]:
    """Newest first."""
    return await InvoiceDelivery.find({"org_id": org_id, "invoice_id": invoice_id}, session=session).sort("-_id").to_list()


async def page(org_id: str, invoice_id: str, request: PageRequest) -> Page[InvoiceDelivery]:
    query: Row = {"org_id": org_id, "invoice_id": invoice_id}
    rows = await pages.fetch(
        InvoiceDelivery, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1
    )
    return request.page(rows, await InvoiceDelivery.find(query).count() if request.count else None)


async def due(at: datetime, limit: int, scope: OrgScope = EVERYBODY) -> list[tuple[str, str]]:
    """(organisation, sending) of what is to be tried by then, the longest due first."""
    where = {"status": DeliveryStatus.QUEUED, "due_at": {"$lte": at}} | scope.filter()
    rows = await InvoiceDelivery.get_pymongo_collection().find(where, {"org_id": 1}).sort("due_at", 1).limit(limit).to_list()
    return [(row["org_id"], row["_id"]) for row in rows]


async def insert(session: Session, row: InvoiceDelivery) -> None:
    await row.insert(session=session)


async def change(session: Session, before: InvoiceDelivery, changes: Row, *, more: Row | None = None) -> InvoiceDelivery | None:
    """Compare-and-set on its being queued and on which attempt it is at: None when somebody else was first."""
    where = {"_id": before.id, "org_id": before.org_id, "status": DeliveryStatus.QUEUED, "tries": before.tries, "started_at": before.started_at}
    row: Row | None = await InvoiceDelivery.get_pymongo_collection().find_one_and_update(
        where, {"$set": changes, **(more or {})}, return_document=ReturnDocument.AFTER, session=session
    )
    return InvoiceDelivery.model_validate(row) if row else None
