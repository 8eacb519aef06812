"""A payment as it stands in the database, of which nothing else does: for what reads payments alone."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Call, Origin, PaymentKind, Way

PAYER, PAYEE = "0x71C7656EC7ab88b098defB751B7401B5f6d8976F", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def stored_payment(payment_id: str, org_id: str, at: datetime, **fields: Any) -> Payment:
    """One wei, prepared at that time. `fields` beside these or instead of them; `state` and `due_at` are always the caller's."""
    usual: dict[str, Any] = {
        "created_at": at,
        "updated_at": at,
        "origin": Origin(kind="manual", id=payment_id),
        "kind": PaymentKind.TRANSFER,
        "way": Way.SIGNER,
        "network": "testnet",
        "chain_id": 31337,
        "wallet_id": "wal_1",
        "from_address": PAYER,
        "payee_address": PAYEE,
        "asset": "ETH",
        "decimals": 18,
        "raw_amount": "1",
        "amount": Decimal("1e-18"),
        "call": Call(to=PAYEE, value_raw="1", data="0x"),
        "value_currency": "USD",
        "prepared_by": "usr_1",
    }
    return Payment(id=payment_id, org_id=org_id, **usual | fields)
