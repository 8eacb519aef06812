from datetime import datetime
from enum import StrEnum
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from mongodb_config.base_document import TenantDocument


class WalletType(StrEnum):
    PRIVATE_KEY = "private_key"
    METAMASK = "metamask"
    HARDWARE = "hardware"
    WATCH = "watch"


class Opening(StrEnum):
    """Where a wallet stands with its opening balance: what it held when watching began."""

    DUE = "due"
    DONE = "done"


class Wallet(TenantDocument):
    name: str
    address: str  # EIP-55
    wallet_type: WalletType
    network: str  # slug
    monitoring_enabled: bool = True
    sealed_key: dict[str, Any] | None = None  # envelope of `adapters/key_sealing.py`; never in an answer, log or event
    owner_verified_at: datetime | None = None  # since when it is known to be the organisation's: by its stored key, or by a signature
    owner_verified_by: str | None = None
    created_by: str
    slot: int | None = None  # 0..9 among the active wallets of its creator: the unique index keeps anyone from having more than ten
    receives: str | None = None  # the invoice that alone is paid at this address: it is no wallet of a person, and in no list of wallets
    active: bool = True  # False: deleted by a person; kept for its history
    opening: Opening = Opening.DUE
    opened_at_height: int | None = None  # movements count from the block after this one
    opened_at_hash: str | None = None
    opening_waits: str | None = None  # why its books are not opened yet, for people: providers do not agree on what it held
    held: int = 0  # counts units of work that rest on this opening
    pays_delegated: bool = False  # whether it may run our batch contract as its own code (EIP-7702), where the payment policy lets wallets
    openings: int = 0  # how often it was opened: the opening block may be orphaned, and watching may pause
    updated_at: datetime
    version: int = 1  # grows with each change by a person; the ETag

    class Settings:
        name = "wallets"
        indexes = [
            IndexModel(
                [("org_id", ASCENDING), ("network", ASCENDING), ("address", ASCENDING)],
                unique=True,
                partialFilterExpression={"active": True},
                name="org_address",
            ),
            IndexModel(
                [("org_id", ASCENDING), ("created_by", ASCENDING), ("slot", ASCENDING)],
                unique=True,
                partialFilterExpression={"active": True, "slot": {"$type": "int"}},
                name="org_creator_slot",
            ),
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("network", ASCENDING), ("updated_at", ASCENDING)], name="network_updated"),
            IndexModel([("network", ASCENDING), ("opening", ASCENDING)], name="network_opening"),
        ]
