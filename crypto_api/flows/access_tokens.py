"""Access tokens and the ring of keys that sign them.

The ring is in the database, each key sealed. A process keeps it in memory and looks again after a few seconds, or at once for a key that it
does not know, at most once a second: so a token costs no read of its own, and a key that was taken away stops counting everywhere in moments.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_bytes

from pymongo.errors import DuplicateKeyError

from crypto_api.audit import service as audit
from crypto_api.identity import access_tokens
from crypto_api.identity import account_store as accounts
from crypto_api.identity.access_tokens import KEY_BYTES, KeyRing, Signer
from crypto_api.identity.documents import SigningKey
from crypto_api.identity.errors import InvalidToken
from crypto_api.identity.types import ACCESS_LIFETIME, AccessClaims, SecretBoxPort
from crypto_api.kit import log
from crypto_api.kit.errors import BoxBroken
from crypto_api.kit.ids import new_id
from mongodb_config.unit_of_work import Session, UnitOfWork

KEPT_S = 5.0
UNKNOWN_S = 1.0
OVERLAP = ACCESS_LIFETIME + timedelta(minutes=1)  # a process may sign with the old key until it has looked again
SIGNS_FOR = timedelta(days=90)
"""Then the next key signs, without anybody's doing (docs/security/rules.md, "Secrets")."""
FORGOTTEN_AFTER = timedelta(days=30)
_logger = log.get(__name__)


@dataclass
class RingMemory:
    """What one process knows of the ring."""

    ring: KeyRing | None = None
    looked_at_s: float = 0.0
    one_looks: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class AccessTokens:
    uow: UnitOfWork
    box: SecretBoxPort
    memory: RingMemory

    async def issue(self, user_id: str, session_id: str, now: datetime) -> str:
        return access_tokens.issue((await self._ring(now)).signer, user_id, session_id, now)

    async def read(self, token: str, now: datetime) -> AccessClaims:
        """InvalidToken for everything that is not an access token of ours, still valid at `now`."""
        kid = access_tokens.kid_of(token)
        key = (await self._ring(now)).keys.get(kid) or (await self._ring(now, at_most_s=UNKNOWN_S)).keys.get(kid)
        if key is None:
            raise InvalidToken
        return access_tokens.read(key, token, now)

    async def _ring(self, now: datetime, at_most_s: float = KEPT_S) -> KeyRing:
        """As it was at most so long ago."""
        memory = self.memory
        if memory.ring is not None and time.monotonic() - memory.looked_at_s < at_most_s:
            return memory.ring
        async with memory.one_looks:
            if memory.ring is None or time.monotonic() - memory.looked_at_s >= at_most_s:
                memory.ring = await self._look(now)
                memory.looked_at_s = time.monotonic()
            return memory.ring

    async def _look(self, now: datetime) -> KeyRing:
        found = await accounts.signing_keys(now)
        keys = {row.id: key for row in found if (key := _opened(self.box, row)) is not None}
        signing = next((row.id for row in found if row.retired_at is None and row.id in keys and row.created_at > now - SIGNS_FOR), None)
        if signing is not None:
            return KeyRing(Signer(signing, keys[signing]), keys)
        try:
            # the first, the first that this SECRET_KEY opens, or the next when a quarter is over: the one before it verifies what it signed
            await rotate_keys(self.uow, self.box, now, only_after=frozenset(row.id for row in found))
        except DuplicateKeyError:
            _logger.info("signing_key_made_elsewhere")
        return await self._look(now)


async def rotate_keys(
    uow: UnitOfWork, box: SecretBoxPort, now: datetime, *, at_once: bool = False, only_after: frozenset[str] | None = None
) -> str | None:
    """A new key signs from now on; its `kid`. The ones before it verify what they signed until that has run out, or `at_once` nothing more:
    whoever holds an access token then needs a new one by their refresh token. None when, besides those of `only_after`, there is a key already:
    another process was first."""
    kid = new_id("key")
    row = SigningKey(id=kid, created_at=now, sealed_key=box.seal(token_bytes(KEY_BYTES), bound_to(kid)))

    async def work(session: Session) -> list[str] | None:
        if only_after is not None and {row.id for row in await accounts.signing_keys(now, session)} - only_after:
            return None
        before = await accounts.retire_signing_keys(session, now if at_once else now + OVERLAP)
        await accounts.delete_signing_keys(session, now - FORGOTTEN_AFTER)
        await accounts.insert_signing_key(session, row)
        summary = "A new key signs access tokens" + ("; the ones before it ended at once." if at_once else ".")
        await audit.record(
            session, None, "signing_key.rotated", summary, now, subject=("signing_key", kid), before={"kids": before}, after={"kids": [kid]}
        )
        return before

    before = await uow.run(work)
    if before is None:
        return None
    log.security.info("signing_key_rotated", kid=kid, before=before, at_once=at_once)
    return kid


def _opened(box: SecretBoxPort, row: SigningKey) -> bytes | None:
    try:
        return box.open(row.sealed_key, bound_to(row.id))
    except BoxBroken:
        _logger.warning("signing_key_does_not_open", kid=row.id, hint="was SECRET_KEY changed without SECRET_KEY_PREVIOUS?")
        return None


def bound_to(kid: str) -> str:
    return f"signing-key|{kid}"
