"""The mail with the link that answers an invitation. Safe to run twice: the secret of the later letter counts."""

from typing import Protocol
from urllib.parse import urlencode

from crypto_api.identity import store as identities
from crypto_api.kit.clock import Clock
from crypto_api.kit.ids import new_token
from crypto_api.kit.languages import Language, noted, said
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store
from crypto_api.organizations.documents import Invitation, Organization
from crypto_api.organizations.rules import hash_token
from crypto_api.organizations.types import Role
from mongodb_config.unit_of_work import UnitOfWork

PATH = "/invitations/accept/"  # of the page that shows it and asks
SUBJECT = noted("You are invited to an organisation at Coffer")
TEXT = noted("""Hello,

{inviter} invites you to join "{organization}" at Coffer as {role}. To see the invitation and answer it, open

    {link}

by {until} (UTC). Whoever has no account yet registers there first, with this e-mail address ({email}). A program can send the token to
POST /api/invitations/accept/ or POST /api/invitations/decline/ instead, logged in as the owner of this address:

    {token}

If you do not know what this is about, there is nothing to do.
""")
UNTIL = noted("%-d %B %Y, %H:%M")
"""Names of months are English ones: other languages write figures."""
_ROLES = frozenset(noted(role.value) for role in Role)
_SOMEBODY_THERE = noted("Somebody there")


class MailPort(Protocol):
    async def send(self, to: str, subject: str, text: str) -> object: ...


async def send_invitation_mail(uow: UnitOfWork, clock: Clock, mail: MailPort, frontend_url: str, org_id: str, invitation_id: str) -> bool:
    """False when there is nothing to send (any more). Unavailable when the mail server does not take it: try again later."""
    token, now = new_token(), clock.now()
    row = await uow.run(lambda session: store.set_invitation_token(session, org_id, invitation_id, hash_token(token), now))
    organization = await store.get(org_id)
    if row is None or organization is None:
        return False
    await mail.send(row.email, *await _letter(row, organization, token, frontend_url))
    await uow.run(lambda session: store.mark_invitation_sent(session, org_id, invitation_id, hash_token(token), clock.now()))
    return True


async def _letter(row: Invitation, organization: Organization, token: str, frontend_url: str) -> tuple[str, str]:
    """Subject and text. Whoever has no account has chosen no language: it is that of who invites them."""
    inviter, invited = await identities.user(row.invited_by), await identities.user_by_email(row.email)
    language = (invited.language if invited else None) or (inviter.language if inviter else None)
    text = said(TEXT, language).format(
        inviter=f"{inviter.first_name} {inviter.last_name} ({inviter.email})" if inviter else said(_SOMEBODY_THERE, language),
        organization=organization.name,
        role=await _role(row, language),
        link=f"{frontend_url.rstrip('/')}{PATH}?{urlencode({'token': token})}",
        until=row.expires_at.strftime(said(UNTIL, language)),
        email=row.email,
        token=token,
    )
    return said(SUBJECT, language), text


async def _role(row: Invitation, language: Language | None) -> str:
    """One of the organisation's own is called as they call it."""
    name = await organizations.role_name(row.org_id, row.role)
    return said(name, language) if name in _ROLES else name
