"""Every query of the slice. That of the lane spans organisations, since a chain does."""

from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from crypto_api.backfills.documents import Backfill
from crypto_api.backfills.errors import BackfillRunning
from mongodb_config.unit_of_work import Session


async def insert(session: Session, row: Backfill) -> None:
    """BackfillRunning when the wallet has one that goes on: decided by the unique index."""
    try:
        await row.insert(session=session)
    except DuplicateKeyError as error:
        raise BackfillRunning from error


async def live_on_network(network: str) -> list[Backfill]:
    """Oldest first."""
    return await Backfill.find({"network": network, "live": True}).sort("+_id").to_list()


async def live_of_wallet(org_id: str, wallet_id: str, session: Session | None = None) -> Backfill | None:
    return await Backfill.find_one({"org_id": org_id, "wallet_id": wallet_id, "live": True}, session=session)


async def latest_of_wallet(org_id: str, wallet_id: str) -> Backfill | None:
    """The last that was asked for, whether it goes on or has ended."""
    return await Backfill.find({"org_id": org_id, "wallet_id": wallet_id}).sort("-_id").first_or_none()


async def begun(org_id: str, network: str) -> list[Backfill]:
    """Whatever was read of the history of any wallet there, also by those that ended."""
    return await Backfill.find({"org_id": org_id, "network": network, "position": {"$ne": None}}).to_list()


async def begun_on_network(network: str) -> list[Backfill]:
    """The same of every organisation."""
    return await Backfill.find({"network": network, "position": {"$ne": None}}).to_list()


async def change(session: Session, row: Backfill, changes: dict[str, Any]) -> Backfill | None:
    """Compare-and-set on `version`: None when somebody else was first, or it has ended."""
    found: dict[str, Any] | None = await Backfill.get_pymongo_collection().find_one_and_update(
        {"_id": row.id, "org_id": row.org_id, "version": row.version, "live": True},
        {"$set": changes, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return Backfill.model_validate(found) if found else None
