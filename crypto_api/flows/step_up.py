"""Session approval: a person who is logged in shows once more that it is them, for one purpose and a few minutes."""

from dataclasses import dataclass
from datetime import datetime

from crypto_api.identity import store as identities
from crypto_api.identity.errors import SessionNotApproved
from crypto_api.identity.rules import is_approved
from crypto_api.identity.types import APPROVAL_LIFETIME, Purpose


async def require_approval(session_id: str, org_id: str | None, purpose: Purpose, now: datetime) -> None:
    """SessionNotApproved unless this session was approved for `purpose` in this organisation, and still is."""
    session = await identities.live_session(session_id, now)
    if session is None or not is_approved(session.approvals, session.authenticated_at, org_id, purpose, now):
        raise SessionNotApproved(purpose)


@dataclass(frozen=True)
class Granted:
    purpose: Purpose
    until: datetime
    by_log_in: bool  # nobody confirmed anything: the log-in was a moment ago


async def approvals_of(session_id: str, org_id: str | None, now: datetime) -> list[Granted]:
    """What this session is approved for in this organisation, each purpose once, with the latest end."""
    session = await identities.live_session(session_id, now)
    if session is None:
        return []
    ends = [Granted(row.purpose, row.until, by_log_in=False) for row in session.approvals if row.org_id == org_id]
    if session.authenticated_at is not None:
        ends.append(Granted(Purpose.SECURITY, session.authenticated_at + APPROVAL_LIFETIME, by_log_in=True))
    live = sorted((row for row in ends if now < row.until), key=lambda row: row.until)
    return list({row.purpose: row for row in live}.values())


async def is_approved_for_keys(session_id: str, org_id: str | None, now: datetime) -> bool:
    """What `session_approved` says of a session."""
    return any(row.purpose is Purpose.KEYS for row in await approvals_of(session_id, org_id, now))
