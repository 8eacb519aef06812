"""The chain of seals as a file that anybody can verify without Coffer: `python -m crypto_api.ledger.verify FILE`."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson

from crypto_api.audit import service as audit
from crypto_api.kit.clock import Clock
from crypto_api.kit.seals import NO_HEAD, Head
from crypto_api.ledger import anchor_store, seal_store
from crypto_api.ledger.documents import SealAnchor
from crypto_api.ledger.verify import FORMAT
from mongodb_config.unit_of_work import Session, UnitOfWork


async def export_seals(uow: UnitOfWork, clock: Clock, org_id: str) -> AsyncIterator[bytes]:
    """JSON, one object a line: what it is, with where it is anchored on chains; each seal with its content byte for byte; how it ends. That it was
    taken is recorded."""
    now, head = clock.now(), await seal_store.head(org_id)

    async def work(session: Session) -> None:
        summary = f"The sealed journal was exported up to seal {head.seq}."
        await audit.record(
            session, org_id, "journal.exported", summary, now, subject=("journal", ""), after={"seq": head.seq, "head_hash": head.hash}
        )

    await uow.run(work)
    anchors = [row for row in await anchor_store.every(org_id) if row.seq <= head.seq]
    return _lines(org_id, now.isoformat(timespec="milliseconds"), head, anchors)


async def _lines(org_id: str, at: str, head: Head, anchors: Sequence[SealAnchor]) -> AsyncIterator[bytes]:
    about = {"format": FORMAT, "organization": org_id, "exported_at": at, "anchors": [_anchor(row) for row in anchors]}
    yield orjson.dumps(about) + b"\n"
    last = NO_HEAD
    async for seal in seal_store.every_seal(org_id):
        if seal.seq > head.seq:  # sealed while the file leaves
            break
        yield orjson.dumps({"seq": seal.seq, "prev": seal.prev, "hash": seal.hash, "content": seal.content.decode()}) + b"\n"
        last = Head(seal.seq, seal.hash)
    yield orjson.dumps({"seals": last.seq, "head": last.hash}) + b"\n"


def _anchor(row: SealAnchor) -> dict[str, Any]:
    same = ("seq", "network", "chain_id", "transaction_hash", "block_number", "block_hash")
    return {"hash": row.seal_hash, "block_at": row.block_at.isoformat()} | {name: getattr(row, name) for name in same}
