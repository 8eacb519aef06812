"""Step-up by password: a person who is logged in shows once more that it is them. What was approved counts in this session, in the organisation
it acts in now, for one purpose and five minutes."""

from dataclasses import dataclass
from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.audit.types import Outcome
from crypto_api.flows.guard_attempts import admitted
from crypto_api.flows.second_factor import demand
from crypto_api.identity import factor_store as factors
from crypto_api.identity import passwords
from crypto_api.identity import store as identities
from crypto_api.identity.documents import Approval, User
from crypto_api.identity.errors import InvalidCredentials, InvalidOtp, InvalidToken
from crypto_api.identity.rules import otp_bucket, session_bucket
from crypto_api.identity.types import APPROVAL_LIFETIME, Factor, Purpose, SecretBoxPort
from crypto_api.kit.clock import Clock
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class Confirmation:
    """What somebody shows for a step-up."""

    password: str
    otp: str | None
    purpose: Purpose


async def approve_by_password(
    uow: UnitOfWork, box: SecretBoxPort, clock: Clock, principal: Principal, confirmation: Confirmation, bcrypt_cost: int
) -> Approval:
    """InvalidCredentials for a wrong password, or where there is none (a passkey approves then); OtpRequired and InvalidOtp as at the log-in, and
    TooManyAttempts: wrong tries are counted for the session, so that they keep nobody else out."""
    user = await identities.user(principal.user_id)
    if user is None:
        raise InvalidToken
    try:
        async with admitted(uow, clock, session_bucket(principal.session_id)) as this:
            if not await passwords.matches(confirmation.password, user.password_hash, bcrypt_cost):
                raise InvalidCredentials(user.id)
            this.right()
        shown = await _second_factor(uow, box, clock, principal, user, confirmation.otp)
    except (InvalidCredentials, InvalidOtp) as error:
        await _record_refusal(uow, principal, error.code, clock.now())
        raise
    now = clock.now()
    approval = await uow.run(lambda session: grant(session, principal, confirmation.purpose, shown, now))
    security.info(
        "session_approved", user_id=user.id, session_id=principal.session_id, org_id=principal.org_id, purpose=confirmation.purpose, by="password"
    )
    return approval


async def _second_factor(uow: UnitOfWork, box: SecretBoxPort, clock: Clock, principal: Principal, user: User, otp: str | None) -> list[Factor]:
    if not otp:
        return await demand(uow, box, clock, user, None)
    async with admitted(uow, clock, otp_bucket(user.id, principal.session_id)) as this:
        shown = await demand(uow, box, clock, user, otp)
        this.right()
    return shown


async def grant(session: Session, principal: Principal, purpose: Purpose, shown: list[Factor], now: datetime) -> Approval:
    """Writes the approval down. InvalidToken when the session has ended, or acts in another organisation by now."""
    approval = Approval(purpose=purpose, org_id=principal.org_id, granted_at=now, until=now + APPROVAL_LIFETIME)
    if not await factors.approve(session, principal.session_id, approval, now):
        raise InvalidToken
    for factor in shown:
        await factors.add_factor(session, principal.session_id, factor, now)
    await audit.record(
        session,
        principal.org_id,
        "session.approved",
        f"The session was approved for {purpose}.",
        now,
        subject=("session", principal.session_id),
        after={"purpose": purpose, "until": approval.until},
    )
    return approval


async def revoke_approvals(uow: UnitOfWork, clock: Clock, principal: Principal) -> None:
    """Nothing is approved in this session any more; not by the log-in either, should it be a moment ago."""
    now = clock.now()

    async def work(session: Session) -> None:
        if await factors.revoke_approvals(session, principal.session_id):
            await audit.record(
                session,
                principal.org_id,
                "session.approval_revoked",
                "The approvals of the session were revoked.",
                now,
                subject=("session", principal.session_id),
            )

    await uow.run(work)
    security.info("session_approvals_revoked", user_id=principal.user_id, session_id=principal.session_id)


async def _record_refusal(uow: UnitOfWork, principal: Principal, reason: str, now: datetime) -> None:
    security.warning("session_approval_refused", user_id=principal.user_id, session_id=principal.session_id, reason=reason)

    async def work(session: Session) -> None:
        await audit.record(
            session,
            principal.org_id,
            "session.approval_refused",
            f"An approval of the session was refused: {reason}.",
            now,
            subject=("session", principal.session_id),
            outcome=Outcome.REFUSED,
        )

    await uow.run(work)
