"""Facts of the slice."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent
from crypto_api.organizations.types import Permission


class _AlertEvent(DomainEvent):
    permission: ClassVar[str] = Permission.PRICES_READ

    alert_id: str
    asset: str
    quote: str
    condition: str
    threshold: str


class PriceAlertAdded(_AlertEvent):
    kind: ClassVar[str] = "price_alert.added"


class PriceAlertChanged(_AlertEvent):
    """Edited, paused or resumed."""

    kind: ClassVar[str] = "price_alert.changed"


class PriceAlertAcknowledged(_AlertEvent):
    """It fired, and somebody has said that they know."""

    kind: ClassVar[str] = "price_alert.acknowledged"


class PriceAlertDeleted(_AlertEvent):
    kind: ClassVar[str] = "price_alert.deleted"


class PriceAlertFired(_AlertEvent):
    """The rate crossed what somebody wanted to be told of."""

    kind: ClassVar[str] = "price_alert.fired"

    rate: str
    rate_at: str
    source: str
    origin: str
    note: str
