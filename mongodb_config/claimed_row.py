"""Rows of what was ordered and is made by one worker at a time: claimed under a lease that is renewed, given back, ended.

A worker that dies says nothing more; when its lease has run out another one begins anew, and what the first still writes finds no row. A unique index
over `org_id` of what has the status `running` lets one of an organisation be made at a time, where the document has it.
"""

from datetime import datetime
from typing import Any, TypeVar

from pymongo import ReturnDocument

from mongodb_config.base_document import TenantDocument
from mongodb_config.unit_of_work import Session

QUEUED, RUNNING = "queued", "running"


class ClaimedRow(TenantDocument):
    """`_id` grows with the time at which it was ordered."""

    task_id: str
    live: bool = True  # waits, or is being made
    claim: str | None = None  # of the worker that makes it, or made it
    claimed_until: datetime | None = None
    tries: int = 0
    started_at: datetime | None = None
    version: int = 1


Row = TypeVar("Row", bound=ClaimedRow)


async def due(document: type[Row], now: datetime, limit: int) -> list[Row]:
    """Of whoever, oldest first: those that wait, and those whose worker has said nothing for too long."""
    rows = await document.find({"live": True}).sort("+_id").limit(limit).to_list()
    return [row for row in rows if row.claimed_until is None or row.claimed_until < now]


async def claim(session: Session, row: Row, token: str, now: datetime, until: datetime) -> Row | None:
    """None when somebody was faster. DuplicateKeyError while another one of the organisation is being made."""
    kind = type(row)
    found = await kind.get_pymongo_collection().find_one_and_update(
        {"_id": row.id, "org_id": row.org_id, "live": True, "claim": row.claim, "claimed_until": row.claimed_until},
        {"$set": {"status": RUNNING, "claim": token, "claimed_until": until, "started_at": now}, "$inc": {"tries": 1, "version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return kind.model_validate(found) if found else None


async def keep(session: Session, row: ClaimedRow, until: datetime) -> bool:
    """False when it is not this worker's any more."""
    done = await row.get_pymongo_collection().update_one(_of_worker(row), {"$set": {"claimed_until": until}}, session=session)
    return done.matched_count == 1


async def release(session: Session, row: ClaimedRow) -> None:
    """For another worker at once, and not counted as a try."""
    changes = {"$set": {"claim": None, "claimed_until": None, "status": QUEUED}, "$inc": {"tries": -1, "version": 1}}
    await row.get_pymongo_collection().update_one(_of_worker(row), changes, session=session)


async def finish(session: Session, row: ClaimedRow, changes: dict[str, Any]) -> bool:
    """False when it is not this worker's any more."""
    over = {"$set": {**changes, "live": False, "claimed_until": None}, "$inc": {"version": 1}}
    done = await row.get_pymongo_collection().update_one(_of_worker(row), over, session=session)
    return done.modified_count == 1


async def cancel(session: Session, document: type[ClaimedRow], org_id: str, row_id: str, changes: dict[str, Any]) -> bool:
    """False when it has ended."""
    over = {"$set": {**changes, "live": False, "claim": None, "claimed_until": None}, "$inc": {"version": 1}}
    done = await document.get_pymongo_collection().update_one({"_id": row_id, "org_id": org_id, "live": True}, over, session=session)
    return done.modified_count == 1


def _of_worker(row: ClaimedRow) -> dict[str, Any]:
    return {"_id": row.id, "org_id": row.org_id, "live": True, "claim": row.claim}
