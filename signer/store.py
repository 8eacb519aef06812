"""What the signer reads, each time anew. It writes nothing."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from crypto_api.identity.documents import EthereumAccount
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt, SenderLane
from crypto_api.payments.types import Attempt, PaymentState
from crypto_api.wallets.documents import Wallet

_WITHOUT_EFFECT = (PaymentState.CANCELLED, PaymentState.FAILED, PaymentState.REPLACED)


async def payment(org_id: str, payment_id: str) -> Payment | None:
    return await Payment.find_one({"_id": payment_id, "org_id": org_id})


async def attempts(org_id: str, payment_id: str) -> list[PaymentAttempt]:
    return await PaymentAttempt.find({"org_id": org_id, "payment_id": payment_id}).sort("+number").to_list()


async def slot(chain_id: int, address: str, nonce: int) -> NonceSlot | None:
    return await NonceSlot.find_one({"chain_id": chain_id, "address": address, "nonce": nonce})


async def lane(chain_id: int, address: str) -> SenderLane | None:
    return await SenderLane.find_one({"chain_id": chain_id, "address": address})


async def wallet(org_id: str, wallet_id: str) -> Wallet | None:
    """Also a deleted one: its key is kept, and has to be re-wrapped."""
    return await Wallet.find_one({"_id": wallet_id, "org_id": org_id})


async def keys_of(user_ids: Collection[str]) -> list[EthereumAccount]:
    """The Ethereum accounts of these people that are keys, not contracts."""
    return await EthereumAccount.find({"user_id": {"$in": list(user_ids)}, "is_contract": False}).to_list()


async def signed_since(org_id: str, since: datetime, *, but: str) -> Decimal | None:
    """The value of what other payments were signed for since then; None when one of them has no value."""
    rows = await PaymentAttempt.find({"org_id": org_id, "purpose": Attempt.PAY, "signed_at": {"$gte": since}}).to_list()
    ids = sorted({row.payment_id for row in rows} - {but})
    if not ids:
        return Decimal(0)
    values = [row.value for row in await Payment.find({"org_id": org_id, "_id": {"$in": ids}, "state": {"$nin": list(_WITHOUT_EFFECT)}}).to_list()]
    return None if None in values else sum((value for value in values if value is not None), Decimal(0))
