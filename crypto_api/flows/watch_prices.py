"""The rates of what an organisation holds and watches are asked for, so that pages find them fresh, and alerts see them."""

from dataclasses import dataclass

from crypto_api.flows.price_at import Prices, price_at
from crypto_api.flows.second_person import others_who_may
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.types import Letter
from crypto_api.kit.amounts import text
from crypto_api.kit.clock import Clock
from crypto_api.ledger import store as ledger
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import Permission
from crypto_api.price_alerts import service as alerts
from crypto_api.price_alerts import store as alert_store
from crypto_api.price_alerts.documents import PriceAlert
from crypto_api.prices.types import PriceSource, Quote
from mongodb_config.unit_of_work import Session, UnitOfWork


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
    watching = [alert for alert in await alert_store.of_org(org_id) if not alert.paused]
    held = {asset for (_, asset), (quantity, _) in (await ledger.holdings(org_id)).items() if quantity != 0}
    pairs = {(asset, organization.functional_currency) for asset in held} | {(alert.asset, alert.quote) for alert in watching}
    found: dict[tuple[str, str], Quote | None] = {}
    for base, quote in sorted(pairs):
        found[base, quote] = (await price_at(org_id, base, quote, None, prices, clock.now())).quote
    fired = 0
    for alert in watching:
        told = found[alert.asset, alert.quote]
        fresh = told if told is not None and told.source is not PriceSource.HISTORY else None
        fired += await uow.run(lambda session, alert=alert, fresh=fresh: _see(session, organization, alert.id, fresh, clock))  # type: ignore[misc]
    return Watched(len(pairs), sum(quote is not None for quote in found.values()), fired)


async def _see(session: Session, organization: Organization, alert_id: str, quote: Quote | None, clock: Clock) -> bool:
    """Whether it fired. The letter is owed in the same unit of work as the event: for each crossing there is one of each, whatever dies."""
    fired = await alerts.see(session, organization.id, alert_id, quote, clock.now())
    if fired is not None and fired.mail and quote is not None:
        await _owe_letter(session, organization, fired, quote, clock)
    return fired is not None


async def _owe_letter(session: Session, organization: Organization, alert: PriceAlert, quote: Quote, clock: Clock) -> None:
    """To who made the alert, while they may read prices there."""
    if alert.created_by not in await others_who_may(session, organization.id, Permission.PRICES_READ, but=""):
        return
    for user in await identities.users([alert.created_by], session):
        if user.email_verified_at is not None:
            told = {
                "said": alerts.said(alert, user.language),
                "rate": f"{text(quote.rate)} {alert.quote}",
                "at": quote.at.strftime("%Y-%m-%d %H:%M UTC"),
                "origin": quote.origin,
                "note": alert.note,
                "organization": organization.name,
            }
            await identity.owe_mail(session, Letter.PRICE_ALERT, user.email, user.id, clock.now(), data=told)
