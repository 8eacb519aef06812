"""What came is matched with what was asked for, once its block is final and its worth is known.

    at an address of its own   whatever comes there is for that invoice: at the rate that was locked in its asset when its block was made, else at its
                               block's rate where it is the asset that is asked for now; any other asset waits for a person
    at a shared wallet         only the very amount that one request asked for while its rate was locked, or what the payer's wallet told of
    anything else              waits on the desk (`match_by_hand.py`)

Nothing is applied twice: receipt and invoice are compared and set in one unit of work, and whoever comes second finds it done.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from crypto_api.flows.apply_receipts import apply_receipt
from crypto_api.flows.classify_transaction import Overtaken
from crypto_api.flows.price_at import Prices, price_at
from crypto_api.flows.take_back_receipts import refresh_flags
from crypto_api.invoices import store as invoice_store
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import InvoiceStatus
from crypto_api.kit.amounts import divide
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import PreconditionFailed
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.organizations import store as organizations
from crypto_api.receivables import rules, service, store
from crypto_api.receivables.documents import PaymentRequest, Receipt
from crypto_api.receivables.events import ReceiptOpen
from crypto_api.receivables.rules import Settled
from crypto_api.receivables.types import RateLock, ReceiptFlag, ReceiptState
from crypto_api.transactions import store as transactions
from crypto_api.transactions.types import Booking, Finality
from mongodb_config.unit_of_work import Session, UnitOfWork

ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Matcher:
    uow: UnitOfWork
    clock: Clock
    prices: Prices


@dataclass(frozen=True)
class _Judged:
    """`request` None: nobody knows what it is for. `asked`: in this asset, by a lock that covers it, or now. `rate` None: a lock covers it, or
    there is no price."""

    request: PaymentRequest | None
    asked: bool = False
    lock: RateLock | None = None
    rate: Decimal | None = None

    @property
    def needs_rate(self) -> bool:
        return self.asked and self.lock is None and self.rate is None


async def match_due(matcher: Matcher, scope: OrgScope = EVERYBODY) -> int:
    """How many were matched, or put on the desk. What is not final stays as it is, and is looked at again."""
    done = 0
    rows = await store.waiting(matcher.clock.now(), ROWS_AT_ONCE, scope)
    by_org: dict[str, list[Receipt]] = {}
    for row in rows:
        by_org.setdefault(row.org_id, []).append(row)
    for org_id, receipts in by_org.items():
        final = await _final(org_id, receipts)
        for receipt in receipts:
            if final.get(receipt.transaction_id) == receipt.block_hash:
                done += await match_receipt(matcher, receipt)
    return done


async def _final(org_id: str, receipts: list[Receipt]) -> Mapping[str, str]:
    """By transaction, the block, of those that are final and in the books."""
    rows = await transactions.by_ids(org_id, sorted({row.transaction_id for row in receipts}))
    return {row.id: row.block_hash for row in rows if row.finality is Finality.CONFIRMED and row.booking is Booking.DONE}


async def match_receipt(matcher: Matcher, receipt: Receipt) -> bool:
    """False when somebody was first, or when its worth is not known yet."""
    now = matcher.clock.now()
    if receipt.value is None:
        return await _put_off(matcher, receipt, now)
    judged = await _judge(matcher, receipt, now)
    if judged.needs_rate:
        return await _put_off(matcher, receipt, now)
    with suppress(PreconditionFailed, Overtaken):
        await matcher.uow.run(lambda session: _match(session, receipt, judged, now))
        faultpoint("receipt.matched")
        return True
    return False


async def _put_off(matcher: Matcher, receipt: Receipt, now: datetime) -> bool:
    """Nobody tells its worth: it is asked for again, and found at once where a person enters a price."""
    changes = {"look_at": service.postponed(now), "flags": sorted({*receipt.flags, ReceiptFlag.UNPRICED})}
    with suppress(PreconditionFailed):
        await matcher.uow.run(lambda session: service.put(session, receipt, changes, now, None))
    return False


async def _judge(matcher: Matcher, receipt: Receipt, now: datetime) -> _Judged:
    asked = await store.requests_at(receipt.org_id, [receipt.wallet_id])
    own = next((row for row in asked if row.own), None)
    request = own if own is not None else await _shared(receipt, asked)
    if request is None or receipt.by_hand:
        return _Judged(None)
    if (lock := rules.lock_at(request.locks_in(receipt.asset), receipt.at)) is not None:
        return _Judged(request, True, lock)
    if request.asset != receipt.asset:
        return _Judged(request)
    return _Judged(request, True, None, await rate_of(matcher, receipt, request.currency, now))


async def _shared(receipt: Receipt, asked: list[PaymentRequest]) -> PaymentRequest | None:
    """The one request that asked for exactly that while its rate was locked, or whose payer told of this transaction."""
    told = [row for row in asked if receipt.hash in row.told and (row.asset == receipt.asset or row.locks_in(receipt.asset))]
    if len(told) == 1:
        return told[0]
    fits = [
        row for row in asked if (lock := rules.lock_at(row.locks_in(receipt.asset), receipt.at)) is not None and lock.raw_amount == receipt.raw_amount
    ]
    open_ = await invoice_store.by_ids(receipt.org_id, [row.invoice_id for row in fits]) if fits else {}
    fits = [row for row in fits if open_[row.invoice_id].due > 0]
    return fits[0] if len(fits) == 1 else None


async def rate_of(matcher: Matcher, receipt: Receipt, currency: str, now: datetime) -> Decimal | None:
    """The currency for one unit of what came, at its block: as it was booked, where that is the currency of the books."""
    organization = await organizations.get(receipt.org_id)
    assert organization is not None
    if receipt.value is None:
        return None
    if currency == organization.functional_currency:
        return divide(receipt.value, receipt.quantity)
    found = (await price_at(receipt.org_id, receipt.asset, currency, receipt.at, matcher.prices, now)).quote
    return found.rate if found is not None else None


async def _match(session: Session, receipt: Receipt, judged: _Judged, now: datetime) -> None:
    if judged.request is None:
        await _leave_open(session, receipt, None, (), now)
        return
    invoice = await invoice_store.get(receipt.org_id, judged.request.invoice_id, session)
    assert invoice is not None, "what was asked for is never deleted"
    if invoice.status is InvoiceStatus.CANCELLED:
        await _leave_open(session, receipt, invoice, (ReceiptFlag.AFTER_CANCELLATION,), now)
    elif not judged.asked:
        await _leave_open(session, receipt, invoice, (ReceiptFlag.WRONG_ASSET,), now)
    else:
        settled = await _settled(session, receipt, judged, invoice)
        expired = (ReceiptFlag.AFTER_EXPIRY,) if judged.lock is None else ()
        settled = Settled(settled.quantity, settled.amount, (*settled.flags, *expired))
        if settled.amount <= 0:
            await _leave_open(session, receipt, invoice, settled.flags, now)
        else:
            lock = judged.lock.number if judged.lock is not None else None
            applied, _ = await apply_receipt(session, receipt, invoice, settled, now, lock=lock)
            if applied.state is ReceiptState.OPEN:
                await service.put(session, applied, {}, now, ReceiptOpen)
            faultpoint("receipt.before_match")


async def _settled(session: Session, receipt: Receipt, judged: _Judged, invoice: Invoice) -> Settled:
    if judged.lock is None:
        assert judged.rate is not None, "asked before the unit of work"
        return rules.settle_at(receipt.quantity, judged.rate, invoice.due, invoice.decimals, receipt.decimals)
    earlier = await store.of_invoice(receipt.org_id, invoice.id, session)
    before = sum(
        (use.quantity for row in earlier for use in row.uses if use.invoice_id == invoice.id and use.lock == judged.lock.number),
        Decimal(0),
    )
    return rules.settle_locked(receipt.quantity, before, judged.lock, invoice.due, invoice.decimals, receipt.decimals)


async def _leave_open(session: Session, receipt: Receipt, invoice: Invoice | None, flags: tuple[ReceiptFlag, ...], now: datetime) -> None:
    kept = {flag for flag in receipt.flags if flag is not ReceiptFlag.UNPRICED}
    changes: dict[str, object] = {"state": ReceiptState.OPEN, "flags": sorted({*kept, *flags})}
    if invoice is not None:
        changes |= {"invoice_id": invoice.id, "client_id": invoice.client_id}
    await service.put(session, receipt, changes, now, ReceiptOpen)
    if invoice is not None:
        await refresh_flags(session, receipt.org_id, invoice.id, now)
