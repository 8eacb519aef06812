from typing import Annotated

from pydantic import Field, StringConstraints

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Choice, Line, Prose, QueryFlag, ReadSchema, RequestSchema, Time, Word
from crypto_api.notifications.documents import Notification, NotificationChoices
from crypto_api.notifications.types import Choices, MailChoice, Priority, QuietHours, Topic, TopicChoice

_Clock = Annotated[str, StringConstraints(min_length=5, max_length=5), Field(examples=["08:00"])]


class NotificationQuery(PageQuery):
    unread: QueryFlag = Field(default=False, description="True: only what was not read and still holds.")
    topic: Topic | None = None


class NotificationCreate(RequestSchema):
    """A message to members of the organisation."""

    title: Line = Field(examples=["The books of October close on Friday"])
    text: Prose = Field(default="", examples=["Please look at your open items until then."])
    priority: Choice[Priority] = Field(default=Priority.NORMAL, examples=["normal"])
    user_ids: list[Word] | None = Field(default=None, max_length=500, description="Left out: everybody.")


class NotificationRead(ReadSchema):
    id: str = Field(examples=["ntf_01k9x5r3v8"])
    topic: Topic
    priority: Priority
    title: str = Field(examples=["0.5 ETH to Grace Hopper wait for approval"])
    text: str
    path: str = Field(description="Of the page where something can be done about it; may be empty.")
    created_at: Time
    read_at: Time | None
    gone_at: Time | None = Field(description="Since when its cause no longer holds.")

    @classmethod
    def of(cls, row: Notification) -> "NotificationRead":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class NotificationsReadRead(ReadSchema):
    read: int = Field(examples=[3], description="How many were unread.")


class NotificationsWrittenRead(ReadSchema):
    written_to: int = Field(examples=[12], description="How many members.")


class TopicPreference(RequestSchema):
    shown: bool = Field(default=True, examples=[True], description="False: neither on the page nor by letter.")
    mail: Choice[MailChoice] | None = Field(default=None, examples=["digest"], description="Left out: by priority (high at once, normal once a day).")


class QuietHoursPreference(RequestSchema):
    start: _Clock = Field(examples=["20:00"])
    end: _Clock = Field(examples=["07:00"])


class PreferencesUpdate(RequestSchema):
    """All of it: what is left out is as it was in the beginning."""

    topics: dict[Choice[Topic], TopicPreference] = Field(default={}, examples=[{"inbox": {"shown": True, "mail": "digest"}}])
    quiet: QuietHoursPreference | None = Field(
        default=None, description="No letter leaves then, unless it is urgent; in the organisation's time zone."
    )
    digest_at: _Clock = Field(default="08:00", examples=["08:00"], description="When the letter of the day leaves, in the organisation's time zone.")

    def choices(self) -> Choices:
        return Choices(
            topics={topic: TopicChoice(shown=row.shown, mail=row.mail) for topic, row in self.topics.items()},
            quiet=QuietHours(start=self.quiet.start, end=self.quiet.end) if self.quiet else None,
            digest_at=self.digest_at,
        )


class TopicPreferenceRead(ReadSchema):
    shown: bool
    mail: MailChoice | None


class QuietHoursRead(ReadSchema):
    start: str
    end: str


class PreferencesRead(ReadSchema):
    topics: dict[Topic, TopicPreferenceRead]
    quiet: QuietHoursRead | None
    digest_at: str = Field(examples=["08:00"])

    @classmethod
    def of(cls, row: NotificationChoices | None) -> "PreferencesRead":
        choices = row.choices if row else Choices()
        told = {topic: choices.topics.get(topic, TopicChoice()) for topic in Topic}
        return cls(
            topics={topic: TopicPreferenceRead(shown=one.shown, mail=one.mail) for topic, one in told.items()},
            quiet=QuietHoursRead(start=choices.quiet.start, end=choices.quiet.end) if choices.quiet else None,
            digest_at=choices.digest_at,
        )
