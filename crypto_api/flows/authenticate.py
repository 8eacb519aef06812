"""Who is asking: from what they show (access token, cookie, ticket, session) to a `Principal`.

Rights are read afresh every time, so that an ended session or a changed role counts from the next request on.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from crypto_api.flows.access_tokens import AccessTokens
from crypto_api.flows.note_seen import note_seen
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.documents import Session, User
from crypto_api.identity.errors import InvalidToken
from crypto_api.identity.rules import hash_token
from crypto_api.identity.strictness import asked
from crypto_api.identity.types import STRONG, PersonLimiter, Spent
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import CustomRole, Membership, Organization
from crypto_api.organizations.types import GRANTABLE, PERMISSIONS, Denied, Permission, Principal, Role
from mongodb_config.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Identified:
    """Who is asking, with what was read to know it: whoever shows a page needs it again."""

    principal: Principal
    user: User
    organization: Organization | None = None  # where they act
    own_role: CustomRole | None = None  # the organisation's own role that they have, if it is one


async def authenticate_access(tokens: AccessTokens, token: str, now: datetime, limiter: PersonLimiter | None = None) -> Principal:
    """InvalidToken when the token or its session is not valid (any more). With a limiter it counts as a call of this person: TooManyRequests."""
    claims = await tokens.read(token, now)
    if limiter is None:
        session = await identities.live_session(claims.session_id, now)
    else:  # at the same time: every call waits for both
        session, _ = await asyncio.gather(identities.live_session(claims.session_id, now), limiter.spend(Spent.CALLS, claims.user_id))
    if session is None or session.user_id != claims.user_id:
        raise InvalidToken
    note_seen(session, now)
    return await _principal(session, claims.expires_at)


async def authenticate_dashboard(cookie: str, now: datetime) -> Principal | None:
    """None when the cookie names no live session: the page then offers the log-in."""
    session = await dashboard_session(cookie, now)
    found = await identify(session) if session is not None else None
    return found.principal if found is not None else None


async def authenticate_dashboards(cookies: Collection[str], now: datetime) -> dict[str, Principal]:
    """As `authenticate_dashboard`, for many who come at the same moment: the same is read, once for all of them. Whoever is not in it is nobody."""
    hashes = {hash_token(cookie): cookie for cookie in cookies}
    sessions = await identities.live_sessions_by_dashboard(hashes.keys(), now)
    people = {session.user_id for session in sessions}
    users, memberships, houses = await asyncio.gather(
        identities.users(list(people)),
        organizations.memberships_of_people(people),
        organizations.by_ids({session.org_id for session in sessions if session.org_id}),
    )
    own_roles = await organizations.custom_roles_among({row.role for row in memberships} - PERMISSIONS.keys())
    user_of = {row.id: row for row in users}
    membership_of = {(row.org_id, row.user_id): row for row in memberships}
    house_of = {row.id: row for row in houses}
    own_role_of = {(row.org_id, row.id): row for row in own_roles}
    found = {}
    for session in sessions:
        note_seen(session, now)
        org_id = session.org_id or ""
        membership = membership_of.get((org_id, session.user_id))
        own = own_role_of.get((org_id, membership.role)) if membership else None
        with suppress(InvalidToken):
            identified = _as_found(session, session.expires_at, user_of.get(session.user_id), membership, house_of.get(org_id), own)
            found[hashes[session.dashboard_hash or ""]] = identified.principal
    return found


async def dashboard_session(cookie: str, now: datetime) -> Session | None:
    """The live session that the cookie names, which is seen by that."""
    session = await identities.live_session_by_dashboard(hash_token(cookie), now)
    if session is not None:
        note_seen(session, now)
    return session


async def identify(session: Session) -> Identified | None:
    """Whose session it is and what they are where it acts; None for somebody whose account is suspended or gone."""
    try:
        return await _identified(session, session.expires_at)
    except InvalidToken:
        return None


async def authenticate_ticket(uow: UnitOfWork, ticket: str, now: datetime) -> Principal:
    """Uses the ticket up. InvalidToken when it is not valid or its session has ended."""
    taken = await identity.take_ticket(uow, ticket, now)
    return await authenticate_session(taken.session_id or "", now)


async def authenticate_session(session_id: str, now: datetime) -> Principal:
    """For a connection that is open already: whether it still may be. InvalidToken when the session has ended."""
    session = await identities.live_session(session_id, now)
    if session is None:
        raise InvalidToken
    return await _principal(session, session.expires_at)


async def _principal(session: Session, expires_at: datetime) -> Principal:
    """InvalidToken for somebody whose account is suspended or gone: it counts for a session that was open before, too."""
    return (await _identified(session, expires_at)).principal


async def _identified(session: Session, expires_at: datetime) -> Identified:
    """InvalidToken, as above."""
    user, membership, organization = await _standing(session)
    own = None if membership is None or membership.role in PERMISSIONS else await organizations.custom_role(membership.org_id, membership.role)
    return _as_found(session, expires_at, user, membership, organization, own)


def _as_found(
    session: Session,
    expires_at: datetime,
    user: User | None,
    membership: Membership | None,
    organization: Organization | None,
    own: CustomRole | None,
) -> Identified:
    """InvalidToken, as above."""
    if user is None or user.suspended_at is not None:
        raise InvalidToken

    def principal(org_id: str | None, role: str | None, permissions: frozenset[Permission], denied: Denied | None = None) -> Principal:
        return Principal(session.user_id, org_id, role, permissions, session.id, expires_at, denied, user.username)

    if session.org_id is None:
        role = Role.PLATFORM_ADMIN if user.platform_admin else None
        weak = Denied.SECOND_FACTOR_REQUIRED if role and asked().second_factor and not is_strong(session) else None
        return Identified(principal(None, role, PERMISSIONS[role] if role and not weak else frozenset(), weak), user)
    if membership is None:
        return Identified(principal(None, None, frozenset()), user)
    denied = denied_in(session, membership, organization)
    permissions = frozenset() if denied else PERMISSIONS.get(membership.role) or permissions_in(own)
    return Identified(principal(membership.org_id, membership.role, permissions, denied), user, organization, own)


async def _standing(session: Session) -> tuple[User | None, Membership | None, Organization | None]:
    """The person, and what they are where the session acts: read at the same time, since every request waits for it."""
    if session.org_id is None:
        return await identities.user(session.user_id), None, None
    return await asyncio.gather(
        identities.user(session.user_id), organizations.membership(session.org_id, session.user_id), organizations.get(session.org_id)
    )


async def permissions_of(org_id: str, role: str) -> frozenset[Permission]:
    """What a role may in this organisation; nothing, when it is neither built in nor one of its own."""
    if role in PERMISSIONS:
        return PERMISSIONS[role]
    return permissions_in(await organizations.custom_role(org_id, role))


def permissions_in(own: CustomRole | None) -> frozenset[Permission]:
    """What an organisation's own role may; nothing, when there is none."""
    return frozenset(own.permissions) & GRANTABLE if own else frozenset()


def is_strong(session: Session) -> bool:
    return bool(STRONG & set(session.factors))


def denied_in(session: Session, membership: Membership, organization: Organization | None) -> Denied | None:
    """Why this member may do nothing at the moment in this session."""
    if organization is None or organization.suspended_at is not None or membership.suspended_at is not None:
        return Denied.SUSPENDED
    if (asked().second_factor or membership.role in organization.second_factor_roles) and not is_strong(session):
        return Denied.SECOND_FACTOR_REQUIRED
    return None
