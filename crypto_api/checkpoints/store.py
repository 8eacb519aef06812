"""Every query of the slice."""

from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128

from crypto_api.checkpoints.documents import Checkpoint
from crypto_api.checkpoints.types import HISTORY_KEPT, Point
from crypto_api.kit.paging import Page, PageRequest
from mongodb_config import pages
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session


def checkpoint_id(org_id: str, wallet_id: str, asset: str) -> str:
    return f"{org_id}|{wallet_id}|{asset}"


async def get(org_id: str, row_id: str, session: Session | None = None) -> Checkpoint | None:
    return await Checkpoint.find_one({"_id": row_id, "org_id": org_id}, session=session)


async def of_wallet(org_id: str, wallet_id: str) -> list[Checkpoint]:
    """By asset."""
    return await Checkpoint.find({"org_id": org_id, "wallet_id": wallet_id}).sort("+asset").to_list()


async def of_org(org_id: str) -> list[Checkpoint]:
    """The latest comparison of every wallet and asset."""
    return await Checkpoint.find({"org_id": org_id}).sort("+asset").to_list()


async def page_of_wallet(org_id: str, wallet_id: str, request: PageRequest) -> Page[Checkpoint]:
    query: dict[str, Any] = {"org_id": org_id, "wallet_id": wallet_id}
    rows = await pages.fetch(Checkpoint, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Checkpoint.find(query).count() if request.count else None)


async def differing(org_id: str, session: Session | None = None) -> list[Checkpoint]:
    """Where the books do not hold what the chain does."""
    return await Checkpoint.find({"org_id": org_id, "difference": {"$ne": Decimal128(Decimal(0))}}, session=session).to_list()


async def put(session: Session, row: Checkpoint, changed: Point | None) -> None:
    """The latest comparison takes the place of the one before; `changed` is what it says that the one before did not."""
    fields = encoded(row)
    row_id, created_at = fields.pop("_id"), fields.pop("created_at")
    for kept in ("org_id", "history"):  # the first comes from the filter when it is inserted
        fields.pop(kept)
    change: dict[str, Any] = {"$set": fields, "$setOnInsert": {"created_at": created_at}}
    if changed is not None:
        change["$push"] = {"history": {"$each": [encoded(changed)], "$slice": -HISTORY_KEPT}}
    await Checkpoint.get_pymongo_collection().update_one({"_id": row_id, "org_id": row.org_id}, change, upsert=True, session=session)
