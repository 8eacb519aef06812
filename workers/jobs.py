"""The queue's edge: every actor, the lane that runs what is put on the queue, and the sweeps that find what a lost nudge left."""

import asyncio
from datetime import timedelta
from typing import Any

from crypto_api.adapters.queue import JOB_TIMEOUT_S, Handler
from crypto_api.flows.end_abandoned_tasks import end_abandoned_tasks
from crypto_api.kit import log
from crypto_api.runtime import Runtime
from workers import (
    audits,
    classification,
    contracts,
    identity,
    inbox,
    invoices,
    long_reports,
    lots,
    news,
    notifications,
    organizations,
    payments,
    payroll,
    prices,
    recurring,
    webhooks,
)
from workers.actor import Actor
from workers.lane import Lane

SWEEP_S = 30.0
ABANDONED_AFTER = timedelta(seconds=2 * JOB_TIMEOUT_S)
_logger = log.get(__name__)

ACTORS: list[Actor] = [
    *classification.ACTORS,
    *contracts.ACTORS,
    *identity.ACTORS,
    *invoices.ACTORS,
    *organizations.ACTORS,
    *payments.ACTORS,
    *prices.ACTORS,
]


def lanes(runtime: Runtime) -> list[Lane]:
    handlers = {actor.job.name: _handler(runtime, actor) for actor in ACTORS}
    return [
        Lane("queue", lambda: runtime.queue.serve(handlers)),
        Lane("abandoned_tasks", lambda: _sweep_tasks(runtime)),
        *identity.lanes(runtime),
        *organizations.lanes(runtime),
        *payments.lanes(runtime),
        *payroll.lanes(runtime),
        *recurring.lanes(runtime),
        *classification.lanes(runtime),
        *contracts.lanes(runtime),
        *audits.lanes(runtime),
        *inbox.lanes(runtime),
        *invoices.lanes(runtime),
        *long_reports.lanes(runtime),
        *lots.lanes(runtime),
        *prices.lanes(runtime),
        *notifications.lanes(runtime),
        *news.lanes(runtime),
        *webhooks.lanes(runtime),
    ]


def _handler(runtime: Runtime, actor: Actor) -> Handler:
    async def handle(job_id: str, payload: dict[str, Any], job_try: int) -> None:
        with log.bound(job=actor.job.name, job_id=job_id, job_try=job_try):
            _logger.info("job_started")
            try:
                await actor.run(runtime, actor.job.model_validate(payload))
            except Exception:
                _logger.exception("job_failed")
                raise
            _logger.info("job_done")

    return handle


async def _sweep_tasks(runtime: Runtime) -> None:
    while True:
        if ended := await end_abandoned_tasks(runtime.uow, runtime.clock, ABANDONED_AFTER):
            _logger.warning("tasks_were_abandoned", count=ended)
        await asyncio.sleep(SWEEP_S)
