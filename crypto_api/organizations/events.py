"""Facts of the slice. Ids and roles, no addresses: events leave the house through webhooks."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent
from crypto_api.organizations.types import Permission


class OrganizationFounded(DomainEvent):
    kind: ClassVar[str] = "organization.founded"
    permission: ClassVar[str] = Permission.ORGANIZATION_READ

    organization_id: str
    name: str


class OrganizationChanged(DomainEvent):
    """Its settings, or whether it is suspended."""

    kind: ClassVar[str] = "organization.changed"
    permission: ClassVar[str] = Permission.ORGANIZATION_READ

    organization_id: str
    name: str
    suspended: bool


class _MemberEvent(DomainEvent):
    permission: ClassVar[str] = Permission.MEMBERS_READ

    user_id: str
    role: str


class MemberJoined(_MemberEvent):
    kind: ClassVar[str] = "member.joined"


class MemberChanged(_MemberEvent):
    """The role, or whether the member is suspended."""

    kind: ClassVar[str] = "member.changed"

    suspended: bool


class MemberRemoved(_MemberEvent):
    """Taken out, or gone by themselves."""

    kind: ClassVar[str] = "member.removed"


class _InvitationEvent(DomainEvent):
    permission: ClassVar[str] = Permission.MEMBERS_READ

    invitation_id: str
    role: str


class InvitationSent(_InvitationEvent):
    """Made, or sent once more: the mail follows."""

    kind: ClassVar[str] = "invitation.sent"


class InvitationAnswered(_InvitationEvent):
    kind: ClassVar[str] = "invitation.answered"

    accepted: bool


class InvitationRevoked(_InvitationEvent):
    kind: ClassVar[str] = "invitation.revoked"


class RoleChanged(DomainEvent):
    """Made, changed or deleted."""

    kind: ClassVar[str] = "role.changed"
    permission: ClassVar[str] = Permission.ROLES_READ

    role_id: str
    deleted: bool = False


class CompanyChanged(DomainEvent):
    """Added, changed or deactivated."""

    kind: ClassVar[str] = "company.changed"
    permission: ClassVar[str] = Permission.ORGANIZATION_READ

    company_id: str
    active: bool
