"""What a job is. Each slice declares its own in `jobs.py`; `workers/` binds an actor to each."""

from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

ATTEMPTS_MAX = 3
"""How often a job that fails is tried before it becomes a dead letter."""


class Job(BaseModel):
    """A nudge to do something now: a name and ids, never the thing itself. Losing one, or getting it twice, costs time and nothing else,
    because what is due is read from the database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]


class Jobs(Protocol):
    """Where a flow leaves a nudge after its commit. False when the queue is away: the sweep finds the work."""

    async def put(self, job: Job, *, in_s: float = 0) -> bool: ...
