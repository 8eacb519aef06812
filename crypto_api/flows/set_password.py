"""A new password: after it was forgotten, for the first time, or because somebody wants another one."""

from datetime import datetime

from crypto_api.flows.arrive import arrive
from crypto_api.flows.guard_attempts import admitted
from crypto_api.flows.sign_in import Door
from crypto_api.identity import factor_store as factors
from crypto_api.identity import passwords
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.documents import OneTimePurpose, User
from crypto_api.identity.errors import InvalidToken
from crypto_api.identity.jobs import SendDueMail
from crypto_api.identity.rules import fold, hash_token, session_bucket
from crypto_api.identity.types import Device, Letter, Limited
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session

_BY_MAIL = (OneTimePurpose.RESET_PASSWORD, OneTimePurpose.SET_PASSWORD)


async def ask_new_password(door: Door, email: str, source: str | None) -> None:
    """A link goes to the address, if there is such an account; the work is the same where there is none. TooManyRequests for a network address
    that asks for too many mails; an address that was sent enough of them gets no more, silently."""
    await door.limiter.take(Limited.MAILS, source)
    address, now = fold(email), door.clock.now()
    user = await identities.user_by_email(address)
    mail_id = await door.uow.run(lambda session: identity.ask_mail(session, Letter.RESET_PASSWORD, address, user.id if user else None, now))
    if mail_id is not None:
        await door.jobs.put(SendDueMail(mail_id=mail_id))
    security.info("password_reset_asked", user_id=user.id if user else None)


async def ask_verification(door: Door, email: str, source: str | None) -> None:
    """The verification mail once more, to somebody who has not opened the link yet; silently nothing for everybody else."""
    await door.limiter.take(Limited.MAILS, source)
    address, now = fold(email), door.clock.now()
    user = await identities.user_by_email(address)
    waits = user is not None and user.email_verified_at is None
    mail_id = await door.uow.run(
        lambda session: identity.ask_mail(session, Letter.VERIFY_EMAIL, address, user.id if user is not None and waits else None, now)
    )
    if mail_id is not None:
        await door.jobs.put(SendDueMail(mail_id=mail_id))


async def invite_to_set_password(session: Session, user: User, now: datetime) -> str:
    """For somebody who was given an account and has no password yet: part of the caller's unit of work. The id of the letter: after the commit,
    `jobs.put(SendDueMail(mail_id=…))` sends it at once."""
    return await identity.owe_mail(session, Letter.SET_PASSWORD, user.email, user.id, now)


async def reset_password(door: Door, token: str, new_password: str, device: Device) -> str:
    """By a link from a mail, which proves the address as well. Every session ends and the lock-out is lifted. The value for DEVICE_COOKIE: from this
    device the person gets in, however many strangers try. InvalidInput for the token or the password; a token stays good until it is used."""
    await door.limiter.take(Limited.RESETS, device.ip)
    token_hash, now = hash_token(token), door.clock.now()
    held = await identities.one_time_of_any(token_hash, _BY_MAIL, now)
    user = await identities.user(held.user_id) if held is not None and held.user_id is not None else None
    if held is None or user is None or user.suspended_at is not None:
        raise _wrong_token()
    password_hash = await _judged(door, user, new_password)

    async def work(session: Session) -> tuple[str, str]:
        if await identities.take_one_time(session, token_hash, held.purpose, now) is None:
            raise InvalidToken
        mail_id = await identity.set_password(session, user, password_hash, now, by_mail=True, kept_session=None)
        if user.password_hash is None:
            await arrive(session, user.id, now)
        return mail_id, await identity.remember_device(session, user.id, None, now)

    try:
        mail_id, device_token = await door.uow.run(work)
    except InvalidToken as error:
        raise _wrong_token() from error
    await door.jobs.put(SendDueMail(mail_id=mail_id))
    security.info("password_reset", user_id=user.id)
    return device_token


async def change_password(door: Door, principal: Principal, current: str, new_password: str) -> None:
    """By somebody who is logged in. Their other sessions end, and nothing is approved in this one any more. InvalidInput names the field; wrong ones
    are counted: TooManyAttempts."""
    user = await identities.user(principal.user_id)
    if user is None:
        raise InvalidToken
    async with admitted(door.uow, door.clock, session_bucket(principal.session_id)) as this:
        if not await passwords.matches(current, user.password_hash, door.bcrypt_cost):
            security.warning("password_change_refused", user_id=user.id, session_id=principal.session_id)
            raise InvalidInput.of("current_password", "is wrong", "wrong_password")
        this.right()
    if new_password == current:
        raise InvalidInput.of("new_password", "must not be the one that you have", "same_password")
    password_hash, now = await _judged(door, user, new_password), door.clock.now()

    async def work(session: Session) -> str:
        await factors.revoke_approvals(session, principal.session_id)
        return await identity.set_password(session, user, password_hash, now, by_mail=False, kept_session=principal.session_id)

    mail_id = await door.uow.run(work)
    await door.jobs.put(SendDueMail(mail_id=mail_id))
    security.info("password_changed", user_id=user.id, session_id=principal.session_id)


async def _judged(door: Door, user: User, password: str) -> str:
    await passwords.judge("new_password", password, [user.username, user.email, user.first_name, user.last_name])
    return await passwords.hash_password(password, door.bcrypt_cost)


def _wrong_token() -> InvalidInput:
    return InvalidInput.of("token", "is wrong, used or no longer valid", "invalid_token")
