"""The ways into a session and out of it: by password from a program or the dashboard, by refresh token, and the log-out."""

from dataclasses import dataclass

from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.access_tokens import AccessTokens
from crypto_api.identity.documents import User
from crypto_api.identity.errors import EmailNotVerified, InvalidCredentials, InvalidToken, ReusedToken
from crypto_api.identity.types import Device
from crypto_api.kit.clock import Clock
from crypto_api.kit.log import security
from crypto_api.organizations import service as organizations
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


async def sign_in(uow: UnitOfWork, clock: Clock, tokens: AccessTokens, credentials: Credentials, device: Device, bcrypt_cost: int) -> SignedIn:
    """InvalidCredentials, or EmailNotVerified for the right password of an account whose address is not verified yet."""
    user = await _person(credentials, bcrypt_cost)
    org_id, now = await organizations.home_of(user.id), clock.now()
    row, refresh = await uow.run(lambda session: identity.log_in(session, user.id, org_id, device, now))
    security.info("logged_in", user_id=user.id, session_id=row.id, org_id=org_id, way="api")
    return SignedIn(user, row.id, org_id, tokens.issue(user.id, row.id, now), refresh)


async def sign_in_to_dashboard(uow: UnitOfWork, clock: Clock, credentials: Credentials, device: Device, bcrypt_cost: int) -> tuple[User, str]:
    """The person and the value of the cookie. Refuses as `sign_in` does."""
    user = await _person(credentials, bcrypt_cost)
    org_id, now = await organizations.home_of(user.id), clock.now()
    row, cookie = await uow.run(lambda session: identity.open_dashboard_session(session, user.id, org_id, device, now))
    security.info("logged_in", user_id=user.id, session_id=row.id, org_id=org_id, way="dashboard")
    return user, cookie


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
