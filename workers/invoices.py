"""Lanes and actors of invoices: what falls due is overdue from the next day on, what recurs is written, clients are reminded, letters leave, crypto
that came is matched."""

import asyncio
from datetime import timedelta

from crypto_api.deliveries import store as deliveries
from crypto_api.deliveries.jobs import SendInvoiceMail
from crypto_api.desks import matcher_of, receiving_of
from crypto_api.flows.mark_overdue import BATCH, mark_overdue
from crypto_api.flows.match_receipts import match_due
from crypto_api.flows.price_at import Prices
from crypto_api.flows.recur_invoices import Rota, make_due
from crypto_api.flows.refund_receipt import settle_refunds
from crypto_api.flows.remind_clients import remind_clients
from crypto_api.flows.send_invoice_mail import MailRoom, send_invoice_mail
from crypto_api.flows.write_invoice import crypto_currencies
from crypto_api.recurring_invoices import store as recurring
from crypto_api.runtime import Runtime
from workers.actor import Actor
from workers.lane import Lane

SWEEP_S = 60.0
MAIL_SWEEP_S = 15.0
_LATE = timedelta(seconds=30)  # by then the job would have sent it
_LETTERS = 100
_RECURRING = 100
MATCH_S = 2.0


async def _sweep(runtime: Runtime) -> None:
    while True:
        if await mark_overdue(runtime.uow, runtime.clock) < BATCH:
            await asyncio.sleep(SWEEP_S)


async def _remind(runtime: Runtime) -> None:
    while True:
        await remind_clients(runtime.uow, runtime.clock, runtime.queue)
        await asyncio.sleep(SWEEP_S)


async def _send(runtime: Runtime, job: SendInvoiceMail) -> None:
    room = MailRoom(runtime.uow, runtime.clock, runtime.mail, receiving_of(runtime))
    await send_invoice_mail(room, job.org_id, job.delivery_id)


async def sweep_letters(runtime: Runtime) -> None:
    """Letters whose job was lost, or that wait for another attempt."""
    while True:
        for org_id, delivery_id in await deliveries.due(runtime.clock.now() - _LATE, _LETTERS):
            await _send(runtime, SendInvoiceMail(org_id=org_id, delivery_id=delivery_id))
        await asyncio.sleep(MAIL_SWEEP_S)


async def _recur(runtime: Runtime) -> None:
    """One period at a time: what was missed comes in its turn."""
    listed = crypto_currencies(runtime.networks.values())
    rota = Rota(
        runtime.uow,
        runtime.clock,
        runtime.queue,
        Prices(runtime.networks, runtime.prices),
        listed,
        receiving_of(runtime),
    )
    while True:
        due = await recurring.due(runtime.clock.now(), _RECURRING)
        for org_id, recurring_id in due:
            await make_due(rota, org_id, recurring_id)
        await asyncio.sleep(1.0 if due else SWEEP_S)


async def _match(runtime: Runtime) -> None:
    matcher = matcher_of(runtime)
    while True:
        if not await match_due(matcher) + await settle_refunds(matcher):
            await asyncio.sleep(MATCH_S)


def lanes(runtime: Runtime) -> list[Lane]:
    return [
        Lane("overdue_invoices", lambda: _sweep(runtime)),
        Lane("invoice_reminders", lambda: _remind(runtime)),
        Lane("recurring_invoices", lambda: _recur(runtime)),
        Lane("invoice_mails", lambda: sweep_letters(runtime)),
        Lane("receipts", lambda: _match(runtime)),
    ]


ACTORS = [Actor(SendInvoiceMail, _send)]
