"""Every query of the slice."""

from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from crypto_api.policies.documents import OrganizationPolicy
from mongodb_config.unit_of_work import Session

Row = dict[str, Any]


async def get(org_id: str, session: Session | None = None) -> OrganizationPolicy | None:
    return await OrganizationPolicy.find_one({"_id": org_id, "org_id": org_id}, session=session)


async def insert(session: Session, row: OrganizationPolicy) -> bool:
    """False when another was first."""
    try:
        await row.insert(session=session)
    except DuplicateKeyError:
        return False
    return True


async def change(session: Session, org_id: str, version: int, changes: Row) -> OrganizationPolicy | None:
    """Compare-and-set on `version`."""
    row: Row | None = await OrganizationPolicy.get_pymongo_collection().find_one_and_update(
        {"_id": org_id, "org_id": org_id, "version": version},
        {"$set": changes, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return OrganizationPolicy.model_validate(row) if row else None
