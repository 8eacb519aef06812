from pydantic import Field

from crypto_api.deliveries.documents import InvoiceDelivery
from crypto_api.deliveries.types import AttemptOutcome, DeliveryPurpose, DeliveryStatus
from crypto_api.http.schemas.base import ReadSchema, Time


class DeliveryAttemptRead(ReadSchema):
    at: Time
    outcome: AttemptOutcome = Field(description="`interrupted`: the process ended in it, and the mail server may have taken the letter.")
    answer: str = Field(examples=["250 2.0.0 Ok: queued as 4F1A2"], description="The mail server's.")


class InvoiceDeliveryRead(ReadSchema):
    id: str = Field(examples=["dlv_01k9x5r3v8"])
    invoice_id: str
    purpose: DeliveryPurpose
    days: int | None = Field(description="Of a reminder: days after the due date, before it where negative.")
    to: str
    subject: str
    text: str = Field(description="`{link}` stands for the payer's page: no letter holds its secret until it leaves.")
    status: DeliveryStatus = Field(description="`sent`: the mail server took it. Whether it was read, nobody knows.")
    attempts: list[DeliveryAttemptRead]
    next_attempt_at: Time | None
    sent_at: Time | None
    message_id: str
    created_by: str | None = Field(description="null: the organisation's reminders.")
    created_at: Time

    @classmethod
    def of(cls, row: InvoiceDelivery) -> "InvoiceDeliveryRead":
        same = ("id", "invoice_id", "purpose", "days", "status", "sent_at", "message_id", "created_by", "created_at")
        return cls(
            **{name: getattr(row, name) for name in same},
            to=row.letter.to,
            subject=row.letter.subject,
            text=row.letter.text,
            attempts=[DeliveryAttemptRead(**attempt.model_dump()) for attempt in row.attempts],
            next_attempt_at=row.due_at if row.started_at is None else None,
        )
