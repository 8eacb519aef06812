"""Insights: what was spent, with whom, on gas, how long it lasts, what is unusual, and what the lots offer for the tax."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.http import HttpResponse

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.period import DAYS, carried
from crypto_api.insights import service
from crypto_api.insights.types import Insights, MonthRow
from crypto_api.kit.amounts import divide
from crypto_api.organizations.types import Permission

SPANS = {7: "7 days", 30: "30 days", 90: "90 days", 365: "1 year"}
PERIOD = "30d"


@dataclass(frozen=True, slots=True)
class Bar:
    """A month with the share of its sums in the greatest, 0..1, as attributes of a drawing."""

    row: MonthRow
    received: Decimal
    spent: Decimal


@page(Permission.LEDGER_READ)
async def insights_page(visit: Visit) -> HttpResponse:
    return visit.render("insights/page.html", await _figures(visit))


@page(Permission.LEDGER_READ)
async def figures_fragment(visit: Visit) -> HttpResponse:
    return visit.render("insights/figures.html", await _figures(visit))


async def _figures(visit: Visit) -> dict[str, object]:
    asked = visit.request.GET.get("days", "")
    days = int(asked) if asked in {str(one) for one in SPANS} else DAYS[carried(visit.request, DAYS, PERIOD)]
    found = await service.insights(visit.organization, visit.runtime.clock.now(), visit.pricing, days)
    since = found.window.since.astimezone(visit.zone).date().isoformat()
    return {
        "found": found,
        "spans": [(value, SPANS[value], name) for name, value in DAYS.items()],
        "days": days,
        "ahead_days": service.AHEAD_DAYS,
        "spending": [
            (row, _link(_of_category(row.category), since), _share(row.value, (one.value for one in found.spending))) for row in found.spending
        ],
        "parties": [(row, _link({"q": row.party[:100]}, since)) for row in found.parties],
        "gas_link": _link({"kind": "gas"}, since),
        "bars": _bars(found),
        "empty": not any(row.transactions for row in found.months),
    }


def _of_category(category: str) -> dict[str, str]:
    return {"kind": "gas"} if category == "gas" else {"category": category, "direction": "out"}


def _link(asked: dict[str, str], since: str) -> str:
    return f"/transactions/?{urlencode(asked | {'date_from': since})}"


def _share(value: Decimal, values: Iterable[Decimal]) -> Decimal:
    most = max(values, default=Decimal(0))
    return divide(value, most) if most > 0 else Decimal(0)


def _bars(found: Insights) -> list[Bar]:
    sums = [sum_ for row in found.months for sum_ in (row.received, row.spent)]
    return [Bar(row, _share(row.received, sums), _share(row.spent, sums)) for row in found.months]
