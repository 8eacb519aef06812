from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.tasks.types import TaskStatus
from mongodb_config.base_document import TenantDocument


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

    class Settings:
        name = "tasks"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("status", ASCENDING), ("started_at", ASCENDING)], partialFilterExpression={"status": "running"}, name="running"),
            IndexModel([("status", ASCENDING), ("kind", ASCENDING)], partialFilterExpression={"status": "queued"}, name="queued"),
        ]
