"""Every query of the slice."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from beanie import SortDirection
from pymongo import UpdateOne

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.kit.rates import Point
from crypto_api.prices.documents import ManualPrice, OraclePrice, PriceGap, ProviderPrice
from crypto_api.prices.types import Tried
from mongodb_config import pages
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

_LATEST_FIRST = [("at", SortDirection.DESCENDING), ("_id", SortDirection.DESCENDING)]


# ---- by hand ---------------------------------------------------------------------------------------------------------------------


async def manual_at(org_id: str, asset: str, quote: str, at: datetime) -> ManualPrice | None:
    """The one in force at that time."""
    return await ManualPrice.find_one({"org_id": org_id, "asset": asset, "quote": quote, "at": {"$lte": at}}, sort=_LATEST_FIRST)


async def manual_points(org_id: str, asset: str, quote: str, since: datetime, until: datetime, limit: int) -> list[Point]:
    """Those that began after `since`, oldest first; of several that began at the same time the last is the one in force."""
    query = {"org_id": org_id, "asset": asset, "quote": quote, "at": {"$gt": since, "$lte": until}}
    found = ManualPrice.get_pymongo_collection().find(query, {"at": 1, "rate": 1}).sort([("at", -1), ("_id", -1)]).limit(limit)
    return [_point(row, "at") for row in await found.to_list()][::-1]


async def all_manual_points(org_id: str, until: datetime, limit: int) -> list[tuple[tuple[str, str], Point]]:
    """((asset, quote), rate) of every pair, oldest first."""
    query = {"org_id": org_id, "at": {"$lte": until}}
    found = ManualPrice.get_pymongo_collection().find(query, {"asset": 1, "quote": 1, "at": 1, "rate": 1}).sort([("at", 1), ("_id", 1)]).limit(limit)
    return [((row["asset"], row["quote"]), _point(row, "at")) for row in await found.to_list()]


async def few_manual_points(org_id: str, most: int) -> list[tuple[tuple[str, str], Point]] | None:
    """As `all_manual_points` for all times, where there are at most so many; None where there are more, of which only one more was read."""
    found = ManualPrice.get_pymongo_collection().find({"org_id": org_id}, {"asset": 1, "quote": 1, "at": 1, "rate": 1}).limit(most + 1)
    rows = await found.to_list()
    if len(rows) > most:
        return None
    return [((row["asset"], row["quote"]), _point(row, "at")) for row in sorted(rows, key=lambda row: (row["at"], row["_id"]))]


async def page_of_manual(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[ManualPrice]:
    query: dict[str, Any] = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(ManualPrice, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    more = len(rows) > request.limit
    rows = rows[: request.limit]
    cursor = request.cursor_after(rows[-1].id if request.sort == "_id" else getattr(rows[-1], request.sort), rows[-1].id) if more else None
    return Page(rows, cursor, await ManualPrice.find(query).count() if request.count else None)


async def insert_manual(session: Session, row: ManualPrice) -> None:
    await row.insert(session=session)


async def same_manual(session: Session, org_id: str, asset: str, quote: str, at: datetime) -> ManualPrice | None:
    """The one that begins at that very time."""
    query = {"org_id": org_id, "asset": asset, "quote": quote, "at": at}
    return await ManualPrice.find_one(query, sort=_LATEST_FIRST, session=session)


# ---- from feeds ------------------------------------------------------------------------------------------------------------------


async def oracle(row_id: str) -> OraclePrice | None:
    """Shared by all organisations: what a contract answered at a block."""
    return await OraclePrice.get(row_id)


async def kept_oracle(feed: str, at: datetime) -> OraclePrice | None:
    """The last answer of a feed that was read in a block up to then."""
    return await OraclePrice.find_one({"feed": feed, "updated_at": {"$lte": at}}, sort=[("updated_at", SortDirection.DESCENDING)])


async def oracle_points(feed: str, since: datetime, until: datetime, limit: int) -> list[Point]:
    """The latest `limit` of them, oldest first."""
    query = {"feed": feed, "updated_at": {"$gte": since, "$lte": until}}
    found = OraclePrice.get_pymongo_collection().find(query, {"updated_at": 1, "rate": 1}).sort("updated_at", -1).limit(limit)
    return [_point(row, "updated_at") for row in await found.to_list()][::-1]


async def keep_oracle(row: OraclePrice) -> None:
    """Harmless when it is kept already: the same feed at the same block answers the same."""
    fields = encoded(row)
    row_id = fields.pop("_id")
    await OraclePrice.get_pymongo_collection().update_one({"_id": row_id}, {"$setOnInsert": fields}, upsert=True)


# ---- from providers --------------------------------------------------------------------------------------------------------------


async def kept_provider(provider: str, asset: str, quote: str, at: datetime) -> ProviderPrice | None:
    """The last rate from before then."""
    return await ProviderPrice.find_one({"provider": provider, "asset": asset, "quote": quote, "at": {"$lte": at}}, sort=_LATEST_FIRST)


async def provider_points(provider: str, asset: str, quote: str, since: datetime, until: datetime, limit: int) -> list[Point]:
    """The latest `limit` of them, oldest first."""
    query = {"provider": provider, "asset": asset, "quote": quote, "at": {"$gte": since, "$lte": until}}
    found = ProviderPrice.get_pymongo_collection().find(query, {"at": 1, "rate": 1}).sort([("at", -1), ("_id", -1)]).limit(limit)
    return [_point(row, "at") for row in await found.to_list()][::-1]


def _point(row: dict[str, Any], time: str) -> Point:
    """A chart reads thousands: no document is made of them."""
    return Point(row[time], row["rate"].to_decimal())


async def keep_points(provider: str, asset: str, quote: str, points: Sequence[Point], now: datetime) -> None:
    """What is kept already stays as it is."""
    rows = [
        ProviderPrice(
            id=f"{provider}:{asset}:{quote}:{int(point.at.timestamp() * 1000)}",
            created_at=now,
            provider=provider,
            asset=asset,
            quote=quote,
            at=point.at,
            rate=point.rate,
        )
        for point in points
    ]
    writes = []
    for row in rows:
        fields = encoded(row)
        writes.append(UpdateOne({"_id": fields.pop("_id")}, {"$setOnInsert": fields}, upsert=True))
    if writes:
        await ProviderPrice.get_pymongo_collection().bulk_write(writes, ordered=False)


# ---- what no source told ---------------------------------------------------------------------------------------------------------


def gap_id(org_id: str, asset: str, quote: str, at: datetime) -> str:
    return f"{org_id}|{asset}|{quote}|{int(at.timestamp() * 1000)}"


async def note_gap(org_id: str, asset: str, quote: str, at: datetime, tried: Sequence[Tried], now: datetime) -> None:
    """Beside whatever unit of work goes on: that it was asked in vain stands even where that is rolled back."""
    await PriceGap.get_pymongo_collection().update_one(
        {"_id": gap_id(org_id, asset, quote, at), "org_id": org_id},
        {
            "$set": {"tried": [{"source": row.source, "outcome": row.outcome} for row in tried], "asked_at": now},
            "$inc": {"attempts": 1},
            "$setOnInsert": {"created_at": now, "asset": asset, "quote": quote, "at": at},
        },
        upsert=True,
    )


async def gaps(org_id: str, keys: Collection[tuple[str, str, datetime]]) -> dict[tuple[str, str, datetime], PriceGap]:
    """By (asset, quote, time)."""
    ids = {gap_id(org_id, *key): key for key in keys}
    rows = await PriceGap.find({"org_id": org_id, "_id": {"$in": sorted(ids)}}).to_list()
    return {ids[row.id]: row for row in rows}


async def ask_again(session: Session, org_id: str, asset: str | None = None, since: datetime | None = None) -> int:
    """What was asked for in vain is due at once: of one asset from a time on, or all of it. Returns how many."""
    query: dict[str, Any] = {"org_id": org_id}
    if asset is not None:
        query["$or"] = [{"asset": asset}, {"quote": asset}, {"tried.outcome": {"$regex": rf"\b{re.escape(asset)}\b"}}]
    if since is not None:
        query["at"] = {"$gte": since}
    done = await PriceGap.get_pymongo_collection().update_many(query, {"$set": {"attempts": 0}}, session=session)
    return int(done.matched_count)


async def due_gaps(org_id: str, now: datetime, first_pause: timedelta, pause_max: timedelta) -> list[PriceGap]:
    """Those that have waited long enough: twice as long after each time. One that was never tried, or that somebody did something about, is due."""
    rows = await PriceGap.find({"org_id": org_id}).to_list()
    return [row for row in rows if row.attempts == 0 or now - row.asked_at >= min(first_pause * 2 ** min(row.attempts - 1, 20), pause_max)]


async def orgs_with_gaps() -> list[str]:
    """Of all organisations: the sweep of what was asked for in vain."""
    found: list[str] = await PriceGap.get_pymongo_collection().distinct("org_id")
    return found


async def forget_gap(org_id: str, row_id: str, attempts: int) -> None:
    """Unless it was asked for in vain once more since then."""
    await PriceGap.get_pymongo_collection().delete_one({"_id": row_id, "org_id": org_id, "attempts": attempts})
