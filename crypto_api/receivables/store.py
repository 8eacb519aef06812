"""Every query of the slice."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.receivables.documents import PaymentRequest, Receipt, ReceivingKey, ReceivingSettings
from crypto_api.receivables.types import ReceiptState, UseKind
from mongodb_config import kept_row, pages
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

Row = dict[str, Any]
STANDING = (ReceiptState.WAITING, ReceiptState.OPEN, ReceiptState.DONE)

# ---- where clients pay to --------------------------------------------------------------------------------------------------------


async def settings(org_id: str, session: Session | None = None) -> ReceivingSettings | None:
    return await kept_row.get(ReceivingSettings, org_id, session)


async def change_settings(session: Session, org_id: str, before: ReceivingSettings, changes: Row) -> ReceivingSettings | None:
    """None when another was first."""
    return await kept_row.change(session, org_id, before, changes)


async def take_index(session: Session, org_id: str, key_id: str, extended_key: str, now: datetime) -> ReceivingKey:
    """As it stands after one more index was given out. Two at the same moment conflict, and one of them runs again."""
    row: Row | None = await ReceivingKey.get_pymongo_collection().find_one_and_update(
        {"_id": key_id, "org_id": org_id},
        {"$inc": {"next_index": 1}, "$setOnInsert": {"created_at": now, "extended_key": extended_key, "last_paid": -1}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    assert row is not None, "it is made where there is none"
    taken: ReceivingKey = ReceivingKey.model_validate(row)
    return taken


async def note_paid(session: Session, org_id: str, key_id: str, index: int) -> None:
    await ReceivingKey.get_pymongo_collection().update_one({"_id": key_id, "org_id": org_id}, {"$max": {"last_paid": index}}, session=session)


# ---- requests --------------------------------------------------------------------------------------------------------------------


async def request_by_token(token_hash: str) -> PaymentRequest | None:
    """Whoever has the link does not know the organisation."""
    return await PaymentRequest.find_one({"token_hash": token_hash})


async def request(org_id: str, request_id: str, session: Session | None = None) -> PaymentRequest | None:
    return await PaymentRequest.find_one({"_id": request_id, "org_id": org_id}, session=session)


async def request_of(org_id: str, invoice_id: str, session: Session | None = None) -> PaymentRequest | None:
    return await PaymentRequest.find_one({"org_id": org_id, "invoice_id": invoice_id}, session=session)


async def requests_of(org_id: str, invoice_ids: Collection[str]) -> dict[str, PaymentRequest]:
    rows = await PaymentRequest.find({"org_id": org_id, "invoice_id": {"$in": sorted(invoice_ids)}}).to_list()
    return {row.invoice_id: row for row in rows}


async def requests_at(org_id: str, wallet_ids: Collection[str], session: Session | None = None) -> list[PaymentRequest]:
    return await PaymentRequest.find({"org_id": org_id, "wallet_id": {"$in": sorted(wallet_ids)}}, session=session).to_list()


async def insert_request(session: Session, row: PaymentRequest) -> None:
    await row.insert(session=session)


async def change_request(session: Session, before: PaymentRequest, changes: Row) -> PaymentRequest | None:
    """Compare-and-set on the version."""
    row: Row | None = await PaymentRequest.get_pymongo_collection().find_one_and_update(
        {"_id": before.id, "org_id": before.org_id, "version": before.version},
        {"$set": changes, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return PaymentRequest.model_validate(row) if row else None


# ---- receipts --------------------------------------------------------------------------------------------------------------------


async def get(org_id: str, receipt_id: str, session: Session | None = None) -> Receipt | None:
    return await Receipt.find_one({"_id": receipt_id, "org_id": org_id}, session=session)


async def by_ids(org_id: str, receipt_ids: Collection[str], session: Session | None = None) -> list[Receipt]:
    return await Receipt.find({"_id": {"$in": sorted(receipt_ids)}, "org_id": org_id}, session=session).sort("+at", "+_id").to_list()


async def of_transactions(org_id: str, transaction_ids: Collection[str], session: Session | None = None) -> list[Receipt]:
    return await Receipt.find({"org_id": org_id, "transaction_id": {"$in": sorted(transaction_ids)}}, session=session).to_list()


async def of_invoice(org_id: str, invoice_id: str, session: Session | None = None) -> list[Receipt]:
    """What came for it, oldest first: also what is open, and what left the chain."""
    about: Row = {"$or": [{"invoice_id": invoice_id}, {"uses.invoice_id": invoice_id}]}
    return await Receipt.find({"$and": [{"org_id": org_id}, about]}, session=session).sort("+at", "+_id").to_list()


async def open_receipts(org_id: str, limit: int) -> list[Receipt]:
    """Of which something belongs to nothing yet, oldest first."""
    return await Receipt.find({"org_id": org_id, "state": ReceiptState.OPEN}).sort("+at", "+_id").limit(limit).to_list()


async def refunded_and_gone(org_id: str, limit: int) -> list[Receipt]:
    """What left the chain after something of it was given back, oldest first."""
    where: Row = {"org_id": org_id, "state": ReceiptState.GONE, "uses.kind": UseKind.REFUND}
    return await Receipt.find(where).sort("+at", "+_id").limit(limit).to_list()


async def page(org_id: str, where: Row, wanted: PageRequest) -> Page[Receipt]:
    """`where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    query: Row = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(Receipt, query, sort=wanted.sort, descending=wanted.descending, after=wanted.position(), limit=wanted.limit + 1)
    return wanted.page(rows, await Receipt.find(query).count() if wanted.count else None)


async def payers(org_id: str, addresses: Collection[str]) -> dict[str, frozenset[str]]:
    """By address: the clients whom it paid for."""
    found: dict[str, set[str]] = {}
    where = {"org_id": org_id, "payer": {"$in": sorted(addresses)}, "client_id": {"$type": "string"}, "state": ReceiptState.DONE}
    async for row in Receipt.get_pymongo_collection().find(where, {"payer": 1, "client_id": 1}):
        found.setdefault(row["payer"], set()).add(row["client_id"])
    return {address: frozenset(clients) for address, clients in found.items()}


async def waiting(before: datetime, limit: int, scope: OrgScope = EVERYBODY) -> list[Receipt]:
    """What is to be looked at, whoever's it is: the longest due first."""
    where = {"state": ReceiptState.WAITING, "look_at": {"$lte": before}} | scope.filter()
    return await Receipt.find(where).sort("+look_at", "+_id").limit(limit).to_list()


async def refunding(before: datetime, limit: int, scope: OrgScope = EVERYBODY) -> list[Receipt]:
    """Of which something is on its way back."""
    where = {"uses.settled": False, "look_at": {"$lte": before}} | scope.filter()
    return await Receipt.find(where).sort("+look_at", "+_id").limit(limit).to_list()


async def insert(session: Session, rows: Sequence[Receipt]) -> None:
    await Receipt.get_pymongo_collection().insert_many([encoded(row) for row in rows], session=session)


async def change(session: Session, before: Receipt, after: Receipt) -> Receipt | None:
    """Compare-and-set on the version: None when it is another by now."""
    was, became = encoded(before), encoded(after)
    changes = {name: value for name, value in became.items() if was[name] != value and name not in ("_id", "org_id", "version")}
    row: Row | None = await Receipt.get_pymongo_collection().find_one_and_update(
        {"_id": before.id, "org_id": before.org_id, "version": before.version},
        {"$set": changes, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return Receipt.model_validate(row) if row else None
