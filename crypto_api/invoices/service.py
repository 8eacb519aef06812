"""The verbs of invoices. Each is part of the caller's unit of work; what they mean for the books is put together in flows."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.events.types import DomainEvent
from crypto_api.invoices import letters, rules, store
from crypto_api.invoices.documents import Invoice, InvoiceLogo, InvoicePayment, InvoiceSettings
from crypto_api.invoices.errors import InvoiceIssued, InvoiceNotIssued, MoreThanDue, StatusCannotFollow
from crypto_api.invoices.events import (
    InvoiceCancelled,
    InvoiceCredited,
    InvoiceDeleted,
    InvoiceDrafted,
    InvoiceEdited,
    InvoiceFlagged,
    InvoiceOverdue,
    InvoicePaid,
    InvoicePaymentReceived,
    InvoicePaymentTakenBack,
    InvoiceSent,
)
from crypto_api.invoices.types import CryptoTerms, InvoiceFlag, InvoiceKind, InvoiceStatus, Item, Party, Rounding, Standing, Terms, Totals
from crypto_api.kit.amounts import is_exact, text
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id
from crypto_api.organizations.rules import fold
from mongodb_config.base_document import encoded
from mongodb_config.kept_row import UNSTORED
from mongodb_config.unit_of_work import Session

SUBJECT = "invoice"
PATTERNS: Mapping[InvoiceKind, str] = {
    InvoiceKind.INVOICE: "INV-{year}-{number:05}",
    InvoiceKind.CREDIT_NOTE: "CN-{year}-{number:05}",
    InvoiceKind.QUOTE: "Q-{year}-{number:05}",
}
WORDS: Mapping[InvoiceKind, str] = {InvoiceKind.INVOICE: "invoice", InvoiceKind.CREDIT_NOTE: "credit note", InvoiceKind.QUOTE: "quote"}
_TOLD = ("kind", "status", "number", "client_name", "currency", "total", "paid", "credited", "due_date", "issue_date", "reference", "note", "flags")
TEXTS = ("mail_subject", "mail_text", "reminder_subject", "reminder_text_before", "reminder_text_after")
_SETTLED = (
    "company_id",
    "number_patterns",
    "rounding",
    "payment_details",
    "iban",
    "bic",
    "footer",
    "default_note",
    "template",
    "accent",
    "reply_to",
    "reminder_days",
    *TEXTS,
)
Versions = Collection[int] | None


@dataclass(frozen=True)
class NewInvoice:
    """What a person writes. The rest follows."""

    kind: InvoiceKind
    client_id: str
    client_name: str
    currency: str
    decimals: int
    items: tuple[Item, ...]
    rounding: Rounding
    terms_days: int
    prices_include_tax: bool = False
    discount: Decimal = Decimal(0)
    discount_percent: Decimal = Decimal(0)
    due_date: date | None = None
    reference: str = ""
    note: str = ""
    crypto: CryptoTerms | None = None
    invoice_id: str | None = None
    quote_id: str | None = None

    def fields(self) -> dict[str, Any]:
        return {**vars(self), "items": list(self.items), "client_name_folded": fold(self.client_name)}


def reckon(items: Collection[Item], terms: Terms) -> Totals:
    """InvalidInput where a discount is more than what it is taken off, or an amount cannot be kept exactly."""
    try:
        totals = rules.reckon(list(items), terms)
    except ValueError as error:
        raise InvalidInput.of(str(error), "is more than what it is taken off", "too_large") from error
    if not is_exact(totals.total):
        raise InvalidInput.of("items", "come to more than can be kept exactly", "too_large")
    return totals


# ---- drafts ----------------------------------------------------------------------------------------------------------------------


async def draft(session: Session, org_id: str, new: NewInvoice, by: str, now: datetime) -> Invoice:
    """InvalidInput."""
    totals = _totals(new)
    row = Invoice(id=new_id("inv"), created_at=now, updated_at=now, org_id=org_id, created_by=by, totals=totals, total=totals.total, **new.fields())
    await store.insert(session, row)
    await _record(session, row, "invoice.drafted", f"Drafted the {WORDS[row.kind]} for {row.client_name}", now, None, InvoiceDrafted)
    return row


async def edit(session: Session, before: Invoice, new: NewInvoice, now: datetime) -> Invoice:
    """`before` is a draft that was read in this unit of work. InvalidInput, InvoiceIssued."""
    _check_draft(before)
    totals = _totals(new)
    after = before.model_copy(update={**new.fields(), "totals": totals, "total": totals.total})
    if after == before:
        return before
    after = await _put(session, before, after, now)
    await _record(session, after, "invoice.edited", f"Changed the {WORDS[after.kind]} for {after.client_name}", now, before, InvoiceEdited)
    return after


async def delete(session: Session, before: Invoice, now: datetime) -> None:
    """A draft only: InvoiceIssued."""
    _check_draft(before)
    if not await store.delete_draft(session, before):
        raise PreconditionFailed
    await _record(session, before, "invoice.deleted", f"Deleted the draft for {before.client_name}", now, before, InvoiceDeleted, gone=True)


def _totals(new: NewInvoice) -> Totals:
    return reckon(new.items, Terms(new.decimals, new.rounding, new.prices_include_tax, new.discount, new.discount_percent))


# ---- what happens to it ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Issue:
    """What is fixed on the day of issue."""

    on: date
    due: date | None
    seller: Party
    buyer: Party


async def issue(session: Session, before: Invoice, fixed: Issue, now: datetime) -> Invoice:
    """Gives it its number: the next of its series, in this unit of work. InvoiceIssued."""
    _check_draft(before)
    own = await store.settings(before.org_id, session)
    pattern = (own.number_patterns if own else {}).get(before.kind) or PATTERNS[before.kind]
    number = await store.next_number(session, before.org_id, before.kind, pattern.replace("{year}", f"{fixed.on.year:04}"), now)
    changes = {
        "number": rules.numbered(pattern, number, fixed.on.year),
        "status": InvoiceStatus.SENT,
        "issue_date": fixed.on,
        "due_date": fixed.due,
        "issued_at": now,
        "seller": fixed.seller,
        "buyer": fixed.buyer,
    }
    if before.kind is InvoiceKind.INVOICE:
        changes["status"] = _status(before.model_copy(update=changes), fixed.on, issued=True)
    after = await _put(session, before, before.model_copy(update=changes), now)
    await _record(session, after, "invoice.sent", f"Issued the {WORDS[after.kind]} {after.number} to {after.client_name}", now, before, InvoiceSent)
    return after


async def note_booked(session: Session, before: Invoice, booked: Mapping[str, Any], now: datetime) -> Invoice:
    """Where it stands in the books. No fact of its own: the entry tells it."""
    return await _put(session, before, before.model_copy(update=dict(booked)), now)


async def pay(
    session: Session, before: Invoice, payment: InvoicePayment, today: date, now: datetime, flags: Collection[InvoiceFlag] | None = None
) -> Invoice:
    """InvoiceNotIssued, MoreThanDue, StatusCannotFollow. `payment` is stored with it; `flags`: those of what came on chain, from now on."""
    check_payable(before, payment.amount)
    changes = {"paid": before.paid + payment.amount, "settled": before.settled + payment.settled, "flags": _flags(before, flags)}
    after = await _settle(session, before, changes, payment.date, today, now)
    await store.insert_payment(session, payment)
    amount, currency = text(payment.amount), payment.currency
    summary = f"{amount} {currency} came for {after.number} of {after.client_name}"
    told = {"payment_id": payment.id, "amount": amount, "currency": currency}
    await _record(session, after, "invoice.payment_received", summary, now, before, lambda **facts: InvoicePaymentReceived(**facts, **told))
    await _tell_if_paid(session, before, after, now)
    return after


async def take_back(
    session: Session, before: Invoice, payment: InvoicePayment, reason: str, today: date, now: datetime, flags: Collection[InvoiceFlag] | None = None
) -> Invoice:
    """A payment that does not stand any more: its block left the chain, or what it was matched with was undone. Unchanged when it was taken back
    already."""
    if not await store.take_back_payment(session, payment, today):
        return before
    changes = {"paid": before.paid - payment.amount, "settled": before.settled - payment.settled, "flags": _flags(before, flags)}
    after = await _settle(session, before, changes, today, today, now)
    amount, currency = text(payment.amount), payment.currency
    told = {"payment_id": payment.id, "amount": amount, "currency": currency}
    summary = f"{amount} {currency} for {after.number} were taken back: {reason}"
    await _record(session, after, "invoice.payment_taken_back", summary, now, before, lambda **facts: InvoicePaymentTakenBack(**facts, **told))
    return after


async def put_flags(session: Session, before: Invoice, flags: Collection[InvoiceFlag], now: datetime) -> Invoice:
    """Those of what came on chain. Unchanged where they are as they were."""
    wanted = _flags(before, flags)
    if wanted == before.flags:
        return before
    after = await _put(session, before, before.model_copy(update={"flags": wanted}), now)
    told = ", ".join(wanted) or "nothing"
    await _record(session, after, "invoice.flagged", f"{after.number}: {told} out of the ordinary", now, before, InvoiceFlagged)
    return after


_NOT_OF_CHAIN = frozenset({InvoiceFlag.PAID_LATE, InvoiceFlag.CREDITED})


def _flags(row: Invoice, of_chain: Collection[InvoiceFlag] | None) -> list[InvoiceFlag]:
    return row.flags if of_chain is None else sorted({*(flag for flag in row.flags if flag in _NOT_OF_CHAIN), *of_chain})


async def credit(session: Session, before: Invoice, note: Invoice, today: date, now: datetime) -> Invoice:
    """`note` was issued and booked in this unit of work. MoreThanDue."""
    if note.total > before.due:
        raise MoreThanDue(before.due, before.currency)
    flags = sorted({*before.flags, InvoiceFlag.CREDITED})
    changes = {"credited": before.credited + note.total, "settled": before.settled + note.booked, "flags": flags}
    after = await _settle(session, before, changes, today, today, now)
    summary = f"{note.number} credits {text(note.total)} {note.currency} of {after.number}"
    told = {"credit_note_id": note.id}
    await _record(session, after, "invoice.credited", summary, now, before, lambda **facts: InvoiceCredited(**facts, **told))
    await _tell_if_paid(session, before, after, now)
    return after


async def fall_due(session: Session, before: Invoice, today: date, now: datetime) -> Invoice:
    """OVERDUE where it is so on that day; unchanged otherwise."""
    if _status(before, today) is before.status or _status(before, today) is not InvoiceStatus.OVERDUE:
        return before
    after = await _put(session, before, before.model_copy(update={"status": InvoiceStatus.OVERDUE}), now)
    await _record(session, after, "invoice.overdue", f"{after.number} of {after.client_name} is overdue", now, before, InvoiceOverdue)
    return after


async def cancel(session: Session, before: Invoice, cancelled_on: date, now: datetime) -> Invoice:
    """Of a draft, or of what was sent and nothing was paid or credited of: StatusCannotFollow. Its number stays taken."""
    check_cancellable(before)
    changes = {"status": InvoiceStatus.CANCELLED, "cancelled_on": cancelled_on}
    after = await _put(session, before, before.model_copy(update=changes), now)
    named = after.number or f"the draft for {after.client_name}"
    await _record(session, after, "invoice.cancelled", f"Cancelled {named}", now, before, InvoiceCancelled)
    return after


def check_payable(row: Invoice, amount: Decimal) -> None:
    """InvoiceNotIssued, MoreThanDue."""
    if row.status is InvoiceStatus.DRAFT:
        raise InvoiceNotIssued
    if amount > row.due:
        raise MoreThanDue(row.due, row.currency)


def check_cancellable(row: Invoice) -> None:
    if row.paid or row.credited:
        raise StatusCannotFollow(row.status, InvoiceStatus.CANCELLED, "something of it was paid or credited. Write a credit note for the rest.")
    if not rules.may_become(row.status, InvoiceStatus.CANCELLED) or row.status is InvoiceStatus.CANCELLED:
        raise StatusCannotFollow(row.status, InvoiceStatus.CANCELLED, "that is the end of it.")


async def _settle(session: Session, before: Invoice, changes: Mapping[str, Any], on: date, today: date, now: datetime) -> Invoice:
    after = before.model_copy(update=dict(changes))
    status = _status(after, today)
    if not rules.may_become(before.status, status):
        raise StatusCannotFollow(before.status, status, "no status is left out.")
    more: dict[str, Any] = {"status": status}
    if status is InvoiceStatus.PAID:
        more["settled_on"] = on
        if after.due_date is not None and on > after.due_date:
            more["flags"] = sorted({*after.flags, InvoiceFlag.PAID_LATE})
    elif before.status is InvoiceStatus.PAID:
        more |= {"settled_on": None, "flags": [flag for flag in after.flags if flag is not InvoiceFlag.PAID_LATE]}
    return await _put(session, before, after.model_copy(update=more), now)


def _status(row: Invoice, today: date, *, issued: bool | None = None) -> InvoiceStatus:
    was_issued = row.number is not None if issued is None else issued
    return rules.status_of(Standing(was_issued, row.status is InvoiceStatus.CANCELLED, row.total, row.paid + row.credited, row.due_date), today)


async def _tell_if_paid(session: Session, before: Invoice, after: Invoice, now: datetime) -> None:
    if after.status is InvoiceStatus.PAID and before.status is not InvoiceStatus.PAID:
        await events.append(session, after.org_id, InvoicePaid(**_facts(after)), now)


# ---- settings --------------------------------------------------------------------------------------------------------------------


async def change_settings(session: Session, org_id: str, fields: Mapping[str, Any], versions: Versions, now: datetime) -> InvoiceSettings:
    """What is left out stays. InvalidInput for a pattern or a text that is none, PreconditionFailed."""
    for kind, pattern in fields.get("number_patterns", {}).items():
        try:
            rules.numbered(pattern, 1, 2026)
        except ValueError as error:
            raise InvalidInput.of(f"number_patterns.{kind}", str(error), "invalid_pattern") from error
    if "accent" in fields and (ratio := rules.contrast_with_white(fields["accent"])) < rules.CONTRAST_MIN:
        said = f"is too light: its contrast with white is {ratio} to 1, and text needs {rules.CONTRAST_MIN}"
        raise InvalidInput.of("accent", said, "low_contrast")
    for name in TEXTS:
        try:
            letters.check(fields.get(name, ""))
        except ValueError as error:
            raise InvalidInput.of(name, str(error), "unknown_placeholder") from error
    kept = await store.settings(org_id, session)
    before = kept or InvoiceSettings(id=org_id, org_id=org_id, created_at=now, updated_at=now, version=UNSTORED)
    if versions is not None and before.version not in versions:
        raise PreconditionFailed
    wanted = encoded(before.model_copy(update={**fields, "updated_at": now}))
    after = await store.change_settings(session, org_id, before, {name: wanted[name] for name in (*fields, "updated_at")})
    if after is None:
        raise PreconditionFailed
    was, became = ({name: row.model_dump()[name] for name in _SETTLED} if row else None for row in (kept, after))
    summary = "Changed how invoices are written"
    await audit.record(session, org_id, "invoice_settings.changed", summary, now, subject=("invoice_settings", org_id), before=was, after=became)
    return after


async def put_logo(session: Session, org_id: str, content: bytes, now: datetime) -> None:
    """`content`: a PNG that we wrote ourselves (`adapters/image_reader.py`). PreconditionFailed where another is being put at the same moment."""
    kept = await store.logo(org_id, session)
    before = kept or InvoiceLogo(id=org_id, org_id=org_id, created_at=now, updated_at=now, version=UNSTORED, content=b"")
    if await store.put_logo(session, org_id, before, content, now) is None:
        raise PreconditionFailed
    await _tell_of_logo(session, org_id, "Put a logo on the invoices", now)


async def remove_logo(session: Session, org_id: str, now: datetime) -> None:
    """NotFound."""
    if not await store.delete_logo(session, org_id):
        raise NotFound
    await _tell_of_logo(session, org_id, "Took the logo off the invoices", now)


async def _tell_of_logo(session: Session, org_id: str, summary: str, now: datetime) -> None:
    await audit.record(session, org_id, "invoice_settings.logo", summary, now, subject=("invoice_settings", org_id))


# ---- parts -----------------------------------------------------------------------------------------------------------------------


async def standing(session: Session, org_id: str, invoice_id: str, versions: Versions = None) -> Invoice:
    """NotFound, or PreconditionFailed when it stands at none of `versions`."""
    row = await store.get(org_id, invoice_id, session)
    if row is None:
        raise NotFound
    if versions is not None and row.version not in versions:
        raise PreconditionFailed
    return row


def _check_draft(row: Invoice) -> None:
    if row.status is not InvoiceStatus.DRAFT:
        raise InvoiceIssued


async def _put(session: Session, before: Invoice, after: Invoice, now: datetime) -> Invoice:
    due_key = after.due_date.isoformat() if after.due_date else ""
    stored = await store.change(session, before, after.model_copy(update={"updated_at": now, "due_key": due_key}))
    if stored is None:
        raise PreconditionFailed
    return stored


def _facts(row: Invoice) -> dict[str, Any]:
    return {"invoice_id": row.id, "document": row.kind.value, "status": row.status.value, "number": row.number}


async def _record(
    session: Session,
    row: Invoice,
    action: str,
    summary: str,
    now: datetime,
    before: Invoice | None,
    kind: Callable[..., DomainEvent],
    *,
    gone: bool = False,
) -> None:
    await events.append(session, row.org_id, kind(**_facts(row)), now)
    was, became = (None if one is None else {name: getattr(one, name) for name in _TOLD} for one in (before, None if gone else row))
    await audit.record(session, row.org_id, action, summary, now, subject=(SUBJECT, row.id), before=was, after=became)
