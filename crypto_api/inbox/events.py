"""Facts of the slice."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent
from crypto_api.organizations.types import Permission


class _InboxEvent(DomainEvent):
    permission: ClassVar[str] = Permission.INBOX_READ

    item_id: str
    item_kind: str
    state: str
    title: str
    subject_kind: str
    subject_id: str


class InboxItemOpened(_InboxEvent):
    """Something waits for somebody; or what was waived has changed."""

    kind: ClassVar[str] = "inbox.opened"


class InboxItemUpdated(_InboxEvent):
    """What it says has changed, or something was tried."""

    kind: ClassVar[str] = "inbox.updated"


class InboxItemResolved(_InboxEvent):
    """It no longer holds."""

    kind: ClassVar[str] = "inbox.resolved"


class InboxItemWaived(_InboxEvent):
    """A person said that it may stay so."""

    kind: ClassVar[str] = "inbox.waived"
