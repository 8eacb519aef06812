"""Writing an invoice, a quote or a credit note: the editor with what it comes to beside it, reckoned by the server."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.clients import store as clients
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import CURRENCY_CHOICES, only_post, version_of
from crypto_api.dashboard.invoice_form import InvoiceForm
from crypto_api.flows.write_invoice import Writing, crypto_currencies, delete_invoice, edit_invoice, invoice_of_quote, preview, write_invoice
from crypto_api.invoices import store
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import InvoiceKind, InvoiceStatus
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.organizations.types import Permission

HEADINGS = {
    InvoiceKind.INVOICE: (_("New invoice"), _("Change the invoice")),
    InvoiceKind.CREDIT_NOTE: (_("New credit note"), _("Change the credit note")),
    InvoiceKind.QUOTE: (_("New quote"), _("Change the quote")),
}
"""Of what is new, and of a draft that is changed."""
EDITED = ("items", "client_id", "currency", "due_date", "prices_include_tax", "discount", "discount_percent", "reference", "note")


@page(Permission.INVOICES_WRITE)
async def new_page(visit: Visit) -> HttpResponse:
    form = InvoiceForm(visit.request, _kind(visit))
    if visit.request.method != "POST":
        form.form.given["client_id"] = visit.request.GET.get("client", "")
        return await _shown(visit, form, None)
    wish = form.wish(await _named(visit), _currencies(visit)) if visit.request.POST.get("then") != "rows" else None
    if wish is None:
        return await _shown(visit, form, None)
    try:
        row = await write_invoice(desk_of(visit), wish)
    except InvalidInput as error:
        form.refused(error)
        return await _shown(visit, form, None)
    except CoreError as error:
        form.problem = error.detail
        return await _shown(visit, form, None, status=error.status)
    return redirect(f"/invoices/{row.id}/?done=drafted")


@page(Permission.INVOICES_WRITE)
async def edit_page(visit: Visit, invoice_id: str) -> HttpResponse:
    row = await _invoice(visit, invoice_id)
    if row.status is not InvoiceStatus.DRAFT:
        return redirect(f"/invoices/{invoice_id}/")
    if visit.request.method != "POST":
        return await _shown(visit, InvoiceForm.of(visit.request, row), row)
    form = InvoiceForm(visit.request, row.kind)
    wish = form.wish(await _named(visit), _currencies(visit)) if visit.request.POST.get("then") != "rows" else None
    if wish is None:
        return await _shown(visit, form, row)
    changes = {name: getattr(wish, name) for name in EDITED}
    changes["currency"] = changes["currency"] or row.currency
    try:
        await edit_invoice(desk_of(visit), invoice_id, changes, version_of(visit.request))
    except InvalidInput as error:
        form.refused(error)
        return await _shown(visit, form, row)
    except CoreError as error:
        form.problem = error.detail
        return await _shown(visit, form, row, status=error.status)
    return redirect(f"/invoices/{invoice_id}/?done=edited")


@page(Permission.INVOICES_WRITE)
async def preview_fragment(visit: Visit) -> HttpResponse:
    """What is typed, as it would stand on paper; nothing is stored. What is wrong is named beside what is not."""
    only_post(visit.request)
    form = InvoiceForm(visit.request, _kind(visit))
    wish = form.wish(await _named(visit), _currencies(visit))
    found = None
    if wish is not None:
        try:
            found = await preview(desk_of(visit), wish)
        except InvalidInput as error:
            form.refused(error)
        except CoreError as error:
            form.problem = error.detail
    lines = list(zip(wish.items, found.totals.lines, strict=True)) if wish is not None and found is not None else []
    values = {"found": found, "preview_lines": lines, "said": form.said(), "problem": form.problem, "begun": bool(form.filled())}
    return visit.render("invoices/preview.html", values)


@page(Permission.INVOICES_WRITE)
async def delete(visit: Visit, invoice_id: str) -> HttpResponse:
    only_post(visit.request)
    try:
        await delete_invoice(desk_of(visit), invoice_id, version_of(visit.request))
    except NotFound as error:
        raise Http404 from error
    except CoreError:
        return redirect(f"/invoices/{invoice_id}/?done=issued-meanwhile")
    return redirect("/invoices/")


@page(Permission.INVOICES_WRITE)
async def make_invoice(visit: Visit, invoice_id: str) -> HttpResponse:
    """Of a quote."""
    only_post(visit.request)
    try:
        row = await invoice_of_quote(desk_of(visit), invoice_id)
    except NotFound as error:
        raise Http404 from error
    except CoreError:
        return redirect(f"/invoices/{invoice_id}/")
    return redirect(f"/invoices/{row.id}/?done=drafted")


def desk_of(visit: Visit) -> Writing:
    runtime = visit.runtime
    return Writing(runtime.uow, runtime.clock, visit.org_id, visit.principal.user_id, crypto_currencies(runtime.networks.values()))


async def _shown(visit: Visit, form: InvoiceForm, row: Invoice | None, *, status: int = 200) -> HttpResponse:
    values: dict[str, Any] = form.values() | {
        "invoice": row,
        "heading": HEADINGS[form.kind][row is not None],
        "kind": form.kind.value,
        "clients": (await _named(visit)).items(),
        "currencies": _currencies(visit),
        "is_fixed": form.kind is InvoiceKind.CREDIT_NOTE,
    }
    if form.wrong and status == 200:
        status = 422
    return visit.render("invoices/editor.html", values, status=status)


def _kind(visit: Visit) -> InvoiceKind:
    given = visit.request.POST.get("kind") or visit.request.GET.get("kind", "")
    return InvoiceKind(given) if given in set(InvoiceKind) else InvoiceKind.INVOICE


async def _named(visit: Visit) -> dict[str, str]:
    """Clients that may be written to, by name."""
    return {row.id: row.name for row in await clients.active(visit.org_id)}


def _currencies(visit: Visit) -> list[str]:
    return [*CURRENCY_CHOICES, *sorted(crypto_currencies(visit.runtime.networks.values()))]


async def _invoice(visit: Visit, invoice_id: str) -> Invoice:
    row = await store.get(visit.org_id, invoice_id)
    if row is None:
        raise Http404
    return row
