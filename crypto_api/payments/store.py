"""Every query of the slice. What is named `…_of_network` spans organisations: the sweeper's, and a sender's, since an address on a chain is one.

A `$type` in a query repeats the condition of a partial index: without it a MongoDB does not see that the index serves.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from beanie import SortDirection
from bson.decimal128 import Decimal128
from pymongo import ReturnDocument, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt, SenderLane
from crypto_api.payments.types import Hold, Origin, PaymentKind, PaymentState
from mongodb_config import pages
from mongodb_config.base_document import encoded
from mongodb_config.client import Database
from mongodb_config.parts import in_parts
from mongodb_config.unit_of_work import Session

Row = dict[str, Any]
DUPLICATE_KEY = 11_000


# ---- payments --------------------------------------------------------------------------------------------------------------------


async def get(org_id: str, payment_id: str, session: Session | None = None) -> Payment | None:
    return await Payment.find_one({"_id": payment_id, "org_id": org_id}, session=session)


async def by_origin(org_id: str, origin: Origin, session: Session | None = None) -> Payment | None:
    query = {"org_id": org_id, "origin.kind": origin.kind, "origin.id": origin.id, "origin.component": origin.component}
    return await Payment.find_one(query, session=session)


async def attempt_with_hash(org_id: str, chain_id: int, hash_: str) -> PaymentAttempt | None:
    return await PaymentAttempt.find_one({"chain_id": chain_id, "hash": {"$type": "string", "$eq": hash_}, "org_id": org_id})


async def by_hash(org_id: str, chain_id: int, hash_: str) -> Payment | None:
    """Whose attempt has this hash."""
    row = await attempt_with_hash(org_id, chain_id, hash_)
    return await get(org_id, row.payment_id) if row is not None else None


async def by_ids(org_id: str, payment_ids: Collection[str], session: Session | None = None) -> list[Payment]:
    found: list[Payment] = []
    for part in in_parts(payment_ids):
        found += await Payment.find({"_id": {"$in": part}, "org_id": org_id}, session=session).to_list()
    return found


async def any_waits_for_approval(org_id: str, payment_ids: Collection[str]) -> bool:
    """Whether one of them does."""
    for part in in_parts(payment_ids):
        if await Payment.find({"_id": {"$in": part}, "org_id": org_id, "state": PaymentState.PENDING_APPROVAL}).count():
            return True
    return False


async def hashes_in_blocks(org_id: str, payment_ids: Collection[str]) -> list[str]:
    """Of those that stand in a block: the transaction that does."""
    query = {"_id": {"$in": list(payment_ids)}, "org_id": org_id, "block_number": {"$ne": None}}
    return [row["hash"] async for row in Payment.get_pymongo_collection().find(query, {"hash": 1})]


async def page(org_id: str, where: Row, request: PageRequest) -> Page[Payment]:
    """`where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    query: Row = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(Payment, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Payment.find(query).count() if request.count else None)


async def described(org_id: str, beginning: str, limit: int) -> list[Payment]:
    """Whose description begins so, folded; of one text the latest first."""
    where: Row = {"org_id": org_id, "description_folded": pages.begins_with(beginning)}
    return await Payment.find(where, limit=limit).sort("-description_folded", "-_id").to_list()


async def by_hash_prefix(org_id: str, beginning: str, limit: int) -> list[Payment]:
    """`beginning`: 0x and hex digits, in small letters. By the attempt that was mined, else the last one sent."""
    where: Row = {"org_id": org_id, "hash": pages.begins_with(beginning)}
    return await Payment.find(where, limit=limit).sort("+hash").to_list()


async def fold_descriptions(database: Database, after: str | None, limit: int) -> str | None:
    """For the deploy step, of payments from before they were found by it; the last id that was looked at, None when all were."""
    rows, last = database[Payment.Settings.name], None
    where: Row = {} if after is None else {"_id": {"$gt": after}}
    async for row in rows.find(where, {"description": 1, "description_folded": 1, "org_id": 1}).sort("_id", 1).limit(limit):
        last = row["_id"]
        if "description_folded" not in row:  # nobody changes a description
            folded = row.get("description", "").strip().casefold()
            await rows.update_one({"_id": last, "org_id": row["org_id"]}, {"$set": {"description_folded": folded}})
    return last


async def count(org_id: str, where: Row) -> int:
    return await Payment.find({"$and": [{"org_id": org_id}, where]}).count()


async def stopped(org_id: str) -> list[Payment]:
    """Those that nothing but a person sets going again, oldest first."""
    return await Payment.find({"org_id": org_id, "holds": Hold.NEEDS_HUMAN, "ended_at": None}).sort("+_id").to_list()


async def unconfirmed_of_origin(org_id: str, kind: str) -> list[Payment]:
    """What was prepared for that and does not stand on the chain for good: not yet, not any more, or never."""
    return await Payment.find({"org_id": org_id, "origin.kind": kind, "state": {"$ne": PaymentState.CONFIRMED}}).sort("+_id").to_list()


async def open_revocation(org_id: str, wallet_id: str) -> Payment | None:
    """What takes back the delegation of a wallet and has not ended."""
    return await Payment.find_one({"org_id": org_id, "wallet_id": wallet_id, "kind": PaymentKind.DELEGATION, "ended_at": None})


async def by_origins(org_id: str, origins: Collection[Origin], session: Session | None = None) -> dict[Origin, Payment]:
    """Those of them that have a payment."""
    if not origins:
        return {}
    ids = sorted({origin.id for origin in origins})
    query = {"org_id": org_id, "origin.kind": {"$in": sorted({origin.kind for origin in origins})}, "origin.id": {"$in": ids}}
    found = {row.origin: row for row in await Payment.find(query, session=session).to_list()}
    return {origin: found[origin] for origin in origins if origin in found}


async def paid_before(org_id: str, chain_id: int, addresses: Collection[str]) -> set[str]:
    """At which of these anything was ever paid by a payment of the organisation."""
    if not addresses:
        return set()
    asked = set(addresses)
    wanted = {"$in": sorted(asked)}
    query = {"org_id": org_id, "chain_id": chain_id, "state": PaymentState.CONFIRMED}
    query |= {"$or": [{"payee_address": wanted}, {"payees.address": wanted}]}
    found: set[str] = set()
    async for row in Payment.get_pymongo_collection().find(query, {"payee_address": 1, "payees.address": 1}):
        found |= asked & {row["payee_address"], *(payee["address"] for payee in row.get("payees", ()))}
    return found


async def values_since(org_id: str, since: datetime, session: Session | None = None) -> list[Row]:
    """`_id` and `value` of each payment made since then that has not come to nothing."""
    over = [PaymentState.DRAFT, PaymentState.REJECTED, PaymentState.CANCELLED, PaymentState.FAILED, PaymentState.REPLACED]
    query = {"org_id": org_id, "created_at": pages.not_before(since), "state": {"$nin": over}}
    return [row async for row in Payment.get_pymongo_collection().find(query, {"value": 1}, session=session)]


async def unslotted_of_sender(org_id: str, network: str, address: str, session: Session) -> list[Payment]:
    """Intents of a sender without a nonce, oldest first."""
    states = [PaymentState.PENDING_APPROVAL, PaymentState.APPROVED]
    query = {"org_id": org_id, "network": network, "from_address": address, "nonce": None, "state": {"$in": states}}
    return await Payment.find(query, session=session, sort=[("_id", SortDirection.ASCENDING)]).to_list()


async def insert(session: Session, rows: Sequence[Payment]) -> bool:
    """All or none: False when the origin of one has a payment already, which the unique index decides."""
    try:
        await Payment.get_pymongo_collection().insert_many([encoded(row) for row in rows], session=session)
    except BulkWriteError as error:
        if any(fault.get("code") == DUPLICATE_KEY for fault in error.details.get("writeErrors", [])):
            return False
        raise
    return True


async def change(session: Session, org_id: str, payment_id: str, version: int, changes: Row) -> Payment | None:
    """Compare-and-set on `version`: None when it is another by now."""
    row: Row | None = await Payment.get_pymongo_collection().find_one_and_update(
        {"_id": payment_id, "org_id": org_id, "version": version},
        {"$set": {name: Decimal128(value) if isinstance(value, Decimal) else value for name, value in changes.items()}, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return Payment.model_validate(row) if row else None


async def versions(session: Session, org_id: str, payment_ids: Collection[str]) -> dict[str, int]:
    rows = Payment.get_pymongo_collection().find({"_id": {"$in": list(payment_ids)}, "org_id": org_id}, {"version": 1}, session=session)
    return {row["_id"]: row["version"] async for row in rows}


_UNVERSIONED = ("due_at", "tries", "suspected_at")  # a postponement changes them and leaves the version


async def change_all(session: Session, rows: Sequence[tuple[Payment, Row]]) -> None:
    """Changes of payments whose versions stand in this unit of work (`versions`). One without `updated_at` is a postponement: it counts a try and
    leaves the version. Those that are changed alike are changed at once."""
    alike: dict[str, tuple[Row, Row, list[str]]] = {}
    for payment, changes in rows:
        fresh = {name: value for name, value in changes.items() if name in _UNVERSIONED or getattr(payment, name) != value}
        grows = {"version": 1} if "updated_at" in changes else {"tries": 1}
        rest = {"org_id": payment.org_id, "version": payment.version}
        _, _, ids = alike.setdefault(repr((rest, sorted(fresh.items()), grows)), (rest, {"$set": fresh, "$inc": grows}, []))
        ids.append(payment.id)
    # `_id` comes first: the embedded server chooses an index by the first field that is asked for
    writes = [
        UpdateMany({"_id": {"$in": ids}, **rest}, update) if len(ids) > 1 else UpdateOne({"_id": ids[0], **rest}, update)
        for rest, update, ids in alike.values()
    ]
    done = await Payment.get_pymongo_collection().bulk_write(writes, session=session)
    assert done.matched_count == len(rows), "their versions stand in this unit of work"


async def count_under_way_of_network(network: str, now: datetime) -> dict[PaymentState, tuple[int, int]]:
    """(how many have not ended, how many of those are due to be looked at) by state: for the figures of the installation."""
    due = {"$sum": {"$cond": [{"$lte": ["$due_at", now]}, 1, 0]}}
    stages: list[Row] = [
        {"$match": {"network": network, "due_at": {"$type": "date"}}},
        {"$group": {"_id": "$state", "count": {"$sum": 1}, "due": due}},
    ]
    rows = await Payment.get_pymongo_collection().aggregate(stages)
    return {PaymentState(row["_id"]): (int(row["count"]), int(row["due"])) async for row in rows}


_OF_PERSONS = [PaymentState.DRAFT, PaymentState.PENDING_APPROVAL]


async def senders_due_of_network(network: str, now: datetime) -> list[str]:
    """Addresses that have a payment to look at."""
    stages: list[Row] = [{"$match": {"network": network, "due_at": {"$type": "date", "$lte": now}}}, {"$group": {"_id": "$from_address"}}]
    return sorted([row["_id"] async for row in await Payment.get_pymongo_collection().aggregate(stages)])


async def due_of_network(network: str, address: str, now: datetime, limit: int) -> list[Row]:
    """(`_id`, `org_id`, `state`, `nonce`, `approved_at`, `created_at`) of what a sender has to be looked at for: most overdue first, and what waits
    for a person behind all that may go by itself."""
    shown = dict.fromkeys(("_id", "org_id", "state", "nonce", "approved_at", "created_at"), 1)
    query: Row = {"network": network, "from_address": address, "due_at": {"$type": "date", "$lte": now}}
    collection = Payment.get_pymongo_collection()
    going = await collection.find(query | {"state": {"$nin": _OF_PERSONS}}, shown).sort("due_at", 1).limit(limit).to_list()
    if len(going) == limit:
        return going
    due = await collection.find(query, shown).sort("due_at", 1).limit(limit).to_list()
    known = {row["_id"] for row in going}
    return [*going, *(row for row in due if row["_id"] not in known)][:limit]


async def next_due_of_network(network: str, after: datetime, until: datetime) -> datetime | None:
    """When the next one is due between the two: what was due before is not asked for, and may be thousands."""
    query = {"network": network, "due_at": {"$type": "date", "$gt": after, "$lte": until}}
    found = Payment.get_pymongo_collection().find(query, {"due_at": 1}).sort("due_at", 1).limit(1)
    return next((row["due_at"] for row in await found.to_list()), None)


async def make_due_of_network(session: Session, network: str, address: str, now: datetime) -> None:
    """Every payment of a sender that has not ended is looked at now."""
    query = {"network": network, "from_address": address, "due_at": {"$type": "date", "$gt": now}}
    await Payment.get_pymongo_collection().update_many(query, {"$set": {"due_at": now}}, session=session)


async def make_undone_due_of_network(session: Session, network: str, height: int, now: datetime) -> None:
    """Every payment that stood in a block above and can still be undone is looked at now: its transaction may stand nowhere any more."""
    query = {"network": network, "block_number": {"$gt": height}, "due_at": {"$type": "date", "$gt": now}}
    await Payment.get_pymongo_collection().update_many(query, {"$set": {"due_at": now}}, session=session)


async def make_due(session: Session, org_id: str, now: datetime, payee_address: str | None = None) -> None:
    """What waits is looked at now: what it waits for may have come. Of one payee, where it is given."""
    query: Row = {"org_id": org_id, "state": {"$in": [PaymentState.PENDING_APPROVAL, PaymentState.APPROVED]}, "due_at": {"$gt": now}}
    if payee_address is not None:
        query["$or"] = [{"payee_address": payee_address}, {"payees.address": payee_address}]
    await Payment.get_pymongo_collection().update_many(query, {"$set": {"due_at": now}}, session=session)


async def on_their_way_of_network(network: str, address: str) -> list[Row]:
    """(`_id`, `reserved_wei`, `token_contract`, `raw_amount`) of a sender's payments that are signed and in no block yet."""
    states = [PaymentState.SIGNED, PaymentState.BROADCAST]
    query = {"network": network, "from_address": address, "state": {"$in": states}}
    shown = {"reserved_wei": 1, "token_contract": 1, "raw_amount": 1}
    return [row async for row in Payment.get_pymongo_collection().find(query, shown)]


# ---- attempts --------------------------------------------------------------------------------------------------------------------


async def attempts(org_id: str, payment_id: str, session: Session | None = None) -> list[PaymentAttempt]:
    query = {"org_id": org_id, "payment_id": payment_id}
    return await PaymentAttempt.find(query, session=session, sort=[("number", SortDirection.ASCENDING)]).to_list()


async def attempts_of(org_id: str, payment_ids: Collection[str]) -> dict[str, list[PaymentAttempt]]:
    """By payment, in order."""
    query = {"org_id": org_id, "payment_id": {"$in": list(payment_ids)}}
    found: dict[str, list[PaymentAttempt]] = {}
    for row in await PaymentAttempt.find(query, sort=[("number", SortDirection.ASCENDING)]).to_list():
        found.setdefault(row.payment_id, []).append(row)
    return found


async def insert_attempts(session: Session, rows: Sequence[PaymentAttempt]) -> None:
    await PaymentAttempt.insert_many(rows, session=session)


async def sign_attempts(session: Session, rows: Sequence[tuple[PaymentAttempt, str, str]], now: datetime) -> int:
    """Raw bytes and hash of each; how many were stored: one that has its bytes already keeps them."""
    writes = [
        UpdateOne({"_id": attempt.id, "org_id": attempt.org_id, "raw": None, "hash": None}, {"$set": {"raw": raw, "hash": hash_, "signed_at": now}})
        for attempt, raw, hash_ in rows
    ]
    return (await PaymentAttempt.get_pymongo_collection().bulk_write(writes, session=session)).matched_count


async def note_sent(session: Session, attempts: Sequence[PaymentAttempt], now: datetime) -> None:
    """As they were read under the versions of their payments."""
    alike: dict[tuple[str, bool], list[str]] = {}
    for row in attempts:
        alike.setdefault((row.org_id, row.first_sent_at is None), []).append(row.id)
    for (org_id, first), ids in alike.items():
        sent = {"last_sent_at": now} | ({"first_sent_at": now} if first else {})
        query = {"_id": {"$in": ids}, "org_id": org_id}
        await PaymentAttempt.get_pymongo_collection().update_many(query, {"$set": sent, "$inc": {"sends": 1}}, session=session)


async def delete_unsigned_attempts(session: Session, payments: Sequence[Payment]) -> None:
    for org_id in {payment.org_id for payment in payments}:
        of_org = [payment.id for payment in payments if payment.org_id == org_id]
        query = {"org_id": org_id, "payment_id": {"$in": of_org}, "hash": None}
        await PaymentAttempt.get_pymongo_collection().delete_many(query, session=session)


# ---- nonces ----------------------------------------------------------------------------------------------------------------------


def lane_id(chain_id: int, address: str) -> str:
    return f"eip155:{chain_id}:{address}"


async def lane(chain_id: int, address: str, session: Session | None = None) -> SenderLane | None:
    return await SenderLane.find_one({"_id": lane_id(chain_id, address)}, session=session)


async def hold_lane(session: Session, chain_id: int, address: str, fence: int, now: datetime) -> SenderLane | None:
    """The lane, which this unit of work now conflicts with any other about; None when it belongs to a later hand."""
    key = {"_id": lane_id(chain_id, address)}
    rows = SenderLane.get_pymongo_collection()
    held = {"$set": {"fence": fence}, "$inc": {"handed": 1}}
    row: Row | None = await rows.find_one_and_update(key | {"fence": {"$lte": fence}}, held, return_document=ReturnDocument.AFTER, session=session)
    if row is None:
        fresh = {
            "created_at": now,
            "chain_id": chain_id,
            "address": address,
            "fence": 0,
            "known_nonce": None,
            "handed": 0,
            "unsigned_from": None,
            "frozen_reason": None,
        }
        await rows.update_one(key, {"$setOnInsert": fresh}, upsert=True, session=session)
        row = await rows.find_one_and_update(key | {"fence": {"$lte": fence}}, held, return_document=ReturnDocument.AFTER, session=session)
    return SenderLane.model_validate(row) if row else None


async def freeze_lane(session: Session, chain_id: int, address: str, reason: str, known_nonce: int, now: datetime) -> None:
    """Whatever its state: nothing is signed in it until a person has looked. `known_nonce` where it has none yet."""
    fresh = {"created_at": now, "chain_id": chain_id, "address": address, "fence": 0, "unsigned_from": None}
    key = {"_id": lane_id(chain_id, address)}
    rows = SenderLane.get_pymongo_collection()
    change = {"$set": {"frozen_reason": reason}, "$inc": {"handed": 1}, "$setOnInsert": fresh | {"known_nonce": None}}
    await rows.update_one(key, change, upsert=True, session=session)
    await rows.update_one(key | {"known_nonce": None}, {"$set": {"known_nonce": known_nonce}}, session=session)


async def set_lane(session: Session, lane_: SenderLane, changes: Row) -> bool:
    """Compare-and-set on what was read."""
    done = await SenderLane.get_pymongo_collection().update_one(
        {"_id": lane_.id, "handed": lane_.handed}, {"$set": changes, "$inc": {"handed": 1}}, session=session
    )
    return done.matched_count == 1


async def lanes_that_do_not_say(database: Database, after: str | None, limit: int) -> list[str]:
    """Ids of those from before several nonces were given out at once, in order, for the deploy step: no document is ready then."""
    query: Row = {"unsigned_from": {"$exists": False}, **({} if after is None else {"_id": {"$gt": after}})}
    return [row["_id"] async for row in database[SenderLane.Settings.name].find(query, {"_id": 1}).sort("_id", 1).limit(limit)]


async def note_unsigned(database: Database, lane: str) -> None:
    """Writes into such a lane which of its nonces is given out and not signed. Safe to repeat, and beside a process that moves the lane."""
    lanes, slots, payments = (database[kind.Settings.name] for kind in (SenderLane, NonceSlot, Payment))
    while row := await lanes.find_one({"_id": lane, "unsigned_from": {"$exists": False}}):
        first: int | None = None
        of_sender = {"chain_id": row["chain_id"], "address": row["address"], "live": True}
        async for slot in slots.find(of_sender).sort("nonce", 1):
            holder = {"_id": slot["payment_id"], "org_id": slot["owner_org_id"], "nonce": slot["nonce"], "hash": None}
            if await payments.find_one(holder, {"_id": 1}):
                first = slot["nonce"]
                break
        unmoved = {"_id": lane, "handed": row.get("handed"), "unsigned_from": {"$exists": False}}  # None finds those that never had it, too
        await lanes.update_one(unmoved, {"$set": {"unsigned_from": first}, "$inc": {"handed": 1}})


async def last_slot(session: Session, chain_id: int, address: str) -> NonceSlot | None:
    query = {"chain_id": chain_id, "address": address}
    rows = await NonceSlot.find(query, session=session, sort=[("nonce", SortDirection.DESCENDING)], limit=1).to_list()
    return rows[0] if rows else None


async def slots_from(session: Session, chain_id: int, address: str, nonce: int) -> list[NonceSlot]:
    query = {"chain_id": chain_id, "address": address, "nonce": {"$gte": nonce}}
    return await NonceSlot.find(query, session=session, sort=[("nonce", SortDirection.ASCENDING)]).to_list()


async def live_slots(session: Session, chain_id: int, address: str) -> list[NonceSlot]:
    query = {"chain_id": chain_id, "address": address, "live": True}
    return await NonceSlot.find(query, session=session, sort=[("nonce", SortDirection.ASCENDING)]).to_list()


async def slot(chain_id: int, address: str, nonce: int, session: Session | None = None) -> NonceSlot | None:
    return await NonceSlot.find_one({"_id": f"{lane_id(chain_id, address)}:{nonce}"}, session=session)


async def insert_slots(session: Session, rows: Sequence[NonceSlot]) -> None:
    """DuplicateKeyError when a nonce is another payment's, or a payment has a live one: the unique indexes decide."""
    try:
        await NonceSlot.insert_many(rows, session=session)
    except BulkWriteError as error:
        if any(fault.get("code") == DUPLICATE_KEY for fault in error.details.get("writeErrors", [])):
            raise DuplicateKeyError(str(error)) from error
        raise


async def delete_slots(session: Session, ids: Sequence[str]) -> None:
    await NonceSlot.get_pymongo_collection().delete_many({"_id": {"$in": list(ids)}}, session=session)


def slot_id(payment: Payment) -> str:
    return f"{lane_id(payment.chain_id, payment.from_address)}:{payment.nonce}"


async def set_slots(session: Session, ids: Sequence[str], *, live: bool) -> None:
    """Settled by a receipt in a final block, or opened again since that was undone."""
    await NonceSlot.get_pymongo_collection().update_many({"_id": {"$in": list(ids)}}, {"$set": {"live": live}}, session=session)
