"""An actor: what is done when a job comes off the queue."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from crypto_api.kit.jobs import Job
from crypto_api.runtime import Runtime


@dataclass(frozen=True)
class Actor:
    """Bound to one kind of job. It is safe to run twice, is bounded in time, and reads from the database what is due."""

    job: type[Job]
    run: Callable[[Runtime, Any], Awaitable[None]]
