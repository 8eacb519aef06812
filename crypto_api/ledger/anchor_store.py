"""Every query of anchors of seals. They are inserted and read; nothing here updates or deletes them."""

from collections.abc import Sequence

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.kit.seals import Head
from crypto_api.ledger.documents import EntrySeal, SealAnchor
from mongodb_config import pages, seal_chain
from mongodb_config.unit_of_work import Session

_AT_ONCE = 500


async def latest_of_hashes(org_id: str, hashes: Sequence[str]) -> Head | None:
    """Of the organisation's seals with one of the hashes the last one."""
    found: list[Head] = []
    for at in range(0, len(hashes), _AT_ONCE):
        rows = await seal_chain.of_hashes(EntrySeal, org_id, hashes[at : at + _AT_ONCE])
        found += [Head(row["seq"], row["hash"]) for row in rows]
    return max(found, key=lambda head: head.seq, default=None)


async def insert(session: Session, row: SealAnchor) -> None:
    """DuplicateKeyError when the transaction is recorded already."""
    await row.insert(session=session)


async def of_transaction(org_id: str, chain_id: int, transaction_hash: str) -> SealAnchor | None:
    return await SealAnchor.find_one({"org_id": org_id, "chain_id": chain_id, "transaction_hash": transaction_hash})


async def every(org_id: str) -> list[SealAnchor]:
    """By seal: somebody sends a transaction for each, so that they are few."""
    return await SealAnchor.find({"org_id": org_id}).sort("+seq", "+_id").to_list()


async def page(org_id: str, request: PageRequest) -> Page[SealAnchor]:
    query = {"org_id": org_id}
    rows = await pages.fetch(SealAnchor, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await SealAnchor.find(query).count() if request.count else None)


async def latest(org_id: str) -> SealAnchor | None:
    """Of the last seal that has one, the first."""
    return next(iter(sorted(await every(org_id), key=lambda row: (-row.seq, row.id))), None)


async def covering(org_id: str, seq: int) -> SealAnchor | None:
    """The first that proves everything up to this seal."""
    return await SealAnchor.find({"org_id": org_id, "seq": {"$gte": seq}}).sort("+seq", "+_id").first_or_none() if seq else None
