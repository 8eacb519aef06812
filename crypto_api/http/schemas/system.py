from typing import Any

from pydantic import Field

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import ReadSchema, Time, Word
from crypto_api.tasks.documents import Task
from crypto_api.tasks.types import TaskStatus


class PartRead(ReadSchema):
    ready: bool
    detail: str = Field(examples=["answers"])
    ms: int | None = Field(default=None, description="How long it took to answer.")


class HealthRead(ReadSchema):
    status: str = Field(examples=["ok"], description="ok, degraded or unavailable.")
    degraded: list[str] = Field(description="The parts that are not ready.")
    parts: dict[str, PartRead]


class TaskQuery(PageQuery):
    status: TaskStatus | None = None
    kind: Word | None = None


class TaskRead(ReadSchema):
    id: str
    kind: str = Field(examples=["backfill"])
    status: TaskStatus
    progress: int = Field(examples=[100], description="Percent.")
    summary: str
    result: dict[str, Any] | None
    error: str | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None

    @classmethod
    def of(cls, task: Task) -> "TaskRead":
        return cls(**{name: getattr(task, name) for name in cls.model_fields})
