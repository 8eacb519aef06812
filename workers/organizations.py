"""Actors of organisations: the mails to those who are invited."""

from datetime import timedelta

from crypto_api.flows.send_invitation_mail import send_invitation_mail
from crypto_api.kit import log
from crypto_api.kit.errors import Unavailable
from crypto_api.organizations import store
from crypto_api.organizations.jobs import SendInvitationMail
from crypto_api.runtime import Runtime
from workers.actor import Actor

_LATE = timedelta(seconds=30)  # by then the job would have sent it
_BATCH = 100
_logger = log.get(__name__)


async def _send(runtime: Runtime, job: SendInvitationMail) -> None:
    await send_invitation_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, job.org_id, job.invitation_id)


async def sweep(runtime: Runtime) -> int:
    """Mails whose job was lost, or which the mail server did not take; how many left. It comes round with the other letters about accounts."""
    now, sent = runtime.clock.now(), 0
    for org_id, invitation_id in await store.invitations_without_mail(now - _LATE, now, _BATCH):
        try:
            await _send(runtime, SendInvitationMail(org_id=org_id, invitation_id=invitation_id))
            sent += 1
        except Unavailable as error:
            _logger.warning("invitation_mail_waits", invitation_id=invitation_id, reason=error.detail)
            break
    return sent


ACTORS = [Actor(SendInvitationMail, _send, "Letter with an invitation")]
