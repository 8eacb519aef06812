"""The same of many rows at once. Each is done by itself, through the same checks and with the same audit record as if it were the only one, and what
came of each is told. What has an inverse is offered to be undone for a while."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.core import signing
from django.http import HttpResponse

from crypto_api.classification.types import Category, TaxTreatment
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.payment_desk import desk_of
from crypto_api.dashboard.step_up import confirmed
from crypto_api.dashboard.templatetags.coffer import quantity, short
from crypto_api.dashboard.translation import gettext, pgettext
from crypto_api.dashboard.views_invoice_editor import desk_of as writing_of
from crypto_api.dashboard.views_review import CATEGORIES
from crypto_api.flows.annotate_transaction import Annotation, annotate_transaction
from crypto_api.flows.decide_payment import Word, approve_payment
from crypto_api.flows.queue_invoice_mail import Post, remind
from crypto_api.flows.write_invoice import delete_invoice
from crypto_api.identity.types import Purpose
from crypto_api.inbox import service as inbox
from crypto_api.inbox import store as inbox_store
from crypto_api.invoices import store as invoices
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.organizations.types import Permission
from crypto_api.payments import store as payments
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction

AT_ONCE_MAX = 100
UNDO_S = 600
REASON_MAX = 200
_SALT = "coffer.bulk.undo"


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one row."""

    name: str
    path: str
    problem: str  # "" where it was done


@dataclass(frozen=True, slots=True)
class Chosen:
    """A row as it was shown: with its version, or the digest of what is approved."""

    id: str
    seen: str


@page(Permission.TRANSACTIONS_WRITE)
async def say_of_transactions(visit: Visit) -> HttpResponse:
    """One category for each that was chosen. It can be undone: then each is again what it was said to be."""
    only_post(visit.request)
    form = Form(visit.request, "category")
    category = form.one_of("category", [one.value for one in CATEGORIES])
    if form.errors:
        return _told(visit, [], "/transactions/", problem=gettext("Choose a category first. Nothing was changed."), status=422)
    chosen = _chosen(visit)
    rows = {row.id: row for row in await transactions.by_ids(visit.org_id, [one.id for one in chosen])}
    before: list[dict[str, Any]] = []

    async def say(one: Chosen) -> None:
        row = rows.get(one.id)
        if row is None:
            raise NotFound
        after = await _annotated(visit, one, Annotation(category=Category(category)))
        before.append({"id": row.id, "version": after.version, "was": _word_of(row)})

    told = [await _one(one, _name_of(rows.get(one.id)), f"/transactions/{one.id}/", say) for one in chosen]
    return _told(visit, told, "/transactions/", undo=before)


@page(Permission.TRANSACTIONS_WRITE)
async def undo_of_transactions(visit: Visit) -> HttpResponse:
    """What was said before is said again of each that nobody has changed since."""
    only_post(visit.request)
    done = _undoable(visit)
    if done is None:
        problem = gettext("This can no longer be undone here. Open the transactions and say what they are.")
        return _told(visit, [], "/transactions/", problem=problem, status=409)
    rows = {row.id: row for row in await transactions.by_ids(visit.org_id, [one["id"] for one in done])}
    words = {one["id"]: one["was"] for one in done}

    async def say(one: Chosen) -> None:
        was = words[one.id]
        tax = TaxTreatment(was["tax_category"]) if was["tax_category"] else None
        await _annotated(visit, one, Annotation(**(was | {"category": Category(was["category"]), "tax_category": tax})))

    chosen = [Chosen(one["id"], str(one["version"])) for one in done]
    told = [await _one(one, _name_of(rows.get(one.id)), f"/transactions/{one.id}/", say) for one in chosen]
    return _told(visit, told, "/transactions/")


@page(Permission.PAYMENTS_APPROVE)
@confirmed("/approvals/", Purpose.KEYS)
async def approve_payments(visit: Visit) -> HttpResponse:
    """Each with what was shown of it, and as the policy asks for each: one that needs a signature, or was prepared by whoever asks, is refused."""
    only_post(visit.request)
    desk, chosen = desk_of(visit), _chosen(visit)
    rows = {one.id: await payments.get(visit.org_id, one.id) for one in chosen}

    async def approve(one: Chosen) -> None:
        await approve_payment(desk, visit.principal, visit.org_id, one.id, Word(one.seen))

    told = []
    for one in chosen:
        row = rows[one.id]
        name = f"{quantity(row.amount)} {row.asset} → {row.payee_name or short(row.payee_address)}" if row is not None else ""
        told.append(await _one(one, name, f"/payments/{one.id}/", approve))
    return _told(visit, told, "/approvals/")


@page(Permission.INBOX_WRITE)
async def waive_items(visit: Visit) -> HttpResponse:
    """For one reason. There is no way back but the item's own: it opens again once what it tells of changes."""
    only_post(visit.request)
    form = Form(visit.request, "waive_reason")
    reason = form.line("waive_reason", most=REASON_MAX)
    if form.errors:
        return _told(visit, [], "/inbox/", problem=gettext("Say why first. Nothing was waived."), status=422)
    org_id, by, runtime = visit.org_id, visit.principal.user_id, visit.runtime

    async def waive(one: Chosen) -> None:
        now = runtime.clock.now()
        await runtime.uow.run(lambda session: inbox.waive(session, org_id, one.id, now, reason, by))

    told = []
    for one in _chosen(visit):
        item = await inbox_store.get(org_id, one.id)
        told.append(await _one(one, item.title if item is not None else "", f"/inbox/{one.id}/", waive))
    return _told(visit, told, "/inbox/")


