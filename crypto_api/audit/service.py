"""Writing into the audit log. A change is recorded in its own unit of work: both are there, or neither."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crypto_api.audit import rules, store
from crypto_api.audit.documents import AuditRecord
from crypto_api.audit.types import INSTALLATION, Outcome
from crypto_api.kit import origin
from crypto_api.kit.ids import next_id
from mongodb_config.unit_of_work import Session


async def record(
    session: Session,
    org_id: str | None,
    action: str,
    summary: str,
    now: datetime,
    *,
    subject: tuple[str, str] = ("", ""),
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    outcome: Outcome = Outcome.DONE,
    actor_id: str | None = None,
    actor_name: str | None = None,
) -> AuditRecord:
    """`action` is dotted and in the past tense, `subject` its kind and id. `before` and `after` may be whole objects: what did not change is left
    out, secrets are blanked. `actor_id` (and `actor_name`) where the origin of the request does not tell, as when logging in."""
    who = {"actor_id": actor_id, "actor_name": actor_name}
    row = entry(org_id, action, summary, now, subject=subject, before=before, after=after, outcome=outcome, **who)
    await record_all(session, [row])
    return row


async def record_all(session: Session, rows: Sequence[AuditRecord]) -> None:
    """What `entry` made, in that order."""
    if rows:
        await store.insert(session, rows)


def entry(
    org_id: str | None,
    action: str,
    summary: str,
    now: datetime,
    *,
    subject: tuple[str, str] = ("", ""),
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    outcome: Outcome = Outcome.DONE,
    actor_id: str | None = None,
    actor_name: str | None = None,
) -> AuditRecord:
    """As `record` has it, for one of many that are recorded together."""
    here = origin.current()
    was, became = rules.difference(before, after)
    return AuditRecord(
        id=next_id("aud"),
        created_at=now,
        org_id=org_id or INSTALLATION,
        action=action,
        outcome=outcome,
        actor_id=actor_id or here.user_id,
        actor_name=actor_name if actor_name is not None else here.user_name if actor_id in (None, here.user_id) else "",
        session_id=here.session_id,
        ip=here.ip,
        device=here.device,
        request_id=here.request_id,
        subject_kind=subject[0],
        subject_id=subject[1],
        summary=summary[: rules.TEXT_MAX],
        before=was,
        after=became,
    )
