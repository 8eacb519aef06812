"""Actors of organisations: the mails to those who are invited."""

from datetime import timedelta
from functools import partial

from crypto_api.flows.send_invitation_mail import send_invitation_mail
from crypto_api.organizations import store
from crypto_api.organizations.jobs import SendInvitationMail
from crypto_api.runtime import Runtime
from workers.actor import Actor
from workers.late_letters import send_late

_LATE = timedelta(seconds=30)  # by then the job would have sent it
_BATCH = 100


async def _send(runtime: Runtime, job: SendInvitationMail) -> None:
    await send_invitation_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, job.org_id, job.invitation_id)


async def sweep(runtime: Runtime) -> int:
    """How many letters left whose job was late. It comes round with the other letters about accounts."""
    now = runtime.clock.now()
    late = await store.invitations_without_mail(now - _LATE, now, _BATCH)
    return await send_late([SendInvitationMail(org_id=org_id, invitation_id=one) for org_id, one in late], partial(_send, runtime))


ACTORS = [Actor(SendInvitationMail, _send, "Letter with an invitation")]
