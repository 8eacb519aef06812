"""Jobs of the slice."""

from typing import ClassVar

from crypto_api.kit.jobs import Job


class PaymentDue(Job):
    """Look at a payment now: it was approved, cancelled, or is to go faster."""

    name: ClassVar[str] = "payment_due"

    org_id: str
    payment_id: str
