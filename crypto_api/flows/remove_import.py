"""Take a row back that a person brought: its entry is reversed, the row is gone, and may be brought again. What came from a chain stays."""

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.flows.book_brought import check_period
from crypto_api.flows.book_transaction import reverse_bookings
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.errors import Conflict, NotFound, PreconditionFailed
from crypto_api.organizations import store as organizations
from crypto_api.transactions import store as transactions
from crypto_api.transactions.events import TransactionRemoved
from crypto_api.transactions.types import BROUGHT
from mongodb_config.unit_of_work import Session, UnitOfWork


async def remove_import(uow: UnitOfWork, clock: Clock, org_id: str, row_id: str, versions: frozenset[int] | None = None) -> None:
    """NotFound; Conflict for what came from a chain; PreconditionFailed when it stands at none of `versions`; PeriodClosed."""
    row = await transactions.get(org_id, row_id)
    if row is None:
        raise NotFound
    if row.origin not in BROUGHT:
        raise Conflict("It came from the chain and stays.", code="chain_fact")
    if versions is not None and row.version not in versions:
        raise PreconditionFailed
    now = clock.now()
    organization = await organizations.get(org_id)
    assert organization is not None

    async def work(session: Session) -> None:
        await check_period(session, org_id, day_of(row.timestamp, organization.time_zone))
        if not await transactions.remove_made(session, row):
            raise PreconditionFailed
        await reverse_bookings(session, row, now, "the transaction was taken back")
        await events.append(session, org_id, TransactionRemoved(**row.event_fields()), now)
        before = {"timestamp": row.timestamp, "category": row.category, "note": row.note, "asset": ", ".join(row.assets)}
        await audit.record(
            session,
            org_id,
            "transaction.removed",
            "A transaction was taken back.",
            now,
            subject=("transaction", row.id),
            before=before,
        )

    await uow.run(work)
