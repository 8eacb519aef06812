from datetime import datetime

from pymongo import ASCENDING, IndexModel

from crypto_api.checkpoints.types import Point
from crypto_api.kit.amounts import StoredDecimal
from mongodb_config.base_document import TenantDocument


class Checkpoint(TenantDocument):
    """What a wallet holds of one asset on the chain and in the books, both after the same block. `_id` is `<org>|<wallet>|<asset>`: the latest
    comparison; earlier ones that said something else stand in `history`."""

    wallet_id: str
    network: str
    asset: str
    contract: str | None  # EIP-55; None for the native coin
    decimals: int
    block_number: int
    block_hash: str
    chain_raw: str  # base units
    ledger_quantity: StoredDecimal  # whole units
    difference: StoredDecimal  # chain less books, whole units
    agreed_at_block: int | None  # the last block at which they were equal
    at: datetime
    history: list[Point] = []

    @property
    def agrees(self) -> bool:
        return self.difference == 0

    class Settings:
        name = "checkpoints"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("wallet_id", ASCENDING), ("asset", ASCENDING)], unique=True, name="org_wallet_asset"),
        ]
