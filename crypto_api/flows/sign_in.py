"""The ways into a session and out of it: by password from a program or the dashboard, by refresh token, and the log-out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.audit.types import Outcome
from crypto_api.flows.access_tokens import AccessTokens
from crypto_api.flows.guard_attempts import admitted
from crypto_api.flows.second_factor import demand
from crypto_api.identity import account_store as accounts
from crypto_api.identity import passwords
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.documents import Session, User
from crypto_api.identity.errors import AccountSuspended, EmailNotVerified, InvalidCredentials, InvalidOtp, InvalidToken, ReusedToken
from crypto_api.identity.jobs import SendDueMail
from crypto_api.identity.ports import AccessIssuer, Belongs, Records, SessionRows
from crypto_api.identity.rules import device_name, fold, hash_token, log_in_bucket, network_of, otp_bucket
from crypto_api.identity.types import ATTEMPTS_FREE, FAILURES_TOLD, Device, Factor, Letter, Limited, Notice, SecretBoxPort, SourceLimiter
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import CoreError, NotFound
from crypto_api.kit.jobs import Jobs
from crypto_api.kit.log import security
from crypto_api.kit.session_spans import Spans, Way
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store as organization_store
from mongodb_config.unit_of_work import Session as UnitSession
from mongodb_config.unit_of_work import UnitOfWork, Units


@dataclass(frozen=True)
class Credentials:
    """One of `email` and `username`."""

    email: str | None
    username: str | None
    password: str
    otp: str | None = None


@dataclass(frozen=True)
class Door:
    """What a log-in is checked with."""

    uow: UnitOfWork
    clock: Clock
    box: SecretBoxPort
    limiter: SourceLimiter
    jobs: Jobs
    bcrypt_cost: int
    spans: Spans


@dataclass(frozen=True)
class SignedIn:
    """What a program holds after a log-in or a refresh. `device` is the value for DEVICE_COOKIE; None after a refresh."""

    user: User
    row: Session
    access: str
    refresh: str
    device: str | None = None

    @property
    def session_id(self) -> str:
        return self.row.id

    @property
    def org_id(self) -> str | None:
        return self.row.org_id


@dataclass(frozen=True)
class OpenedSession:
    row: Session
    refresh: str | None  # with way "api"
    cookie: str | None  # with way "dashboard": the value of DASHBOARD_COOKIE
    device: str  # the value of DEVICE_COOKIE: give it to the device (identity.rules.device_cookie)


async def open_session(
    session: UnitSession,
    user: User,
    device: Device,
    factors: Sequence[Factor],
    now: datetime,
    *,
    way: Way,
    spans: Spans,
    org_id: str | None = None,
) -> OpenedSession:
    """The one way a session is made, once somebody has shown who they are. It acts in `org_id`, or where the person came to first. Where that
    organisation wants a single session for each person, their others in it end. NotFound when they are no member of `org_id`; AccountSuspended."""
    home = org_id or await organizations.home_of(user.id)
    if org_id is not None and await organizations.role_of(org_id, user.id) is None:
        raise NotFound
    strange = await _is_strange(user, device, now)
    row, secret = await identity.open_session(session, user, home, device, factors, now, way=way, spans=spans)
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
    if strange:
        await identity.owe_notice(session, user.id, Notice.NEW_PLACE, now, **_told_of(device))
    known = await identity.remember_device(session, user.id, device.token, now)
    return OpenedSession(row, secret if way == "api" else None, secret if way == "dashboard" else None, known)


async def _is_strange(user: User, device: Device, now: datetime) -> bool:
    """Whether this person, who was here before, logs in on a device that is not known and with a program and from a network they did not use."""
    if user.last_log_in_at is None or await known_device(user, device, now) is not None:
        return False
    return network_of(device.ip) not in {network_of(place) for place in await identities.places_of(user.id, device.user_agent)}


def _told_of(device: Device) -> dict[str, str]:
    return {"device": device_name(device.user_agent), "ip": device.ip or "?"}


async def _end_others(session: UnitSession, user: User, org_id: str, kept: str, now: datetime) -> None:
    """Of two log-ins at the same moment the later one finds the earlier: both write the person's row."""
    ended = await identities.end_sessions(session, user.id, "single_session", now, org_id=org_id, but=kept)
    if ended:
        summary = f"{ended} other session(s) of {user.username} ended: this organisation wants one at a time."
        await audit.record(
            session, org_id, "session.ended", summary, now, subject=("user", user.id), after={"reason": "single_session"}, actor_id=user.id
        )


