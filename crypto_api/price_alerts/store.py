"""Every query of the slice."""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.price_alerts.documents import PriceAlert
from mongodb_config import pages
from mongodb_config.unit_of_work import Session


async def get(org_id: str, alert_id: str, session: Session | None = None) -> PriceAlert | None:
    return await PriceAlert.find_one({"_id": alert_id, "org_id": org_id}, session=session)


async def page(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[PriceAlert]:
    query: dict[str, Any] = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(PriceAlert, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await PriceAlert.find(query).count() if request.count else None)


async def of_org(org_id: str) -> list[PriceAlert]:
    """All of them, latest first."""
    return await PriceAlert.find({"org_id": org_id}).sort("-_id").to_list()


async def count(org_id: str, session: Session) -> int:
    return await PriceAlert.find({"org_id": org_id}, session=session).count()


async def insert(session: Session, alert: PriceAlert) -> None:
    await alert.insert(session=session)


async def change(session: Session, org_id: str, alert_id: str, version: int, changes: dict[str, Any]) -> PriceAlert | None:
    """Compare-and-set on `version`. `changes` is as it goes into the database."""
    row: dict[str, Any] | None = await PriceAlert.get_pymongo_collection().find_one_and_update(
        {"_id": alert_id, "org_id": org_id, "version": version},
        {"$set": changes, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return PriceAlert.model_validate(row) if row else None


async def acknowledge(session: Session, org_id: str, alert_id: str, by: str, now: datetime) -> None:
    query = {"_id": alert_id, "org_id": org_id}
    await PriceAlert.get_pymongo_collection().update_one(query, {"$set": {"acknowledged_at": now, "acknowledged_by": by}}, session=session)


async def delete(session: Session, org_id: str, alert_id: str, version: int) -> bool:
    """Compare-and-set on `version`."""
    done = await PriceAlert.get_pymongo_collection().delete_one({"_id": alert_id, "org_id": org_id, "version": version}, session=session)
    return done.deleted_count == 1


async def note_seen(session: Session, before: PriceAlert, changes: dict[str, Any]) -> bool:
    """Compare-and-set on what it had seen and on what people set. `changes` is as it goes into the database."""
    query = {"_id": before.id, "org_id": before.org_id, "version": before.version, "seen_at": before.seen_at, "unpriced_since": before.unpriced_since}
    done = await PriceAlert.get_pymongo_collection().update_one(query, {"$set": changes}, session=session)
    return done.modified_count == 1
