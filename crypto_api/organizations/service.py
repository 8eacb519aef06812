"""Organisations, who belongs to them with which role, and their companies. Most verbs are part of the caller's unit of work, since they
concern people and sessions as well; whoever calls them has checked what the person may do."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id, new_token
from crypto_api.organizations import store
from crypto_api.organizations.documents import Company, CustomRole, Invitation, InvitationState, Membership, Organization
from crypto_api.organizations.errors import (
    AlreadyInvited,
    BuiltInRole,
    InvitationClosed,
    InvitationLimitReached,
    LastAdmin,
    RoleExists,
    RoleInUse,
    RoleLimitReached,
    SentJustNow,
)
from crypto_api.organizations.events import (
    CompanyChanged,
    InvitationAnswered,
    InvitationRevoked,
    InvitationSent,
    MemberChanged,
    MemberRemoved,
    OrganizationChanged,
    RoleChanged,
)
from crypto_api.organizations.rules import check_grant, fold, hash_token, is_built_in, resend_wait
from crypto_api.organizations.types import (
    CUSTOM_ROLES_MAX,
    GRANTABLE,
    INVITATION_LIFETIME,
    MEMBER_ROLES,
    OPEN_INVITATIONS_MAX,
    PERMISSIONS,
    Permission,
    Principal,
    Role,
)
from mongodb_config.unit_of_work import Session

Versions = Collection[int] | None
_SETTINGS = (
    *("name", "functional_currency", "time_zone", "fiscal_year_start", "second_factor_roles", "single_session"),
    *("entry_approval", "payslip_mail", "classification_threshold", "suspended_at"),
)
_OF_COMPANY = ("legal_name", "tax_id", "address", "country", "functional_currency", "time_zone", "fiscal_year_start", "active")
_OF_ROLE = ("name", "description", "permissions")


def _shown(row: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _expect(version: int, versions: Versions) -> None:
    if versions is not None and version not in versions:
        raise PreconditionFailed


def _changed_meanwhile() -> PreconditionFailed:
    return PreconditionFailed("It was changed at the same moment. Read it again.")


# ---- the organisation ------------------------------------------------------------------------------------------------------------


async def create(
    session: Session, name: str, now: datetime, *, functional_currency: str = "USD", time_zone: str = "UTC", fiscal_year_start: str = "01-01"
) -> Organization:
    organization = Organization(
        id=new_id("org"),
        created_at=now,
        name=name,
        functional_currency=functional_currency,
        time_zone=time_zone,
        fiscal_year_start=fiscal_year_start,
    )
    await store.insert(session, organization)
    return organization


async def expected(session: Session, org_id: str, versions: Versions) -> Organization:
    """NotFound, or PreconditionFailed when it stands at none of `versions`."""
    organization = await store.get(org_id, session)
    if organization is None:
        raise NotFound
    _expect(organization.version, versions)
    return organization


async def change_settings(session: Session, before: Organization, fields: Mapping[str, Any], now: datetime) -> Organization:
    """`before` was read in this unit of work."""
    after = await store.change_organization(session, before, dict(fields))
    if after is None:
        raise _changed_meanwhile()
    told = OrganizationChanged(organization_id=after.id, name=after.name, suspended=after.suspended_at is not None)
    await events.append(session, after.id, told, now)
    await audit.record(
        session,
        after.id,
        "organization.changed",
        f"Changed {after.name}: {', '.join(fields)}",
        now,
        subject=("organization", after.id),
        before=_shown(before, _SETTINGS),
        after=_shown(after, _SETTINGS),
    )
    return after


# ---- members ---------------------------------------------------------------------------------------------------------------------


async def add_member(session: Session, org_id: str, user_id: str, role: str, now: datetime) -> Membership:
    """AlreadyMember. That an operator of the installation stays outside is checked by the flows that know the person."""
    membership = Membership(id=new_id("mem"), created_at=now, org_id=org_id, user_id=user_id, role=role)
    await store.insert_membership(session, membership)
    return membership


async def member(session: Session, org_id: str, user_id: str, versions: Versions = None) -> Membership:
    """NotFound, or PreconditionFailed when it stands at none of `versions`."""
    row = await store.membership(org_id, user_id, session)
    if row is None:
        raise NotFound
    _expect(row.version, versions)
    return row


async def change_member(session: Session, before: Membership, role: str, suspended_at: datetime | None, now: datetime) -> Membership:
    """LastAdmin when nobody else could act as ADMIN. `before` was read in this unit of work."""
    if Role.ADMIN in (before.role, role):
        await _admins_change(session, before, leaves=role != Role.ADMIN or suspended_at is not None)
    after = await store.change_member(session, before.org_id, before, {"role": role, "suspended_at": suspended_at})
    if after is None:
        raise _changed_meanwhile()
    await events.append(session, after.org_id, MemberChanged(user_id=after.user_id, role=role, suspended=suspended_at is not None), now)
    return after


async def remove_member(session: Session, row: Membership, now: datetime) -> None:
    """LastAdmin when nobody else could act as ADMIN. `row` was read in this unit of work. Whoever calls it ends the person's sessions there."""
    if row.role == Role.ADMIN:
        await _admins_change(session, row, leaves=True)
    await store.delete_member(session, row.org_id, row.user_id)
    await events.append(session, row.org_id, MemberRemoved(user_id=row.user_id, role=row.role), now)


