"""Every query of the slice."""

from datetime import UTC, date, datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from crypto_api.lots.documents import LotCheckpoint, LotPolicy, LotState
from mongodb_config import kept_row
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
    changes = {name: getattr(after, name) for name in ("posted_through", "seen", "rules_version", "settled_at")}
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


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
