"""The passkeys of a person: adding one, naming it, taking it away."""

from collections.abc import Mapping
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.flows.passkey_challenge import Challenge, issue_challenge, take_challenge
from crypto_api.flows.ways_in import keep_a_way_in
from crypto_api.identity import factor_store as factors
from crypto_api.identity import passkeys
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.documents import OneTimePurpose, Passkey
from crypto_api.identity.errors import InvalidToken, TooManyPasskeys
from crypto_api.identity.passkeys import Known, NewPasskey, PasskeyRefused, RelyingParty
from crypto_api.identity.types import Factor, Notice
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork

PASSKEYS_MAX = 20


async def begin_passkey(uow: UnitOfWork, clock: Clock, party: RelyingParty, principal: Principal) -> Challenge:
    """What the browser needs to make one. Those that the person has already are named, so that a device makes no second one."""
    user = await identities.user(principal.user_id)
    if user is None:
        raise InvalidToken
    have = [Known(row.id, row.transports) for row in await factors.passkeys_of(user.id)]
    if len(have) >= PASSKEYS_MAX:
        raise TooManyPasskeys(PASSKEYS_MAX)
    name = f"{user.first_name} {user.last_name}"
    return await issue_challenge(
        uow,
        clock,
        OneTimePurpose.PASSKEY_REGISTER,
        lambda challenge: passkeys.registration_options(party, challenge, user.id, user.username, name, have),
        principal=principal,
    )


async def add_passkey(uow: UnitOfWork, clock: Clock, party: RelyingParty, principal: Principal, name: str, credential: Mapping[str, Any]) -> Passkey:
    """The session counts as strong from then on: the device has just verified its user. InvalidInput when the device's answer proves nothing,
    PasskeyTaken when it is registered already, whoever has it."""
    made, now = await _made(uow, clock, party, principal, credential), clock.now()
    row = Passkey(
        id=made.id,
        created_at=now,
        user_id=principal.user_id,
        name=name,
        public_key=made.public_key,
        sign_count=made.sign_count,
        transports=list(credential["response"].get("transports") or [])[:8],
        backed_up=made.backed_up,
        aaguid=made.aaguid,
    )

    async def work(session: Session) -> None:
        await factors.touch_user(session, principal.user_id)
        if await factors.count_passkeys(principal.user_id, session) >= PASSKEYS_MAX:
            raise TooManyPasskeys(PASSKEYS_MAX)
        await factors.insert_passkey(session, row)
        await factors.add_factor(session, principal.session_id, Factor.PASSKEY, now)
        await audit.record(
            session, principal.org_id, "passkey.added", f"The passkey “{name}” was added.", now, subject=("passkey", row.id), after={"name": name}
        )
        await identity.owe_notice(session, principal.user_id, Notice.PASSKEY_ADDED, now)

    await uow.run(work)
    security.info("passkey_added", user_id=principal.user_id, session_id=principal.session_id)
    return row


async def rename_passkey(uow: UnitOfWork, clock: Clock, principal: Principal, passkey_id: str, name: str) -> Passkey:
    """NotFound when this person has no such passkey."""
    now = clock.now()

    async def work(session: Session) -> Passkey:
        before = await factors.rename_passkey(session, principal.user_id, passkey_id, name)
        if before is None:
            raise NotFound
        await audit.record(
            session,
            principal.org_id,
            "passkey.renamed",
            f"The passkey “{before.name}” was renamed to “{name}”.",
            now,
            subject=("passkey", passkey_id),
            before={"name": before.name},
            after={"name": name},
        )
        renamed: Passkey = before.model_copy(update={"name": name})
        return renamed

    return await uow.run(work)


async def remove_passkey(uow: UnitOfWork, clock: Clock, principal: Principal, passkey_id: str) -> None:
    """LastWayIn when nothing else opens the account. With the last passkey no session counts as strong by one any more."""
    now = clock.now()

    async def work(session: Session) -> None:
        removed = await factors.delete_passkey(session, principal.user_id, passkey_id)
        if removed is None:
            raise NotFound
        await keep_a_way_in(session, principal.user_id)
        if await factors.count_passkeys(principal.user_id, session) == 0:
            await factors.withdraw_factor(session, principal.user_id, Factor.PASSKEY)
        await audit.record(
            session,
            principal.org_id,
            "passkey.removed",
            f"The passkey “{removed.name}” was removed.",
            now,
            subject=("passkey", passkey_id),
            before={"name": removed.name},
        )
        await identity.owe_notice(session, principal.user_id, Notice.PASSKEY_REMOVED, now)

    await uow.run(work)
    security.warning("passkey_removed", user_id=principal.user_id, session_id=principal.session_id)


async def _made(uow: UnitOfWork, clock: Clock, party: RelyingParty, principal: Principal, credential: Mapping[str, Any]) -> NewPasskey:
    try:
        challenge, taken = await take_challenge(uow, clock, OneTimePurpose.PASSKEY_REGISTER, credential)
        if (taken.user_id, taken.session_id) != (principal.user_id, principal.session_id):
            raise PasskeyRefused("the challenge of another session")
        return passkeys.verify_registration(party, challenge, credential)
    except PasskeyRefused as error:
        security.warning("passkey_refused", user_id=principal.user_id, session_id=principal.session_id, reason=str(error), detail=error.detail)
        raise InvalidInput.of("credential", "was not accepted: ask for new options and try again", "invalid_passkey") from error