async def _admins_change(session: Session, row: Membership, *, leaves: bool) -> None:
    """The mark on the organisation makes two such changes at the same moment conflict: the second runs again and counts anew."""
    await store.note_change_of_admins(session, row.org_id)
    acts = row.role == Role.ADMIN and row.suspended_at is None
    if acts and leaves and await store.count_of_admins(row.org_id, session) <= 1:
        raise LastAdmin


async def role_of(org_id: str, user_id: str) -> str | None:
    membership = await store.membership(org_id, user_id)
    return membership.role if membership else None


async def home_of(user_id: str) -> str | None:
    """The organisation in which a new session of this person acts: the first they came to."""
    memberships = await store.memberships_of(user_id)
    return memberships[0].org_id if memberships else None


# ---- roles -----------------------------------------------------------------------------------------------------------------------


async def permissions_of(org_id: str, role: str, session: Session | None = None) -> frozenset[Permission] | None:
    """What a role of this organisation may; None when it has no such role."""
    if is_built_in(role):
        return PERMISSIONS[role]
    own = await store.custom_role(org_id, role, session)
    return frozenset(own.permissions) & GRANTABLE if own else None


async def check_gift(session: Session, giver: Principal, org_id: str, role: str, field: str = "role") -> None:
    """Whether `giver` may give this role to somebody. InvalidInput when there is none, AdminsOnly, RoleBeyondYours."""
    permissions = await permissions_of(org_id, role, session)
    if permissions is None or (not is_built_in(role) and not await store.note_grant(session, org_id, role)):
        raise InvalidInput.of(field, f"must be one of {', '.join(MEMBER_ROLES)}, or the id of a role of the organisation", "unknown_role")
    check_grant(giver.role, giver.permissions, role, permissions)


async def role_name(org_id: str, role: str) -> str:
    if is_built_in(role):
        return role
    own = await store.custom_role(org_id, role)
    return own.name if own else role


async def create_role(
    session: Session, maker: Principal, org_id: str, name: str, description: str, permissions: Collection[Permission], now: datetime
) -> CustomRole:
    """RoleExists, RoleLimitReached, RoleBeyondYours."""
    _check_role_name(name)
    check_grant(maker.role, maker.permissions, "", permissions)
    if len(await store.custom_roles(org_id, session)) >= CUSTOM_ROLES_MAX:
        raise RoleLimitReached(CUSTOM_ROLES_MAX)
    role = CustomRole(
        id=new_id("rol"),
        created_at=now,
        updated_at=now,
        org_id=org_id,
        name=name,
        name_folded=fold(name),
        description=description,
        permissions=sorted(set(permissions)),
    )
    await store.insert_role(session, role)
    await _record_role(session, role, "role.created", f"Made the role {name}", now, None, _shown(role, _OF_ROLE))
    return role


