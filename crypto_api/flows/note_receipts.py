"""Money that came is noted in the unit of work that books it, and matched from there on (`match_receipts.py`).

Noted is what may be a client's payment: it came in, is no spam, and no rule knows it for anything else. A transaction that left its block and came
back is the same receipt.
"""

from collections.abc import Sequence
from datetime import datetime

from crypto_api.classification.types import Category
from crypto_api.flows.take_back_receipts import take_back_write_offs
from crypto_api.invoices import store as invoices
from crypto_api.receivables import service, store
from crypto_api.receivables.documents import PaymentRequest, Receipt
from crypto_api.receivables.types import ReceiptState
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Direction, Movement, Origin
from mongodb_config.unit_of_work import Session

MAY_BE_A_CLIENTS = frozenset({Category.UNCLASSIFIED, Category.INCOME, Category.INVOICE_PAYMENT})
Noted = tuple[Transaction, Sequence[Movement], Category]


async def note_receipts(session: Session, org_id: str, booked: Sequence[Noted], now: datetime) -> None:
    """Nothing where the organisation never sent an invoice."""
    came = [
        (row, movement)
        for row, movements, category in booked
        if category in MAY_BE_A_CLIENTS and row.origin is Origin.TRANSACTION
        for movement in movements
        if _is_receipt(movement)
    ]
    if not came or not await invoices.any_issued(org_id, session):
        return
    asked = await store.requests_at(org_id, {movement.wallet_id for _, movement in came}, session)
    own = {row.wallet_id: row for row in asked if row.own}
    rows = [_receipt(row, movement, own.get(movement.wallet_id), now) for row, movement in came]
    await service.note(session, org_id, rows, now)
    await take_back_write_offs(session, org_id, {row.transaction_id for row in rows}, now)
    for request in {row.id: row for row in own.values()}.values():
        if request.key_id is not None and request.index is not None:
            await store.note_paid(session, org_id, request.key_id, request.index)


async def follow_category(session: Session, row: Transaction, category: Category, now: datetime) -> None:
    """Its category became another: what is known for something else leaves the desk, and what is not any more comes back to it."""
    wanted = category in MAY_BE_A_CLIENTS
    for receipt in await store.of_transactions(row.org_id, [row.id], session):
        if not wanted and receipt.state in (ReceiptState.WAITING, ReceiptState.OPEN):
            await service.put(session, receipt, {"state": ReceiptState.SET_ASIDE}, now, None)
        elif wanted and receipt.state is ReceiptState.SET_ASIDE:
            await service.put(session, receipt, {"state": ReceiptState.WAITING, "look_at": now}, now, None)


async def is_matched(session: Session, row: Transaction) -> bool:
    return any(receipt.uses for receipt in await store.of_transactions(row.org_id, [row.id], session))


def _is_receipt(movement: Movement) -> bool:
    return (
        movement.direction is Direction.IN
        and not movement.spam
        and not movement.collectible
        and movement.amount is not None
        and movement.amount > 0
        and movement.decimals is not None
    )


def _receipt(row: Transaction, movement: Movement, request: PaymentRequest | None, now: datetime) -> Receipt:
    assert movement.amount is not None and movement.decimals is not None, "checked"
    return Receipt(
        id=f"{row.id}~{movement.key}",
        created_at=now,
        updated_at=now,
        org_id=row.org_id,
        transaction_id=row.id,
        movement_key=movement.key,
        hash=row.hash,
        network=row.network,
        wallet_id=movement.wallet_id,
        asset=movement.asset,
        symbol=movement.symbol,
        decimals=movement.decimals,
        raw_amount=movement.raw_amount,
        quantity=movement.amount,
        value=movement.value,
        payer=movement.from_address,
        block_number=row.block_number,
        block_hash=row.block_hash,
        at=row.timestamp,
        request_id=request.id if request else None,
        invoice_id=request.invoice_id if request else None,
        client_id=request.client_id if request else None,
        look_at=now,
    )
