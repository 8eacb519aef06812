"""Every query of the slice. Chains are shared by all organisations, so nothing here takes an organisation."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pymongo import DeleteMany, ReplaceOne

from crypto_api.chains.documents import ChainBlock, ChainCursor, ChainProvider, FollowState, TokenContract
from crypto_api.chains.types import BlockRange, Position
from crypto_api.kit.ethereum import BlockHeader
from crypto_api.kit.networks import ProviderHealth
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

BLOCKS_KEPT = 256


def block_id(chain_id: int, block_hash: str) -> str:
    return f"eip155:{chain_id}:{block_hash}"


async def cursors() -> list[ChainCursor]:
    return await ChainCursor.find_all().sort("+_id").to_list()


async def cursor(network: str) -> ChainCursor | None:
    return await ChainCursor.get(network)


async def start(network: str, chain_id: int, headers: Sequence[BlockHeader], now: datetime) -> None:
    """Makes the cursor at the last of `headers` unless the network has one; the others are what a reorganisation may go back to.
    Harmless when done twice."""
    rows = [_stored(network, chain_id, header, now) for header in headers]
    await ChainBlock.get_pymongo_collection().bulk_write([ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in rows])
    last = headers[-1]
    row = ChainCursor(
        id=network,
        created_at=now,
        chain_id=chain_id,
        height=last.number,
        hash=last.hash,
        head=last.number,
        confirmed=last.number,
        first_height=last.number,
        processed_at=now,
    )
    fields = encoded(row)
    fields.pop("_id")
    await ChainCursor.get_pymongo_collection().update_one({"_id": network}, {"$setOnInsert": fields}, upsert=True)


async def move_cursor(
    session: Session, network: str, *, expected: Position, to: Position, head: int, now: datetime, openings: int | None = None
) -> bool:
    """Compare-and-set: False when the cursor no longer stands at `expected`, or counts other openings of wallets than `openings`, where
    that is given: whoever looked for less than is watched by now stores nothing."""
    changes: dict[str, Any] = {"height": to.height, "hash": to.hash, "head": head, "processed_at": now, "reason": None}
    changes["state"] = FollowState.FOLLOWING if to.height >= head else FollowState.CATCHING_UP
    where: dict[str, Any] = {"_id": network, "height": expected.height, "hash": expected.hash}
    if openings is not None:
        where["openings"] = openings or {"$in": [0, None]}  # a cursor from before they were counted has none
    done = await ChainCursor.get_pymongo_collection().update_one(where, {"$set": changes}, session=session)
    return done.matched_count == 1


async def hold_cursor(session: Session, network: str, position: Position) -> bool:
    """Makes this unit of work conflict with any that moves the cursor; False when it already stands elsewhere."""
    return await _hold(session, network, position, {"held": 1})


async def count_opening(session: Session, network: str, position: Position) -> bool:
    """The same, and says that a wallet is opened here: whoever does not know of it takes no block after it."""
    return await _hold(session, network, position, {"held": 1, "openings": 1})


async def _hold(session: Session, network: str, position: Position, counted: dict[str, int]) -> bool:
    done = await ChainCursor.get_pymongo_collection().update_one(
        {"_id": network, "height": position.height, "hash": position.hash}, {"$inc": counted}, session=session
    )
    return done.matched_count == 1


async def set_state(network: str, state: FollowState, reason: str | None = None, head: int | None = None) -> None:
    """Says how following goes; never moves the cursor."""
    changes: dict[str, Any] = {"state": state, "reason": reason}
    if head is not None:
        changes["head"] = head
    await ChainCursor.get_pymongo_collection().update_one({"_id": network}, {"$set": changes})


async def record_blocks(session: Session, network: str, chain_id: int, headers: Sequence[BlockHeader], now: datetime) -> None:
    """A block that comes back after it was orphaned is canonical again."""
    collection = ChainBlock.get_pymongo_collection()
    rows = {block_id(chain_id, header.hash): header for header in headers[-BLOCKS_KEPT:]}
    known = [row["_id"] async for row in collection.find({"_id": {"$in": list(rows)}}, {"_id": 1}, session=session)]
    if known:
        await collection.update_many({"_id": {"$in": known}}, {"$set": {"orphaned": False}}, session=session)
    if fresh := [_stored(network, chain_id, header, now) for id_, header in rows.items() if id_ not in known]:
        await collection.insert_many(fresh, session=session)


async def anchor(session: Session, network: str, *, expected: Position, to: Position, gap: BlockRange, now: datetime) -> bool:
    """Puts the cursor on a block that does not stand on ours, as a person decided; what is below it was never compared with the chain as it is."""
    done = await ChainCursor.get_pymongo_collection().update_one(
        {"_id": network, "height": expected.height, "hash": expected.hash},
        {
            "$set": {"height": to.height, "hash": to.hash, "processed_at": now, "state": FollowState.CATCHING_UP, "reason": None},
            "$push": {"gaps": encoded(gap)},
        },
        session=session,
    )
    return done.matched_count == 1


async def set_gaps(session: Session, network: str, before: Sequence[BlockRange], after: Sequence[BlockRange]) -> bool:
    """Compare-and-set: False when they are others by now."""
    done = await ChainCursor.get_pymongo_collection().update_one(
        {"_id": network, "gaps": [encoded(row) for row in before]}, {"$set": {"gaps": [encoded(row) for row in after]}}, session=session
    )
    return done.matched_count == 1


async def orphan_block(session: Session, chain_id: int, block_hash: str) -> None:
    await ChainBlock.get_pymongo_collection().update_one({"_id": block_id(chain_id, block_hash)}, {"$set": {"orphaned": True}}, session=session)


async def canonical_blocks(network: str, from_height: int) -> list[ChainBlock]:
    """Processed and not orphaned, from that height on, highest first, as far down as they are kept without a gap."""
    rows = await ChainBlock.find({"network": network, "orphaned": False, "number": {"$gte": from_height}}).sort("-number").to_list()
    return [row for below, row in enumerate(rows) if row.number == rows[0].number - below]


async def highest_canonical(network: str, up_to: int) -> ChainBlock | None:
    """The highest block at or below that height that is kept, whatever is missing above it."""
    return await ChainBlock.find({"network": network, "orphaned": False, "number": {"$lte": up_to}}).sort("-number").first_or_none()


async def canonical_block(network: str, number: int) -> ChainBlock | None:
    return await ChainBlock.find_one({"network": network, "orphaned": False, "number": number})


async def canonical_hash(network: str, number: int) -> str | None:
    block: ChainBlock | None = await canonical_block(network, number)
    return block.hash if block is not None else None


async def canonical_hashes(network: str, numbers: Collection[int]) -> dict[int, str]:
    """By number, of those blocks that are kept."""
    rows = await ChainBlock.find({"network": network, "orphaned": False, "number": {"$in": sorted(numbers)}}).to_list()
    return {row.number: row.hash for row in rows}


async def set_confirmed(network: str, height: int) -> None:
    await ChainCursor.get_pymongo_collection().update_one({"_id": network}, {"$max": {"confirmed": height}})


async def set_tags(network: str, safe: int | None, final: int | None) -> None:
    """What the network calls so. A safe block may be replaced by a lower one, a final one never."""
    change: dict[str, Any] = {"$set": {"safe": safe}} if safe is not None else {}
    if final is not None:
        change["$max"] = {"told_final": final}
    if change:
        await ChainCursor.get_pymongo_collection().update_one({"_id": network}, change)


async def forget_blocks_below(network: str, height: int) -> None:
    """Drops headers deeper than any reorganisation that is undone by itself."""
    await ChainBlock.get_pymongo_collection().delete_many({"network": network, "number": {"$lt": height}})


async def tokens(network: str, contracts: Iterable[str]) -> list[TokenContract]:
    return await TokenContract.find({"network": network, "address": {"$in": list(contracts)}}).to_list()


async def tokens_by_id(network: str, ids: Iterable[str]) -> list[TokenContract]:
    return await TokenContract.find({"network": network, "_id": {"$in": sorted(ids)}}).to_list()


async def pin_token(row: TokenContract) -> None:
    """The first facts read stay: a contract that changes its name later changes nothing here. What is said against its logs stays as well."""
    fields = row.model_dump(by_alias=True)
    key, against = fields.pop("_id"), {"by_balance": fields.pop("by_balance")}
    change = {"$setOnInsert": fields, "$set": against} if row.by_balance else {"$setOnInsert": fields | against}
    await TokenContract.get_pymongo_collection().update_one({"_id": key}, change, upsert=True)


async def put_providers(network: str, reports: Sequence[ProviderHealth], now: datetime) -> None:
    """How the network's providers do; those that are no longer named are forgotten."""
    rows: list[ReplaceOne[dict[str, Any]] | DeleteMany] = [
        ReplaceOne(
            {"_id": f"{network}:{place}"}, {"created_at": now, "network": network, "place": place, "seen_at": now, **asdict(report)}, upsert=True
        )
        for place, report in enumerate(reports)
    ]
    rows.append(DeleteMany({"network": network, "place": {"$gte": len(reports)}}))
    await ChainProvider.get_pymongo_collection().bulk_write(rows, ordered=False)


async def providers() -> list[ChainProvider]:
    """Of every network, in order of preference."""
    return await ChainProvider.find_all().sort("+network", "+place").to_list()


def _stored(network: str, chain_id: int, header: BlockHeader, now: datetime) -> dict[str, Any]:
    return {
        "_id": block_id(chain_id, header.hash),
        "created_at": now,
        "network": network,
        "number": header.number,
        "hash": header.hash,
        "parent_hash": header.parent_hash,
        "timestamp": datetime.fromtimestamp(header.timestamp, UTC),
        "orphaned": False,
    }
