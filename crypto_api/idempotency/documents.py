from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel

from mongodb_config.base_document import TenantDocument


class IdempotentRequest(TenantDocument):
    """A request that carried an `Idempotency-Key`, and its answer once there is one. `org_id` is the organisation, or `user:<id>` for a person
    without one, or `anonymous` before a log-in."""

    key: str
    fingerprint: str  # keyed hash of method, path and body: bodies may hold secrets
    claim: str  # who works on it
    claimed_at: datetime
    status: int | None = None  # None: in progress
    body: str | None = None
    headers: dict[str, Any] = {}

    class Settings:
        name = "idempotent_requests"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("key", ASCENDING)], unique=True, name="org_key"),
            IndexModel([("created_at", ASCENDING)], expireAfterSeconds=86_400, name="expiry"),
        ]
