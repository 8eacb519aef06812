"""Letters about notices: all that are due to one person in one, at the time that they chose. What was read or is gone by then is not written."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from crypto_api.identity import store as identities
from crypto_api.identity.documents import User
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import Unavailable
from crypto_api.kit.languages import noted, said
from crypto_api.notifications import rules, service, store
from crypto_api.notifications.documents import Notification
from crypto_api.notifications.types import MailState
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from mongodb_config.unit_of_work import UnitOfWork

_LISTED = 50
_LETTER = noted("""Hello {first_name},

{told}

How and when you are told is chosen at

    {site}/notifications/preferences/
""")
_IN = noted("In {organization}:")
_MORE = noted("- and {n} more: {link}")


class MailPort(Protocol):
    async def send(self, to: str, subject: str, text: str, *, message_id: str) -> object: ...


@dataclass(frozen=True)
class Post:
    uow: UnitOfWork
    clock: Clock
    mail: MailPort
    site: str  # without a slash at its end


async def write_notices(post: Post, org_id: str, user_id: str) -> bool:
    """Whether a letter left. One that the mail server does not take waits for another attempt."""
    now = post.clock.now()
    rows = await post.uow.run(lambda session: store.take_letters(session, org_id, user_id, now, now + rules.LETTER_LEASE))
    if not rows:
        return False
    reader = await _reader(org_id, user_id)
    if reader is None:
        await _end(post, org_id, rows, MailState.DROPPED, None)
        return False
    user, organization = reader
    try:
        await post.mail.send(user.email, *_written(post.site, user, organization, rows), message_id=f"<{rows[0].id}@coffer.local>")
    except Unavailable:
        pause = rules.retry_after(max(row.mail_tries for row in rows) + 1)
        state = MailState.WAITING if pause is not None else MailState.DROPPED
        await _end(post, org_id, rows, state, post.clock.now() + pause if pause is not None else None)
        return False
    await _end(post, org_id, rows, MailState.SENT, None)
    return True


async def _end(post: Post, org_id: str, rows: list[Notification], state: MailState, due_at: datetime | None) -> None:
    await post.uow.run(lambda session: store.end_letters(session, org_id, [row.id for row in rows], state, due_at))


async def _reader(org_id: str, user_id: str) -> tuple[User, Organization] | None:
    """None for somebody who is not in good standing any more, or whose address nobody has shown to be theirs."""
    user, membership = await identities.user(user_id), await organizations.membership(org_id, user_id)
    organization = await organizations.get(org_id)
    if user is None or user.suspended_at is not None or user.email_verified_at is None:
        return None
    if membership is None or membership.suspended_at is not None or organization is None or organization.suspended_at is not None:
        return None
    return user, organization


def _written(site: str, user: User, organization: Organization, rows: list[Notification]) -> tuple[str, str]:
    """Subject and text."""
    titles = [service.title_of(row, user.language) for row in rows]
    told = [
        f"- {title}" + (f"\n  {row.text}" if row.text else "") + (f"\n  {site}{row.path}" if row.path else "")
        for row, title in zip(rows[:_LISTED], titles, strict=False)
    ]
    if len(rows) > _LISTED:
        told.append(said(_MORE, user.language).format(n=len(rows) - _LISTED, link=f"{site}/notifications/"))
    head = said(_IN, user.language).format(organization=organization.name)
    text = said(_LETTER, user.language).format(first_name=user.first_name, told=f"{head}\n\n" + "\n".join(told), site=site)
    return rules.subject_of(titles, organization.name, user.language), text
