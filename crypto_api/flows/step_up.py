"""Session approval: a person who is logged in shows once more that it is them, for one purpose and a few minutes."""

from datetime import datetime

from crypto_api.identity import store as identities
from crypto_api.identity.errors import SessionNotApproved
from crypto_api.identity.rules import is_approved
from crypto_api.identity.types import Purpose


async def require_approval(session_id: str, org_id: str | None, purpose: Purpose, now: datetime) -> None:
    """SessionNotApproved unless this session was approved for `purpose` in this organisation, and still is."""
    session = await identities.live_session(session_id, now)
    if session is None or not is_approved(session.approvals, session.authenticated_at, org_id, purpose, now):
        raise SessionNotApproved(purpose)
