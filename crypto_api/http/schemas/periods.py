from collections.abc import Sequence

from pydantic import Field

from crypto_api.flows.close_period import PeriodState
from crypto_api.http.schemas.base import Date, Line, ReadSchema, RequestSchema, Time
from crypto_api.http.schemas.ledger import AnchorRead
from crypto_api.kit.amounts import SignedMoney
from crypto_api.ledger.documents import LedgerPeriod, PeriodCertificate, SealAnchor
from crypto_api.ledger.types import GateCheck, PeriodStatus


class PeriodRead(ReadSchema):
    period: str = Field(examples=["2026-11"])
    status: PeriodStatus
    certificate_id: str | None = Field(description="With which it was closed last.")
    closed_at: Time | None
    closed_by: str | None
    reopened_at: Time | None
    reopened_by: str | None
    reopened_reason: str

    @classmethod
    def of(cls, state: PeriodState) -> "PeriodRead":
        row = state.row
        return cls(
            period=state.period,
            status=state.status,
            certificate_id=row.certificate_id if row else None,
            closed_at=row.closed_at if row else None,
            closed_by=row.closed_by if row else None,
            reopened_at=row.reopened_at if row else None,
            reopened_by=row.reopened_by if row else None,
            reopened_reason=row.reopened_reason if row else "",
        )


class PeriodReopen(RequestSchema):
    reason: Line = Field(examples=["An invoice of the supplier was booked twice"])


class GateCheckRead(ReadSchema):
    name: str = Field(
        examples=["checkpoints"],
        description="over, earlier_periods, coverage, transactions, checkpoints, unpriced, unclassified, inbox, drafts, seals, lots or verification.",
    )
    passed: bool
    detail: str = Field(examples=["The books hold what the chain does: 4 wallets and assets, each at a final block."])

    @classmethod
    def of(cls, check: GateCheck) -> "GateCheckRead":
        return cls(name=check.name, passed=check.passed, detail=check.detail)


class ChecklistRead(ReadSchema):
    period: str
    status: PeriodStatus
    ready: bool = Field(description="Whether it could be closed now.")
    checks: list[GateCheckRead]

    @classmethod
    def of(cls, period: str, row: LedgerPeriod | None, checks: Sequence[GateCheck]) -> "ChecklistRead":
        status = row.status if row else PeriodStatus.OPEN
        ready = status is PeriodStatus.OPEN and all(check.passed for check in checks)
        return cls(period=period, status=status, ready=ready, checks=[GateCheckRead.of(check) for check in checks])


class CertifiedTotalRead(ReadSchema):
    account_code: str
    name: str
    debit: SignedMoney
    credit: SignedMoney


class CertificateRead(ReadSchema):
    id: str = Field(examples=["crt_01k9x5r3v8"])
    period: str
    closed_through: Date
    issued_at: Time
    issued_by: str
    issuer: str
    checks: list[GateCheckRead]
    totals: list[CertifiedTotalRead] = Field(description="Every account at the end of the period.")
    currency: str
    entries: int = Field(description="Dated in the period.")
    seal: str = Field(description="SEQ:HASH, the head of the chain of seals at that moment.")
    digest: str = Field(description="SHA-256 over all of it.")
    anchor: AnchorRead | None = Field(description="The first on a chain that holds this seal, or a later one; null: none does yet.")

    @classmethod
    def of(cls, row: PeriodCertificate, anchor: SealAnchor | None) -> "CertificateRead":
        totals = [CertifiedTotalRead(account_code=one.account_code, name=one.name, debit=one.debit, credit=one.credit) for one in row.totals]
        return cls(
            id=row.id,
            period=row.period,
            closed_through=row.closed_through,
            issued_at=row.created_at,
            issued_by=row.issued_by,
            issuer=row.issuer,
            checks=[GateCheckRead.of(check) for check in row.checks],
            totals=totals,
            currency=row.currency,
            entries=row.entries,
            seal=f"{row.seal_seq}:{row.seal_hash}",
            digest=row.digest,
            anchor=AnchorRead.of(anchor) if anchor is not None else None,
        )
