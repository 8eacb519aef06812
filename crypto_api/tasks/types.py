"""Values of the slice."""

from enum import StrEnum


class TaskStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


ENDED = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED})
