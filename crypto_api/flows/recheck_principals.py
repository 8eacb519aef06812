"""Whether those with an open socket still are who they were: one look for all of them."""

from collections.abc import Collection
from datetime import datetime
from enum import Enum

from crypto_api.identity import store as identities
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Principal


class Lost(Enum):
    SESSION = "the session has ended"
    ROLE = "the role has changed"
    MEMBERSHIP = "no longer a member of this organisation"


async def recheck_principals(principals: Collection[Principal], now: datetime) -> dict[Principal, Lost]:
    """Those who lost something, and what."""
    live = await identities.live_sessions({principal.session_id for principal in principals}, now)
    memberships = await organizations.memberships_of_people({principal.user_id for principal in principals})
    sessions = {row.id: row for row in live}
    roles = {(row.org_id, row.user_id): row.role for row in memberships}
    lost = {}
    for principal in principals:
        session = sessions.get(principal.session_id)
        role = roles.get((principal.org_id or "", principal.user_id))
        if session is None or session.org_id != principal.org_id or principal.expires_at <= now:
            lost[principal] = Lost.SESSION
        elif role is None:
            lost[principal] = Lost.MEMBERSHIP
        elif role != principal.role:
            lost[principal] = Lost.ROLE
    return lost
