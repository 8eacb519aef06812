"""What the payer of an invoice sees, and may do, with nothing but the link.

The link's token is the only key: what it shows is the invoice's number, who is paid, what is due, and what came for it; nothing of anybody else.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import segno

from crypto_api.chains import store as chain_store
from crypto_api.flows.request_payment import Receiving, applied_under, choose_asset, current_lock, lock_rate
from crypto_api.invoices import store as invoices
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import InvoiceStatus
from crypto_api.kit.amounts import add_exactly, to_raw, to_units
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations.rules import hash_token
from crypto_api.payments.rules import transfer_call
from crypto_api.receivables import rules, store
from crypto_api.receivables.documents import PaymentRequest, Receipt
from crypto_api.receivables.types import TOLD_MAX, RateLock, ReceiptFlag, ReceiptState
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import Opening

TOKEN_MAX = 64
_HASH = re.compile(r"0x[0-9a-f]{64}", re.ASCII)


class PayerState(StrEnum):
    PREPARING = "preparing"  # the address is not watched yet: nobody is asked to pay there before it is
    DUE = "due"
    EXPIRED = "expired"  # no rate is locked
    SEEN = "seen"  # enough came, and its block is not final yet
    PAID = "paid"
    CANCELLED = "cancelled"
    UNAVAILABLE = "unavailable"  # its network is not followed any more


@dataclass(frozen=True)
class Paid:
    """One payment, as its payer sees it."""

    hash: str
    amount: Decimal
    asset: str
    at: datetime
    final: bool
    depth: int
    note: str


@dataclass(frozen=True)
class PayerView:
    state: PayerState
    invoice: Invoice
    request: PaymentRequest
    network: NetworkConfig | None
    lock: RateLock | None
    left_s: int
    amount: Decimal | None  # what is to be sent now
    raw_amount: int
    link: str  # EIP-681
    code: str  # the same as a picture: a data: address
    payments: tuple[Paid, ...]
    confirmations: int

    @property
    def choices(self) -> list[str]:
        """Where there is something to choose, and nothing on its way."""
        names = [offer.asset for offer in self.request.offered]
        return names if len(names) > 1 and self.state in (PayerState.DUE, PayerState.EXPIRED) else []

    @property
    def paid(self) -> Decimal:
        return self.invoice.paid.quantize(self.invoice.total)

    @property
    def partly(self) -> bool:
        return self.invoice.paid > 0 and self.invoice.due > 0

    @property
    def over(self) -> bool:
        return any(row.note for row in self.payments)


_NOTES = {
    ReceiptFlag.OVERPAID: "More than was due came. The seller decides what becomes of the rest, and can send it back.",
    ReceiptFlag.PAID_TWICE: "The invoice was paid already when this came. The seller can send it back.",
    ReceiptFlag.WRONG_ASSET: "This is another asset than was asked for. The seller was told, and can apply it or send it back.",
    ReceiptFlag.AFTER_CANCELLATION: "The invoice was cancelled when this came. The seller can send it back.",
    ReceiptFlag.TOO_SMALL: "This is less than the smallest unit of the invoice's currency.",
}


async def request_by(token: str) -> PaymentRequest:
    """NotFound."""
    row = await store.request_by_token(hash_token(token)) if 0 < len(token) <= TOKEN_MAX else None
    if row is None:
        raise NotFound
    return row


async def payer_view(desk: Receiving, token: str) -> PayerView:
    """NotFound."""
    request = await request_by(token)
    invoice, wallet = await invoices.get(request.org_id, request.invoice_id), await wallets.get(request.org_id, request.wallet_id)
    assert invoice is not None, "what was asked for is never deleted"
    network, now = desk.networks.get(request.network), desk.clock.now()
    receipts = [row for row in await store.of_invoice(request.org_id, invoice.id) if row.state is not ReceiptState.GONE]
    if not request.own and request.told:
        receipts += [row for row in await _told(request) if row.id not in {known.id for known in receipts}]
    lock = current_lock(request, invoice, await applied_under(request))
    lock = lock if lock is not None and lock.expires_at > now else None
    raw = max(int(lock.raw_amount) - _under(lock, receipts, request), 0) if lock is not None else 0
    watched = wallet is not None and wallet.monitoring_enabled and wallet.opening is Opening.DONE
    raw = 0 if any(_covered_elsewhere(row, request) for row in receipts) else raw
    state = _state(invoice, network, lock, raw, receipts, watched=watched)
    link = rules.payment_link(request.address, request.chain_id, raw, request.contract) if state is PayerState.DUE else ""
    cursor = await chain_store.cursor(request.network)
    height = cursor.height if cursor is not None else 0
    return PayerView(
        state=state,
        invoice=invoice,
        request=request,
        network=network,
        lock=lock,
        left_s=max(int((lock.expires_at - now).total_seconds()), 0) if lock is not None else 0,
        amount=to_units(raw, request.decimals) if state is PayerState.DUE else None,
        raw_amount=raw,
        link=link,
        code=str(segno.make(link, error="m").svg_data_uri(scale=5, border=3, dark="#000", light="#fff")) if link else "",
        payments=tuple(_paid(row, height) for row in receipts),
        confirmations=network.confirmations if network is not None else 0,
    )


async def renew_rate(desk: Receiving, token: str) -> None:
    """By the payer. NotFound, RateStillLocked, NoLockableRate, NotPayable."""
    await lock_rate(desk, await request_by(token))


async def choose(desk: Receiving, token: str, asset: str) -> None:
    """By the payer. NotFound, InvalidInput, NoLockableRate, NotPayable."""
    await choose_asset(desk, await request_by(token), asset)


async def transaction_for(desk: Receiving, token: str) -> dict[str, str]:
    """For a browser's wallet (EIP-1193, `eth_sendTransaction`), as hexadecimal quantities. InvalidInput when nothing is to be paid right now."""
    view = await payer_view(desk, token)
    if view.state is not PayerState.DUE:
        raise InvalidInput.of("amount", "has to be asked for again: load the page", "not_due")
    call = transfer_call(view.request.address, view.raw_amount, view.request.contract)
    return {"to": call.to, "value": hex(int(call.value_raw)), "data": call.data, "chainId": hex(view.request.chain_id)}


