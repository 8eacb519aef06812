"""Webhooks: which programs are told what happens, how far each has come, and the log of what it was sent."""

from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.step_up import confirmed
from crypto_api.desks import webhook_desk_of
from crypto_api.events import store as events
from crypto_api.flows import deliver_webhooks, keep_webhooks
from crypto_api.flows.keep_webhooks import Desk, NewWebhook
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.webhooks import rules, service, store
from crypto_api.webhooks.documents import Webhook, WebhookDelivery
from crypto_api.webhooks.types import WebhookDeliveryStatus, WebhookStatus

FIELDS = ("url", "kinds", "description")
FLASHES = {
    "added": "Added. It is told what happens from now on. Give its secret to the receiver.",
    "changed": "Changed.",
    "paused": "Paused. What happens meanwhile is sent afterwards.",
    "resumed": "Resumed. It is sent what waits for it.",
    "rotated": "A new secret signs. The old one signs beside it for 24 hours.",
    "taken": "Sent, and taken.",
    "deleted": "Deleted.",
}
REFUSED = "Sent, and not taken: what it answered stands in the log."
PAGE = 25


@dataclass(frozen=True)
class Shown:
    """A webhook with what the list says of it."""

    row: Webhook
    host: str
    behind: int  # events that were not looked at yet


