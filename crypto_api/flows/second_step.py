"""A log-in in two steps, as people do it in a browser: password or signature first, the code on a page of its own.

Between the two stands a token of five minutes that says what was shown. It opens nothing by itself, and a wrong code leaves it as it is, so that
nobody types their password again for a slip of the finger; wrong codes are counted like any others.
"""

from collections.abc import Sequence

from crypto_api.flows.sign_in import Door, OpenedSession, check_may_come_in, known_device, note_refusal, open_session, second_factor
from crypto_api.identity import store as identities
from crypto_api.identity.documents import OneTimePurpose, OneTimeToken, User
from crypto_api.identity.errors import InvalidOtp, InvalidToken
from crypto_api.identity.rules import hash_token
from crypto_api.identity.types import CHALLENGE_LIFETIME, Device, Factor, Limited
from crypto_api.kit.ids import new_token
from crypto_api.kit.log import security
from mongodb_config.unit_of_work import Session


async def begin_second_step(door: Door, user_id: str, shown: Sequence[Factor]) -> str:
    """For somebody who has shown that much and was asked for a code (OtpRequired). The secret with which they go on."""
    token, now = new_token(), door.clock.now()
    row = OneTimeToken(
        id=hash_token(token),
        created_at=now,
        purpose=OneTimePurpose.SECOND_STEP,
        user_id=user_id,
        data={"shown": list(shown)},
        expires_at=now + CHALLENGE_LIFETIME,
    )
    await door.uow.run(lambda session: identities.insert_one_time(session, row))
    return token


async def is_second_step(door: Door, token: str) -> bool:
    """Whether somebody can still go on with it."""
    return await identities.one_time(hash_token(token), OneTimePurpose.SECOND_STEP, door.clock.now()) is not None


async def finish_second_step(door: Door, token: str, otp: str, device: Device) -> tuple[User, OpenedSession]:
    """InvalidToken when there is nothing to go on with (any more): begin again. InvalidOtp and TooManyAttempts leave it as it is.
    AccountSuspended and EmailNotVerified as at any log-in."""
    await door.limiter.admit(Limited.FAILED_LOG_INS, device.ip)
    now = door.clock.now()
    row = await identities.one_time(hash_token(token), OneTimePurpose.SECOND_STEP, now)
    user = await identities.user(row.user_id) if row is not None and row.user_id is not None else None
    if row is None or user is None or (user.password_changed_at is not None and user.password_changed_at > row.created_at):
        raise InvalidToken
    try:
        shown = await second_factor(door, user, device, await known_device(user, device, now), otp)
    except InvalidOtp as error:
        await note_refusal(door, user, device, error)
        raise
    await check_may_come_in(door, user)
    factors = [*(Factor(name) for name in row.data["shown"]), *shown]

    async def work(session: Session) -> OpenedSession:
        if await identities.take_one_time(session, row.id, OneTimePurpose.SECOND_STEP, now) is None:
            raise InvalidToken  # of two at the same moment one goes on
        return await open_session(session, user, device, factors, now, way="dashboard", spans=door.spans)

    opened = await door.uow.run(work)
    security.info("logged_in", user_id=user.id, session_id=opened.row.id, org_id=opened.row.org_id, way="dashboard", by="second_step")
    return user, opened
