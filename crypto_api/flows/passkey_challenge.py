"""The challenge that a device signs: made here, good for five minutes and one answer, whether that answer is right or wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crypto_api.identity import passkeys
from crypto_api.identity import store as identities
from crypto_api.identity.documents import OneTimePurpose, OneTimeToken
from crypto_api.identity.passkeys import PasskeyRefused
from crypto_api.identity.rules import hash_token
from crypto_api.identity.types import CHALLENGE_LIFETIME
from crypto_api.kit.clock import Clock
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Challenge:
    public_key: dict[str, Any]  # for the browser, in the JSON of the standard
    expires_at: datetime


async def issue_challenge(
    uow: UnitOfWork,
    clock: Clock,
    purpose: OneTimePurpose,
    options: Callable[[str], dict[str, Any]],
    *,
    principal: Principal | None = None,
    data: dict[str, Any] | None = None,
) -> Challenge:
    """Bound to the session of `principal`, where there is one."""
    challenge, now = passkeys.new_challenge(), clock.now()
    row = OneTimeToken(
        id=hash_token(challenge),
        created_at=now,
        purpose=purpose,
        user_id=principal.user_id if principal else None,
        session_id=principal.session_id if principal else None,
        data=data or {},
        expires_at=now + CHALLENGE_LIFETIME,
    )
    await uow.run(lambda session: identities.insert_one_time(session, row))
    return Challenge(options(challenge), row.expires_at)


async def take_challenge(uow: UnitOfWork, clock: Clock, purpose: OneTimePurpose, credential: Mapping[str, Any]) -> tuple[str, OneTimeToken]:
    """The challenge that is answered, used up by this. PasskeyRefused when there is none (any more)."""
    challenge = passkeys.challenge_of(credential)
    if challenge is None:
        raise PasskeyRefused("no challenge in it")
    now = clock.now()
    taken = await uow.run(lambda session: identities.take_one_time(session, hash_token(challenge), purpose, now))
    if taken is None:
        raise PasskeyRefused("no such challenge: it was used, is too old or never was")
    return challenge, taken
