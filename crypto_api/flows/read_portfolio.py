"""The portfolio for people: which period they mean, and by what it is divided."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from crypto_api.kit.clock import to_milliseconds
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.together import SharedReads
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.portfolio import service
from crypto_api.portfolio.types import Part, Performance, Standing
from crypto_api.prices.types import Pricing
from crypto_api.wallets import store as wallets

DAYS_MAX = 366 * 10


class Span(StrEnum):
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"
    YEAR_TO_DATE = "ytd"
    YEAR = "1y"
    ALL = "all"


class Division(StrEnum):
    ASSET = "asset"
    WALLET = "wallet"
    NETWORK = "network"


_DAYS = {Span.WEEK: 7, Span.MONTH: 30, Span.QUARTER: 90, Span.YEAR: 365, Span.ALL: DAYS_MAX}

_FIRST = date(1900, 1, 1)  # nothing is older, and a zone can move its midnight into a year that there is


@dataclass(frozen=True)
class Period:
    """From `since` to `until`; days are those of the organisation's time zone."""

    since: datetime
    until: datetime


def period_of(organization: Organization, now: datetime, span: Span | None, date_from: date | None, date_to: date | None) -> Period:
    """A named span up to now, or whole days; the first day counts from its beginning, the last one to its end, or to now. InvalidInput."""
    zone = ZoneInfo(organization.time_zone)
    if date_from is None and date_to is None:
        return _named(zone, now, span or Span.MONTH)
    if span is not None:
        raise InvalidInput.of("span", "goes without date_from and date_to", "conflicting")
    today = now.astimezone(zone).date()
    last = max(min(date_to or today, today), _FIRST)
    until = min(_midnight(last + timedelta(days=1), zone), now)
    since = _midnight(max(date_from, _FIRST) if date_from else (until.astimezone(zone) - timedelta(days=30)).date(), zone)
    if since >= until:
        raise InvalidInput.of("date_from", "must be a day before date_to, and not of the future", "wrong_order")
    if until - since > timedelta(days=DAYS_MAX):
        raise InvalidInput.of("date_from", "is more than ten years before date_to", "too_long")
    return Period(since, until)


@dataclass(frozen=True)
class Stood:
    """What is held now, and how it did over a span; nothing where the books begin later."""

    standing: Standing
    performance: Performance | None


async def stood(reads: SharedReads, organization: Organization, now: datetime, pricing: Pricing, span: Span) -> Stood:
    """Read once for all who ask for the span while it is being read (`kit/together.py`)."""
    org_id, currency, zone = organization.id, organization.functional_currency, organization.time_zone

    async def read() -> Stood:
        period = period_of(organization, now, span, None, None)
        standing = await service.standing_now(org_id, currency, now, pricing)
        return Stood(standing, await service.performance(org_id, currency, period.since, period.until, ZoneInfo(zone), pricing))

    return await reads.read(("portfolio", org_id, currency, zone, span), read)


async def organization_of(org_id: str) -> Organization:
    organization = await organizations.get(org_id)
    if organization is None:
        raise NotFound
    return organization


async def divided(
    org_id: str, currency: str, now: datetime, pricing: Pricing, networks: Mapping[str, NetworkConfig], division: Division
) -> list[Part]:
    """What is held, by asset, by wallet or by network."""
    if division is Division.ASSET:
        standing = await service.standing_now(org_id, currency, now, pricing)
        return service.parts_by_asset(standing)
    names: dict[str, tuple[str, str]] = {"": ("", "Held by others for us")}
    for wallet in await wallets.by_ids(org_id, [row.wallet_id for row in await service.cost_of_holdings(org_id) if row.wallet_id]):
        network = networks.get(wallet.network)
        by_network = (wallet.network, network.name if network is not None else wallet.network)
        names[wallet.id] = by_network if division is Division.NETWORK else (wallet.id, wallet.name)
    return await service.allocation(org_id, currency, now, pricing, names)


def _named(zone: ZoneInfo, now: datetime, span: Span) -> Period:
    if span is Span.YEAR_TO_DATE:
        return Period(_midnight(now.astimezone(zone).date().replace(month=1, day=1), zone), now)
    return Period(now - timedelta(days=_DAYS[span]), now)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return to_milliseconds(datetime.combine(day, datetime.min.time(), zone))
