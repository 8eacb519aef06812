"""A person says what a transaction is, or adds a note. What the chain said stays as it is."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from crypto_api.classification.types import Category, DecisionSource
from crypto_api.events import service as events
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound, PreconditionFailed
from crypto_api.transactions import store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionAnnotated
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
    """NotFound, or PreconditionFailed when it stands at none of `versions`."""
    changes, now = _changes(annotation), clock.now()

    async def work(session: Session) -> bool:
        row = await store.get(org_id, transaction_id)
        if row is None:
            raise NotFound
        if versions is not None and row.version not in versions:
            raise PreconditionFailed("It was changed since it was read.")
        if not await store.annotate(session, org_id, row.id, row.version, changes):
            return False
        await events.append(session, org_id, _told(row, annotation), now)
        return True

    while not await uow.run(work):  # the follower changed it in between (confirmed, booked): look again
        pass
    row = await store.get(org_id, transaction_id)
    if row is None:
        raise NotFound
    return row


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
