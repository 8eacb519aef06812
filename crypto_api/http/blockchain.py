"""/api/blockchain/: the followed networks."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.chains.documents import ChainCursor
from crypto_api.flows.read_networks import NetworkRow, ProviderRow, read_networks
from crypto_api.http.answers import answer
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.blockchain import BlockRangeRead, CoverageRead, NetworkRead, ProviderRead
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["blockchain"])


@router.get("/blockchain/networks/", response=PageRead[NetworkRead], summary="Networks, how far each is followed, and how its providers do")
@requires(Permission.BLOCKCHAIN_READ)
async def list_networks(request: HttpRequest) -> HttpResponse:
    """Providers are listed in order of preference. Health is what the network's follower sees: it tells every few seconds (`seen_at`)."""
    runtime = runtime_of(request.scope)
    rows = await read_networks(runtime.networks.values(), runtime.clock.now())
    return answer(PageRead(items=[_read(row) for row in rows], next_cursor=None))


def _read(row: NetworkRow) -> NetworkRead:
    network, cursor = row.config, row.cursor
    return NetworkRead(
        slug=network.slug,
        name=network.name,
        chain_id=network.chain_id,
        native_asset=network.native_asset,
        assets=[token.symbol for token in network.listed()],
        confirmations=network.confirmations,
        head=cursor.head if cursor else None,
        processed=cursor.height if cursor else None,
        safe=cursor.safe if cursor else None,
        finalized=cursor.confirmed if cursor else None,
        finality=network.finality,
        agreement=network.agreement,
        credits_agreed_above=dict(network.credits_agreed_above) if network.agreement > 1 else {},
        receipts_checked=network.receipts_checked,
        coverage=_coverage(cursor) if cursor else None,
        lag_blocks=row.lag_blocks,
        state=row.state,
        reason=cursor.reason if cursor else None,
        processed_at=cursor.processed_at if cursor else None,
        providers=[_provider(provider) for provider in row.providers],
    )


def _coverage(cursor: ChainCursor) -> CoverageRead | None:
    if cursor.first_height is None or cursor.first_height >= cursor.height:
        return None
    gaps = [BlockRangeRead(first=gap.first, last=gap.last) for gap in cursor.gaps]
    return CoverageRead(from_=cursor.first_height + 1, to=cursor.height, gaps=gaps)


def _provider(row: ProviderRow) -> ProviderRead:
    health = row.health
    return ProviderRead(
        host=health.host,
        kind=health.kind,
        healthy=row.healthy,
        state=health.state,
        head=health.head,
        lag_blocks=health.lag_blocks,
        latency_ms=health.latency_ms,
        error=health.error,
        error_rate=health.error_rate,
        requests_last_minute=health.requests_last_minute,
        requests_per_second=row.endpoint.requests_per_second if row.endpoint else None,
        batch=health.batch,
        batch_max=row.endpoint.batch_max if row.endpoint else None,
        seen_at=row.seen_at,
    )
