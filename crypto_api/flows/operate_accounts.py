"""What the operator of an installation does to accounts, from its command line."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from crypto_api.audit import service as audit
from crypto_api.audit import store as audit_store
from crypto_api.audit.types import INSTALLATION, AuditFilter
from crypto_api.flows.found_organization import found
from crypto_api.identity import account_store as accounts
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.documents import User
from crypto_api.identity.types import MADE_PASSWORD_LIFETIME, Letter, NewUser, Notice
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.log import security
from crypto_api.organizations.types import NewOrganization
from mongodb_config.unit_of_work import Session, UnitOfWork

PROOF_LIFETIME = timedelta(hours=1)
SEEN_MAX = 500
_CONSONANTS, _VOWELS = "bdfgklmnprstvw", "aeo"


@dataclass(frozen=True)
class Made:
    user: User
    org_id: str | None


def new_password() -> str:
    """Eight words of three syllables: over 128 random bits that can be read out and typed."""
    return "-".join("".join(secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(3)) for _ in range(8))


async def create_admin(
    uow: UnitOfWork, clock: Clock, person: NewUser, password: str, *, organization_name: str | None, bcrypt_cost: int, made_up: bool = False
) -> Made:
    """Verified at once: the ADMIN of an organisation that is founded with it, or without one a PLATFORM_ADMIN, who runs the installation and is a
    member of no organisation. A password that was `made_up` counts for three days. InvalidInput, EmailTaken, UsernameTaken."""
    now = clock.now()
    user = await identity.prepare(person, password, bcrypt_cost, now, verified=True)
    user.platform_admin = organization_name is None
    user.password_until = now + MADE_PASSWORD_LIFETIME if made_up else None

    async def work(session: Session) -> str | None:
        org_id = None
        if organization_name is not None:
            organization, _ = await found(session, user, NewOrganization(organization_name), now)
            org_id = organization.id
        what = "as an ADMIN" if org_id else "as a PLATFORM_ADMIN"
        summary = f"The operator made the account of {user.username} {what}."
        await audit.record(session, org_id, "account.created", summary, now, subject=("user", user.id), after={"platform_admin": user.platform_admin})
        await identity.register(session, user)
        return org_id

    org_id = await uow.run(work)
    security.info("admin_created", user_id=user.id, org_id=org_id, platform_admin=user.platform_admin)
    return Made(user, org_id)


class NotProved(Exception):
    """Nobody has shown that it is the owner of the account who asks."""


async def reset_second_factor(uow: UnitOfWork, clock: Clock, email: str, *, seen: str = "") -> User:
    """For somebody who lost it: no authenticator app, recovery code or passkey is left, every session ends, and a mail tells them. The password
    stays.

    Who they are is proved by what proved it when they came (NIST SP 800-63B-4, 4.2; OWASP ASVS 5.0, 6.4.4): within the last hour they have set a new
    password by a letter to their address. Or by more: `seen` says what the operator has seen, and stands in the audit log. NotFound, NotProved."""
    user, now = await identities.user_by_email(email), clock.now()
    if user is None:
        raise NotFound
    if not seen and not await _proved_by_letter(user, now):
        raise NotProved
    proof = seen[:SEEN_MAX] or "a new password by a letter"

    async def work(session: Session) -> None:
        passkeys = await accounts.remove_second_factors(session, user.id)
        ended = await identities.end_sessions(session, user.id, "second_factor_reset", now)
        before = {"app": user.totp is not None, "codes": len(user.recovery_hashes), "passkeys": passkeys}
        after = {"app": False, "codes": 0, "passkeys": 0, "proof": proof}
        summary = f"The operator removed the second factor of {user.username}; {ended} session(s) ended."
        await audit.record(session, None, "second_factor.reset", summary, now, subject=("user", user.id), before=before, after=after)
        await identity.owe_mail(session, Letter.NOTICE, user.email, user.id, now, data={"what": Notice.SECOND_FACTOR_RESET})

    await uow.run(work)
    security.warning("second_factor_reset", user_id=user.id)
    return user


async def _proved_by_letter(user: User, now: datetime) -> bool:
    wanted = AuditFilter(action="password.reset", subject_kind="user", subject_id=user.id, since=now - PROOF_LIFETIME)
    return bool((await audit_store.page(INSTALLATION, wanted, audit_store.NEWEST_FIRST)).items)