@page(Permission.WEBHOOKS_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return await _list(visit, Form(visit.request, *FIELDS), flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.WEBHOOKS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("webhooks/rows.html", await _rows(visit))


@page(Permission.WEBHOOKS_WRITE)
@confirmed("/webhooks/")
async def add(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    form = Form(visit.request, *FIELDS)
    url, kinds, description = _read(form)
    if form.errors:
        return await _list(visit, form, status=422)
    try:
        row = await keep_webhooks.add_webhook(_desk(visit), visit.principal, visit.org_id, NewWebhook(url, kinds, description))
    except InvalidInput as error:
        return await _list(visit, form, problem=form.refused(error, FIELDS), status=422)
    except CoreError as error:
        return await _list(visit, form, problem=error.detail, status=error.status)
    return redirect(f"/webhooks/{row.id}/?done=added")


@page(Permission.WEBHOOKS_READ)
async def webhook_page(visit: Visit, webhook_id: str) -> HttpResponse:
    row, done = await _webhook(visit, webhook_id), visit.request.GET.get("done", "")
    return await _detail(visit, row, _given(row), flash=FLASHES.get(done, ""), warning=REFUSED if done == "refused" else "")


@page(Permission.WEBHOOKS_READ)
async def log_fragment(visit: Visit, webhook_id: str) -> HttpResponse:
    row = await _webhook(visit, webhook_id)
    return visit.render("webhooks/log.html", await _log(visit, row))


@page(Permission.WEBHOOKS_WRITE)
@confirmed("/webhooks/{webhook_id}/")
async def edit(visit: Visit, webhook_id: str) -> HttpResponse:
    only_post(visit.request)
    row, form = await _webhook(visit, webhook_id), Form(visit.request, *FIELDS)
    url, kinds, description = _read(form)
    if form.errors:
        return await _detail(visit, row, form.given, form.errors, status=422)
    try:
        await keep_webhooks.change_webhook(_desk(visit), visit.org_id, webhook_id, {"url": url, "kinds": kinds, "description": description})
    except InvalidInput as error:
        problem = form.refused(error, FIELDS)
        return await _detail(visit, row, form.given, form.errors, problem=problem, status=422)
    return redirect(f"/webhooks/{webhook_id}/?done=changed")


@page(Permission.WEBHOOKS_WRITE)
@confirmed("/webhooks/{webhook_id}/")
async def pause(visit: Visit, webhook_id: str) -> HttpResponse:
    only_post(visit.request)
    await _webhook(visit, webhook_id)
    await keep_webhooks.change_webhook(_desk(visit), visit.org_id, webhook_id, {"status": WebhookStatus.PAUSED})
    return redirect(f"/webhooks/{webhook_id}/?done=paused")


@page(Permission.WEBHOOKS_WRITE)
async def resume(visit: Visit, webhook_id: str) -> HttpResponse:
    """From where it stopped, or from a number on that a person names."""
    only_post(visit.request)
    row, number = await _webhook(visit, webhook_id), visit.request.POST.get("after_seq", "").strip()
    if number and not (number.isascii() and number.isdecimal() and len(number) < 16):
        return await _detail(visit, row, _given(row), {"after_seq": "must be the number of an event"}, status=422)
    try:
        await keep_webhooks.resume_webhook(_desk(visit), visit.org_id, webhook_id, int(number) if number else None)
    except InvalidInput as error:
        return await _detail(visit, row, _given(row), {one.field: one.message for one in error.errors}, status=422)
    return redirect(f"/webhooks/{webhook_id}/?done=resumed")


@page(Permission.WEBHOOKS_WRITE)
async def test(visit: Visit, webhook_id: str) -> HttpResponse:
    only_post(visit.request)
    try:
        sent = await deliver_webhooks.send_test(_desk(visit), visit.org_id, webhook_id, visit.principal.user_id)
    except NotFound as error:
        raise Http404 from error
    return _sent(sent)


@page(Permission.WEBHOOKS_WRITE)
async def replay(visit: Visit, delivery_id: str) -> HttpResponse:
    only_post(visit.request)
    try:
        sent = await deliver_webhooks.replay(_desk(visit), visit.org_id, delivery_id, visit.principal.user_id)
    except NotFound as error:
        raise Http404 from error
    return _sent(sent)


def _sent(sent: WebhookDelivery) -> HttpResponse:
    done = "taken" if sent.status is WebhookDeliveryStatus.DELIVERED else "refused"
    return redirect(f"/webhooks/{sent.webhook_id}/?done={done}")


@page(Permission.WEBHOOKS_WRITE)
@confirmed("/webhooks/{webhook_id}/")
async def secret_page(visit: Visit, webhook_id: str) -> HttpResponse:
    """Shown once it was asked for; who asked is recorded."""
    only_post(visit.request)
    row = await _webhook(visit, webhook_id)
    return await _detail(visit, row, _given(row), secret=await keep_webhooks.read_secret(_desk(visit), visit.org_id, webhook_id))


@page(Permission.WEBHOOKS_WRITE)
@confirmed("/webhooks/{webhook_id}/")
async def rotate(visit: Visit, webhook_id: str) -> HttpResponse:
    only_post(visit.request)
    await _webhook(visit, webhook_id)
    await keep_webhooks.rotate_secret(_desk(visit), visit.org_id, webhook_id, at_once=visit.request.POST.get("at_once") == "on")
    return redirect(f"/webhooks/{webhook_id}/?done=rotated")


@page(Permission.WEBHOOKS_WRITE)
async def delete(visit: Visit, webhook_id: str) -> HttpResponse:
    only_post(visit.request)
    org_id, now = visit.org_id, visit.runtime.clock.now()
    try:
        await visit.runtime.uow.run(lambda session: service.delete(session, org_id, webhook_id, now))
    except NotFound as error:
        raise Http404 from error
    return redirect("/webhooks/?done=deleted")


# ---- what is shown ---------------------------------------------------------------------------------------------------------------


def _desk(visit: Visit) -> Desk:
    return webhook_desk_of(visit.runtime)


async def _webhook(visit: Visit, webhook_id: str) -> Webhook:
    row = await store.get(visit.org_id, webhook_id)
    if row is None:
        raise Http404
    return row


def _read(form: Form) -> tuple[str, list[str], str]:
    url, description = form.line("url", most=rules.URL_MAX), form.line("description", needed=False)
    return url, form.prose("kinds", most=3_000).replace(",", " ").split(), description


def _given(row: Webhook) -> dict[str, str]:
    return {"url": row.url, "kinds": "\n".join(row.kinds), "description": row.description}


async def _list(visit: Visit, form: Form, *, status: int = 200, **values: object) -> HttpResponse:
    shown = {"given": form.given, "errors": form.errors, "may_write": visit.may(Permission.WEBHOOKS_WRITE)}
    return visit.render("webhooks/list.html", shown | await _rows(visit) | values, status=status)


async def _rows(visit: Visit) -> dict[str, object]:
    head = await events.head(visit.org_id)
    return {"rows": [_shown(row, head) for row in await store.of_org(visit.org_id)]}


def _shown(row: Webhook, head: int) -> Shown:
    return Shown(row, rules.host_of(row.url), max(head - row.done_seq, 0))


async def _detail(
    visit: Visit, row: Webhook, given: dict[str, str], errors: dict[str, str] | None = None, *, status: int = 200, **values: object
) -> HttpResponse:
    shown = {"given": given, "errors": errors or {}, "may_write": visit.may(Permission.WEBHOOKS_WRITE)}
    return visit.render("webhooks/webhook.html", shown | await _log(visit, row) | values, status=status)


async def _log(visit: Visit, row: Webhook) -> dict[str, object]:
    request = PageRequest(limit=PAGE, cursor=visit.request.GET.get("cursor"))
    try:
        request.position()
    except InvalidInput as error:
        raise Http404 from error
    page = await store.deliveries(visit.org_id, row.id, {}, request)
    return {
        "shown": _shown(row, await events.head(visit.org_id)),
        "deliveries": page.items,
        "next_cursor": page.next_cursor,
        "first_page": request.cursor is None,
        "may_write": visit.may(Permission.WEBHOOKS_WRITE),
    }
