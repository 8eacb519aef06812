"""Facts of the slice. They name the client by id alone: who may not read clients learns nothing of them."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _ClientEvent(DomainEvent):
    permission: ClassVar[str] = "clients.read"

    client_id: str


class ClientAdded(_ClientEvent):
    kind: ClassVar[str] = "client.added"


class ClientChanged(_ClientEvent):
    kind: ClassVar[str] = "client.changed"


class ClientArchived(_ClientEvent):
    """Nothing new is written for it. What was written stays."""

    kind: ClassVar[str] = "client.archived"


class ClientRestored(_ClientEvent):
    kind: ClassVar[str] = "client.restored"


class ClientDeleted(_ClientEvent):
    """Nothing had been written for it."""

    kind: ClassVar[str] = "client.deleted"
