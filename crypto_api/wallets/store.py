"""Every query of the slice. Those of the follower span organisations, since a chain does; they are named `…_on_network`."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from beanie import SortDirection
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from crypto_api.wallets.errors import WalletExists
from crypto_api.wallets.types import Watched
from mongodb_config import pages
from mongodb_config.parts import in_parts
from mongodb_config.unit_of_work import Session

# ---- the follower ----------------------------------------------------------------------------------------------------------------


async def changed_on_network(network: str, since: datetime | None) -> list[Wallet]:
    """Every wallet of the network, or those changed at or after `since`."""
    query = {"network": network} if since is None else {"network": network, "updated_at": {"$gte": since}}
    return await Wallet.find(query, sort=[("updated_at", SortDirection.ASCENDING)]).to_list()


async def watched_on_network(network: str, since: datetime | None, *, ids: Collection[str] | None = None) -> list[Watched]:
    """Every wallet of the network, those changed at or after `since`, or those of these ids: a few fields each, since they are many."""
    query: dict[str, Any] = {"network": network}
    if since is not None:
        query["updated_at"] = {"$gte": since}
    if ids is not None:
        query["_id"] = {"$in": sorted(ids)}
    shown = {"org_id": 1, "address": 1, "updated_at": 1, "active": 1, "monitoring_enabled": 1, "opening": 1}
    return [_watched(row) async for row in Wallet.get_pymongo_collection().find(query, shown)]


def _watched(row: dict[str, Any]) -> Watched:
    counts = row["active"] and row["monitoring_enabled"] and row["opening"] == Opening.DONE
    return Watched(row["_id"], row["org_id"], row["address"].lower(), row["updated_at"], counts)


async def with_key_on_network(network: str) -> list[str]:
    """Addresses that the signer can send from, deleted wallets among them: what they sent may still be open."""
    rows = await Wallet.get_pymongo_collection().distinct("address", {"network": network, "wallet_type": WalletType.PRIVATE_KEY.value})
    return sorted(rows)


async def due_for_opening_on_network(network: str) -> list[Wallet]:
    return await Wallet.find({"network": network, "opening": Opening.DUE, "active": True, "monitoring_enabled": True}).to_list()


async def some_on_network(network: str, keys: Collection[tuple[str, str]]) -> list[Wallet]:
    """Of (organisation, wallet), those that are active."""
    ids = sorted({wallet_id for _, wallet_id in keys})
    rows = await Wallet.find({"_id": {"$in": ids}, "network": network, "active": True}).to_list()
    return [row for row in rows if (row.org_id, row.id) in keys]


async def opened_at_on_network(session: Session, network: str, block_hash: str) -> list[Wallet]:
    query = {"network": network, "opened_at_hash": block_hash}
    return await Wallet.find(query, session=session).to_list()


async def mark_opened(session: Session, wallet: Wallet, height: int, block_hash: str, now: datetime) -> bool:
    """False when it is no longer due: another run was first."""
    done = await Wallet.get_pymongo_collection().update_one(
        {"_id": wallet.id, "org_id": wallet.org_id, "opening": Opening.DUE, "openings": wallet.openings},
        {
            "$set": {"opening": Opening.DONE, "opened_at_height": height, "opened_at_hash": block_hash, "opening_waits": None, "updated_at": now},
            "$inc": {"openings": 1},
        },
        session=session,
    )
    return done.modified_count == 1


async def put_opening_waits(session: Session, wallet: Wallet, reason: str) -> bool:
    """False when it does not wait to be opened any more."""
    done = await Wallet.get_pymongo_collection().update_one(
        {"_id": wallet.id, "org_id": wallet.org_id, "opening": Opening.DUE, "active": True, "monitoring_enabled": True},
        {"$set": {"opening_waits": reason}},
        session=session,
    )
    return done.modified_count == 1


async def waiting_to_open(org_id: str) -> list[Wallet]:
    """Of which providers do not tell the same."""
    query = {"org_id": org_id, "active": True, "monitoring_enabled": True, "opening": Opening.DUE, "opening_waits": {"$type": "string"}}
    return await Wallet.find(query).sort("+_id").to_list()


async def hold_opening(session: Session, wallet: Wallet) -> bool:
    """Makes this unit of work conflict with any that opens the wallet anew; False when it was, or is not watched any more."""
    done = await Wallet.get_pymongo_collection().update_one(
        {"_id": wallet.id, "org_id": wallet.org_id, "opening": Opening.DONE, "opened_at_hash": wallet.opened_at_hash, "active": True},
        {"$inc": {"held": 1}},
        session=session,
    )
    return done.modified_count == 1


async def mark_due_again(session: Session, wallet: Wallet, now: datetime) -> None:
    """Its opening block is no longer part of the chain: it is opened anew."""
    await Wallet.get_pymongo_collection().update_one(
        {"_id": wallet.id, "org_id": wallet.org_id, "opened_at_hash": wallet.opened_at_hash},
        {"$set": {"opening": Opening.DUE, "opened_at_height": None, "opened_at_hash": None, "updated_at": now}},
        session=session,
    )


# ---- one organisation ------------------------------------------------------------------------------------------------------------


async def get(org_id: str, wallet_id: str, session: Session | None = None) -> Wallet | None:
    """An active wallet."""
    return await Wallet.find_one({"_id": wallet_id, "org_id": org_id, "active": True}, session=session)


async def by_ids(org_id: str, wallet_ids: Sequence[str]) -> list[Wallet]:
    """Also deleted ones: their history still names them."""
    return await Wallet.find({"_id": {"$in": list(wallet_ids)}, "org_id": org_id}).to_list()


async def active(org_id: str, session: Session | None = None) -> list[Wallet]:
    return await Wallet.find({"org_id": org_id, "active": True}, session=session).sort("+_id").to_list()


async def at_any(org_id: str, addresses: Collection[str]) -> list[Wallet]:
    """The active wallets at any of these addresses (EIP-55), on each network."""
    found: list[Wallet] = []
    for part in in_parts(sorted(addresses)):
        found += await Wallet.find({"org_id": org_id, "address": {"$in": part}, "active": True}).to_list()
    return found


async def any_of_people(org_id: str, *, opened: bool) -> bool:
    """Whether somebody added one; with `opened` one whose books are open."""
    where = {"org_id": org_id, "active": True, "slot": {"$type": "int"}} | ({"opening": Opening.DONE} if opened else {})
    return await Wallet.get_pymongo_collection().find_one(where, {"_id": 1}) is not None


async def of_people(org_id: str) -> list[Wallet]:
    """Those that somebody added, by the slots that bound their number; not the addresses at which single invoices are paid."""
    return await Wallet.find({"org_id": org_id, "active": True, "slot": {"$type": "int"}}).to_list()


async def page(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[Wallet]:
    """Active wallets of people. `where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    query: dict[str, Any] = {"$and": [{"org_id": org_id, "active": True, "receives": None}, where]}
    rows = await pages.fetch(Wallet, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Wallet.find(query).count() if request.count else None)


async def with_key(org_id: str) -> list[Wallet]:
    """Those with a stored key, deleted ones too."""
    return await Wallet.find({"org_id": org_id, "sealed_key": {"$type": "object"}}).sort("+_id").to_list()


async def replace_envelope(session: Session, org_id: str, wallet_id: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """False when another stands there by now."""
    query = {"_id": wallet_id, "org_id": org_id, "sealed_key.wrapped_key": old.get("wrapped_key"), "sealed_key.ciphertext": old.get("ciphertext")}
    done = await Wallet.get_pymongo_collection().update_one(query, {"$set": {"sealed_key": new}}, session=session)
    return done.modified_count == 1


async def taken_slots(session: Session, org_id: str, user_id: str) -> list[int]:
    query = {"org_id": org_id, "created_by": user_id, "active": True, "slot": {"$type": "int"}}
    rows = Wallet.get_pymongo_collection().find(query, {"slot": 1}, session=session)
    return [row["slot"] async for row in rows]


async def insert(session: Session, wallet: Wallet) -> None:
    """WalletExists when the address is taken, SlotTaken when another wallet of the same person was first: both decided by unique indexes."""
    try:
        await wallet.insert(session=session)
    except DuplicateKeyError as error:
        raise (SlotTaken if "slot" in str((error.details or {}).get("keyPattern") or error) else WalletExists)() from error


class SlotTaken(Exception):
    """Look again for a free one."""


async def change(session: Session, org_id: str, wallet_id: str, versions: Collection[int] | None, changes: dict[str, Any]) -> Wallet | None:
    """The changed wallet; None when it is not there (any more), or stands at none of `versions`."""
    query: dict[str, Any] = {"_id": wallet_id, "org_id": org_id, "active": True}
    if versions is not None:
        query["version"] = {"$in": list(versions)}
    row: dict[str, Any] | None = await Wallet.get_pymongo_collection().find_one_and_update(
        query, {"$set": changes, "$inc": {"version": 1}}, return_document=ReturnDocument.AFTER, session=session
    )
    return Wallet.model_validate(row) if row else None
