"""Every query of the slice."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from beanie import SortDirection
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from crypto_api.contracts.documents import Contract, ContractText, ContractVerification
from crypto_api.contracts.errors import ContractExists
from crypto_api.contracts.types import VerificationState
from crypto_api.kit.paging import Page, PageRequest
from mongodb_config import pages
from mongodb_config.parts import in_parts
from mongodb_config.unit_of_work import Session

UNFINISHED = (VerificationState.PENDING, VerificationState.RUNNING)


async def by_address(org_id: str, address: str, network: str | None = None) -> list[Contract]:
    """On that network, or on each where it is registered."""
    where: dict[str, Any] = {"org_id": org_id, "address": address}
    if network is not None:
        where["network"] = network
    return await Contract.find(where).sort("+network").to_list()


async def at_any(org_id: str, addresses: Collection[str]) -> list[Contract]:
    """Those at any of these addresses (EIP-55), on each network."""
    found: list[Contract] = []
    for part in in_parts(sorted(addresses)):
        found += await Contract.find({"org_id": org_id, "address": {"$in": part}}).to_list()
    return found


async def get(org_id: str, contract_id: str, session: Session | None = None) -> Contract | None:
    return await Contract.find_one({"_id": contract_id, "org_id": org_id}, session=session)


async def page(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[Contract]:
    query: dict[str, Any] = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(Contract, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Contract.find(query).count() if request.count else None)


async def insert(session: Session, contract: Contract, text: ContractText) -> None:
    """ContractExists when the organisation has the address on that network: decided by the unique index."""
    try:
        await contract.insert(session=session)
    except DuplicateKeyError as error:
        raise ContractExists from error
    await text.insert(session=session)


async def change(session: Session, org_id: str, contract_id: str, versions: Collection[int] | None, changes: dict[str, Any]) -> Contract | None:
    """The changed contract; None when it is not there, or stands at none of `versions`."""
    query: dict[str, Any] = {"_id": contract_id, "org_id": org_id}
    if versions is not None:
        query["version"] = {"$in": list(versions)}
    row: dict[str, Any] | None = await Contract.get_pymongo_collection().find_one_and_update(
        query, {"$set": changes, "$inc": {"version": 1}}, return_document=ReturnDocument.AFTER, session=session
    )
    return Contract.model_validate(row) if row else None


async def texts(org_id: str, contract_ids: Sequence[str]) -> dict[str, ContractText]:
    rows = await ContractText.find({"_id": {"$in": list(contract_ids)}, "org_id": org_id}).to_list()
    return {row.id: row for row in rows}


async def set_text(session: Session, org_id: str, contract_id: str, changes: dict[str, str]) -> None:
    await ContractText.get_pymongo_collection().update_one({"_id": contract_id, "org_id": org_id}, {"$set": changes}, session=session)


# ---- verifications ---------------------------------------------------------------------------------------------------------------


async def verification(org_id: str, verification_id: str) -> ContractVerification | None:
    return await ContractVerification.find_one({"_id": verification_id, "org_id": org_id})


async def latest_verification(org_id: str, contract_id: str) -> ContractVerification | None:
    return await ContractVerification.find_one({"org_id": org_id, "contract_id": contract_id}, sort=[("_id", SortDirection.DESCENDING)])


async def unfinished_count(session: Session, org_id: str) -> int:
    return await ContractVerification.find({"org_id": org_id, "state": {"$in": list(UNFINISHED)}}, session=session).count()


async def unfinished_before(moment: datetime, limit: int) -> list[ContractVerification]:
    """Of every organisation, those asked for before `moment`: only the sweep asks."""
    query = {"state": {"$in": list(UNFINISHED)}, "created_at": {"$lt": moment}}
    return await ContractVerification.find(query, limit=limit).to_list()


async def insert_verification(session: Session, row: ContractVerification) -> None:
    await row.insert(session=session)


async def advance_verification(session: Session, org_id: str, verification_id: str, expected: VerificationState, changes: dict[str, Any]) -> bool:
    """Compare-and-set: False when it is not (any more) in the `expected` state."""
    done = await ContractVerification.get_pymongo_collection().update_one(
        {"_id": verification_id, "org_id": org_id, "state": expected}, {"$set": changes}, session=session
    )
    return done.modified_count == 1
