from datetime import datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.kit.amounts import StoredDecimal
from crypto_api.price_alerts.types import Condition, Standing
from mongodb_config.base_document import TenantDocument


class PriceAlert(TenantDocument):
    """The organisation wants to be told when the rate of `asset` in `quote` crosses something. What it has seen stands in it, so that any worker
    goes on where another stopped."""

    asset: str
    quote: str
    condition: Condition
    threshold: StoredDecimal  # a rate; per cent for `moves`
    hysteresis: StoredDecimal  # per cent
    note: str = ""
    mail: bool = False  # a letter to who made it as well
    paused: bool = False
    created_by: str
    armed: bool | None = None
    reference: StoredDecimal | None = None
    seen_rate: StoredDecimal | None = None
    seen_at: datetime | None = None
    fired_at: datetime | None = None
    fired_rate: StoredDecimal | None = None
    fired_count: int = 0
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    unpriced_since: datetime | None = None  # no source tells its rate now
    version: int = 1

    class Settings:
        name = "price_alerts"
        indexes = [IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_id")]

    @property
    def unseen(self) -> bool:
        """Whether it fired, and nobody has said since that they know."""
        return self.fired_at is not None and (self.acknowledged_at is None or self.acknowledged_at < self.fired_at)

    @property
    def standing(self) -> Standing:
        return Standing(self.armed, self.reference, self.seen_rate, self.seen_at)
