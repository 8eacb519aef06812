"""A part of what came pays an invoice: the receipt, the invoice and the books in one unit of work.

    it came       debit 1100 crypto (at its worth at the block), credit 2150 client payments not yet applied   (flows/book_transaction.py)
    it is applied debit 2150 (its part of that worth), credit 1200 receivable (what the invoice had put there); the difference is a gain or loss of
                  exchange (4400, 5400), realised when the receivable is settled (IAS 21.28)

What stood in suspense until somebody knew whose it is moves to 2150 first: the transaction is a client's payment from then on.
"""

from datetime import datetime
from decimal import Decimal

from crypto_api.classification.types import Category, Decision, DecisionSource
from crypto_api.flows.classify_transaction import Overtaken, reclassify
from crypto_api.flows.take_back_receipts import refresh_flags
from crypto_api.invoices import rules as invoice_rules
from crypto_api.invoices import service as invoices
from crypto_api.invoices.documents import Invoice, InvoicePayment
from crypto_api.invoices.types import PaymentMethod
from crypto_api.kit.amounts import FUNCTIONAL_PLACES, divide, text
from crypto_api.kit.clock import day_of
from crypto_api.kit.ids import new_id
from crypto_api.ledger import service as ledger
from crypto_api.ledger.types import AccountCode, EntryDraft, Line, Source, SourceKind
from crypto_api.organizations import store as organizations
from crypto_api.receivables import rules, service
from crypto_api.receivables.documents import Receipt
from crypto_api.receivables.events import ReceiptApplied
from crypto_api.receivables.rules import Settled
from crypto_api.receivables.types import ReceiptFlag, Use, UseKind
from crypto_api.transactions import store as transactions
from mongodb_config.unit_of_work import Session

_RATE_PLACES = Decimal("0.000000000001")


async def apply_receipt(
    session: Session, receipt: Receipt, invoice: Invoice, settled: Settled, now: datetime, *, lock: int | None = None, by: str | None = None
) -> tuple[Receipt, Invoice]:
    """`settled` says how much of the receipt settles how much of the invoice, and `lock` under which rate lock. The receipt's worth is known."""
    assert receipt.value is not None and settled.amount > 0 and settled.quantity > 0
    organization = await organizations.get(receipt.org_id, session)
    assert organization is not None
    await as_clients_payment(session, receipt, f"It pays {invoice.number}.", invoice.client_name, now)
    today, day = day_of(now, organization.time_zone), day_of(receipt.at, organization.time_zone)
    day = max(day, invoice.booked_on or day)  # what came before the invoice is applied when there is one
    worth = rules.share_of(receipt.value_left, receipt.left, settled.quantity, FUNCTIONAL_PLACES)
    if settled.quantity < receipt.left and worth == receipt.value_left:  # what is over is worth nothing that the books could hold: it goes with it
        kept = tuple(flag for flag in settled.flags if flag is not ReceiptFlag.OVERPAID)
        settled = Settled(receipt.left, settled.amount, kept)
    last = settled.amount == invoice.due
    part = invoice_rules.part_of(invoice.booked, settled.amount, invoice.total, FUNCTIONAL_PLACES)
    settles = invoice.booked - invoice.settled if last else part
    payment_id = new_id("ipy")
    draft = EntryDraft(
        date=day,
        description=f"{text(settled.quantity)} {receipt.symbol} for {invoice.number}: {invoice.client_name}",
        reference=str(invoice.number),
        source=Source(kind=SourceKind.INVOICE_PAYMENT, id=payment_id, purpose="settlement"),
        lines=_lines(worth, settles),
        transaction_hash=receipt.hash,
    )
    entry = await ledger.post(session, receipt.org_id, draft, now, by=by)
    payment = InvoicePayment(
        id=payment_id,
        created_at=now,
        org_id=receipt.org_id,
        invoice_id=invoice.id,
        amount=settled.amount,
        currency=invoice.currency,
        date=day_of(receipt.at, organization.time_zone),
        method=PaymentMethod.CRYPTO,
        account_code=AccountCode.CRYPTO,
        reference=receipt.hash,
        note=f"{text(settled.quantity)} {receipt.symbol}",
        rate=divide(worth, settled.amount).quantize(_RATE_PLACES),
        rate_source="what came, at its block",
        received=worth,
        settled=settles,
        entry_id=entry.id,
        booked_on=entry.date,
        created_by=by,
        receipt_id=receipt.id,
        transaction_hash=receipt.hash,
    )
    paid = await invoices.pay(session, invoice, payment, today, now)
    use = Use(
        id=payment_id,
        kind=UseKind.INVOICE,
        quantity=settled.quantity,
        value=worth,
        invoice_id=invoice.id,
        number=invoice.number,
        client_id=invoice.client_id,
        amount=settled.amount,
        currency=invoice.currency,
        lock=lock,
        entry_id=entry.id,
        by=by,
        at=now,
    )
    late = (ReceiptFlag.LATE,) if invoice.due_date is not None and payment.date > invoice.due_date else ()
    after = await service.put(session, receipt, service.with_use(receipt, use, (*settled.flags, *late)), now, ReceiptApplied)
    for invoice_id in {invoice.id, receipt.invoice_id} - {None}:
        await refresh_flags(session, receipt.org_id, str(invoice_id), now)
    return after, await invoices.standing(session, receipt.org_id, paid.id)


def _lines(worth: Decimal, settles: Decimal) -> list[Line]:
    lines = [Line(account_code=AccountCode.UNAPPLIED, debit=worth), Line(account_code=AccountCode.RECEIVABLES, credit=settles)]
    if worth > settles:
        lines.append(Line(account_code=AccountCode.EXCHANGE_GAINS, credit=worth - settles))
    if worth < settles:
        lines.append(Line(account_code=AccountCode.EXCHANGE_LOSSES, debit=settles - worth))
    return [line for line in lines if line.debit or line.credit]


async def as_clients_payment(session: Session, receipt: Receipt, why: str, counterparty: str, now: datetime) -> None:
    """Moves it out of suspense, or out of income that was booked with the invoice already. Overtaken where its row changed meanwhile."""
    (row,) = await transactions.by_ids(receipt.org_id, [receipt.transaction_id], session)
    if row.block_hash != receipt.block_hash or row.orphaned:
        raise Overtaken
    if row.category == Category.INVOICE_PAYMENT:
        return
    organization = await organizations.get(receipt.org_id, session)
    assert organization is not None
    decision = Decision(
        category=Category.INVOICE_PAYMENT,
        counterparty=counterparty[:200],
        confidence=1,
        source=DecisionSource.FACT,
        explanation=why,
        evidence=[receipt.movement_key],
        payment_id=row.payment_id,
    )
    await reclassify(session, row, decision, organization.time_zone, now)
