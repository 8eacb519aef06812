"""Every query of the slice."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from beanie import SortDirection
from pymongo import ReturnDocument

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.tasks.documents import CacheClearing, DeadLetter, InstallationSchedule, OrganizationSchedule, Task
from crypto_api.tasks.types import INSTALLATION, RESUMED, TaskLine, TaskStatus
from mongodb_config import pages
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

LINES_KEPT = 100


async def get(org_id: str, task_id: str, session: Session | None = None) -> Task | None:
    return await Task.find_one({"_id": task_id, "org_id": org_id}, session=session)


async def by_ids(org_id: str, task_ids: Sequence[str]) -> list[Task]:
    return await Task.find({"_id": {"$in": sorted(task_ids)}, "org_id": org_id}).to_list() if task_ids else []


async def page(org_id: str, request: PageRequest, *, status: TaskStatus | None = None, kind: str | None = None, q: str | None = None) -> Page[Task]:
    """Newest first. `q`: a part of what it says of itself."""
    where: dict[str, Any] = {"org_id": org_id}
    if status is not None:
        where["status"] = status
    if kind is not None:
        where["kind"] = kind
    if q is not None:
        where["$or"] = [{"summary": pages.contains(q)}, {"error": pages.contains(q)}]
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


async def kinds(org_id: str) -> list[str]:
    """Which there are."""
    return sorted(await Task.get_pymongo_collection().distinct("kind", {"org_id": org_id}))


async def by_job(session: Session, org_id: str, job_id: str) -> Task | None:
    return await Task.find_one({"org_id": org_id, "job.id": {"$eq": job_id, "$type": "string"}}, session=session)


async def asked_runs(org_id: str, schedule: str, session: Session) -> int:
    """Runs of a schedule that somebody asked for and that have not ended."""
    live = {"$in": [TaskStatus.QUEUED.value, TaskStatus.RUNNING.value]}
    return await Task.find({"org_id": org_id, "schedule": schedule, "status": live}, session=session).count()


async def heard(org_id: str, task_id: str, now: datetime) -> Task | None:
    """Its worker is at it. None when it has ended."""
    row = await Task.get_pymongo_collection().find_one_and_update(
        {"_id": task_id, "org_id": org_id, "status": TaskStatus.RUNNING}, {"$set": {"heard_at": now}}, return_document=ReturnDocument.AFTER
    )
    return Task.model_validate(row) if row else None


async def queued(limit: int) -> list[Task]:
    """Those of every organisation that wait for a worker, longest first: only workers ask."""
    return await Task.find({"status": TaskStatus.QUEUED}, limit=limit).sort("+_id").to_list()


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


async def count_failed_since(org_id: str, moment: datetime) -> int:
    return await Task.find({"org_id": org_id, "status": TaskStatus.FAILED, "finished_at": {"$gte": moment}}).count()


async def failed_since_by_kind(moment: datetime) -> dict[str, int]:
    """How many failed in every organisation, and nothing else of them: for the operator of the installation."""
    stages: list[dict[str, Any]] = [
        {"$match": {"status": TaskStatus.FAILED, "finished_at": {"$gte": moment}}},
        {"$group": {"_id": "$kind", "count": {"$sum": 1}}},
    ]
    return {row["_id"]: int(row["count"]) async for row in await Task.get_pymongo_collection().aggregate(stages)}


async def insert(session: Session, task: Task) -> None:
    await task.insert(session=session)


async def change(
    session: Session, org_id: str, task_id: str, expected: TaskStatus, changes: dict[str, Any], *, line: TaskLine | None = None
) -> Task | None:
    """Compare-and-set: None when the task is not (any more) in the `expected` state. `line` goes into its log."""
    update: dict[str, Any] = {"$set": changes}
    if line is not None and line.text:
        update["$push"] = {"log": {"$each": [encoded(line)], "$slice": -LINES_KEPT}}
    row = await Task.get_pymongo_collection().find_one_and_update(
        {"_id": task_id, "org_id": org_id, "status": expected}, update, return_document=ReturnDocument.AFTER, session=session
    )
    return Task.model_validate(row) if row else None


# ---- dead letters ----------------------------------------------------------------------------------------------------------------


async def dead_letter(org_id: str, letter_id: str, session: Session | None = None) -> DeadLetter | None:
    return await DeadLetter.find_one({"_id": letter_id, "org_id": org_id}, session=session)


async def dead_letters(org_id: str, request: PageRequest, *, open_only: bool | None = None) -> Page[DeadLetter]:
    where: dict[str, Any] = {"org_id": org_id}
    if open_only is not None:
        where["open"] = open_only
    rows = await pages.fetch(DeadLetter, where, sort="_id", descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await DeadLetter.find(where).count() if request.count else None)


async def open_dead_letters(org_id: str) -> int:
    return await DeadLetter.find({"org_id": org_id, "open": True}).count()


async def count_open_dead_letters() -> int:
    """Of the installation and of every organisation, and nothing else of them: for the figures of the installation."""
    return await DeadLetter.find({"open": True}).count()


async def dead_letter_of(session: Session, org_id: str, job_id: str) -> DeadLetter | None:
    return await DeadLetter.find_one({"org_id": org_id, "job.id": job_id}, session=session)


async def insert_dead_letter(session: Session, row: DeadLetter) -> None:
    await row.insert(session=session)


async def change_dead_letter(session: Session, before: DeadLetter, changes: dict[str, Any]) -> DeadLetter | None:
    """Compare-and-set on `version`: None when somebody was first."""
    row = await DeadLetter.get_pymongo_collection().find_one_and_update(
        {"_id": before.id, "org_id": before.org_id, "version": before.version},
        {"$set": changes, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return DeadLetter.model_validate(row) if row else None


# ---- schedules -------------------------------------------------------------------------------------------------------------------


async def organization_schedules(org_id: str) -> dict[str, OrganizationSchedule]:
    """By name: those that were ever stopped, or run for this organisation alone."""
    return {row.name: row for row in await OrganizationSchedule.find({"org_id": org_id}).to_list()}


async def installation_schedules() -> dict[str, InstallationSchedule]:
    """By name: those that have run."""
    return {row.id: row for row in await InstallationSchedule.find({}).to_list()}


async def stopped_schedules() -> list[tuple[str, str]]:
    """(organisation, schedule) of whoever stopped one: workers pass them over."""
    rows = OrganizationSchedule.get_pymongo_collection().find({"stopped_at": {"$type": "date"}}, {"org_id": 1, "name": 1})
    return [(row["org_id"], row["name"]) async for row in rows]


async def set_organization_schedule(session: Session | None, org_id: str, name: str, now: datetime, changes: dict[str, Any]) -> None:
    await OrganizationSchedule.get_pymongo_collection().update_one(
        {"_id": f"{org_id}:{name}", "org_id": org_id},
        {"$set": changes, "$setOnInsert": _defaults(OrganizationSchedule, changes) | {"name": name, "created_at": now}},
        upsert=True,
        session=session,
    )


async def set_installation_schedule(session: Session | None, name: str, now: datetime, changes: dict[str, Any]) -> None:
    await InstallationSchedule.get_pymongo_collection().update_one(
        {"_id": name}, {"$set": changes, "$setOnInsert": _defaults(InstallationSchedule, changes) | {"created_at": now}}, upsert=True, session=session
    )


def _defaults(kind: type[OrganizationSchedule] | type[InstallationSchedule], changes: dict[str, Any]) -> dict[str, Any]:
    return {
        name: info.default for name, info in kind.model_fields.items() if not info.is_required() and name not in changes and name != "revision_id"
    }


# ---- caches ----------------------------------------------------------------------------------------------------------------------


async def clearings() -> int:
    """How often caches were to be cleared so far."""
    row = await CacheClearing.find_one({"_id": INSTALLATION})
    return row.number if row else 0


async def add_clearing(session: Session, now: datetime) -> None:
    await CacheClearing.get_pymongo_collection().update_one(
        {"_id": INSTALLATION}, {"$inc": {"number": 1}, "$setOnInsert": {"created_at": now}}, upsert=True, session=session
    )
