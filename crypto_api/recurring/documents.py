from datetime import date, datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.kit.amounts import StoredDecimal
from crypto_api.recurring.types import BusinessDay, MonthEnd, OccurrenceState, PaymentFrequency, RecurringPaymentStatus, Schedule
from mongodb_config.base_document import TenantDocument

Day = date


class RecurringPayment(TenantDocument):
    """The same payment again and again. `_id` and the number of an occurrence are the origin of its payment, so that each is paid once."""

    name: str
    wallet_id: str
    payee_id: str  # of the address book
    asset: str
    amount: StoredDecimal
    description: str = ""
    frequency: PaymentFrequency
    interval: int = 1
    start_date: Day
    month_end: MonthEnd = MonthEnd.LAST_DAY
    business_day: BusinessDay = BusinessDay.UNADJUSTED
    holidays: list[Day] = []
    end_date: Day | None = None
    count_max: int | None = None
    status: RecurringPaymentStatus = RecurringPaymentStatus.ACTIVE
    made: int = 0  # the number of the last occurrence that is written down
    next_on: Day | None = None  # when the next one is to be paid; None: there is none any more
    look_at: datetime | None = None  # when it is looked at next; None: paused or ended
    ordered_by: str  # who confirmed it by a step-up, when it was written or its money last changed
    updated_at: datetime
    version: int = 1

    @property
    def schedule(self) -> Schedule:
        return Schedule(
            self.frequency, self.start_date, self.interval, self.month_end, self.business_day, frozenset(self.holidays), self.end_date, self.count_max
        )

    class Settings:
        name = "recurring_payments"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("look_at", ASCENDING)], partialFilterExpression={"look_at": {"$type": "date"}}, name="look_at"),
        ]


class Occurrence(TenantDocument):
    """One of them; `_id` is `<recurring payment>:<number>`."""

    recurring_id: str
    number: int
    nominal_on: Day
    pays_on: Day
    state: OccurrenceState = OccurrenceState.WAITS
    payment_id: str | None = None
    reason: str = ""
    updated_at: datetime

    class Settings:
        name = "recurring_occurrences"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("recurring_id", ASCENDING), ("number", ASCENDING)], unique=True, name="org_recurring_number"),
            IndexModel([("org_id", ASCENDING), ("state", ASCENDING)], name="org_state"),
        ]
