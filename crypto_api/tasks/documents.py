from datetime import datetime
from typing import Any

from pydantic import Field
from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.tasks.types import JobRef, TaskLine, TaskStatus
from mongodb_config.base_document import SharedDocument, TenantDocument


class Task(TenantDocument):
    """Work that takes long or happens by itself, for one organisation, as people see it."""

    kind: str
    status: TaskStatus
    progress: int = 0  # percent
    summary: str = ""
    asked: dict[str, str] | None = None  # what was asked for, where the task itself is what a worker takes up
    result: dict[str, Any] | None = None
    error: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    log: list[TaskLine] = Field(default_factory=list)  # the last lines of what it said
    attempt: int = 1
    attempts_max: int = 1
    job: JobRef | None = None  # of the queue, where it is one
    schedule: str | None = None  # the run of a schedule that somebody asked for
    requested_by: str | None = None
    retry_of: str | None = None
    heard_at: datetime | None = None  # when its worker said last that it is at it
    cancel_requested_at: datetime | None = None

    class Settings:
        name = "tasks"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("status", ASCENDING), ("started_at", ASCENDING)], partialFilterExpression={"status": "running"}, name="running"),
            IndexModel([("status", ASCENDING), ("kind", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"status": "queued"}, name="queued"),
            IndexModel(
                [("org_id", ASCENDING), ("job.id", ASCENDING)], unique=True, partialFilterExpression={"job.id": {"$type": "string"}}, name="job"
            ),
        ]


class DeadLetter(TenantDocument):
    """A job that failed at every attempt, kept until somebody has it done again or discards it."""

    job: JobRef
    task_id: str | None  # the task that it was, where it was one
    error: str
    attempts: int
    open: bool = True
    replayed_at: datetime | None = None
    replayed_by: str | None = None
    replay_task_id: str | None = None
    closed_at: datetime | None = None
    closed_as: str | None = None  # replayed, discarded
    version: int = 1

    class Settings:
        name = "dead_letters"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("org_id", ASCENDING), ("job.id", ASCENDING)], unique=True, name="job"),
            IndexModel([("open", ASCENDING)], partialFilterExpression={"open": True}, name="open"),  # how many wait, over all organisations
        ]


class OrganizationSchedule(TenantDocument):
    """One schedule as one organisation has set it, and how it went there. `_id` is `<organisation>:<schedule>`."""

    name: str
    stopped_at: datetime | None = None
    stopped_by: str | None = None
    run_at: datetime | None = None  # of the last run for this organisation alone
    error: str | None = None
    failed_at: datetime | None = None
    failures: int = 0  # in a row

    class Settings:
        name = "organization_schedules"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("name", ASCENDING)], unique=True, name="org_name"),
            IndexModel([("stopped_at", ASCENDING)], partialFilterExpression={"stopped_at": {"$type": "date"}}, name="stopped"),
        ]


class InstallationSchedule(SharedDocument):
    """Shared: one schedule of the installation, whose passes go through every organisation. `_id` is its name; no row: it has not run yet."""

    stopped_at: datetime | None = None
    stopped_by: str | None = None
    every_s: float = 0.0
    run_at: datetime | None = None
    took_ms: int | None = None
    next_at: datetime | None = None
    done: int = 0  # of the last pass in which anything was done
    done_at: datetime | None = None
    error: str | None = None
    failed_at: datetime | None = None
    failures: int = 0  # in a row

    class Settings:
        name = "installation_schedules"


class CacheClearing(SharedDocument):
    """Shared: a process serves all organisations, and what it keeps in memory to be quicker is nobody's alone. One row counts how often it was to be
    forgotten; processes look for it."""

    number: int

    class Settings:
        name = "cache_clearings"
