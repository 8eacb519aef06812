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


class TaskStarted(_TaskEvent):
    kind: ClassVar[str] = "task.started"


class TaskProgressed(_TaskEvent):
    kind: ClassVar[str] = "task.progressed"


class TaskFinished(_TaskEvent):
    kind: ClassVar[str] = "task.finished"

    error: str | None
