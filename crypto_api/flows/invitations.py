"""Joining an organisation: somebody there invites an address, whoever owns the address answers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.clients import service as client_service
from crypto_api.clients import store as clients
from crypto_api.clients.errors import ClientArchived
from crypto_api.employees import service as employees
from crypto_api.events import service as events
from crypto_api.flows.members import require_standing
from crypto_api.flows.switch_organization import enter
from crypto_api.identity import store as identities
from crypto_api.identity.documents import User
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound, Unauthenticated
from crypto_api.kit.jobs import Jobs
from crypto_api.kit.log import security
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store
from crypto_api.organizations.documents import Invitation, InvitationState, Membership, Organization
from crypto_api.organizations.errors import AlreadyMember, InvitationClosed, NotInvitable, OperatorStaysOutside, OtherAddress
from crypto_api.organizations.events import MemberJoined
from crypto_api.organizations.jobs import SendInvitationMail
from crypto_api.organizations.rules import fold, hash_token
from crypto_api.organizations.types import Principal, Role
from mongodb_config.unit_of_work import Session, UnitOfWork

Versions = Collection[int] | None


@dataclass(frozen=True)
class Joined:
    organization: Organization
    membership: Membership
    invitation: Invitation


@dataclass(frozen=True)
class Offer:
    """An open invitation as the invited person sees it."""

    invitation: Invitation
    organization: Organization
    role_name: str
    inviter: User | None


# ---- by the organisation ---------------------------------------------------------------------------------------------------------


async def invite_client(uow: UnitOfWork, clock: Clock, jobs: Jobs, principal: Principal, client_id: str, email: str | None) -> Invitation:
    """To a log-in that sees the invoices of this client and nothing else. `email` None: where its invoices go. NotFound, ClientArchived, NoAddress,
    and as in `invite`."""
    assert principal.org_id is not None
    row = await clients.get(principal.org_id, client_id)
    if row is None:
        raise NotFound
    if row.archived_at is not None:
        raise ClientArchived
    to = email or row.email
    if not to:
        raise InvalidInput.of("email", "is needed: the client has none", "missing")
    return await invite(uow, clock, jobs, principal, principal.org_id, to, Role.CLIENT, client_id=client_id)


async def invite(
    uow: UnitOfWork, clock: Clock, jobs: Jobs, principal: Principal, org_id: str, email: str, role: str, *, client_id: str | None = None
) -> Invitation:
    """AlreadyMember, AlreadyInvited, InvitationLimitReached, AdminsOnly, RoleBeyondYours, InvalidInput. The mail follows."""
    now = clock.now()
    invitation = organizations.prepare_invitation(org_id, email, role, principal.user_id, now, client_id=client_id)

    async def work(session: Session) -> Invitation:
        await require_standing(session, principal, org_id)
        await organizations.check_gift(session, principal, org_id, role)
        await check_invitable(session, org_id, invitation.email)
        return await organizations.invite(session, invitation, now)

    await uow.run(work)
    security.info("invited", by=principal.user_id, org_id=org_id, invitation_id=invitation.id, role=role)
    await jobs.put(SendInvitationMail(org_id=org_id, invitation_id=invitation.id))
    return invitation


async def check_invitable(session: Session, org_id: str, email: str) -> None:
    """NotInvitable for an operator of the installation, AlreadyMember for whoever is there."""
    person = await identities.user_by_email(fold(email))
    if person is None:
        return
    if person.platform_admin:
        raise NotInvitable
    if await store.membership(org_id, person.id, session) is not None:
        raise AlreadyMember


async def resend(
    uow: UnitOfWork, clock: Clock, jobs: Jobs, principal: Principal, org_id: str, invitation_id: str, versions: Versions = None
) -> Invitation:
    """Whoever sends it gives the role anew. NotFound, InvitationClosed, SentJustNow, AdminsOnly, RoleBeyondYours."""
    now = clock.now()

    async def work(session: Session) -> Invitation:
        await require_standing(session, principal, org_id)
        invitation = await organizations.resend(session, org_id, invitation_id, versions, now)
        await organizations.check_gift(session, principal, org_id, invitation.role)
        return invitation

    invitation = await uow.run(work)
    await jobs.put(SendInvitationMail(org_id=org_id, invitation_id=invitation_id))
    return invitation


async def revoke(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, invitation_id: str, versions: Versions = None) -> Invitation:
    """NotFound, InvitationClosed."""
    now = clock.now()

    async def work(session: Session) -> Invitation:
        await require_standing(session, principal, org_id)
        return await organizations.revoke(session, org_id, invitation_id, versions, now)

    invitation = await uow.run(work)
    security.info("invitation_revoked", by=principal.user_id, org_id=org_id, invitation_id=invitation_id)
    return invitation


# ---- by the invited --------------------------------------------------------------------------------------------------------------


async def offers_to(user_id: str, now: datetime) -> list[Offer]:
    """The open invitations to this person's verified address."""
    person = await identities.user(user_id)
    if person is None or person.email_verified_at is None or person.platform_admin:
        return []
    offers = [await offer_of(row, now) for row in await store.open_invitations_for(person.email, now)]
    return [offer for offer in offers if offer is not None]


