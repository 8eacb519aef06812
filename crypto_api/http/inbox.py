"""/api/inbox/: what waits for somebody. Items open and close by what is true."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.remedy_item import Bench, remedy_item
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.inbox import InboxItemRead, InboxPageRead, InboxQuery, ItemWaive, RemedyTry
from crypto_api.inbox import service, store
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.runtime import Runtime, runtime_of
from mongodb_config.pages import contains

router = Router(tags=["inbox"])

SORTS = {"opened_at": "_id", "updated_at": "updated_at"}


@router.get("/inbox/", response=InboxPageRead, summary="What waits for somebody")
@requires(Permission.INBOX_READ)
async def list_inbox(request: HttpRequest, query: Query[InboxQuery]) -> HttpResponse:
    """Latest first. Closed items stay; ask for `state=open` to see what is to be done."""
    where: dict[str, Any] = {name: value for name, value in (("state", query.state), ("kind", query.kind)) if value is not None}
    if query.q is not None:
        where["$or"] = [{field: contains(query.q)} for field in ("title", "cause", "subject_id")]
    page = page_read(await store.page(org_of(request), where, page_request(query, SORTS, "-opened_at")), InboxItemRead.of)
    org_id, reads = org_of(request), runtime_of(request.scope).reads
    counts = await reads.read(("inbox by state", org_id), lambda: store.counts(org_id))
    return answer(InboxPageRead(items=page.items, next_cursor=page.next_cursor, total=page.total, counts=counts))


@router.get("/inbox/{item_id}/", response=InboxItemRead, summary="Get an item of the inbox")
@requires(Permission.INBOX_READ)
async def get_inbox_item(request: HttpRequest, item_id: str) -> HttpResponse:
    item = await store.get(org_of(request), item_id)
    if item is None:
        raise NotFound
    return answer(InboxItemRead.of(item), version=item.version)


@router.post("/inbox/{item_id}/remedy/", response=InboxItemRead, summary="Do something about an item")
@requires(Permission.INBOX_WRITE)
@idempotent
async def remedy_inbox_item(request: HttpRequest, item_id: str, body: RemedyTry) -> HttpResponse:
    """What came of it stands in `attempts`. The item closes when what it tells of no longer holds, not because something was tried. 409 when it is
    closed, or the remedy is none of its `remedies`; 503 `not_at_rest` while blocks come in."""
    item = await remedy_item(bench_of(runtime_of(request.scope)), org_of(request), item_id, body.choice(), principal_of(request).user_id)
    return answer(InboxItemRead.of(item), version=item.version)


@router.post("/inbox/{item_id}/waive/", response=InboxItemRead, summary="Say that it may stay so")
@requires(Permission.INBOX_WRITE)
@idempotent
async def waive_inbox_item(request: HttpRequest, item_id: str, body: ItemWaive) -> HttpResponse:
    """With a reason. It opens again when what was waived has changed, and goes by itself when it no longer holds."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    now = runtime.clock.now()
    item = await runtime.uow.run(lambda session: service.waive(session, org_id, item_id, now, body.reason, user_id))
    return answer(InboxItemRead.of(item), version=item.version)


def bench_of(runtime: Runtime) -> Bench:
    return Bench(runtime.uow, runtime.clock, runtime.networks, runtime.rpc, runtime.prices)
