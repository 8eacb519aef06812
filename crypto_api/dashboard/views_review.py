"""The review queue: what nobody understood yet, what is suggested of it and why, and what saying so would change. By keyboard, one or many."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from crypto_api.classification.types import RULE_CATEGORIES, Category, Suggestion
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.number_formats import exact
from crypto_api.dashboard.rows import SOURCES, TransactionRow, transaction_row
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.annotate_transaction import Annotation
from crypto_api.flows.book_transaction import contra_of
from crypto_api.flows.review import AT_ONCE_MAX, Said, Wanted, in_words, say_of_all, take_suggestions
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger.types import AccountCode
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity
from crypto_api.transactions import store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import FEES, Direction

CATEGORIES = [category for category in RULE_CATEGORIES if category is not Category.UNCLASSIFIED]
VIEWS = ("", "suggested")


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """`effects`: what the books would say instead of suspense, of the suggestion."""

    row: TransactionRow
    suggestion: Suggestion | None
    percent: int
    source: str
    effects: list[str]

    @property
    def transaction(self) -> Transaction:
        return self.row.transaction


@page(Permission.TRANSACTIONS_READ)
async def review_page(visit: Visit) -> HttpResponse:
    return await _page(visit)


@page(Permission.TRANSACTIONS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("understanding/review_rows.html", await _rows(visit))


@page(Permission.TRANSACTIONS_WRITE)
async def accept(visit: Visit) -> HttpResponse:
    """What was suggested of each that was chosen."""
    only_post(visit.request)
    done = await take_suggestions(visit.runtime.uow, visit.runtime.clock, visit.org_id, _wanted(visit.request))
    return _done(visit, done)


@page(Permission.TRANSACTIONS_WRITE)
async def say(visit: Visit) -> HttpResponse:
    """The same category, and what else was typed, of each that was chosen."""
    only_post(visit.request)
    form = Form(visit.request, "category", "subcategory", "counterparty", "purpose")
    category = form.one_of("category", [one.value for one in CATEGORIES])
    words = {name: form.line(name, needed=False) or None for name in ("subcategory", "counterparty", "purpose")}
    if form.errors:
        problem = " ".join(f"{gettext(name.capitalize())} {said}." for name, said in form.errors.items())
        return await _page(visit, problem=problem, given=form.given, status=422)
    annotation = Annotation(category=Category(category), **words)  # type: ignore[arg-type]
    done = await say_of_all(visit.runtime.uow, visit.runtime.clock, visit.org_id, _wanted(visit.request), annotation)
    return _done(visit, done)


def _wanted(request: HttpRequest) -> list[Wanted]:
    """Each as `version:id`. What is none was not chosen on the page."""
    found = []
    for chosen in request.POST.getlist("chosen")[:AT_ONCE_MAX]:
        version, _, row_id = chosen.partition(":")
        if version.isascii() and version.isdecimal() and len(version) < 10 and row_id:
            found.append(Wanted(row_id, int(version)))
    return found


def _done(visit: Visit, done: Mapping[Said, int]) -> HttpResponse:
    counts = {what.value: done[what] for what in Said if done.get(what)}
    view = {"view": visit.request.POST["view"]} if visit.request.POST.get("view") in VIEWS[1:] else {}
    return redirect(f"/review/?{urlencode(view | counts | {'said': '1'})}")


def _flash(request: HttpRequest) -> str:
    """From counts in the address alone: whatever else stands there says nothing."""
    if request.GET.get("said") != "1":
        return ""
    counts = {what: request.GET.get(what.value, "") for what in Said}
    return in_words({what: int(count) for what, count in counts.items() if count.isascii() and count.isdecimal() and len(count) < 4})


async def _page(visit: Visit, *, problem: str = "", given: Mapping[str, str] | None = None, status: int = 200) -> HttpResponse:
    values: dict[str, object] = {
        "categories": CATEGORIES,
        "given": given or {},
        "problem": problem,
        "flash": "" if problem else _flash(visit.request),
        "threshold_percent": exact(visit.organization.classification_threshold * 100),
        "model_books": visit.runtime.llm is not None and visit.runtime.config.llm_confidence_min is not None,
    }
    return visit.render("understanding/review.html", values | await _rows(visit), status=status)


async def _rows(visit: Visit) -> dict[str, object]:
    view = visit.request.GET.get("view", "")
    wanted = view if view in VIEWS else ""
    where: dict[str, object] = {"category": "unclassified", "booking": "done"}
    if wanted:
        where["suggestion"] = {"$type": "object"}
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None, sort="timestamp")
    try:
        found = await store.page(visit.org_id, where, request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    names = await activity.wallet_names(visit.org_id)
    accounts = await activity.account_names(visit.org_id) if visit.may(Permission.LEDGER_READ) else {}
    return {
        "rows": [_row(row, names, accounts) for row in found.items],
        "next_cursor": found.next_cursor,
        "first_page": request.cursor is None,
        "view": wanted,
        "may_write": visit.may(Permission.TRANSACTIONS_WRITE),
    }


def _row(row: Transaction, names: Mapping[str, str], accounts: Mapping[str, str]) -> ReviewRow:
    suggestion = Suggestion.model_validate(row.suggestion) if row.suggestion else None
    percent = round(suggestion.confidence * 100) if suggestion else 0
    effects = _effects(row, suggestion.category, accounts) if suggestion else []
    return ReviewRow(transaction_row(row, names), suggestion, percent, gettext(SOURCES.get(suggestion.source, "")) if suggestion else "", effects)


def _effects(row: Transaction, category: Category, accounts: Mapping[str, str]) -> list[str]:
    """Of each way that something went: into which account it comes out of suspense."""
    ways = {movement.direction for movement in row.movements if movement.kind not in FEES and not movement.spam and movement.amount}
    told = []
    for way, words in ((Direction.IN, gettext("What came in: %(becomes)s")), (Direction.OUT, gettext("What went out: %(becomes)s"))):
        if way in ways:
            code = AccountCode.CUSTODY if category in (Category.TRANSFER_IN, Category.TRANSFER_OUT, Category.BRIDGE) else contra_of(category, way)
            becomes = gettext("from suspense to %(account)s") % {"account": f"{code} {accounts.get(code, '')}".strip()}
            told.append(words % {"becomes": gettext("stays in suspense") if code == AccountCode.SUSPENSE else becomes})
    return told
