"""Every query about second factors, passkeys, Ethereum accounts and step-ups. They belong to people, whom the organisations share."""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from crypto_api.identity.documents import Approval, EthereumAccount, Passkey, Session, User
from crypto_api.identity.errors import EthereumAccountTaken, PasskeyTaken
from mongodb_config import unit_of_work
from mongodb_config.base_document import encoded

UnitSession = unit_of_work.Session


# ---- codes of an authenticator app -----------------------------------------------------------------------------------------


async def put_unconfirmed_totp(session: UnitSession, user_id: str, sealed_secret: str) -> bool:
    """False when one is confirmed already: that one stays."""
    done = await User.get_pymongo_collection().update_one(
        {"_id": user_id, "totp.confirmed_at": None},
        {"$set": {"totp": {"sealed_secret": sealed_secret, "confirmed_at": None, "last_step": 0}}},
        session=session,
    )
    return done.matched_count == 1


async def confirm_totp(session: UnitSession, user_id: str, sealed_secret: str, step: int, recovery_hashes: list[str], now: datetime) -> bool:
    """False when it is not this secret any more, or confirmed already."""
    done = await User.get_pymongo_collection().update_one(
        {"_id": user_id, "totp.sealed_secret": sealed_secret, "totp.confirmed_at": None},
        {"$set": {"totp.confirmed_at": now, "totp.last_step": step, "recovery_hashes": recovery_hashes}, "$inc": {"version": 1}},
        session=session,
    )
    return done.matched_count == 1


async def use_totp_step(session: UnitSession, user_id: str, sealed_secret: str, step: int) -> bool:
    """A code counts once, and none that is older than one that was used: of two that come at the same moment one gets True."""
    done = await User.get_pymongo_collection().update_one(
        {"_id": user_id, "totp.sealed_secret": sealed_secret, "totp.confirmed_at": {"$ne": None}, "totp.last_step": {"$lt": step}},
        {"$set": {"totp.last_step": step}},
        session=session,
    )
    return done.matched_count == 1


async def use_recovery_code(session: UnitSession, user_id: str, recovery_hash: str) -> bool:
    """Used means gone."""
    done = await User.get_pymongo_collection().update_one(
        {"_id": user_id, "totp.confirmed_at": {"$ne": None}, "recovery_hashes": recovery_hash},
        {"$pull": {"recovery_hashes": recovery_hash}},
        session=session,
    )
    return done.matched_count == 1


async def put_recovery_codes(session: UnitSession, user_id: str, recovery_hashes: list[str]) -> bool:
    """False when there is no second factor that they could stand in for."""
    done = await User.get_pymongo_collection().update_one(
        {"_id": user_id, "totp.confirmed_at": {"$ne": None}}, {"$set": {"recovery_hashes": recovery_hashes}, "$inc": {"version": 1}}, session=session
    )
    return done.matched_count == 1


async def remove_totp(session: UnitSession, user_id: str) -> bool:
    done = await User.get_pymongo_collection().update_one(
        {"_id": user_id, "totp.confirmed_at": {"$ne": None}}, {"$set": {"totp": None, "recovery_hashes": []}, "$inc": {"version": 1}}, session=session
    )
    return done.matched_count == 1


# ---- what a session has shown ----------------------------------------------------------------------------------------------


async def add_factor(session: UnitSession, session_id: str, factor: str, now: datetime) -> None:
    """From now on this session has shown it as well."""
    await Session.get_pymongo_collection().update_one(
        {"_id": session_id, "ended_at": None, "expires_at": {"$gt": now}}, {"$addToSet": {"factors": factor}}, session=session
    )


async def withdraw_factor(session: UnitSession, user_id: str, factor: str) -> None:
    """The person has no such factor any more: no session of theirs counts as opened with it."""
    await Session.get_pymongo_collection().update_many({"user_id": user_id, "ended_at": None}, {"$pull": {"factors": factor}}, session=session)


async def approve(session: UnitSession, session_id: str, approval: Approval, now: datetime) -> bool:
    """In place of what was approved for the same purpose before, and of what has run out. False when the session has ended, or acts in another
    organisation than the approval is for."""
    sessions = Session.get_pymongo_collection()
    where: dict[str, Any] = {"_id": session_id, "ended_at": None, "expires_at": {"$gt": now}}
    if approval.org_id is not None:
        where["org_id"] = approval.org_id
    await sessions.update_one(where, {"$pull": {"approvals": {"purpose": approval.purpose, "org_id": approval.org_id}}}, session=session)
    await sessions.update_one(where, {"$pull": {"approvals": {"until": {"$lte": now}}}}, session=session)
    done = await sessions.update_one(where, {"$push": {"approvals": encoded(approval)}}, session=session)
    return done.matched_count == 1


