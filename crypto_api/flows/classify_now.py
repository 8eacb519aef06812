"""A person wants one transaction judged at once: by what is certain, rules and memory, then by the local model, whose answer is waited for."""

from collections.abc import Mapping
from enum import StrEnum

from crypto_api.classification.types import LanguageModel
from crypto_api.flows.classify_again import classify_row
from crypto_api.flows.classify_transaction import Outcome, classify_transaction
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from mongodb_config.unit_of_work import UnitOfWork


class Judged(StrEnum):
    CLASSIFIED = "classified"  # by something that is sure enough: it is booked so
    SUGGESTED = "suggested"  # by a model that is not
    NO_ANSWER = "no_answer"  # the model is away, slow, or answered nonsense
    UNCHANGED = "unchanged"  # decided before, not booked yet, asked before, or nobody knows and there is no model


_TOLD = {
    Outcome.RECLASSIFIED: Judged.CLASSIFIED,
    Outcome.SUGGESTED: Judged.SUGGESTED,
    Outcome.NO_ANSWER: Judged.NO_ANSWER,
}


async def classify_now(
    uow: UnitOfWork,
    clock: Clock,
    networks: Mapping[str, NetworkConfig],
    model: LanguageModel | None,
    org_id: str,
    transaction_id: str,
    *,
    confidence_min: float | None,
) -> tuple[Transaction, Judged]:
    """InvalidInput for an id that is none of the organisation's."""
    row = await transactions.get(org_id, transaction_id)
    if row is None:
        raise InvalidInput.of("transaction_id", "is no transaction of this organisation", "unknown_transaction")
    network = networks.get(row.network)
    if network is None:
        return row, Judged.UNCHANGED
    if await classify_row(uow, clock, network, row) is not None:
        return await _now(row), Judged.CLASSIFIED
    outcome = await classify_transaction(uow, clock, org_id, transaction_id, network, model, confidence_min=confidence_min)
    return await _now(row), _TOLD.get(outcome, Judged.UNCHANGED)


async def _now(row: Transaction) -> Transaction:
    found = await transactions.get(row.org_id, row.id)
    assert found is not None, "what came from a chain is never deleted"
    return found
