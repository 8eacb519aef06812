"""A transaction is confirmed once it stands as deep as its network asks for, or in what the network itself calls final. A reorganisation up to the
depth limit still undoes it."""

import asyncio
from contextlib import nullcontext

from crypto_api.chains import store as chain_store
from crypto_api.events import service as events
from crypto_api.kit.clock import Clock
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions import store as transaction_store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionConfirmed
from crypto_api.transactions.types import Finality
from mongodb_config.unit_of_work import Session, UnitOfWork

ROWS_AT_ONCE = 200


async def confirm_transactions(
    uow: UnitOfWork, clock: Clock, network: NetworkConfig, height: int, final: int | None = None, turn: asyncio.Lock | None = None
) -> int:
    """Confirms what stands at least `confirmations` blocks below `height`, or up to `final` where the network says so; returns how many. What waits
    until providers agree stays pending.

    With `turn`, each unit of work waits for the booking that is on its way (flows/book_due.py): both write the same rows, and many rows against one
    after another would lose every time, until booking is done."""
    deep_enough = height - network.confirmations if final is None else min(final, height)
    confirmed = 0
    while rows := await transaction_store.unconfirmed_of_network(network.slug, deep_enough, ROWS_AT_ONCE):
        async with turn or nullcontext():
            await uow.run(lambda session, rows=rows: _confirm(session, rows, clock))  # type: ignore[misc]
        confirmed += len(rows)
    await chain_store.set_confirmed(network.slug, deep_enough)
    return confirmed


async def _confirm(session: Session, rows: list[Transaction], clock: Clock) -> None:
    confirmed = []
    for org_id in {row.org_id: None for row in rows}:
        own = [row for row in rows if row.org_id == org_id]
        ids = await transaction_store.confirm(session, org_id, own)
        confirmed += [row for row in own if row.id in ids]
    for row in confirmed:
        row.finality = Finality.CONFIRMED
    await events.append_all(session, [(row.org_id, TransactionConfirmed(**row.event_fields())) for row in confirmed], clock.now())
