"""/api/blockchain/: the followed networks."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.chains import store
from crypto_api.chains.documents import ChainCursor, FollowState
from crypto_api.http.answers import answer
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.blockchain import NetworkRead, ProviderRead
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["blockchain"])


@router.get("/blockchain/networks/", response=PageRead[NetworkRead], summary="Networks, and how far each is followed")
@requires(Permission.BLOCKCHAIN_READ)
async def list_networks(request: HttpRequest) -> HttpResponse:
    cursors = {cursor.id: cursor for cursor in await store.cursors()}
    networks = runtime_of(request.scope).networks
    return answer(PageRead(items=[_read(network, cursors.get(slug)) for slug, network in networks.items()], next_cursor=None))


def _read(network: NetworkConfig, cursor: ChainCursor | None) -> NetworkRead:
    return NetworkRead(
        slug=network.slug,
        name=network.name,
        chain_id=network.chain_id,
        native_asset=network.native_asset,
        assets=[token.symbol for token in network.listed()],
        confirmations=network.confirmations,
        head=cursor.head if cursor else None,
        processed=cursor.height if cursor else None,
        lag_blocks=max(0, cursor.head - cursor.height) if cursor else None,
        state=cursor.state if cursor else FollowState.STARTING,
        reason=cursor.reason if cursor else None,
        processed_at=cursor.processed_at if cursor else None,
        providers=_providers(network),
    )


def _providers(network: NetworkConfig) -> list[ProviderRead]:
    """Host names only: paths and user parts of provider addresses hold API keys."""
    urls = [*network.rpc_urls, *([network.ws_url] if network.ws_url else [])]
    return [ProviderRead(host=urlsplit(url).hostname or "", kind="websocket" if url.startswith("ws") else "http") for url in urls]
