"""Values of the slice."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Topic(StrEnum):
    """What people choose by how they are told."""

    APPROVALS = "approvals"
    PAYMENTS = "payments"
    RECEIVABLES = "receivables"
    INBOX = "inbox"
    PEOPLE = "people"
    BOOKS = "books"
    PRICES = "prices"
    SYSTEM = "system"
    MESSAGES = "messages"  # of an administrator to the members


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"  # also in quiet hours


class MailChoice(StrEnum):
    OFF = "off"
    DIGEST = "digest"  # once a day
    AT_ONCE = "at_once"


class MailState(StrEnum):
    NONE = "none"  # it is told on the page alone
    WAITING = "waiting"
    SENT = "sent"
    DROPPED = "dropped"  # its cause was gone, or it was read, before the letter left


class TopicChoice(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    shown: bool = True
    mail: MailChoice | None = None  # None: by priority


class QuietHours(BaseModel):
    """In the organisation's time zone; may span midnight."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: str  # HH:MM
    end: str


class Choices(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    topics: dict[Topic, TopicChoice] = {}
    quiet: QuietHours | None = None
    digest_at: str = "08:00"  # HH:MM in the organisation's time zone
