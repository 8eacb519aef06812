"""Every query of the slice. What is named `…_of_network` spans organisations: the sweeper's, and a sender's, since an address on a chain is one."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from beanie import SortDirection
from bson.decimal128 import Decimal128
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt, SenderLane
from crypto_api.payments.types import Hold, Origin, PaymentState
from mongodb_config import pages
from mongodb_config.unit_of_work import Session

Row = dict[str, Any]


# ---- payments --------------------------------------------------------------------------------------------------------------------


async def get(org_id: str, payment_id: str, session: Session | None = None) -> Payment | None:
    return await Payment.find_one({"_id": payment_id, "org_id": org_id}, session=session)


async def by_origin(org_id: str, origin: Origin, session: Session | None = None) -> Payment | None:
    query = {"org_id": org_id, "origin.kind": origin.kind, "origin.id": origin.id, "origin.component": origin.component}
    return await Payment.find_one(query, session=session)


async def by_hash(org_id: str, chain_id: int, hash_: str) -> Payment | None:
    """Whose attempt has this hash."""
    row = await PaymentAttempt.find_one({"org_id": org_id, "chain_id": chain_id, "hash": hash_})
    return await get(org_id, row.payment_id) if row is not None else None


async def by_ids(org_id: str, payment_ids: Collection[str]) -> list[Payment]:
    return await Payment.find({"_id": {"$in": list(payment_ids)}, "org_id": org_id}).to_list()


async def page(org_id: str, where: Row, request: PageRequest) -> Page[Payment]:
    """`where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    query: Row = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(Payment, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Payment.find(query).count() if request.count else None)


async def count(org_id: str, where: Row) -> int:
    return await Payment.find({"$and": [{"org_id": org_id}, where]}).count()


async def stopped(org_id: str) -> list[Payment]:
    """Those that nothing but a person sets going again, oldest first."""
    return await Payment.find({"org_id": org_id, "holds": Hold.NEEDS_HUMAN, "ended_at": None}).sort("+_id").to_list()


async def paid_before(org_id: str, chain_id: int, address: str) -> bool:
    """Whether anything was ever paid there by a payment of the organisation."""
    query = {"org_id": org_id, "chain_id": chain_id, "payee_address": address, "state": PaymentState.CONFIRMED}
    return await Payment.find_one(query) is not None


async def values_since(org_id: str, since: datetime, but: str | None, session: Session | None = None) -> list[Row]:
    """`value` of each payment made since then that has not come to nothing."""
    over = [PaymentState.DRAFT, PaymentState.REJECTED, PaymentState.CANCELLED, PaymentState.FAILED, PaymentState.REPLACED]
    query = {"org_id": org_id, "created_at": pages.not_before(since), "state": {"$nin": over}, "_id": {"$ne": but}}
    return [row async for row in Payment.get_pymongo_collection().find(query, {"value": 1}, session=session)]


async def unslotted_of_sender(org_id: str, network: str, address: str, session: Session) -> list[Payment]:
    """Intents of a sender without a nonce, oldest first."""
    states = [PaymentState.PENDING_APPROVAL, PaymentState.APPROVED]
    query = {"org_id": org_id, "network": network, "from_address": address, "nonce": None, "state": {"$in": states}}
    return await Payment.find(query, session=session, sort=[("_id", SortDirection.ASCENDING)]).to_list()


async def insert(session: Session, row: Payment) -> bool:
    """False when its origin has a payment already: the unique index decides."""
    try:
        await row.insert(session=session)
    except DuplicateKeyError:
        return False
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


async def postpone(
    session: Session, org_id: str, payment_id: str, version: int, due_at: datetime | None, suspected_at: datetime | None = None
) -> bool:
    """Nobody sees a change, so the version stays."""
    changes = {"due_at": due_at} | ({"suspected_at": suspected_at} if suspected_at else {})
    done = await Payment.get_pymongo_collection().update_one(
        {"_id": payment_id, "org_id": org_id, "version": version}, {"$set": changes, "$inc": {"tries": 1}}, session=session
    )
    return done.matched_count == 1


async def senders_due_of_network(network: str, now: datetime) -> list[str]:
    """Addresses that have a payment to look at."""
    stages: list[Row] = [{"$match": {"network": network, "due_at": {"$lte": now}}}, {"$group": {"_id": "$from_address"}}]
    return sorted([row["_id"] async for row in await Payment.get_pymongo_collection().aggregate(stages)])


async def due_of_network(network: str, address: str, now: datetime, limit: int) -> list[Row]:
    """(`_id`, `org_id`, `state`, `nonce`, `approved_at`, `created_at`) of what a sender has to be looked at for, most overdue first."""
    shown = dict.fromkeys(("_id", "org_id", "state", "nonce", "approved_at", "created_at"), 1)
    query = {"network": network, "from_address": address, "due_at": {"$lte": now}}
    return [row async for row in Payment.get_pymongo_collection().find(query, shown).sort("due_at", 1).limit(limit)]


async def next_due_of_network(network: str) -> datetime | None:
    found = Payment.get_pymongo_collection().find({"network": network, "due_at": {"$type": "date"}}, {"due_at": 1}).sort("due_at", 1).limit(1)
    return next((row["due_at"] for row in await found.to_list()), None)


async def make_due_of_network(session: Session, network: str, address: str, now: datetime) -> None:
    """Every payment of a sender that has not ended is looked at now."""
    query = {"network": network, "from_address": address, "due_at": {"$gt": now}}
    await Payment.get_pymongo_collection().update_many(query, {"$set": {"due_at": now}}, session=session)


async def make_due(session: Session, org_id: str, now: datetime, payee_address: str | None = None) -> None:
    """What waits is looked at now: what it waits for may have come. Of one payee, where it is given."""
    query: Row = {"org_id": org_id, "state": {"$in": [PaymentState.PENDING_APPROVAL, PaymentState.APPROVED]}, "due_at": {"$gt": now}}
    if payee_address is not None:
        query["payee_address"] = payee_address
    await Payment.get_pymongo_collection().update_many(query, {"$set": {"due_at": now}}, session=session)


async def on_their_way_of_network(network: str, address: str, but: str) -> list[Row]:
    """(`reserved_wei`, `token_contract`, `raw_amount`) of a sender's other payments that are signed and in no block yet."""
    states = [PaymentState.SIGNED, PaymentState.BROADCAST]
    query = {"network": network, "from_address": address, "state": {"$in": states}, "_id": {"$ne": but}}
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


async def insert_attempt(session: Session, row: PaymentAttempt) -> None:
    await row.insert(session=session)


async def sign_attempt(session: Session, org_id: str, attempt_id: str, raw: str, hash_: str, now: datetime) -> bool:
    """False when it has its bytes already."""
    done = await PaymentAttempt.get_pymongo_collection().update_one(
        {"_id": attempt_id, "org_id": org_id, "raw": None, "hash": None}, {"$set": {"raw": raw, "hash": hash_, "signed_at": now}}, session=session
    )
    return done.matched_count == 1


async def note_sent(session: Session, attempt: PaymentAttempt, now: datetime) -> None:
    """`attempt` as it was read under the version of its payment."""
    sent = {"last_sent_at": now, "first_sent_at": attempt.first_sent_at or now}
    key = {"_id": attempt.id, "org_id": attempt.org_id}
    await PaymentAttempt.get_pymongo_collection().update_one(key, {"$set": sent, "$inc": {"sends": 1}}, session=session)


async def delete_unsigned_attempts(session: Session, org_id: str, payment_id: str) -> None:
    await PaymentAttempt.get_pymongo_collection().delete_many({"org_id": org_id, "payment_id": payment_id, "hash": None}, session=session)


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
        fresh = {"created_at": now, "chain_id": chain_id, "address": address, "fence": 0, "known_nonce": None, "handed": 0, "frozen_reason": None}
        await rows.update_one(key, {"$setOnInsert": fresh}, upsert=True, session=session)
        row = await rows.find_one_and_update(key | {"fence": {"$lte": fence}}, held, return_document=ReturnDocument.AFTER, session=session)
    return SenderLane.model_validate(row) if row else None


async def set_lane(session: Session, lane_: SenderLane, changes: Row) -> bool:
    """Compare-and-set on what was read."""
    done = await SenderLane.get_pymongo_collection().update_one(
        {"_id": lane_.id, "handed": lane_.handed}, {"$set": changes, "$inc": {"handed": 1}}, session=session
    )
    return done.matched_count == 1


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


async def insert_slot(session: Session, row: NonceSlot) -> None:
    """DuplicateKeyError when the nonce is another payment's, or the payment has a live one: the unique indexes decide."""
    await row.insert(session=session)


async def delete_slot(session: Session, chain_id: int, address: str, nonce: int, payment_id: str) -> None:
    key = {"_id": f"{lane_id(chain_id, address)}:{nonce}", "payment_id": payment_id}
    await NonceSlot.get_pymongo_collection().delete_one(key, session=session)


async def settle_slot(session: Session, chain_id: int, address: str, nonce: int, payment_id: str) -> None:
    key = {"_id": f"{lane_id(chain_id, address)}:{nonce}", "payment_id": payment_id}
    await NonceSlot.get_pymongo_collection().update_one(key, {"$set": {"live": False}}, session=session)


async def reopen_slot(session: Session, chain_id: int, address: str, nonce: int, payment_id: str) -> None:
    key = {"_id": f"{lane_id(chain_id, address)}:{nonce}", "payment_id": payment_id}
    await NonceSlot.get_pymongo_collection().update_one(key, {"$set": {"live": True}}, session=session)
