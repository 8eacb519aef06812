"""The chart of accounts: a tree with what stands on each account, and changes to it."""

from dataclasses import dataclass
from decimal import Decimal

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.adapters.table_reader import read_table
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.import_chart import ChartImported, chart_rows, import_chart
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.errors import CoreError, InvalidInput
from crypto_api.kit.table_files import CSV, csv_file
from crypto_api.ledger import service, store
from crypto_api.ledger.chart import COLUMNS, in_order
from crypto_api.ledger.documents import Account
from crypto_api.ledger.types import AccountCode, AccountType
from crypto_api.organizations.types import Permission

CODE_MAX = 20
NAME_MAX = 200
ERRORS_SHOWN = 200
FIELDS = ("code", "name", "account_type", "parent_code", "active")
FLASHES = {
    "added": _("The account was added."),
    "saved": _("The account was saved."),
    "deleted": _("The account was deleted: nothing was ever booked on it."),
    "kept": _("Entries rest on this account: it was deactivated, and nothing is booked on it any more."),
    "imported": _("The chart was taken in."),
}
_CHANGED = _("Somebody else has changed this account meanwhile. What stands there now was loaded; look at it and save again.")


@dataclass(frozen=True, slots=True)
class ChartLine:
    account: Account
    depth: int
    debit: Decimal
    credit: Decimal
    has_children: bool


