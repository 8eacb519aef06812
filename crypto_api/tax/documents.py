from datetime import date, datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.lots.types import LotMethod, LotScope
from crypto_api.tax.types import TaxPeriod, TaxReportStatus, Totals
from mongodb_config.base_document import TenantDocument


class TaxReport(TenantDocument):
    """What was realised in a period. Its rows are in parts; both are there when its status is `ready`."""

    period: TaxPeriod
    start_date: date
    end_date: date
    method: LotMethod  # in force at its end, where the organisation's own were asked for
    scope: LotScope
    as_in_force: bool  # by the organisation's own rules, each from its day on
    months: int  # how long a lot is held before a disposal is long-term
    currency: str
    time_zone: str
    status: TaxReportStatus = TaxReportStatus.QUEUED
    task_id: str | None = None
    requested_by: str
    started_at: datetime | None = None
    generated_at: datetime | None = None  # the books as they were known then
    totals: Totals = Totals()
    error: str = ""
    version: int = 1

    class Settings:
        name = "tax_reports"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("created_at", ASCENDING)], partialFilterExpression={"status": "queued"}, name="queued"),
        ]


class TaxReportPart(TenantDocument):
    """Some rows of a report, of one kind, in their order."""

    report_id: str
    kind: str
    number: int
    rows: list[dict[str, Any]]

    class Settings:
        name = "tax_report_parts"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("report_id", ASCENDING), ("kind", ASCENDING), ("number", ASCENDING)], unique=True, name="org_part")
        ]
