from datetime import datetime

from pydantic import BaseModel, ConfigDict
from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.kit.amounts import StoredDecimal
from crypto_api.prices.types import PriceSource as PriceSource
from mongodb_config.base_document import SharedDocument, TenantDocument


class ManualPrice(TenantDocument):
    """A price that a person of the organisation set: `rate` units of `quote` for one `asset`, in force from `at` on."""

    asset: str
    quote: str
    at: datetime
    rate: StoredDecimal
    set_by: str
    reason: str = ""

    class Settings:
        name = "manual_prices"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("org_id", ASCENDING), ("asset", ASCENDING), ("quote", ASCENDING), ("at", DESCENDING)], name="org_asset_at"),
        ]


class OraclePrice(SharedDocument):
    """Shared: what a feed contract answered at one block. `_id` is `eip155:<chain id>:<block hash>:<feed address>`."""

    network: str
    feed: str
    asset: str
    quote: str
    block_number: int
    rate: StoredDecimal
    updated_at: datetime  # when the feed itself was last updated: the age of the price

    class Settings:
        name = "oracle_prices"
        indexes = [
            IndexModel([("network", ASCENDING), ("asset", ASCENDING), ("block_number", DESCENDING)], name="asset_block"),
            IndexModel([("feed", ASCENDING), ("updated_at", DESCENDING)], name="feed_updated"),
        ]


class ProviderPrice(SharedDocument):
    """Shared: what a provider over HTTP said that an asset was worth at a time. `_id` is `<provider>:<asset>:<quote>:<milliseconds>`; said once, it
    stands: a provider that says otherwise later does not change what was booked on it."""

    provider: str
    asset: str
    quote: str
    at: datetime
    rate: StoredDecimal

    class Settings:
        name = "provider_prices"
        indexes = [IndexModel([("provider", ASCENDING), ("asset", ASCENDING), ("quote", ASCENDING), ("at", DESCENDING)], name="provider_pair_at")]


class TriedSource(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    outcome: str


class PriceGap(TenantDocument):
    """A price that was wanted and that no source told: what was tried, and when last. `_id` is `<org>|<asset>|<quote>|<milliseconds>`. The worklist
    is drawn from the books; this says why, and when it is worth asking again."""

    asset: str
    quote: str
    at: datetime
    tried: list[TriedSource]
    attempts: int
    asked_at: datetime

    class Settings:
        name = "price_gaps"
        indexes = [IndexModel([("org_id", ASCENDING), ("asset", ASCENDING), ("at", ASCENDING)], name="org_asset_at")]
