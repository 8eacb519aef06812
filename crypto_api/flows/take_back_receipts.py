"""What came does not stand any more, or not as it did: what it had paid is taken back from invoices and books, in the same unit of work.

A refund is never taken back here: its money is gone from the organisation, whatever became of the block that it answers.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from crypto_api.invoices import service as invoices
from crypto_api.invoices import store as invoice_store
from crypto_api.invoices.types import InvoiceFlag
from crypto_api.kit.clock import day_of
from crypto_api.ledger import service as ledger
from crypto_api.organizations import store as organizations
from crypto_api.receivables import service, store
from crypto_api.receivables.documents import Receipt
from crypto_api.receivables.events import ReceiptGone, ReceiptUndone
from crypto_api.receivables.types import ReceiptFlag, ReceiptState, Use, UseKind
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Movement
from mongodb_config.unit_of_work import Session

_WHILE_OPEN = {
    ReceiptFlag.OVERPAID: InvoiceFlag.OVERPAID,
    ReceiptFlag.PAID_TWICE: InvoiceFlag.PAID_TWICE,
    ReceiptFlag.WRONG_ASSET: InvoiceFlag.WRONG_ASSET,
    ReceiptFlag.AFTER_CANCELLATION: InvoiceFlag.AFTER_CANCELLATION,
}


async def take_back_receipts(session: Session, row: Transaction, now: datetime, reason: str, *, left_chain: bool) -> None:
    """Of a transaction whose booking is taken back: its block left the chain, or it was read anew."""
    for receipt in await store.of_transactions(row.org_id, [row.id], session):
        if receipt.state is ReceiptState.GONE:
            continue
        flags = {flag for flag in receipt.flags if flag is ReceiptFlag.REORGANISED} | ({ReceiptFlag.REORGANISED} if left_chain else set())
        await take_back(session, receipt, reason, now, ReceiptState.GONE, sorted(flags))


async def take_back_write_offs(session: Session, org_id: str, transaction_ids: Collection[str], now: datetime) -> None:
    """Of receipts that stand on the chain again."""
    for receipt in await store.of_transactions(org_id, transaction_ids, session):
        entries = sorted({use.written_off for use in receipt.uses if use.written_off is not None})
        if receipt.state is ReceiptState.GONE or not entries:
            continue
        for entry_id in entries:
            await ledger.reverse(session, org_id, entry_id, now, "what was given back is on the chain again")
        await service.put(session, receipt, {"uses": [use.model_copy(update={"written_off": None}) for use in receipt.uses]}, now, None)


async def reprice_receipts(session: Session, row: Transaction, movements: Sequence[Movement], now: datetime) -> None:
    """It is valued anew: what was applied at another worth is applied again."""
    worth = {movement.key: movement.value for movement in movements}
    for receipt in await store.of_transactions(row.org_id, [row.id], session):
        value = worth.get(receipt.movement_key, receipt.value)
        if receipt.state is ReceiptState.GONE or value == receipt.value:
            continue
        if receipt.uses:
            receipt = await take_back(session, receipt, "it was valued anew", now, ReceiptState.WAITING, receipt.flags)
        changes: dict[str, Any] = {"value": value, "look_at": now}
        if receipt.state is ReceiptState.OPEN and ReceiptFlag.UNPRICED in receipt.flags:
            changes["state"] = ReceiptState.WAITING
        await service.put(session, receipt, changes, now, None)


async def take_back(
    session: Session, receipt: Receipt, reason: str, now: datetime, state: ReceiptState, flags: Iterable[ReceiptFlag], *, by: str | None = None
) -> Receipt:
    """Every use but refunds. The receipt stands in `state` afterwards."""
    organization = await organizations.get(receipt.org_id, session)
    assert organization is not None
    today = day_of(now, organization.time_zone)
    kept = [use for use in receipt.uses if use.kind is UseKind.REFUND]
    gone = [use for use in receipt.uses if use.kind is not UseKind.REFUND]
    for use in reversed(gone):
        if use.entry_id is not None:
            await ledger.reverse(session, receipt.org_id, use.entry_id, now, reason, by=by)
    changes = {"uses": kept, "state": state, "flags": list(flags), "look_at": now}
    kind = ReceiptGone if state is ReceiptState.GONE else ReceiptUndone
    after = await service.put(session, receipt, changes, now, kind)
    for use in reversed(gone):
        if use.kind is UseKind.INVOICE:
            await _unpay(session, receipt, use, reason, today, now)
    for invoice_id in {receipt.invoice_id, *(use.invoice_id for use in gone)} - {None}:
        await refresh_flags(session, receipt.org_id, str(invoice_id), now)
    return after


async def _unpay(session: Session, receipt: Receipt, use: Use, reason: str, today: date, now: datetime) -> None:
    assert use.invoice_id is not None
    invoice = await invoices.standing(session, receipt.org_id, use.invoice_id)
    payment = await invoice_store.payment(receipt.org_id, use.id, session)
    assert payment is not None, f"use {use.id} names a payment that does not exist"
    await invoices.take_back(session, invoice, payment, reason, today, now)


async def refresh_flags(session: Session, org_id: str, invoice_id: str, now: datetime) -> None:
    """What is out of the ordinary with an invoice follows from what came for it."""
    invoice = await invoice_store.get(org_id, invoice_id, session)
    if invoice is not None and invoice.number is not None:
        await invoices.put_flags(session, invoice, flags_of(invoice_id, await store.of_invoice(org_id, invoice_id, session)), now)


def flags_of(invoice_id: str, receipts: Iterable[Receipt]) -> set[InvoiceFlag]:
    found: set[InvoiceFlag] = set()
    for row in receipts:
        if row.state is ReceiptState.OPEN and row.invoice_id == invoice_id:
            found.update(_WHILE_OPEN[flag] for flag in row.flags if flag in _WHILE_OPEN)
        if row.state is ReceiptState.GONE and row.invoice_id == invoice_id:
            found.add(InvoiceFlag.REORGANISED)
        if ReceiptFlag.AFTER_EXPIRY in row.flags and any(use.invoice_id == invoice_id for use in row.uses):
            found.add(InvoiceFlag.AFTER_EXPIRY)
    return found
