"""Lanes and actors of invoices: what falls due is overdue from the next day on, what recurs is written, clients are reminded, letters leave, crypto
that came is matched."""

from datetime import timedelta
from functools import partial

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
from crypto_api.kit.scope import OrgScope
from crypto_api.recurring_invoices import store as recurring
from crypto_api.runtime import Runtime
from crypto_api.tasks.types import ScheduleName, ScheduleRun
from workers.actor import Actor
from workers.lane import Lane
from workers.schedules import Board

_LATE = timedelta(seconds=30)  # by then the job would have sent it
_LETTERS = 100
_RECURRING = 100


async def _overdue(runtime: Runtime, scope: OrgScope) -> ScheduleRun:
    done = await mark_overdue(runtime.uow, runtime.clock, scope)
    return ScheduleRun(done, more=done >= BATCH)


async def _remind(runtime: Runtime, scope: OrgScope) -> ScheduleRun:
    return ScheduleRun(await remind_clients(runtime.uow, runtime.clock, runtime.queue, scope))


async def _send(runtime: Runtime, job: SendInvoiceMail) -> None:
    room = MailRoom(runtime.uow, runtime.clock, runtime.mail, receiving_of(runtime))
    await send_invoice_mail(room, job.org_id, job.delivery_id)


async def sweep_letters(runtime: Runtime, scope: OrgScope) -> ScheduleRun:
    """Letters whose job was lost, or that wait for another attempt."""
    due = await deliveries.due(runtime.clock.now() - _LATE, _LETTERS, scope)
    for org_id, delivery_id in due:
        await _send(runtime, SendInvoiceMail(org_id=org_id, delivery_id=delivery_id))
    return ScheduleRun(len(due))


async def _recur(runtime: Runtime, scope: OrgScope) -> ScheduleRun:
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
    due = await recurring.due(runtime.clock.now(), _RECURRING, scope)
    for org_id, recurring_id in due:
        await make_due(rota, org_id, recurring_id)
    return ScheduleRun(len(due), soon_s=1.0 if due else None)


async def _match(runtime: Runtime, scope: OrgScope) -> ScheduleRun:
    matcher = matcher_of(runtime)
    done = await match_due(matcher, scope) + await settle_refunds(matcher, scope)
    return ScheduleRun(done, more=done > 0)


def lanes(runtime: Runtime, board: Board) -> list[Lane]:
    passes = (
        ("overdue_invoices", ScheduleName.OVERDUE_INVOICES, _overdue),
        ("invoice_reminders", ScheduleName.INVOICE_REMINDERS, _remind),
        ("recurring_invoices", ScheduleName.RECURRING_INVOICES, _recur),
        ("invoice_mails", ScheduleName.INVOICE_LETTERS, sweep_letters),
        ("receipts", ScheduleName.RECEIPTS, _match),
    )
    return [Lane(lane, partial(board.keep, name, partial(run, runtime))) for lane, name, run in passes]


ACTORS = [Actor(SendInvoiceMail, _send, "Letter about an invoice")]
