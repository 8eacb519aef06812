"""What people change about themselves. A new e-mail address counts once the link in the mail to it was opened."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.flows.sign_in import Door
from crypto_api.flows.step_up import require_approval
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.documents import User
from crypto_api.identity.errors import InvalidToken
from crypto_api.identity.jobs import SendDueMail
from crypto_api.identity.rules import fold
from crypto_api.identity.types import Letter, Limited, Notice, Purpose
from crypto_api.kit.errors import PreconditionFailed
from crypto_api.kit.languages import Language
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session

_SHOWN = ("first_name", "last_name", "username", "email", "pending_email", "language")


@dataclass(frozen=True)
class ProfileChanges:
    """None: stays as it is."""

    first_name: str | None = None
    last_name: str | None = None
    username: str | None = None
    email: str | None = None
    language: Language | None = None


async def edit_profile(door: Door, principal: Principal, changes: ProfileChanges, versions: Collection[int] | None, source: str | None) -> User:
    """PreconditionFailed when the profile stands at none of `versions`; UsernameTaken; SessionNotApproved for another e-mail address without
    a step-up for SECURITY. Whether the new address belongs to somebody else is told to nobody but its owner."""
    user = await identities.user(principal.user_id)
    if user is None:
        raise InvalidToken
    if versions is not None and user.version not in versions:
        raise PreconditionFailed
    now, given = door.clock.now(), _given(changes)
    wanted = given.pop("email", user.email)
    if wanted != user.email:
        await require_approval(principal.session_id, principal.org_id, Purpose.SECURITY, now)
        await door.limiter.take(Limited.MAILS, source)
        given["pending_email"] = wanted
    elif changes.email is not None:
        given["pending_email"] = None
    changed = {name: value for name, value in given.items() if value != getattr(user, name)}
    asked = wanted != user.email
    if not changed and not asked:
        return user

    async def work(session: Session) -> tuple[User, list[str]]:
        after = await identities.change_user(session, user.id, user.version, changed)
        if after is None:
            raise PreconditionFailed("It was changed at the same moment. Read it again.")
        await audit.record(
            session,
            None,
            "profile.changed",
            f"{after.username} changed their profile.",
            now,
            subject=("user", user.id),
            before=_shown(user),
            after=_shown(after),
        )
        if after.username != user.username:
            await identity.owe_notice(session, user.id, Notice.USERNAME_CHANGED, now, username=after.username)
        if not asked:
            return after, []
        to_new = await identity.ask_mail(session, Letter.CHANGE_EMAIL, wanted, user.id, now)
        to_old = await identity.owe_mail(session, Letter.NOTICE, user.email, user.id, now, data={"what": Notice.EMAIL_CHANGE_ASKED})
        return after, [to_old] if to_new is None else [to_new, to_old]

    after, mails = await door.uow.run(work)
    for mail_id in mails:
        await door.jobs.put(SendDueMail(mail_id=mail_id))
    return after


def _given(changes: ProfileChanges) -> dict[str, Any]:
    given = {name: value for name, value in vars(changes).items() if value is not None}
    return given | {name: fold(given[name]) for name in ("username", "email") if name in given}


def _shown(user: User) -> dict[str, Any]:
    return {name: getattr(user, name) for name in _SHOWN}
