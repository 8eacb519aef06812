"""The verbs of the slice: ordered, cancelled, asked for again, and findings that a person suppresses or opens again.

ordered ─▶ waits ─▶ runs ─▶ ready │ failed, with the reason │ cancelled
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.contract_audits import rules, store
from crypto_api.contract_audits.documents import ContractAudit, ContractAuditSource, ContractFinding, FindingSuppression
from crypto_api.contract_audits.errors import AlreadySo, HasEnded, NothingToRetry, NotReady, TooManyKept, TooManyUnfinished
from crypto_api.contract_audits.events import AuditEnded, AuditOrdered, FindingChanged
from crypto_api.contract_audits.types import KEPT_MAX, TASK_KIND, UNFINISHED_MAX, AuditStatus, Severity, Sources, Subject, SubjectKind
from crypto_api.events import service as events
from crypto_api.kit.errors import NotFound
from crypto_api.kit.ids import new_id
from crypto_api.tasks import service as tasks
from crypto_api.tasks import store as task_store
from crypto_api.tasks.documents import Task
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session, UnitOfWork

Ordered = tuple[ContractAudit, Task]


async def order(uow: UnitOfWork, org_id: str, user_id: str, subject: Subject, sources: Sources | None, now: datetime) -> Ordered:
    """The one that waits or runs already, where there is one of the same sources. TooManyUnfinished, TooManyKept. Without sources only code is
    looked at."""
    return await uow.run(lambda session: _put(session, org_id, user_id, subject, sources, now))


async def _put(session: Session, org_id: str, user_id: str, subject: Subject, sources: Sources | None, now: datetime) -> Ordered:
    text = json.dumps(sources.standard_json, separators=(",", ":"), sort_keys=True) if sources else ""
    digest = hashlib.sha256(f"{subject.model_dump_json()}\n{sources.compiler_version if sources else ''}\n{text}".encode()).hexdigest()
    unfinished = await store.unfinished(session, org_id)
    if (same := next((row for row in unfinished if row.digest == digest), None)) is not None:
        known = await task_store.get(org_id, same.task_id, session)
        assert known is not None, f"{same.id} names a task that does not exist"
        return same, known
    if len(unfinished) >= UNFINISHED_MAX:
        raise TooManyUnfinished(UNFINISHED_MAX)
    if subject.kind is SubjectKind.UPLOAD and await store.uploaded_by(session, org_id, user_id, KEPT_MAX) >= KEPT_MAX:
        raise TooManyKept(KEPT_MAX)
    task = await tasks.queue(session, org_id, TASK_KIND, now, summary=f"Audit {subject.name}")
    row = ContractAudit(
        id=new_id("cau"),
        created_at=now,
        org_id=org_id,
        subject=subject,
        task_id=task.id,
        requested_by=user_id,
        digest=digest,
        has_source=sources is not None,
        file_count=len(sources.standard_json["sources"]) if sources else 0,
    )
    source = None
    if sources is not None:
        source = ContractAuditSource(
            id=row.id,
            created_at=now,
            org_id=org_id,
            standard_json=text,
            compiler_version=sources.compiler_version,
            dependencies=sorted(sources.dependencies),
            code_hash=sources.code_hash,
        )
    await store.insert(session, row, source)
    await events.append(session, org_id, AuditOrdered(**told(row)), now)
    after = {"subject": subject.model_dump(mode="json", exclude_none=True), "files": row.file_count}
    await audit.record(
        session, org_id, "contract_audit.ordered", f"An audit of {subject.name} was ordered.", now, subject=("contract_audit", row.id), after=after
    )
    return row, task


async def cancel(uow: UnitOfWork, org_id: str, audit_id: str, now: datetime) -> None:
    """NotFound, HasEnded."""
    row = await needed(org_id, audit_id)

    async def work(session: Session) -> None:
        if not await store.cancel(session, org_id, audit_id, now):
            raise HasEnded
        name = row.subject.name
        await tasks.cancel(session, org_id, row.task_id, now, summary=f"Audit {name}: cancelled")
        ended = AuditEnded(**told(row) | {"status": AuditStatus.CANCELLED.value}, score=None, high=0)
        await events.append(session, org_id, ended, now)
        summary = f"The audit of {name} was cancelled."
        await audit.record(session, org_id, "contract_audit.cancelled", summary, now, subject=("contract_audit", row.id))

    await uow.run(work)


async def retry(uow: UnitOfWork, org_id: str, user_id: str, audit_id: str, now: datetime) -> Ordered:
    """What failed or was cancelled once more, with the same sources, as a new one. NotFound, NothingToRetry, TooManyUnfinished, TooManyKept."""
    row = await needed(org_id, audit_id)
    if row.status not in (AuditStatus.FAILED, AuditStatus.CANCELLED):
        raise NothingToRetry
    return await order(uow, org_id, user_id, row.subject, await sources_of(row), now)


async def sources_of(row: ContractAudit) -> Sources | None:
    kept = await store.source_of(row.org_id, row.id)
    if kept is None:
        return None
    standard_json: Mapping[str, Any] = json.loads(kept.standard_json)
    return Sources(standard_json, kept.compiler_version, frozenset(kept.dependencies), kept.code_hash)


async def needed(org_id: str, audit_id: str) -> ContractAudit:
    """NotFound."""
    row = await store.get(org_id, audit_id)
    if row is None:
        raise NotFound
    return row


# ---- findings --------------------------------------------------------------------------------------------------------------------


async def suppress(uow: UnitOfWork, org_id: str, user_id: str, audit_id: str, finding_id: str, reason: str, now: datetime) -> ContractFinding:
    """From now on it does not count, here and in later audits of the same subject, until it is opened again. NotFound, NotReady, AlreadySo."""
    changes = {"suppressed": True, "suppressed_by": user_id, "suppressed_at": now, "reason": reason}

    async def keep(session: Session, row: ContractFinding) -> None:
        kept = FindingSuppression(
            id=new_id("sup"),
            created_at=now,
            org_id=org_id,
            subject_key=row.subject_key,
            key=row.key,
            fingerprint=row.fingerprint,
            reason=reason,
            by=user_id,
        )
        await store.keep_suppression(session, kept)

    return await uow.run(lambda session: _change(session, org_id, audit_id, finding_id, False, changes, now, keep))


async def reopen(uow: UnitOfWork, org_id: str, audit_id: str, finding_id: str, now: datetime) -> ContractFinding:
    """NotFound, NotReady, AlreadySo."""
    changes = {"suppressed": False, "suppressed_by": None, "suppressed_at": None, "reason": ""}

    async def drop(session: Session, row: ContractFinding) -> None:
        await store.drop_suppression(session, org_id, row.subject_key, row.key)

    return await uow.run(lambda session: _change(session, org_id, audit_id, finding_id, True, changes, now, drop))


async def _change(
    session: Session, org_id: str, audit_id: str, finding_id: str, expected: bool, changes: dict[str, Any], now: datetime, kept: Any
) -> ContractFinding:
    whole, row = await store.get(org_id, audit_id, session), await store.finding(org_id, audit_id, finding_id, session)
    if whole is None or row is None:
        raise NotFound
    if whole.status is not AuditStatus.READY:
        raise NotReady
    if not await store.set_finding(session, row, expected, changes):
        raise AlreadySo("open" if expected else "suppressed")
    await kept(session, row)
    after = await store.finding(org_id, audit_id, finding_id, session)
    assert after is not None, "findings are never deleted"
    counted = counts_as_stored(rules.tally(await store.findings(org_id, audit_id, session)))
    await store.set_counts(session, whole, counted)
    event = FindingChanged(**told(whole), finding_id=finding_id, suppressed=after.suppressed)
    await events.append(session, org_id, event, now)
    verb = "suppressed" if after.suppressed else "opened again"
    summary = f"The finding “{row.title}” of the audit of {whole.subject.name} was {verb}" + (f": {after.reason}" if after.reason else ".")
    was, became = ({"suppressed": one.suppressed, "reason": one.reason, "severity": one.severity.value} for one in (row, after))
    action = f"contract_audit.finding_{'suppressed' if after.suppressed else 'reopened'}"
    await audit.record(session, org_id, action, summary[:500], now, subject=("contract_audit", audit_id), before=was, after=became)
    return after


def counts_as_stored(counted: Mapping[str, Any]) -> dict[str, Any]:
    return {**counted, "terms": [encoded(term) for term in counted["terms"]]}


# ---- what others ask -------------------------------------------------------------------------------------------------------------


async def warnings_about(org_id: str, network: str, addresses: Collection[str]) -> dict[str, str]:
    """For whoever is about to pay to, or call, one of these (EIP-55): address → warning, where its last audit left a high finding open."""
    return {row.subject.address or "": _warning(row) for row in await store.latest_of_addresses(org_id, network, addresses) if _high(row)}


def _high(row: ContractAudit) -> int:
    return row.open_counts.get(Severity.HIGH.value, 0)


def _warning(row: ContractAudit) -> str:
    many = f"{_high(row)} open findings" if _high(row) > 1 else "an open finding"
    return f"The audit of the contract {row.subject.name} of {row.created_at:%Y-%m-%d} has {many} of high severity: read it before you pay."


def told(row: ContractAudit) -> dict[str, str]:
    """For its events."""
    return {"audit_id": row.id, "name": row.subject.name, "status": row.status.value}
