from datetime import date, datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.kit.amounts import StoredDecimal
from crypto_api.recurring_invoices.types import RecurringMode, RecurringStatus, Schedule
from mongodb_config.base_document import TenantDocument


class RecurringInvoice(TenantDocument):
    """An invoice that is written again on each day of its schedule. `made` counts the periods that have theirs: it moves in the unit of work that
    writes the invoice, so that each period has exactly one, whoever looks, after whatever outage."""

    status: RecurringStatus = RecurringStatus.ACTIVE
    client_id: str
    client_name: str
    client_name_folded: str
    currency: str
    total: StoredDecimal  # of one, as it was reckoned when it was written; each is reckoned anew
    template: str  # JSON of what a person writes of an invoice
    mode: RecurringMode
    schedule: Schedule
    made: int = 0
    next_date: date | None  # of the next period; None once there is none
    sending_id: str | None = None  # an invoice that was made and is still to be issued and mailed
    due_at: datetime | None  # when a worker looks at it; None: not at all
    problem: str = ""  # why the last try failed
    last_invoice_id: str | None = None
    created_by: str
    updated_at: datetime
    version: int = 1

    class Settings:
        name = "recurring_invoices"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_newest"),
            IndexModel([("due_at", ASCENDING)], name="due"),  # what is due, over all organisations
        ]
