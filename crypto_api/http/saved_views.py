"""/api/transactions/views/: what a person narrows the list of transactions down to, under a name of their own."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.saved_views import SavedViewCreate, SavedViewRead, SavedViewsRead
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from crypto_api.saved_views import service, store
from crypto_api.wallets import store as wallets

router = Router(tags=["transactions"])


@router.get("/transactions/views/", response=SavedViewsRead, summary="Your saved views of the transactions")
@requires(Permission.TRANSACTIONS_READ)
async def list_saved_views(request: HttpRequest) -> HttpResponse:
    """All of them, by name: a person keeps 50 at most. Nobody else sees them."""
    views = await store.of_person(org_of(request), principal_of(request).user_id)
    return answer(SavedViewsRead(items=[SavedViewRead.of(view) for view in views]))


@router.post("/transactions/views/", response={201: SavedViewRead}, summary="Save a view of the transactions")
@requires(Permission.TRANSACTIONS_READ)
@idempotent
async def create_saved_view(request: HttpRequest, body: SavedViewCreate) -> HttpResponse:
    """For yourself. 409 `view_exists` when you have one of that name, `too_many_views` beyond 50. 404 for a wallet that is not the organisation's."""
    runtime, org_id, wallet_id = runtime_of(request.scope), org_of(request), body.filters.wallet_id
    if wallet_id is not None and not await wallets.by_ids(org_id, [wallet_id]):
        raise NotFound
    view = await service.keep(runtime.uow, runtime.clock, org_id, principal_of(request).user_id, body.name, body.filters.stored())
    return answer(SavedViewRead.of(view), status=201)


@router.delete("/transactions/views/{view_id}/", response={204: None}, summary="Delete a saved view")
@requires(Permission.TRANSACTIONS_READ)
async def delete_saved_view(request: HttpRequest, view_id: str) -> HttpResponse:
    """404 for one of somebody else's. Nothing that it shows is touched."""
    await service.forget(runtime_of(request.scope).uow, org_of(request), principal_of(request).user_id, view_id)
    return no_content()
