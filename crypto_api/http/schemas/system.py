from collections.abc import Sequence
from typing import Any

from pydantic import Field

from crypto_api.flows.operate_tasks import ScheduleState
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Choice, Line, ReadSchema, RequestSchema, Time, Word
from crypto_api.tasks import service
from crypto_api.tasks.documents import DeadLetter, Task
from crypto_api.tasks.types import ScheduleName, TaskStatus


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
    q: Line | None = Field(default=None, max_length=100, description="A part of what it says of itself.")


class TaskLineRead(ReadSchema):
    at: Time
    text: str = Field(examples=["40 of 100 rows"])


class TaskRead(ReadSchema):
    id: str = Field(examples=["tsk_01k9x5r3v8"])
    kind: str = Field(examples=["backfill"])
    status: TaskStatus
    progress: int = Field(examples=[100], description="Percent.")
    summary: str
    result: dict[str, Any] | None
    error: str | None
    log: list[TaskLineRead] = Field(description="The last 100 lines of what it said.")
    attempt: int = Field(examples=[1])
    attempts_max: int = Field(examples=[3])
    schedule: str | None = Field(examples=["prices"], description="The schedule that somebody had run, where it is such a run.")
    requested_by: str | None = Field(description="The person who asked for it.")
    retry_of: str | None = Field(description="The task that this one does again.")
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    duration_ms: int | None = Field(examples=[840], description="From its start to its end.")
    cancel_requested_at: Time | None
    cancellable: bool
    retriable: bool

    @classmethod
    def of(cls, task: Task) -> "TaskRead":
        derived = {"log", "duration_ms", "cancellable", "retriable"}
        took = task.finished_at - task.started_at if task.finished_at is not None and task.started_at is not None else None
        return cls(
            **{name: getattr(task, name) for name in cls.model_fields if name not in derived},
            log=[TaskLineRead(at=line.at, text=line.text) for line in task.log],
            duration_ms=round(took.total_seconds() * 1000) if took is not None else None,
            cancellable=service.is_cancellable(task),
            retriable=service.is_retriable(task),
        )


class ScheduleRead(ReadSchema):
    name: ScheduleName
    title: str = Field(examples=["Recurring payments"])
    about: str
    running: bool = Field(description="False: it is stopped.")
    stopped_at: Time | None
    stopped_by_installation: bool = Field(description="Its operator stopped it for everybody.")
    switchable: bool = Field(description="False: what people ordered waits for it, so that it cannot be stopped.")
    every_s: float = Field(examples=[60.0], description="Seconds from the end of a run to the next.")
    last_run_at: Time | None
    took_ms: int | None
    last_done: int = Field(examples=[3], description="How much the last run did in which anything was due, over all organisations that share it.")
    last_done_at: Time | None
    next_run_at: Time | None
    failures: int = Field(examples=[0], description="In a row.")
    last_error: str | None
    last_failed_at: Time | None

    @classmethod
    def of(cls, row: ScheduleState, *, installation: bool) -> "ScheduleRead":
        shared = row.shared
        return cls(
            name=row.schedule.name,
            title=row.schedule.title,
            about=row.schedule.about,
            running=row.stopped_at is None,
            stopped_at=row.stopped_at,
            stopped_by_installation=row.stopped_by_installation,
            switchable=not row.schedule.essential,
            every_s=row.every_s,
            last_run_at=row.run_at,
            took_ms=shared.took_ms if shared and installation else None,
            last_done=shared.done if shared and installation else 0,
            last_done_at=shared.done_at if shared and installation else None,
            next_run_at=row.next_at,
            failures=row.failures,
            last_error=row.error if installation or (row.own is not None and row.own.error) else FAILED_FOR_ALL if row.error else None,
            last_failed_at=row.failed_at,
        )


FAILED_FOR_ALL = "The last run of the installation failed. Its operator sees why."
"""What failed for all may name another organisation's things."""


class AutomationRead(ReadSchema):
    running: bool = Field(description="Whether every schedule that can be stopped runs.")
    schedules: list[ScheduleRead]

    @classmethod
    def of(cls, rows: Sequence[ScheduleState], *, installation: bool = False) -> "AutomationRead":
        return cls(running=all(row.stopped_at is None for row in rows), schedules=[ScheduleRead.of(row, installation=installation) for row in rows])


class AutomationSwitch(RequestSchema):
    schedule: Choice[ScheduleName] | None = Field(default=None, examples=["recurring_payments"], description="Left out: all that can be stopped.")


class ScheduleRunCreate(RequestSchema):
    task: Choice[ScheduleName] = Field(examples=["prices"], description="The name of a schedule.")


class CacheClearingRead(ReadSchema):
    cleared: dict[str, int] = Field(examples=[{"price_questions": 12}], description="How much this process forgot; workers do within seconds.")


class DeadLetterQuery(PageQuery):
    open: bool | None = Field(default=None, description="True: what nobody has dealt with.")


class DeadLetterRead(ReadSchema):
    id: str = Field(examples=["dead_01k9x5r3v8"])
    job: str = Field(examples=["send_invoice_mail"])
    payload: dict[str, str | int] = Field(description="The ids that the job is about.")
    task_id: str | None
    error: str = Field(description="Of the last attempt.")
    attempts: int = Field(examples=[3])
    open: bool = Field(description="Nobody has dealt with it.")
    closed_as: str | None = Field(examples=["replayed"], description="replayed or discarded.")
    closed_at: Time | None
    replay_task_id: str | None
    created_at: Time

    @classmethod
    def of(cls, row: DeadLetter) -> "DeadLetterRead":
        told = {name: getattr(row, name) for name in cls.model_fields if name not in ("job", "payload")}
        return cls(**told, job=row.job.name, payload=dict(row.job.payload))
