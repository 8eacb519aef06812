"""Every query about what guards accounts: failed tries, known devices, letters to be sent, the keys that sign access tokens."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from crypto_api.identity.documents import Attempts, DueMail, KnownDevice, Passkey, SigningKey, User
from mongodb_config import unit_of_work

UnitSession = unit_of_work.Session


# ---- failed tries ------------------------------------------------------------------------------------------------------------


async def attempts(session: UnitSession, bucket: str) -> Attempts | None:
    return await Attempts.find_one({"_id": bucket}, session=session)


async def put_attempts(session: UnitSession, row: Attempts, seen: Attempts | None) -> bool:
    """Compare-and-set: False when somebody else has tried since `seen` was read."""
    if seen is None:
        try:
            await row.insert(session=session)
        except DuplicateKeyError:
            return False
        return True
    done = await Attempts.get_pymongo_collection().update_one(
        {"_id": row.id, "failures": seen.failures, "expires_at": seen.expires_at},
        {"$set": {"failures": row.failures, "blocked_until": row.blocked_until, "expires_at": row.expires_at}},
        session=session,
    )
    return done.matched_count == 1


async def any_shut(session: UnitSession, buckets: Collection[str], now: datetime) -> bool:
    where = {"_id": {"$in": list(buckets)}, "blocked_until": {"$gt": now}}
    return await Attempts.find_one(where, session=session) is not None


async def forget_attempts(session: UnitSession, buckets: Collection[str]) -> None:
    await Attempts.get_pymongo_collection().delete_many({"_id": {"$in": list(buckets)}}, session=session)


# ---- devices -----------------------------------------------------------------------------------------------------------------


async def known_device(device_hash: str, now: datetime) -> KnownDevice | None:
    return await KnownDevice.find_one({"_id": device_hash, "expires_at": {"$gt": now}})


async def forget_devices(session: UnitSession, user_id: str) -> None:
    """Of somebody who may not have been who they said: they all count as strange again."""
    await KnownDevice.get_pymongo_collection().delete_many({"user_id": user_id}, session=session)


# ---- letters -----------------------------------------------------------------------------------------------------------------


async def insert_mail(session: UnitSession, row: DueMail) -> None:
    await row.insert(session=session)


async def mail_due(mail_id: str) -> DueMail | None:
    """None when it was sent already, or never asked for."""
    return await DueMail.find_one({"_id": mail_id, "sent_at": None})


async def mails_due(asked_before: datetime, limit: int) -> list[str]:
    """Asked for, but not sent: the job was lost or the mail server was down."""
    return [row.id for row in await DueMail.find({"sent_at": None, "created_at": {"$lt": asked_before}}, limit=limit).to_list()]


async def mark_mail_sent(session: UnitSession, mail_id: str, now: datetime) -> None:
    await DueMail.get_pymongo_collection().update_one({"_id": mail_id, "sent_at": None}, {"$set": {"sent_at": now, "data": {}}}, session=session)


# ---- keys that sign access tokens ----------------------------------------------------------------------------------------------

_DATED = {"$type": "date"}
"""Beside every range of `retired_at`: the index `signs` holds only rows without a date, and the embedded database (SecantusDB 0.7) looks for a range
of dates in it as well, where it finds none. MongoDB does not need it."""


async def signing_keys(now: datetime, session: UnitSession | None = None) -> list[SigningKey]:
    """Those that sign or still verify, newest first."""
    where: dict[str, Any] = {"$or": [{"retired_at": None}, {"retired_at": {"$gt": now, **_DATED}}]}
    return await SigningKey.find(where, session=session).sort("-created_at", "-_id").to_list()


async def insert_signing_key(session: UnitSession, row: SigningKey) -> None:
    await row.insert(session=session)


async def retire_signing_keys(session: UnitSession, at: datetime) -> list[str]:
    """None signs any more, and none verifies after `at`; those it concerned."""
    where = {"$or": [{"retired_at": None}, {"retired_at": {"$gt": at, **_DATED}}]}
    concerned = [row.id for row in await SigningKey.find(where, session=session).to_list()]
    await SigningKey.get_pymongo_collection().update_many(where, {"$set": {"retired_at": at}}, session=session)
    return concerned


async def delete_signing_keys(session: UnitSession, retired_before: datetime) -> None:
    await SigningKey.get_pymongo_collection().delete_many({"retired_at": {"$lt": retired_before, **_DATED}}, session=session)


async def reseal_signing_key(session: UnitSession, kid: str, sealed: str, resealed: str) -> bool:
    done = await SigningKey.get_pymongo_collection().update_one(
        {"_id": kid, "sealed_key": sealed}, {"$set": {"sealed_key": resealed}}, session=session
    )
    return done.matched_count == 1


# ---- what the operator takes away, or seals anew ---------------------------------------------------------------------------------


async def remove_second_factors(session: UnitSession, user_id: str) -> int:
    """Authenticator app, recovery codes and passkeys; how many passkeys there were. Nothing counts as shown in any session any more."""
    await User.get_pymongo_collection().update_one(
        {"_id": user_id}, {"$set": {"totp": None, "recovery_hashes": []}, "$inc": {"version": 1}}, session=session
    )
    return (await Passkey.get_pymongo_collection().delete_many({"user_id": user_id}, session=session)).deleted_count


async def users_with_totp(after: str, limit: int) -> list[User]:
    """In the order of their ids, for a walk over all of them."""
    return await User.find({"_id": {"$gt": after}, "totp": {"$ne": None}}, limit=limit).sort("+_id").to_list()


async def reseal_totp(session: UnitSession, user_id: str, sealed: str, resealed: str) -> bool:
    """False when the person has another one by now."""
    done = await User.get_pymongo_collection().update_one(
        {"_id": user_id, "totp.sealed_secret": sealed}, {"$set": {"totp.sealed_secret": resealed}}, session=session
    )
    return done.matched_count == 1
