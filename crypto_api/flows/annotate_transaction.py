"""A person says what a transaction is, or adds a note. What the chain said stays as it is.

Their word stands whatever is decoded, followed or ruled later, and is remembered in the same unit of work: the next one that is like it is compared
with it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.classification import service as classification
from crypto_api.classification import store as counterparties
from crypto_api.classification.types import TAX_OF, WITH_ACCOUNT, Category, DecisionSource, Outcome, TaxTreatment
from crypto_api.events import service as events
from crypto_api.flows.book_transaction import rebook
from crypto_api.flows.decide_transaction import decided_before, plain_facts
from crypto_api.flows.note_receipts import follow_category, is_matched
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound, PreconditionFailed
from crypto_api.organizations import store as organizations
from crypto_api.receivables.errors import Matched
from crypto_api.transactions import store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionAnnotated
from crypto_api.transactions.types import Booking, Origin
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class Annotation:
    """None leaves as it is."""

    category: Category | None = None
    subcategory: str | None = None
    counterparty: str | None = None
    purpose: str | None = None
    tax_category: TaxTreatment | None = None
    account: str | None = None
    explanation: str | None = None
    note: str | None = None


async def annotate_transaction(
    uow: UnitOfWork,
    clock: Clock,
    org_id: str,
    transaction_id: str,
    annotation: Annotation,
    versions: Collection[int] | None = None,
) -> Transaction:
    """NotFound, PreconditionFailed when it stands at none of `versions`, Matched where it pays an invoice and is said to be something else."""
    now = clock.now()

    async def work(session: Session) -> bool:
        row = await store.get(org_id, transaction_id)
        if row is None:
            raise NotFound
        if versions is not None and row.version not in versions:
            raise PreconditionFailed
        if annotation.category not in (None, Category.INVOICE_PAYMENT, Category(row.category)) and await is_matched(session, row):
            raise Matched
        changes = _changes(annotation, row)
        if not await store.annotate(session, org_id, row.id, row.version, changes):
            return False
        if annotation.category is not None:
            await follow_category(session, row, annotation.category, now)
            await _rebook(session, row, row.model_copy(update=changes), now)
            await _remember(session, row.model_copy(update=changes), now)
        await events.append(session, org_id, _told(row, annotation), now)
        await _record(session, row, annotation, changes, now)
        return True

    while not await uow.run(work):  # the follower changed it in between (confirmed, booked): look again
        pass
    row = await store.get(org_id, transaction_id)
    assert row is not None, "what came from a chain is never deleted"
    return row


async def _rebook(session: Session, before: Transaction, row: Transaction, now: datetime) -> None:
    """The books follow the person's word. What is not booked yet will be booked as they said."""
    if row.booking is not Booking.DONE:
        return
    organization = await organizations.get(row.org_id, session)
    assert organization is not None
    entry = await rebook(session, before, decided_before(row), organization.time_zone, now)
    if entry is not None:
        changes = {"entry_ids": [*row.entry_ids, entry.id], "unpriced": entry.unpriced}
        changed = await store.annotate(session, row.org_id, row.id, before.version + 1, changes)
        assert changed, "nobody else can have changed it within this unit of work"


async def _remember(session: Session, row: Transaction, now: datetime) -> None:
    """Of what came from a chain: a row that somebody brought says itself what it is."""
    if row.origin is not Origin.TRANSACTION:
        return
    facts = plain_facts(row, None, "UTC", await counterparties.known(row.org_id))
    said = decided_before(row)
    outcome = Outcome(**{name: getattr(said, name) for name in Outcome.model_fields})
    await classification.remember(session, row.org_id, row.id, facts, outcome, now)


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


def _changes(annotation: Annotation, row: Transaction) -> dict[str, Any]:
    """With another category the taxes and the account are that category's again, unless they are said too."""
    changes = {name: value for name, value in vars(annotation).items() if value is not None}
    if annotation.category is None:
        return changes
    changes |= {"category_source": DecisionSource.PERSON, "confidence": 1.0, "evidence": [], "model": None, "provenance": None, "suggestion": None}
    changes.setdefault("explanation", "Set by a person.")
    if annotation.category != row.category:
        changes.setdefault("tax_category", TAX_OF.get(annotation.category, TaxTreatment.UNKNOWN))
    if annotation.category != row.category or annotation.category not in WITH_ACCOUNT:
        changes.setdefault("account", "")
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
