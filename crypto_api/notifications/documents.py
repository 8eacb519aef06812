from datetime import datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.notifications.types import Choices, MailState, Priority, Topic
from mongodb_config.base_document import TenantDocument


class Notification(TenantDocument):
    """One thing told to one person. Kept for half a year."""

    user_id: str
    topic: Topic
    priority: Priority
    title: str  # in English
    template: str = ""  # the title as the catalogues have it, with names of `words` in braces; empty: a person wrote it
    words: dict[str, str] = {}
    text: str = ""
    path: str = ""  # of the page where something can be done about it
    cause: str  # what it is about: gone, the notice is as well
    seq: int | None = None  # of the event that made it; None: a person wrote it
    read_at: datetime | None = None
    gone_at: datetime | None = None  # its cause no longer holds
    mail: MailState = MailState.NONE
    mail_due_at: datetime | None = None
    mail_tries: int = 0
    written_by: str | None = None
    expires_at: datetime

    class Settings:
        name = "notifications"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("user_id", ASCENDING), ("_id", DESCENDING)], name="org_user_latest"),
            IndexModel([("org_id", ASCENDING), ("cause", ASCENDING)], partialFilterExpression={"gone_at": None}, name="org_cause"),
            IndexModel([("mail", ASCENDING), ("mail_due_at", ASCENDING)], name="mail_due"),  # over all organisations
            IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="expiry"),
        ]


class NotificationChoices(TenantDocument):
    """How one person wants to be told in one organisation."""

    user_id: str
    choices: Choices
    version: int = 1

    class Settings:
        name = "notification_choices"
        indexes = [IndexModel([("org_id", ASCENDING), ("user_id", ASCENDING)], unique=True, name="org_user")]


class NotificationCursor(TenantDocument):
    """How far the log of an organisation was read; `_id` is the organisation's id."""

    seq: int

    class Settings:
        name = "notification_cursors"