async def offer_of(row: Invitation, now: datetime) -> Offer | None:
    """None when it can no longer be answered."""
    organization = await store.get(row.org_id)
    if organization is None or row.state is not InvitationState.OPEN or row.expires_at <= now:
        return None
    return Offer(row, organization, await organizations.role_name(row.org_id, row.role), await identities.user(row.invited_by))


async def by_token(token: str) -> Invitation:
    """InvalidInput when it is wrong, or was replaced by a later one."""
    row = await store.invitation_by_token(hash_token(token))
    if row is None:
        raise InvalidInput.of("token", "is wrong, used or no longer valid", "invalid_token")
    return row


async def accept(uow: UnitOfWork, clock: Clock, user_id: str, token: str, *, session_id: str | None = None) -> Joined:
    """By whoever has the link and owns the address. `session_id` names a session that acts nowhere yet: from now on it acts there.
    InvalidInput for the token, OtherAddress, OperatorStaysOutside, AlreadyMember."""
    row = await by_token(token)
    try:
        return await _accept(uow, clock, user_id, row, token, session_id)
    except InvitationClosed as closed:
        raise InvalidInput.of("token", "is wrong, used or no longer valid", "invalid_token") from closed


async def accept_offer(uow: UnitOfWork, clock: Clock, user_id: str, invitation_id: str, *, session_id: str | None = None) -> Joined:
    """One of `offers_to` this person. NotFound, InvitationClosed, and as in `accept`."""
    return await _accept(uow, clock, user_id, await _offer(user_id, invitation_id), None, session_id)


async def decline(uow: UnitOfWork, clock: Clock, user_id: str, token: str) -> Invitation:
    """As `accept`."""
    row = await by_token(token)
    try:
        return await _decline(uow, clock, user_id, row, token)
    except InvitationClosed as closed:
        raise InvalidInput.of("token", "is wrong, used or no longer valid", "invalid_token") from closed


async def decline_offer(uow: UnitOfWork, clock: Clock, user_id: str, invitation_id: str) -> Invitation:
    return await _decline(uow, clock, user_id, await _offer(user_id, invitation_id), None)


async def _offer(user_id: str, invitation_id: str) -> Invitation:
    person = await identities.user(user_id)
    row = await store.invitation_for(invitation_id, person.email) if person and person.email_verified_at else None
    if row is None:
        raise NotFound
    return row


async def _accept(uow: UnitOfWork, clock: Clock, user_id: str, found: Invitation, token: str | None, session_id: str | None) -> Joined:
    now, org_id = clock.now(), found.org_id

    async def work(session: Session) -> Joined:
        person = await _owner(session, user_id, found)
        organization = await store.get(org_id, session)
        if organization is None:
            raise NotFound
        invitation = await organizations.answer(session, await _still(session, found, token), accepted=True, now=now)
        membership = await take_in(session, person, invitation, now)
        if session_id is not None:
            await enter(session, session_id, user_id, organization, now)
        return Joined(organization, membership, invitation)

    joined = await uow.run(work)
    security.info("invitation_accepted", user_id=user_id, org_id=org_id, invitation_id=found.id, role=joined.membership.role)
    return joined


async def take_in(session: Session, person: User, invitation: Invitation, now: datetime) -> Membership:
    """What follows from a yes, in the caller's unit of work: the person is a member, and the employee for whom the invitation was."""
    org_id = invitation.org_id
    membership = await organizations.add_member(session, org_id, person.id, invitation.role, now)
    await events.append(session, org_id, MemberJoined(user_id=person.id, role=invitation.role), now)
    await audit.record(
        session,
        org_id,
        "member.joined",
        f"{person.first_name} {person.last_name} ({person.email}) joined",
        now,
        subject=("member", person.id),
        after={"role": invitation.role},
        actor_id=person.id,
    )
    if invitation.employee_id is not None:
        await employees.joined(session, org_id, invitation.employee_id, person.id, now)
    if invitation.client_id is not None:
        await client_service.let_in(session, org_id, invitation.client_id, person.id, now)
    return membership


async def _decline(uow: UnitOfWork, clock: Clock, user_id: str, found: Invitation, token: str | None) -> Invitation:
    now = clock.now()

    async def work(session: Session) -> Invitation:
        await _owner(session, user_id, found)
        return await organizations.answer(session, await _still(session, found, token), accepted=False, now=now)

    invitation = await uow.run(work)
    security.info("invitation_declined", user_id=user_id, org_id=found.org_id, invitation_id=found.id)
    return invitation


async def _owner(session: Session, user_id: str, invitation: Invitation) -> User:
    """The person, who must own the address that was invited: a link that was passed on opens nothing."""
    person = await identities.user(user_id, session)
    if person is None:
        raise Unauthenticated("There is no such account any more.")
    if person.platform_admin:
        raise OperatorStaysOutside
    if person.email_verified_at is None or person.email != invitation.email:
        raise OtherAddress
    return person


async def _still(session: Session, found: Invitation, token: str | None) -> Invitation:
    """The invitation as this unit of work sees it. InvitationClosed when the token was replaced meanwhile."""
    row = await store.invitation(found.org_id, found.id, session)
    if row is None or (token is not None and row.token_hash != hash_token(token)):
        raise InvitationClosed
    return row
