"""Every query of the slice."""

from collections.abc import Collection
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from crypto_api.address_book.documents import Payee
from crypto_api.address_book.errors import PayeeExists
from crypto_api.address_book.types import PRESENT, PayeeState
from crypto_api.kit.paging import Page, PageRequest
from mongodb_config import pages
from mongodb_config.parts import in_parts
from mongodb_config.unit_of_work import Session

Row = dict[str, Any]


async def get(org_id: str, payee_id: str, session: Session | None = None) -> Payee | None:
    """Also a removed one: its history is kept."""
    return await Payee.find_one({"_id": payee_id, "org_id": org_id}, session=session)


async def at(org_id: str, address: str, session: Session | None = None) -> list[Payee]:
    """The present entries of an address (EIP-55): one for each network, and one for all."""
    return await at_any(org_id, [address], session)


async def at_any(org_id: str, addresses: Collection[str], session: Session | None = None) -> list[Payee]:
    """The same of several addresses."""
    found: list[Payee] = []
    for part in in_parts(sorted(addresses)):
        where = {"org_id": org_id, "address": {"$in": part}, "state": {"$in": sorted(PRESENT)}}
        found += await Payee.find(where, session=session).to_list()
    return sorted(found, key=lambda row: row.id)


async def by_ids(org_id: str, payee_ids: Collection[str]) -> dict[str, Payee]:
    """By id, removed ones too."""
    found: dict[str, Payee] = {}
    for part in in_parts(sorted(payee_ids)):
        found |= {row.id: row for row in await Payee.find({"_id": {"$in": part}, "org_id": org_id}).to_list()}
    return found


async def names(org_id: str, but: str | None = None) -> list[tuple[str, str]]:
    """(address, name) of the present entries in the order of their names: two fields of each, since they are many."""
    where = {"org_id": org_id, "state": {"$in": sorted(PRESENT)}}
    rows = Payee.get_pymongo_collection().find(where, {"address": 1, "name": 1}).sort([("name_folded", 1), ("_id", 1)])
    return [(row["address"], row["name"]) async for row in rows if row["_id"] != but]


async def present(org_id: str) -> list[Payee]:
    return await Payee.find({"org_id": org_id, "state": {"$in": sorted(PRESENT)}}).sort("+name_folded", "+_id").to_list()


async def verified(org_id: str, network: str) -> list[Payee]:
    """Those whom a payment on that network may name, by name; some of them still cool off."""
    where = {"org_id": org_id, "state": PayeeState.VERIFIED, "network": {"$in": [None, network]}}
    return await Payee.find(where).sort("+name_folded", "+_id").to_list()


async def count(org_id: str, where: Row) -> int:
    return await Payee.find({"$and": [{"org_id": org_id}, where]}).count()


async def page(org_id: str, where: Row, request: PageRequest) -> Page[Payee]:
    """`where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    query: Row = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(Payee, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Payee.find(query).count() if request.count else None)


async def insert(session: Session, row: Payee) -> None:
    """PayeeExists when the address is there for this network already: the unique index decides."""
    try:
        await row.insert(session=session)
    except DuplicateKeyError as error:
        raise PayeeExists from error


async def change(session: Session, org_id: str, payee_id: str, version: int, changes: Row, among: Collection[PayeeState]) -> Payee | None:
    """Compare-and-set on version and state: None when it is another by now. PayeeExists as in `insert`."""
    query = {"_id": payee_id, "org_id": org_id, "version": version, "state": {"$in": sorted(among)}}
    try:
        row: Row | None = await Payee.get_pymongo_collection().find_one_and_update(
            query, {"$set": changes, "$inc": {"version": 1}}, return_document=ReturnDocument.AFTER, session=session
        )
    except DuplicateKeyError as error:
        raise PayeeExists from error
    return Payee.model_validate(row) if row else None
