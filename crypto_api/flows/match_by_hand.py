"""The desk of unmatched money: what may be meant for what, and what a person makes of it.

suggest   what is certain, then the likeliest few with their reasons (receivables/rules.py)
apply     one receipt to many invoices, many receipts to one, or a part: in the order given, each as far as it goes
credit    the rest is kept for the client, as a liability (IFRS 15.106), until it is applied
undo      everything but a refund is taken back, from invoices and books
refund    flows/refund_receipt.py
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from crypto_api.flows.apply_receipts import apply_receipt, as_clients_payment
from crypto_api.flows.match_receipts import Matcher, rate_of
from crypto_api.flows.take_back_receipts import refresh_flags, take_back
from crypto_api.invoices import rules as invoice_rules
from crypto_api.invoices import service as invoices
from crypto_api.invoices import store as invoice_store
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.errors import MoreThanDue
from crypto_api.kit.amounts import FUNCTIONAL_PLACES, text
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.ids import new_id
from crypto_api.receivables import rules, service, store
from crypto_api.receivables.documents import Receipt
from crypto_api.receivables.errors import NotOpen
from crypto_api.receivables.events import ReceiptResolved
from crypto_api.receivables.rules import Settled
from crypto_api.receivables.types import APPLIED_MAX, Came, Known, ReceiptState, Suggestion, Use, UseKind
from mongodb_config.unit_of_work import Session

OPEN_MAX = 10_000
ZERO = Decimal(0)
Rates = Mapping[tuple[str, str], Decimal]
"""By receipt and currency: what one unit was worth at its block."""


@dataclass(frozen=True)
class Wanted:
    """`amount` None: as much as is due, or as the money reaches."""

    invoice_id: str
    amount: Decimal | None = None


async def suggestions(org_id: str, receipt: Receipt | None = None, *, limit: int = OPEN_MAX) -> list[Suggestion]:
    """Of everything that is open, or about one receipt."""
    came = [receipt] if receipt is not None else await store.open_receipts(org_id, limit)
    came = [row for row in came if row.state is ReceiptState.OPEN and row.value is not None]
    if not came:
        return []
    if receipt is not None:  # others of the same sender may be meant for the same invoice
        came += [
            row for row in await store.open_receipts(org_id, limit) if row.payer == receipt.payer and row.id != receipt.id and row.value is not None
        ]
    waiting = await invoice_store.awaiting_money(org_id, limit)
    asked = await store.requests_of(org_id, [row.id for row in waiting])
    known = []
    for row in waiting:
        request = asked.get(row.id)
        lock = request.lock if request is not None else None
        known.append(
            Known(
                id=row.id,
                number=str(row.number),
                client_id=row.client_id,
                client=row.client_name,
                worth=row.booked - row.settled,
                issued_at=row.issued_at or row.created_at,
                asset=request.asset if request is not None else None,
                raw_amount=lock.raw_amount if lock is not None else None,
                wallet_id=request.wallet_id if request is not None else None,
                own=request.own if request is not None else False,
            )
        )
    open_ = [Came(row.id, row.wallet_id, row.asset, row.raw_amount, row.value_left, row.payer, row.at) for row in came]
    found = rules.match(open_, known, await store.payers(org_id, {row.payer for row in came}))
    return found if receipt is None else [one for one in found if receipt.id in one.receipt_ids]


async def apply_by_hand(matcher: Matcher, org_id: str, by: str, receipt_ids: Sequence[str], wanted: Sequence[Wanted]) -> list[Receipt]:
    """All of it or nothing. NotFound, NotOpen, MoreThanDue, InvalidInput where a price is missing or the money does not reach."""
    if not 1 <= len(receipt_ids) * len(wanted) <= APPLIED_MAX or len({*receipt_ids}) != len(receipt_ids):
        raise InvalidInput.of("receipt_ids", f"and invoices: at most {APPLIED_MAX} together, each once", "too_many")
    rates = await _rates(matcher, org_id, receipt_ids, wanted)

    async def work(session: Session) -> list[Receipt]:
        now = matcher.clock.now()
        found = {row.id: row for row in await store.by_ids(org_id, receipt_ids, session)}
        if len(found) != len(receipt_ids):
            raise NotFound
        for want in wanted:
            await _apply(session, found, receipt_ids, want, rates, by, now)
        return [found[receipt_id] for receipt_id in receipt_ids]

    return await matcher.uow.run(work)


async def credit_by_hand(matcher: Matcher, org_id: str, by: str, receipt_id: str, client_id: str, client: str) -> Receipt:
    """What is left is the client's. NotFound, NotOpen."""

    async def work(session: Session) -> Receipt:
        now, receipt = matcher.clock.now(), await _open(session, org_id, receipt_id)
        await as_clients_payment(session, receipt, f"It is kept for {client}.", client, now)
        use = Use(id=new_id("rcu"), kind=UseKind.CREDIT, quantity=receipt.left, value=receipt.value_left, client_id=client_id, by=by, at=now)
        after = await service.put(session, receipt, service.with_use(receipt, use), now, ReceiptResolved)
        if after.invoice_id is not None:
            await refresh_flags(session, org_id, after.invoice_id, now)
        await service.record(session, after, "receipt.credited", f"{text(use.quantity)} {receipt.symbol} are kept for {client}", now)
        return after

    return await matcher.uow.run(work)


