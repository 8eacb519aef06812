"""The rates of what an organisation holds and watches are asked for, so that pages find them fresh, and alerts see them."""

from dataclasses import dataclass

from crypto_api.flows.price_at import Prices, price_at
from crypto_api.kit.clock import Clock
from crypto_api.ledger import store as ledger
from crypto_api.organizations import store as organizations
from crypto_api.price_alerts import service as alerts
from crypto_api.price_alerts import store as alert_store
from crypto_api.prices.types import PriceSource, Quote
from mongodb_config.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Watched:
    asked: int
    priced: int
    fired: int


async def watch_prices(uow: UnitOfWork, clock: Clock, org_id: str, prices: Prices) -> Watched:
    """ChainUnavailable when a feed has to be read and no node answers. An alert goes by what was said now, not by what was kept."""
    organization = await organizations.get(org_id)
    if organization is None:
        return Watched(0, 0, 0)
    watching = await alert_store.of_org(org_id)
    held = {asset for (_, asset), (quantity, _) in (await ledger.holdings(org_id)).items() if quantity != 0}
    pairs = {(asset, organization.functional_currency) for asset in held} | {(alert.asset, alert.quote) for alert in watching}
    found: dict[tuple[str, str], Quote | None] = {}
    for base, quote in sorted(pairs):
        found[base, quote] = (await price_at(org_id, base, quote, None, prices, clock.now())).quote
    fired = 0
    for alert in watching:
        told = found[alert.asset, alert.quote]
        fresh = told if told is not None and told.source is not PriceSource.HISTORY else None
        fired += await uow.run(lambda session, alert=alert, fresh=fresh: alerts.see(session, org_id, alert.id, fresh, clock.now()))  # type: ignore[misc]
    return Watched(len(pairs), sum(quote is not None for quote in found.values()), fired)
