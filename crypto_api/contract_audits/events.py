"""Facts of the slice. How far an audit is stands in the events of its task."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent
from crypto_api.organizations.types import Permission


class _AuditEvent(DomainEvent):
    permission: ClassVar[str] = Permission.CONTRACTS_READ

    audit_id: str
    name: str
    status: str


class AuditOrdered(_AuditEvent):
    kind: ClassVar[str] = "contract_audit.ordered"


class AuditEnded(_AuditEvent):
    """Ready, failed or cancelled. `high` counts the open findings of high severity."""

    kind: ClassVar[str] = "contract_audit.ended"

    score: int | None
    high: int


class FindingChanged(_AuditEvent):
    """Suppressed, or open again."""

    kind: ClassVar[str] = "contract_audit.finding_changed"

    finding_id: str
    suppressed: bool
