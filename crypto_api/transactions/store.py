"""Every query of the slice. Those of the follower span organisations, since a block does; they are named `…_of_network` or `…_in_block`."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from beanie import SortDirection
from pymongo import ASCENDING, InsertOne, UpdateOne

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import (
    BROUGHT,
    Agreement,
    Booked,
    Booking,
    Direction,
    Finality,
    Movement,
    MovementKind,
    Origin,
    Status,
    Suspended,
    status_of,
)
from mongodb_config import pages
from mongodb_config.base_document import encoded
from mongodb_config.client import Database
from mongodb_config.unit_of_work import Session

_AT_ONCE = 200
_CHAIN_ORDER = [(field, SortDirection.ASCENDING) for field in ("block_number", "index", "_id")]


def transaction_id(org_id: str, chain_id: int, hash_: str) -> str:
    return f"{org_id}:eip155:{chain_id}:{hash_}"


def adjustment_id(org_id: str, chain_id: int, block_hash: str, wallet_id: str, asset: str) -> str:
    return f"{org_id}:eip155:{chain_id}:{block_hash}:{wallet_id}:{asset}"


# ---- reads of one organisation ---------------------------------------------------------------------------------------------------


async def get(org_id: str, row_id: str) -> Transaction | None:
    return await Transaction.find_one({"_id": row_id, "org_id": org_id})


async def by_ids(org_id: str, row_ids: Sequence[str], session: Session | None = None) -> list[Transaction]:
    return await Transaction.find({"_id": {"$in": list(row_ids)}, "org_id": org_id}, session=session).to_list()


async def of_payment(org_id: str, payment_id: str) -> list[Transaction]:
    """What a payment of ours made on the chain."""
    return await Transaction.find({"org_id": org_id, "payment_id": {"$eq": payment_id, "$type": "string"}}).to_list()


async def by_hash_prefix(org_id: str, beginning: str, limit: int) -> list[Transaction]:
    """`beginning`: 0x and hex digits, in small letters. Also spam and what left the chain: whoever has a hash wants to know what it is."""
    where = {"org_id": org_id, "hash": pages.begins_with(beginning)}
    return await Transaction.find(where, limit=limit).sort("+hash").to_list()


async def page(org_id: str, where: dict[str, Any], request: PageRequest) -> Page[Transaction]:
    """`where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    query: dict[str, Any] = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(Transaction, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    more = len(rows) > request.limit
    rows = rows[: request.limit]
    cursor = request.cursor_after(getattr(rows[-1], request.sort, rows[-1].id), rows[-1].id) if more else None
    total = await Transaction.find(query).count() if request.count else None
    return Page(rows, cursor, total)


async def moved_between(org_id: str, wallet_id: str, network: str, after: int, up_to: int) -> AsyncIterator[tuple[int, list[Movement]]]:
    """Block and movements of each row of a wallet in the blocks after the one and up to the other: there may be more than memory holds."""
    query = _of_wallet(org_id, wallet_id, network, after, up_to)
    async for row in Transaction.get_pymongo_collection().find(query, {"block_number": 1, "movements": 1}):
        yield row["block_number"], [Movement(**movement) for movement in row["movements"]]


async def of_wallet_between(org_id: str, wallet_id: str, network: str, after: int, up_to: int) -> list[Transaction]:
    """What stands in the blocks after the one and up to the other. The embedded server leaves out what equals the upper end of a range when an index
    goes on behind that field: it is asked for what is below the next."""
    return await Transaction.find(_of_wallet(org_id, wallet_id, network, after, up_to)).to_list()


def _of_wallet(org_id: str, wallet_id: str, network: str, after: int, up_to: int) -> dict[str, Any]:
    standing = {"network": network, "block_number": {"$gt": after, "$lt": up_to + 1}, "finality": {"$ne": Finality.ORPHANED}}
    return {"org_id": org_id, "wallet_ids": wallet_id, **standing}


async def of_org_between(org_id: str, network: str, after: int, up_to: int) -> list[Transaction]:
    """Whatever stands, or stood, in the blocks after the one and up to the other."""
    return await Transaction.find({"org_id": org_id, "network": network, "block_number": {"$gt": after, "$lt": up_to + 1}}).to_list()


async def count(org_id: str, where: dict[str, Any] | None = None) -> int:
    return await Transaction.find({"org_id": org_id, **(where or {})}).count()


async def any_booked_as(org_id: str, categories: Collection[str]) -> bool:
    where = {"org_id": org_id, "category": {"$in": sorted(categories)}, "booking": Booking.DONE}
    return await Transaction.get_pymongo_collection().find_one(where, {"_id": 1}) is not None


async def count_by_status(org_id: str) -> dict[Status, int]:
    """How many show each status, those without any left out."""
    group = {"$group": {"_id": {"finality": "$finality", "succeeded": "$succeeded"}, "count": {"$sum": 1}}}
    rows = await Transaction.get_pymongo_collection().aggregate([{"$match": {"org_id": org_id}}, group])
    counts: Counter[Status] = Counter()
    async for row in rows:
        counts[status_of(Finality(row["_id"]["finality"]), succeeded=row["_id"]["succeeded"])] += row["count"]
    return dict(counts)


async def in_suspense(org_id: str) -> list[Suspended]:
    """Booked, and nobody said yet what they are."""
    shown = {"hash": 1, "network": 1, "timestamp": 1, "explanation": 1, "model": 1, "suggestion": 1, "movements.direction": 1, "movements.kind": 1}
    query = {"org_id": org_id, "category": "unclassified", "booking": Booking.DONE}
    return [_suspended(row) async for row in Transaction.get_pymongo_collection().find(query, shown)]


def _suspended(row: dict[str, Any]) -> Suspended:
    moved = {part["direction"] for part in row["movements"] if part["kind"] != MovementKind.GAS}
    return Suspended(
        row["_id"],
        row["hash"],
        row["network"],
        row["timestamp"],
        row["explanation"],
        row["model"],
        both_ways={Direction.IN, Direction.OUT} <= moved,
        suggestion=row.get("suggestion"),
    )


async def decided_by_machines(org_id: str, sources: Sequence[str]) -> AsyncIterator[Transaction]:
    """What stands in the books, came from a chain and was decided by one of these, latest first. What changes meanwhile comes as it is then."""
    where = {"org_id": org_id, "booking": Booking.DONE, "category_source": {"$in": list(sources)}, "origin": Origin.TRANSACTION}
    order = [("timestamp", SortDirection.DESCENDING), ("_id", SortDirection.DESCENDING)]
    ids = [row["_id"] async for row in Transaction.get_pymongo_collection().find(where, {"_id": 1}, sort=order)]
    for at in range(0, len(ids), _AT_ONCE):
        found = {row.id: row for row in await by_ids(org_id, ids[at : at + _AT_ONCE])}
        for row_id in ids[at : at + _AT_ONCE]:
            if row_id in found:
                yield found[row_id]


async def waiting(org_id: str) -> list[Transaction]:
    """What is neither booked nor confirmed until providers agree; of many, those that stand first in the chain."""
    return await Transaction.find({"org_id": org_id, "agreement": Agreement.WANTED}, sort=_CHAIN_ORDER, limit=100).to_list()


async def any_waiting(session: Session, org_id: str, network: str) -> bool:
    """Whether anything of the organisation waits there until providers agree."""
    return await Transaction.find_one({"org_id": org_id, "network": network, "agreement": Agreement.WANTED}, session=session) is not None


async def any_due(session: Session, org_id: str, network: str) -> bool:
    """Whether anything of the organisation waits to be booked there."""
    return await Transaction.find_one({"org_id": org_id, "network": network, "booking": Booking.DUE}, session=session) is not None


# ---- the follower ----------------------------------------------------------------------------------------------------------------


async def stored_of_network(session: Session, ids: Sequence[str]) -> dict[str, Transaction]:
    rows = await Transaction.find({"_id": {"$in": list(ids)}}, session=session).to_list()
    return {row.id: row for row in rows}


async def standing_of_network(network: str, numbers: Collection[int]) -> dict[int, str]:
    """By number, the hash of those of these blocks in which a row stands."""
    query = {"network": network, "block_number": {"$in": sorted(numbers)}, "finality": {"$ne": Finality.ORPHANED}, "origin": Origin.TRANSACTION}
    rows = Transaction.get_pymongo_collection().find(query, {"block_number": 1, "block_hash": 1})
    return {row["block_number"]: row["block_hash"] async for row in rows}


async def put_in_block(session: Session, new: Iterable[Transaction], returned: Iterable[tuple[Transaction, Transaction]]) -> None:
    """Inserts `new`; moves each `returned` (as it stands, as it is now) into its new block. What a person decided about it stays."""
    writes: list[InsertOne[dict[str, Any]] | UpdateOne] = [InsertOne(encoded(row)) for row in new]
    for before, now in returned:
        fields = encoded(now)
        chain_facts = {name: fields[name] for name in _CHAIN_FACTS}
        writes.append(
            UpdateOne(
                {"_id": before.id, "org_id": before.org_id, "finality": Finality.ORPHANED},
                {"$set": {**chain_facts, "booking": Booking.DUE, "booked_at": None}, "$inc": {"version": 1}},
            )
        )
    if writes:
        await Transaction.get_pymongo_collection().bulk_write(writes, session=session)


async def complete(session: Session, before: Transaction, now: Transaction) -> bool:
    """Puts what was found later into a row that stands in the same block; it is due for booking again. False when somebody changed it meanwhile."""
    fields = encoded(now)
    done = await Transaction.get_pymongo_collection().update_one(
        {"_id": before.id, "org_id": before.org_id, "block_hash": now.block_hash, "version": before.version},
        {"$set": {name: fields[name] for name in _MOVED} | {"booking": Booking.DUE, "booked_at": None}, "$inc": {"version": 1}},
        session=session,
    )
    return done.modified_count == 1


async def in_block(session: Session, network: str, number: int, block_hash: str) -> list[Transaction]:
    query = {"network": network, "block_number": number, "block_hash": block_hash, "finality": {"$ne": Finality.ORPHANED}}
    return await Transaction.find(query, session=session, sort=[("index", SortDirection.ASCENDING)]).to_list()


async def orphan(session: Session, row: Transaction, now: datetime) -> None:
    """Takes it out of its block. The row stays, and says where it stood."""
    past = {"block_number": row.block_number, "block_hash": row.block_hash, "orphaned_at": now}
    booking = Booking.REVERSED if row.booking is Booking.DONE else Booking.NONE
    await Transaction.get_pymongo_collection().update_one(
        {"_id": row.id, "org_id": row.org_id, "block_hash": row.block_hash},
        {
            "$set": {"finality": Finality.ORPHANED, "booking": booking, "agreement": Agreement.NOT_NEEDED, "waits": None},
            "$push": {"past_inclusions": past},
            "$inc": {"version": 1},
        },
        session=session,
    )


async def between_of_network(network: str, after: int, up_to: int) -> list[Transaction]:
    """Whatever stands, or stood, in the blocks after the one and up to the other."""
    return await Transaction.find({"network": network, "block_number": {"$gt": after, "$lt": up_to + 1}}, sort=_CHAIN_ORDER).to_list()


async def waiting_of_network(network: str, limit: int) -> list[Transaction]:
    """Neither booked nor confirmed until providers agree, in the order of the chain."""
    return await Transaction.find({"network": network, "agreement": Agreement.WANTED}, sort=_CHAIN_ORDER, limit=limit).to_list()


async def put_agreement(session: Session, row: Transaction, agreement: Agreement, waits: str | None) -> bool:
    """False when it left its block, or was completed, meanwhile."""
    done = await Transaction.get_pymongo_collection().update_one(
        {"_id": row.id, "org_id": row.org_id, "block_hash": row.block_hash, "agreement": Agreement.WANTED, "version": row.version},
        {"$set": {"agreement": agreement, "waits": waits}, "$inc": {"version": 1}},
        session=session,
    )
    return done.modified_count == 1


async def due_for_booking_of_network(network: str, limit: int, without: Iterable[str] = ()) -> list[Transaction]:
    """Stored and not yet booked, in the order of the chain; `without` names organisations."""
    query: dict[str, Any] = {"network": network, "booking": Booking.DUE}
    if left_out := sorted(without):
        query["org_id"] = {"$nin": left_out}
    return await Transaction.find(query, sort=_CHAIN_ORDER, limit=limit).to_list()


async def unconfirmed_of_network(network: str, up_to_height: int, limit: int) -> list[Transaction]:
    """Without those that wait until providers agree."""
    query = {
        "network": network,
        "finality": Finality.PENDING,
        "block_number": {"$lte": up_to_height},
        "agreement": {"$ne": Agreement.WANTED},
    }
    return await Transaction.find(query, sort=_CHAIN_ORDER, limit=limit).to_list()


async def confirm(session: Session, org_id: str, rows: Sequence[Transaction]) -> set[str]:
    """Those that it confirmed: what left its block meanwhile is not among them."""
    blocks = {row.id: row.block_hash for row in rows}
    query = {"_id": {"$in": list(blocks)}, "org_id": org_id, "finality": Finality.PENDING}
    found = Transaction.get_pymongo_collection().find(query, {"block_hash": 1}, session=session)
    standing = {row["_id"] async for row in found if row["block_hash"] == blocks[row["_id"]]}
    change = {"$set": {"finality": Finality.CONFIRMED}, "$inc": {"version": 1}}
    # by the snapshot of the look: where one of them is changed meanwhile, the unit of work runs again
    await Transaction.get_pymongo_collection().update_many({"_id": {"$in": sorted(standing)}, "org_id": org_id}, change, session=session)
    return standing


async def undecided_of_network(
    network: str, booked_before: datetime, limit: int, scope: OrgScope = EVERYBODY, *, without: Iterable[str] = ()
) -> list[Transaction]:
    """Booked in suspense, and no model was heard about it; latest first. `without` names rows."""
    query = {"network": network, "category": "unclassified", "category_source": "none", "model": None, "booking": Booking.DONE}
    where: dict[str, Any] = query | {"booked_at": {"$lt": booked_before}} | scope.filter()
    if left_out := sorted(without):
        where["_id"] = {"$nin": left_out}
    return await Transaction.find(where, sort=[("block_number", SortDirection.DESCENDING)], limit=limit).to_list()


async def said_by_people(database: Database, after: str | None, limit: int) -> list[dict[str, Any]]:
    """Rows of a chain that a person decided, by id, as they are stored: for the deploy step, when no document is ready."""
    query: dict[str, Any] = {"category_source": "person", "origin": {"$in": [Origin.TRANSACTION.value, None]}}
    if after is not None:
        query["_id"] = {"$gt": after}
    return [row async for row in database[Transaction.Settings.name].find(query).sort("_id", ASCENDING).limit(limit)]


async def insert_made(session: Session, rows: Sequence[Transaction]) -> None:
    """What a person brought, with its booking. Two at the same moment meet at its id; the unit of work that loses runs again."""
    await Transaction.get_pymongo_collection().insert_many([encoded(row) for row in rows], session=session)


async def remove_made(session: Session, row: Transaction) -> bool:
    """Only what a person brought. False when it was changed, or removed, meanwhile."""
    where = {"_id": row.id, "org_id": row.org_id, "origin": {"$in": sorted(BROUGHT)}, "version": row.version}
    done = await Transaction.get_pymongo_collection().delete_one(where, session=session)
    return done.deleted_count == 1


async def replace_made(session: Session, before: Transaction, now: Transaction) -> bool:
    """Only what a person brought: as they say now. False when it was changed, or removed, meanwhile."""
    fields = {name: value for name, value in encoded(now).items() if name not in ("_id", "org_id", "origin", "version", "created_at")}
    done = await Transaction.get_pymongo_collection().update_one(
        {"_id": before.id, "org_id": before.org_id, "origin": {"$in": sorted(BROUGHT)}, "version": before.version},
        {"$set": fields, "$inc": {"version": 1}},
        session=session,
    )
    return done.modified_count == 1


# ---- booking ---------------------------------------------------------------------------------------------------------------------


async def mark_booked(session: Session, org_id: str, booked: Sequence[Booked], now: datetime) -> bool:
    """False when one is no longer due in its block: another run was first, the block is gone, or a person said something about it
    meanwhile. The unit of work is to be rolled back then."""
    changes = [
        UpdateOne(
            {"_id": one.row_id, "org_id": org_id, "block_hash": one.block_hash, "booking": Booking.DUE, "version": one.version},
            {
                "$set": {
                    "booking": one.booking,
                    "booked_at": now,
                    "unpriced": one.unpriced,
                    "movements": [encoded(movement) for movement in one.movements],
                    **one.decision,
                },
                "$push": {"entry_ids": {"$each": [one.entry_id] if one.entry_id is not None else []}},
                "$inc": {"version": 1},
            },
        )
        for one in booked
    ]
    done = await Transaction.get_pymongo_collection().bulk_write(changes, session=session)
    return done.modified_count == len(booked)


async def revalue(session: Session, row: Transaction, movements: Sequence[Movement], entry_id: str, unpriced: bool) -> bool:
    """Its movements with other values, and the entry that stands for them; compare-and-set on `version`."""
    done = await Transaction.get_pymongo_collection().update_one(
        {"_id": row.id, "org_id": row.org_id, "version": row.version, "booking": Booking.DONE},
        {
            "$set": {"movements": [encoded(movement) for movement in movements], "unpriced": unpriced},
            "$push": {"entry_ids": entry_id},
            "$inc": {"version": 1},
        },
        session=session,
    )
    return done.modified_count == 1


async def annotate(session: Session, org_id: str, row_id: str, version: int, changes: dict[str, Any]) -> bool:
    """Sets category fields and note by compare-and-set on `version`; never what came from the chain."""
    done = await Transaction.get_pymongo_collection().update_one(
        {"_id": row_id, "org_id": org_id, "version": version}, {"$set": changes, "$inc": {"version": 1}}, session=session
    )
    return done.modified_count == 1


_MOVED = ("movements", "movements_left_out", "actions", "actions_left_out", "input", "wallet_ids", "assets", "agreement", "waits")
_CHAIN_FACTS = (
    "block_number",
    "block_hash",
    "index",
    "timestamp",
    "stored_at",
    "nonce",
    "succeeded",
    "finality",
    "gas_fee_raw",
    "movements",
    "movements_left_out",
    "actions",
    "actions_left_out",
    "input",
    "wallet_ids",
    "assets",
    "agreement",
    "waits",
)
