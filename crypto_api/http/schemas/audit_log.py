from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from crypto_api.audit.types import AuditFilter, Fault, Outcome
from crypto_api.flows.read_audit_log import AuditLine
from crypto_api.flows.verify_audit_log import AuditReport
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Date, ReadSchema, Time, Word


class AuditConditions(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    action: Word | None = Field(default=None, examples=["wallet."], description="How the action begins: `wallet.` is everything about wallets.")
    actor_id: Word | None = None
    subject_kind: Word | None = Field(default=None, examples=["wallet"])
    subject_id: Word | None = None
    outcome: Outcome | None = None
    ip: Word | None = None
    request_id: Word | None = None
    date_from: Date | None = Field(default=None, description="A day in UTC.")
    date_to: Date | None = Field(default=None, description="The last day, in UTC.")
    q: Word | None = Field(default=None, description="Part of the summary, of the actor's name or of the subject's id.")

    def wanted(self) -> AuditFilter:
        return AuditFilter(
            action=self.action,
            actor_id=self.actor_id,
            subject_kind=self.subject_kind,
            subject_id=self.subject_id,
            outcome=self.outcome,
            ip=self.ip,
            request_id=self.request_id,
            since=datetime.combine(self.date_from, time.min, UTC) if self.date_from else None,
            before=datetime.combine(self.date_to, time.min, UTC) + timedelta(days=1) if self.date_to and self.date_to.year < 9999 else None,
            q=self.q,
        )


class AuditQuery(PageQuery, AuditConditions):
    pass


class AuditExportQuery(AuditConditions):
    format: Literal["csv", "json"] = "csv"


class AuditRecordRead(ReadSchema):
    id: str = Field(examples=["aud_01k9x5r3v8"])
    at: Time
    action: str = Field(examples=["wallet.renamed"])
    outcome: Outcome
    actor_id: str | None = Field(description="None: nobody known, or the system.")
    actor_name: str = Field(examples=["ada"], description="As it was then.")
    session_id: str | None
    ip: str | None = Field(examples=["203.0.113.7"])
    device: str | None
    request_id: str | None
    subject_kind: str = Field(examples=["wallet"])
    subject_id: str = Field(examples=["wal_01k9x5r3v8"])
    summary: str = Field(examples=["The wallet Operations is now called Cold."])
    before: dict[str, Any] | None = Field(description="What changed, as it was.")
    after: dict[str, Any] | None = Field(description="What changed, as it became.")

    @classmethod
    def of(cls, line: AuditLine) -> "AuditRecordRead":
        row = line.record
        return cls(
            id=row.id,
            at=row.created_at,
            action=row.action,
            outcome=row.outcome,
            actor_id=row.actor_id,
            actor_name=line.actor_name,
            session_id=row.session_id,
            ip=row.ip,
            device=row.device,
            request_id=row.request_id,
            subject_kind=row.subject_kind,
            subject_id=row.subject_id,
            summary=row.summary,
            before=row.before,
            after=row.after,
        )


class AuditFailureRead(ReadSchema):
    fault: Fault
    record_id: str
    seq: int | None
    detail: str


class AuditVerifyRead(ReadSchema):
    ok: bool
    checked: int = Field(description="Records that are sealed.", examples=[4_812])
    waiting: int = Field(description="Records that are not sealed yet: written a moment ago.")
    head_seq: int = Field(
        description="Note it down with its hash, outside: `manage.py verify_audit --head` checks that the chain still goes through it."
    )
    head_hash: str
    first_failure: AuditFailureRead | None

    @classmethod
    def of(cls, report: AuditReport) -> "AuditVerifyRead":
        failure = report.first_failure
        return cls(
            ok=report.ok,
            checked=report.checked,
            waiting=report.waiting,
            head_seq=report.head.seq,
            head_hash=report.head.hash,
            first_failure=AuditFailureRead(**vars(failure)) if failure else None,
        )
