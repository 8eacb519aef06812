"""The overview: what is held, what it is worth, how long it lasts, what waits for somebody, what moves, and how following goes."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.http import Http404, HttpResponse, JsonResponse

from crypto_api.chains import store as chains
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.overview_charts import age_bars, month_bars, slices
from crypto_api.dashboard.period import DAYS, carried
from crypto_api.dashboard.rows import transaction_rows
from crypto_api.dashboard.templatetags.coffer import asset_name, localized_date, money
from crypto_api.dashboard.views_first_steps import guide
from crypto_api.dashboard.views_price_alerts import notices
from crypto_api.flows import read_overview
from crypto_api.flows.read_overview import RANGES, Attention, Range
from crypto_api.insights.types import Runway
from crypto_api.kit.csv_text import csv_line
from crypto_api.kit.table_files import CSV
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity, overview, value_history
from crypto_api.reports.overview import Counts, Valuation
from crypto_api.reports.value_history import ValueHistory
from crypto_api.transactions.documents import Transaction

RUNWAY_ROWS_MAX = 250
"""Read for the page itself. Of whoever moves more than that in the time whose pace is told, the page asks again, and reads all of it then."""
Table = tuple[Sequence[str], list[list[str | Decimal | None]]]


@page(Permission.DASHBOARD_READ)
async def overview_page(visit: Visit) -> HttpResponse:
    now, begin = visit.runtime.clock.now(), await value_history.first_booking_at(visit.org_id)
    reads, pace = visit.runtime.reads, _pace(visit)
    found = await read_overview.read_overview(reads, visit.organization, visit.principal, now, visit.pricing, pace, RUNWAY_ROWS_MAX)
    values = _figures(found.held, found.counts) | _attention(found.attention) | await _movements(visit, found.latest)
    values |= await _networks(visit) | await notices(visit)
    values |= {"may_read_prices": visit.may(Permission.PRICES_READ), "ranges": [each.value for each in Range]}
    values |= {"range": carried(visit.request, list(Range), _fitting_range(begin, now))}
    values |= await guide(visit)
    values |= _runway(visit, found.runway) if found.runway is not None else {}
    return visit.render("overview.html", values)


@page(Permission.DASHBOARD_READ)
async def figures_fragment(visit: Visit) -> HttpResponse:
    return visit.render("overview/figures.html", await _held(visit))


@page(Permission.DASHBOARD_READ)
async def balances_fragment(visit: Visit) -> HttpResponse:
    return visit.render("overview/balances.html", await _held(visit))


@page(Permission.DASHBOARD_READ)
async def attention_fragment(visit: Visit) -> HttpResponse:
    return visit.render("overview/attention.html", _attention(await _waiting(visit)))


@page(Permission.DASHBOARD_READ)
async def owing_fragment(visit: Visit) -> HttpResponse:
    """Receivables by age, and who is to be paid next."""
    return visit.render("overview/owing.html", _attention(await _waiting(visit)))


@page(Permission.LEDGER_READ)
async def runway_fragment(visit: Visit) -> HttpResponse:
    return visit.render("overview/runway.html", _runway(visit, await _runway_now(visit)))


@page(Permission.TRANSACTIONS_READ)
async def movements_fragment(visit: Visit) -> HttpResponse:
    latest = await read_overview.latest(visit.runtime.reads, visit.org_id, visit.principal)
    return visit.render("overview/movements.html", await _movements(visit, latest))


@page(Permission.DASHBOARD_READ)
async def networks_fragment(visit: Visit) -> HttpResponse:
    return visit.render("overview/networks.html", await _networks(visit))


@page(Permission.DASHBOARD_READ)
async def value_series(visit: Visit) -> HttpResponse:
    """Values as decimal strings beside the text that stands for them; the chart turns them into pixels and into nothing else."""
    currency = visit.organization.functional_currency
    wanted = visit.request.GET.get("range", "")
    history = await _history(visit, wanted)
    form = "H:i:s" if wanted == "1h" else "H:i" if wanted == "24h" else "j M"
    points = [
        {
            "at": int(point.at.timestamp() * 1000),
            "time": localized_date(point.at.astimezone(visit.zone), "j M Y, H:i:s"),
            "tick": localized_date(point.at.astimezone(visit.zone), form),
            "value": format(point.value.quantize(Decimal("0.01")), "f"),
            "text": money(point.value, currency),
            "unpriced": [asset_name(asset) for asset in point.unpriced],
        }
        for point in history.points
    ]
    return JsonResponse({"points": points, "cut": history.cut, "currency": currency})


# ---- files -----------------------------------------------------------------------------------------------------------------------


@page(Permission.DASHBOARD_READ)
async def export(visit: Visit) -> HttpResponse:
    """The table behind one chart, with every digit."""
    what = visit.request.GET.get("what", "value")
    if what not in TABLES:
        raise Http404
    permission, build = TABLES[what]
    if not visit.may(permission):
        return visit.render("403.html", {"permission": permission.value}, status=403)
    columns, rows = await build(visit)
    response = HttpResponse("".join(map(csv_line, [columns, *rows])), content_type=CSV)
    response["Content-Disposition"] = f'attachment; filename="{what}-{visit.runtime.clock.now():%Y-%m-%d}.csv"'
    return response


async def _value_table(visit: Visit) -> Table:
    currency = visit.organization.functional_currency
    history = await _history(visit, visit.request.GET.get("range", ""))
    return ["at", "value", "currency", "without"], [
        [point.at.isoformat(), point.value, currency, " ".join(map(asset_name, point.unpriced))] for point in history.points
    ]


async def _allocation_table(visit: Visit) -> Table:
    held = await _valuation(visit)
    return ["asset", "quantity", "rate", "value", "cost", "share", "currency"], [
        [row.asset, row.quantity, row.rate.rate if row.rate else None, row.value, row.cost, row.share, visit.organization.functional_currency]
        for row in held.positions
    ]


async def _runway_table(visit: Visit) -> Table:
    found = await _runway_now(visit)
    return ["prices_fall_by", "worth", "net_spent_a_month", "months", "currency"], [
        [shock.drop, shock.value, found.net_a_month, shock.months, visit.organization.functional_currency] for shock in found.shocks
    ]


async def _receivables_table(visit: Visit) -> Table:
    found = await read_overview.owed_now(visit.organization, visit.runtime.clock.now())
    return ["days_past_due", "owed", "invoices", "currency"], [
        [row.bucket.value, row.amount, Decimal(row.invoices), visit.organization.functional_currency] for row in found.rows
    ]


TABLES: dict[str, tuple[Permission, Callable[[Visit], Coroutine[None, None, Table]]]] = {
    "value": (Permission.DASHBOARD_READ, _value_table),
    "allocation": (Permission.DASHBOARD_READ, _allocation_table),
    "runway": (Permission.LEDGER_READ, _runway_table),
    "receivables": (Permission.INVOICES_READ, _receivables_table),
}


# ---- values ----------------------------------------------------------------------------------------------------------------------


async def _history(visit: Visit, wanted: str) -> ValueHistory:
    known = Range(wanted) if wanted in list(Range) else Range.DAY
    runtime = visit.runtime
    return await read_overview.value_over(runtime.reads, runtime.uow, visit.organization, known, runtime.clock.now(), visit.pricing)


async def _valuation(visit: Visit) -> Valuation:
    return await read_overview.held_now(visit.runtime.reads, visit.organization, visit.runtime.clock.now(), visit.pricing)


async def _held(visit: Visit) -> dict[str, object]:
    return _figures(await _valuation(visit), await read_overview.counts(visit.runtime.reads, visit.org_id))


def _figures(held: Valuation, counts: Counts) -> dict[str, object]:
    return {"valuation": held, "slices": slices(held.positions), "counts": counts, "count_max": overview.COUNT_MAX, "gain": held.gain}


async def _waiting(visit: Visit) -> Attention:
    return await read_overview.attention(visit.runtime.reads, visit.organization, visit.principal, visit.runtime.clock.now())


def _attention(found: Attention) -> dict[str, object]:
    return {"attention": found, "ages": age_bars(found.owed) if found.owed is not None else []}


async def _runway_now(visit: Visit) -> Runway:
    now, pace = visit.runtime.clock.now(), _pace(visit)
    return (await read_overview.held_and_runway(visit.runtime.reads, visit.organization, now, visit.pricing, pace))[1]


def _runway(visit: Visit, found: Runway) -> dict[str, object]:
    return {"runway": found, "months": month_bars(found), "pace_days": found.days, "runway_later": found.days < _pace(visit)}


def _pace(visit: Visit) -> int:
    return DAYS[carried(visit.request, DAYS, Range.QUARTER)]


async def _movements(visit: Visit, latest: Sequence[Transaction] | None) -> dict[str, object]:
    return {"rows": transaction_rows(latest, await activity.wallet_names(visit.org_id))} if latest is not None else {}


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
    return next((each.value for each, length in RANGES.items() if age <= length), Range.YEAR.value)
