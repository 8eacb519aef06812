"""A hash chain of an organisation as a collection: one document a link, inserted and read and nothing else."""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from pymongo.errors import DuplicateKeyError

from mongodb_config.base_document import TenantDocument
from mongodb_config.unit_of_work import Session

__all__ = ["DuplicateKeyError", "SealDocument", "add_links", "after", "at", "head", "of_hashes", "owners"]


class SealDocument(TenantDocument):
    """A link; `_id` is `<org>:<seq>`. (org_id, seq) is unique: of two who seal beside each other, one comes second and looks again."""

    seq: int
    prev: str
    hash: str


Seal = TypeVar("Seal", bound=SealDocument)
_SEEN: dict[tuple[str, str], int] = {}
"""By collection and organisation, a link that was there: where to begin to look for the last, and nothing else."""


_POWERS, _PARTS, _NEAR = 40, 16, 32


async def head(document: type[SealDocument], org_id: str, session: Session | None = None) -> dict[str, Any] | None:
    """`seq`, `hash` and `created_at` of the last link. Looked for from the last one that this process has seen on; where that is not there (another
    process, another database, an earlier snapshot), from one that a few looks find: the embedded server reads all that a query may sort."""
    collection, wanted = document.get_pymongo_collection(), {"seq": 1, "hash": 1, "created_at": 1}
    place = (collection.full_name, org_id)
    row: dict[str, Any] | None = None
    for near in (_SEEN.get(place), None):
        if row is None:
            near = near if near is not None else await _near_the_end(document, org_id, session)
            row = await collection.find_one({"org_id": org_id, "seq": {"$gte": near}}, wanted, sort=[("seq", -1)], session=session)
    if row is not None:
        _SEEN[place] = row["seq"]
    return row


async def _near_the_end(document: type[SealDocument], org_id: str, session: Session | None) -> int:
    """A link that is there, of the last few of a chain without a gap: by looks at single ids. 0: there is none."""
    near = max(await _there(document, org_id, [2**power for power in range(_POWERS)], session), default=0)
    width = near
    while width > _NEAR:
        width = -(-width // _PARTS)
        near = max(await _there(document, org_id, [near + width * part for part in range(1, _PARTS)], session), default=near)
    return near


async def _there(document: type[SealDocument], org_id: str, numbers: Collection[int], session: Session | None) -> list[int]:
    """Those of the numbers that have a link."""
    query = {"_id": {"$in": [f"{org_id}:{number}" for number in numbers]}, "org_id": org_id}
    return [row["seq"] async for row in document.get_pymongo_collection().find(query, {"seq": 1}, session=session)]


async def after(document: type[Seal], org_id: str, seq: int, limit: int, session: Session | None = None) -> list[Seal]:
    return await document.find({"org_id": org_id, "seq": {"$gt": seq}}, sort=[("seq", 1)], limit=limit, session=session).to_list()  # type: ignore[list-item]


async def at(document: type[Seal], org_id: str, seq: int, session: Session | None = None) -> Seal | None:
    return await document.find_one({"org_id": org_id, "seq": seq}, session=session)


async def of_hashes(document: type[SealDocument], org_id: str, hashes: Collection[str]) -> list[dict[str, Any]]:
    """`seq` and `hash` of the links that have one of the hashes."""
    query = {"hash": {"$in": sorted(hashes)}, "org_id": org_id}
    return await document.get_pymongo_collection().find(query, {"seq": 1, "hash": 1}).to_list()


async def owners(document: type[SealDocument], org_id: str, field: str, numbers: Collection[int]) -> dict[int, str]:
    """Of those of the numbers that have a link, what it seals."""
    query = {"_id": {"$in": [f"{org_id}:{number}" for number in sorted(numbers)]}, "org_id": org_id}
    return {row["seq"]: row[field] async for row in document.get_pymongo_collection().find(query, {"seq": 1, field: 1})}


async def add_links(document: type[Seal], seals: Sequence[Seal], session: Session) -> None:
    """DuplicateKeyError when another has sealed in between."""
    await document.insert_many(seals, session=session)
