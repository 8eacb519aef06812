from datetime import datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.long_reports.types import LongReportKind, LongReportStatus, Wanted
from mongodb_config.base_document import TenantDocument
from mongodb_config.claimed_row import ClaimedRow


class LongReport(ClaimedRow):
    """A report that a worker makes. What it holds is in parts, or, where it is kept as a statement or a tax report, there."""

    kind: LongReportKind
    wanted: Wanted
    title: str
    requested_by: str
    status: LongReportStatus = LongReportStatus.QUEUED
    digest: str  # of what was wanted: while it is live there is no other
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    error: str = ""
    file_name: str = ""
    size: int = 0  # bytes
    sha256: str = ""
    result_id: str | None = None  # of the statement or tax report

    class Settings:
        name = "long_reports"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("org_id", ASCENDING), ("digest", ASCENDING)], unique=True, partialFilterExpression={"live": True}, name="org_live"),
            IndexModel([("org_id", ASCENDING)], unique=True, partialFilterExpression={"status": "running"}, name="org_running"),
            IndexModel([("live", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"live": True}, name="live"),
            IndexModel([("expires_at", ASCENDING)], name="expiry"),
        ]


class LongReportPart(TenantDocument):
    """A stretch of the bytes of a file, as one worker made it. Another that took its place has parts of its own."""

    report_id: str
    claim: str
    number: int  # from 0
    content: bytes

    class Settings:
        name = "long_report_parts"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("report_id", ASCENDING), ("claim", ASCENDING), ("number", ASCENDING)], unique=True, name="org_part")
        ]
