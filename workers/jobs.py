"""The queue's edge: every actor, and the lane that runs what is put on the queue."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from crypto_api.adapters.queue import Handler
from crypto_api.kit import log
from crypto_api.kit.jobs import Job
from crypto_api.runtime import Runtime
from workers.lane import Lane

_logger = log.get(__name__)


@dataclass(frozen=True)
class Actor:
    """What is done when a job of this kind comes off the queue. It is safe to run twice and reads from the database what is due."""

    job: type[Job]
    run: Callable[[Runtime, Any], Awaitable[None]]


ACTORS: list[Actor] = []


def lanes(runtime: Runtime) -> list[Lane]:
    handlers = {actor.job.name: _handler(runtime, actor) for actor in ACTORS}
    return [Lane("queue", lambda: runtime.queue.serve(handlers))]


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