@page(Permission.INVOICES_WRITE)
async def remind_of_invoices(visit: Visit) -> HttpResponse:
    """Of each that is overdue a letter to its client, at most one a day."""
    only_post(visit.request)
    runtime = visit.runtime
    post = Post(runtime.uow, runtime.clock, runtime.queue, visit.org_id, visit.principal.user_id)

    async def write(one: Chosen) -> None:
        await remind(post, one.id)

    return await _of_invoices(visit, write)


@page(Permission.INVOICES_WRITE)
async def delete_drafts(visit: Visit) -> HttpResponse:
    """Each as it was shown: what was issued or changed meanwhile stays."""
    only_post(visit.request)
    desk = writing_of(visit)

    async def delete(one: Chosen) -> None:
        await delete_invoice(desk, one.id, _version(one))

    return await _of_invoices(visit, delete)


async def _of_invoices(visit: Visit, work: Callable[[Chosen], Awaitable[None]]) -> HttpResponse:
    chosen = _chosen(visit)
    rows = await invoices.by_ids(visit.org_id, {one.id for one in chosen})
    told = []
    for one in chosen:
        row = rows.get(one.id)
        name = f"{row.number or pgettext('invoice', 'Draft')} · {row.client_name}" if row is not None else ""
        told.append(await _one(one, name, f"/invoices/{one.id}/", work))
    return _told(visit, told, "/invoices/")


# ---- one, and all ----------------------------------------------------------------------------------------------------------------


def _chosen(visit: Visit) -> list[Chosen]:
    """Each as `seen:id`, once, at most a hundred: what was not on the page was not chosen."""
    found: dict[str, Chosen] = {}
    for text in visit.request.POST.getlist("chosen")[:AT_ONCE_MAX]:
        seen, _, row_id = text.partition(":")
        if row_id:
            found.setdefault(row_id, Chosen(row_id, seen))
    return list(found.values())


async def _one(one: Chosen, name: str, path: str, work: Callable[[Chosen], Awaitable[None]]) -> Told:
    """A refusal of one holds up no other."""
    try:
        await work(one)
    except NotFound:
        return Told(gettext("One that is not there"), "", gettext("It is not there any more."))
    except InvalidInput as error:
        return Told(name, path, " ".join(f"{row.field} {row.message}." for row in error.errors))
    except CoreError as error:
        return Told(name, path, error.detail)
    return Told(name, path, "")


async def _annotated(visit: Visit, one: Chosen, annotation: Annotation) -> Transaction:
    return await annotate_transaction(visit.runtime.uow, visit.runtime.clock, visit.org_id, one.id, annotation, _version(one))


def _version(one: Chosen) -> list[int]:
    """As it was shown; none where what was sent says none, which matches nothing."""
    return [int(one.seen)] if one.seen.isascii() and one.seen.isdecimal() and len(one.seen) < 10 else []


def _name_of(row: Transaction | None) -> str:
    if row is None:
        return ""
    return " · ".join(part for part in (short(row.hash), row.counterparty) if part)


def _word_of(row: Transaction) -> dict[str, Any]:
    """What an annotation can say again."""
    names = ("subcategory", "counterparty", "purpose", "account", "explanation")
    return {"category": str(row.category), "tax_category": str(row.tax_category or "")} | {name: str(getattr(row, name) or "") for name in names}


def _undoable(visit: Visit) -> list[dict[str, Any]] | None:
    """What the page gave to this person a while ago, sealed; None for anything else."""
    try:
        kept = signing.loads(visit.request.POST.get("undo", ""), salt=_SALT, max_age=UNDO_S)
    except signing.BadSignature:
        return None
    return kept["rows"] if (kept["org"], kept["user"]) == (visit.org_id, visit.principal.user_id) else None


def _told(
    visit: Visit, told: Sequence[Told], back: str, *, undo: Sequence[dict[str, Any]] = (), problem: str = "", status: int = 200
) -> HttpResponse:
    """A page of its own, or what stands in the corner of the page that asked by its script."""
    if not told and not problem:
        problem, status = gettext("Nothing was chosen."), 422
    sealed = signing.dumps({"org": visit.org_id, "user": visit.principal.user_id, "rows": list(undo)}, salt=_SALT) if undo else ""
    values = {
        "done": [row for row in map(asdict, told) if not row["problem"]],
        "refused": [row for row in map(asdict, told) if row["problem"]],
        "problem": problem,
        "undo": sealed,
        "undo_minutes": UNDO_S // 60,
        "back": back,
    }
    by_script = visit.request.headers.get("HX-Request") == "true"
    return visit.render("bulk/told.html" if by_script else "bulk/page.html", values, status=200 if by_script else status)
