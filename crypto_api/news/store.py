"""Every query of the slice."""

from collections.abc import Sequence
from datetime import datetime

from pymongo import UpdateOne

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.news.documents import NewsFeed, NewsItem
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


async def note_read(session: Session, feed_id: str, host: str, now: datetime, told: int) -> None:
    first = {"created_at": now, "failed_at": None, "reason": ""}
    changes = {"$set": {"host": host, "read_at": now, "told": told, "failures": 0}, "$setOnInsert": first}
    await NewsFeed.get_pymongo_collection().update_one({"_id": feed_id}, changes, upsert=True, session=session)


async def note_failed(session: Session, feed_id: str, host: str, now: datetime, reason: str) -> None:
    first = {"created_at": now, "read_at": None, "told": 0}
    changes = {"$set": {"host": host, "failed_at": now, "reason": reason}, "$inc": {"failures": 1}, "$setOnInsert": first}
    await NewsFeed.get_pymongo_collection().update_one({"_id": feed_id}, changes, upsert=True, session=session)


async def forget_feeds(session: Session, but: Sequence[str]) -> None:
    """Those that are configured no longer."""
    await NewsFeed.get_pymongo_collection().delete_many({"_id": {"$nin": list(but)}}, session=session)


async def feeds(feed_ids: Sequence[str]) -> dict[str, NewsFeed]:
    """By id; one that was never asked is missing."""
    return {row.id: row for row in await NewsFeed.find({"_id": {"$in": list(feed_ids)}}).to_list()}
