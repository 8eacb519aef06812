"""A person says what a transaction is, or adds a note. What the chain said stays as it is."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.classification.types import Category, DecisionSource
from crypto_api.events import service as events
from crypto_api.flows.book_transaction import rebook, said_by_person
from crypto_api.flows.note_receipts import follow_category, is_matched
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound, PreconditionFailed
from crypto_api.organizations import store as organizations
from crypto_api.receivables.errors import Matched
from crypto_api.transactions import store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionAnnotated
from crypto_api.transactions.types import Booking
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class Annotation:
    """None leaves as it is."""

    category: Category | None = None
    subcategory: str | None = None
    counterparty: str | None = None
    explanation: str | None = None
    note: str | None = None


async def annotate_transaction(
    uow: UnitOfWork, clock: Clock, org_id: str, transaction_id: str, annotation: Annotation, versions: Collection[int] | None = None
) -> Transaction:
    """NotFound, PreconditionFailed when it stands at none of `versions`, Matched where it pays an invoice and is said to be something else."""
    changes, now = _changes(annotation), clock.now()

    async def work(session: Session) -> bool:
        row = await store.get(org_id, transaction_id)
        if row is None:
            raise NotFound
        if versions is not None and row.version not in versions:
            raise PreconditionFailed
        if annotation.category not in (None, Category.INVOICE_PAYMENT, Category(row.category)) and await is_matched(session, row):
            raise Matched
        if not await store.annotate(session, org_id, row.id, row.version, changes):
            return False
        if annotation.category is not None:
            await follow_category(session, row, annotation.category, now)
            await _rebook(session, row.model_copy(update=changes), row.version + 1, now)
        await events.append(session, org_id, _told(row, annotation), now)
        await _record(session, row, annotation, changes, now)
        return True

    while not await uow.run(work):  # the follower changed it in between (confirmed, booked): look again
        pass
    row = await store.get(org_id, transaction_id)
    assert row is not None, "what came from a chain is never deleted"
    return row


async def _rebook(session: Session, row: Transaction, version: int, now: datetime) -> None:
    """The books follow the person's word. What is not booked yet will be booked as they said."""
    if row.booking is not Booking.DONE:
        return
    organization = await organizations.get(row.org_id, session)
    assert organization is not None
    entry = await rebook(session, row, said_by_person(row), organization.time_zone, now)
    if entry is not None:
        changed = await store.annotate(session, row.org_id, row.id, version, {"entry_ids": [*row.entry_ids, entry.id], "unpriced": entry.unpriced})
        assert changed, "nobody else can have changed it within this unit of work"


async def _record(session: Session, row: Transaction, annotation: Annotation, changes: dict[str, Any], now: datetime) -> None:
    classified = annotation.category is not None
    await audit.record(
        session,
        row.org_id,
        "transaction.classified" if classified else "transaction.annotated",
        f"{row.hash} is {annotation.category}." if classified else f"{row.hash} was annotated.",
        now,
        subject=("transaction", row.id),
        before={name: getattr(row, name) for name in changes},
        after=changes,
    )


def _changes(annotation: Annotation) -> dict[str, Any]:
    changes = {name: value for name, value in vars(annotation).items() if value is not None}
    if annotation.category is not None:
        changes |= {"category_source": DecisionSource.PERSON, "confidence": 1.0, "evidence": [], "model": None}
        changes.setdefault("explanation", "Set by a person.")
    return changes


def _told(row: Transaction, annotation: Annotation) -> TransactionAnnotated:
    return TransactionAnnotated(
        transaction_id=row.id,
        hash=row.hash,
        network=row.network,
        block_number=row.block_number,
        block_at=row.timestamp,
        status=row.status,
        category=annotation.category or row.category,
    )
