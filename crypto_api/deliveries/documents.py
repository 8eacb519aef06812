from datetime import datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.deliveries.types import Attempt, DeliveryPurpose, DeliveryStatus, Letter
from mongodb_config.base_document import TenantDocument


class InvoiceDelivery(TenantDocument):
    """One sending of one invoice, and what became of it. `key` says which of its invoice it is, so that none is ever queued twice."""

    invoice_id: str
    key: str  # `invoice`, `resend:2`, `reminder:-3`
    purpose: DeliveryPurpose
    days: int | None = None  # of a reminder: how many after the due date, before it where it is negative
    letter: Letter
    message_id: str  # RFC 5322: the same in every attempt, so that a mailbox that gets it twice can tell
    status: DeliveryStatus = DeliveryStatus.QUEUED
    tries: int = 0
    attempts: list[Attempt] = []
    due_at: datetime | None  # when it is tried next; while an attempt is under way, when another process may take it for lost
    started_at: datetime | None = None  # of the attempt that is under way
    sent_at: datetime | None = None
    created_by: str | None  # None: the reminders of the organisation's settings
    updated_at: datetime

    class Settings:
        name = "invoice_deliveries"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("invoice_id", ASCENDING), ("key", ASCENDING)], unique=True, name="org_invoice_key"),
            IndexModel([("org_id", ASCENDING), ("invoice_id", ASCENDING), ("_id", DESCENDING)], name="org_invoice"),
            IndexModel([("status", ASCENDING), ("due_at", ASCENDING)], name="status_due"),  # what is due, over all organisations
        ]
