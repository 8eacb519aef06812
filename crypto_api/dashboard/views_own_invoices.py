"""A client's own invoices, and inviting one to see them."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.desks import receiving_of
from crypto_api.flows.invitations import invite_client
from crypto_api.flows.own_invoices import own_file, own_invoice, own_invoices
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission


@page(Permission.INVOICES_OWN)
async def list_page(visit: Visit) -> HttpResponse:
    return visit.render("invoices/own_list.html", await _rows(visit))


@page(Permission.INVOICES_OWN)
async def rows_fragment(visit: Visit) -> HttpResponse:
    """Asked for again and again: what happens to invoices is told to those who may see all of them."""
    return visit.render("invoices/own_rows.html", await _rows(visit))


async def _rows(visit: Visit) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await own_invoices(visit.org_id, visit.principal.user_id, request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    return {"rows": found.items, "next_cursor": found.next_cursor}


@page(Permission.INVOICES_OWN)
async def invoice_page(visit: Visit, invoice_id: str) -> HttpResponse:
    return visit.render("invoices/own.html", await _facts(visit, invoice_id))


@page(Permission.INVOICES_OWN)
async def invoice_fragment(visit: Visit, invoice_id: str) -> HttpResponse:
    return visit.render("invoices/own_facts.html", await _facts(visit, invoice_id))


async def _facts(visit: Visit, invoice_id: str) -> dict[str, object]:
    try:
        row = await own_invoice(visit.org_id, visit.principal.user_id, invoice_id)
    except NotFound as error:
        raise Http404 from error
    return {"invoice": row, "lines": list(zip(row.items, row.totals.lines, strict=True))}


@page(Permission.INVOICES_OWN)
async def invoice_file(visit: Visit, invoice_id: str) -> HttpResponse:
    try:
        file = await own_file(receiving_of(visit.runtime), visit.org_id, visit.principal.user_id, invoice_id)
    except NotFound as error:
        raise Http404 from error
    return HttpResponse(file.content, content_type="application/pdf", headers={"Content-Disposition": f'attachment; filename="{file.name}"'})


@page(Permission.MEMBERS_WRITE)
async def invite(visit: Visit, client_id: str) -> HttpResponse:
    only_post(visit.request)
    form, runtime = Form(visit.request, "email"), visit.runtime
    email = form.email("email") if form["email"] else None
    if form.errors:
        return redirect(f"/clients/{client_id}/?done=no-invitation")
    try:
        await invite_client(runtime.uow, runtime.clock, runtime.queue, visit.principal, client_id, email)
    except NotFound as error:
        raise Http404 from error
    except CoreError:
        return redirect(f"/clients/{client_id}/?done=no-invitation")
    return redirect(f"/clients/{client_id}/?done=invited")