async def note_sent(desk: Receiving, token: str, hash_: str) -> None:
    """Where to look: never a fact, and never believed of anything that the chain does not say. InvalidInput, NotFound."""
    if not _HASH.fullmatch(hash_.lower()):
        raise InvalidInput.of("hash", "must be 0x followed by 64 hexadecimal digits", "invalid_hash")
    request = await request_by(token)
    told = [*(known for known in request.told if known != hash_.lower()), hash_.lower()][-TOLD_MAX:]
    await desk.uow.run(lambda session: store.change_request(session, request, {"told": told}))


# ---- parts -----------------------------------------------------------------------------------------------------------------------


async def _told(request: PaymentRequest) -> list[Receipt]:
    """At a shared wallet: what the payer's wallet said that it sent, as soon as it is seen."""
    ids = [f"{request.org_id}:eip155:{request.chain_id}:{hash_}" for hash_ in request.told]
    rows = await store.of_transactions(request.org_id, ids)
    return [row for row in rows if row.state is ReceiptState.WAITING and row.wallet_id == request.wallet_id]


def _under(lock: RateLock, receipts: list[Receipt], request: PaymentRequest) -> int:
    """Base units that came under the lock: applied, or on the way to it."""
    used = [use.quantity for row in receipts for use in row.uses if use.invoice_id == request.invoice_id and use.lock == lock.number]
    coming = [
        row.quantity for row in receipts if row.state is ReceiptState.WAITING and row.asset == request.asset and not row.uses and lock.covers(row.at)
    ]
    return to_raw(add_exactly([*used, *coming]), request.decimals)


def _covered_elsewhere(row: Receipt, request: PaymentRequest) -> bool:
    """On its way in an asset that was chosen before, under its rate: nobody is asked for it a second time in another."""
    locks = request.locks_in(row.asset) if row.asset != request.asset else []
    return row.state is ReceiptState.WAITING and not row.uses and rules.lock_at(locks, row.at) is not None


def _state(invoice: Invoice, network: NetworkConfig | None, lock: RateLock | None, raw: int, receipts: list[Receipt], *, watched: bool) -> PayerState:
    if invoice.status is InvoiceStatus.CANCELLED:
        return PayerState.CANCELLED
    if invoice.due <= 0:
        return PayerState.PAID
    if network is None:
        return PayerState.UNAVAILABLE
    if not watched:
        return PayerState.PREPARING
    waiting = any(row.state is ReceiptState.WAITING and ReceiptFlag.UNPRICED not in row.flags for row in receipts)
    if lock is None:
        return PayerState.SEEN if waiting else PayerState.EXPIRED
    return PayerState.SEEN if raw == 0 and waiting else PayerState.DUE if raw > 0 else PayerState.EXPIRED


def _paid(row: Receipt, height: int) -> Paid:
    note = next((_NOTES[flag] for flag in row.flags if flag in _NOTES), "") if row.state is ReceiptState.OPEN else ""
    final = row.state is not ReceiptState.WAITING
    return Paid(row.hash, row.quantity, row.symbol, row.at, final, max(height - row.block_number + 1, 0), note)
