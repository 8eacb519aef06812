"""Facts of the slice."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent
from crypto_api.organizations.types import Permission


class NotificationsChanged(DomainEvent):
    """Somebody has new notices, or fewer. It says neither who nor what: everybody asks for their own."""

    kind: ClassVar[str] = "notification.changed"
    permission: ClassVar[str] = Permission.ORGANIZATION_READ
