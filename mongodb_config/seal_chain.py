"""A hash chain of an organisation as a collection: one document a link, inserted and read and nothing else."""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from pymongo.errors import DuplicateKeyError

from mongodb_config.base_document import TenantDocument
from mongodb_config.unit_of_work import Session

__all__ = ["DuplicateKeyError", "SealDocument", "add_links", "after", "at", "head", "linked"]


class SealDocument(TenantDocument):
    """A link; `_id` is `<org>:<seq>`. (org_id, seq) is unique: of two who seal beside each other, one comes second and looks again."""

    seq: int
    prev: str
    hash: str


Seal = TypeVar("Seal", bound=SealDocument)
_SEEN: dict[tuple[str, str], int] = {}
"""By collection and organisation, a link that was there: where to begin to look for the last, and nothing else."""


async def head(document: type[SealDocument], org_id: str, session: Session | None = None) -> dict[str, Any] | None:
    """`seq`, `hash` and `created_at` of the last link. Looked for from the last one that this process has seen on, and from the first where that is
    not there (another database, an earlier snapshot): the embedded server reads all that a query may sort."""
    collection, wanted = document.get_pymongo_collection(), {"seq": 1, "hash": 1, "created_at": 1}
    place = (collection.full_name, org_id)
    row: dict[str, Any] | None = None
    if (seen := _SEEN.get(place)) is not None:
        row = await collection.find_one({"org_id": org_id, "seq": {"$gte": seen}}, wanted, sort=[("seq", -1)], session=session)
    if row is None:
        row = await collection.find_one({"org_id": org_id}, wanted, sort=[("seq", -1)], session=session)
    if row is not None:
        _SEEN[place] = row["seq"]
    return row


async def after(document: type[Seal], org_id: str, seq: int, limit: int, session: Session | None = None) -> list[Seal]:
    return await document.find({"org_id": org_id, "seq": {"$gt": seq}}, sort=[("seq", 1)], limit=limit, session=session).to_list()  # type: ignore[list-item]


async def at(document: type[Seal], org_id: str, seq: int, session: Session | None = None) -> Seal | None:
    return await document.find_one({"org_id": org_id, "seq": seq}, session=session)


async def linked(document: type[SealDocument], org_id: str, field: str, values: Collection[str], session: Session) -> set[str]:
    """Which of the values have a link."""
    query = {"org_id": org_id, field: {"$in": sorted(values)}}
    return {row[field] async for row in document.get_pymongo_collection().find(query, {field: 1}, session=session)}


async def add_links(document: type[Seal], seals: Sequence[Seal], session: Session) -> None:
    """DuplicateKeyError when another has sealed in between."""
    await document.insert_many(seals, session=session)