@page(Permission.LEDGER_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return visit.render("accounts/list.html", await _lines(visit) | {"flash": FLASHES.get(visit.request.GET.get("done", ""), "")})


@page(Permission.LEDGER_READ)
async def lines_fragment(visit: Visit) -> HttpResponse:
    return visit.render("accounts/lines.html", await _lines(visit))


async def _lines(visit: Visit) -> dict[str, object]:
    """A balance stands on the side where it is, that of an account with accounts below it with theirs."""
    accounts, totals = await store.accounts(visit.org_id), await store.trial_balance(visit.org_id)
    own = {row.account_code: add_exactly([row.debit, row.credit.copy_negate()]) for row in totals}
    parents = {row.code: row.parent_code for row in accounts}
    whole: dict[str, list[Decimal]] = {}
    for code, balance in own.items():
        above: str | None = code
        for _step in range(len(parents) + 1):
            if above is None:
                break
            whole.setdefault(above, []).append(balance)
            above = parents.get(above)
    lines = []
    for row, depth in in_order(accounts):
        net = add_exactly(whole.get(row.code, [Decimal(0)]))
        lines.append(ChartLine(row, depth, max(net, Decimal(0)), max(net.copy_negate(), Decimal(0)), row.code in set(parents.values())))
    return {"lines": lines, "may_write": visit.may(Permission.LEDGER_WRITE)}


@page(Permission.LEDGER_READ)
async def export(visit: Visit) -> StreamingHttpResponse:
    response = StreamingHttpResponse(csv_file(COLUMNS, chart_rows(visit.org_id)), content_type=CSV)
    response["Content-Disposition"] = 'attachment; filename="chart-of-accounts.csv"'
    return response


# ---- one account -----------------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_WRITE)
async def add_page(visit: Visit) -> HttpResponse:
    form = Form(visit.request, *FIELDS)
    if visit.request.method != "POST":
        return await _form(visit, form, None)
    name, code = form.line("name", most=NAME_MAX), form.line("code", most=CODE_MAX)
    kind = form.one_of("account_type", list(AccountType))
    if code and not (code.isascii() and code.replace(".", "").replace("-", "").isalnum() and code[0].isalnum()):
        form.wrong("code", gettext("must be letters, digits, points or dashes"))
    if form.errors:
        return await _form(visit, form, None)
    now, parent = visit.runtime.clock.now(), form["parent_code"] or None
    try:
        await visit.runtime.uow.run(
            lambda session: service.create_account(
                session, visit.org_id, code=code, name=name, account_type=AccountType(kind), parent_code=parent, now=now
            )
        )
    except InvalidInput as error:
        return await _form(visit, form, None, problem=form.refused(error, FIELDS))
    except CoreError as error:
        return await _form(visit, form, None, problem=error.detail, status=error.status)
    return redirect("/accounts/?done=added")


@page(Permission.LEDGER_WRITE)
async def account_page(visit: Visit, account_id: str) -> HttpResponse:
    account = await _account(visit, account_id)
    form = Form(visit.request, *FIELDS)
    if visit.request.method != "POST":
        form.given |= {"code": account.code, "name": account.name, "account_type": account.account_type, "parent_code": account.parent_code or ""}
        return await _form(visit, form, account)
    name, versions = form.line("name", most=NAME_MAX), version_of(visit.request)
    if form.errors:
        return await _form(visit, form, account)
    if versions is not None and account.version not in versions:
        return await _form(visit, form, account, problem=_CHANGED, status=412)
    now, parent, active = visit.runtime.clock.now(), form["parent_code"] or None, form["active"] == "on"
    try:
        await visit.runtime.uow.run(
            lambda session: service.update_account(session, visit.org_id, account, name=name, parent_code=parent, active=active, now=now)
        )
    except InvalidInput as error:
        return await _form(visit, form, account, problem=form.refused(error, FIELDS))
    except CoreError as error:
        return await _form(visit, form, account, problem=error.detail, status=error.status)
    return redirect("/accounts/?done=saved")


@page(Permission.LEDGER_WRITE)
async def remove(visit: Visit, account_id: str) -> HttpResponse:
    only_post(visit.request)
    account, now = await _account(visit, account_id), visit.runtime.clock.now()
    try:
        gone = await visit.runtime.uow.run(lambda session: service.remove_account(session, visit.org_id, account, now))
    except CoreError as error:
        form = Form(visit.request, *FIELDS)
        form.given |= {"code": account.code, "name": account.name, "account_type": account.account_type, "parent_code": account.parent_code or ""}
        return await _form(visit, form, account, problem=error.detail, status=error.status)
    return redirect(f"/accounts/?done={'deleted' if gone else 'kept'}")


async def _account(visit: Visit, account_id: str) -> Account:
    account = await store.account(visit.org_id, account_id)
    if account is None:
        raise Http404
    return account


async def _form(visit: Visit, form: Form, account: Account | None, *, problem: str = "", status: int = 200) -> HttpResponse:
    accounts = await store.accounts(visit.org_id)
    values = {
        "account": account,
        "given": form.given,
        "errors": form.errors,
        "problem": problem,
        "types": list(AccountType),
        "parents": [
            row for row, _ in in_order(accounts) if account is None or (row.account_type is account.account_type and row.code != account.code)
        ],
        "is_active": account.active if account and visit.request.method != "POST" else form["active"] == "on",
        "is_system": account is not None and account.code in set(AccountCode),
    }
    return visit.render("accounts/account.html", values, status=422 if form.errors else status)


# ---- a whole chart ---------------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_WRITE)
async def import_page(visit: Visit) -> HttpResponse:
    """`look` says what would change; `bring` changes it, all rows or none."""
    if visit.request.method != "POST":
        return _import(visit)
    file, bring = visit.request.FILES.get("file"), visit.request.POST.get("do") == "bring"
    if not isinstance(file, UploadedFile):
        return _import(visit, problem=gettext("Choose a file."), status=422)
    try:
        table = await read_table(file.name or "", file.read())
        found = await import_chart(visit.runtime.uow, visit.runtime.clock, visit.org_id, table, dry_run=not bring)
    except InvalidInput as error:
        return _import(visit, problem=" ".join(f"The {row.field} {row.message}." for row in error.errors), status=error.status)
    except CoreError as error:
        return _import(visit, problem=error.detail, status=error.status)
    if bring and not found.errors:
        return redirect("/accounts/?done=imported")
    return _import(visit, found=found, name=file.name or "", status=422 if bring else 200)


def _import(visit: Visit, *, problem: str = "", found: ChartImported | None = None, name: str = "", status: int = 200) -> HttpResponse:
    errors = found.errors[:ERRORS_SHOWN] if found else []
    values = {"problem": problem, "found": found, "name": name, "errors_shown": errors, "columns": COLUMNS, "types": list(AccountType)}
    return visit.render("accounts/import.html", values, status=status)
