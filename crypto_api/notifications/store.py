"""Every query of the slice."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.notifications.documents import Notification, NotificationChoices, NotificationCursor
from crypto_api.notifications.types import Choices, MailState, Priority, Topic
from mongodb_config import pages
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

# ---- a person's -------------------------------------------------------------------------------------------------------------------


async def page(org_id: str, user_id: str, where: dict[str, Any], request: PageRequest) -> Page[Notification]:
    query: dict[str, Any] = {"$and": [{"org_id": org_id, "user_id": user_id}, where]}
    rows = await pages.fetch(Notification, query, sort="_id", descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Notification.find(query).count() if request.count else None)


async def unread(org_id: str, user_id: str, limit: int) -> int:
    """How many wait to be read, counted no further than `limit`."""
    query = {"org_id": org_id, "user_id": user_id, "read_at": None, "gone_at": None}
    return len(await Notification.get_pymongo_collection().find(query, {"_id": 1}).limit(limit).to_list())


async def mark_read(session: Session, org_id: str, user_id: str, notification_id: str | None, now: datetime) -> int:
    """One, or all. A letter about it that has not left is not needed any more. Returns how many were unread."""
    mine = {"org_id": org_id, "user_id": user_id, "read_at": None} | ({"_id": notification_id} if notification_id is not None else {})
    await Notification.get_pymongo_collection().update_many(
        mine | {"mail": MailState.WAITING.value}, {"$set": {"mail": MailState.DROPPED.value, "mail_due_at": None}}, session=session
    )
    return (await Notification.get_pymongo_collection().update_many(mine, {"$set": {"read_at": now}}, session=session)).modified_count


async def dropped_by_reading(session: Session, org_id: str, user_id: str, at: datetime, tries: int) -> list[tuple[Topic, Priority]]:
    """Of what kinds letters were dropped because all was read at that moment; not of what is gone, nor what was given up after so many tries."""
    where = _dropped(org_id, user_id, at, tries)
    rows = Notification.get_pymongo_collection().find(where, {"topic": 1, "priority": 1}, session=session)
    return sorted({(Topic(row["topic"]), Priority(row["priority"])) async for row in rows})


async def want_letters(session: Session, org_id: str, user_id: str, at: datetime, tries: int, kind: tuple[Topic, Priority], due_at: datetime) -> None:
    """Those of one kind that were dropped by reading at that moment."""
    where = _dropped(org_id, user_id, at, tries) | {"topic": kind[0].value, "priority": kind[1].value}
    await Notification.get_pymongo_collection().update_many(
        where, {"$set": {"mail": MailState.WAITING.value, "mail_due_at": due_at}}, session=session
    )


async def mark_unread(session: Session, org_id: str, user_id: str, at: datetime) -> int:
    """What was read at that moment. Returns how many."""
    read = {"org_id": org_id, "user_id": user_id, "read_at": at}
    return (await Notification.get_pymongo_collection().update_many(read, {"$set": {"read_at": None}}, session=session)).modified_count


def _dropped(org_id: str, user_id: str, at: datetime, tries: int) -> dict[str, Any]:
    about: dict[str, Any] = {"org_id": org_id, "user_id": user_id, "read_at": at, "gone_at": None}
    return about | {"mail": MailState.DROPPED.value, "mail_tries": {"$lt": tries}}


async def get(org_id: str, user_id: str, notification_id: str, session: Session | None = None) -> Notification | None:
    return await Notification.find_one({"_id": notification_id, "org_id": org_id, "user_id": user_id}, session=session)


async def delete(session: Session, org_id: str, user_id: str, notification_id: str) -> bool:
    query = {"_id": notification_id, "org_id": org_id, "user_id": user_id}
    return (await Notification.get_pymongo_collection().delete_one(query, session=session)).deleted_count == 1


async def choices(org_id: str, user_id: str, session: Session | None = None) -> NotificationChoices | None:
    return await NotificationChoices.find_one({"org_id": org_id, "user_id": user_id}, session=session)


async def choices_among(org_id: str, user_ids: Collection[str], session: Session) -> dict[str, Choices]:
    rows = await NotificationChoices.find({"org_id": org_id, "user_id": {"$in": sorted(user_ids)}}, session=session).to_list()
    return {row.user_id: row.choices for row in rows}


async def insert_choices(session: Session, row: NotificationChoices) -> None:
    await row.insert(session=session)


async def change_choices(session: Session, before: NotificationChoices, wanted: Choices) -> NotificationChoices | None:
    """Compare-and-set on the version."""
    found: dict[str, Any] | None = await NotificationChoices.get_pymongo_collection().find_one_and_update(
        {"_id": before.id, "org_id": before.org_id, "version": before.version},
        {"$set": {"choices": encoded(wanted)}, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return NotificationChoices.model_validate(found) if found else None


# ---- the worker's -----------------------------------------------------------------------------------------------------------------


async def cursors() -> dict[str, int]:
    """How far each organisation's log was read. Only the worker asks."""
    rows = NotificationCursor.get_pymongo_collection().find({}, {"seq": 1})
    return {row["_id"]: row["seq"] async for row in rows}


