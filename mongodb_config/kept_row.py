"""The one row that an organisation keeps of a kind, such as a policy. Until it changes it there is none, and a default stands at version 0."""

from datetime import datetime
from typing import Any, TypeVar

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from mongodb_config.base_document import TenantDocument
from mongodb_config.unit_of_work import Session

UNSTORED = 0


class KeptRow(TenantDocument):
    """`_id` is the organisation's."""

    updated_at: datetime
    version: int = 1


Row = TypeVar("Row", bound=KeptRow)


async def get(document: type[Row], org_id: str, session: Session | None = None) -> Row | None:
    return await document.find_one({"_id": org_id, "org_id": org_id}, session=session)


async def change(session: Session, org_id: str, before: Row, changes: dict[str, Any]) -> Row | None:
    """Compare-and-set on the version of `before`, which may be the default: of two at the same moment one comes too late, and gets nothing."""
    kind = type(before)
    if before.version == UNSTORED:
        try:
            await before.insert(session=session)
        except DuplicateKeyError:
            return None
    row: dict[str, Any] | None = await kind.get_pymongo_collection().find_one_and_update(
        {"_id": before.id, "org_id": org_id, "version": before.version},
        {"$set": changes, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return kind.model_validate(row) if row else None
