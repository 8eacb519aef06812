"""Every query of the slice."""

from collections.abc import Collection

from crypto_api.organizations.documents import CustomRole, Membership, Organization
from mongodb_config.unit_of_work import Session


async def get(org_id: str, session: Session | None = None) -> Organization | None:
    return await Organization.get(org_id, session=session)


async def everyone() -> list[Organization]:
    """Every organisation of the installation: for checks that its operator runs."""
    return await Organization.find_all().sort("+_id").to_list()


async def membership(org_id: str, user_id: str) -> Membership | None:
    return await Membership.find_one({"org_id": org_id, "user_id": user_id})


async def memberships_of(user_id: str) -> list[Membership]:
    """Those of one person in every organisation, oldest first: the one read that crosses organisations, because it is what they may enter."""
    return await Membership.find({"user_id": user_id}).sort("+_id").to_list()


async def memberships_of_people(user_ids: Collection[str]) -> list[Membership]:
    """Those of several people in every organisation: for the check of open sockets, which belong to many organisations."""
    return await Membership.find({"user_id": {"$in": list(user_ids)}}).to_list()


async def members(org_id: str) -> list[Membership]:
    return await Membership.find({"org_id": org_id}).sort("+_id").to_list()


async def custom_role(org_id: str, role_id: str) -> CustomRole | None:
    return await CustomRole.find_one({"_id": role_id, "org_id": org_id})


async def insert(session: Session, organization: Organization) -> None:
    await organization.insert(session=session)


async def insert_membership(session: Session, membership: Membership) -> None:
    await membership.insert(session=session)


async def touch_teams(session: Session, org_id: str) -> None:
    """Whoever else changes the organisation's hierarchy at the same moment conflicts with this unit of work."""
    await Organization.get_pymongo_collection().update_one({"_id": org_id}, {"$inc": {"teams_changed": 1}}, session=session)
