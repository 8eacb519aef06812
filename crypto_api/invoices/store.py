"""Every query of the slice."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from crypto_api.invoices.documents import Invoice, InvoiceCounter, InvoiceLogo, InvoicePayment, InvoiceSettings
from crypto_api.invoices.errors import NumberTaken
from crypto_api.invoices.types import InvoiceKind, InvoiceStatus
from crypto_api.kit.paging import Page, PageRequest
from crypto_api.kit.scope import EVERYBODY, OrgScope
from mongodb_config import kept_row, pages
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

Row = dict[str, Any]


def _midnight(day: date) -> datetime:
    """As a date stands in the database."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


OPEN = (InvoiceStatus.SENT, InvoiceStatus.PARTIAL)
OWED = (*OPEN, InvoiceStatus.OVERDUE)


async def get(org_id: str, invoice_id: str, session: Session | None = None) -> Invoice | None:
    return await Invoice.find_one({"_id": invoice_id, "org_id": org_id}, session=session)


async def page(org_id: str, where: Row, request: PageRequest) -> Page[Invoice]:
    """`where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    query: Row = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(Invoice, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Invoice.find(query).count() if request.count else None)


async def numbered(org_id: str, beginning: str, limit: int) -> list[Invoice]:
    """Invoices, then credit notes, then quotes whose number begins so."""
    found: list[Invoice] = []
    for kind in InvoiceKind:
        where = {"org_id": org_id, "kind": kind, "number": pages.begins_with(beginning)}
        found += await Invoice.find(where, limit=limit - len(found)).sort("+number").to_list() if len(found) < limit else []
    return found


async def of_clients_named(org_id: str, beginning: str, limit: int) -> list[Invoice]:
    """Of whom the folded name begins so; of one client the latest first."""
    where: Row = {"org_id": org_id, "client_name_folded": pages.begins_with(beginning)}
    return await Invoice.find(where, limit=limit).sort("-client_name_folded", "-_id").to_list()


async def count(org_id: str, where: Row) -> int:
    return await Invoice.find({"$and": [{"org_id": org_id}, where]}).count()


async def about(org_id: str, invoice_id: str) -> list[Invoice]:
    """The credit notes of an invoice, oldest first."""
    return await Invoice.find({"org_id": org_id, "invoice_id": invoice_id, "kind": InvoiceKind.CREDIT_NOTE}).sort("+_id").to_list()


async def newest_of_client(org_id: str, client_id: str, limit: int) -> list[Invoice]:
    return await Invoice.find({"org_id": org_id, "client_id": client_id}, limit=limit).sort("-_id").to_list()


async def owed_by_client(org_id: str, client_id: str) -> dict[str, Decimal]:
    """What is still to be paid, by currency."""
    where: Row = {"org_id": org_id, "client_id": client_id, "kind": InvoiceKind.INVOICE, "status": {"$in": list(OWED)}}
    sums: dict[str, Decimal] = {}
    for row in await Invoice.find(where).to_list():
        sums[row.currency] = sums.get(row.currency, Decimal(0)) + row.due
    return dict(sorted(sums.items()))


async def insert(session: Session, row: Invoice) -> None:
    await row.insert(session=session)


async def change(session: Session, before: Invoice, after: Invoice) -> Invoice | None:
    """Compare-and-set on the version: None when it is another by now. What `after` has otherwise than `before` is written. NumberTaken."""
    was, became = encoded(before), encoded(after)
    changes = {name: value for name, value in became.items() if was[name] != value and name not in ("_id", "version")}
    try:
        row: Row | None = await Invoice.get_pymongo_collection().find_one_and_update(
            {"_id": before.id, "org_id": before.org_id, "version": before.version},
            {"$set": changes, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
    except DuplicateKeyError as error:
        raise NumberTaken(str(after.number)) from error
    return Invoice.model_validate(row) if row else None


async def delete_draft(session: Session, before: Invoice) -> bool:
    """Compare-and-set on the version, and on its never having been issued."""
    query = {"_id": before.id, "org_id": before.org_id, "version": before.version, "status": InvoiceStatus.DRAFT, "number": None}
    done = await Invoice.get_pymongo_collection().delete_one(query, session=session)
    return done.deleted_count == 1


async def next_number(session: Session, org_id: str, kind: InvoiceKind, series: str, now: Any) -> int:
    """The number after the last of that series. Two at the same moment conflict, and one of them runs again."""
    row: Row | None = await InvoiceCounter.get_pymongo_collection().find_one_and_update(
        {"_id": f"{org_id}|{kind}|{series}", "org_id": org_id},
        {"$inc": {"last": 1}, "$setOnInsert": {"created_at": now}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    assert row is not None, "it is made where there is none"
    return int(row["last"])


async def any_issued(org_id: str, session: Session | None = None) -> bool:
    where = {"org_id": org_id, "kind": InvoiceKind.INVOICE, "number": {"$type": "string"}}
    return await Invoice.get_pymongo_collection().find_one(where, {"_id": 1}, session=session) is not None


async def awaiting_money(org_id: str, limit: int) -> list[Invoice]:
    """What was issued and is not settled, oldest first."""
    where: Row = {"org_id": org_id, "kind": InvoiceKind.INVOICE, "status": {"$in": [*OPEN, InvoiceStatus.OVERDUE]}}
    return await Invoice.find(where).sort("+_id").limit(limit).to_list()


async def by_ids(org_id: str, invoice_ids: Collection[str]) -> dict[str, Invoice]:
    rows = await Invoice.find({"_id": {"$in": sorted(invoice_ids)}, "org_id": org_id}).to_list()
    return {row.id: row for row in rows}


async def fell_due(before: date, limit: int, scope: OrgScope = EVERYBODY) -> list[tuple[str, str, date]]:
    """(organisation, invoice, due date) of what was due before that day and does not say so yet."""
    where = {"status": {"$in": list(OPEN)}, "kind": InvoiceKind.INVOICE, "due_date": {"$lt": _midnight(before)}} | scope.filter()
    rows = await Invoice.get_pymongo_collection().find(where, {"org_id": 1, "due_date": 1}).sort("due_date", 1).limit(limit).to_list()
    return [(row["org_id"], row["_id"], row["due_date"].date()) for row in rows]


async def owed_between(org_id: str, first: date, last: date) -> list[Invoice]:
    """Invoices that something is due of, by a due date in those days."""
    due: Row = {"$gte": _midnight(first), "$lte": _midnight(last)}
    return await Invoice.find({"org_id": org_id, "kind": InvoiceKind.INVOICE, "status": {"$in": list(OWED)}, "due_date": due}).to_list()


# ---- payments --------------------------------------------------------------------------------------------------------------------


async def insert_payment(session: Session, row: InvoicePayment) -> None:
    await row.insert(session=session)


async def payment(org_id: str, payment_id: str, session: Session | None = None) -> InvoicePayment | None:
    return await InvoicePayment.find_one({"_id": payment_id, "org_id": org_id}, session=session)


async def take_back_payment(session: Session, row: InvoicePayment, on: date) -> bool:
    """False when it was taken back already."""
    done = await InvoicePayment.get_pymongo_collection().update_one(
        {"_id": row.id, "org_id": row.org_id, "taken_back_on": None}, {"$set": {"taken_back_on": _midnight(on)}}, session=session
    )
    return done.modified_count == 1


async def payments_of(org_id: str, invoice_id: str) -> list[InvoicePayment]:
    """Oldest first."""
    return await InvoicePayment.find({"org_id": org_id, "invoice_id": invoice_id}).sort("+_id").to_list()


async def page_of_payments(org_id: str, invoice_id: str, request: PageRequest) -> Page[InvoicePayment]:
    query: Row = {"org_id": org_id, "invoice_id": invoice_id}
    rows = await pages.fetch(
        InvoicePayment, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1
    )
    return request.page(rows, await InvoicePayment.find(query).count() if request.count else None)


# ---- what is receivable ----------------------------------------------------------------------------------------------------------


async def booked_up_to(org_id: str, day: date) -> list[Invoice]:
    """Invoices that the receivable was charged with by the end of that day and that were not cancelled by then."""
    where: Row = {
        "org_id": org_id,
        "kind": InvoiceKind.INVOICE,
        "booked_on": {"$lte": _midnight(day)},
        "$or": [{"cancelled_on": None}, {"cancelled_on": {"$gt": _midnight(day)}}],
    }
    return await Invoice.find(where).sort("+due_date", "+_id").to_list()


async def left_of_open(org_id: str, day: date) -> list[tuple[date, Decimal]]:
    """(due date, what of the receivable is left, in the functional currency) of every invoice that is owed and was booked by the end of that day."""
    where = {"org_id": org_id, "status": {"$in": list(OWED)}, "kind": InvoiceKind.INVOICE, "booked_on": {"$lte": _midnight(day)}}
    found = Invoice.get_pymongo_collection().find(where, {"due_date": 1, "booked": 1, "settled": 1})
    rows = [(row["due_date"].date(), row["booked"].to_decimal() - row["settled"].to_decimal()) async for row in found]
    return [(due, left) for due, left in rows if left]


async def settled_up_to(org_id: str, day: date, invoice_ids: Collection[str]) -> dict[str, tuple[Decimal, Decimal]]:
    """By invoice: (what was settled in its currency, in the functional one) by payments and credit notes booked by the end of that day."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    wanted = sorted(invoice_ids)
    standing: Row = {"$or": [{"taken_back_on": None}, {"taken_back_on": {"$gt": _midnight(day)}}]}
    told: Row = {"org_id": org_id, "booked_on": {"$lte": _midnight(day)}, "invoice_id": {"$in": wanted}}
    paid = await InvoicePayment.find({**told, **standing}).to_list()
    credit: Row = {"org_id": org_id, "kind": InvoiceKind.CREDIT_NOTE, "booked_on": {"$lte": _midnight(day)}, "invoice_id": {"$in": wanted}}
    rows: Sequence[tuple[str | None, Decimal, Decimal]] = [
        *((row.invoice_id, row.amount, row.settled) for row in paid),
        *((note.invoice_id, note.total, note.booked) for note in await Invoice.find(credit).to_list()),
    ]
    for invoice_id, amount, settled in rows:
        if invoice_id is not None:
            before = sums.get(invoice_id, (Decimal(0), Decimal(0)))
            sums[invoice_id] = (before[0] + amount, before[1] + settled)
    return sums


