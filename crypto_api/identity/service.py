"""People, their sessions and their one-time secrets. Which organisation a session acts in is the caller's business."""

from datetime import datetime

from crypto_api.identity import passwords, store
from crypto_api.identity.documents import OneTimePurpose, OneTimeToken, Session, User
from crypto_api.identity.errors import InvalidCredentials, InvalidToken, ReusedToken
from crypto_api.identity.rules import fold, hash_token, is_username
from crypto_api.identity.types import (
    DASHBOARD_LIFETIME,
    REFRESH_LIFETIME,
    TICKET_LIFETIME,
    VERIFICATION_LIFETIME,
    Device,
    NewUser,
)
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ids import new_id, new_token
from mongodb_config.unit_of_work import Session as UnitSession
from mongodb_config.unit_of_work import UnitOfWork


async def prepare(person: NewUser, password: str, bcrypt_cost: int, now: datetime, *, verified: bool = False) -> User:
    """The account as it is to be stored. Slow, therefore before the unit of work. InvalidInput names what does not pass."""
    username, email = fold(person.username), fold(person.email)
    if not is_username(username):
        raise InvalidInput.of("username", "must be 3 to 40 characters of a-z, 0-9, dot, dash and underscore", "invalid_username")
    await passwords.judge("password", password, [username, email, person.first_name, person.last_name])
    return User(
        id=new_id("usr"),
        created_at=now,
        username=username,
        email=email,
        first_name=person.first_name,
        last_name=person.last_name,
        password_hash=await passwords.hash_password(password, bcrypt_cost),
        email_verified_at=now if verified else None,
    )


async def register(session: UnitSession, user: User) -> User:
    """Stores a prepared account. EmailTaken or UsernameTaken where there is one already."""
    await store.insert_user(session, user)
    return user


async def check_credentials(*, email: str | None, username: str | None, password: str, bcrypt_cost: int) -> User:
    """The person. InvalidCredentials, alike in words and in time, for an unknown name and for a wrong password."""
    user = await store.user_by_email(fold(email)) if email is not None else await store.user_by_username(fold(username or ""))
    if not await passwords.matches(password, user.password_hash if user else None, bcrypt_cost) or user is None:
        raise InvalidCredentials(user.id if user else None)
    return user


async def log_in(session: UnitSession, user_id: str, org_id: str | None, device: Device, now: datetime) -> tuple[Session, str]:
    """A new session and its first refresh token."""
    refresh = new_token()
    row = Session(
        id=new_id("ses"),
        created_at=now,
        user_id=user_id,
        org_id=org_id,
        refresh_hash=hash_token(refresh),
        expires_at=now + REFRESH_LIFETIME,
        ip=device.ip,
        user_agent=device.user_agent,
    )
    await store.insert_session(session, row)
    return row, refresh


async def open_dashboard_session(session: UnitSession, user_id: str, org_id: str | None, device: Device, now: datetime) -> tuple[Session, str]:
    """A new session of the dashboard and the value of its cookie. Nobody has its refresh token."""
    cookie = new_token()
    row = Session(
        id=new_id("ses"),
        created_at=now,
        user_id=user_id,
        org_id=org_id,
        refresh_hash=hash_token(new_token()),
        dashboard_hash=hash_token(cookie),
        expires_at=now + DASHBOARD_LIFETIME,
        ip=device.ip,
        user_agent=device.user_agent,
    )
    await store.insert_session(session, row)
    return row, cookie


async def refresh(uow: UnitOfWork, token: str, now: datetime) -> tuple[Session, str]:
    """The session and its next refresh token. A token that was used before ends the whole family, since somebody has a copy: ReusedToken.
    InvalidToken for any other."""
    old, successor = hash_token(token), new_token()

    async def work(session: UnitSession) -> tuple[Session | None, str | None]:
        rotated = await store.rotate_refresh(session, old, hash_token(successor), now + REFRESH_LIFETIME, now)
        return rotated, None if rotated else await store.end_family_of(session, old, "refresh_reused", now)

    rotated, ended = await uow.run(work)
    if rotated is None:
        raise ReusedToken(ended) if ended else InvalidToken
    return rotated, successor


async def log_out(session: UnitSession, session_id: str, now: datetime) -> bool:
    return await store.end_session(session, session_id, "logged_out", now)


async def issue_ticket(session: UnitSession, user_id: str, session_id: str, now: datetime) -> str:
    """A secret that opens one WebSocket within half a minute."""
    token = new_token()
    await store.insert_one_time(
        session,
        OneTimeToken(
            id=hash_token(token),
            created_at=now,
            purpose=OneTimePurpose.WEBSOCKET,
            user_id=user_id,
            session_id=session_id,
            expires_at=now + TICKET_LIFETIME,
        ),
    )
    return token


async def take_ticket(uow: UnitOfWork, ticket: str, now: datetime) -> OneTimeToken:
    """InvalidToken when it was used, is too old or never was."""
    taken = await uow.run(lambda session: store.take_one_time(session, hash_token(ticket), OneTimePurpose.WEBSOCKET, now))
    if taken is None:
        raise InvalidToken
    return taken


async def issue_verification(session: UnitSession, user_id: str, now: datetime) -> str:
    token = new_token()
    await store.insert_one_time(
        session,
        OneTimeToken(
            id=hash_token(token), created_at=now, purpose=OneTimePurpose.VERIFY_EMAIL, user_id=user_id, expires_at=now + VERIFICATION_LIFETIME
        ),
    )
    return token


async def verify_email(uow: UnitOfWork, token: str, now: datetime) -> str:
    """The id of the person whose address is verified by it. InvalidInput when the token was used, is too old or never was."""

    async def work(session: UnitSession) -> str | None:
        taken = await store.take_one_time(session, hash_token(token), OneTimePurpose.VERIFY_EMAIL, now)
        if taken is not None and taken.user_id is not None:
            await store.mark_verified(session, taken.user_id, now)
        return taken.user_id if taken else None

    user_id = await uow.run(work)
    if user_id is None:
        raise InvalidInput.of("token", "is wrong, used or no longer valid", "invalid_token")
    return user_id
