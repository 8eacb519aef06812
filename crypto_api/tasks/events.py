"""Facts of the slice: what a task is doing, as the task log shows it."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent
from crypto_api.organizations.types import Permission
from crypto_api.tasks.types import TaskStatus

KIND_PREFIX = "task."


class _TaskEvent(DomainEvent):
    permission: ClassVar[str] = Permission.TASKS_READ

    task_id: str
    task_kind: str
    status: TaskStatus
    progress: int  # percent
    summary: str


class TaskQueued(_TaskEvent):
    """It waits for a worker: somebody asked for it, or an attempt failed and another one follows."""

    kind: ClassVar[str] = "task.queued"


class TaskStarted(_TaskEvent):
    kind: ClassVar[str] = "task.started"


class TaskProgressed(_TaskEvent):
    kind: ClassVar[str] = "task.progressed"


class TaskFinished(_TaskEvent):
    kind: ClassVar[str] = "task.finished"

    error: str | None


class _ScheduleEvent(DomainEvent):
    permission: ClassVar[str] = Permission.TASKS_READ

    schedule: str


class ScheduleStopped(_ScheduleEvent):
    kind: ClassVar[str] = "schedule.stopped"


class ScheduleStarted(_ScheduleEvent):
    kind: ClassVar[str] = "schedule.started"


class _DeadLetterEvent(DomainEvent):
    permission: ClassVar[str] = Permission.TASKS_READ

    dead_letter_id: str
    job: str


class DeadLetterOpened(_DeadLetterEvent):
    kind: ClassVar[str] = "dead_letter.opened"


class DeadLetterClosed(_DeadLetterEvent):
    kind: ClassVar[str] = "dead_letter.closed"

    closed_as: str
