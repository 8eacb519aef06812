"""Values of the slice."""

from enum import StrEnum


class TaskStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED})

RESUMED = frozenset({"backfill", "report", "audit_contract", "apply_classification_rules"})
"""Kinds that take as long as they take and go on by themselves where they were when a worker dies."""
