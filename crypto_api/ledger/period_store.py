"""Every query of periods: what is closed, its certificates, and the guard at which posting meets closing, and the withdrawal of accounts."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pymongo import ReturnDocument, UpdateOne

from crypto_api.kit.clock import SystemClock
from crypto_api.ledger import day_store
from crypto_api.ledger.documents import JournalEntry, LedgerGuard, LedgerPeriod, PeriodCertificate
from crypto_api.ledger.types import PeriodStatus
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

STRIPES = 16
_ACTIVE_MAX = 64
_UNSEALED = "org_unsealed"  # named to the server: of the many indexes that begin with the organisation only this one is short


@dataclass(frozen=True)
class Entrance:
    """What a posting rests on, and nobody changes beside it."""

    row_id: str
    closed_through: date | None
    withdrawn: int
    """How often anything that postings rest on was taken back, as far as this row has heard of it."""
    active: frozenset[str]
    """Codes of accounts that are active. Others may be too."""


async def enter(session: Session, org_id: str) -> Entrance:
    """A posting touches one of the rows, what postings rest on changes all of them (a closing, an account that is withdrawn): whichever comes second
    conflicts and looks again, while postings seldom meet one another."""
    row: Any = await LedgerGuard.get_pymongo_collection().find_one_and_update(
        {"_id": _stripe(org_id, secrets.randbelow(STRIPES)), "org_id": org_id},
        {"$inc": {"entered": 1, "posted": 1}, "$setOnInsert": {"created_at": SystemClock().now(), "closed_through": None}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    closed: datetime | None = row["closed_through"]
    withdrawn = row["entered"] - row["posted"]  # a posting of the release before counts as one: its row is looked through once more
    known = row.get("active", ()) if row.get("active_at") == withdrawn else ()
    return Entrance(row["_id"], closed.date() if closed is not None else None, withdrawn, frozenset(known))


async def keep_active(session: Session, org_id: str, entrance: Entrance, active: Collection[str]) -> None:
    """`active`, found in the unit of work that entered, is known to those that enter there after it. Beyond `_ACTIVE_MAX` it takes the place of what
    was known: the row is written with each posting."""
    both = entrance.active | frozenset(active)
    kept = sorted(both if len(both) <= _ACTIVE_MAX else active)[:_ACTIVE_MAX]
    change = {"$set": {"active": kept, "active_at": entrance.withdrawn}}
    await LedgerGuard.get_pymongo_collection().update_one({"_id": entrance.row_id, "org_id": org_id}, change, session=session)


async def closed_through(org_id: str, session: Session | None = None) -> date | None:
    """The same for reading: without keeping anybody from closing."""
    row = await LedgerGuard.find_one({"org_id": org_id}, session=session)
    return row.closed_through if row is not None else None


async def set_closed_through(session: Session, org_id: str, day: date | None, now: datetime) -> None:
    stored = datetime(day.year, day.month, day.day, tzinfo=UTC) if day is not None else None
    await _meet_all(session, org_id, {"$set": {"closed_through": stored}, "$setOnInsert": {"created_at": now}})


async def keep_out(session: Session, org_id: str, now: datetime) -> None:
    """Lets no posting beside this unit of work come to its end on what it read before: it conflicts, and reads the accounts as they are then."""
    await _meet_all(session, org_id, {"$setOnInsert": {"created_at": now, "closed_through": None}})


async def _meet_all(session: Session, org_id: str, change: dict[str, Any]) -> None:
    rows = [{"_id": _stripe(org_id, number), "org_id": org_id} for number in range(STRIPES)]
    changes = [UpdateOne(row, {**change, "$inc": {"entered": 1}}, upsert=True) for row in rows]
    await LedgerGuard.get_pymongo_collection().bulk_write(changes, session=session)


def _stripe(org_id: str, number: int) -> str:
    return f"{org_id}|{number}"


# ---- periods ---------------------------------------------------------------------------------------------------------------------


async def periods(org_id: str, session: Session | None = None) -> list[LedgerPeriod]:
    """Those that were ever closed, latest first."""
    return await LedgerPeriod.find({"org_id": org_id}, session=session).sort("-period").to_list()


async def period(org_id: str, name: str, session: Session | None = None) -> LedgerPeriod | None:
    return await LedgerPeriod.find_one({"_id": f"{org_id}:{name}", "org_id": org_id}, session=session)


async def put_period(session: Session, org_id: str, row: LedgerPeriod, version: int) -> bool:
    """Compare-and-set on `version`; 0 for one that is not there yet. DuplicateKeyError or False when somebody was faster."""
    if version == 0:
        await row.insert(session=session)
        return True
    fields = encoded(row)
    fields.pop("_id")
    done = await LedgerPeriod.get_pymongo_collection().update_one(
        {"_id": row.id, "org_id": org_id, "version": version}, {"$set": {name: fields[name] for name in fields if name != "org_id"}}, session=session
    )
    return done.modified_count == 1


async def add_certificate(session: Session, row: PeriodCertificate) -> None:
    await row.insert(session=session)


async def certificate(org_id: str, certificate_id: str) -> PeriodCertificate | None:
    return await PeriodCertificate.find_one({"_id": certificate_id, "org_id": org_id})


async def certificates(org_id: str, name: str) -> list[PeriodCertificate]:
    """Of a period that was closed more than once, latest first."""
    return await PeriodCertificate.find({"org_id": org_id, "period": name}).sort("-_id").to_list()


async def latest_closed(org_id: str, session: Session) -> LedgerPeriod | None:
    return await LedgerPeriod.find({"org_id": org_id, "status": PeriodStatus.CLOSED}, session=session).sort("-period").first_or_none()


# ---- what stands in a period -----------------------------------------------------------------------------------------------------


async def drafts_up_to(org_id: str, day: date, session: Session | None = None) -> list[JournalEntry]:
    return [row for row in map(JournalEntry.model_validate, await day_store.drafts(org_id, session)) if row.date <= day]


async def unsealed_up_to(org_id: str, day: date, session: Session | None = None) -> int:
    query = {"org_id": org_id, "unsealed": True, "date": {"$lte": datetime(day.year, day.month, day.day, tzinfo=UTC)}}
    return await JournalEntry.get_pymongo_collection().count_documents(query, session=session, hint=_UNSEALED)
