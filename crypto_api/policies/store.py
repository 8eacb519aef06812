"""Every query of the slice."""

from typing import Any

from crypto_api.policies.documents import OrganizationPolicy
from mongodb_config import kept_row
from mongodb_config.unit_of_work import Session


async def get(org_id: str, session: Session | None = None) -> OrganizationPolicy | None:
    return await kept_row.get(OrganizationPolicy, org_id, session)


async def change(session: Session, org_id: str, before: OrganizationPolicy, changes: dict[str, Any]) -> OrganizationPolicy | None:
    """None when another was first."""
    return await kept_row.change(session, org_id, before, changes)
