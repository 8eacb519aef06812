"""Rows as the follower stores them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Direction, Movement, MovementKind

OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
OWN = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
FIRST = datetime(2026, 11, 20, 12, tzinfo=UTC)


def stored_movement(wallet_id: str, **changes: Any) -> Movement:
    values: dict[str, Any] = {
        "key": "value",
        "kind": MovementKind.NATIVE,
        "asset": "ETH",
        "contract": None,
        "symbol": "ETH",
        "decimals": 18,
        "raw_amount": "250000000000000000",
        "amount": Decimal("0.25"),
        "direction": Direction.IN,
        "wallet_id": wallet_id,
        "from_address": OTHER,
        "to_address": OWN,
        "value": Decimal("500.125"),
        "rate": Decimal("2000.5"),
        "price_source": "manual",
        "price_at": FIRST,
    }
    return Movement(**{**values, **changes})


def stored_transaction(org_id: str, wallet_id: str, *, number: int = 1, movements: list[Movement] | None = None, **changes: Any) -> Transaction:
    hash_ = f"0x{number:064x}"
    moved = [stored_movement(wallet_id)] if movements is None else movements
    values: dict[str, Any] = {
        "id": f"{org_id}:eip155:31337:{hash_}",
        "created_at": FIRST,
        "org_id": org_id,
        "network": "testnet",
        "chain_id": 31337,
        "hash": hash_,
        "block_number": number,
        "block_hash": f"0xb{number:063x}",
        "index": 0,
        "timestamp": FIRST + timedelta(minutes=number),
        "stored_at": FIRST + timedelta(minutes=number),
        "succeeded": True,
        "from_address": OTHER,
        "to_address": OWN,
        "movements": moved,
        "wallet_ids": [wallet_id],
        "assets": sorted({movement.asset for movement in moved}),
    }
    return Transaction(**{**values, **changes})
