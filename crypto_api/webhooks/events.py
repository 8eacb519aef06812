"""Facts of the slice. Deliveries are none: each would be delivered again."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent
from crypto_api.organizations.types import Permission


class _WebhookEvent(DomainEvent):
    permission: ClassVar[str] = Permission.WEBHOOKS_READ

    webhook_id: str
    host: str


class WebhookAdded(_WebhookEvent):
    kind: ClassVar[str] = "webhook.added"


class WebhookChanged(_WebhookEvent):
    """Edited, paused, resumed or set to another place in the log."""

    kind: ClassVar[str] = "webhook.changed"


class WebhookSecretRotated(_WebhookEvent):
    kind: ClassVar[str] = "webhook.secret_rotated"


class WebhookSuspended(_WebhookEvent):
    """Its receiver took nothing for 72 hours, or said that it is gone: nothing is sent until a person resumes it."""

    kind: ClassVar[str] = "webhook.suspended"

    problem: str


class WebhookDeleted(_WebhookEvent):
    kind: ClassVar[str] = "webhook.deleted"
