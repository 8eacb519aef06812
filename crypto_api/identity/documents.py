from datetime import datetime
from enum import StrEnum

from pymongo import ASCENDING, IndexModel

from mongodb_config.base_document import SharedDocument


class User(SharedDocument):
    """Shared: a person may belong to several organisations. `email` and `username` are stored folded (lower case)."""

    username: str
    email: str
    first_name: str
    last_name: str
    password_hash: str
    email_verified_at: datetime | None = None
    verification_sent_at: datetime | None = None

    class Settings:
        name = "users"
        indexes = [
            IndexModel([("email", ASCENDING)], unique=True, name="email"),
            IndexModel([("username", ASCENDING)], unique=True, name="username"),
            IndexModel([("created_at", ASCENDING)], partialFilterExpression={"verification_sent_at": None}, name="verification_due"),
        ]


class Session(SharedDocument):
    """Shared: a log-in of a person on a device; the family of its refresh tokens. `org_id` is the organisation it acts in."""

    user_id: str
    org_id: str | None
    refresh_hash: str
    refresh_used: list[str] = []
    dashboard_hash: str | None = None
    expires_at: datetime
    ended_at: datetime | None = None
    ended_reason: str | None = None
    ip: str | None = None
    user_agent: str | None = None

    class Settings:
        name = "sessions"
        indexes = [
            IndexModel([("user_id", ASCENDING)], name="user"),
            IndexModel([("refresh_hash", ASCENDING)], unique=True, name="refresh"),
            IndexModel([("refresh_used", ASCENDING)], name="refresh_used"),
            IndexModel(
                [("dashboard_hash", ASCENDING)], unique=True, partialFilterExpression={"dashboard_hash": {"$type": "string"}}, name="dashboard"
            ),
            IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=86_400 * 30, name="expiry"),
        ]


class OneTimePurpose(StrEnum):
    VERIFY_EMAIL = "verify_email"
    WEBSOCKET = "websocket"


class OneTimeToken(SharedDocument):
    """Shared: a secret for one use, kept as its SHA-256; `_id` is that hash. Used means deleted."""

    purpose: OneTimePurpose
    user_id: str
    session_id: str | None = None
    expires_at: datetime

    class Settings:
        name = "one_time_tokens"
        indexes = [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="expiry")]
