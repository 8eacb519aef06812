from collections.abc import Sequence
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from crypto_api.contract_audits.documents import ContractAudit, ContractFinding
from crypto_api.contract_audits.types import (
    FORMULA,
    AuditStatus,
    Block,
    Change,
    Confidence,
    Evidence,
    FoundBy,
    Place,
    Severity,
    SubjectKind,
    Tool,
)
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Line, QueryFlag, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.contracts import ADDRESS, SourceText, StandardInput
from crypto_api.kit.amounts import text
from crypto_api.tasks.documents import Task


class AuditContract(RequestSchema):
    """One of three: a registered contract by its `address`, a `source`, or the compiler's `standard_json`."""

    model_config = ConfigDict(json_schema_extra={"example": {"address": ADDRESS, "network": "ethereum"}})

    address: Word | None = Field(default=None, examples=[ADDRESS], description="Of a registered contract.")
    network: Word | None = Field(default=None, examples=["ethereum"], description="Needed where the address is registered on several.")
    source: SourceText | None = Field(default=None, description="One Solidity file. It may import OpenZeppelin's contracts by their package's name.")
    standard_json: StandardInput | None = Field(default=None, description="The compiler's standard JSON input, sources given in it.")
    name: Line | None = Field(default=None, examples=["Vesting.sol"], description="Of a source: audits of the same name are compared.")

    @model_validator(mode="after")
    def _one_of_three(self) -> "AuditContract":
        if sum(part is not None for part in (self.address, self.source, self.standard_json)) != 1:
            raise ValueError("give one of address, source and standard_json")
        if self.network is not None and self.address is None:
            raise ValueError("network goes with address")
        if self.name is not None and self.address is not None:
            raise ValueError("name goes with a source: a registered contract has its own")
        return self


class SuppressFinding(RequestSchema):
    reason: Line = Field(examples=["The owner is our Safe of five, and the function is behind a delay of two days."])


class ContractAuditQuery(PageQuery):
    status: AuditStatus | None = None
    kind: SubjectKind | None = None
    contract_id: Word | None = None
    q: Word | None = Field(default=None, description="Part of the name or of the address.")


class FindingQuery(PageQuery):
    severity: Severity | None = None
    origin: FoundBy | None = None
    change: Change | None = None
    suppressed: QueryFlag | None = None


class SubjectRead(ReadSchema):
    kind: SubjectKind
    name: str = Field(examples=["Vesting.sol"])
    network: str | None
    address: str | None
    contract_id: str | None


class TermRead(ReadSchema):
    """A row of the risk score."""

    severity: Severity
    confidence: Confidence
    count: int = Field(description="Open findings of that severity and confidence.")
    weight: int
    factor: str = Field(examples=["0.75"])
    points: str = Field(examples=["30"], description="count x weight x factor.")


class RiskRead(ReadSchema):
    """From 0 to 100, with every term: whoever reads it can add it up."""

    score: int
    formula: str
    terms: list[TermRead]

    @classmethod
    def of(cls, row: ContractAudit) -> "RiskRead | None":
        if row.score is None:
            return None
        terms = [
            TermRead(
                severity=term.severity,
                confidence=term.confidence,
                count=term.count,
                weight=term.weight,
                factor=text(term.factor),
                points=text(term.points),
            )
            for term in row.terms
        ]
        return cls(score=row.score, formula=FORMULA, terms=terms)


class ExplanationRead(ReadSchema):
    """What a local model makes of a finding, in plain words. Nobody has checked it, and nothing rests on it."""

    text: str
    model: str
    machine_reading: bool = True


class FindingRead(ReadSchema):
    id: str = Field(examples=["fnd_01k9x5r3v8"])
    key: str = Field(description="The same in every audit that finds the same.")
    number: int
    origin: FoundBy
    check: str = Field(examples=["reentrancy-eth"])
    title: str
    severity: Severity
    confidence: Confidence = Field(description="How sure it is that it is there.")
    description: str
    reference: str
    places: list[Place]
    evidence: list[Evidence]
    change: Change
    suppressed: bool
    suppressed_by: str | None
    suppressed_at: Time | None
    reason: str
    explanation: ExplanationRead | None

    @classmethod
    def of(cls, row: ContractFinding) -> "FindingRead":
        explanation = ExplanationRead(text=row.explanation, model=row.explained_by) if row.explanation else None
        return cls(**{name: getattr(row, name) for name in cls.model_fields if name != "explanation"}, explanation=explanation)


class AuditRead(ReadSchema):
    id: str = Field(examples=["cau_01k9x5r3v8"])
    subject: SubjectRead
    status: AuditStatus
    progress: int = Field(examples=[45], description="Percent.")
    said: str = Field(description="What it does at the moment.")
    error: str
    task_id: str
    requested_by: str
    has_source: bool
    score: int | None = Field(description="The risk score, from 0 to 100.")
    open_counts: dict[str, int] = Field(examples=[{"high": 1, "medium": 0, "low": 2, "informational": 3, "optimization": 0}])
    suppressed_count: int
    created_at: Time
    started_at: Time | None
    ended_at: Time | None

    @classmethod
    def of(cls, row: ContractAudit, task: Task | None) -> "AuditRead":
        return cls(**_values(row, task))


class ComparisonRead(ReadSchema):
    """With the audit of the same subject before."""

    audit_id: str
    new: int
    gone: list[str] = Field(description="Titles of what was found then and is not any more.")


class AuditDetailRead(AuditRead):
    file_count: int
    block: Block | None = Field(description="At which the code and the storage were read.")
    implementation: str | None = Field(description="Of a proxy: whose code was looked at.")
    tool: Tool | None
    notes: list[str] = Field(description="What was not looked at, and why.")
    risk: RiskRead | None
    compared_with: ComparisonRead | None
    findings: list[FindingRead] = Field(description="The first hundred, most severe first; the list of findings has all.")

    @classmethod
    def whole(cls, row: ContractAudit, task: Task | None, findings: Sequence[ContractFinding]) -> "AuditDetailRead":
        before = row.compared_with
        return cls(
            **_values(row, task),
            file_count=row.file_count,
            block=row.block,
            implementation=row.implementation,
            tool=row.tool,
            notes=row.notes,
            risk=RiskRead.of(row),
            compared_with=ComparisonRead(audit_id=before, new=row.new_count, gone=row.gone) if before else None,
            findings=[FindingRead.of(one) for one in findings],
        )


def _values(row: ContractAudit, task: Task | None) -> dict[str, Any]:
    same = ("id", "status", "error", "task_id", "requested_by", "has_source", "score", "open_counts", "suppressed_count")
    subject = SubjectRead(**{name: getattr(row.subject, name) for name in SubjectRead.model_fields})
    values = {name: getattr(row, name) for name in (*same, "created_at", "started_at", "ended_at")}
    return {**values, "subject": subject, "progress": task.progress if task else 0, "said": task.summary if task else ""}


class CheckCountRead(ReadSchema):
    check: str
    severity: Severity
    count: int


class AuditStatisticsRead(ReadSchema):
    by_status: dict[str, int]
    subjects: int = Field(description="Contracts and uploads that have been audited.")
    subjects_with_high: int = Field(description="Whose last audit has an open finding of high severity.")
    open_counts: dict[str, int] = Field(description="Open findings of the last audits, by severity.")
    suppressed_count: int
    highest_score: int | None
    average_score: str | None = Field(examples=["21.5"], description="Of the last audit of each.")
    most_frequent: list[CheckCountRead]
