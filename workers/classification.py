"""Understanding at work: the model is asked about what nothing else decided, and rules are applied to what is booked when somebody asks for it."""

import asyncio
import random
import time
from collections.abc import Callable
from datetime import timedelta

from crypto_api.adapters.ollama import OllamaModel
from crypto_api.classification.jobs import ClassifyTransaction
from crypto_api.classification.types import LanguageModel
from crypto_api.flows.apply_rules import apply_next
from crypto_api.flows.classify_transaction import Outcome, classify_transaction
from crypto_api.kit import log
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.runtime import Runtime
from crypto_api.tasks.types import ScheduleName, ScheduleRun
from crypto_api.transactions import store as transactions
from workers.actor import Actor
from workers.lane import Lane
from workers.leading import while_leading
from workers.running import running
from workers.schedules import Board

_LATE = timedelta(seconds=60)  # by then the job would have asked
_LOOKED_AT = 200
APPLY_LEASE, APPLY_IDLE_S = "classification-rules", 1.0
_logger = log.get(__name__)


async def _classify(runtime: Runtime, job: ClassifyTransaction) -> None:
    row = await transactions.get(job.org_id, job.transaction_id)
    network = runtime.networks.get(row.network) if row is not None else None
    if network is None or runtime.llm is None:
        return
    async with running(runtime.uow, runtime.clock, job.org_id, job.name, f"Asking {runtime.config.llm_model_name} about a transaction") as task:
        outcome = await _ask(runtime, job.org_id, job.transaction_id, network, runtime.llm)
        task.summary = f"The model was asked about a transaction: {outcome.value.replace('_', ' ')}"
    _logger.info("classified", transaction=job.transaction_id, outcome=outcome.value)


async def _ask(runtime: Runtime, org_id: str, transaction_id: str, network: NetworkConfig, model: LanguageModel) -> Outcome:
    sure = runtime.config.llm_confidence_min
    return await classify_transaction(runtime.uow, runtime.clock, org_id, transaction_id, network, model, confidence_min=sure)


# ---- what a lost nudge, or a model that was away, left ---------------------------------------------------------------------------


class Patience:
    """With questions that a model which is there does not answer: each is asked ever more seldom, and holds up none. Of this process alone: after
    a restart they are simply asked once more."""

    def __init__(self, first_s: float = 60.0, longest_s: float = 6 * 3600.0, now: Callable[[], float] = time.monotonic) -> None:
        self._first_s, self._longest_s, self._now = first_s, longest_s, now
        self._until: dict[str, tuple[int, float]] = {}  # row id → (times in vain, when it may be asked again)

    def waiting(self) -> list[str]:
        """Rows that are not to be asked about now."""
        return [row_id for row_id, (_, until) in self._until.items() if until > self._now()]

    def in_vain(self, row_id: str) -> None:
        times = self._until.get(row_id, (0, 0.0))[0]
        self._until[row_id] = (times + 1, self._now() + min(self._longest_s, self._first_s * 2 ** min(times, 16)))

    def answered(self, row_id: str) -> None:
        self._until.pop(row_id, None)


async def sweep(runtime: Runtime, patience: Patience, scope: OrgScope = EVERYBODY) -> ScheduleRun:
    """A few at random each round. While the model is away a round ends with its first question: the others would be in vain too."""
    if runtime.llm is None:
        return ScheduleRun()
    done = 0
    for slug, network in runtime.networks.items():
        done += await _round(runtime, slug, network, runtime.llm, patience, scope)
    return ScheduleRun(done)


async def _round(runtime: Runtime, slug: str, network: NetworkConfig, model: OllamaModel, patience: Patience, scope: OrgScope) -> int:
    rows = await transactions.undecided_of_network(slug, runtime.clock.now() - _LATE, _LOOKED_AT, scope, without=patience.waiting())
    answered = 0
    for row in random.sample(rows, min(len(rows), runtime.config.llm_batch)):
        outcome = await _ask(runtime, row.org_id, row.id, network, model)
        if outcome is not Outcome.NO_ANSWER:
            patience.answered(row.id)
            answered += 1
        elif await model.fault() is not None:
            break
        else:
            patience.in_vain(row.id)
    return answered


# ---- rules for what is booked ----------------------------------------------------------------------------------------------------


async def keep_applying(runtime: Runtime) -> None:
    """Holds the lease and applies; returns when the lease is lost."""
    await while_leading(runtime, APPLY_LEASE, _applying(runtime))


async def _applying(runtime: Runtime) -> None:
    while True:
        if not await apply_next(runtime.uow, runtime.clock, runtime.networks):
            await asyncio.sleep(APPLY_IDLE_S)


def lanes(runtime: Runtime, board: Board) -> list[Lane]:
    patience = Patience()
    return [
        Lane("undecided", lambda: board.keep(ScheduleName.CLASSIFICATION, lambda scope: sweep(runtime, patience, scope))),
        Lane("classification rules", lambda: keep_applying(runtime)),
    ]


ACTORS = [Actor(ClassifyTransaction, _classify, "Asking the model about a transaction", own_task=True)]
