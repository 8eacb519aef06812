"""Every query of the slice."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import Any

from pymongo import DeleteOne, UpdateOne
from pymongo.errors import DuplicateKeyError

from crypto_api.lots.documents import LotCheckpoint, LotPolicy, LotPool, LotState, OpenLot
from crypto_api.lots.types import LotRow, PoolRow
from mongodb_config import kept_row
from mongodb_config.base_document import encoded
from mongodb_config.client import Database
from mongodb_config.unit_of_work import Session


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
    changes = {name: row[name] for name in ("rules_version", "rule_start", "month", "anew", "settled_at")}
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
    query = {"org_id": org_id, "day": {"$lte": _midnight(day)}, "rules_version": rules_version, "short": {"$ne": None}}
    return await LotCheckpoint.find(query).sort("-day").first_or_none()


async def checkpoints(org_id: str) -> list[LotCheckpoint]:
    return await LotCheckpoint.find({"org_id": org_id}).sort("+day").to_list()


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
    rows = LotPool.get_pymongo_collection().find(query, session=session)
    return {row["key"]: PoolRow(row["key"], row["last"], row["taken"], int(row["quantity"]), int(row["cost"]), row["version"]) async for row in rows}


async def latest_order(org_id: str) -> str:
    """Of everything that was worked through; empty: nothing."""
    row = await LotPool.find({"org_id": org_id}).sort("-last").first_or_none()
    return row.last if row is not None else ""


async def lots_in_line(session: Session, org_id: str, key: str, after: str, limit: int, *, backwards: bool) -> list[LotRow]:
    """The next that are taken, behind the line `after`."""
    beyond = {"line": {"$lt" if backwards else "$gt": after}} if after else {}
    rows = OpenLot.get_pymongo_collection().find({"org_id": org_id, "pool": key, **beyond}, session=session)
    return [LotRow(key, row["line"], row["lot"]) async for row in rows.sort("line", -1 if backwards else 1).limit(limit)]


async def all_lots(org_id: str, session: Session | None = None) -> dict[str, dict[str, str]]:
    """Text by pool and line."""
    found: dict[str, dict[str, str]] = {}
    async for row in OpenLot.get_pymongo_collection().find({"org_id": org_id}, {"pool": 1, "line": 1, "lot": 1}, session=session):
        found.setdefault(row["pool"], {})[row["line"]] = row["lot"]
    return found


async def write_pools(
    session: Session, org_id: str, pools: Sequence[PoolRow], gone: Sequence[tuple[str, str]], changed: Sequence[LotRow], now: datetime
) -> None:
    """`gone`: pool and line."""
    if pools:
        await LotPool.get_pymongo_collection().bulk_write([_put_pool(org_id, row, now) for row in pools], session=session)
    ends = [DeleteOne({"_id": _lot_id(org_id, key, line), "org_id": org_id}) for key, line in gone]
    if lots := [*ends, *(_put_lot(org_id, row, now) for row in changed)]:
        await OpenLot.get_pymongo_collection().bulk_write(lots, session=session)


def _lot_id(org_id: str, key: str, line: str) -> str:
    return f"{_pool_id(org_id, key)}|{line}"


def _put_pool(org_id: str, row: PoolRow, now: datetime) -> UpdateOne:
    changes = {"last": row.last, "taken": row.taken, "quantity": str(row.quantity), "cost": str(row.cost)}
    made = {"key": row.key, "created_at": now}
    return UpdateOne(
        {"_id": _pool_id(org_id, row.key), "org_id": org_id}, {"$set": changes, "$inc": {"version": 1}, "$setOnInsert": made}, upsert=True
    )


def _put_lot(org_id: str, row: LotRow, now: datetime) -> UpdateOne:
    made = {"pool": row.key, "line": row.line, "created_at": now}
    return UpdateOne({"_id": _lot_id(org_id, row.key, row.line), "org_id": org_id}, {"$set": {"lot": row.lot}, "$setOnInsert": made}, upsert=True)


async def delete_pools(session: Session, org_id: str, keys: Collection[str]) -> None:
    if keys:
        row_ids = sorted(_pool_id(org_id, key) for key in keys)
        await LotPool.get_pymongo_collection().delete_many({"_id": {"$in": row_ids}, "org_id": org_id}, session=session)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
