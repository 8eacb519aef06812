"""A transaction entered by hand, one that was brought corrected or taken back, and what a person says of any other."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_noop

from crypto_api.chains import service as chains
from crypto_api.classification.types import Category
from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.translation import gettext
from crypto_api.dashboard.views_transactions import detail_of
from crypto_api.flows.annotate_transaction import Annotation
from crypto_api.flows.brought_rows import fits, own_category
from crypto_api.flows.record_transaction import change_transaction, record_transaction, said_of
from crypto_api.flows.remove_import import remove_import
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import CoreError, FieldError, InvalidInput, NotFound
from crypto_api.ledger import service as ledger
from crypto_api.organizations.types import Permission
from crypto_api.transactions import store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import RowType
from crypto_api.wallets import store as wallets

_SAID = (
    *("type", "timestamp", "wallet", "to_wallet", "asset", "amount", "price", "value"),
    *("fee", "fee_asset", "cash_account", "description", "external_id"),
)
_NUMBERS = ("amount", "price", "value", "fee")
_WORDS = ("category", "counterparty", "explanation", "note")
_TYPES = {
    RowType.BUY: gettext_noop("Bought for money"),
    RowType.SELL: gettext_noop("Sold for money"),
    RowType.TRANSFER: gettext_noop("Transferred"),
    RowType.INCOME: gettext_noop("Received as income"),
    RowType.EXPENSE: gettext_noop("Spent"),
}
_KINDS = (RowType.INCOME, RowType.EXPENSE)
_OWN = {RowType.INCOME: Category.INCOME, RowType.EXPENSE: Category.EXPENSE}


@page(Permission.TRANSACTIONS_WRITE)
async def new_page(visit: Visit) -> HttpResponse:
    if visit.request.method != "POST":
        now = visit.runtime.clock.now().astimezone(visit.zone)
        native = next((network.native_asset for network in visit.runtime.networks.values()), "")
        return await _form(visit, None, {"type": RowType.BUY.value, "timestamp": now.strftime("%Y-%m-%dT%H:%M:%S"), "asset": native})
    form = Form(visit.request, *_SAID, *_WORDS)
    runtime = visit.runtime
    try:
        said, annotation = _said(visit, form), _annotation(form, {})
        found = await record_transaction(runtime.uow, runtime.clock, runtime.networks, visit.org_id, said, annotation)
    except CoreError as error:
        return await _refused(visit, None, form, error)
    return _to_detail(found.row.id, "entered" if found.new else "known")


@page(Permission.TRANSACTIONS_WRITE)
async def edit_page(visit: Visit, transaction_id: str) -> HttpResponse:
    """What was typed is compared with what stands there, and what differs is said."""
    row = await store.get(visit.org_id, transaction_id)
    if row is None:
        raise Http404
    if visit.request.method != "POST":
        return await _form(visit, row, _given(visit, row))
    form = Form(visit.request, *_SAID, *_WORDS)
    before, kept = _given(visit, row), said_of(row.brought) if row.brought is not None else {}
    runtime, versions = visit.runtime, version_of(visit.request)
    try:
        read = _said(visit, form) if row.brought else {}
        said = {name: value for name, value in read.items() if (value != kept[name] if name in _NUMBERS else form[name] != before[name])}
        annotation = _annotation(form, before)
        said.pop("external_id", None)
        await change_transaction(runtime.uow, runtime.clock, runtime.networks, visit.org_id, row.id, said, annotation, versions)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _refused(visit, row, form, error)
    return _to_detail(row.id, "changed")


@page(Permission.TRANSACTIONS_WRITE)
async def remove(visit: Visit, transaction_id: str) -> HttpResponse:
    only_post(visit.request)
    try:
        await remove_import(visit.runtime.uow, visit.runtime.clock, visit.org_id, transaction_id)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        values = await detail_of(visit, transaction_id) | {"problem": error.detail}
        return visit.render("transactions/detail.html", values, status=error.status)
    return redirect(f"/transactions/?{urlencode({'done': 'taken-back'})}")


def _to_detail(row_id: str, done: str) -> HttpResponse:
    return redirect(f"/transactions/{row_id}/?{urlencode({'done': done})}")


# ---- what is typed ---------------------------------------------------------------------------------------------------------------


def _given(visit: Visit, row: Transaction) -> dict[str, str]:
    """What stands in the fields before anybody types."""
    said = said_of(row.brought) if row.brought is not None else dict.fromkeys(_SAID, "")
    said |= {name: number_formats.active().typed(said[name]) for name in _NUMBERS}
    local = row.timestamp.astimezone(visit.zone).strftime("%Y-%m-%dT%H:%M:%S")
    words = {"category": row.category, "counterparty": row.counterparty, "explanation": row.explanation, "note": row.note}
    if row.brought is not None and row.category == own_category(row.brought):
        words["category"] = ""
    return {**said, "timestamp": local, **words}


def _said(visit: Visit, form: Form) -> dict[str, str]:
    """Under the names of a table. Times are read in the zone in which they are shown; what is hidden for a type is not said."""
    said = {name: form[name] for name in _SAID} | {name: _plain(form, name) for name in _NUMBERS}
    if said["timestamp"]:
        try:
            said["timestamp"] = datetime.fromisoformat(said["timestamp"]).replace(tzinfo=visit.zone).astimezone(UTC).isoformat()
        except (ValueError, OverflowError) as error:
            raise InvalidInput.of("timestamp", gettext("is not a time")) from error
    if said["type"] != RowType.TRANSFER:
        said["to_wallet"] = ""
    return said


def _plain(form: Form, name: str) -> str:
    """A number of a table. What cannot be read stands in the errors of the form, which `_annotation()` raises."""
    if not form[name]:
        return ""
    try:
        return text(form.numbers.read(form[name]))
    except ValueError:
        form.wrong(name, gettext("must be a number such as %(example)s") % {"example": form.numbers.typed("1234.50")})
        return ""


def _annotation(form: Form, before: Mapping[str, str]) -> Annotation:
    """What differs from what stands there. A category is said where the type has several."""
    kind = form["type"]
    own = _OWN.get(RowType(kind)) if kind in _KINDS else None
    words = {name: form[name] for name in _WORDS if form[name] != before.get(name, "")}
    category = words.pop("category", None)
    if kind and kind not in _KINDS:
        category = None
    if category is not None and category not in (*Category, ""):
        raise InvalidInput.of("category", gettext("is not one of those offered"))
    chosen = Category(category) if category else own if category == "" else None
    annotation = Annotation(category=chosen, **{name: form.prose(name, most=2_000) for name in words})  # type: ignore[arg-type]
    if form.errors:
        raise InvalidInput(*(FieldError(name, message, "invalid") for name, message in form.errors.items()))
    return annotation


async def _refused(visit: Visit, row: Transaction | None, form: Form, error: CoreError) -> HttpResponse:
    problem = form.refused(error, (*_SAID, *_WORDS)) if isinstance(error, InvalidInput) else error.detail
    return await _form(visit, row, form.given, form.errors, problem, error.status)


# ---- the form --------------------------------------------------------------------------------------------------------------------


async def _form(
    visit: Visit,
    row: Transaction | None,
    given: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    brings = row is None or row.brought is not None
    currency = visit.organization.functional_currency
    values: dict[str, object] = {
        "title": gettext("Enter a transaction") if row is None else gettext("Correct a transaction") if brings else gettext("Say what it is"),
        "transaction": row,
        "version": row.version if row is not None else "",
        "brings": brings,
        "given": given,
        "errors": errors or {},
        "problem": problem,
        "categories": _categories(brings),
        "types": [(kind.value, gettext(name)) for kind, name in _TYPES.items()],
        "price_label": gettext("Price for one, %(currency)s") % {"currency": currency},
        "value_label": gettext("Or for all of it, %(currency)s") % {"currency": currency},
    }
    if brings:
        values |= {
            "wallets": [(wallet.id, wallet.name) for wallet in await wallets.active(visit.org_id) if wallet.receives is None],
            "assets": sorted({asset.name for network in visit.runtime.networks.values() for asset in chains.listed_assets(network)}),
            "accounts": [(code, account.name) for code, account in sorted((await ledger.money_accounts(visit.org_id)).items())],
        }
    return visit.render("transactions/edit.html", values, status=status)


def _categories(brings: bool) -> list[Category]:
    if not brings:
        return [category for category in Category if category is not Category.SPAM]
    return [category for category in Category if any(fits(kind, category, own) for kind, own in _OWN.items())]
