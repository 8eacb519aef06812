"""Facts of the slice."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent
from crypto_api.organizations.types import Permission


class OrganizationFounded(DomainEvent):
    kind: ClassVar[str] = "organization.founded"
    permission: ClassVar[str] = Permission.ORGANIZATION_READ

    organization_id: str
    name: str