async def revoke_approvals(session: UnitSession, session_id: str) -> bool:
    """A fresh log-in approves nothing either from then on. False when there was nothing to revoke."""
    done = await Session.get_pymongo_collection().update_one(
        {"_id": session_id, "ended_at": None, "$or": [{"approvals": {"$ne": []}}, {"authenticated_at": {"$ne": None}}]},
        {"$set": {"approvals": [], "authenticated_at": None}},
        session=session,
    )
    return done.modified_count == 1


# ---- passkeys --------------------------------------------------------------------------------------------------------------


async def passkeys_of(user_id: str) -> list[Passkey]:
    return await Passkey.find({"user_id": user_id}).sort("created_at", "_id").to_list()


async def passkey(passkey_id: str) -> Passkey | None:
    """Whoever's it is: a log-in does not know yet."""
    return await Passkey.get(passkey_id)


async def insert_passkey(session: UnitSession, row: Passkey) -> None:
    try:
        await row.insert(session=session)
    except DuplicateKeyError as error:
        raise PasskeyTaken from error


async def use_passkey(session: UnitSession, passkey_id: str, sign_count: int, *, backed_up: bool, now: datetime) -> bool:
    """False when the device's counter has not grown, which a copy of the key would show. A device without a counter always says 0."""
    grown = {"$lt": sign_count} if sign_count else 0
    done = await Passkey.get_pymongo_collection().update_one(
        {"_id": passkey_id, "sign_count": grown}, {"$set": {"sign_count": sign_count, "backed_up": backed_up, "last_used_at": now}}, session=session
    )
    return done.matched_count == 1


async def rename_passkey(session: UnitSession, user_id: str, passkey_id: str, name: str) -> Passkey | None:
    """As it was before; None when this person has no such passkey."""
    row = await Passkey.get_pymongo_collection().find_one_and_update(
        {"_id": passkey_id, "user_id": user_id}, {"$set": {"name": name}}, session=session
    )
    return Passkey.model_validate(row) if row else None


async def delete_passkey(session: UnitSession, user_id: str, passkey_id: str) -> Passkey | None:
    """What was deleted; None when this person has no such passkey."""
    row = await Passkey.get_pymongo_collection().find_one_and_delete({"_id": passkey_id, "user_id": user_id}, session=session)
    return Passkey.model_validate(row) if row else None


async def touch_user(session: UnitSession, user_id: str) -> User | None:
    """The person, written to, so that two who change their ways in at the same moment come one after the other."""
    row = await User.get_pymongo_collection().find_one_and_update(
        {"_id": user_id}, {"$inc": {"version": 1}}, return_document=ReturnDocument.AFTER, session=session
    )
    return User.model_validate(row) if row else None


async def count_passkeys(user_id: str, session: UnitSession | None = None) -> int:
    return await Passkey.find({"user_id": user_id}, session=session).count()


# ---- Ethereum accounts -----------------------------------------------------------------------------------------------------


async def count_ethereum_accounts(user_id: str, session: UnitSession | None = None) -> int:
    return await EthereumAccount.find({"user_id": user_id}, session=session).count()


async def ethereum_accounts_of(user_id: str) -> list[EthereumAccount]:
    return await EthereumAccount.find({"user_id": user_id}).sort("created_at", "_id").to_list()


async def ethereum_account(address: str, chain_id: int) -> EthereumAccount | None:
    """Whoever's it is. A contract is one on its own network only, a key is the same on all of them."""
    contract = await EthereumAccount.find_one({"_id": f"eip155:{chain_id}:{address.lower()}", "is_contract": True})
    return contract or await EthereumAccount.find_one({"address": address, "is_contract": False})


async def insert_ethereum_account(session: UnitSession, row: EthereumAccount) -> None:
    try:
        await row.insert(session=session)
    except DuplicateKeyError as error:
        raise EthereumAccountTaken from error


async def use_ethereum_account(session: UnitSession, account_id: str, now: datetime) -> bool:
    done = await EthereumAccount.get_pymongo_collection().update_one({"_id": account_id}, {"$set": {"last_used_at": now}}, session=session)
    return done.matched_count == 1


async def delete_ethereum_account(session: UnitSession, user_id: str, account_id: str) -> EthereumAccount | None:
    """What was deleted; None when this person has no such account."""
    row = await EthereumAccount.get_pymongo_collection().find_one_and_delete({"_id": account_id, "user_id": user_id}, session=session)
    return EthereumAccount.model_validate(row) if row else None
