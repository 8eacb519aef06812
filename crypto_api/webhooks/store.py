"""Every query of the slice."""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.webhooks.documents import Webhook, WebhookDelivery
from crypto_api.webhooks.types import WebhookStatus
from mongodb_config import pages
from mongodb_config.unit_of_work import Session

# ---- people's ---------------------------------------------------------------------------------------------------------------------


async def get(org_id: str, webhook_id: str, session: Session | None = None) -> Webhook | None:
    return await Webhook.find_one({"_id": webhook_id, "org_id": org_id}, session=session)


async def page(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[Webhook]:
    query: dict[str, Any] = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(Webhook, query, sort="_id", descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Webhook.find(query).count() if request.count else None)


async def of_org(org_id: str) -> list[Webhook]:
    """All of them, latest first."""
    return await Webhook.find({"org_id": org_id}).sort("-_id").to_list()


async def count(org_id: str, session: Session) -> int:
    return await Webhook.find({"org_id": org_id}, session=session).count()


async def insert(session: Session, row: Webhook) -> None:
    await row.insert(session=session)


async def change(session: Session, before: Webhook, changes: dict[str, Any]) -> Webhook | None:
    """What people set: compare-and-set on `version`. `changes` is as it goes into the database."""
    found: dict[str, Any] | None = await Webhook.get_pymongo_collection().find_one_and_update(
        {"_id": before.id, "org_id": before.org_id, "version": before.version},
        {"$set": changes, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return Webhook.model_validate(found) if found else None


async def delete(session: Session, org_id: str, webhook_id: str, version: int) -> bool:
    """With its deliveries. Compare-and-set on `version`."""
    done = await Webhook.get_pymongo_collection().delete_one({"_id": webhook_id, "org_id": org_id, "version": version}, session=session)
    if done.deleted_count:
        await WebhookDelivery.get_pymongo_collection().delete_many({"org_id": org_id, "webhook_id": webhook_id}, session=session)
    return done.deleted_count == 1


# ---- the worker's -----------------------------------------------------------------------------------------------------------------


async def active(now: datetime) -> list[Webhook]:
    """Of every organisation: those that may be sent something now. Only the worker asks."""
    rows = await Webhook.find({"status": WebhookStatus.ACTIVE.value}).sort("+_id").to_list()
    return [row for row in rows if row.retry_at is None or row.retry_at <= now]


async def count_failing_and_suspended() -> tuple[int, int]:
    """How many receivers of every organisation fail at the moment, and how many were given up: for the figures of the installation."""
    failing = await Webhook.find({"status": WebhookStatus.ACTIVE.value, "failing_since": {"$type": "date"}}).count()
    return failing, await Webhook.find({"status": WebhookStatus.SUSPENDED.value}).count()


async def note(session: Session, before: Webhook, changes: dict[str, Any]) -> bool:
    """What an attempt led to: compare-and-set on how far it had come, and on what people set."""
    done = await Webhook.get_pymongo_collection().update_one(
        {
            "_id": before.id,
            "org_id": before.org_id,
            "version": before.version,
            "status": WebhookStatus.ACTIVE.value,
            "done_seq": before.done_seq,
            "tries": before.tries,
        },
        {"$set": changes},
        session=session,
    )
    return done.modified_count == 1


# ---- deliveries -------------------------------------------------------------------------------------------------------------------


async def delivery(org_id: str, delivery_id: str, session: Session | None = None) -> WebhookDelivery | None:
    return await WebhookDelivery.find_one({"_id": delivery_id, "org_id": org_id}, session=session)


async def deliveries(org_id: str, webhook_id: str, where: dict[str, Any], request: PageRequest) -> Page[WebhookDelivery]:
    query: dict[str, Any] = {"$and": [{"org_id": org_id, "webhook_id": webhook_id}, where]}
    rows = await pages.fetch(WebhookDelivery, query, sort="_id", descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await WebhookDelivery.find(query).count() if request.count else None)


async def put_delivery(session: Session, row: WebhookDelivery, attempt: dict[str, Any], kept: int) -> None:
    """The first attempt makes the row, each later one is added to it; `kept` of them stay."""
    made: dict[str, Any] = {
        "webhook_id": row.webhook_id,
        "created_at": row.created_at,
        "event_id": row.event_id,
        "event_kind": row.event_kind,
        "seq": row.seq,
        "purpose": row.purpose.value,
        "requested_by": row.requested_by,
    }
    await WebhookDelivery.get_pymongo_collection().update_one(
        {"_id": row.id, "org_id": row.org_id},
        {
            "$setOnInsert": made,
            "$set": {"status": row.status.value, "expires_at": row.expires_at},
            "$inc": {"tries": 1},
            "$push": {"attempts": {"$each": [attempt], "$slice": -kept}},
        },
        upsert=True,
        session=session,
    )
