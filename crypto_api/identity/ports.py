"""What the steps of sessions reach the world through: the same code runs over the database, and over memory under seeded schedules."""

from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any, Protocol

from crypto_api.audit.types import Outcome
from crypto_api.identity.documents import Session, User
from mongodb_config.unit_of_work import Session as UnitSession


class SessionRows(Protocol):
    """People and their sessions, which are the families of refresh tokens; in the database `identity/store.py`. Within a unit of work each call reads
    its snapshot, and each change is one conditional update: of two units that write one row the later fails and runs again."""

    async def user(self, user_id: str, session: UnitSession | None = None) -> User | None: ...

    async def set_password(
        self, session: UnitSession, user_id: str, changed_at: datetime | None, password_hash: str, now: datetime, *, verified: bool
    ) -> bool: ...

    async def set_suspended(self, session: UnitSession, row: User, suspended_at: datetime | None) -> User | None: ...

    async def mark_logged_in(self, session: UnitSession, user_id: str, password_changed_at: datetime | None, now: datetime) -> bool: ...

    async def insert_session(self, session: UnitSession, row: Session) -> None: ...

    async def live_session_by_refresh(self, session: UnitSession, refresh_hash: str, now: datetime) -> Session | None: ...

    async def rotate_refresh(
        self, session: UnitSession, old_hash: str, new_hash: str, family_hash: str, expires_at: datetime, now: datetime
    ) -> Session | None: ...

    async def end_family_of(self, session: UnitSession, family_hash: str | None, used_hash: str, reason: str, now: datetime) -> str | None: ...

    async def end_session(self, session: UnitSession, session_id: str, reason: str, now: datetime) -> bool: ...

    async def end_session_row(
        self, session: UnitSession, session_id: str, reason: str, now: datetime, *, user_id: str | None = None
    ) -> Session | None: ...

    async def end_sessions(
        self, session: UnitSession, user_id: str, reason: str, now: datetime, *, org_id: str | None = None, but: str | None = None
    ) -> int: ...


class Records(Protocol):
    """The audit log: part of the unit of work of what it tells. `audit.service.record`."""

    def __call__(
        self,
        session: UnitSession,
        org_id: str | None,
        action: str,
        summary: str,
        now: datetime,
        *,
        subject: tuple[str, str] = ...,
        after: Mapping[str, Any] | None = ...,
        outcome: Outcome = ...,
        actor_id: str | None = ...,
    ) -> Awaitable[object]: ...


class Belongs(Protocol):
    """Whether the person may act in that organisation (any more)."""

    async def __call__(self, user: User, org_id: str | None) -> bool: ...


class AccessIssuer(Protocol):
    """Gives out access tokens: `flows/access_tokens.py`."""

    async def issue(self, user_id: str, session_id: str, now: datetime) -> str: ...
