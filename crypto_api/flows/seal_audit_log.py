"""The audit log is sealed: each record becomes a link in the chain of its organisation, so that one which is altered, taken away or put in
later shows, whoever did it and however.

A record is written with a row in the queue, in the unit of work of the change. Were it sealed there, all writers of an organisation would
meet at the end of its chain; so writers only insert, and one worker seals after the commit. Two of them beside each other do no harm: the
number of a link is unique, and whoever comes second rolls back and looks again. What slow units of work commit later is sealed later.
"""

from collections import defaultdict

from pymongo.errors import DuplicateKeyError

from crypto_api.audit import rules, store
from crypto_api.audit.documents import AuditSeal
from crypto_api.audit.types import NO_HEAD, Head
from crypto_api.kit.clock import Clock
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.log import security
from mongodb_config.unit_of_work import Session, UnitOfWork

BATCH_MAX = 200


async def seal_pass(uow: UnitOfWork, clock: Clock) -> int:
    """Seals what waits now, up to `BATCH_MAX` records over all organisations. Returns how many."""
    found: dict[str, list[str]] = defaultdict(list)
    for org_id, record_id in await store.queued(BATCH_MAX):
        found[org_id].append(record_id)
    sealed = 0
    for org_id, record_ids in found.items():
        count, head = await _seal(uow, clock, org_id, record_ids)
        if count:
            # outside the database on purpose: a chain that was rewritten as a whole no longer agrees with this
            security.info("audit_sealed", org_id=org_id, seq=head.seq, hash=head.hash)
        sealed += count
    return sealed


async def _seal(uow: UnitOfWork, clock: Clock, org_id: str, record_ids: list[str]) -> tuple[int, Head]:
    """(how many, the new head); none when another was faster."""

    async def work(session: Session) -> tuple[int, Head]:
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

    try:
        return await uow.run(work)
    except DuplicateKeyError:  # the next pass looks again
        return 0, NO_HEAD
