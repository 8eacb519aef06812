"""A queued letter about an invoice leaves, with the invoice attached.

An attempt is taken first (one process has it), then the mail server is asked, then what it answered is written down. So two processes never send the
same attempt, and a letter whose taking was written down is never sent again. A process that dies between the server's word and the write leaves an
attempt that nobody ended; it is tried again ten minutes later, with the same Message-ID: at least once, and no more often than processes die there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from crypto_api.deliveries import service, store
from crypto_api.deliveries.documents import InvoiceDelivery
from crypto_api.deliveries.types import AttemptOutcome, DeliveryPurpose, DeliveryStatus
from crypto_api.flows.export_invoice import export_invoice, pay_link
from crypto_api.flows.request_payment import Receiving
from crypto_api.invoices import letters
from crypto_api.invoices import store as invoices
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import InvoiceStatus
from crypto_api.kit.clock import Clock
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.mail import Attachment, MailNotTaken
from mongodb_config.unit_of_work import UnitOfWork


class InvoiceMailPort(Protocol):
    async def send(
        self, to: str, subject: str, text: str, *, attachments: Sequence[Attachment] = (), message_id: str = "", reply_to: str = ""
    ) -> str:
        """The server's answer. MailNotTaken."""


@dataclass(frozen=True)
class MailRoom:
    uow: UnitOfWork
    clock: Clock
    mail: InvoiceMailPort
    receiving: Receiving


async def send_invoice_mail(room: MailRoom, org_id: str, delivery_id: str) -> DeliveryStatus | None:
    """What became of it; None where there is nothing to do (any more)."""
    row = await store.get(org_id, delivery_id)
    if row is None or row.status is not DeliveryStatus.QUEUED:
        return None
    invoice = await invoices.get(org_id, row.invoice_id)
    if invoice is None or not _wanted(row, invoice):
        dropped = await room.uow.run(lambda session: service.drop(session, row, room.clock.now()))
        return dropped.status if dropped is not None else None
    begun = await room.uow.run(lambda session: service.begin(session, row, room.clock.now()))
    if begun is None:
        return None
    faultpoint("invoice_mail.begun")
    outcome, answer = await _attempt(room, begun)
    faultpoint("invoice_mail.answered")
    ended = await room.uow.run(lambda session: service.end(session, begun, outcome, answer, room.clock.now()))
    faultpoint("invoice_mail.ended")
    return ended.status if ended is not None else None


def _wanted(row: InvoiceDelivery, invoice: Invoice) -> bool:
    if row.purpose is DeliveryPurpose.REMINDER:
        return invoice.status in invoices.OWED
    return invoice.status is not InvoiceStatus.CANCELLED


async def _attempt(room: MailRoom, row: InvoiceDelivery) -> tuple[AttemptOutcome, str]:
    invoice = await invoices.get(row.org_id, row.invoice_id)
    link = await pay_link(room.receiving, invoice) if invoice is not None else ""
    file, letter = await export_invoice(room.receiving, row.org_id, row.invoice_id), row.letter
    try:
        answer = await room.mail.send(
            letter.to,
            letter.subject,
            letters.with_link(letter.text, link, letter.language),
            attachments=[Attachment(file.name, file.content, "application", "pdf")],
            message_id=row.message_id,
            reply_to=letter.reply_to,
        )
    except MailNotTaken as error:
        return AttemptOutcome.REFUSED if error.permanent else AttemptOutcome.DELAYED, error.answer
    return AttemptOutcome.SENT, answer