async def sign_in(door: Door, tokens: AccessTokens, credentials: Credentials, device: Device) -> SignedIn:
    """InvalidCredentials; TooManyAttempts; OtpRequired or InvalidOtp where there is a second factor; and, to the right password only,
    AccountSuspended, and EmailNotVerified for an address that is not verified yet (the mail goes out once more)."""
    user, factors = await _person(door, credentials, device)
    opened = await _open(door, user, device, factors, "api")
    return await signed(tokens, user, opened, door.clock.now())


async def sign_in_to_dashboard(door: Door, credentials: Credentials, device: Device) -> tuple[User, OpenedSession]:
    """Refuses as `sign_in` does. The browser is to keep `cookie` and `device`."""
    user, factors = await _person(door, credentials, device)
    return user, await _open(door, user, device, factors, "dashboard")


async def signed(tokens: AccessTokens, user: User, opened: OpenedSession, now: datetime) -> SignedIn:
    """What a program gets for a session that was just opened for it."""
    assert opened.refresh is not None
    return SignedIn(user, opened.row, await tokens.issue(user.id, opened.row.id, now), opened.refresh, opened.device)


async def _still_belongs(user: User, org_id: str | None) -> bool:
    return org_id is None or await organizations.role_of(org_id, user.id) is not None


async def refresh_session(
    uow: Units,
    clock: Clock,
    tokens: AccessIssuer,
    token: str,
    spans: Spans,
    *,
    rows: SessionRows = identities,
    record: Records = audit.record,
    belongs: Belongs = _still_belongs,
) -> SignedIn:
    """InvalidToken when it is wrong, too old or used, and for somebody who may no longer come in; a used one ends the session, since somebody
    has a copy of it."""
    now = clock.now()
    try:
        row, successor = await identity.refresh(uow, token, now, spans, rows, record)
    except ReusedToken as error:
        security.warning("refresh_reused", session_id=error.session_id)
        raise
    except InvalidToken:
        security.warning("refresh_refused")
        raise
    user = await rows.user(row.user_id)
    if user is None or user.suspended_at is not None or not await belongs(user, row.org_id):
        await uow.run(lambda session: rows.end_session(session, row.id, "not_allowed_any_more", now))
        security.warning("refresh_refused", user_id=row.user_id, session_id=row.id)
        raise InvalidToken
    security.info("refreshed", user_id=user.id, session_id=row.id)
    return SignedIn(user, row, await tokens.issue(user.id, row.id, now), successor)


async def sign_out(uow: Units, clock: Clock, session_id: str, *, rows: SessionRows = identities, record: Records = audit.record) -> None:
    now = clock.now()

    async def work(session: UnitSession) -> bool:
        row = await rows.end_session_row(session, session_id, "logged_out", now)
        if row is None:
            return False
        await record(session, row.org_id, "session.ended", "Logged out.", now, subject=("session", row.id), actor_id=row.user_id)
        return True

    if await uow.run(work):
        security.info("logged_out", session_id=session_id)


async def _open(door: Door, user: User, device: Device, factors: list[Factor], way: Way) -> OpenedSession:
    now = door.clock.now()
    opened = await door.uow.run(lambda session: open_session(session, user, device, factors, now, way=way, spans=door.spans))
    security.info("logged_in", user_id=user.id, session_id=opened.row.id, org_id=opened.row.org_id, way=way)
    return opened


async def _person(door: Door, credentials: Credentials, device: Device) -> tuple[User, list[Factor]]:
    """Who it is, and what they showed."""
    await door.limiter.admit(Limited.FAILED_LOG_INS, device.ip)
    kind, name = ("email", credentials.email) if credentials.email is not None else ("username", credentials.username or "")
    account, tried = await _candidates(kind, fold(name))
    known = await known_device(account, device, door.clock.now())
    try:
        async with admitted(door.uow, door.clock, log_in_bucket(kind, name, known)) as this:
            user = await _whose(tried, credentials.password, door.bcrypt_cost, door.clock.now())
            if user is None:
                if this.failures == FAILURES_TOLD:
                    await _tell_of_failures(door, account, device)
                raise InvalidCredentials(account.id if account else None)
            if user.email_verified_at is not None:  # anybody can register with this address: that takes back no guess at its owner's password
                this.right()
        factors = await second_factor(door, user, device, known, credentials.otp)
        await check_may_come_in(door, user)
    except (InvalidCredentials, InvalidOtp) as error:
        await note_refusal(door, account, device, error)
        raise
    await _rehash(door, user, credentials.password)
    return user, [Factor.PASSWORD, *factors]


