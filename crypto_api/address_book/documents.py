from datetime import datetime

from pymongo import ASCENDING, IndexModel

from crypto_api.address_book.types import PayeeState
from mongodb_config.base_document import TenantDocument


class Payee(TenantDocument):
    """Somebody who may be paid at an address. Changing the address or the network makes it unverified again; names are free to change."""

    name: str
    name_folded: str
    address: str  # EIP-55
    network: str | None = None  # slug; None: on every network
    note: str = ""
    state: PayeeState = PayeeState.UNVERIFIED
    created_by: str
    address_changed_by: str  # who wrote down the address as it is now: never the one who verifies it
    address_changed_at: datetime
    verified_by: str | None = None
    verified_at: datetime | None = None
    verified_name: str | None = None  # what it was called then: a later name is nobody's word but the writer's
    warnings: list[str] = []  # found when the address was written: shown to whoever verifies and pays
    payable_from: datetime | None = None  # the end of the cooling-off, set when it is verified
    updated_at: datetime
    version: int = 1

    class Settings:
        name = "payees"
        indexes = [
            IndexModel(
                [("org_id", ASCENDING), ("address", ASCENDING), ("network", ASCENDING)],
                unique=True,
                partialFilterExpression={"state": {"$in": ["unverified", "verified"]}},
                name="org_address",
            ),
            IndexModel([("org_id", ASCENDING), ("name_folded", ASCENDING), ("_id", ASCENDING)], name="org_name"),
        ]
