"""Queue jobs of the slice: a name and ids, nothing else."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class SendVerificationMail(BaseModel):
    """The job makes the token itself, so that no secret ever stands on the queue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str] = "send_verification_mail"

    user_id: str
