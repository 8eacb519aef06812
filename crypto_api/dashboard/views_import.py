"""Transactions from a table: chosen, looked at row by row, and brought in when nothing is wrong with any of them."""

from urllib.parse import urlencode

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_noop as _

from crypto_api.adapters.table_reader import read_table
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import fields_in_words
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.import_transactions import Imported, import_transactions
from crypto_api.kit.errors import CoreError, InvalidInput
from crypto_api.organizations.types import Permission
from crypto_api.transactions.imports import COLUMNS
from crypto_api.transactions.types import RowType

ERRORS_SHOWN = 200
PREVIEW_ROWS = 20
_ABOUT = {
    RowType.BUY: _("An asset for money, out of cash at bank or the account that cash_account names. It costs amount times price, and the fee."),
    RowType.SELL: _("An asset for money, into the same accounts. It brings amount times price, less the fee."),
    RowType.TRANSFER: _("Between wallets of yours, or with somebody who keeps assets for you: then one side stays empty."),
    RowType.INCOME: _("Earned."),
    RowType.EXPENSE: _("Spent."),
}


@page(Permission.TRANSACTIONS_WRITE)
async def import_page(visit: Visit) -> HttpResponse:
    """`look` shows what the file holds; `bring` stores it, all rows or none."""
    if visit.request.method != "POST":
        return _shown(visit)
    file = visit.request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        return _shown(visit, problem=gettext("Choose a file."), status=422)
    name, runtime, bring = file.name or "", visit.runtime, visit.request.POST.get("do") == "bring"
    try:
        table = await read_table(name, file.read())
        found = await import_transactions(runtime.uow, runtime.clock, runtime.networks, visit.org_id, table, file_name=name, dry_run=not bring)
    except InvalidInput as error:
        return _shown(visit, problem=fields_in_words(error), status=error.status)
    except CoreError as error:
        return _shown(visit, problem=error.detail, status=error.status)
    if bring and not found.errors:
        return redirect(f"/transactions/?{urlencode({'done': 'imported'})}")
    return _shown(visit, found=found, name=name, table=table, status=422 if bring else 200)


def _shown(
    visit: Visit, *, problem: str = "", found: Imported | None = None, name: str = "", table: list[list[str]] | None = None, status: int = 200
) -> HttpResponse:
    wrong = {error.row for error in found.errors} if found else set()
    values = {
        "problem": problem,
        "found": found,
        "name": name,
        "errors_shown": found.errors[:ERRORS_SHOWN] if found else [],
        "header": table[0] if table else [],
        "preview": [(number, cells, number in wrong) for number, cells in enumerate((table or [])[1 : 1 + PREVIEW_ROWS], start=2)],
        "columns": COLUMNS,
        "types": [(kind, gettext(about)) for kind, about in _ABOUT.items()],
        "currency": visit.organization.functional_currency,
    }
    return visit.render("transactions/import.html", values, status=status)
