"""One journal entry: written, edited, approved, posted, reversed, deleted."""

from collections.abc import Awaitable, Callable
from datetime import date

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.entry_form import EntryForm
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.rows import entry_card
from crypto_api.dashboard.translation import gettext
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.ledger import drafts, service
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import Account, JournalEntry
from crypto_api.ledger.types import EntryStatus
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity, people
from mongodb_config.unit_of_work import Session

REASON_MAX = 200
CHANGED = _("Somebody else has changed this draft meanwhile. What stands there now was loaded; look at it and try again.")
FLASHES = {
    "drafted": _("The draft was saved. It counts when it is posted."),
    "saved": _("The draft was saved."),
    "approved": _("Approved. It can be posted now."),
    "posted": _("Posted. It counts from now on and is never changed."),
    "reversed": _("The entry was reversed by a mirror entry."),
    "reversal-drafted": _("This draft takes the entry back as soon as somebody else has approved it and it is posted."),
}
Verb = Callable[[Session], Awaitable[JournalEntry]]


# ---- the page of an entry --------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_READ)
async def detail_page(visit: Visit, entry_id: str) -> HttpResponse:
    return await _detail(visit, entry_id, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.LEDGER_READ)
async def detail_fragment(visit: Visit, entry_id: str) -> HttpResponse:
    return visit.render("journal/entry.html", await _values(visit, await _entry(visit, entry_id)))


async def _detail(visit: Visit, entry_id: str, *, status: int = 200, **values: object) -> HttpResponse:
    return visit.render("journal/detail.html", await _values(visit, await _entry(visit, entry_id)) | values, status=status)


async def _values(visit: Visit, entry: JournalEntry) -> dict[str, object]:
    you, is_draft = visit.principal.user_id, entry.status is EntryStatus.DRAFT
    named = await people.names_of({*entry.prepared_by, *filter(None, (entry.created_by, entry.approved_by))})
    writers = entry.prepared_by or [entry.created_by] if entry.created_by else []
    waits = is_draft and visit.organization.entry_approval and entry.approved_by is None
    return {
        "card": entry_card(entry, await activity.account_names(visit.org_id), await activity.wallet_names(visit.org_id)),
        "entry": entry,
        "writers": ", ".join(named.get(str(writer), gettext("somebody whose account is gone")) for writer in writers),
        "approver": named.get(entry.approved_by or "", gettext("somebody whose account is gone")) if entry.approved_by else "",
        "waits": waits,
        "may_write": visit.may(Permission.LEDGER_WRITE),
        "may_edit": is_draft and entry.reverses is None and visit.may(Permission.LEDGER_WRITE),
        "may_approve": waits and you not in writers and visit.may(Permission.LEDGER_APPROVE),
        "may_post": is_draft and not waits and visit.may(Permission.LEDGER_WRITE),
        "may_reverse": entry.status is EntryStatus.POSTED and entry.reverses is None and visit.may(Permission.LEDGER_WRITE),
    }


async def _entry(visit: Visit, entry_id: str) -> JournalEntry:
    entry = await ledger.entry(visit.org_id, entry_id)
    if entry is None:
        raise Http404
    return entry


# ---- writing it ------------------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_WRITE)
async def new_page(visit: Visit) -> HttpResponse:
    form = EntryForm(visit.request)
    if visit.request.method != "POST":
        form.form.given["date"] = _today(visit)
        return await _form(visit, form, None)
    body = form.draft(await _accounts(visit)) if not _wants_rows(visit) else None
    if body is None:
        return await _form(visit, form, None)
    now, you = visit.runtime.clock.now(), visit.principal.user_id
    return await _saved(visit, form, None, lambda session: drafts.create_draft(session, visit.org_id, body, you, now), "drafted")


@page(Permission.LEDGER_WRITE)
async def edit_page(visit: Visit, entry_id: str) -> HttpResponse:
    entry = await _entry(visit, entry_id)
    if entry.status is not EntryStatus.DRAFT or entry.reverses is not None:
        return redirect(f"/journal/{entry_id}/")
    if visit.request.method != "POST":
        return await _form(visit, EntryForm.of(visit.request, entry), entry)
    form = EntryForm(visit.request)
    body = form.draft(await _accounts(visit)) if not _wants_rows(visit) else None
    if body is None:
        return await _form(visit, form, entry)
    version = _version(visit, entry)
    if version != entry.version:
        anew = EntryForm.of(visit.request, entry)
        anew.problem = CHANGED
        return await _form(visit, anew, entry, status=412)
    now, you = visit.runtime.clock.now(), visit.principal.user_id
    return await _saved(visit, form, entry, lambda session: drafts.edit_draft(session, visit.org_id, entry_id, version, body, you, now), "saved")


