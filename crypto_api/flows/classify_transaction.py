"""Ask the local model about a transaction that nothing else decided.

    still undecided? → ask (outside of any unit of work) → sure enough: book from suspense to what it said │ else: keep it as a suggestion

Sure enough is what reaches both the installation's `LLM_CONFIDENCE_MIN` and the organisation's threshold; without the former the model only ever
suggests. The model chooses a label and nothing else: amounts, quantities, wallets and dates come from the chain. What a person said is never
touched, and the model is asked once: an answer, used or not, stays on the row.
"""

from datetime import datetime
from enum import StrEnum

from crypto_api.classification import service as classification
from crypto_api.classification.types import Category, Decision, DecisionSource, LanguageModel, Suggestion
from crypto_api.events import service as events
from crypto_api.flows.book_transaction import rebook
from crypto_api.flows.decide_transaction import as_fields, facts_of
from crypto_api.flows.note_receipts import follow_category
from crypto_api.kit.clock import Clock
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations import store as organizations
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionBooked
from crypto_api.transactions.types import Booking
from mongodb_config.unit_of_work import Session, UnitOfWork


class Overtaken(Exception):
    """The row changed meanwhile: nothing of this unit of work may stay."""


class Outcome(StrEnum):
    NOT_ASKED = "not_asked"  # decided already, not booked (yet), or there is no model
    NO_ANSWER = "no_answer"
    SUGGESTED = "suggested"
    RECLASSIFIED = "reclassified"
    OVERTAKEN = "overtaken"  # somebody changed it meanwhile: their word stands


async def classify_transaction(
    uow: UnitOfWork,
    clock: Clock,
    org_id: str,
    transaction_id: str,
    network: NetworkConfig,
    model: LanguageModel | None,
    *,
    confidence_min: float | None = None,
) -> Outcome:
    """With `confidence_min` None the model only ever suggests; with a number, what it is that sure of is booked."""
    row = await transactions.get(org_id, transaction_id)
    if model is None or row is None or not _undecided(row):
        return Outcome.NOT_ASKED
    organization = await organizations.get(org_id)
    assert organization is not None, f"transaction {row.id} of an organisation that does not exist"
    said = await classification.suggest(model, await facts_of(row, network, organization.time_zone))
    if said is None:
        return Outcome.NO_ANSWER
    now, wanted = clock.now(), max(confidence_min or 0, float(organization.classification_threshold))
    if confidence_min is not None and said.confidence >= wanted and said.category is not Category.UNCLASSIFIED:
        try:
            return await uow.run(lambda session: reclassify(session, row, said, organization.time_zone, now))
        except Overtaken:
            return Outcome.OVERTAKEN
    return await uow.run(lambda session: _keep(session, row, said))


def _undecided(row: Transaction) -> bool:
    return row.booking is Booking.DONE and row.category == Category.UNCLASSIFIED and row.category_source == DecisionSource.NONE and row.model is None


async def reclassify(session: Session, row: Transaction, decision: Decision, time_zone: str, now: datetime) -> Outcome:
    """From suspense to what was decided. Overtaken when the row is no longer as it was read."""
    entry = await rebook(session, row, decision, time_zone, now)
    changes = as_fields(decision)
    if entry is not None:
        changes |= {"entry_ids": [*row.entry_ids, entry.id], "unpriced": entry.unpriced}
    if not await transactions.annotate(session, row.org_id, row.id, row.version, changes):
        raise Overtaken
    await follow_category(session, row, decision.category, now)
    told = row.event_fields() | {"category": decision.category.value}
    await events.append(session, row.org_id, TransactionBooked(**told), now)
    return Outcome.RECLASSIFIED


async def _keep(session: Session, row: Transaction, said: Decision) -> Outcome:
    """It stays in suspense; the row says what the model thought of it, unless memory is surer."""
    told = f"{said.model} suggests {said.category} ({said.confidence:.0%}): {said.explanation}"
    changes: dict[str, object] = {"model": said.model, "explanation": f"{row.explanation} {told}".strip()}
    before = Suggestion.model_validate(row.suggestion) if row.suggestion else None
    if said.category is not Category.UNCLASSIFIED and (before is None or before.confidence < said.confidence):
        changes["suggestion"] = suggestion_of(said).model_dump(mode="json")
    return Outcome.SUGGESTED if await transactions.annotate(session, row.org_id, row.id, row.version, changes) else Outcome.OVERTAKEN


def suggestion_of(decision: Decision) -> Suggestion:
    return Suggestion(**{name: getattr(decision, name) for name in Suggestion.model_fields})
