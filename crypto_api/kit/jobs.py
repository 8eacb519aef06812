"""What a job is. Each slice declares its own in `jobs.py`; `workers/` binds an actor to each."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Job(BaseModel):
    """A nudge to do something now: a name and ids, never the thing itself. Losing one, or getting it twice, costs time and nothing else,
    because what is due is read from the database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
