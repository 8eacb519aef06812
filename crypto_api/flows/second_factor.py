"""The second factor of somebody who has one: a code of their authenticator app, or one of their recovery codes."""

from dataclasses import dataclass
from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.identity import factor_store as factors
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity import totp
from crypto_api.identity.documents import Totp, User
from crypto_api.identity.errors import InvalidOtp, InvalidToken, OtpRequired
from crypto_api.identity.types import STRONG, Factor, Notice, SecretBoxPort
from crypto_api.kit.clock import Clock
from crypto_api.kit.log import security
from crypto_api.organizations import service as organizations
from mongodb_config.unit_of_work import Session, UnitOfWork


async def demand(uow: UnitOfWork, box: SecretBoxPort, clock: Clock, user: User, otp: str | None) -> list[Factor]:
    """Nothing for a person without a second factor (one that was never confirmed is none), otherwise what they showed; it is used up then.

    OtpRequired when nothing was given, InvalidOtp when it is wrong or was used before.
    """
    if user.totp is None or user.totp.confirmed_at is None:
        return []
    if otp is None or not otp.strip():
        raise OtpRequired(user.id)
    typed = totp.folded(otp)
    if totp.is_code(typed):
        used = await _use_code(uow, box, clock, user.id, user.totp, typed)
    else:
        used = await _use_recovery_code(uow, clock, user.id, typed)
    if not used:
        security.warning("second_factor_refused", user_id=user.id)
        raise InvalidOtp
    return [Factor.OTP]


@dataclass(frozen=True)
class WaysIn:
    """How somebody gets into their account, and what this session has shown of it."""

    password: bool
    totp_confirmed_at: datetime | None
    recovery_codes_remaining: int
    passkeys: int
    ethereum_accounts: int
    session_strong: bool


async def ways_in(user_id: str, session_id: str, now: datetime) -> WaysIn:
    user, session = await identities.user(user_id), await identities.live_session(session_id, now)
    if user is None or session is None:
        raise InvalidToken
    return WaysIn(
        password=user.password_hash is not None,
        totp_confirmed_at=user.totp.confirmed_at if user.totp else None,
        recovery_codes_remaining=len(user.recovery_hashes),
        passkeys=await factors.count_passkeys(user_id),
        ethereum_accounts=await factors.count_ethereum_accounts(user_id),
        session_strong=bool(STRONG & set(session.factors)),
    )


def bound_to(user_id: str) -> str:
    """What a sealed secret is bound to: it opens for its owner only."""
    return f"totp|{user_id}"


async def _use_code(uow: UnitOfWork, box: SecretBoxPort, clock: Clock, user_id: str, held: Totp, code: str) -> bool:
    secret = box.open(held.sealed_secret, bound_to(user_id)).decode()
    step = totp.matching_step(secret, code, clock.now())
    if step is None:
        return False
    return await uow.run(lambda session: factors.use_totp_step(session, user_id, held.sealed_secret, step))


async def _use_recovery_code(uow: UnitOfWork, clock: Clock, user_id: str, code: str) -> bool:
    if not totp.is_recovery_code(code):
        return False
    recovery_hash, now = totp.hash_recovery_code(user_id, code), clock.now()
    org_id = await organizations.home_of(user_id)

    async def work(session: Session) -> bool:
        used = await factors.use_recovery_code(session, user_id, recovery_hash)
        if used:
            await audit.record(session, org_id, "recovery_code.used", "A recovery code was used.", now, subject=("user", user_id), actor_id=user_id)
            await identity.owe_notice(session, user_id, Notice.RECOVERY_CODE_USED, now)
        return used

    return await uow.run(work)
