"""Every query of the slice."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from bson.decimal128 import Decimal128
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.organizations.documents import Company, CustomRole, Invitation, InvitationState, Membership, Organization
from crypto_api.organizations.errors import AlreadyInvited, AlreadyMember, CompanyExists, RoleExists
from crypto_api.organizations.types import INVITATION_LIFETIME, Role
from mongodb_config import pages
from mongodb_config.unit_of_work import Session

Versioned = TypeVar("Versioned", CustomRole, Invitation, Company, Membership)

# ---- the organisation ------------------------------------------------------------------------------------------------------------


async def get(org_id: str, session: Session | None = None) -> Organization | None:
    return await Organization.get(org_id, session=session)


async def by_ids(org_ids: Collection[str]) -> list[Organization]:
    return await Organization.find({"_id": {"$in": list(org_ids)}}).to_list()


async def everyone() -> list[Organization]:
    """Every organisation of the installation: for checks that its operator runs."""
    return await Organization.find_all().sort("+_id").to_list()


async def page_of_all(where: dict[str, Any], request: PageRequest) -> Page[Organization]:
    """Of the installation: for its operator."""
    rows = await pages.fetch(Organization, where, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Organization.find(where).count() if request.count else None)


async def count_all() -> int:
    return await Organization.count()


async def insert(session: Session, organization: Organization) -> None:
    await organization.insert(session=session)


async def change_organization(session: Session, row: Organization, changes: dict[str, Any]) -> Organization | None:
    """Compare-and-set on the version of `row`."""
    stored = {name: Decimal128(value) if isinstance(value, Decimal) else value for name, value in changes.items()}
    changed: dict[str, Any] | None = await Organization.get_pymongo_collection().find_one_and_update(
        {"_id": row.id, "version": row.version},
        {"$set": stored, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return Organization.model_validate(changed) if changed else None


async def note_change_of_admins(session: Session, org_id: str) -> None:
    """Of two units of work that do this at the same moment one must run again, and then sees what the other did."""
    await Organization.get_pymongo_collection().update_one({"_id": org_id}, {"$inc": {"admins_changed": 1}}, session=session)


async def forget_role_in_policy(session: Session, org_id: str, role_id: str) -> None:
    await Organization.get_pymongo_collection().update_one(
        {"_id": org_id, "second_factor_roles": role_id}, {"$pull": {"second_factor_roles": role_id}, "$inc": {"version": 1}}, session=session
    )


# ---- members ---------------------------------------------------------------------------------------------------------------------


async def membership(org_id: str, user_id: str, session: Session | None = None) -> Membership | None:
    return await Membership.find_one({"org_id": org_id, "user_id": user_id}, session=session)


async def memberships_of(user_id: str, session: Session | None = None) -> list[Membership]:
    """Those of one person in every organisation, oldest first: the one read that crosses organisations, because it is what they may enter."""
    return await Membership.find({"user_id": user_id}, session=session).sort("+_id").to_list()


async def memberships_of_people(user_ids: Collection[str]) -> list[Membership]:
    """Those of several people in every organisation: for the check of open sockets, which belong to many organisations."""
    return await Membership.find({"user_id": {"$in": list(user_ids)}}).to_list()


async def members(org_id: str, session: Session | None = None) -> list[Membership]:
    return await Membership.find({"org_id": org_id}, session=session).sort("+_id").to_list()


async def members_among(org_id: str, user_ids: Collection[str]) -> list[Membership]:
    return await Membership.find({"org_id": org_id, "user_id": {"$in": list(user_ids)}}).to_list()


async def page_of_members(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[Membership]:
    return await _page(Membership, org_id, where, request)


async def count_of_members(org_ids: Collection[str]) -> dict[str, int]:
    """How many each of these organisations has."""
    stages: list[dict[str, Any]] = [{"$match": {"org_id": {"$in": list(org_ids)}}}, {"$group": {"_id": "$org_id", "count": {"$sum": 1}}}]
    return {row["_id"]: int(row["count"]) async for row in await Membership.get_pymongo_collection().aggregate(stages)}


async def count_of_admins(org_id: str, session: Session) -> int:
    """Who can act: suspended ones do not count."""
    where = {"org_id": org_id, "role": Role.ADMIN, "suspended_at": None}
    return await Membership.find(where, session=session).count()


async def members_by_role(org_id: str) -> dict[str, int]:
    stages: list[dict[str, Any]] = [{"$match": {"org_id": org_id}}, {"$group": {"_id": "$role", "count": {"$sum": 1}}}]
    return {row["_id"]: int(row["count"]) async for row in await Membership.get_pymongo_collection().aggregate(stages)}


async def insert_membership(session: Session, row: Membership) -> None:
    try:
        await row.insert(session=session)
    except DuplicateKeyError as error:
        raise AlreadyMember from error


async def change_member(session: Session, org_id: str, row: Membership, changes: dict[str, Any]) -> Membership | None:
    return await _change(session, org_id, row, changes)


async def delete_member(session: Session, org_id: str, user_id: str) -> None:
    await Membership.get_pymongo_collection().delete_one({"org_id": org_id, "user_id": user_id}, session=session)


# ---- roles -----------------------------------------------------------------------------------------------------------------------


async def custom_role(org_id: str, role_id: str, session: Session | None = None) -> CustomRole | None:
    return await CustomRole.find_one({"_id": role_id, "org_id": org_id}, session=session)


async def custom_roles(org_id: str, session: Session | None = None) -> list[CustomRole]:
    """By name."""
    return await CustomRole.find({"org_id": org_id}, session=session).sort("+name_folded").to_list()


async def custom_roles_among(role_ids: Collection[str]) -> list[CustomRole]:
    """Those of several organisations: for the check of open sockets, which belong to many."""
    return await CustomRole.find({"_id": {"$in": list(role_ids)}}).to_list()


async def insert_role(session: Session, role: CustomRole) -> None:
    try:
        await role.insert(session=session)
    except DuplicateKeyError as error:
        raise RoleExists from error


async def change_role(session: Session, org_id: str, row: CustomRole, changes: dict[str, Any]) -> CustomRole | None:
    try:
        return await _change(session, org_id, row, changes)
    except DuplicateKeyError as error:
        raise RoleExists from error


async def note_grant(session: Session, org_id: str, role_id: str) -> bool:
    """False when there is no such role of the organisation (any more)."""
    done = await CustomRole.get_pymongo_collection().update_one({"_id": role_id, "org_id": org_id}, {"$inc": {"grants": 1}}, session=session)
    return done.modified_count == 1


async def uses_of_role(org_id: str, role_id: str, session: Session) -> tuple[int, int]:
    """By members, and by open invitations."""
    where = {"org_id": org_id, "role": role_id}
    held = await Membership.find(where, session=session).count()
    return held, await Invitation.find({**where, "state": InvitationState.OPEN}, session=session).count()


async def delete_role(session: Session, org_id: str, row: CustomRole) -> bool:
    done = await CustomRole.get_pymongo_collection().delete_one({"_id": row.id, "org_id": org_id, "version": row.version}, session=session)
    return done.deleted_count == 1


# ---- invitations -----------------------------------------------------------------------------------------------------------------


async def invitation(org_id: str, invitation_id: str, session: Session | None = None) -> Invitation | None:
    return await Invitation.find_one({"_id": invitation_id, "org_id": org_id}, session=session)


async def invitation_by_token(token_hash: str) -> Invitation | None:
    """Whoever shows the token does not know the organisation yet."""
    return await Invitation.find_one({"token_hash": token_hash})


async def invitation_for(invitation_id: str, email: str) -> Invitation | None:
    """Of any organisation, by the person whose address it is for."""
    return await Invitation.find_one({"_id": invitation_id, "email": email})


async def open_invitations_for(email: str, now: datetime) -> list[Invitation]:
    """From every organisation to one address, oldest first."""
    return await Invitation.find({"email": email, "state": InvitationState.OPEN, "expires_at": {"$gt": now}}).sort("+_id").to_list()


async def open_invitation_to(org_id: str, email: str, session: Session) -> Invitation | None:
    return await Invitation.find_one({"org_id": org_id, "email": email, "state": InvitationState.OPEN}, session=session)


async def open_invitations_among(org_id: str, invitation_ids: Collection[str]) -> list[Invitation]:
    return await Invitation.find({"_id": {"$in": list(invitation_ids)}, "org_id": org_id, "state": InvitationState.OPEN}).to_list()


async def page_of_invitations(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[Invitation]:
    return await _page(Invitation, org_id, where, request)


async def count_of_open_invitations(org_id: str, session: Session) -> int:
    return await Invitation.find({"org_id": org_id, "state": InvitationState.OPEN}, session=session).count()


async def any_open_invitation(org_id: str) -> bool:
    return await Invitation.get_pymongo_collection().find_one({"org_id": org_id, "state": InvitationState.OPEN}, {"_id": 1}) is not None


async def insert_invitation(session: Session, row: Invitation) -> None:
    try:
        await row.insert(session=session)
    except DuplicateKeyError as error:
        raise AlreadyInvited from error


async def change_open_invitation(session: Session, org_id: str, row: Invitation, changes: dict[str, Any]) -> Invitation | None:
    """None when it was answered or revoked meanwhile."""
    return await _change(session, org_id, row, changes, state=InvitationState.OPEN)


async def set_invitation_token(session: Session, org_id: str, invitation_id: str, token_hash: str, now: datetime) -> Invitation | None:
    """The secret of the next letter; None when there is nothing to send (any more)."""
    row: dict[str, Any] | None = await Invitation.get_pymongo_collection().find_one_and_update(
        {"_id": invitation_id, "org_id": org_id, "state": InvitationState.OPEN, "sent_at": None, "expires_at": {"$gt": now}},
        {"$set": {"token_hash": token_hash, "mail_tried_at": now}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return Invitation.model_validate(row) if row else None


async def mark_invitation_sent(session: Session, org_id: str, invitation_id: str, token_hash: str, now: datetime) -> None:
    """Unless another letter with another secret is on its way."""
    await Invitation.get_pymongo_collection().update_one(
        {"_id": invitation_id, "org_id": org_id, "token_hash": token_hash}, {"$set": {"sent_at": now}}, session=session
    )


async def invitations_without_mail(asked_before: datetime, now: datetime, limit: int) -> list[tuple[str, str]]:
    """(organisation, invitation) of those whose mail has not left: the job was lost or the mail server was down. Those that were
    tried longest ago come first."""
    where = {"sent_at": None, "state": InvitationState.OPEN.value, "expires_at": {"$gt": now, "$lt": asked_before + INVITATION_LIFETIME}}
    rows = Invitation.get_pymongo_collection().find(where, {"org_id": 1, "mail_tried_at": 1}).sort([("mail_tried_at", 1), ("_id", 1)]).limit(limit)
    return [(row["org_id"], row["_id"]) async for row in rows]


# ---- companies -------------------------------------------------------------------------------------------------------------------


async def company(org_id: str, company_id: str, session: Session | None = None) -> Company | None:
    return await Company.find_one({"_id": company_id, "org_id": org_id}, session=session)


async def page_of_companies(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[Company]:
    return await _page(Company, org_id, where, request)


async def insert_company(session: Session, row: Company) -> None:
    try:
        await row.insert(session=session)
    except DuplicateKeyError as error:
        raise CompanyExists from error


async def change_company(session: Session, org_id: str, row: Company, changes: dict[str, Any]) -> Company | None:
    try:
        return await _change(session, org_id, row, changes)
    except DuplicateKeyError as error:
        raise CompanyExists from error


# ---- all of them -----------------------------------------------------------------------------------------------------------------


async def _page(document: type[Versioned], org_id: str, where: dict[str, Any], request: PageRequest) -> Page[Versioned]:
    """`where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    query: dict[str, Any] = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(document, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await document.find(query).count() if request.count else None)


async def _change(session: Session, org_id: str, row: Versioned, changes: dict[str, Any], **also: Any) -> Versioned | None:
    """Compare-and-set on the version of `row`."""
    changed: dict[str, Any] | None = (
        await type(row)
        .get_pymongo_collection()
        .find_one_and_update(
            {"_id": row.id, "org_id": org_id, "version": row.version, **also},
            {"$set": changes, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
    )
    return type(row).model_validate(changed) if changed else None
