"""Every query of the slice. People and their sessions are shared by the organisations, so nothing here takes one."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from crypto_api.identity.documents import KnownDevice, OneTimePurpose, OneTimeToken, Session, User
from crypto_api.identity.errors import EmailTaken, UsernameTaken
from crypto_api.kit.paging import Page, PageRequest
from mongodb_config import pages, unit_of_work

PLACES = 200  # newest sessions of a person and a program that are looked at

UnitSession = unit_of_work.Session

_PEOPLE: dict[str, Any] = {"shadow_of_email": None}
"""In every query that looks for people, or asked of the row that `_id` alone found: a shadow is nobody."""


async def user(user_id: str, session: UnitSession | None = None) -> User | None:
    row = await User.find_one({"_id": user_id}, session=session)
    return row if row and row.shadow_of_email is None else None


async def users(user_ids: list[str], session: UnitSession | None = None) -> list[User]:
    return await User.find({"_id": {"$in": user_ids}, **_PEOPLE}, session=session).to_list()


async def user_by_email(email: str) -> User | None:
    return await User.find_one({"email": email, **_PEOPLE})


async def user_by_username(username: str) -> User | None:
    return await User.find_one({"username": username, **_PEOPLE})


async def registered_as(username: str) -> User | None:
    """As `user_by_username`, or the shadow that has this name: for registration and the log-in."""
    return await User.find_one({"username": username})


async def newest_claim(email: str) -> User | None:
    """Of those who registered with this address and did not verify it, the newest: the account of this address, or a shadow."""
    owned = [{"email": email, **_PEOPLE}, {"shadow_of_email": {"$eq": email, "$type": "string"}}]
    rows = await User.find({"$or": owned, "email_verified_at": None, "password_hash": {"$ne": None}}, limit=1).sort("-created_at", "-_id").to_list()
    return rows[0] if rows else None


async def insert_user(session: UnitSession, row: User) -> None:
    try:
        await row.insert(session=session)
    except DuplicateKeyError as error:
        # the unique index decides, so that two registrations at the same moment cannot both succeed
        raise (EmailTaken if "email" in str((error.details or {}).get("keyPattern") or error) else UsernameTaken)() from error


async def mark_verified(session: UnitSession, user_id: str, now: datetime) -> bool:
    """False when it was verified already."""
    done = await User.get_pymongo_collection().update_one(
        {"_id": user_id, "email_verified_at": None}, {"$set": {"email_verified_at": now}, "$inc": {"version": 1}}, session=session
    )
    return done.modified_count == 1


async def take_pending_email(session: UnitSession, user_id: str, email: str, now: datetime) -> bool:
    """False when the person wants another one by now. EmailTaken when somebody else has it."""
    change = {"$set": {"email": email, "pending_email": None, "email_verified_at": now}, "$inc": {"version": 1}}
    try:
        done = await User.get_pymongo_collection().update_one({"_id": user_id, "pending_email": email}, change, session=session)
    except DuplicateKeyError as error:
        raise EmailTaken from error
    return done.modified_count == 1


async def change_user(session: UnitSession, user_id: str, version: int, changes: dict[str, Any]) -> User | None:
    """None when it is no longer at `version`. UsernameTaken."""
    try:
        row = await User.get_pymongo_collection().find_one_and_update(
            {"_id": user_id, "version": version}, {"$set": changes, "$inc": {"version": 1}}, return_document=ReturnDocument.AFTER, session=session
        )
    except DuplicateKeyError as error:
        raise UsernameTaken from error
    return User.model_validate(row) if row else None


async def set_password(session: UnitSession, user_id: str, changed_at: datetime | None, password_hash: str, now: datetime, *, verified: bool) -> bool:
    """False when it was changed since `changed_at`. `verified`: the address is proved by the way it is set."""
    users_now = User.get_pymongo_collection()
    where = {"_id": user_id, "password_changed_at": changed_at}
    done = await users_now.update_one(
        where, {"$set": {"password_hash": password_hash, "password_changed_at": now, "password_until": None}, "$inc": {"version": 1}}, session=session
    )
    if done.modified_count == 1 and verified:
        await users_now.update_one({"_id": user_id, "email_verified_at": None}, {"$set": {"email_verified_at": now}}, session=session)
    return done.modified_count == 1


async def set_hidden_columns(session: UnitSession, user_id: str, name: str, hidden: Sequence[int]) -> None:
    """`name` is one of a fixed set of the dashboard's lists. The version stays: nothing that the person edits has changed."""
    await User.get_pymongo_collection().update_one({"_id": user_id}, {"$set": {f"hidden_columns.{name}": list(hidden)}}, session=session)


