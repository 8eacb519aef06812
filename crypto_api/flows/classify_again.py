"""Judge again what nobody decided yet: rules or memory may know by now, else the local model is asked once more, if there is one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from crypto_api.audit import service as audit
from crypto_api.classification.jobs import ClassifyTransaction
from crypto_api.classification.types import Category, DecisionSource
from crypto_api.flows.classify_transaction import Overtaken, reclassify
from crypto_api.flows.decide_transaction import decide
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import FieldError, InvalidInput
from crypto_api.kit.jobs import Jobs
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations import store as organizations
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking
from mongodb_config.unit_of_work import UnitOfWork


class Reclassification(StrEnum):
    CLASSIFIED = "classified"
    QUEUED = "queued"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Reclassified:
    transaction_id: str
    outcome: Reclassification
    category: str


async def classify_again(
    uow: UnitOfWork, clock: Clock, networks: Mapping[str, NetworkConfig], queue: Jobs, org_id: str, row_ids: Sequence[str], *, has_model: bool
) -> list[Reclassified]:
    """What a person, a rule or a model decided stays. InvalidInput for ids that are none of the organisation's: nothing is done then."""
    found = {row.id: row for row in await transactions.by_ids(org_id, row_ids)}
    unknown = [index for index, row_id in enumerate(row_ids) if row_id not in found]
    if unknown:
        message = "is no transaction of this organisation"
        raise InvalidInput(*(FieldError(f"transaction_ids.{index}", message, "unknown_transaction") for index in unknown))
    done = []
    for row in [found[row_id] for row_id in dict.fromkeys(row_ids)]:
        network = networks.get(row.network)
        decided = await classify_row(uow, clock, network, row) if network is not None else None
        if decided is not None:
            done.append(Reclassified(row.id, Reclassification.CLASSIFIED, decided))
        elif has_model and network is not None and _undecided(row) and row.model is None:
            await queue.put(ClassifyTransaction(org_id=org_id, transaction_id=row.id))
            done.append(Reclassified(row.id, Reclassification.QUEUED, row.category))
        else:
            done.append(Reclassified(row.id, Reclassification.UNCHANGED, row.category))
    counts = {outcome.value: count for outcome, count in Counter(one.outcome for one in done).items()}
    summary, now = f"Transactions were judged again: {len(done)}.", clock.now()
    await uow.run(
        lambda session: audit.record(session, org_id, "transactions.judged_again", summary, now, subject=("transactions", ""), after=counts)
    )
    return done


def _undecided(row: Transaction) -> bool:
    return row.booking is Booking.DONE and row.category == Category.UNCLASSIFIED and row.category_source == DecisionSource.NONE


async def classify_row(uow: UnitOfWork, clock: Clock, network: NetworkConfig, row: Transaction) -> str | None:
    """The category that facts, rules or memory have for what nobody decided yet, and under which it is booked now; None where they have none. What
    they suggest without being sure is kept."""
    if not _undecided(row):
        return None
    decision = await decide(row, network)
    organization = await organizations.get(row.org_id)
    assert organization is not None, f"transaction {row.id} of an organisation that does not exist"
    if decision.source is DecisionSource.NONE:
        if decision.suggestion is not None and row.suggestion is None:
            changes = {"suggestion": decision.suggestion.model_dump(mode="json")}
            await uow.run(lambda session: transactions.annotate(session, row.org_id, row.id, row.version, changes))
        return None
    try:
        await uow.run(lambda session: reclassify(session, row, decision, organization.time_zone, clock.now()))
    except Overtaken:
        return None  # somebody changed it meanwhile: their word stands
    return decision.category.value
