from datetime import datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.contract_audits.types import (
    AuditStatus,
    Block,
    Change,
    Confidence,
    Evidence,
    FoundBy,
    Place,
    Severity,
    Subject,
    Term,
    Tool,
)
from mongodb_config.base_document import TenantDocument
from mongodb_config.claimed_row import ClaimedRow


class ContractAudit(ClaimedRow):
    """An audit that was ordered, and what came of it. Sources and findings stand apart."""

    subject: Subject
    requested_by: str
    status: AuditStatus = AuditStatus.QUEUED
    digest: str  # of subject and sources: while it is live there is no other
    ended_at: datetime | None = None
    error: str = ""
    has_source: bool
    file_count: int = 0
    block: Block | None = None
    implementation: str | None = None  # of a proxy: the code that was looked at
    tool: Tool | None = None
    notes: list[str] = []  # what was not looked at, and why
    open_counts: dict[str, int] = {}  # severity → findings that are not suppressed
    suppressed_count: int = 0
    score: int | None = None  # 0 to 100
    terms: list[Term] = []
    compared_with: str | None = None  # the audit of the same subject before
    new_count: int = 0
    gone: list[str] = []  # titles of what that one found and this one did not

    class Settings:
        name = "contract_audits"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("org_id", ASCENDING), ("subject.key", ASCENDING), ("status", ASCENDING), ("_id", DESCENDING)], name="org_subject"),
            IndexModel([("org_id", ASCENDING), ("subject.address", ASCENDING), ("status", ASCENDING)], name="org_address"),
            IndexModel([("org_id", ASCENDING), ("digest", ASCENDING)], unique=True, partialFilterExpression={"live": True}, name="org_live"),
            IndexModel([("org_id", ASCENDING)], unique=True, partialFilterExpression={"status": "running"}, name="org_running"),
            IndexModel([("live", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"live": True}, name="live"),
        ]


class ContractAuditSource(TenantDocument):
    """What is looked at, kept apart so that lists stay light. `_id` is the audit's."""

    standard_json: str
    compiler_version: str
    dependencies: list[str] = []
    code_hash: str | None = None  # of the code that it was verified to make: other code has another source

    class Settings:
        name = "contract_audit_sources"


class ContractFinding(TenantDocument):
    """Something that an audit found. It is suppressed by a person with a reason, which holds for later audits of the same subject."""

    audit_id: str
    subject_key: str
    number: int  # within the audit, most severe first
    key: str
    fingerprint: str
    origin: FoundBy
    check: str
    title: str
    severity: Severity
    confidence: Confidence
    description: str
    reference: str = ""
    places: list[Place] = []
    evidence: list[Evidence] = []
    change: Change
    suppressed: bool = False
    suppressed_by: str | None = None
    suppressed_at: datetime | None = None
    reason: str = ""
    explanation: str = ""  # a machine's reading: plain text, believed by nothing
    explained_by: str = ""  # the model's name

    class Settings:
        name = "contract_findings"
        indexes = [IndexModel([("org_id", ASCENDING), ("audit_id", ASCENDING), ("number", ASCENDING)], unique=True, name="org_audit")]


class FindingSuppression(TenantDocument):
    """A person's word that a finding about a subject need not be dealt with."""

    subject_key: str
    key: str
    fingerprint: str  # of what it was said about: once that has changed, it holds no longer
    reason: str
    by: str

    class Settings:
        name = "finding_suppressions"
        indexes = [IndexModel([("org_id", ASCENDING), ("subject_key", ASCENDING), ("key", ASCENDING)], unique=True, name="org_finding")]