async def _tell_of_failures(door: Door, account: User | None, device: Device) -> None:
    """The same work whether there is such an account or not."""
    now, told = door.clock.now(), account if account is not None and account.email_verified_at is not None else None
    data = {"what": Notice.LOG_INS_FAILED, **_told_of(device)}
    await door.uow.run(
        lambda session: identity.owe_mail(session, Letter.NOTICE, told.email if told else "", told.id if told else None, now, data=data)
    )


async def _candidates(kind: str, name: str) -> tuple[User | None, list[User | None]]:
    """Whose account it is, and whose password may be the given one: by address, the owner's and that of whoever registered with it last and has not
    verified it. Always as many, so that time does not tell whether there is an account."""
    if kind == "username":
        row = await identities.registered_as(name)
        return row, [row]
    account, claim = await asyncio.gather(identities.user_by_email(name), identities.newest_claim(name))
    verified = account if account is not None and account.email_verified_at is not None else None
    return account, [verified, claim]


async def _whose(tried: Sequence[User | None], password: str, cost: int, now: datetime) -> User | None:
    right = await asyncio.gather(*(passwords.matches(password, row.password_hash if row else None, cost) for row in tried))
    found = next((row for row, matches in zip(tried, right, strict=True) if matches), None)
    return None if found is None or (found.password_until is not None and found.password_until <= now) else found


async def second_factor(door: Door, user: User, device: Device, known: str | None, otp: str | None) -> list[Factor]:
    """What `demand` says of it. Wrong codes are counted apart from wrong passwords: TooManyAttempts."""
    if not otp:
        return await demand(door.uow, door.box, door.clock, user, None)
    async with admitted(door.uow, door.clock, otp_bucket(user.id, known)) as this:
        try:
            shown = await demand(door.uow, door.box, door.clock, user, otp)
        except InvalidOtp:
            if this.failures == ATTEMPTS_FREE:
                told, now = _told_of(device), door.clock.now()
                await door.uow.run(lambda session: identity.owe_notice(session, user.id, Notice.SECOND_FACTOR_FAILED, now, **told))
            raise
        this.right()
    return shown


async def known_device(user: User | None, device: Device, now: datetime) -> str | None:
    """The hash of the device's secret, when this person has logged in on it before."""
    if device.token is None:
        return None
    row = await accounts.known_device(hash_token(device.token), now)
    return row.id if row is not None and user is not None and row.user_id == user.id else None


async def check_may_come_in(door: Door, user: User) -> None:
    if user.suspended_at is not None:
        security.warning("log_in_refused", reason="suspended", user_id=user.id)
        raise AccountSuspended
    if user.email_verified_at is None:
        security.warning("log_in_refused", reason="email_not_verified", user_id=user.id)
        await _mail_again(door, user)
        raise EmailNotVerified


async def _mail_again(door: Door, user: User) -> None:
    """The letter that their registration brought: to a shadow's address, that there is an account."""
    address, now = user.shadow_of_email or user.email, door.clock.now()
    owner = await identities.user_by_email(address)
    letter = Letter.VERIFY_EMAIL if owner is not None and owner.id == user.id else Letter.ALREADY_REGISTERED
    mail_id = await door.uow.run(lambda session: identity.ask_mail(session, letter, address, owner.id if owner else None, now))
    if mail_id is not None:
        await door.jobs.put(SendDueMail(mail_id=mail_id))


async def note_refusal(door: Door, user: User | None, device: Device, error: CoreError) -> None:
    """The same work whether there is such an account or not. Not the name that was typed: now and then it is a password in the wrong field."""
    await door.limiter.count(Limited.FAILED_LOG_INS, device.ip)
    security.warning("log_in_refused", reason=error.code, user_id=user.id if user else None)
    user_id, now = user.id if user else "", door.clock.now()
    home = await organizations.home_of(user_id)
    who, subject = (user.username, ("user", user_id)) if user else ("an unknown account", ("", ""))
    await door.uow.run(
        lambda session: audit.record(
            session,
            home,
            "session.refused",
            f"A log-in to {who} was refused.",
            now,
            subject=subject,
            after={"reason": error.code},
            outcome=Outcome.REFUSED,
        )
    )


async def _rehash(door: Door, user: User, password: str) -> None:
    """After the cost in the settings was changed, each password gets it at the next log-in."""
    old = user.password_hash
    if old is None or passwords.cost_of(old) == door.bcrypt_cost:
        return
    fresh = await passwords.hash_password(password, door.bcrypt_cost)
    await door.uow.run(lambda session: identities.replace_hash(session, user.id, old, fresh))
    security.info("password_rehashed", user_id=user.id, cost=door.bcrypt_cost)