async def dismiss_guide(session: UnitSession, user_id: str, org_id: str) -> None:
    await User.get_pymongo_collection().update_one({"_id": user_id}, {"$addToSet": {"guides_dismissed": org_id}}, session=session)


async def mark_verification_sent(session: UnitSession, user_id: str, now: datetime) -> None:
    await User.get_pymongo_collection().update_one({"_id": user_id}, {"$set": {"verification_sent_at": now}}, session=session)


async def users_without_verification_mail(registered_before: datetime, limit: int) -> list[str]:
    """Registered, but their mail has not left: the job was lost or the mail server was down."""
    where = {"email_verified_at": None, "verification_sent_at": None, "created_at": {"$lt": registered_before}, **_PEOPLE}
    return [row.id for row in await User.find(where, limit=limit).to_list()]


async def insert_session(session: UnitSession, row: Session) -> None:
    await row.insert(session=session)


async def live_session(session_id: str, now: datetime) -> Session | None:
    """Asked by `_id` alone, as `user` is: each request begins with both, and MongoDB reads a row by its key without planning a query."""
    row = await Session.find_one({"_id": session_id})
    return row if row and row.ended_at is None and row.expires_at > now else None


async def live_sessions(session_ids: Collection[str], now: datetime) -> list[Session]:
    return await Session.find({"_id": {"$in": list(session_ids)}, "ended_at": None, "expires_at": {"$gt": now}}).to_list()


async def live_session_by_dashboard(dashboard_hash: str, now: datetime) -> Session | None:
    # the type as the index names it: else every session that is alive would be looked through
    return await Session.find_one({"dashboard_hash": {"$eq": dashboard_hash, "$type": "string"}, "ended_at": None, "expires_at": {"$gt": now}})


async def live_sessions_by_dashboard(dashboard_hashes: Collection[str], now: datetime) -> list[Session]:
    shown = {"dashboard_hash": {"$in": list(dashboard_hashes), "$type": "string"}}  # likewise
    return await Session.find({**shown, "ended_at": None, "expires_at": {"$gt": now}}).to_list()


async def live_session_by_refresh(session: UnitSession, refresh_hash: str, now: datetime) -> Session | None:
    return await Session.find_one({"refresh_hash": refresh_hash, "ended_at": None, "expires_at": {"$gt": now}}, session=session)


async def places_of(user_id: str, user_agent: str | None) -> list[str]:
    """Addresses of the network from which this person logged in with this program, the newest first, as long as their sessions are kept."""
    rows = await Session.find({"user_id": user_id, "user_agent": user_agent}, limit=PLACES).sort("-created_at").to_list()
    return [row.ip for row in rows if row.ip is not None]