async def change_role(
    session: Session, maker: Principal, org_id: str, role_id: str, fields: Mapping[str, Any], versions: Versions, now: datetime
) -> CustomRole:
    """NotFound, BuiltInRole, PreconditionFailed, RoleExists, RoleBeyondYours for what is added to it."""
    before = await _own_role(session, org_id, role_id, versions)
    changes = {**fields, "updated_at": now}
    if "permissions" in fields:
        check_grant(maker.role, maker.permissions, "", set(fields["permissions"]) - set(before.permissions))
        changes["permissions"] = sorted(set(fields["permissions"]))
    if "name" in fields:
        _check_role_name(fields["name"])
        changes["name_folded"] = fold(fields["name"])
    after = await store.change_role(session, org_id, before, changes)
    if after is None:
        raise _changed_meanwhile()
    await _record_role(session, after, "role.changed", f"Changed the role {after.name}", now, _shown(before, _OF_ROLE), _shown(after, _OF_ROLE))
    return after


async def delete_role(session: Session, org_id: str, role_id: str, versions: Versions, now: datetime) -> None:
    """NotFound, BuiltInRole, PreconditionFailed, RoleInUse."""
    role = await _own_role(session, org_id, role_id, versions)
    members, invitations = await store.uses_of_role(org_id, role_id, session)
    if members or invitations:
        raise RoleInUse(members, invitations)
    if not await store.delete_role(session, org_id, role):
        raise _changed_meanwhile()
    await store.forget_role_in_policy(session, org_id, role_id)
    await _record_role(session, role, "role.deleted", f"Deleted the role {role.name}", now, _shown(role, _OF_ROLE), None, deleted=True)


def _check_role_name(name: str) -> None:
    if fold(name) in {fold(role) for role in Role}:
        raise RoleExists


async def _own_role(session: Session, org_id: str, role_id: str, versions: Versions) -> CustomRole:
    if is_built_in(role_id):
        raise BuiltInRole
    role = await store.custom_role(org_id, role_id, session)
    if role is None:
        raise NotFound
    _expect(role.version, versions)
    return role


async def _record_role(
    session: Session,
    role: CustomRole,
    action: str,
    summary: str,
    now: datetime,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    *,
    deleted: bool = False,
) -> None:
    await events.append(session, role.org_id, RoleChanged(role_id=role.id, deleted=deleted), now)
    await audit.record(session, role.org_id, action, summary, now, subject=("role", role.id), before=before, after=after)


# ---- invitations -----------------------------------------------------------------------------------------------------------------


def prepare_invitation(
    org_id: str,
    email: str,
    role: str,
    invited_by: str,
    now: datetime,
    *,
    employee_id: str | None = None,
    client_id: str | None = None,
    username: str = "",
) -> Invitation:
    """As it is to be stored. Its secret is made when the mail is sent: until then nobody has one that fits."""
    return Invitation(
        id=new_id("inv"),
        created_at=now,
        org_id=org_id,
        email=fold(email),
        role=role,
        token_hash=hash_token(new_token()),
        invited_by=invited_by,
        employee_id=employee_id,
        client_id=client_id,
        username=username,
        expires_at=now + INVITATION_LIFETIME,
    )


async def invite(session: Session, invitation: Invitation, now: datetime) -> Invitation:
    """AlreadyInvited, InvitationLimitReached. The mail is the caller's next step: `SendInvitationMail` after the commit. Whoever calls it has
    checked with `check_gift` that the role may be given."""
    org_id = invitation.org_id
    earlier = await store.open_invitation_to(org_id, invitation.email, session)
    if earlier is not None:
        if now < earlier.expires_at:
            raise AlreadyInvited
        await store.change_open_invitation(session, org_id, earlier, {"state": InvitationState.REVOKED, "answered_at": now})
    if await store.count_of_open_invitations(org_id, session) >= OPEN_INVITATIONS_MAX:
        raise InvitationLimitReached(OPEN_INVITATIONS_MAX)
    await store.insert_invitation(session, invitation)
    await _record_invitation(session, invitation, "invitation.sent", f"Invited {invitation.named} as {invitation.role}", now)
    await events.append(session, org_id, InvitationSent(invitation_id=invitation.id, role=invitation.role), now)
    return invitation


async def resend(session: Session, org_id: str, invitation_id: str, versions: Versions, now: datetime) -> Invitation:
    """Seven days more, with a new secret: the old one ends at once. NotFound, InvitationClosed, SentJustNow."""
    before = await _open_invitation(session, org_id, invitation_id, versions)
    wait = resend_wait(before.expires_at, now)
    if wait > timedelta():
        raise SentJustNow(int(wait.total_seconds()) + 1)
    changes = {"token_hash": hash_token(new_token()), "expires_at": now + INVITATION_LIFETIME, "sent_at": None}
    after = await _put_invitation(session, before, changes)
    await _record_invitation(session, after, "invitation.resent", f"Invited {after.named} once more", now)
    await events.append(session, org_id, InvitationSent(invitation_id=after.id, role=after.role), now)
    return after


