"""Organisations and who belongs to them with which role."""

from datetime import datetime

from crypto_api.kit.ids import new_id
from crypto_api.organizations import store
from crypto_api.organizations.documents import Membership, Organization
from mongodb_config.unit_of_work import Session


async def create(session: Session, name: str, now: datetime, *, functional_currency: str = "USD", time_zone: str = "UTC") -> Organization:
    organization = Organization(id=new_id("org"), created_at=now, name=name, functional_currency=functional_currency, time_zone=time_zone)
    await store.insert(session, organization)
    return organization


async def add_member(session: Session, org_id: str, user_id: str, role: str, now: datetime) -> Membership:
    membership = Membership(id=new_id("mem"), created_at=now, org_id=org_id, user_id=user_id, role=role)
    await store.insert_membership(session, membership)
    return membership


async def role_of(org_id: str, user_id: str) -> str | None:
    membership = await store.membership(org_id, user_id)
    return membership.role if membership else None


async def home_of(user_id: str) -> str | None:
    """The organisation in which a new session of this person acts: the first they came to."""
    memberships = await store.memberships_of(user_id)
    return memberships[0].org_id if memberships else None
