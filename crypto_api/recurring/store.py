"""Every query of the slice."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.recurring.documents import Occurrence, RecurringPayment
from crypto_api.recurring.types import OccurrenceState, RecurringPaymentStatus
from mongodb_config import pages
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

Row = dict[str, Any]


async def get(org_id: str, recurring_id: str, session: Session | None = None) -> RecurringPayment | None:
    return await RecurringPayment.find_one({"_id": recurring_id, "org_id": org_id}, session=session)


async def page(org_id: str, where: Row, request: PageRequest) -> Page[RecurringPayment]:
    query: Row = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(
        RecurringPayment, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1
    )
    return request.page(rows, await RecurringPayment.find(query).count() if request.count else None)


async def active(org_id: str) -> list[RecurringPayment]:
    return await RecurringPayment.find({"org_id": org_id, "status": RecurringPaymentStatus.ACTIVE}).sort("+_id").to_list()


async def due(now: datetime, limit: int, scope: OrgScope = EVERYBODY) -> list[RecurringPayment]:
    """Of every organisation: what is to be looked at."""
    return await RecurringPayment.find({"look_at": {"$lte": now}} | scope.filter(), limit=limit).sort("+look_at").to_list()


async def occurrences(org_id: str, recurring_id: str, session: Session | None = None) -> list[Occurrence]:
    """Latest first."""
    return await Occurrence.find({"org_id": org_id, "recurring_id": recurring_id}, session=session).sort("-number").to_list()


async def waiting(org_id: str, recurring_id: str) -> list[Occurrence]:
    """Oldest first."""
    where = {"org_id": org_id, "recurring_id": recurring_id, "state": OccurrenceState.WAITS}
    return await Occurrence.find(where).sort("+number").to_list()


async def insert(session: Session, row: RecurringPayment) -> None:
    await row.insert(session=session)


async def change(session: Session, before: RecurringPayment, after: RecurringPayment) -> RecurringPayment | None:
    """Compare-and-set on the version: None when it is another by now."""
    was, became = encoded(before), encoded(after)
    changes = {name: value for name, value in became.items() if was[name] != value and name not in ("_id", "version")}
    row: Row | None = await RecurringPayment.get_pymongo_collection().find_one_and_update(
        {"_id": before.id, "org_id": before.org_id, "version": before.version},
        {"$set": changes, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return RecurringPayment.model_validate(row) if row else None


async def insert_occurrences(session: Session, rows: Sequence[Occurrence]) -> None:
    """DuplicateKeyError for one that is there: the unique index decides."""
    if rows:
        await Occurrence.insert_many(rows, session=session)


async def change_occurrence(session: Session, row: Occurrence, changes: Row) -> None:
    """While it still waits."""
    query = {"_id": row.id, "org_id": row.org_id, "state": OccurrenceState.WAITS}
    await Occurrence.get_pymongo_collection().update_one(query, {"$set": changes}, session=session)


async def look_again(session: Session, row: RecurringPayment, at: datetime) -> None:
    """Without a new version: nothing of it changed."""
    query = {"_id": row.id, "org_id": row.org_id, "status": RecurringPaymentStatus.ACTIVE}
    await RecurringPayment.get_pymongo_collection().update_one(query, {"$set": {"look_at": at}}, session=session)
