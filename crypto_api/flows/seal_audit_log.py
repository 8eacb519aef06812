"""The audit log is sealed: each record becomes a link in the chain of its organisation, so that one which is altered, taken away or put in
later shows, whoever did it and however. How and why: flows/sealing.py. A record waits in a queue that is written with it, since it never changes.
"""

from crypto_api.audit import rules, store
from crypto_api.audit.documents import AuditSeal
from crypto_api.flows.sealing import seal_waiting
from crypto_api.kit.clock import Clock
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.seals import Head
from mongodb_config.unit_of_work import Session, UnitOfWork

BATCH_MAX = 200


async def seal_pass(uow: UnitOfWork, clock: Clock) -> int:
    """Seals what waits now, up to `BATCH_MAX` records over all organisations. Returns how many."""

    async def seal(session: Session, org_id: str, record_ids: list[str]) -> tuple[int, Head]:
        head, now, seals = await store.head(org_id, session), clock.now(), []
        for row in await store.still_queued(session, org_id, record_ids):
            seq = head.seq + 1
            link = rules.seal(head.hash, seq, row)
            seal_id = f"{org_id}:{seq}"
            seals.append(AuditSeal(id=seal_id, created_at=now, org_id=org_id, seq=seq, record_id=row["_id"], prev=head.hash, hash=link))
            head = Head(seq, link)
        if seals:
            await store.insert_seals(session, org_id, seals)
            faultpoint("audit.sealed")
        return len(seals), head

    return await seal_waiting(uow, await store.queued(BATCH_MAX), seal, "audit_sealed")