async def rotate_refresh(session: UnitSession, old_hash: str, new_hash: str, family_hash: str, expires_at: datetime, now: datetime) -> Session | None:
    """Compare-and-set: of two that show the same token at the same moment one gets the successor, the other None."""
    row: dict[str, Any] | None = await Session.get_pymongo_collection().find_one_and_update(
        {"refresh_hash": old_hash, "ended_at": None, "expires_at": {"$gt": now}},
        {"$set": {"refresh_hash": new_hash, "family_hash": family_hash, "expires_at": expires_at}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return Session.model_validate(row) if row else None


async def end_family_of(session: UnitSession, family_hash: str | None, used_hash: str, reason: str, now: datetime) -> str | None:
    """Ends the session of whose family this refresh token is and which it opens no more; its id, or None when there is none alive. Tokens from
    before families had a name are found among those that were used."""
    ended = {"$set": {"ended_at": now, "ended_reason": reason}}
    named: list[dict[str, Any]] = (
        [{"family_hash": {"$eq": family_hash, "$type": "string"}, "refresh_hash": {"$ne": used_hash}}] if family_hash is not None else []
    )
    for where in [*named, {"refresh_used": used_hash}]:  # the newest of one that has run out is no used one
        row = await Session.get_pymongo_collection().find_one_and_update({**where, "ended_at": None}, ended, session=session)
        if row:
            return str(row["_id"])
    return None


async def end_session(session: UnitSession, session_id: str, reason: str, now: datetime) -> bool:
    done = await Session.get_pymongo_collection().update_one(
        {"_id": session_id, "ended_at": None}, {"$set": {"ended_at": now, "ended_reason": reason}}, session=session
    )
    return done.modified_count == 1


async def end_session_row(session: UnitSession, session_id: str, reason: str, now: datetime, *, user_id: str | None = None) -> Session | None:
    """The session that ended by this; None when there was none (of this person) that had not ended. One that has run out ends too: a refresh that
    began before it did may be about to lengthen it."""
    where: dict[str, Any] = {"_id": session_id, "ended_at": None}
    if user_id is not None:
        where["user_id"] = user_id
    row = await Session.get_pymongo_collection().find_one_and_update(where, {"$set": {"ended_at": now, "ended_reason": reason}}, session=session)
    return Session.model_validate(row) if row else None


async def replace_hash(session: UnitSession, user_id: str, old_hash: str, new_hash: str) -> None:
    """The same password at another cost; nothing when it was changed meanwhile."""
    await User.get_pymongo_collection().update_one(
        {"_id": user_id, "password_hash": old_hash}, {"$set": {"password_hash": new_hash}}, session=session
    )


async def end_sessions(session: UnitSession, user_id: str, reason: str, now: datetime, *, org_id: str | None = None, but: str | None = None) -> int:
    """Every session of the person, or those that act in `org_id`, but for the one named; how many of them were live. Those that have run out end
    too: a refresh that began before they did may be about to lengthen one."""
    where: dict[str, Any] = {"user_id": user_id, "ended_at": None}
    if org_id is not None:
        where["org_id"] = org_id
    if but is not None:
        where["_id"] = {"$ne": but}
    sessions, ended = Session.get_pymongo_collection(), {"$set": {"ended_at": now, "ended_reason": reason}}
    live = await sessions.update_many({**where, "expires_at": {"$gt": now}}, ended, session=session)
    await sessions.update_many(where, ended, session=session)
    return live.modified_count


async def mark_logged_in(session: UnitSession, user_id: str, password_changed_at: datetime | None, now: datetime) -> bool:
    """False when the account was suspended, or its password changed, since it was looked at."""
    done = await User.get_pymongo_collection().update_one(
        {"_id": user_id, "suspended_at": None, "password_changed_at": password_changed_at}, {"$set": {"last_log_in_at": now}}, session=session
    )
    return done.matched_count == 1


async def insert_device(session: UnitSession, row: KnownDevice) -> None:
    await row.insert(session=session)


async def extend_device(session: UnitSession, device_hash: str, user_id: str, until: datetime, now: datetime) -> bool:
    """False when it is not known as a device of this person (any more)."""
    done = await KnownDevice.get_pymongo_collection().update_one(
        {"_id": device_hash, "user_id": user_id, "expires_at": {"$gt": now}},
        {"$set": {"last_used_at": now, "expires_at": until}},
        session=session,
    )
    return done.matched_count == 1


async def insert_one_time(session: UnitSession, row: OneTimeToken) -> None:
    await row.insert(session=session)


async def one_time_of_any(token_hash: str, purposes: Collection[OneTimePurpose], now: datetime) -> OneTimeToken | None:
    """As `one_time`, for one of several purposes."""
    return await OneTimeToken.find_one({"_id": token_hash, "purpose": {"$in": list(purposes)}, "expires_at": {"$gt": now}})


async def delete_one_time_of(session: UnitSession, user_id: str, purpose: OneTimePurpose) -> None:
    await OneTimeToken.get_pymongo_collection().delete_many({"user_id": user_id, "purpose": purpose}, session=session)


async def take_one_time(session: UnitSession, token_hash: str, purpose: OneTimePurpose, now: datetime) -> OneTimeToken | None:
    """Used means deleted: only one of two that come at the same moment gets it."""
    row = await OneTimeToken.get_pymongo_collection().find_one_and_delete(
        {"_id": token_hash, "purpose": purpose, "expires_at": {"$gt": now}}, session=session
    )
    return OneTimeToken.model_validate(row) if row else None


async def one_time(token_hash: str, purpose: OneTimePurpose, now: datetime) -> OneTimeToken | None:
    """Without using it up: for what may be tried more than once."""
    return await OneTimeToken.find_one({"_id": token_hash, "purpose": purpose, "expires_at": {"$gt": now}})


# ---- sessions in an organisation, and the installation's view ----------------------------------------------------------------------


async def act_in(session: UnitSession, session_id: str, org_id: str | None, now: datetime) -> Session | None:
    """From now on this session acts there; approvals were for where it acted before. None when it has ended."""
    row: dict[str, Any] | None = await Session.get_pymongo_collection().find_one_and_update(
        {"_id": session_id, "ended_at": None, "expires_at": {"$gt": now}},
        {"$set": {"org_id": org_id, "approvals": []}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return Session.model_validate(row) if row else None


async def note_entry(session: UnitSession, user_id: str) -> None:
    """Of two sessions of a person that come in at the same moment, by log-in or by switching, the later one sees the earlier."""
    await User.get_pymongo_collection().update_one({"_id": user_id}, {"$inc": {"entered": 1}}, session=session)


async def set_suspended(session: UnitSession, row: User, suspended_at: datetime | None) -> User | None:
    """Compare-and-set on the version of `row`."""
    changed: dict[str, Any] | None = await User.get_pymongo_collection().find_one_and_update(
        {"_id": row.id, "version": row.version},
        {"$set": {"suspended_at": suspended_at}, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return User.model_validate(changed) if changed else None


async def users_found(user_ids: Collection[str], text: str) -> list[str]:
    """Which of these people have this text in their name or address."""
    where = {"$or": [{name: pages.contains(text)} for name in ("username", "email", "first_name", "last_name")]}
    return [row.id for row in await User.find({"$and": [{"_id": {"$in": list(user_ids)}, **_PEOPLE}, where]}).to_list()]


async def page_of_users(where: dict[str, Any], request: PageRequest) -> Page[User]:
    """Of the installation: for its operator."""
    where = {**where, **_PEOPLE}
    rows = await pages.fetch(User, where, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await User.find(where).count() if request.count else None)


async def count_users() -> int:
    return await User.find(_PEOPLE).count()


async def count_live_sessions(now: datetime) -> int:
    return await Session.find({"ended_at": None, "expires_at": {"$gt": now}}).count()


async def sessions_page(user_id: str, now: datetime, request: PageRequest) -> Page[Session]:
    """The live ones of one person."""
    query = {"user_id": user_id, "ended_at": None, "expires_at": {"$gt": now}}
    rows = await pages.fetch(Session, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Session.find(query).count() if request.count else None)


async def mark_seen(session: UnitSession, session_ids: Collection[str], now: datetime) -> None:
    await Session.get_pymongo_collection().update_many({"_id": {"$in": list(session_ids)}}, {"$set": {"last_seen_at": now}}, session=session)


async def extend_sessions(session: UnitSession, session_ids: Collection[str], until: datetime, now: datetime) -> None:
    """Those that are live at `now` end then; what is over stays over."""
    where: dict[str, Any] = {"_id": {"$in": list(session_ids)}, "ended_at": None, "expires_at": {"$gt": now}}
    await Session.get_pymongo_collection().update_many(where, {"$set": {"expires_at": until}}, session=session)
