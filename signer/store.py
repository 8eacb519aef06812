"""What the signer reads, each time anew. It writes nothing."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from crypto_api.identity.documents import EthereumAccount
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt, SenderLane
from crypto_api.payments.types import Attempt, PaymentState
from crypto_api.wallets.documents import Wallet

_WITHOUT_EFFECT = (PaymentState.CANCELLED, PaymentState.FAILED, PaymentState.REPLACED)


async def payments(org_id: str, payment_ids: Collection[str]) -> dict[str, Payment]:
    return {row.id: row for row in await Payment.find({"_id": {"$in": list(payment_ids)}, "org_id": org_id}).to_list()}


async def attempts(org_id: str, payment_ids: Collection[str]) -> dict[str, list[PaymentAttempt]]:
    """By payment, in order."""
    found: dict[str, list[PaymentAttempt]] = {}
    for row in await PaymentAttempt.find({"org_id": org_id, "payment_id": {"$in": list(payment_ids)}}).sort("+number").to_list():
        found.setdefault(row.payment_id, []).append(row)
    return found


def slot_id(attempt: PaymentAttempt) -> str:
    return f"eip155:{attempt.chain_id}:{attempt.from_address}:{attempt.nonce}"


async def slots(attempts: Collection[PaymentAttempt]) -> dict[str, NonceSlot]:
    """Those that the attempts name, by id."""
    return {row.id: row for row in await NonceSlot.find({"_id": {"$in": [slot_id(row) for row in attempts]}}).to_list()}


async def lane(chain_id: int, address: str) -> SenderLane | None:
    return await SenderLane.find_one({"chain_id": chain_id, "address": address})


async def wallet(org_id: str, wallet_id: str) -> Wallet | None:
    """Also a deleted one: its key is kept, and has to be re-wrapped."""
    return (await wallets(org_id, [wallet_id])).get(wallet_id)


async def wallets(org_id: str, wallet_ids: Collection[str]) -> dict[str, Wallet]:
    return {row.id: row for row in await Wallet.find({"_id": {"$in": list(wallet_ids)}, "org_id": org_id}).to_list()}


async def keys_of(user_ids: Collection[str]) -> list[EthereumAccount]:
    """The Ethereum accounts of these people that are keys, not contracts."""
    return await EthereumAccount.find({"user_id": {"$in": list(user_ids)}, "is_contract": False}).to_list()


async def signed_since(org_id: str, since: datetime) -> dict[str, Decimal | None]:
    """The value of each payment for which something was signed since then, and which has not come to nothing; None of one that has no value."""
    rows = PaymentAttempt.get_pymongo_collection().find({"org_id": org_id, "purpose": Attempt.PAY, "signed_at": {"$gte": since}}, {"payment_id": 1})
    ids = sorted({row["payment_id"] async for row in rows})
    if not ids:
        return {}
    query = {"org_id": org_id, "_id": {"$in": ids}, "state": {"$nin": list(_WITHOUT_EFFECT)}}
    found = Payment.get_pymongo_collection().find(query, {"value": 1})
    return {row["_id"]: row["value"].to_decimal() if row["value"] is not None else None async for row in found}
