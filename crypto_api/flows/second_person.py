"""Who else could do something: rules of two people ask whether there is a second one."""

from crypto_api.identity import store as identities
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store
from crypto_api.organizations.types import Permission
from mongodb_config.unit_of_work import Session


async def others_who_may(session: Session, org_id: str, permission: Permission, but: str) -> set[str]:
    """The ids of members with `permission` who can act at the moment, without `but`."""
    rows = [row for row in await store.members(org_id, session) if row.user_id != but and row.suspended_at is None]
    permitted = {role: await organizations.permissions_of(org_id, role, session) or frozenset() for role in {row.role for row in rows}}
    found = [row.user_id for row in rows if permission in permitted[row.role]]
    return {user.id for user in await identities.users(found, session) if user.suspended_at is None}
