"""Where prices come from in this installation, in the order in which they are asked."""

from dataclasses import dataclass

from crypto_api.kit.networks import host_of
from crypto_api.kit.price_settings import HISTORY, ORACLE
from crypto_api.runtime import Runtime


@dataclass(frozen=True)
class PriceSourceRow:
    name: str
    kind: str
    host: str | None
    assets: list[str]
    quotes: list[str]
    age_max_s: int | None  # None: each feed has its own, and what a person entered has none


def sources_of(runtime: Runtime) -> list[PriceSourceRow]:
    settings = runtime.prices.settings
    feeds = [feed for network in runtime.networks.values() for feed in network.price_feeds]
    rows = []
    for name in settings.sources():
        provider = settings.provider(name)
        if provider is not None:
            row = PriceSourceRow(
                name, provider.kind.value, host_of(provider.url), sorted(provider.assets), sorted(provider.quotes), provider.age_max_s
            )
        elif name == ORACLE:
            row = PriceSourceRow(name, ORACLE, None, sorted({feed.asset for feed in feeds}), sorted({feed.quote for feed in feeds}), None)
        else:
            row = PriceSourceRow(name, name, None, [], [], settings.history_age_max_s if name == HISTORY else None)
        rows.append(row)
    return rows
