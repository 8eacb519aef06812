"""Every query of the slice."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pymongo import DeleteOne, UpdateOne
from pymongo.errors import DuplicateKeyError

from crypto_api.lots.documents import LotCheckpoint, LotPage, LotPolicy, LotPool, LotState
from crypto_api.lots.types import LotMethod, Page, PoolRow
from mongodb_config import kept_row
from mongodb_config.base_document import encoded
from mongodb_config.client import Database
from mongodb_config.unit_of_work import Session

_LATELY = timedelta(days=62)


async def policy(org_id: str, session: Session | None = None) -> LotPolicy | None:
    return await kept_row.get(LotPolicy, org_id, session)


async def change_policy(session: Session, org_id: str, before: LotPolicy, changes: dict[str, Any]) -> LotPolicy | None:
    """None when another was first."""
    return await kept_row.change(session, org_id, before, changes)


# ---- how far the books were compared ---------------------------------------------------------------------------------------------


async def state(org_id: str, session: Session | None = None) -> LotState | None:
    return await LotState.find_one({"_id": org_id, "org_id": org_id}, session=session)


async def put_state(session: Session, before: LotState | None, after: LotState) -> bool:
    """Compare-and-set on the version of `before`: of two at the same moment one comes too late."""
    if before is None:
        try:
            await after.insert(session=session)
        except DuplicateKeyError:
            return False
        return True
    row = encoded(after)
    changes = {name: row[name] for name in ("rules_version", "time_zone", "rule_start", "month", "anew", "settled_at")}
    done = await LotState.get_pymongo_collection().update_one(
        {"_id": before.id, "org_id": before.org_id, "version": before.version}, {"$set": changes, "$inc": {"version": 1}}, session=session
    )
    return done.modified_count == 1


async def forget_states(database: Database) -> None:
    """For the deploy step: everything is compared from the beginning once more. Safe to repeat."""
    await database[LotState.Settings.name].delete_many({})


# ---- checkpoints -----------------------------------------------------------------------------------------------------------------


async def checkpoint_before(org_id: str, day: date, rules_version: int) -> LotCheckpoint | None:
    """The latest at the beginning of `day` or earlier."""
    for since in (day - _LATELY, date.min):  # there is one of last month nearly always; to sort, the embedded server would read all of them
        query = {"org_id": org_id, "day": {"$gte": _midnight(since), "$lte": _midnight(day)}, "rules_version": rules_version, "short": {"$ne": None}}
        if (row := await LotCheckpoint.find(query).sort("-day").first_or_none()) is not None:
            return row
    return None


async def checkpoint(org_id: str, day: date) -> LotCheckpoint | None:
    return await LotCheckpoint.find_one({"_id": f"{org_id}:{day.isoformat()}", "org_id": org_id})


async def put_checkpoints(session: Session, org_id: str, since: date | None, rows: list[LotCheckpoint]) -> None:
    """Those after `since` are wrong from now on, and these stand for them, as for those of the same days."""
    query: dict[str, Any] = {"org_id": org_id}
    if since is not None:
        query["$or"] = [{"day": {"$gt": _midnight(since)}}, {"day": {"$in": [_midnight(row.day) for row in rows]}}]
    await LotCheckpoint.get_pymongo_collection().delete_many(query, session=session)
    if rows:
        await LotCheckpoint.insert_many(rows, session=session)


# ---- pools as they stand ---------------------------------------------------------------------------------------------------------


def _pool_id(org_id: str, key: str) -> str:
    return f"{org_id}|{key}"


async def lot_pools(org_id: str, session: Session | None = None, keys: Collection[str] | None = None) -> dict[str, PoolRow]:
    """All of them, or those that there are of `keys`."""
    query: dict[str, Any] = {"org_id": org_id} if keys is None else {"_id": {"$in": sorted(_pool_id(org_id, key) for key in keys)}, "org_id": org_id}
    return {row["key"]: _pool(row) async for row in LotPool.get_pymongo_collection().find(query, session=session)}


def _pool(row: dict[str, Any]) -> PoolRow:
    pages = tuple(Page(number, first) for number, first in row["pages"])
    quantity, cost = int(row["quantity"]), int(row["cost"])
    return PoolRow(row["key"], LotMethod(row["method"]), row["last"], row["taken"], quantity, cost, pages, row["version"])


async def latest_order(org_id: str) -> str:
    """Of everything that was worked through; empty: nothing."""
    row = await LotPool.find({"org_id": org_id}).sort("-last").first_or_none()
    return row.last if row is not None else ""


async def lot_pages(org_id: str, session: Session | None, key: str, numbers: Collection[int]) -> dict[int, list[str]]:
    """Lots as text, by page."""
    query = {"_id": {"$in": [_page_id(org_id, key, number) for number in sorted(numbers)]}, "org_id": org_id}
    return {row["number"]: row["lots"] async for row in LotPage.get_pymongo_collection().find(query, session=session)}


async def all_lot_pages(org_id: str, session: Session | None = None) -> dict[str, dict[int, list[str]]]:
    """By pool and page."""
    found: dict[str, dict[int, list[str]]] = {}
    async for row in LotPage.get_pymongo_collection().find({"org_id": org_id}, session=session):
        found.setdefault(row["pool"], {})[row["number"]] = row["lots"]
    return found


async def write_pools(session: Session, org_id: str, pools: Sequence[PoolRow], pages: Mapping[tuple[str, int], Sequence[str]], now: datetime) -> None:
    """`pages`: by pool and number; those without a lot go."""
    if pools:
        await LotPool.get_pymongo_collection().bulk_write([_put_pool(org_id, row, now) for row in pools], session=session)
    if pages:
        changes = [_put_page(org_id, key, number, lots, now) for (key, number), lots in sorted(pages.items())]
        await LotPage.get_pymongo_collection().bulk_write(changes, session=session)


def _page_id(org_id: str, key: str, number: int) -> str:
    return f"{_pool_id(org_id, key)}|{number}"


def _put_pool(org_id: str, row: PoolRow, now: datetime) -> UpdateOne:
    changes = {
        "method": row.method.value,
        "last": row.last,
        "taken": row.taken,
        "quantity": str(row.quantity),
        "cost": str(row.cost),
        "pages": [list(page) for page in row.pages],
    }
    made = {"key": row.key, "created_at": now}
    return UpdateOne(
        {"_id": _pool_id(org_id, row.key), "org_id": org_id}, {"$set": changes, "$inc": {"version": 1}, "$setOnInsert": made}, upsert=True
    )


def _put_page(org_id: str, key: str, number: int, lots: Sequence[str], now: datetime) -> UpdateOne | DeleteOne:
    where = {"_id": _page_id(org_id, key, number), "org_id": org_id}
    made = {"pool": key, "number": number, "created_at": now}
    return UpdateOne(where, {"$set": {"lots": list(lots)}, "$setOnInsert": made}, upsert=True) if lots else DeleteOne(where)


async def delete_pools(session: Session, org_id: str, keys: Collection[str]) -> None:
    if keys:
        row_ids = sorted(_pool_id(org_id, key) for key in keys)
        await LotPool.get_pymongo_collection().delete_many({"_id": {"$in": row_ids}, "org_id": org_id}, session=session)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