async def revoke(session: Session, org_id: str, invitation_id: str, versions: Versions, now: datetime) -> Invitation:
    """NotFound, InvitationClosed."""
    before = await _open_invitation(session, org_id, invitation_id, versions)
    after = await _put_invitation(session, before, {"state": InvitationState.REVOKED, "answered_at": now})
    await _record_invitation(session, after, "invitation.revoked", f"Took back the invitation of {after.named}", now)
    await events.append(session, org_id, InvitationRevoked(invitation_id=after.id, role=after.role), now)
    return after


async def answer(session: Session, before: Invitation, *, accepted: bool, now: datetime) -> Invitation:
    """InvitationClosed when it is not open (any more): of two answers one counts. What follows from a yes is the caller's to do."""
    if before.state is not InvitationState.OPEN or before.expires_at <= now:
        raise InvitationClosed
    state = InvitationState.ACCEPTED if accepted else InvitationState.DECLINED
    after = await _put_invitation(session, before, {"state": state, "answered_at": now})
    await _record_invitation(session, after, f"invitation.{state}", f"{after.named} {state} the invitation", now)
    await events.append(session, after.org_id, InvitationAnswered(invitation_id=after.id, role=after.role, accepted=accepted), now)
    return after


async def _open_invitation(session: Session, org_id: str, invitation_id: str, versions: Versions) -> Invitation:
    row = await store.invitation(org_id, invitation_id, session)
    if row is None:
        raise NotFound
    _expect(row.version, versions)
    if row.state is not InvitationState.OPEN:
        raise InvitationClosed
    return row


async def _put_invitation(session: Session, before: Invitation, changes: dict[str, Any]) -> Invitation:
    after = await store.change_open_invitation(session, before.org_id, before, changes)
    if after is None:
        raise InvitationClosed
    return after


async def _record_invitation(session: Session, row: Invitation, action: str, summary: str, now: datetime) -> None:
    after = {"email": row.named, "role": row.role, "state": row.state, "expires_at": row.expires_at}
    await audit.record(session, row.org_id, action, summary, now, subject=("invitation", row.id), after=after)


# ---- companies -------------------------------------------------------------------------------------------------------------------


async def create_company(session: Session, org_id: str, fields: Mapping[str, Any], now: datetime) -> Company:
    """What is left out is as in the organisation. CompanyExists."""
    organization = await expected(session, org_id, None)
    like = _shown(organization, ("functional_currency", "time_zone", "fiscal_year_start"))
    company = Company(id=new_id("com"), created_at=now, updated_at=now, org_id=org_id, name_folded=fold(fields["legal_name"]), **{**like, **fields})
    await store.insert_company(session, company)
    await _record_company(session, company, "company.created", f"Added the company {company.legal_name}", now, None)
    return company


async def change_company(session: Session, org_id: str, company_id: str, fields: Mapping[str, Any], versions: Versions, now: datetime) -> Company:
    """NotFound, PreconditionFailed, CompanyExists."""
    before = await store.company(org_id, company_id, session)
    if before is None:
        raise NotFound
    _expect(before.version, versions)
    changes = {**fields, "updated_at": now}
    if "legal_name" in fields:
        changes["name_folded"] = fold(fields["legal_name"])
    after = await store.change_company(session, org_id, before, changes)
    if after is None:
        raise _changed_meanwhile()
    action, verb = ("company.changed", "Changed") if after.active else ("company.deactivated", "Deactivated")
    await _record_company(session, after, action, f"{verb} the company {after.legal_name}", now, before)
    return after


async def _record_company(session: Session, company: Company, action: str, summary: str, now: datetime, before: Company | None) -> None:
    await events.append(session, company.org_id, CompanyChanged(company_id=company.id, active=company.active), now)
    await audit.record(
        session,
        company.org_id,
        action,
        summary,
        now,
        subject=("company", company.id),
        before=_shown(before, _OF_COMPANY) if before else None,
        after=_shown(company, _OF_COMPANY),
    )
