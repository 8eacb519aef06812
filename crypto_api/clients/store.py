"""Every query of the slice."""

from collections.abc import Collection
from typing import Any

from pymongo import ReturnDocument

from crypto_api.clients.documents import Client
from crypto_api.kit.paging import Page, PageRequest
from mongodb_config import pages
from mongodb_config.unit_of_work import Session

Row = dict[str, Any]


async def get(org_id: str, client_id: str, session: Session | None = None) -> Client | None:
    """Also an archived one."""
    return await Client.find_one({"_id": client_id, "org_id": org_id}, session=session)


async def by_ids(org_id: str, client_ids: Collection[str]) -> dict[str, Client]:
    rows = await Client.find({"org_id": org_id, "_id": {"$in": sorted(client_ids)}}).to_list()
    return {row.id: row for row in rows}


async def ids_of_user(org_id: str, user_id: str) -> list[str]:
    """The clients whose invoices this person was let see."""
    rows = await Client.get_pymongo_collection().find({"org_id": org_id, "user_ids": user_id}, {"_id": 1}).to_list()
    return [row["_id"] for row in rows]


async def active(org_id: str) -> list[Client]:
    """By name: those for whom something new may be written."""
    return await Client.find({"org_id": org_id, "archived_at": None}).sort("+name_folded", "+_id").to_list()


async def named(org_id: str, name_folded: str, email: str, session: Session | None = None) -> Client | None:
    """The oldest active client of that name and address for mail."""
    where = {"org_id": org_id, "name_folded": name_folded, "email": email, "archived_at": None}
    return await Client.find(where, session=session).sort("+_id").first_or_none()


async def count(org_id: str, where: Row) -> int:
    return await Client.find({"$and": [{"org_id": org_id}, where]}).count()


async def page(org_id: str, where: Row, request: PageRequest) -> Page[Client]:
    """`where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    query: Row = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(Client, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Client.find(query).count() if request.count else None)


async def insert(session: Session, row: Client) -> None:
    await row.insert(session=session)


async def change(session: Session, before: Client, changes: Row) -> Client | None:
    """Compare-and-set on the version: None when it is another by now."""
    row: Row | None = await Client.get_pymongo_collection().find_one_and_update(
        {"_id": before.id, "org_id": before.org_id, "version": before.version},
        {"$set": changes, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return Client.model_validate(row) if row else None


async def forget_user(session: Session, org_id: str, user_id: str) -> None:
    """They are no member any more: should they come back, they are nobody's client."""
    await Client.get_pymongo_collection().update_many(
        {"org_id": org_id, "user_ids": user_id}, {"$pull": {"user_ids": user_id}, "$inc": {"version": 1}}, session=session
    )


async def note_written(session: Session, org_id: str, client_id: str) -> bool:
    """That one more document names it; False when it is gone or archived."""
    done = await Client.get_pymongo_collection().update_one(
        {"_id": client_id, "org_id": org_id, "archived_at": None}, {"$inc": {"written": 1}}, session=session
    )
    return done.modified_count == 1


async def delete(session: Session, before: Client) -> bool:
    """Compare-and-set on the version, and on nothing having been written for it."""
    done = await Client.get_pymongo_collection().delete_one(
        {"_id": before.id, "org_id": before.org_id, "version": before.version, "written": 0}, session=session
    )
    return done.deleted_count == 1
