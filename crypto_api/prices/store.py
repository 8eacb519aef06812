"""Every query of the slice."""

from datetime import datetime

from beanie import SortDirection

from crypto_api.prices.documents import ManualPrice, OraclePrice
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session


async def manual_at(org_id: str, asset: str, quote: str, at: datetime) -> ManualPrice | None:
    """The one in force at that time."""
    return await ManualPrice.find_one(
        {"org_id": org_id, "asset": asset, "quote": quote, "at": {"$lte": at}},
        sort=[("at", SortDirection.DESCENDING), ("_id", SortDirection.DESCENDING)],
    )


async def insert_manual(session: Session, row: ManualPrice) -> None:
    await row.insert(session=session)


async def oracle(row_id: str) -> OraclePrice | None:
    """Shared by all organisations: what a contract answered at a block."""
    return await OraclePrice.get(row_id)


async def kept_oracle(feed: str, at: datetime) -> OraclePrice | None:
    """The last answer of a feed that was read in a block up to then."""
    return await OraclePrice.find_one({"feed": feed, "updated_at": {"$lte": at}}, sort=[("updated_at", SortDirection.DESCENDING)])


async def keep_oracle(row: OraclePrice) -> None:
    """Harmless when it is kept already: the same feed at the same block answers the same."""
    fields = encoded(row)
    row_id = fields.pop("_id")
    await OraclePrice.get_pymongo_collection().update_one({"_id": row_id}, {"$setOnInsert": fields}, upsert=True)
