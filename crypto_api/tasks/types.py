"""Values of the slice."""

from enum import StrEnum


class TaskStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


ENDED = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED})

RESUMED = frozenset({"backfill"})
"""Kinds that take as long as they take and go on by themselves where they were when a worker dies."""
