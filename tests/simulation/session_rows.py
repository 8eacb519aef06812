"""People, sessions and the audit log in memory, as the steps of sessions reach them: `identity.ports`, with the rules of the real queries."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crypto_api.identity.documents import Session, User
from tests.simulation.interleaving import Point
from tests.simulation.units import Tables, Unit


@dataclass
class Rows:
    """`SessionRows`."""

    tables: Tables
    opened_with: dict[str | None, datetime | None] = field(default_factory=dict)  # session → since when the password counted that was shown for it
    _shown: dict[str, datetime | None] = field(default_factory=dict)

    async def user(self, user_id: str, session: Unit | None = None) -> User | None:
        await Point("rows.user")
        return session.get("user", user_id) if session is not None else self.tables.rows.get(("user", user_id))

    async def set_password(
        self, session: Unit, user_id: str, changed_at: datetime | None, password_hash: str, now: datetime, *, verified: bool
    ) -> bool:
        await Point("rows.set_password")
        user = session.get("user", user_id)
        if user is None or user.password_changed_at != changed_at:
            return False
        session.put("user", user_id, _changed(user, password_hash=password_hash, password_changed_at=now, version=user.version + 1))
        return True

    async def set_suspended(self, session: Unit, row: User, suspended_at: datetime | None) -> User | None:
        await Point("rows.set_suspended")
        user = session.get("user", row.id)
        if user is None or user.version != row.version:
            return None
        after = _changed(user, suspended_at=suspended_at, version=user.version + 1)
        session.put("user", row.id, after)
        return after

    async def mark_logged_in(self, session: Unit, user_id: str, password_changed_at: datetime | None, now: datetime) -> bool:
        await Point("rows.mark_logged_in")
        self._shown[user_id] = password_changed_at
        user = session.get("user", user_id)
        if user is None or user.suspended_at is not None or user.password_changed_at != password_changed_at:
            return False
        session.put("user", user_id, _changed(user, last_log_in_at=now))
        return True

    async def insert_session(self, session: Unit, row: Session) -> None:
        self.opened_with[row.id] = self._shown[row.user_id]  # no point since then
        await Point("rows.insert_session")
        session.put("session", row.id, row)

    async def live_session_by_refresh(self, session: Unit, refresh_hash: str, now: datetime) -> Session | None:
        await Point("rows.live_session_by_refresh")
        return next((row for _, row in session.of("session") if row.refresh_hash == refresh_hash and _lives(row, now)), None)

    async def rotate_refresh(
        self, session: Unit, old_hash: str, new_hash: str, family_hash: str, expires_at: datetime, now: datetime
    ) -> Session | None:
        await Point("rows.rotate_refresh")
        for key, row in session.of("session"):
            if row.refresh_hash == old_hash and _lives(row, now):
                after = _changed(row, refresh_hash=new_hash, family_hash=family_hash, expires_at=expires_at)
                session.put("session", key, after)
                return after
        return None

    async def end_family_of(self, session: Unit, family_hash: str | None, used_hash: str, reason: str, now: datetime) -> str | None:
        await Point("rows.end_family_of")
        for key, row in session.of("session"):
            named = family_hash is not None and row.family_hash == family_hash and row.refresh_hash != used_hash
            if row.ended_at is None and (named or used_hash in row.refresh_used):
                session.put("session", key, _changed(row, ended_at=now, ended_reason=reason))
                return key
        return None

    async def end_session(self, session: Unit, session_id: str, reason: str, now: datetime) -> bool:
        await Point("rows.end_session")
        row = session.get("session", session_id)
        if row is None or row.ended_at is not None:
            return False
        session.put("session", session_id, _changed(row, ended_at=now, ended_reason=reason))
        return True

    async def end_session_row(self, session: Unit, session_id: str, reason: str, now: datetime, *, user_id: str | None = None) -> Session | None:
        await Point("rows.end_session_row")
        row = session.get("session", session_id)
        if row is None or row.ended_at is not None or user_id not in (None, row.user_id):
            return None
        after = _changed(row, ended_at=now, ended_reason=reason)
        session.put("session", session_id, after)
        return after

    async def end_sessions(
        self, session: Unit, user_id: str, reason: str, now: datetime, *, org_id: str | None = None, but: str | None = None
    ) -> int:
        await Point("rows.end_sessions")
        live = 0
        for key, row in session.of("session"):
            if row.user_id == user_id and row.ended_at is None and key != but and org_id in (None, row.org_id):
                session.put("session", key, _changed(row, ended_at=now, ended_reason=reason))
                live += row.expires_at > now
        return live

    async def record(self, session: Unit, org_id: str | None, action: str, summary: str, now: datetime, **told: Any) -> None:
        await Point("audit.record")
        key = f"{action} {told['subject'][1]}"
        session.put("record", key, told)


def _lives(row: Session, now: datetime) -> bool:
    return row.ended_at is None and row.expires_at > now


def _changed(row: Any, **changes: Any) -> Any:
    return row.model_copy(update=changes)
