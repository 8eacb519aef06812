"""The ways into a session and out of it: by password from a program or the dashboard, by refresh token, and the log-out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.access_tokens import AccessTokens
from crypto_api.identity.documents import Session, User
from crypto_api.identity.errors import EmailNotVerified, InvalidCredentials, InvalidToken, ReusedToken
from crypto_api.identity.types import Device, Factor, Way
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.log import security
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store as organization_store
from mongodb_config.unit_of_work import Session as UnitSession
from mongodb_config.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Credentials:
    """One of `email` and `username`."""

    email: str | None
    username: str | None
    password: str


@dataclass(frozen=True)
class SignedIn:
    user: User
    session_id: str
    org_id: str | None
    access: str
    refresh: str


@dataclass(frozen=True)
class OpenedSession:
    row: Session
    refresh: str | None  # with way "api"
    cookie: str | None  # with way "dashboard": the value of DASHBOARD_COOKIE
    device: str  # the value of DEVICE_COOKIE: give it to the device (identity.rules.device_cookie)


async def open_session(
    session: UnitSession, user: User, device: Device, factors: Sequence[Factor], now: datetime, *, way: Way, org_id: str | None = None
) -> OpenedSession:
    """The one way a session is made, once somebody has shown who they are. It acts in `org_id`, or where the person came to first. Where that
    organisation wants a single session for each person, their others in it end. NotFound when they are no member of `org_id`; AccountSuspended."""
    home = org_id or await organizations.home_of(user.id)
    if org_id is not None and await organizations.role_of(org_id, user.id) is None:
        raise NotFound
    row, secret = await identity.open_session(session, user, home, device, factors, now, way=way)
    await audit.record(
        session,
        home,
        "session.opened",
        f"{user.username} logged in.",
        now,
        subject=("session", row.id),
        after={"way": way, "factors": list(factors)},
        actor_id=user.id,
    )
    organization = await organization_store.get(home, session) if home else None
    if organization is not None and organization.single_session:
        await _end_others(session, user, organization.id, row.id, now)
    known = await identity.remember_device(session, user.id, device.token, now)
    return OpenedSession(row, secret if way == "api" else None, secret if way == "dashboard" else None, known)


async def _end_others(session: UnitSession, user: User, org_id: str, kept: str, now: datetime) -> None:
    """Of two log-ins at the same moment the later one finds the earlier: both write the person's row."""
    ended = await identities.end_sessions(session, user.id, "single_session", now, org_id=org_id, but=kept)
    if ended:
        summary = f"{ended} other session(s) of {user.username} ended: this organisation wants one at a time."
        await audit.record(
            session, org_id, "session.ended", summary, now, subject=("user", user.id), after={"reason": "single_session"}, actor_id=user.id
        )


async def sign_in(uow: UnitOfWork, clock: Clock, tokens: AccessTokens, credentials: Credentials, device: Device, bcrypt_cost: int) -> SignedIn:
    """InvalidCredentials, or EmailNotVerified for the right password of an account whose address is not verified yet."""
    user = await _person(credentials, bcrypt_cost)
    now = clock.now()
    opened = await uow.run(lambda session: open_session(session, user, device, [Factor.PASSWORD], now, way="api"))
    row = opened.row
    security.info("logged_in", user_id=user.id, session_id=row.id, org_id=row.org_id, way="api")
    assert opened.refresh is not None
    return SignedIn(user, row.id, row.org_id, tokens.issue(user.id, row.id, now), opened.refresh)


async def sign_in_to_dashboard(uow: UnitOfWork, clock: Clock, credentials: Credentials, device: Device, bcrypt_cost: int) -> tuple[User, str]:
    """The person and the value of the cookie. Refuses as `sign_in` does."""
    user = await _person(credentials, bcrypt_cost)
    now = clock.now()
    opened = await uow.run(lambda session: open_session(session, user, device, [Factor.PASSWORD], now, way="dashboard"))
    security.info("logged_in", user_id=user.id, session_id=opened.row.id, org_id=opened.row.org_id, way="dashboard")
    assert opened.cookie is not None
    return user, opened.cookie


async def refresh_session(uow: UnitOfWork, clock: Clock, tokens: AccessTokens, token: str) -> SignedIn:
    """InvalidToken when it is wrong, too old or used; a used one ends the session, since somebody has a copy of it."""
    now = clock.now()
    try:
        row, successor = await identity.refresh(uow, token, now)
    except ReusedToken as error:
        security.warning("refresh_reused", session_id=error.session_id)
        raise
    except InvalidToken:
        security.warning("refresh_refused")
        raise
    user = await identities.user(row.user_id)
    if user is None:
        raise InvalidToken
    security.info("refreshed", user_id=user.id, session_id=row.id)
    return SignedIn(user, row.id, row.org_id, tokens.issue(user.id, row.id, now), successor)


async def sign_out(uow: UnitOfWork, clock: Clock, session_id: str) -> None:
    now = clock.now()
    if await uow.run(lambda session: identity.log_out(session, session_id, now)):
        security.info("logged_out", session_id=session_id)


async def _person(credentials: Credentials, bcrypt_cost: int) -> User:
    try:
        user = await identity.check_credentials(
            email=credentials.email, username=credentials.username, password=credentials.password, bcrypt_cost=bcrypt_cost
        )
    except InvalidCredentials as error:
        # not the name that was typed: now and then it is a password in the wrong field
        security.warning("log_in_refused", reason="credentials", user_id=error.user_id)
        raise
    if user.email_verified_at is None:
        security.warning("log_in_refused", reason="email_not_verified", user_id=user.id)
        raise EmailNotVerified
    return user
