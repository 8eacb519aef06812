"""Audits in numbers: of each subject the last one that is ready."""

from collections import Counter
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from crypto_api.contract_audits import store
from crypto_api.contract_audits.types import AuditStatus, Severity

FREQUENT_MAX = 10


@dataclass(frozen=True)
class AuditStatistics:
    by_status: dict[str, int]
    subjects: int
    subjects_with_high: int
    open_counts: dict[str, int]
    suppressed_count: int
    highest_score: int | None
    average_score: Decimal | None  # to one digit, half to even
    most_frequent: list[tuple[str, Severity, int]]


async def audit_statistics(org_id: str) -> AuditStatistics:
    by_status = {status.value: 0 for status in AuditStatus} | await store.count_by_status(org_id)
    latest = await store.latest_of_each_subject(org_id)
    counts: Counter[str] = Counter({severity.value: 0 for severity in Severity})
    for row in latest:
        counts.update(row.open_counts)
    scores = [row.score for row in latest if row.score is not None]
    average = (Decimal(sum(scores)) / len(scores)).quantize(Decimal("0.1"), ROUND_HALF_EVEN) if scores else None
    return AuditStatistics(
        by_status=by_status,
        subjects=len(latest),
        subjects_with_high=sum(row.open_counts.get(Severity.HIGH.value, 0) > 0 for row in latest),
        open_counts=dict(counts),
        suppressed_count=sum(row.suppressed_count for row in latest),
        highest_score=max(scores, default=None),
        average_score=average,
        most_frequent=await store.count_by_check(org_id, [row.id for row in latest], FREQUENT_MAX),
    )