async def _saved(visit: Visit, form: EntryForm, entry: JournalEntry | None, save: Verb, done: str) -> HttpResponse:
    """With the button "Save and post" both, or neither."""
    posts, now = visit.request.POST.get("then") == "post", visit.runtime.clock.now()

    async def work(session: Session) -> JournalEntry:
        row = await save(session)
        if not posts:
            return row
        return await drafts.post_draft(session, visit.org_id, row.id, row.version, now, approval=visit.organization.entry_approval)

    try:
        row = await visit.runtime.uow.run(work)
    except InvalidInput as error:
        form.refused(error)
        return await _form(visit, form, entry)
    except CoreError as error:
        form.problem = error.detail
        return await _form(visit, form, entry, status=error.status)
    return redirect(f"/journal/{row.id}/?done={'posted' if posts else done}")


async def _form(visit: Visit, form: EntryForm, entry: JournalEntry | None, *, status: int | None = None) -> HttpResponse:
    values: dict[str, object] = {
        "entry": entry,
        "accounts": await _accounts(visit),
        "approval": visit.organization.entry_approval,
        "version": _version(visit, entry) if entry else "",
    }
    return visit.render("journal/form.html", values | form.values(), status=status or (422 if form.wrong else 200))


async def _accounts(visit: Visit) -> list[Account]:
    return [row for row in await ledger.accounts(visit.org_id) if row.active]


def _wants_rows(visit: Visit) -> bool:
    """Without a script more lines come from here."""
    return bool(visit.request.POST.get("then") == "rows")


def _today(visit: Visit) -> str:
    return day_of(visit.runtime.clock.now(), visit.organization.time_zone).isoformat()


def _version(visit: Visit, entry: JournalEntry) -> int:
    versions = version_of(visit.request)
    return versions[0] if versions else entry.version


# ---- deciding about it -----------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_WRITE)
async def post(visit: Visit, entry_id: str) -> HttpResponse:
    now, approval = visit.runtime.clock.now(), visit.organization.entry_approval

    async def work(session: Session, version: int) -> JournalEntry:
        return await drafts.post_draft(session, visit.org_id, entry_id, version, now, approval=approval)

    return await _decide(visit, entry_id, work, "posted")


@page(Permission.LEDGER_APPROVE)
async def approve(visit: Visit, entry_id: str) -> HttpResponse:
    now, you = visit.runtime.clock.now(), visit.principal.user_id

    async def work(session: Session, version: int) -> JournalEntry:
        return await drafts.approve_draft(session, visit.org_id, entry_id, version, you, now)

    return await _decide(visit, entry_id, work, "approved")


async def _decide(visit: Visit, entry_id: str, work: Callable[[Session, int], Awaitable[JournalEntry]], done: str) -> HttpResponse:
    only_post(visit.request)
    version = _version(visit, await _entry(visit, entry_id))
    try:
        await visit.runtime.uow.run(lambda session: work(session, version))
    except NotFound as error:
        raise Http404 from error
    except InvalidInput as error:
        problem = " ".join(f"{row.message[:1].upper()}{row.message[1:]}." for row in error.errors)
        return await _detail(visit, entry_id, problem=problem, status=error.status)
    except CoreError as error:
        return await _detail(visit, entry_id, problem=error.detail, status=error.status)
    return redirect(f"/journal/{entry_id}/?done={done}")


@page(Permission.LEDGER_WRITE)
async def delete(visit: Visit, entry_id: str) -> HttpResponse:
    only_post(visit.request)
    version, now = _version(visit, await _entry(visit, entry_id)), visit.runtime.clock.now()
    try:
        await visit.runtime.uow.run(lambda session: drafts.discard_draft(session, visit.org_id, entry_id, version, now))
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _detail(visit, entry_id, problem=error.detail, status=error.status)
    return redirect("/journal/?done=deleted")


@page(Permission.LEDGER_WRITE)
async def reverse(visit: Visit, entry_id: str) -> HttpResponse:
    only_post(visit.request)
    await _entry(visit, entry_id)
    form = Form(visit.request, "reason", "date")
    reason, day = form.line("reason", most=REASON_MAX), form.day("date")
    if form.errors:
        return await _detail(visit, entry_id, given=form.given, errors=form.errors, status=422)
    now, you = visit.runtime.clock.now(), visit.principal.user_id
    on = day_of(now, visit.organization.time_zone) if day is None else date.fromisoformat(day)

    async def work(session: Session) -> JournalEntry:
        if visit.organization.entry_approval:
            return await drafts.draft_reversal(session, visit.org_id, entry_id, you, now, reason, on)
        return await service.reverse(session, visit.org_id, entry_id, now, reason, on=on, by=you)

    try:
        mirror = await visit.runtime.uow.run(work)
    except CoreError as error:
        return await _detail(visit, entry_id, given=form.given, problem=error.detail, status=error.status)
    done = "reversal-drafted" if mirror.status is EntryStatus.DRAFT else "reversed"
    return redirect(f"/journal/{mirror.id}/?done={done}" if mirror.status is EntryStatus.DRAFT else f"/journal/{entry_id}/?done={done}")
