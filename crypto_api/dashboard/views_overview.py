"""The overview: what is held, what it is worth, what moves, how following goes."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.http import HttpResponse, JsonResponse

from crypto_api.chains import store as chains
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.rows import transaction_rows
from crypto_api.dashboard.templatetags.coffer import asset_name, money
from crypto_api.dashboard.views_price_alerts import notices
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity, overview, value_history
from crypto_api.transactions import store as transactions

MOVEMENTS_SHOWN = 12
RANGES = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "1y": timedelta(days=365),
}


@page(Permission.DASHBOARD_READ)
async def overview_page(visit: Visit) -> HttpResponse:
    begin = await value_history.first_booking_at(visit.org_id)
    values = await _figures(visit) | await _movements(visit) | await _networks(visit) | await notices(visit)
    values |= {"may_read_prices": visit.may(Permission.PRICES_READ)}
    return visit.render("overview.html", values | {"ranges": list(RANGES), "range": _fitting_range(begin, visit.runtime.clock.now())})


@page(Permission.DASHBOARD_READ)
async def figures_fragment(visit: Visit) -> HttpResponse:
    return visit.render("overview/figures.html", await _figures(visit))


@page(Permission.DASHBOARD_READ)
async def balances_fragment(visit: Visit) -> HttpResponse:
    return visit.render("overview/balances.html", await _figures(visit))


@page(Permission.DASHBOARD_READ)
async def movements_fragment(visit: Visit) -> HttpResponse:
    return visit.render("overview/movements.html", await _movements(visit))


@page(Permission.DASHBOARD_READ)
async def networks_fragment(visit: Visit) -> HttpResponse:
    return visit.render("overview/networks.html", await _networks(visit))


@page(Permission.DASHBOARD_READ)
async def value_series(visit: Visit) -> HttpResponse:
    """Values as decimal strings beside the text that stands for them; the chart turns them into pixels and into nothing else."""
    now, currency = visit.runtime.clock.now(), visit.organization.functional_currency
    wanted = visit.request.GET.get("range", "")
    history = await value_history.value_history(visit.org_id, currency, now - RANGES.get(wanted, RANGES["24h"]), now, visit.pricing)
    form = "%H:%M:%S" if wanted == "1h" else "%H:%M" if wanted == "24h" else "%-d %b"
    points = [
        {
            "at": int(point.at.timestamp() * 1000),
            "time": f"{point.at.astimezone(visit.zone):%-d %b %Y, %H:%M:%S}",
            "tick": f"{point.at.astimezone(visit.zone):{form}}",
            "value": format(point.value.quantize(Decimal("0.01")), "f"),
            "text": money(point.value, currency),
            "unpriced": [asset_name(asset) for asset in point.unpriced],
        }
        for point in history.points
    ]
    return JsonResponse({"points": points, "cut": history.cut, "currency": currency})


async def _figures(visit: Visit) -> dict[str, object]:
    now = visit.runtime.clock.now()
    valuation = await overview.valuation(visit.org_id, visit.organization.functional_currency, now, visit.pricing)
    return {
        "valuation": valuation,
        "counts": await overview.counts(visit.org_id),
        "gain": add_exactly([valuation.total, valuation.cost.copy_negate()]),
    }


async def _movements(visit: Visit) -> dict[str, object]:
    """The latest, spam left out."""
    request = PageRequest(limit=MOVEMENTS_SHOWN, sort="timestamp")
    found = await transactions.page(visit.org_id, {"category": {"$ne": "spam"}}, request)
    return {"rows": transaction_rows(found.items, await activity.wallet_names(visit.org_id))}


async def _networks(visit: Visit) -> dict[str, object]:
    cursors = {cursor.id: cursor for cursor in await chains.cursors()}
    rows = [{"config": network, "cursor": cursors.get(slug), "lag": _lag(cursors.get(slug))} for slug, network in visit.runtime.networks.items()]
    return {"networks": rows}


def _lag(cursor: object) -> int | None:
    head, height = getattr(cursor, "head", None), getattr(cursor, "height", None)
    return max(head - height, 0) if head is not None and height is not None else None


def _fitting_range(begin: datetime | None, now: datetime) -> str:
    """The shortest range that shows everything there is."""
    age = now - begin if begin else timedelta(0)
    return next((name for name, length in RANGES.items() if age <= length), "1y")