async def move_cursor(session: Session, org_id: str, before: int, after: int, now: datetime) -> bool:
    """Compare-and-set; DuplicateKeyError when another worker made it at the same moment."""
    if before == 0:
        await NotificationCursor(id=org_id, created_at=now, org_id=org_id, seq=after).insert(session=session)
        return True
    done = await NotificationCursor.get_pymongo_collection().update_one(
        {"_id": org_id, "org_id": org_id, "seq": before}, {"$set": {"seq": after}}, session=session
    )
    return done.modified_count == 1


async def end(session: Session, org_id: str, causes: Collection[str], now: datetime) -> int:
    """What is about these causes is gone, with the letters that have not left. Returns how many there were."""
    rows = Notification.get_pymongo_collection()
    open_ones: dict[str, Any] = {"org_id": org_id, "cause": {"$in": sorted(causes)}, "gone_at": None}
    await rows.update_many(
        open_ones | {"mail": MailState.WAITING.value}, {"$set": {"mail": MailState.DROPPED.value, "mail_due_at": None}}, session=session
    )
    return (await rows.update_many(open_ones, {"$set": {"gone_at": now}}, session=session)).modified_count


async def told_of(session: Session, org_id: str, cause: str) -> set[str]:
    """Who was told of this cause, which still holds."""
    rows = Notification.get_pymongo_collection().find({"org_id": org_id, "cause": cause, "gone_at": None}, {"user_id": 1}, session=session)
    return {row["user_id"] async for row in rows}


async def insert_all(session: Session, rows: Sequence[Notification]) -> None:
    await Notification.get_pymongo_collection().insert_many([encoded(row) for row in rows], session=session)


async def letters_due(now: datetime, limit: int, scope: OrgScope = EVERYBODY) -> list[tuple[str, str]]:
    """(organisation, person) to whom something is to be written, over all organisations. Only the worker asks."""
    where = {"mail": MailState.WAITING.value, "mail_due_at": {"$lte": now}} | scope.filter()
    rows = Notification.get_pymongo_collection().find(where, {"org_id": 1, "user_id": 1}, sort=[("mail_due_at", 1)], limit=limit)
    return list(dict.fromkeys([(row["org_id"], row["user_id"]) async for row in rows]))


async def take_letters(session: Session, org_id: str, user_id: str, now: datetime, until: datetime) -> list[Notification]:
    """What is due to this person, taken by this process until then; oldest first."""
    query: dict[str, Any] = {"org_id": org_id, "user_id": user_id, "mail": MailState.WAITING.value, "mail_due_at": {"$lte": now}}
    found = await Notification.find(query, session=session).sort("+_id").limit(200).to_list()
    taken = {"_id": {"$in": [row.id for row in found]}, "org_id": org_id}
    await Notification.get_pymongo_collection().update_many(taken, {"$set": {"mail_due_at": until}, "$inc": {"mail_tries": 1}}, session=session)
    return found


async def end_letters(session: Session, org_id: str, ids: Collection[str], state: MailState, due_at: datetime | None) -> None:
    """What became of those that were taken; what was read or gone meanwhile stays dropped."""
    await Notification.get_pymongo_collection().update_many(
        {"_id": {"$in": sorted(ids)}, "org_id": org_id, "mail": MailState.WAITING.value},
        {"$set": {"mail": state.value, "mail_due_at": due_at}},
        session=session,
    )