async def undo_by_hand(matcher: Matcher, org_id: str, by: str, receipt_id: str) -> Receipt:
    """Nothing of it is matched afterwards, and nothing is by itself. NotFound, NotOpen where there is nothing to undo."""

    async def work(session: Session) -> Receipt:
        now, receipt = matcher.clock.now(), await service.standing(session, org_id, receipt_id)
        if receipt.state not in (ReceiptState.OPEN, ReceiptState.DONE) or all(use.kind is UseKind.REFUND for use in receipt.uses):
            raise NotOpen("Nothing of it is matched, or it is on its way back to the sender.")
        after = await take_back(session, receipt, "the matching was undone", now, ReceiptState.OPEN, receipt.flags, by=by)
        changes: dict[str, object] = {"by_hand": True}
        if after.request_id is None:
            changes |= {"invoice_id": None, "client_id": None}
        after = await service.put(session, after, changes, now, None)
        await service.record(session, after, "receipt.undone", f"The matching of {text(after.quantity)} {after.symbol} was undone", now)
        return after

    return await matcher.uow.run(work)


# ---- parts -----------------------------------------------------------------------------------------------------------------------


async def _rates(matcher: Matcher, org_id: str, receipt_ids: Sequence[str], wanted: Sequence[Wanted]) -> Rates:
    receipts = await store.by_ids(org_id, receipt_ids)
    found = await invoice_store.by_ids(org_id, [want.invoice_id for want in wanted])
    if len(receipts) != len(receipt_ids) or len(found) != len({want.invoice_id for want in wanted}):
        raise NotFound
    rates: dict[tuple[str, str], Decimal] = {}
    for receipt in receipts:
        for currency in {row.currency for row in found.values()}:
            rate = await rate_of(matcher, receipt, currency, matcher.clock.now())
            if rate is None:
                raise InvalidInput.of("receipt_ids", f"nobody tells what {receipt.symbol} was worth in {currency} then: enter a price", "unpriced")
            rates[receipt.id, currency] = rate
    return rates


async def _open(session: Session, org_id: str, receipt_id: str) -> Receipt:
    receipt = await service.standing(session, org_id, receipt_id)
    if receipt.state is not ReceiptState.OPEN or receipt.left <= 0:
        raise NotOpen("Nothing of it is open: it is matched, not final yet, or its block left the chain.")
    if receipt.value is None:
        raise NotOpen("Nobody knows yet what it is worth: enter a price.")
    return receipt


async def _apply(session: Session, found: dict[str, Receipt], order: Sequence[str], want: Wanted, rates: Rates, by: str, now: datetime) -> None:
    """The receipts in their order, until the invoice has what is wanted for it."""
    org_id = found[order[0]].org_id
    invoice = await invoices.standing(session, org_id, want.invoice_id)
    invoices.check_payable(invoice, want.amount if want.amount is not None else ZERO)
    if invoice.due <= 0:
        raise MoreThanDue(invoice.due, invoice.currency)
    target = invoice.due if want.amount is None else want.amount
    if target <= 0 or target != target.quantize(Decimal(1).scaleb(-invoice.decimals)):
        raise InvalidInput.of("amount", f"must be more than zero, with at most {invoice.decimals} decimals", "invalid_amount")
    for receipt_id in order:
        receipt = found[receipt_id]
        if target <= 0:
            break
        if receipt.left <= 0:
            continue
        receipt = await _open(session, org_id, receipt_id)
        settled = _settled(receipt, invoice, target, rates[receipt_id, invoice.currency], last=want.amount is None)
        if settled.amount <= 0:
            continue
        found[receipt_id], invoice = await apply_receipt(session, receipt, invoice, Settled(settled.quantity, settled.amount), now, by=by)
        target -= settled.amount
    if target > 0 and want.amount is not None:
        raise InvalidInput.of("amount", f"is {text(target)} {invoice.currency} more than what came is worth", "not_enough")
    if not any(use.invoice_id == invoice.id for receipt_id in order for use in found[receipt_id].uses):
        raise NotOpen(f"Nothing is left for {invoice.number}.")


def _settled(receipt: Receipt, invoice: Invoice, target: Decimal, rate: Decimal, *, last: bool) -> Settled:
    """A person who says that this pays that means all of it where the difference is small: what is due is settled, and the difference is one of
    exchange."""
    settled = rules.settle_at(receipt.left, rate, target, invoice.decimals, receipt.decimals)
    close = invoice_rules.part_of(target, Decimal(1), Decimal(100), FUNCTIONAL_PLACES)
    if last and settled.amount > 0 and abs(receipt.left * rate - target) <= close:
        return Settled(receipt.left, target)
    return settled
