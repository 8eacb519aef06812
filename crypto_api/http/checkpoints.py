"""/api/wallets/{id}/checkpoints/: whether the books hold what the chain does."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.checkpoints import store
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.checkpoints import CheckpointQuery, CheckpointRead
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.wallets import store as wallets

router = Router(tags=["wallets"])

SORTS = {"asset": "asset", "at": "at"}


@router.get("/wallets/{wallet_id}/checkpoints/", response=PageRead[CheckpointRead], summary="Chain and books of a wallet, compared at a block")
@requires(Permission.WALLETS_READ)
async def list_checkpoints(request: HttpRequest, wallet_id: str, query: Query[CheckpointQuery]) -> HttpResponse:
    """The latest comparison of each asset. What differs stands in the inbox too."""
    org_id = org_of(request)
    if await wallets.get(org_id, wallet_id) is None:
        raise NotFound
    return answer(page_read(await store.page_of_wallet(org_id, wallet_id, page_request(query, SORTS, "asset")), CheckpointRead.of))
