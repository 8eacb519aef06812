"""/api/notifications/: what concerns the person who asks, and how they want to be told."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.write_message import write_message
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.notifications import (
    NotificationCreate,
    NotificationQuery,
    NotificationRead,
    NotificationsReadRead,
    NotificationsWrittenRead,
    PreferencesRead,
    PreferencesUpdate,
)
from crypto_api.notifications import service, store
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["notifications"])

SORTS = {"created_at": "_id"}


@router.get("/notifications/", response=PageRead[NotificationRead], summary="List my notices")
@requires(Permission.ORGANIZATION_READ)
async def list_notifications(request: HttpRequest, query: Query[NotificationQuery]) -> HttpResponse:
    where: dict[str, Any] = {"read_at": None, "gone_at": None} if query.unread else {}
    if query.topic is not None:
        where["topic"] = query.topic
    page = await store.page(org_of(request), principal_of(request).user_id, where, page_request(query, SORTS, "-created_at"))
    return answer(page_read(page, NotificationRead.of))


@router.post("/notifications/", response={201: NotificationsWrittenRead}, summary="Write to members")
@requires(Permission.ORGANIZATION_WRITE)
@idempotent
async def create_notification(request: HttpRequest, body: NotificationCreate) -> HttpResponse:
    """Each is told as they chose for the topic `messages`."""
    runtime = runtime_of(request.scope)
    rows = await write_message(
        runtime.uow, runtime.clock, principal_of(request), org_of(request), body.user_ids, body.title, body.text, body.priority
    )
    return answer(NotificationsWrittenRead(written_to=len(rows)), status=201)


@router.get("/notifications/preferences/", response=PreferencesRead, summary="How I want to be told")
@requires(Permission.ORGANIZATION_READ)
async def get_notification_preferences(request: HttpRequest) -> HttpResponse:
    row = await store.choices(org_of(request), principal_of(request).user_id)
    return answer(PreferencesRead.of(row), version=row.version if row else 0)


@router.put("/notifications/preferences/", response=PreferencesRead, summary="Choose how I am told")
@requires(Permission.ORGANIZATION_READ)
async def update_notification_preferences(request: HttpRequest, body: PreferencesUpdate) -> HttpResponse:
    """From the next notice on."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    wanted, expected = body.choices(), expected_versions(request)
    row = await runtime.uow.run(lambda session: service.choose(session, org_id, user_id, wanted, runtime.clock.now(), expected))
    return answer(PreferencesRead.of(row), version=row.version)


@router.put("/notifications/read/", response=NotificationsReadRead, summary="Mark all my notices as read")
@requires(Permission.ORGANIZATION_READ)
async def read_all_notifications(request: HttpRequest) -> HttpResponse:
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    count = await runtime.uow.run(lambda session: store.mark_read(session, org_id, user_id, None, runtime.clock.now()))
    return answer(NotificationsReadRead(read=count))


@router.put("/notifications/{notification_id}/read/", response=NotificationRead, summary="Mark a notice as read")
@requires(Permission.ORGANIZATION_READ)
async def read_notification(request: HttpRequest, notification_id: str) -> HttpResponse:
    """No letter about it leaves any more. Once more changes nothing."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    row = await runtime.uow.run(lambda session: service.read(session, org_id, user_id, notification_id, runtime.clock.now()))
    return answer(NotificationRead.of(row))


@router.delete("/notifications/{notification_id}/", response={204: None}, summary="Delete a notice")
@requires(Permission.ORGANIZATION_READ)
async def delete_notification(request: HttpRequest, notification_id: str) -> HttpResponse:
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    await runtime.uow.run(lambda session: service.delete(session, org_id, user_id, notification_id))
    return no_content()
