from datetime import datetime

from pymongo import ASCENDING, IndexModel

from crypto_api.backfills.types import BackfillState
from mongodb_config.base_document import TenantDocument


class Backfill(TenantDocument):
    """The history of a wallet before its books were opened, being read block by block. The position is moved by compare-and-set in the unit of
    work that stores what was found, so that it goes on where it was, whoever goes on."""

    wallet_id: str
    network: str
    task_id: str
    requested_by: str
    from_block: int | None  # None: from the first block of the address
    state: BackfillState = BackfillState.QUEUED
    live: bool = True
    first_block: int | None = None  # where it began, once that is known
    base_hash: str | None = None  # of the block before it
    base_at: datetime | None = None
    position: int | None = None  # the last block that is done
    position_hash: str | None = None
    to_block: int | None = None  # at which the wallet's books were opened
    opened_at_hash: str | None = None
    rows: int = 0  # transactions that were stored or completed
    reason: str = ""
    version: int = 1

    class Settings:
        name = "backfills"
        indexes = [
            IndexModel(
                [("org_id", ASCENDING), ("wallet_id", ASCENDING)], unique=True, partialFilterExpression={"live": True}, name="org_wallet_live"
            ),
            IndexModel([("network", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"live": True}, name="network_live"),
        ]
