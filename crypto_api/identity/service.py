"""People, their sessions and their one-time secrets. Which organisation a session acts in is the caller's business."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from crypto_api.audit import service as audit
from crypto_api.audit.types import Outcome
from crypto_api.identity import account_store as accounts
from crypto_api.identity import passwords, store
from crypto_api.identity.documents import Attempts, DueMail, KnownDevice, OneTimePurpose, OneTimeToken, Session, User
from crypto_api.identity.errors import AccountSuspended, EmailTaken, InvalidCredentials, InvalidToken, ReusedToken
from crypto_api.identity.ports import Records, SessionRows
from crypto_api.identity.rules import fold, hash_token, is_username, log_in_bucket, mail_bucket, otp_bucket
from crypto_api.identity.types import (
    DEVICE_LIFETIME,
    MAIL_KEPT,
    MAILS_AN_HOUR,
    TICKET_LIFETIME,
    VERIFICATION_LIFETIME,
    Device,
    Factor,
    Letter,
    NewUser,
    Notice,
)
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ids import new_id, new_token
from crypto_api.kit.session_spans import Spans, Way
from mongodb_config.unit_of_work import Session as UnitSession
from mongodb_config.unit_of_work import UnitOfWork, Units

_SPANS = Spans()


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
        language=person.language,
        password_hash=await passwords.hash_password(password, bcrypt_cost),
        email_verified_at=now if verified else None,
    )


async def register(session: UnitSession, user: User) -> User:
    """Stores a prepared account. EmailTaken or UsernameTaken where there is one already."""
    await store.insert_user(session, user)
    return user


async def register_shadow(session: UnitSession, user: User, now: datetime) -> None:
    """Stores what a prepared account leaves whose address has one. UsernameTaken."""
    row = user.model_copy(update={"email": f"shadow:{user.id}", "shadow_of_email": user.email, "verification_sent_at": now})
    await store.insert_user(session, row)
    summary = f"Somebody registered as {user.username} with an address that has an account."
    await audit.record(session, None, "account.shadowed", summary, now, subject=("user", user.id))


async def open_session(
    session: UnitSession,
    user: User,
    org_id: str | None,
    device: Device,
    factors: Sequence[Factor],
    now: datetime,
    *,
    way: Way,
    spans: Spans = _SPANS,
    rows: SessionRows = store,
) -> tuple[Session, str]:
    """A new session and the secret that goes on with it: a refresh token for a program, the value of the cookie for the dashboard. AccountSuspended
    or InvalidCredentials when the account was suspended or got a new password while its owner was logging in."""
    if not await rows.mark_logged_in(session, user.id, user.password_changed_at, now):
        there = await rows.user(user.id, session)
        raise AccountSuspended if there is not None and there.suspended_at is not None else InvalidCredentials(user.id)
    by_program, family = way == "api", new_token()
    secret = f"{family}.{new_token()}" if by_program else new_token()
    row = Session(
        id=new_id("ses"),
        created_at=now,
        user_id=user.id,
        org_id=org_id,
        refresh_hash=hash_token(secret if by_program else new_token()),
        family_hash=hash_token(family) if by_program else None,
        dashboard_hash=None if by_program else hash_token(secret),
        expires_at=spans.ends(now, now, way),
        ip=device.ip,
        user_agent=device.user_agent,
        factors=list(factors),
        authenticated_at=now,
        last_seen_at=now,
    )
    await rows.insert_session(session, row)
    return row, secret


async def remember_device(session: UnitSession, user_id: str, token: str | None, now: datetime) -> str:
    """The secret for the cookie of a device on which this person has shown who they are: the one that it has, or a new one."""
    until = now + DEVICE_LIFETIME
    if token is not None and await store.extend_device(session, hash_token(token), user_id, until, now):
        return token
    fresh = new_token()
    await store.insert_device(session, KnownDevice(id=hash_token(fresh), created_at=now, user_id=user_id, last_used_at=now, expires_at=until))
    return fresh


async def refresh(
    uow: Units, token: str, now: datetime, spans: Spans = _SPANS, rows: SessionRows = store, record: Records = audit.record
) -> tuple[Session, str]:
    """The session and its next refresh token. A token that was used before ends the whole family, since somebody has a copy, and that is recorded
    with it: ReusedToken. InvalidToken for any other, and once the session is older than any may be, however often it was refreshed (NIST SP
    800-63B-4, 5.2).

    A token is `<family>.<secret>`: whoever shows one of a family that is not its newest shows a used one, so none of them need be kept."""
    family = token.partition(".")[0] if "." in token else None
    old, kept_family = hash_token(token), family or new_token()
    successor = f"{kept_family}.{new_token()}"

    async def work(session: UnitSession) -> tuple[Session | None, str | None]:
        row = await rows.live_session_by_refresh(session, old, now)
        if row is None:
            return None, await _end_reused(session, hash_token(family) if family else None, old, now, rows, record)
        ends = spans.ends(row.created_at, now, "api")
        if ends <= now:
            return None, None
        rotated = await rows.rotate_refresh(session, old, hash_token(successor), hash_token(kept_family), ends, now)
        return rotated, None if rotated else await _end_reused(session, hash_token(kept_family), old, now, rows, record)

    rotated, ended = await uow.run(work)
    if rotated is None:
        raise ReusedToken(ended) if ended else InvalidToken
    return rotated, successor


async def _end_reused(session: UnitSession, family_hash: str | None, used: str, now: datetime, rows: SessionRows, record: Records) -> str | None:
    """The id of the session that ends since this token of its family came once more; None where none does."""
    ended = await rows.end_family_of(session, family_hash, used, "refresh_reused", now)
    if ended is not None:
        summary, after = "A used refresh token came a second time: its session ended.", {"reason": "refresh_reused"}
        await record(session, None, "session.ended", summary, now, subject=("session", ended), after=after, outcome=Outcome.REFUSED)
    return ended


async def log_out(session: UnitSession, session_id: str, now: datetime) -> bool:
    return await store.end_session(session, session_id, "logged_out", now)


async def owe_mail(session: UnitSession, letter: Letter, to: str, user_id: str | None, now: datetime, *, data: dict[str, str] | None = None) -> str:
    """Writes down that a letter is to be sent; its id, for the job after the commit."""
    row = DueMail(
        id=new_id("mail"),
        created_at=now,
        kind=letter,
        to=to,
        user_id=user_id,
        data=data or {},
        sent_at=None if user_id else now,
        expires_at=now + MAIL_KEPT,
    )
    await accounts.insert_mail(session, row)
    return row.id


async def owe_notice(session: UnitSession, user_id: str, what: Notice, now: datetime, **names: str) -> None:
    """The person is told of a change in how one gets into their account, or of a log-in. The sweep sends it within a minute."""
    user = await store.user(user_id, session)
    if user is not None:
        await owe_mail(session, Letter.NOTICE, user.email, user.id, now, data={"what": what, **names})


async def ask_mail(session: UnitSession, letter: Letter, to: str, user_id: str | None, now: datetime) -> str | None:
    """The same for a letter that anybody may ask for: None when this address was sent enough of them within the hour."""
    bucket = mail_bucket(to)
    seen = await accounts.attempts(session, bucket)
    fresh = seen is None or seen.expires_at <= now
    asked = 1 if seen is None or fresh else seen.failures + 1
    if asked > MAILS_AN_HOUR:
        return None
    until = now + timedelta(hours=1) if seen is None or fresh else seen.expires_at
    await accounts.put_attempts(session, Attempts(id=bucket, created_at=now, failures=asked, expires_at=until), seen)
    return await owe_mail(session, letter, to, user_id, now)


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


async def issue_one_time(
    session: UnitSession, user_id: str, purpose: OneTimePurpose, lifetime: timedelta, now: datetime, *, data: dict[str, str] | None = None
) -> str:
    """A secret for a letter. The ones of the same purpose before it end."""
    token = new_token()
    await store.delete_one_time_of(session, user_id, purpose)
    await store.insert_one_time(
        session,
        OneTimeToken(id=hash_token(token), created_at=now, purpose=purpose, user_id=user_id, data=data or {}, expires_at=now + lifetime),
    )
    return token


async def issue_verification(session: UnitSession, user_id: str, now: datetime) -> str:
    """Several may be under way: a mail that was sent twice has two links, and each works."""
    token = new_token()
    await store.insert_one_time(
        session,
        OneTimeToken(
            id=hash_token(token), created_at=now, purpose=OneTimePurpose.VERIFY_EMAIL, user_id=user_id, expires_at=now + VERIFICATION_LIFETIME
        ),
    )
    return token


async def verify_email(uow: UnitOfWork, token: str, now: datetime) -> str:
    """The id of the person whose address is verified by it, or who has the new one from now on. InvalidInput when the token was used, is too old
    or never was, or somebody else has that address by now."""

    async def work(session: UnitSession) -> str | None:
        taken = await store.take_one_time(session, hash_token(token), OneTimePurpose.VERIFY_EMAIL, now)
        user = await store.user(taken.user_id, session) if taken is not None and taken.user_id is not None else None
        if taken is None or user is None:
            return None
        wanted = taken.data.get("email")
        if wanted is not None:
            return await _change_email(session, user, wanted, now)
        if await store.mark_verified(session, user.id, now):
            await audit.record(
                session, None, "email.verified", f"{user.username} verified their address.", now, subject=("user", user.id), actor_id=user.id
            )
        return user.id

    try:
        user_id = await uow.run(work)
    except EmailTaken:
        user_id = None
    if user_id is None:
        raise InvalidInput.of("token", "is wrong, used or no longer valid", "invalid_token")
    return user_id


async def _change_email(session: UnitSession, user: User, wanted: str, now: datetime) -> str | None:
    if not await store.take_pending_email(session, user.id, wanted, now):
        return None
    for purpose in (OneTimePurpose.RESET_PASSWORD, OneTimePurpose.SET_PASSWORD):
        await store.delete_one_time_of(session, user.id, purpose)  # they were sent to the old address
    await owe_mail(session, Letter.NOTICE, user.email, user.id, now, data={"what": Notice.EMAIL_CHANGED})
    before, after = {"email": user.email}, {"email": wanted}
    summary = f"{user.username} changed their e-mail address."
    await audit.record(session, None, "email.changed", summary, now, subject=("user", user.id), before=before, after=after, actor_id=user.id)
    return user.id


def strange_doors(user: User) -> list[str]:
    """The buckets in which failed tries from devices that are not known are counted for this person."""
    return [log_in_bucket("email", user.email, None), log_in_bucket("username", user.username, None), otp_bucket(user.id, None)]


async def set_password(session: UnitSession, user: User, password_hash: str, now: datetime, *, by_mail: bool, kept_session: str | None) -> str:
    """Ends every session but `kept_session`, every link that could set another one, and every device's standing. `by_mail`: the address is proved by
    it. The id of the letter that tells the person. InvalidToken when the password changed in between."""
    reason, ended = await replace_password(session, user, password_hash, now, by_mail=by_mail, kept_session=kept_session)
    for purpose in (OneTimePurpose.RESET_PASSWORD, OneTimePurpose.SET_PASSWORD):
        await store.delete_one_time_of(session, user.id, purpose)
    await accounts.forget_devices(session, user.id)
    await accounts.forget_attempts(session, strange_doors(user))
    summary = f"{user.username} {'set a new password by mail' if by_mail else 'changed their password'}; {ended} session(s) ended."
    await audit.record(session, None, f"password.{'reset' if by_mail else 'changed'}", summary, now, subject=("user", user.id), actor_id=user.id)
    return await owe_mail(session, Letter.NOTICE, user.email, user.id, now, data={"what": Notice(reason)})


async def replace_password(
    session: UnitSession, user: User, password_hash: str, now: datetime, *, by_mail: bool, kept_session: str | None, rows: SessionRows = store
) -> tuple[str, int]:
    """The password and what it ends: why, and how many sessions. InvalidToken as `set_password`, of which it is a part."""
    if not await rows.set_password(session, user.id, user.password_changed_at, password_hash, now, verified=by_mail):
        raise InvalidToken
    reason = "password_reset" if by_mail else "password_changed"
    return reason, await rows.end_sessions(session, user.id, reason, now, but=kept_session)


async def suspend(session: UnitSession, user: User, now: datetime | None, rows: SessionRows = store) -> tuple[User | None, int]:
    """The account as it is then, and how many sessions of it ended; with None instead of a time it is open again. No account when it was changed
    since it was read."""
    after = await rows.set_suspended(session, user, now)
    ended = await rows.end_sessions(session, user.id, "suspended", now) if after is not None and now is not None else 0
    return after, ended
