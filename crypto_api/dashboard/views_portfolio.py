"""The portfolio: what is held, what it is worth, how it did, and what each position is made of."""

from decimal import Decimal
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.period import carried
from crypto_api.dashboard.templatetags.coffer import asset_name, localized_date, money
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.read_portfolio import Division, Period, Span, divided, period_of, stood
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.portfolio import service, store
from crypto_api.portfolio.types import HistoryPoint, NoResult
from crypto_api.reports import activity

SPANS = {
    Span.WEEK: _("7 days"),
    Span.MONTH: _("30 days"),
    Span.QUARTER: _("90 days"),
    Span.YEAR_TO_DATE: _("This year"),
    Span.YEAR: _("1 year"),
    Span.ALL: pgettext_lazy("period", "All"),
}
NO_RESULT = {
    NoResult.NOTHING_HELD: _("nothing was held"),
    NoResult.TOO_SHORT: _("shorter than a day"),
    NoResult.NOT_PRICED: _("too few days with prices"),
    NoResult.NO_RATE: _("no rate fits the flows"),
    NoResult.SEVERAL_RATES: _("more than one rate fits the flows"),
    NoResult.LOST_FROM_NOTHING: _("there was no capital to relate it to"),
}
ASSET_MAX = 160


@page(Permission.PRICES_READ)
async def portfolio_page(visit: Visit) -> HttpResponse:
    return visit.render("portfolio/page.html", await _figures(visit))


@page(Permission.PRICES_READ)
async def figures_fragment(visit: Visit) -> HttpResponse:
    return visit.render("portfolio/figures.html", await _figures(visit))


@page(Permission.PRICES_READ)
async def positions_fragment(visit: Visit) -> HttpResponse:
    return visit.render("portfolio/positions.html", await _figures(visit))


@page(Permission.PRICES_READ)
async def series(visit: Visit) -> HttpResponse:
    """Values as decimal strings beside the text that stands for them; the chart turns them into pixels and into nothing else."""
    currency, period = visit.organization.functional_currency, _period(visit)
    found = await service.history(visit.org_id, currency, period.since, period.until, visit.zone, visit.pricing)
    return JsonResponse({"points": [_point(visit, point) for point in found.points], "cut": found.cut})


@page(Permission.LEDGER_READ)
async def movements_page(visit: Visit) -> HttpResponse:
    return visit.render("portfolio/movements.html", await _movements(visit))


@page(Permission.LEDGER_READ)
async def movements_fragment(visit: Visit) -> HttpResponse:
    return visit.render("portfolio/movement_rows.html", await _movements(visit))


def _span(visit: Visit) -> Span:
    wanted = visit.request.GET.get("span", "")
    return Span(wanted if wanted in list(Span) else carried(visit.request, list(Span), Span.MONTH))


def _period(visit: Visit) -> Period:
    return period_of(visit.organization, visit.runtime.clock.now(), _span(visit), None, None)


async def _figures(visit: Visit) -> dict[str, object]:
    now, currency = visit.runtime.clock.now(), visit.organization.functional_currency
    found = await stood(visit.runtime.reads, visit.organization, now, visit.pricing, _span(visit))
    did = found.performance
    allocations = [
        (name, head, await divided(visit.org_id, currency, now, visit.pricing, visit.runtime.networks, division))
        for name, head, division in (
            (gettext("By wallet"), gettext("Wallet"), Division.WALLET),
            (gettext("By network"), gettext("Network"), Division.NETWORK),
        )
    ]
    returns = [(gettext("Time-weighted"), did.time_weighted), (gettext("Money-weighted"), did.money_weighted)] if did is not None else []
    return {
        "standing": found.standing,
        "did": did,
        "returns": [(name, told, NO_RESULT.get(told.none_because, "") if told.none_because else "") for name, told in returns],
        "allocations": allocations,
        "spans": [(span.value, name) for span, name in SPANS.items()],
        "span": _span(visit).value,
    }


def _point(visit: Visit, point: HistoryPoint) -> dict[str, object]:
    currency = visit.organization.functional_currency
    return {
        "time": localized_date(point.at.astimezone(visit.zone), "j M Y, H:i"),
        "tick": localized_date(point.at.astimezone(visit.zone), "j M"),
        "value": format(point.value.quantize(Decimal("0.01")), "f"),
        "cost": format(point.cost.quantize(Decimal("0.01")), "f"),
        "valueText": money(point.value, currency),
        "costText": money(point.cost, currency),
        "flowsText": money(point.flows, currency) if point.flows else "",
        "unpriced": [asset_name(asset) for asset in point.unpriced],
    }


async def _movements(visit: Visit) -> dict[str, object]:
    asset, wallet_id = visit.request.GET.get("asset", "")[:ASSET_MAX], visit.request.GET.get("wallet_id") or None
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None, sort="date")
    try:
        found = await store.page_of_movements(visit.org_id, asset, wallet_id, request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    held = [row for row in await service.cost_of_holdings(visit.org_id) if row.asset == asset and wallet_id in (None, row.wallet_id)]
    names = await activity.wallet_names(visit.org_id)
    return {
        "asset": asset,
        "rows": [(row, names.get(row.wallet_id or "", "")) for entry in found.items for row in service.movements_of(entry, asset, wallet_id)],
        "next_cursor": found.next_cursor,
        "first_page": request.cursor is None,
        "quantity": add_exactly([row.quantity for row in held]),
        "cost": add_exactly([row.cost for row in held]),
        "query": urlencode({"asset": asset} | ({"wallet_id": wallet_id} if wallet_id else {})),
    }
