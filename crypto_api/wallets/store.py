"""Every query of the slice. Those of the follower span organisations, since a chain does; they are named `…_on_network`."""

from datetime import datetime

from crypto_api.wallets.documents import Opening, Wallet
from mongodb_config.unit_of_work import Session

# ---- the follower ----------------------------------------------------------------------------------------------------------------


async def changed_on_network(network: str, since: datetime | None) -> list[Wallet]:
    """Every wallet of the network, or those changed at or after `since`."""
    query = {"network": network} if since is None else {"network": network, "updated_at": {"$gte": since}}
    return await Wallet.find(query, sort=[("updated_at", 1)]).to_list()


async def due_for_opening_on_network(network: str) -> list[Wallet]:
    return await Wallet.find({"network": network, "opening": Opening.DUE, "active": True, "monitoring_enabled": True}).to_list()


async def opened_at_on_network(session: Session, network: str, block_hash: str) -> list[Wallet]:
    query = {"network": network, "opening": Opening.DONE, "opened_at_hash": block_hash}
    return await Wallet.find(query, session=session).to_list()


async def mark_opened(session: Session, wallet: Wallet, height: int, block_hash: str, now: datetime) -> bool:
    """False when it is no longer due: another run was first."""
    done = await Wallet.get_pymongo_collection().update_one(
        {"_id": wallet.id, "org_id": wallet.org_id, "opening": Opening.DUE, "openings": wallet.openings},
        {
            "$set": {"opening": Opening.DONE, "opened_at_height": height, "opened_at_hash": block_hash, "updated_at": now},
            "$inc": {"openings": 1},
        },
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
