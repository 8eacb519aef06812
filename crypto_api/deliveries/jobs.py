"""Queue jobs of the slice: a name and ids, nothing else."""

from typing import ClassVar

from crypto_api.kit.jobs import Job


class SendInvoiceMail(Job):
    name: ClassVar[str] = "send_invoice_mail"

    org_id: str
    delivery_id: str
