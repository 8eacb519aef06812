"""Values of the slice."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.languages import Language


class DeliveryPurpose(StrEnum):
    INVOICE = "invoice"  # the document itself, when it is issued
    RESEND = "resend"  # the same again, asked for by a person
    REMINDER = "reminder"


class DeliveryStatus(StrEnum):
    QUEUED = "queued"
    SENT = "sent"  # the mail server took it: whether it was read, nobody knows
    REFUSED = "refused"  # for good, with the server's answer
    GIVEN_UP = "given_up"  # tried for days in vain
    DROPPED = "dropped"  # no longer wanted when its turn came: paid, or cancelled


class AttemptOutcome(StrEnum):
    SENT = "sent"
    REFUSED = "refused"  # a permanent answer (5yz, RFC 5321 section 4.2.1)
    DELAYED = "delayed"  # a transient answer, or no server to ask
    INTERRUPTED = "interrupted"  # the process ended in it: the server may have taken it


class Attempt(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    outcome: AttemptOutcome
    answer: str = ""  # of the mail server


class Letter(BaseModel):
    """What is sent, as it was worded when it was queued. The document is attached as it stands when it leaves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str
    subject: str
    text: str
    language: Language = Language.ENGLISH  # of what is added when it leaves
    reply_to: str = ""
