"""Facts about tax reports."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _ReportEvent(DomainEvent):
    permission: ClassVar[str] = "ledger.read"

    report_id: str
    status: str


class TaxReportRequested(_ReportEvent):
    kind: ClassVar[str] = "tax_report.requested"


class TaxReportReady(_ReportEvent):
    """Computed, or it could not be: `status` says which."""

    kind: ClassVar[str] = "tax_report.ready"


class TaxReportDeleted(_ReportEvent):
    kind: ClassVar[str] = "tax_report.deleted"