# ---- settings --------------------------------------------------------------------------------------------------------------------


async def settings(org_id: str, session: Session | None = None) -> InvoiceSettings | None:
    return await kept_row.get(InvoiceSettings, org_id, session)


async def logo(org_id: str, session: Session | None = None) -> InvoiceLogo | None:
    return await kept_row.get(InvoiceLogo, org_id, session)


async def put_logo(session: Session, org_id: str, before: InvoiceLogo, content: bytes, now: datetime) -> InvoiceLogo | None:
    """None when another was first."""
    return await kept_row.change(session, org_id, before, {"content": content, "updated_at": now})


async def delete_logo(session: Session, org_id: str) -> bool:
    done = await InvoiceLogo.get_pymongo_collection().delete_one({"_id": org_id, "org_id": org_id}, session=session)
    return done.deleted_count == 1


async def organizations_that_remind() -> list[str]:
    """Those whose settings name days for reminders."""
    rows = await InvoiceSettings.get_pymongo_collection().find({"reminder_days.0": {"$exists": True}}, {"_id": 1}).to_list()
    return [row["_id"] for row in rows]


async def change_settings(session: Session, org_id: str, before: InvoiceSettings, changes: dict[str, Any]) -> InvoiceSettings | None:
    """None when another was first."""
    return await kept_row.change(session, org_id, before, changes)
