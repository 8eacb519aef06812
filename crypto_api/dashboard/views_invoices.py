"""Invoices: the list with what is owed by age, and one invoice with what happened to it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, pgettext_lazy

from crypto_api.clients import store as clients
from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.crypto_terms import CRYPTO_FIELDS, chosen_terms, ways
from crypto_api.dashboard.forms import Form, only_post, refusal_in_words, version_of
from crypto_api.dashboard.list_filter import ListFilter
from crypto_api.dashboard.translation import gettext
from crypto_api.dashboard.views_invoice_editor import desk_of
from crypto_api.dashboard.views_receipts import FLAGS as RECEIPT_FLAGS
from crypto_api.deliveries import store as deliveries
from crypto_api.desks import receiving_of
from crypto_api.flows.age_receivables import age_receivables
from crypto_api.flows.export_invoice import export_invoice
from crypto_api.flows.issue_invoice import Counter, cancel_invoice, issue_invoice
from crypto_api.flows.price_at import Prices
from crypto_api.flows.queue_invoice_mail import Cover, Post, resend, send_invoice
from crypto_api.flows.request_payment import asked_of, asking_for, first_rate, request_payment
from crypto_api.flows.settle_invoice import Received, receive_payment
from crypto_api.flows.write_invoice import write_credit_note
from crypto_api.invoices import store
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import AgeBucket, InvoiceKind, InvoiceStatus, PaymentMethod
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.receivables import store as receivables
from mongodb_config import pages

VIEWS = {
    "": pgettext_lazy("invoices", "All"),
    "open": pgettext_lazy("invoices", "Open"),
    "overdue": pgettext_lazy("invoices", "Overdue"),
    "draft": pgettext_lazy("invoices", "Drafts"),
    "paid": pgettext_lazy("invoices", "Paid"),
    "quotes": pgettext_lazy("invoices", "Quotes"),
    "credit": pgettext_lazy("invoices", "Credit notes"),
}
_WHERE: dict[str, dict[str, Any]] = {
    "": {},
    "open": {"kind": InvoiceKind.INVOICE, "status": {"$in": [InvoiceStatus.SENT, InvoiceStatus.PARTIAL, InvoiceStatus.OVERDUE]}},
    "overdue": {"status": InvoiceStatus.OVERDUE},
    "draft": {"status": InvoiceStatus.DRAFT},
    "paid": {"status": InvoiceStatus.PAID},
    "quotes": {"kind": InvoiceKind.QUOTE},
    "credit": {"kind": InvoiceKind.CREDIT_NOTE},
}
AGES = {
    AgeBucket.NOT_DUE: gettext_noop("Not yet due"),
    AgeBucket.DAYS_1_30: gettext_noop("1 to 30 days late"),
    AgeBucket.DAYS_31_60: gettext_noop("31 to 60 days"),
    AgeBucket.DAYS_61_90: gettext_noop("61 to 90 days"),
    AgeBucket.OVER_90: gettext_noop("Over 90 days"),
}
WORDS = {InvoiceKind.INVOICE: _("Invoice"), InvoiceKind.CREDIT_NOTE: _("Credit note"), InvoiceKind.QUOTE: _("Quote")}
METHODS = {
    PaymentMethod.BANK: _("Bank"),
    PaymentMethod.CASH: _("Cash"),
    PaymentMethod.CARD: _("Card"),
    PaymentMethod.OTHER: _("Other"),
    PaymentMethod.CRYPTO: _("Crypto, elsewhere"),
}
MESSAGE_MAX = 2_000
PAYMENT = ("amount", "date", "method", "reference", "rate")
FLASHES = {
    "drafted": _("Drafted. It counts once it is issued."),
    "edited": _("The draft was changed."),
    "issued-meanwhile": _("It was issued or changed meanwhile."),
    "sent": _("Issued. It has its number and stands in the books."),
    "mailed": _("Issued. It has its number, stands in the books, and goes out by mail."),
    "resent": _("It goes out by mail once more."),
    "paid": _("The payment was booked."),
    "asked": _("It can be paid in crypto: give the link to whoever pays."),
    "cancelled": _("Cancelled. What it had booked was taken back."),
    "credit": _("The credit note is drafted. It counts once it is issued."),
}


@dataclass(frozen=True, slots=True)
class Filter(ListFilter):
    CHOICES = {"view": VIEWS}

    view: str = ""
    q: str = ""
    client: str = ""  # by id: all that was written for one

    def where(self) -> dict[str, Any]:
        query = dict(_WHERE[self.view])
        if self.client:
            query["client_id"] = self.client
        if self.q:
            query["$or"] = [{field: pages.contains(self.q)} for field in ("number", "client_name", "reference")]
        return query


@page(Permission.INVOICES_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return visit.render(
        "invoices/list.html",
        await _rows(visit, Filter.of(visit.request))
        | await _aging(visit)
        | {"views": VIEWS.items(), "may_write": visit.may(Permission.INVOICES_WRITE)},
    )


@page(Permission.INVOICES_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("invoices/rows.html", await _rows(visit, Filter.of(visit.request)))


@page(Permission.INVOICES_READ)
async def aging_fragment(visit: Visit) -> HttpResponse:
    return visit.render("invoices/aging.html", await _aging(visit))


async def _rows(visit: Visit, wanted: Filter) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await store.page(visit.org_id, wanted.where(), request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    bulk = visit.may(Permission.INVOICES_WRITE)
    return {"filter": wanted, "rows": found.items, "next_cursor": found.next_cursor, "first_page": request.cursor is None, "bulk": bulk}


async def _aging(visit: Visit) -> dict[str, object]:
    found = await age_receivables(visit.runtime.uow, visit.runtime.clock, visit.org_id, None)
    return {"aging": found, "ages": [(gettext(label), found.buckets[bucket], bucket is AgeBucket.NOT_DUE) for bucket, label in AGES.items()]}


# ---- one of them -----------------------------------------------------------------------------------------------------------------


@page(Permission.INVOICES_READ)
async def invoice_page(visit: Visit, invoice_id: str) -> HttpResponse:
    return await _shown(visit, await _invoice(visit, invoice_id), flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.INVOICES_READ)
async def invoice_fragment(visit: Visit, invoice_id: str) -> HttpResponse:
    return visit.render("invoices/facts.html", await _facts(visit, await _invoice(visit, invoice_id)))


@page(Permission.INVOICES_READ)
async def invoice_file(visit: Visit, invoice_id: str) -> HttpResponse:
    try:
        file = await export_invoice(receiving_of(visit.runtime), visit.org_id, invoice_id)
    except NotFound as error:
        raise Http404 from error
    return HttpResponse(file.content, content_type="application/pdf", headers={"Content-Disposition": f'attachment; filename="{file.name}"'})


async def _shown(visit: Visit, row: Invoice, *, form: Form | None = None, status: int = 200, **values: object) -> HttpResponse:
    given = {"amount": number_formats.active().typed(row.due), "method": "bank", "mail": "yes"} | (form.given if form else {})
    shown = {"given": given, "errors": form.errors if form else {}}
    return visit.render("invoices/invoice.html", await _facts(visit, row) | shown | values, status=status)


async def _facts(visit: Visit, row: Invoice) -> dict[str, object]:
    issued, open_ = row.status is not InvoiceStatus.DRAFT, row.status in (InvoiceStatus.SENT, InvoiceStatus.PARTIAL, InvoiceStatus.OVERDUE)
    client = await clients.get(visit.org_id, row.client_id)
    is_invoice, writes = row.kind is InvoiceKind.INVOICE, visit.may(Permission.INVOICES_WRITE)
    asked = (await asked_of(receiving_of(visit.runtime), visit.org_id, [row.id])).get(row.id)
    may_ask = writes and is_invoice and open_ and asked is None and bool(visit.runtime.networks)
    return {
        "invoice": row,
        "word": WORDS[row.kind],
        "lines": list(zip(row.items, row.totals.lines, strict=True)),
        "payments": await store.payments_of(visit.org_id, row.id),
        "asked": asked,
        "ways": await ways(visit) if may_ask else None,
        "also": visit.request.POST.getlist("also"),
        "receipts": [(one, [RECEIPT_FLAGS[flag] for flag in one.flags]) for one in await receivables.of_invoice(visit.org_id, row.id)],
        "credits": await store.about(visit.org_id, row.id) if is_invoice else [],
        "methods": METHODS.items(),
        "foreign": row.currency != visit.organization.functional_currency,
        "letters": await deliveries.of_invoice(visit.org_id, row.id),
        "address": client.email if client else "",
        "may_mail": writes and issued and row.status is not InvoiceStatus.CANCELLED,
        "may_repeat": writes and is_invoice,
        "may_become": writes and row.kind is InvoiceKind.QUOTE and row.status is InvoiceStatus.SENT and row.invoice_id is None,
        "may_send": writes and not issued and row.status is not InvoiceStatus.CANCELLED,
        "may_pay": writes and is_invoice and open_,
        "may_cancel": writes and row.status is not InvoiceStatus.CANCELLED and not (row.paid or row.credited) and (is_invoice or not issued),
    }


@page(Permission.INVOICES_WRITE)
async def send(visit: Visit, invoice_id: str) -> HttpResponse:
    form = _only_form(visit, "rate", "mail", "to", "message")
    rate, cover, mailed = _amount(form, "rate", needed=False), _cover(form), form["mail"] == "yes"
    if form.errors:
        return await _shown(visit, await _invoice(visit, invoice_id), form=form, status=422)
    versions = version_of(visit.request)
    try:
        also = await asking_for(receiving_of(visit.runtime), visit.org_id, visit.principal.user_id, invoice_id)
        if mailed:
            await send_invoice(_counter(visit), visit.runtime.queue, invoice_id, versions, rate, cover, also)
        else:
            await issue_invoice(_counter(visit), invoice_id, versions, rate, also)
        await first_rate(receiving_of(visit.runtime), visit.org_id, invoice_id)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _shown(visit, await _invoice(visit, invoice_id), form=form, problem=error.detail, status=error.status)
    return redirect(f"/invoices/{invoice_id}/?done={'mailed' if mailed else 'sent'}")


@page(Permission.INVOICES_WRITE)
async def mail(visit: Visit, invoice_id: str) -> HttpResponse:
    form, runtime = _only_form(visit, "to", "message"), visit.runtime
    cover = _cover(form)
    if form.errors:
        return await _shown(visit, await _invoice(visit, invoice_id), form=form, status=422)
    post = Post(runtime.uow, runtime.clock, runtime.queue, visit.org_id, visit.principal.user_id)
    try:
        await resend(post, invoice_id, cover)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _shown(visit, await _invoice(visit, invoice_id), form=form, problem=error.detail, status=error.status)
    return redirect(f"/invoices/{invoice_id}/?done=resent")


def _cover(form: Form) -> Cover:
    to = form.email("to") if form["to"] else None
    return Cover(to=to, message=form.prose("message", most=MESSAGE_MAX))


@page(Permission.INVOICES_WRITE)
async def pay(visit: Visit, invoice_id: str) -> HttpResponse:
    form = _only_form(visit, *PAYMENT)
    amount, rate, day = _amount(form, "amount"), _amount(form, "rate", needed=False), form.day("date")
    form.one_of("method", set(METHODS))
    form.line("reference", needed=False)
    row = await _invoice(visit, invoice_id)
    if form.errors or amount is None:
        return await _shown(visit, row, form=form, status=422)
    method, on = PaymentMethod(form["method"]), date.fromisoformat(day) if day else None
    told = Received(amount=amount, day=on, method=method, reference=form["reference"], rate=rate)
    try:
        await receive_payment(_counter(visit), invoice_id, told)
    except InvalidInput as error:
        problem = form.refused(error, PAYMENT)
        return await _shown(visit, row, form=form, problem=problem, status=422)
    except CoreError as error:
        problem = refusal_in_words(error.detail)
        return await _shown(visit, await _invoice(visit, invoice_id), form=form, problem=problem, status=error.status)
    return redirect(f"/invoices/{invoice_id}/?done=paid")


@page(Permission.INVOICES_WRITE)
async def ask_crypto(visit: Visit, invoice_id: str) -> HttpResponse:
    """Lets it be paid on a chain from now on, by whoever has its link."""
    form = _only_form(visit, *CRYPTO_FIELDS)
    row, desk = await _invoice(visit, invoice_id), receiving_of(visit.runtime)
    terms = chosen_terms(form)
    if terms is None:
        return await _shown(visit, row, form=form, problem="" if form.errors else gettext("Choose the asset that it may be paid in."), status=422)
    try:
        await request_payment(desk, visit.org_id, visit.principal.user_id, row.id, terms)
        await first_rate(desk, visit.org_id, row.id)
    except NotFound as error:
        raise Http404 from error
    except InvalidInput as error:
        return await _shown(visit, row, form=form, problem=form.refused(error, ()), status=422)
    except CoreError as error:
        return await _shown(visit, row, form=form, problem=error.detail, status=error.status)
    return redirect(f"/invoices/{row.id}/?done=asked")


@page(Permission.INVOICES_WRITE)
async def cancel(visit: Visit, invoice_id: str) -> HttpResponse:
    only_post(visit.request)
    try:
        await cancel_invoice(_counter(visit), invoice_id, version_of(visit.request))
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _shown(visit, await _invoice(visit, invoice_id), problem=error.detail, status=error.status)
    return redirect(f"/invoices/{invoice_id}/?done=cancelled")


@page(Permission.INVOICES_WRITE)
async def credit(visit: Visit, invoice_id: str) -> HttpResponse:
    only_post(visit.request)
    try:
        note = await write_credit_note(desk_of(visit), invoice_id, None, "")
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _shown(visit, await _invoice(visit, invoice_id), problem=error.detail, status=error.status)
    return redirect(f"/invoices/{note.id}/?done=credit")


def _only_form(visit: Visit, *names: str) -> Form:
    only_post(visit.request)
    return Form(visit.request, *names)


def _amount(form: Form, name: str, *, needed: bool = True) -> Decimal | None:
    text = form[name]
    if not text:
        if needed:
            form.wrong(name, gettext("is needed"))
        return None
    try:
        return form.numbers.read(text)
    except ValueError:
        form.wrong(name, gettext("is not an amount such as %(example)s") % {"example": form.numbers.typed("1234.50")})
        return None


def _counter(visit: Visit) -> Counter:
    runtime = visit.runtime
    return Counter(runtime.uow, runtime.clock, visit.org_id, visit.principal.user_id, Prices(runtime.networks, runtime.prices))


async def _invoice(visit: Visit, invoice_id: str) -> Invoice:
    row = await store.get(visit.org_id, invoice_id)
    if row is None:
        raise Http404
    return row
