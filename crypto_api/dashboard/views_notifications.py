"""Notices: what concerns the person who reads, and how they want to be told."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.translation import gettext, language
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.notifications import rules, service, store
from crypto_api.notifications.types import Choices, MailChoice, QuietHours, Topic, TopicChoice
from crypto_api.organizations.types import Permission

PAGE = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BADGE_MAX = 99
ABOUT = {
    Topic.APPROVALS: ("Approvals", "What waits for your word: payments, payees, policies."),
    Topic.PAYMENTS: ("Payments", "What you may prepare: paid, failed, stopped."),
    Topic.RECEIVABLES: ("Invoices", "Overdue, paid, money that belongs to none, letters that came back."),
    Topic.INBOX: ("Inbox", "What does not agree yet."),
    Topic.PEOPLE: ("People", "Employees who wait to be verified."),
    Topic.BOOKS: ("Books", "Closed months that were opened again."),
    Topic.PRICES: ("Prices", "Alerts that fired."),
    Topic.SYSTEM: ("System", "Webhooks and wallets that need somebody."),
    Topic.MESSAGES: ("Messages", "What administrators write to you."),
}
MAILS = (("", "By urgency"), (MailChoice.AT_ONCE.value, "At once"), (MailChoice.DIGEST.value, "Once a day"), (MailChoice.OFF.value, "None"))
FLASHES = {"saved": "Saved. It counts from the next notice on.", "read": "All are read.", "unread": "They are unread again."}
UNDO = timedelta(minutes=10)


@page(Permission.ORGANIZATION_READ)
async def list_page(visit: Visit) -> HttpResponse:
    done, at = visit.request.GET.get("done", ""), _moment(visit.request.GET.get("at", ""), visit.runtime.clock.now())
    undo = _told(at) if done == "read" and at is not None else None
    return visit.render("notifications/list.html", await _rows(visit) | {"flash": FLASHES.get(done, ""), "undo": undo})


@page(Permission.ORGANIZATION_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("notifications/rows.html", await _rows(visit))


@page(Permission.ORGANIZATION_READ)
async def badge_fragment(visit: Visit) -> HttpResponse:
    unread = await store.unread(visit.org_id, visit.principal.user_id, BADGE_MAX + 1)
    return visit.render("notifications/badge.html", {"unread": unread, "more": unread > BADGE_MAX, "most": BADGE_MAX})


@page(Permission.ORGANIZATION_READ)
async def read_all(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    org_id, user_id, now = visit.org_id, visit.principal.user_id, visit.runtime.clock.now()
    read = await visit.runtime.uow.run(lambda session: store.mark_read(session, org_id, user_id, None, now))
    return redirect(f"/notifications/?done=read&at={_told(now)}" if read else "/notifications/?done=read")


@page(Permission.ORGANIZATION_READ)
async def unread_again(visit: Visit) -> HttpResponse:
    """What "All read" did a moment ago is undone; what was read by itself stays read."""
    only_post(visit.request)
    org_id, user_id, now = visit.org_id, visit.principal.user_id, visit.runtime.clock.now()
    at, zone = _moment(visit.request.POST.get("at", ""), now), ZoneInfo(visit.organization.time_zone)
    if at is None:
        return redirect("/notifications/")
    await visit.runtime.uow.run(lambda session: service.unread_again(session, org_id, user_id, at, zone, now))
    return redirect("/notifications/?done=unread")


def _told(moment: datetime) -> str:
    """Milliseconds since 1970: a notice keeps no more of when it was read."""
    return str((moment - _EPOCH) // timedelta(milliseconds=1))


def _moment(told: str, now: datetime) -> datetime | None:
    """As `_told` wrote it, not longer ago than it can be undone; None for anything else."""
    if not (told.isascii() and told.isdecimal() and len(told) < 15):
        return None
    at = _EPOCH + timedelta(milliseconds=int(told))
    return at if now - UNDO <= at <= now else None


@page(Permission.ORGANIZATION_READ)
async def open_one(visit: Visit, notification_id: str) -> HttpResponse:
    """Read, and on to where something can be done about it."""
    only_post(visit.request)
    org_id, user_id, now = visit.org_id, visit.principal.user_id, visit.runtime.clock.now()
    try:
        row = await visit.runtime.uow.run(lambda session: service.read(session, org_id, user_id, notification_id, now))
    except NotFound as error:
        raise Http404 from error
    return redirect(row.path or "/notifications/")


@page(Permission.ORGANIZATION_READ)
async def delete(visit: Visit, notification_id: str) -> HttpResponse:
    only_post(visit.request)
    org_id, user_id = visit.org_id, visit.principal.user_id
    try:
        await visit.runtime.uow.run(lambda session: service.delete(session, org_id, user_id, notification_id))
    except NotFound as error:
        raise Http404 from error
    return redirect("/notifications/")


async def _rows(visit: Visit) -> dict[str, object]:
    request = PageRequest(limit=PAGE, cursor=visit.request.GET.get("cursor"))
    try:
        request.position()
    except InvalidInput as error:
        raise Http404 from error
    found = await store.page(visit.org_id, visit.principal.user_id, {}, request)
    rows = [(row, gettext(ABOUT[row.topic][0]), service.title_of(row, language(), number_formats.written)) for row in found.items]
    return {"rows": rows, "next_cursor": found.next_cursor, "first_page": request.cursor is None}


# ---- preferences -----------------------------------------------------------------------------------------------------------------


@page(Permission.ORGANIZATION_READ)
async def preferences_page(visit: Visit) -> HttpResponse:
    org_id, user_id = visit.org_id, visit.principal.user_id
    if visit.request.method != "POST":
        kept = await store.choices(org_id, user_id)
        flash = FLASHES.get(visit.request.GET.get("done", ""), "")
        return _preferences(visit, kept.choices if kept else Choices(), {}, flash=flash)
    form = Form(visit.request, "digest_at", "quiet_start", "quiet_end", *(f"mail_{topic}" for topic in Topic), *(f"shown_{topic}" for topic in Topic))
    wanted = _read(form)
    if form.errors:
        return _preferences(visit, wanted, form.errors, status=422)
    now = visit.runtime.clock.now()
    await visit.runtime.uow.run(lambda session: service.choose(session, org_id, user_id, wanted, now))
    return redirect("/notifications/preferences/?done=saved")


def _read(form: Form) -> Choices:
    for name in ("digest_at", "quiet_start", "quiet_end"):
        if form[name] and not rules.is_clock(form[name]):
            form.wrong(name, "must be a time of day such as 08:00")
    if bool(form["quiet_start"]) != bool(form["quiet_end"]):
        form.wrong("quiet_end", "needs both a beginning and an end")
    topics = {}
    for topic in Topic:
        mail = form.one_of(f"mail_{topic}", set(MailChoice), needed=False)
        topics[topic] = TopicChoice(shown=form[f"shown_{topic}"] == "on", mail=MailChoice(mail) if mail in set(MailChoice) else None)
    quiet = QuietHours(start=form["quiet_start"], end=form["quiet_end"]) if form["quiet_start"] or form["quiet_end"] else None
    return Choices(topics=topics, quiet=quiet, digest_at=form["digest_at"] or Choices().digest_at)


def _preferences(visit: Visit, choices: Choices, errors: dict[str, str], *, status: int = 200, flash: str = "") -> HttpResponse:
    topics = [(topic.value, *map(gettext, ABOUT[topic]), rules.choice_of(choices, topic)) for topic in Topic]
    given = {
        "digest_at": choices.digest_at,
        "quiet_start": choices.quiet.start if choices.quiet else "",
        "quiet_end": choices.quiet.end if choices.quiet else "",
    }
    values = {
        "topics": topics,
        "given": given,
        "errors": errors,
        "mails": [(value, gettext(label)) for value, label in MAILS],
        "flash": flash,
        "zone_name": visit.organization.time_zone,
    }
    return visit.render("notifications/preferences.html", values, status=status)
