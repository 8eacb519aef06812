"""Values of the slice."""

from dataclasses import dataclass
from datetime import datetime, timedelta

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=14)
DASHBOARD_LIFETIME = timedelta(days=14)
TICKET_LIFETIME = timedelta(seconds=30)
VERIFICATION_LIFETIME = timedelta(days=2)
DASHBOARD_COOKIE = "coffer_session"  # the pages set it, the sockets read it


@dataclass(frozen=True)
class NewUser:
    username: str
    email: str
    first_name: str
    last_name: str


@dataclass(frozen=True)
class Device:
    """Where a request comes from, kept with the session that it opens."""

    ip: str | None
    user_agent: str | None


@dataclass(frozen=True)
class AccessClaims:
    user_id: str
    session_id: str
    expires_at: datetime
