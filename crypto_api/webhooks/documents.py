from datetime import datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.webhooks.types import Attempt, SigningSecret, WebhookDeliveryPurpose, WebhookDeliveryStatus, WebhookStatus
from mongodb_config.base_document import TenantDocument


class Webhook(TenantDocument):
    """A receiver of the organisation's events. Its outbox is the log of events itself: `done_seq` says how far it has come, so that nothing is
    lost while it is away, and a failed event holds back those behind it."""

    url: str
    description: str
    kinds: list[str]  # `invoice.paid`, or `invoice.*`; empty: everything
    status: WebhookStatus = WebhookStatus.ACTIVE
    secrets: list[SigningSecret]  # the one of today first, then those that still sign beside it
    done_seq: int  # every event up to this number was taken, or is not wanted
    tries: int = 0  # in vain, of one event behind `done_seq`
    delivery_id: str | None = None  # of that event
    failing_since: datetime | None = None
    retry_at: datetime | None = None
    taken_at: datetime | None = None  # when it took something last
    problem: str = ""  # of the last attempt, if that failed; why it is suspended
    created_by: str
    version: int = 1  # of what people set

    class Settings:
        name = "webhooks"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("status", ASCENDING), ("_id", ASCENDING)], name="status"),  # what may be due, over all organisations
        ]


class WebhookDelivery(TenantDocument):
    """One event to one webhook, and each attempt at it. Kept for 30 days after the last one."""

    webhook_id: str
    event_id: str
    event_kind: str
    seq: int | None  # None: a test
    purpose: WebhookDeliveryPurpose
    status: WebhookDeliveryStatus
    attempts: list[Attempt]  # the last ones
    tries: int
    requested_by: str | None = None  # of a replay and a test
    expires_at: datetime

    class Settings:
        name = "webhook_deliveries"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("webhook_id", ASCENDING), ("_id", DESCENDING)], name="org_webhook"),
            IndexModel(
                [("org_id", ASCENDING), ("webhook_id", ASCENDING), ("status", ASCENDING), ("_id", DESCENDING)],
                name="org_webhook_status",
            ),
            IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="expiry"),
        ]
