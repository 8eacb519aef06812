"""Every query of the slice."""

from collections.abc import Sequence

from pymongo import UpdateOne

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.news.documents import NewsItem
from mongodb_config import pages
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

KEPT = 1_000


async def keep(session: Session, rows: Sequence[NewsItem]) -> int:
    """How many are new. What is known already stays as it was first read; of all, the latest are kept."""
    collection = NewsItem.get_pymongo_collection()
    added = 0
    if rows:
        writes = [UpdateOne({"_id": row.id}, {"$setOnInsert": {k: v for k, v in encoded(row).items() if k != "_id"}}, upsert=True) for row in rows]
        added = (await collection.bulk_write(writes, session=session)).upserted_count
    beyond = await collection.find({}, {"_id": 1}, session=session).sort([("published_at", -1), ("_id", -1)]).skip(KEPT).to_list()
    if beyond:
        await collection.delete_many({"_id": {"$in": [row["_id"] for row in beyond]}}, session=session)
    return added


async def page(request: PageRequest) -> Page[NewsItem]:
    rows = await pages.fetch(NewsItem, {}, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await NewsItem.find_all().count() if request.count else None)
