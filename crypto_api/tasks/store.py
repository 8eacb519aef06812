"""Every query of the slice."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from beanie import SortDirection
from pymongo import ReturnDocument

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.tasks.documents import Task
from crypto_api.tasks.types import RESUMED, TaskStatus
from mongodb_config import pages
from mongodb_config.unit_of_work import Session


async def get(org_id: str, task_id: str, session: Session | None = None) -> Task | None:
    return await Task.find_one({"_id": task_id, "org_id": org_id}, session=session)


async def by_ids(org_id: str, task_ids: Sequence[str]) -> list[Task]:
    return await Task.find({"_id": {"$in": sorted(task_ids)}, "org_id": org_id}).to_list() if task_ids else []


async def page(org_id: str, request: PageRequest, *, status: TaskStatus | None = None, kind: str | None = None) -> Page[Task]:
    """Newest first."""
    where: dict[str, Any] = {"org_id": org_id}
    if status is not None:
        where["status"] = status
    if kind is not None:
        where["kind"] = kind
    rows = await pages.fetch(Task, where, sort="_id", descending=True, after=request.position(), limit=request.limit + 1)
    kept = rows[: request.limit]
    cursor = request.cursor_after(kept[-1].id, kept[-1].id) if len(rows) > len(kept) else None
    total = await Task.find(where).count() if request.count else None
    return Page(kept, cursor, total)


async def latest(org_id: str, limit: int) -> list[Task]:
    """Newest first."""
    return await Task.find({"org_id": org_id}, sort=[("_id", SortDirection.DESCENDING)], limit=limit).to_list()


async def count_by_status(org_id: str) -> dict[TaskStatus, int]:
    rows = Task.get_pymongo_collection().aggregate([{"$match": {"org_id": org_id}}, {"$group": {"_id": "$status", "count": {"$sum": 1}}}])
    return {TaskStatus(row["_id"]): int(row["count"]) async for row in await rows}


async def running_since_before(moment: datetime, limit: int) -> list[Task]:
    """Those of every organisation that run for longer than any job may, without what goes on by itself: only the sweep asks."""
    query = {"status": TaskStatus.RUNNING, "started_at": {"$lt": moment}, "kind": {"$nin": sorted(RESUMED)}}
    return await Task.find(query, limit=limit).to_list()


async def due_of_kind(kind: str, limit: int) -> list[Task]:
    """Those of every organisation that wait or run, in the order in which they were asked for: only who works them off asks."""
    found: list[Task] = []
    for status in (TaskStatus.RUNNING, TaskStatus.QUEUED):
        found += await Task.find({"status": status, "kind": kind}, sort=[("_id", SortDirection.ASCENDING)], limit=limit).to_list()
    return found[:limit]


async def failed_since_by_kind(moment: datetime) -> dict[str, int]:
    """How many failed in every organisation, and nothing else of them: for the operator of the installation."""
    stages: list[dict[str, Any]] = [
        {"$match": {"status": TaskStatus.FAILED, "finished_at": {"$gte": moment}}},
        {"$group": {"_id": "$kind", "count": {"$sum": 1}}},
    ]
    return {row["_id"]: int(row["count"]) async for row in await Task.get_pymongo_collection().aggregate(stages)}


async def insert(session: Session, task: Task) -> None:
    await task.insert(session=session)


async def change(session: Session, org_id: str, task_id: str, expected: TaskStatus, changes: dict[str, Any]) -> Task | None:
    """Compare-and-set: None when the task is not (any more) in the `expected` state."""
    row = await Task.get_pymongo_collection().find_one_and_update(
        {"_id": task_id, "org_id": org_id, "status": expected}, {"$set": changes}, return_document=ReturnDocument.AFTER, session=session
    )
    return Task.model_validate(row) if row else None
