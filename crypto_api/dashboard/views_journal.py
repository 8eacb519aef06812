"""The books: entries, one entry, the trial balance."""

from django.http import Http404, HttpResponse

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.rows import entry_card
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import store as ledger
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity


@page(Permission.LEDGER_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return visit.render("journal/list.html", await _rows(visit))


@page(Permission.LEDGER_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("journal/rows.html", await _rows(visit))


async def _rows(visit: Visit) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await ledger.page_of_entries(visit.org_id, {}, request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    return {
        "entries": found.items,
        "next_cursor": found.next_cursor,
        "accounts": await activity.account_names(visit.org_id),
        "first_page": request.cursor is None,
    }


@page(Permission.LEDGER_READ)
async def detail_page(visit: Visit, entry_id: str) -> HttpResponse:
    entry = await ledger.entry(visit.org_id, entry_id)
    if entry is None:
        raise Http404
    card = entry_card(entry, await activity.account_names(visit.org_id), await activity.wallet_names(visit.org_id))
    return visit.render("journal/detail.html", {"card": card, "entry": entry})


@page(Permission.LEDGER_READ)
async def trial_balance_page(visit: Visit) -> HttpResponse:
    return visit.render("journal/trial_balance.html", await _trial_balance(visit))


@page(Permission.LEDGER_READ)
async def trial_balance_fragment(visit: Visit) -> HttpResponse:
    return visit.render("journal/trial_balance_table.html", await _trial_balance(visit))


async def _trial_balance(visit: Visit) -> dict[str, object]:
    rows = await activity.account_standings(visit.org_id)
    debit, credit = add_exactly([row.debit for row in rows]), add_exactly([row.credit for row in rows])
    return {"rows": rows, "total_debit": debit, "total_credit": credit, "balanced": debit == credit}
