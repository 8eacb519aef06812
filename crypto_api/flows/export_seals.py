"""The chain of seals as a file that anybody can verify without Coffer: `python -m crypto_api.ledger.verify FILE`."""

from collections.abc import AsyncIterator

import orjson

from crypto_api.audit import service as audit
from crypto_api.kit.clock import Clock
from crypto_api.kit.seals import NO_HEAD, Head
from crypto_api.ledger import seal_store
from crypto_api.ledger.verify import FORMAT
from mongodb_config.unit_of_work import Session, UnitOfWork


async def export_seals(uow: UnitOfWork, clock: Clock, org_id: str) -> AsyncIterator[bytes]:
    """JSON, one object a line: what it is, each seal with its content byte for byte, how it ends. That it was taken is recorded."""
    now, head = clock.now(), await seal_store.head(org_id)

    async def work(session: Session) -> None:
        summary = f"The sealed journal was exported up to seal {head.seq}."
        await audit.record(
            session, org_id, "journal.exported", summary, now, subject=("journal", ""), after={"seq": head.seq, "head_hash": head.hash}
        )

    await uow.run(work)
    return _lines(org_id, now.isoformat(timespec="milliseconds"), head)


async def _lines(org_id: str, at: str, head: Head) -> AsyncIterator[bytes]:
    yield orjson.dumps({"format": FORMAT, "organization": org_id, "exported_at": at}) + b"\n"
    last = NO_HEAD
    async for seal in seal_store.every_seal(org_id):
        if seal.seq > head.seq:  # sealed while the file leaves
            break
        yield orjson.dumps({"seq": seal.seq, "prev": seal.prev, "hash": seal.hash, "content": seal.content.decode()}) + b"\n"
        last = Head(seal.seq, seal.hash)
    yield orjson.dumps({"seals": last.seq, "head": last.hash}) + b"\n"
