"""What the lists of the dashboard join to a row: names of wallets and accounts, entries of a transaction, last activity, net totals."""

from collections.abc import Iterable
from datetime import datetime

from beanie import SortDirection
from pymongo import DESCENDING

from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import AccountBalance, JournalEntry
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets.documents import Wallet

SPAM = "spam"


async def assets_seen(org_id: str) -> list[str]:
    """Every asset that the books hold or held."""
    found = await AccountBalance.get_pymongo_collection().distinct("asset", {"org_id": org_id, "asset": {"$ne": None}})
    return sorted(str(asset) for asset in found)


async def entries_of(org_id: str, transaction_id: str) -> list[JournalEntry]:
    """Every entry that a transaction ever caused, oldest first: bookings and their reversals."""
    return await JournalEntry.find({"org_id": org_id, "transaction_id": transaction_id}, sort=[("_id", SortDirection.ASCENDING)]).to_list()


async def account_names(org_id: str) -> dict[str, str]:
    return {row.code: row.name for row in await ledger.accounts(org_id)}


async def wallet_names(org_id: str) -> dict[str, str]:
    """Also of wallets that were removed: their history keeps its name."""
    rows = Wallet.get_pymongo_collection().find({"org_id": org_id}, {"name": 1})
    return {row["_id"]: row["name"] async for row in rows}


async def last_activity(org_id: str, wallet_ids: Iterable[str]) -> dict[str, datetime]:
    """When each wallet last moved, spam left out."""
    found = {}
    for wallet_id in wallet_ids:
        query = {"org_id": org_id, "wallet_ids": wallet_id, "category": {"$ne": SPAM}}
        rows = await Transaction.get_pymongo_collection().find(query, {"timestamp": 1}).sort("timestamp", DESCENDING).limit(1).to_list()
        if rows:
            found[wallet_id] = rows[0]["timestamp"]
    return found
