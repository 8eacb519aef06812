from pymongo import ASCENDING, IndexModel

from crypto_api.classification.types import CounterpartyKind
from mongodb_config.base_document import TenantDocument


class Counterparty(TenantDocument):
    """An address that the organisation knows."""

    address: str  # EIP-55
    name: str
    kind: CounterpartyKind

    class Settings:
        name = "counterparties"
        indexes = [IndexModel([("org_id", ASCENDING), ("address", ASCENDING)], unique=True, name="org_address")]
