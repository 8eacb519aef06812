"""Queue jobs of the slice: a name and ids, nothing else."""

from typing import ClassVar

from crypto_api.kit.jobs import Job


class SendVerificationMail(Job):
    """The job makes the token itself, so that no secret ever stands on the queue."""

    name: ClassVar[str] = "send_verification_mail"

    user_id: str


class SendDueMail(Job):
    """A letter that is owed stands in the database under this id."""

    name: ClassVar[str] = "send_due_mail"

    mail_id: str
