"""Whether those with an open socket still are who they were, and still may what they might: one look for all of them."""

from collections.abc import Collection
from datetime import datetime
from enum import Enum

from crypto_api.flows.authenticate import denied_in, permissions_in
from crypto_api.identity import store as identities
from crypto_api.identity.documents import Session
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import CustomRole, Membership, Organization
from crypto_api.organizations.types import PERMISSIONS, Principal


class Lost(Enum):
    SESSION = "the session has ended"
    ROLE = "the role has changed"
    RIGHTS = "what the role may has changed"
    MEMBERSHIP = "no longer a member of this organisation"


async def recheck_principals(principals: Collection[Principal], now: datetime) -> dict[Principal, Lost]:
    """Those who lost something, or may something else than before, and what."""
    live = await identities.live_sessions({principal.session_id for principal in principals}, now)
    memberships = await organizations.memberships_of_people({principal.user_id for principal in principals})
    houses = await organizations.by_ids({principal.org_id or "" for principal in principals})
    own_roles = await organizations.custom_roles_among({row.role for row in memberships} - PERMISSIONS.keys())
    look = _Look(
        {row.id: row for row in live},
        {(row.org_id, row.user_id): row for row in memberships},
        {row.id: row for row in houses},
        {(row.org_id, row.id): row for row in own_roles},
    )
    return {principal: lost for principal in principals if (lost := look.lost(principal, now)) is not None}


class _Look:
    """What one look has found."""

    def __init__(
        self,
        sessions: dict[str, Session],
        memberships: dict[tuple[str, str], Membership],
        houses: dict[str, Organization],
        own_roles: dict[tuple[str, str], CustomRole],
    ) -> None:
        self._sessions, self._memberships, self._houses, self._own_roles = sessions, memberships, houses, own_roles

    def lost(self, principal: Principal, now: datetime) -> Lost | None:
        org_id = principal.org_id or ""
        session, membership = self._sessions.get(principal.session_id), self._memberships.get((org_id, principal.user_id))
        if session is None or session.org_id != principal.org_id or principal.expires_at <= now:
            return Lost.SESSION
        if membership is None:
            return Lost.MEMBERSHIP
        if membership.role != principal.role:
            return Lost.ROLE
        denied = denied_in(session, membership, self._houses.get(org_id))
        own = self._own_roles.get((org_id, membership.role))
        permissions = frozenset() if denied else PERMISSIONS.get(membership.role, permissions_in(own))
        return None if (denied, permissions) == (principal.denied, principal.permissions) else Lost.RIGHTS
