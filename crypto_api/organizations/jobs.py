"""Queue jobs of the slice: a name and ids, nothing else."""

from typing import ClassVar

from crypto_api.kit.jobs import Job


class SendInvitationMail(Job):
    """The job makes the token itself, so that no secret ever stands on the queue."""

    name: ClassVar[str] = "send_invitation_mail"

    org_id: str
    invitation_id: str
