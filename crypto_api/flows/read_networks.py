"""The followed networks and their providers, as their followers last told: one answer for the API and for the page."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import ChainCursor, ChainProvider, FollowState
from crypto_api.kit.networks import Endpoint, NetworkConfig, ProviderHealth, ProviderState, host_of

HEARD_WITHIN = timedelta(seconds=30)  # a follower tells every few seconds; older than this says how it was, not how it is
_HEALTHY = frozenset({ProviderState.IN_USE, ProviderState.STANDBY})


@dataclass(frozen=True, slots=True)
class ProviderRow:
    health: ProviderHealth
    seen_at: datetime | None  # None: no follower has told of it
    endpoint: Endpoint | None = None  # as the networks file names it; None for a WebSocket

    @property
    def healthy(self) -> bool:
        return self.health.state in _HEALTHY


@dataclass(frozen=True, slots=True)
class NetworkRow:
    config: NetworkConfig
    cursor: ChainCursor | None
    providers: list[ProviderRow]

    @property
    def state(self) -> FollowState:
        return self.cursor.state if self.cursor else FollowState.STARTING

    @property
    def lag_blocks(self) -> int | None:
        return max(0, self.cursor.head - self.cursor.height) if self.cursor else None

    @property
    def fit(self) -> int:
        """How many providers are."""
        return sum(provider.healthy for provider in self.providers)


async def read_networks(networks: Iterable[NetworkConfig], now: datetime) -> list[NetworkRow]:
    cursors = {cursor.id: cursor for cursor in await chain_store.cursors()}
    told = {(row.network, row.place): row for row in await chain_store.providers()}
    return [NetworkRow(network, cursors.get(network.slug), _providers(network, told, now)) for network in networks]


def _providers(network: NetworkConfig, told: dict[tuple[str, int], ChainProvider], now: datetime) -> list[ProviderRow]:
    """Those that the networks file names, each with what was told of it: a follower may still run with an older file."""
    http = [(endpoint.host, "http", endpoint) for endpoint in network.endpoints()]
    named = [*http, *((host_of(url), "websocket", None) for url in network.ws_urls())]
    rows = []
    for place, (host, kind, endpoint) in enumerate(named):
        row = told.get((network.slug, place))
        found = _told(row, now) if row is not None and (row.host, row.kind) == (host, kind) else _unknown(host, kind)
        rows.append(replace(found, endpoint=endpoint))
    return rows


def _told(row: ChainProvider, now: datetime) -> ProviderRow:
    stale = now - row.seen_at > HEARD_WITHIN
    health = ProviderHealth(
        host=row.host,
        kind="websocket" if row.kind == "websocket" else "http",
        state=ProviderState.UNKNOWN if stale else row.state,
        head=row.head,
        lag_blocks=row.lag_blocks,
        latency_ms=row.latency_ms,
        error_rate=row.error_rate,
        error="No follower has told of it for a while." if stale else row.error,
        requests_last_minute=0 if stale else row.requests_last_minute,
        batch=row.batch,
    )
    return ProviderRow(health, row.seen_at)


def _unknown(host: str, kind: str) -> ProviderRow:
    return ProviderRow(ProviderHealth(host=host, kind="websocket" if kind == "websocket" else "http", state=ProviderState.UNKNOWN), None)
