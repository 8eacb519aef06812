"""/api/webhooks/, /api/webhook-deliveries/: programs of the organisation that are told what happens."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.desks import webhook_desk_of
from crypto_api.events.catalogue import domain_events
from crypto_api.flows import deliver_webhooks, keep_webhooks
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import approved, requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.webhooks import (
    EventKindRead,
    EventKindsRead,
    WebhookCreate,
    WebhookDeliveryQuery,
    WebhookDeliveryRead,
    WebhookQuery,
    WebhookRead,
    WebhookResume,
    WebhookRotate,
    WebhookSecretRead,
    WebhookUpdate,
)
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import GRANTABLE, Permission
from crypto_api.runtime import runtime_of
from crypto_api.webhooks import service, store

router = Router(tags=["webhooks"])

SORTS = {"created_at": "_id"}


@router.get("/webhooks/", response=PageRead[WebhookRead], summary="List webhooks")
@requires(Permission.WEBHOOKS_READ)
async def list_webhooks(request: HttpRequest, query: Query[WebhookQuery]) -> HttpResponse:
    where: dict[str, Any] = {"status": query.status} if query.status is not None else {}
    page = await store.page(org_of(request), where, page_request(query, SORTS, "-created_at"))
    return answer(page_read(page, WebhookRead.of))


@router.post("/webhooks/", response={201: WebhookRead}, summary="Add a webhook")
@requires(Permission.WEBHOOKS_WRITE)
@approved(Purpose.SECURITY)
@idempotent
async def create_webhook(request: HttpRequest, body: WebhookCreate) -> HttpResponse:
    """Each event is sent as a POST of `{id, type, timestamp, organization_id, seq, data}`, signed as Standard Webhooks 1.0 says, in order, at least
    once: by its `webhook-id` a receiver knows what it has. Whatever is not answered with 2xx within 5 seconds is tried again for 72 hours; then the
    webhook is suspended, and resumed from where it stopped. 409 `too_many_webhooks` beyond 20."""
    row = await keep_webhooks.add_webhook(webhook_desk_of(runtime_of(request.scope)), principal_of(request), org_of(request), body.new())
    return answer(WebhookRead.of(row), status=201, version=row.version)


@router.get("/webhooks/event-kinds/", response=EventKindsRead, summary="What a webhook can be told")
@requires(Permission.WEBHOOKS_READ)
async def list_event_kinds(request: HttpRequest) -> HttpResponse:
    """Every kind of event with the schema of its `data`."""
    kinds = [EventKindRead.of(event) for event in domain_events().values() if event.permission in GRANTABLE]
    return answer(EventKindsRead(items=kinds))


@router.get("/webhooks/{webhook_id}/", response=WebhookRead, summary="Get a webhook")
@requires(Permission.WEBHOOKS_READ)
async def get_webhook(request: HttpRequest, webhook_id: str) -> HttpResponse:
    row = await store.get(org_of(request), webhook_id)
    if row is None:
        raise NotFound
    return answer(WebhookRead.of(row), version=row.version)


@router.put("/webhooks/{webhook_id}/", response=WebhookRead, summary="Change, pause or resume a webhook")
@requires(Permission.WEBHOOKS_WRITE)
@approved(Purpose.SECURITY)
async def update_webhook(request: HttpRequest, webhook_id: str, body: WebhookUpdate) -> HttpResponse:
    """What waits is tried at once, at the address of now."""
    desk = webhook_desk_of(runtime_of(request.scope))
    row = await keep_webhooks.change_webhook(desk, org_of(request), webhook_id, body.fields(), expected_versions(request))
    return answer(WebhookRead.of(row), version=row.version)


@router.delete("/webhooks/{webhook_id}/", response={204: None}, summary="Delete a webhook with its log")
@requires(Permission.WEBHOOKS_WRITE)
async def delete_webhook(request: HttpRequest, webhook_id: str) -> HttpResponse:
    runtime, org_id, expected = runtime_of(request.scope), org_of(request), expected_versions(request)
    await runtime.uow.run(lambda session: service.delete(session, org_id, webhook_id, runtime.clock.now(), expected))
    return no_content()


@router.get("/webhooks/{webhook_id}/secret/", response=WebhookSecretRead, summary="Read the secret that signs")
@requires(Permission.WEBHOOKS_WRITE)
@approved(Purpose.SECURITY)
async def get_webhook_secret(request: HttpRequest, webhook_id: str) -> HttpResponse:
    """Who reads it is recorded."""
    secret = await keep_webhooks.read_secret(webhook_desk_of(runtime_of(request.scope)), org_of(request), webhook_id)
    return answer(WebhookSecretRead(secret=secret))


@router.post("/webhooks/{webhook_id}/rotate-secret/", response=WebhookRead, summary="Make another secret")
@requires(Permission.WEBHOOKS_WRITE)
@approved(Purpose.SECURITY)
@idempotent
async def rotate_webhook_secret(request: HttpRequest, webhook_id: str, body: WebhookRotate) -> HttpResponse:
    """For 24 hours `webhook-signature` holds two signatures, unless the old secret ends at once."""
    desk, expected = webhook_desk_of(runtime_of(request.scope)), expected_versions(request)
    row = await keep_webhooks.rotate_secret(desk, org_of(request), webhook_id, at_once=body.at_once, expected=expected)
    return answer(WebhookRead.of(row), version=row.version)


@router.post("/webhooks/{webhook_id}/resume/", response=WebhookRead, summary="Resume a webhook, or send again from a number on")
@requires(Permission.WEBHOOKS_WRITE)
@idempotent
async def resume_webhook(request: HttpRequest, webhook_id: str, body: WebhookResume) -> HttpResponse:
    desk, expected = webhook_desk_of(runtime_of(request.scope)), expected_versions(request)
    row = await keep_webhooks.resume_webhook(desk, org_of(request), webhook_id, body.after_seq, expected)
    return answer(WebhookRead.of(row), version=row.version)


@router.post("/webhooks/{webhook_id}/test/", response=WebhookDeliveryRead, summary="Send a test")
@requires(Permission.WEBHOOKS_WRITE)
@idempotent
async def send_webhook_test(request: HttpRequest, webhook_id: str) -> HttpResponse:
    """A `webhook.test` is sent now, once; the answer tells what became of it."""
    desk = webhook_desk_of(runtime_of(request.scope))
    return answer(WebhookDeliveryRead.of(await deliver_webhooks.send_test(desk, org_of(request), webhook_id, principal_of(request).user_id)))


@router.get("/webhooks/{webhook_id}/deliveries/", response=PageRead[WebhookDeliveryRead], summary="The log of deliveries")
@requires(Permission.WEBHOOKS_READ)
async def list_webhook_deliveries(request: HttpRequest, webhook_id: str, query: Query[WebhookDeliveryQuery]) -> HttpResponse:
    """Of the last 30 days, latest first, each with its attempts."""
    if await store.get(org_of(request), webhook_id) is None:
        raise NotFound
    where = {name: value for name, value in (("status", query.status), ("purpose", query.purpose)) if value is not None}
    page = await store.deliveries(org_of(request), webhook_id, where, page_request(query, SORTS, "-created_at"))
    return answer(page_read(page, WebhookDeliveryRead.of))


@router.get("/webhook-deliveries/{delivery_id}/", response=WebhookDeliveryRead, summary="Get a delivery")
@requires(Permission.WEBHOOKS_READ)
async def get_webhook_delivery(request: HttpRequest, delivery_id: str) -> HttpResponse:
    row = await store.delivery(org_of(request), delivery_id)
    if row is None:
        raise NotFound
    return answer(WebhookDeliveryRead.of(row))


@router.post("/webhook-deliveries/{delivery_id}/replay/", response=WebhookDeliveryRead, summary="Send the event of a delivery again")
@requires(Permission.WEBHOOKS_WRITE)
@idempotent
async def replay_webhook_delivery(request: HttpRequest, delivery_id: str) -> HttpResponse:
    """Now, once and out of turn; the answer tells what became of it. Everything from a number on is sent again by resuming there."""
    desk = webhook_desk_of(runtime_of(request.scope))
    return answer(WebhookDeliveryRead.of(await deliver_webhooks.replay(desk, org_of(request), delivery_id, principal_of(request).user_id)))
