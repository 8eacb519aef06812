"""Every query of the slice."""

from collections.abc import Collection
from typing import Any

from pymongo import ReturnDocument

from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.types import ATTEMPTS_KEPT, OPEN_STATES, Attempt, ItemKind, ItemState
from crypto_api.kit.paging import Page, PageRequest
from mongodb_config import pages
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session


async def get(org_id: str, item_id: str, session: Session | None = None) -> InboxItem | None:
    return await InboxItem.find_one({"_id": item_id, "org_id": org_id}, session=session)


async def page(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[InboxItem]:
    """`where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    query: dict[str, Any] = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(InboxItem, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await InboxItem.find(query).count() if request.count else None)


async def counts(org_id: str, where: dict[str, Any] | None = None) -> dict[ItemState, int]:
    """How many stand in each state; every state has a number."""
    stages: list[dict[str, Any]] = [{"$match": {"$and": [{"org_id": org_id}, where or {}]}}, {"$group": {"_id": "$state", "count": {"$sum": 1}}}]
    found = {ItemState(row["_id"]): int(row["count"]) async for row in await InboxItem.get_pymongo_collection().aggregate(stages)}
    return {state: found.get(state, 0) for state in ItemState}


async def count_open_by_kind() -> dict[ItemKind, int]:
    """How many stand in the inboxes of all, and nothing else of them: for the figures of the installation."""
    stages: list[dict[str, Any]] = [
        {"$match": {"live": True, "state": {"$in": sorted(OPEN_STATES)}}},
        {"$group": {"_id": "$kind", "count": {"$sum": 1}}},
    ]
    return {ItemKind(row["_id"]): int(row["count"]) async for row in await InboxItem.get_pymongo_collection().aggregate(stages)}


async def live(org_id: str, kinds: Collection[ItemKind]) -> dict[str, InboxItem]:
    """By key: what stands there, waived items among them."""
    rows = await InboxItem.find({"org_id": org_id, "live": True, "kind": {"$in": sorted(kinds)}}).to_list()
    return {row.key: row for row in rows}


async def live_with_key(org_id: str, key: str, session: Session) -> InboxItem | None:
    return await InboxItem.find_one({"org_id": org_id, "key": key, "live": True}, session=session)


async def insert(session: Session, item: InboxItem) -> None:
    await item.insert(session=session)


async def change(
    session: Session, org_id: str, item_id: str, version: int, changes: dict[str, Any], attempt: Attempt | None = None
) -> InboxItem | None:
    """Compare-and-set on `version`: None when it changed meanwhile."""
    update: dict[str, Any] = {"$set": changes, "$inc": {"version": 1}}
    if attempt is not None:
        update["$push"] = {"attempts": {"$each": [encoded(attempt)], "$slice": -ATTEMPTS_KEPT}}
    row: dict[str, Any] | None = await InboxItem.get_pymongo_collection().find_one_and_update(
        {"_id": item_id, "org_id": org_id, "version": version}, update, return_document=ReturnDocument.AFTER, session=session
    )
    return InboxItem.model_validate(row) if row else None
