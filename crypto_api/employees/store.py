"""Every query of the slice."""

from collections.abc import Collection
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from crypto_api.employees.documents import Employee
from crypto_api.employees.errors import EmployeeExists
from crypto_api.employees.types import EmployeeStatus
from crypto_api.kit.paging import Page, PageRequest
from crypto_api.organizations.documents import Organization
from mongodb_config import pages
from mongodb_config.client import Database
from mongodb_config.parts import in_parts
from mongodb_config.unit_of_work import Session

Row = dict[str, Any]


async def get(org_id: str, employee_id: str, session: Session | None = None) -> Employee | None:
    """Also a removed one: their history is kept."""
    return await Employee.find_one({"_id": employee_id, "org_id": org_id}, session=session)


async def of_user(org_id: str, user_id: str, session: Session | None = None) -> Employee | None:
    """The present employee who this member is."""
    return await Employee.find_one({"org_id": org_id, "user_id": user_id, "present": True}, session=session)


async def by_email(org_id: str, email: str) -> list[Employee]:
    """Everybody who ever had this address here, removed ones too."""
    return await Employee.find({"org_id": org_id, "email": email}).sort("+_id").to_list()


async def by_ids(org_id: str, employee_ids: Collection[str]) -> list[Employee]:
    found: list[Employee] = []
    for part in in_parts(employee_ids):
        found += await Employee.find({"_id": {"$in": part}, "org_id": org_id}).to_list()
    return found


async def count(org_id: str) -> int:
    """Those present."""
    return await Employee.find({"org_id": org_id, "present": True}).count()


async def managers(org_id: str, session: Session | None = None) -> dict[str, str | None]:
    """Every present employee's id with that of their manager."""
    rows = Employee.get_pymongo_collection().find({"org_id": org_id, "present": True}, {"manager_id": 1}, session=session)
    return {row["_id"]: row["manager_id"] async for row in rows}


async def page(org_id: str, where: Row, request: PageRequest) -> Page[Employee]:
    """`where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    query: dict[str, Any] = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(Employee, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Employee.find(query).count() if request.count else None)


async def pending(org_id: str, team: Collection[str] | None, limit: int, but: str | None = None) -> list[Employee]:
    """Who waits for verification, longest first; of these people only, where `team` is given; never the one named by `but`."""
    return await Employee.find(_pending(org_id, team, but), limit=limit).sort("+_id").to_list()


async def count_pending(org_id: str, team: Collection[str] | None, but: str | None = None) -> int:
    return await Employee.find(_pending(org_id, team, but)).count()


def _pending(org_id: str, team: Collection[str] | None, but: str | None) -> Row:
    among: Row = {"$ne": but} if team is None else {"$in": [employee_id for employee_id in team if employee_id != but]}
    return {"org_id": org_id, "status": EmployeeStatus.PENDING, "_id": among}


async def insert(session: Session, employee: Employee) -> None:
    """EmployeeExists when somebody present has this address: the unique index decides."""
    try:
        await employee.insert(session=session)
    except DuplicateKeyError as error:
        raise EmployeeExists from error


async def change(session: Session, org_id: str, employee_id: str, expected: Row, changes: Row) -> Employee | None:
    """The employee after the change; None when there is none present for whom `expected` holds. EmployeeExists as in `insert`."""
    query = {"_id": employee_id, "org_id": org_id, "present": True, **expected}
    try:
        row: Row | None = await Employee.get_pymongo_collection().find_one_and_update(
            query, {"$set": changes, "$inc": {"version": 1}}, return_document=ReturnDocument.AFTER, session=session
        )
    except DuplicateKeyError as error:
        raise EmployeeExists from error
    return Employee.model_validate(row) if row else None


async def reports_of(org_id: str, manager_id: str, session: Session | None = None) -> list[Employee]:
    """The direct ones, present."""
    return await Employee.find({"org_id": org_id, "manager_id": manager_id, "present": True}, session=session).sort("+_id").to_list()


async def touch_teams(session: Session, org_id: str) -> None:
    """Whoever else changes the organisation's hierarchy at the same moment conflicts with this unit of work."""
    await Organization.get_pymongo_collection().update_one({"_id": org_id}, {"$inc": {"teams_changed": 1}}, session=session)


async def fold_first_names(database: Database, after: str | None, limit: int) -> str | None:
    """For the deploy step, of employees from before they were found by it; the last id that was looked at, None when all were."""
    rows = database[Employee.Settings.name]
    where: dict[str, Any] = {} if after is None else {"_id": {"$gt": after}}
    last = None
    async for row in rows.find(where, {"first_name": 1, "first_folded": 1, "org_id": 1}).sort("_id", 1).limit(limit):
        last = row["_id"]
        folded = row["first_name"].strip().casefold()
        if row.get("first_folded") != folded:  # also where a process of the release before gave somebody another name since
            kept = {"_id": last, "org_id": row["org_id"], "first_name": row["first_name"]}
            await rows.update_one(kept, {"$set": {"first_folded": folded}})
    return last
