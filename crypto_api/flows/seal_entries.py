"""Posted entries are sealed: each becomes a link in the chain of its organisation, with what it says byte for byte, so that one which is altered,
taken away or put in later shows. How and why: flows/sealing.py. An entry waits by a mark of its own (`unsealed`), set by the posting itself.

The sums over days are kept here too (ledger/seal_store.py): they follow from sealed entries, and writers never wait for one another at them.
"""

from crypto_api.flows.sealing import seal_waiting
from crypto_api.kit.clock import Clock
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.seals import Head, link
from crypto_api.ledger import rules, seal_store
from crypto_api.ledger.documents import EntrySeal
from mongodb_config.unit_of_work import Session, UnitOfWork

BATCH_MAX = 200  # well within the time that a server gives a transaction, also where each write is slow


async def seal_entries(uow: UnitOfWork, clock: Clock) -> int:
    """Seals what waits now, up to `BATCH_MAX` entries over all organisations. Returns how many."""

    async def seal(session: Session, org_id: str, entry_ids: list[str]) -> tuple[int, Head]:
        head, now, seals = await seal_store.head(org_id, session), clock.now(), []
        entries = await seal_store.still_unsealed(session, org_id, entry_ids)
        for entry in entries:
            content, seq = rules.sealed_content(entry), head.seq + 1
            digest = link(head.hash, seq, content)
            seal_id = f"{org_id}:{seq}"
            seals.append(
                EntrySeal(id=seal_id, created_at=now, org_id=org_id, seq=seq, entry_id=entry.id, prev=head.hash, hash=digest, content=content)
            )
            head = Head(seq, digest)
        if seals:
            await seal_store.add_seals(session, org_id, seals, entries, now)
            faultpoint("entries.sealed")
        return len(seals), head

    return await seal_waiting(uow, await seal_store.unsealed(BATCH_MAX), seal, "entries_sealed")
