"""Saved views of lists: what narrows one is kept under a name, for oneself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard import (
    views_address_book,
    views_audit,
    views_clients,
    views_consoles,
    views_inbox,
    views_invoices,
    views_journal,
    views_members,
    views_payments,
    views_team,
)
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.list_views import filters_of
from crypto_api.kit.errors import Conflict, NotFound
from crypto_api.organizations.types import Permission
from crypto_api.saved_views.service import forget, keep
from crypto_api.saved_views.types import NAME_MAX


@dataclass(frozen=True, slots=True)
class ViewedList:
    path: str
    permission: Permission
    filter_of: Callable[[HttpRequest], Any]


VIEWED: Mapping[str, ViewedList] = {
    "payments": ViewedList("/payments/", Permission.PAYMENTS_READ, views_payments.Filter.of),
    "invoices": ViewedList("/invoices/", Permission.INVOICES_READ, views_invoices.Filter.of),
    "journal": ViewedList("/journal/", Permission.LEDGER_READ, views_journal.JournalFilter.of),
    "inbox": ViewedList("/inbox/", Permission.INBOX_READ, views_inbox.Filter.of),
    "clients": ViewedList("/clients/", Permission.CLIENTS_READ, views_clients.Filter.of),
    "address-book": ViewedList("/address-book/", Permission.ADDRESS_BOOK_READ, views_address_book.Filter.of),
    "team": ViewedList("/team/", Permission.EMPLOYEES_READ, views_team.Filter.of),
    "members": ViewedList("/members/", Permission.MEMBERS_READ, views_members.Filter.of),
    "audit-log": ViewedList("/audit-log/", Permission.AUDIT_READ, views_audit.Filter.of),
    "tasks": ViewedList("/tasks/", Permission.CONSOLES_READ, views_consoles.TaskFilter.of),
}


@page(Permission.ORGANIZATION_READ)
async def save_view(visit: Visit, name: str) -> HttpResponse:
    """The filters stand in the address, as the list takes them: what it does not take is not kept."""
    only_post(visit.request)
    viewed, form = _list(visit, name), Form(visit.request, "name")
    query = _query(viewed.filter_of(visit.request))
    title = form.line("name", most=NAME_MAX)
    if form.errors or not query:
        return _back(viewed, query, "problem=name" if query else "")
    try:
        await keep(visit.runtime.uow, visit.runtime.clock, visit.org_id, visit.principal.user_id, title, filters_of(query), list_name=name)
    except Conflict as error:
        return _back(viewed, query, f"problem={error.code}")
    return _back(viewed, query, "")


@page(Permission.ORGANIZATION_READ)
async def delete_view(visit: Visit, name: str, view_id: str) -> HttpResponse:
    only_post(visit.request)
    viewed = _list(visit, name)
    try:
        await forget(visit.runtime.uow, visit.org_id, visit.principal.user_id, view_id, list_name=name)
    except NotFound as error:
        raise Http404 from error
    return _back(viewed, _query(viewed.filter_of(visit.request)), "")


def _list(visit: Visit, name: str) -> ViewedList:
    """404 for a list that this person may not read, as for one that there is not."""
    viewed = VIEWED.get(name)
    if viewed is None or not visit.may(viewed.permission):
        raise Http404
    return viewed


def _query(filter_: Any) -> str:
    query = filter_.query_string
    return str(query() if callable(query) else query)


def _back(viewed: ViewedList, query: str, told: str) -> HttpResponse:
    rest = "&".join(part for part in (query, told) if part)
    return redirect(f"{viewed.path}?{rest}" if rest else viewed.path)
