"""Actors of understanding."""

import asyncio
import random
from datetime import date, timedelta

from crypto_api.classification.jobs import ApplyClassificationRules, ClassifyTransaction
from crypto_api.classification.types import LanguageModel
from crypto_api.flows.apply_rules import Preview, Span, apply_rules
from crypto_api.flows.classify_transaction import Outcome, classify_transaction
from crypto_api.kit import log
from crypto_api.kit.networks import NetworkConfig
from crypto_api.runtime import Runtime
from crypto_api.tasks import service as tasks
from crypto_api.transactions import store as transactions
from mongodb_config.unit_of_work import Session
from workers.actor import Actor
from workers.lane import Lane
from workers.running import running

SWEEP_S = 30.0
_LATE = timedelta(seconds=60)  # by then the job would have asked
_LOOKED_AT = 200
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


async def sweep(runtime: Runtime) -> None:
    """What a lost nudge, or a model that was away, left undecided. A few at random, so that one that the model cannot answer holds up none."""
    while runtime.llm is not None:
        for slug, network in runtime.networks.items():
            rows = await transactions.undecided_of_network(slug, runtime.clock.now() - _LATE, _LOOKED_AT)
            for row in random.sample(rows, min(len(rows), runtime.config.llm_batch)):
                outcome = await _ask(runtime, row.org_id, row.id, network, runtime.llm)
                if outcome is Outcome.NO_ANSWER:
                    break
        await asyncio.sleep(SWEEP_S)
    await asyncio.Event().wait()  # without a model there is nothing to do, ever


async def _apply(runtime: Runtime, job: ApplyClassificationRules) -> None:
    async def begin(session: Session) -> bool:
        return await tasks.begin(session, job.org_id, job.task_id, runtime.clock.now())

    if not await runtime.uow.run(begin):
        return
    span = Span(*(date.fromisoformat(day) if day else None for day in (job.first, job.last)))
    try:
        done = await apply_rules(runtime.uow, runtime.clock, runtime.networks, job.org_id, span)
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
        await runtime.uow.run(lambda session: _end(session, runtime, job, "Rules were not applied to the end", None, reason))
        raise
    told = f"Rules were applied: {done.changed} of {done.looked_at} changed, {done.in_closed_periods} in closed periods stay"
    await runtime.uow.run(lambda session: _end(session, runtime, job, told, _counts(done), None))


def _counts(done: Preview) -> dict[str, int]:
    return {name: getattr(done, name) for name in ("looked_at", "matched", "changed", "in_closed_periods", "matched_invoices")}


async def _end(
    session: Session, runtime: Runtime, job: ApplyClassificationRules, summary: str, result: dict[str, int] | None, error: str | None
) -> None:
    await tasks.finish(session, job.org_id, job.task_id, runtime.clock.now(), summary=summary, result=result, error=error)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("undecided", lambda: sweep(runtime))]


ACTORS = [Actor(ClassifyTransaction, _classify), Actor(ApplyClassificationRules, _apply)]
