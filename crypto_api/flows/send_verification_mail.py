"""The mail with the link that verifies an address. Safe to run twice: a second letter has a link of its own."""

from typing import Protocol

from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.kit.clock import Clock
from crypto_api.kit.languages import noted, said
from mongodb_config.unit_of_work import UnitOfWork

SUBJECT = noted("Verify your e-mail address for Coffer")
TEXT = noted("""Hello {first_name},

somebody, hopefully you, registered at Coffer with this e-mail address. To verify that it is yours, open

    {link}

within two days. A program can send the token to POST /api/auth/verify-email/ instead:

    {token}

If it was not you, there is nothing to do: without this step nobody can log in.
""")


class MailPort(Protocol):
    async def send(self, to: str, subject: str, text: str) -> object: ...


async def send_verification_mail(uow: UnitOfWork, clock: Clock, mail: MailPort, frontend_url: str, user_id: str) -> bool:
    """False when there is nothing to verify (any more). Unavailable when the mail server does not take it: try again later."""
    user = await identities.user(user_id)
    if user is None or user.email_verified_at is not None:
        return False
    now = clock.now()
    token = await uow.run(lambda session: identity.issue_verification(session, user_id, now))
    link = f"{frontend_url.rstrip('/')}/verify-email/?token={token}"
    text = said(TEXT, user.language).format(first_name=user.first_name, link=link, token=token)
    await mail.send(user.email, said(SUBJECT, user.language), text)
    await uow.run(lambda session: identities.mark_verification_sent(session, user_id, now))
    return True
