"""An actor: what is done when a job comes off the queue."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from crypto_api.kit.jobs import Job
from crypto_api.runtime import Runtime


@dataclass(frozen=True)
class Actor:
    """Bound to one kind of job. It is safe to run twice, is bounded in time, and reads from the database what is due. Each run of it is a task, of
    the organisation that the job names or of the installation; `own_task`: it makes that by itself, or the job names one."""

    job: type[Job]
    run: Callable[[Runtime, Any], Awaitable[None]]
    title: str = ""
    own_task: bool = False

    def makes_task(self, job: Any) -> bool:
        return self.own_task or bool(getattr(job, "task_id", ""))
