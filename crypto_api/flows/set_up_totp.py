"""The codes of an authenticator app, from the QR code to the day on which they are turned off again, and the recovery codes beside them.

Every change is in the audit log, and the person is told of it by mail. Sessions that are open elsewhere stay: turning a second factor on does
not end them.
"""

from dataclasses import dataclass

from crypto_api.audit import service as audit
from crypto_api.flows.second_factor import bound_to
from crypto_api.identity import factor_store as factors
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity import totp
from crypto_api.identity.errors import InvalidOtp, TotpAlreadyOn, TotpNotSetUp
from crypto_api.identity.types import Factor, Notice, SecretBoxPort
from crypto_api.kit.clock import Clock
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class Offer:
    """What the app is to be told. Nothing of it is shown any more once it is confirmed."""

    secret: str
    otpauth_uri: str
    qr_svg: str


async def begin_totp(uow: UnitOfWork, box: SecretBoxPort, clock: Clock, principal: Principal) -> Offer:
    """A new secret, which counts for nothing until a code of it has confirmed it. TotpAlreadyOn when another one does."""
    user = await identities.user(principal.user_id)
    if user is None:
        raise TotpNotSetUp
    secret, now = totp.new_secret(), clock.now()
    sealed = box.seal(secret.encode(), bound_to(user.id))

    async def work(session: Session) -> bool:
        put = await factors.put_unconfirmed_totp(session, user.id, sealed)
        if put:
            await audit.record(
                session, principal.org_id, "totp.begun", "A second factor was prepared, not yet confirmed.", now, subject=("user", user.id)
            )
        return put

    if not await uow.run(work):
        raise TotpAlreadyOn
    return _offer(secret, user.email)


async def pending_totp(box: SecretBoxPort, principal: Principal) -> Offer | None:
    """What was begun and is not confirmed yet, once more, for a page that is loaded again; None when there is nothing of the kind."""
    user = await identities.user(principal.user_id)
    if user is None or user.totp is None or user.totp.confirmed_at is not None:
        return None
    return _offer(box.open(user.totp.sealed_secret, bound_to(user.id)).decode(), user.email)


def _offer(secret: str, account: str) -> Offer:
    uri = totp.otpauth_uri(secret, account)
    return Offer(secret, uri, totp.qr_svg(uri))


async def confirm_totp(uow: UnitOfWork, box: SecretBoxPort, clock: Clock, principal: Principal, otp: str) -> list[str]:
    """Turns it on, makes this session strong and gives the recovery codes, which are shown this once. InvalidOtp when the code is wrong."""
    user = await identities.user(principal.user_id)
    if user is None or user.totp is None:
        raise TotpNotSetUp
    if user.totp.confirmed_at is not None:
        raise TotpAlreadyOn
    now, sealed = clock.now(), user.totp.sealed_secret
    step = totp.matching_step(box.open(sealed, bound_to(user.id)).decode(), totp.folded(otp), now)
    if step is None:
        security.warning("second_factor_refused", user_id=user.id, reason="confirmation")
        raise InvalidOtp
    codes = totp.new_recovery_codes()
    hashes = [totp.hash_recovery_code(user.id, code) for code in codes]

    async def work(session: Session) -> bool:
        if not await factors.confirm_totp(session, user.id, sealed, step, hashes, now):
            return False
        await factors.add_factor(session, principal.session_id, Factor.OTP, now)
        await audit.record(session, principal.org_id, "totp.enabled", "A second factor was turned on.", now, subject=("user", user.id))
        await identity.owe_notice(session, user.id, Notice.TOTP_ENABLED, now)
        return True

    if not await uow.run(work):
        raise TotpAlreadyOn
    security.info("totp_enabled", user_id=user.id, session_id=principal.session_id)
    return codes


async def remove_totp(uow: UnitOfWork, clock: Clock, principal: Principal) -> None:
    """Turns it off with its recovery codes. No session counts as strong by it any more. TotpNotSetUp when it is not on."""
    now = clock.now()

    async def work(session: Session) -> bool:
        if not await factors.remove_totp(session, principal.user_id):
            return False
        await factors.withdraw_factor(session, principal.user_id, Factor.OTP)
        await audit.record(session, principal.org_id, "totp.disabled", "The second factor was turned off.", now, subject=("user", principal.user_id))
        await identity.owe_notice(session, principal.user_id, Notice.TOTP_DISABLED, now)
        return True

    if not await uow.run(work):
        raise TotpNotSetUp
    security.warning("totp_disabled", user_id=principal.user_id, session_id=principal.session_id)


async def renew_recovery_codes(uow: UnitOfWork, clock: Clock, principal: Principal) -> list[str]:
    """New ones, shown this once; the old ones count no more. TotpNotSetUp when there is nothing that they could stand in for."""
    now, codes = clock.now(), totp.new_recovery_codes()
    hashes = [totp.hash_recovery_code(principal.user_id, code) for code in codes]

    async def work(session: Session) -> bool:
        put = await factors.put_recovery_codes(session, principal.user_id, hashes)
        if put:
            await audit.record(
                session, principal.org_id, "recovery_codes.renewed", "New recovery codes were made.", now, subject=("user", principal.user_id)
            )
            await identity.owe_notice(session, principal.user_id, Notice.RECOVERY_CODES_RENEWED, now)
        return put

    if not await uow.run(work):
        raise TotpNotSetUp
    security.info("recovery_codes_renewed", user_id=principal.user_id, session_id=principal.session_id)
    return codes
