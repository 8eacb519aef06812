"""Facts of the slice. How far one is stands in the events of its task."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent
from crypto_api.organizations.types import Permission


class _LongReportEvent(DomainEvent):
    permission: ClassVar[str] = Permission.LEDGER_READ

    report_id: str
    report: str  # which
    status: str


class LongReportRequested(_LongReportEvent):
    kind: ClassVar[str] = "long_report.requested"


class LongReportEnded(_LongReportEvent):
    kind: ClassVar[str] = "long_report.ended"


class LongReportDeleted(_LongReportEvent):
    kind: ClassVar[str] = "long_report.deleted"
