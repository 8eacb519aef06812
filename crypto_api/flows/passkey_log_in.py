"""What a passkey opens: a session, or an approval of one. It is strong by itself, since the device verifies its user."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.audit.types import Outcome
from crypto_api.flows.approve_session import grant
from crypto_api.flows.passkey_challenge import Challenge, issue_challenge, take_challenge
from crypto_api.flows.sign_in import Door, OpenedSession, open_session
from crypto_api.identity import factor_store as factors
from crypto_api.identity import passkeys
from crypto_api.identity import store as identities
from crypto_api.identity.documents import Approval, OneTimePurpose, Passkey, User
from crypto_api.identity.errors import EmailNotVerified, InvalidPasskey
from crypto_api.identity.passkeys import Assertion, Known, PasskeyRefused, RelyingParty
from crypto_api.identity.types import Device, Factor, Limited, Purpose
from crypto_api.kit.clock import Clock
from crypto_api.kit.log import security
from crypto_api.kit.session_spans import Way
from crypto_api.organizations import service as organizations
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork

COUNTER = "its counter has not grown: somebody may have a copy of it"


async def begin_passkey_log_in(door: Door, party: RelyingParty, device: Device) -> Challenge:
    """The same for everybody: the device offers the passkeys that it holds, so nothing here tells which accounts there are. TooManyRequests for a
    source that asks for more challenges than people need."""
    await door.limiter.take(Limited.CHALLENGES, device.ip)
    return await issue_challenge(
        door.uow, door.clock, OneTimePurpose.PASSKEY_LOG_IN, lambda challenge: passkeys.authentication_options(party, challenge)
    )


async def log_in_with_passkey(
    door: Door, party: RelyingParty, credential: Mapping[str, Any], device: Device, *, way: Way
) -> tuple[User, OpenedSession]:
    """InvalidPasskey for whatever is wrong with it. EmailNotVerified and AccountSuspended as with a password."""
    held: Passkey | None = None
    try:
        challenge, _ = await take_challenge(door.uow, door.clock, OneTimePurpose.PASSKEY_LOG_IN, credential)
        held = await _held(credential)
        if passkeys.user_handle_of(credential) is None:
            raise PasskeyRefused("it does not say whose it is")
        assertion = passkeys.verify_assertion(party, challenge, credential, held.public_key)
        user = await identities.user(held.user_id)
        if user is None:
            raise PasskeyRefused("its owner is gone")
        if user.email_verified_at is None:
            raise EmailNotVerified
        opened = await _open(door, door.clock.now(), held, assertion, user, device, way)
    except PasskeyRefused as error:
        await _record_refusal(door.uow, door.clock.now(), held, None, error)
        raise InvalidPasskey from error
    security.info("logged_in", user_id=user.id, session_id=opened.row.id, org_id=opened.row.org_id, way=way, by="passkey")
    return user, opened


async def _open(door: Door, now: datetime, held: Passkey, assertion: Assertion, user: User, device: Device, way: Way) -> OpenedSession:
    async def work(session: Session) -> OpenedSession:
        await _use(session, held, assertion, now)
        return await open_session(session, user, device, [Factor.PASSKEY], now, way=way, spans=door.spans)

    return await door.uow.run(work)


async def begin_passkey_approval(uow: UnitOfWork, clock: Clock, party: RelyingParty, principal: Principal, purpose: Purpose) -> Challenge:
    """What is signed counts for this purpose, in this session and organisation."""
    have = [Known(row.id, row.transports) for row in await factors.passkeys_of(principal.user_id)]
    return await issue_challenge(
        uow,
        clock,
        OneTimePurpose.PASSKEY_APPROVE,
        lambda challenge: passkeys.authentication_options(party, challenge, have),
        principal=principal,
        data={"purpose": purpose, "org_id": principal.org_id},
    )


async def approve_by_passkey(
    uow: UnitOfWork, clock: Clock, party: RelyingParty, principal: Principal, purpose: Purpose, credential: Mapping[str, Any]
) -> Approval:
    """The step-up of somebody who has a passkey. InvalidPasskey for whatever is wrong with it."""
    held: Passkey | None = None
    try:
        challenge, taken = await take_challenge(uow, clock, OneTimePurpose.PASSKEY_APPROVE, credential)
        if (taken.user_id, taken.session_id) != (principal.user_id, principal.session_id):
            raise PasskeyRefused("the challenge of another session")
        if taken.data != {"purpose": purpose, "org_id": principal.org_id}:
            raise PasskeyRefused("the challenge was for another purpose or organisation")
        held = await _held(credential)
        if held.user_id != principal.user_id:
            raise PasskeyRefused("the passkey of somebody else")
        assertion = passkeys.verify_assertion(party, challenge, credential, held.public_key)
        return await _approve(uow, clock.now(), principal, purpose, held, assertion)
    except PasskeyRefused as error:
        await _record_refusal(uow, clock.now(), held, principal, error)
        raise InvalidPasskey from error


async def _approve(uow: UnitOfWork, now: datetime, principal: Principal, purpose: Purpose, held: Passkey, assertion: Assertion) -> Approval:
    async def work(session: Session) -> Approval:
        await _use(session, held, assertion, now)
        return await grant(session, principal, purpose, [Factor.PASSKEY], now)

    approval = await uow.run(work)
    security.info("session_approved", user_id=principal.user_id, session_id=principal.session_id, org_id=principal.org_id, purpose=purpose)
    return approval


async def _held(credential: Mapping[str, Any]) -> Passkey:
    """The passkey that is named, if the device says the same of its owner as we do."""
    held = await factors.passkey(credential["id"])
    if held is None:
        raise PasskeyRefused("there is no such passkey")
    handle = passkeys.user_handle_of(credential)
    if handle is not None and handle != held.user_id:
        raise PasskeyRefused("it names another owner")
    return held


async def _use(session: Session, held: Passkey, assertion: Assertion, now: datetime) -> None:
    if not await factors.use_passkey(session, held.id, assertion.sign_count, backed_up=assertion.backed_up, now=now):
        raise PasskeyRefused(COUNTER)


async def _record_refusal(uow: UnitOfWork, now: datetime, held: Passkey | None, principal: Principal | None, error: PasskeyRefused) -> None:
    """Of a passkey that is somebody's: what merely looks like one stands in the log alone."""
    user_id = principal.user_id if principal else held.user_id if held else None
    security.warning("passkey_refused", user_id=user_id, reason=str(error), detail=error.detail)
    if held is None:
        return
    subject, summary = ("passkey", held.id), f"A passkey was refused: {error}."
    org_id = principal.org_id if principal else await organizations.home_of(held.user_id)
    await uow.run(lambda session: audit.record(session, org_id, "passkey.refused", summary, now, subject=subject, outcome=Outcome.REFUSED))
