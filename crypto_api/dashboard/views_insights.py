"""Insights: what was spent, with whom, on gas, how long it lasts, what is unusual, and what the lots offer for the tax."""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.insight_words import told, why_unusual
from crypto_api.dashboard.period import DAYS, carried
from crypto_api.flows.word_insights import Worded, word_insights
from crypto_api.insights import service
from crypto_api.insights.sentences import topics_of
from crypto_api.insights.types import Insights, MonthRow
from crypto_api.kit.amounts import divide
from crypto_api.organizations.types import Permission

SPANS = {7: _("7 days"), 30: _("30 days"), 90: _("90 days"), 365: _("1 year")}
PERIOD = "30d"


@dataclass(frozen=True, slots=True)
class Bar:
    """A month with the share of its sums in the greatest, 0..1, as attributes of a drawing, and the way to its transactions."""

    row: MonthRow
    link: str
    received: Decimal
    spent: Decimal


@page(Permission.LEDGER_READ)
async def insights_page(visit: Visit) -> HttpResponse:
    return visit.render("insights/page.html", await _figures(visit))


@page(Permission.LEDGER_READ)
async def figures_fragment(visit: Visit) -> HttpResponse:
    return visit.render("insights/figures.html", await _figures(visit))


@page(Permission.LEDGER_READ)
async def sentences_fragment(visit: Visit) -> HttpResponse:
    """With `ask` the model is asked, and waited for."""
    days, asked = _days(visit), visit.request.GET.get("ask") == "model"
    found = await _found(visit, days)
    worded = await word_insights(found, visit.runtime.llm if asked else None)
    return visit.render("insights/sentences.html", _sentences(visit, found, worded) | {"days": days, "asked": asked})


def _sentences(visit: Visit, found: Insights, worded: Worded) -> dict[str, object]:
    topics = {one.name: one for one in topics_of(found)}
    sentences = [
        (one.by_model, number_formats.active().in_sentence(one.text) if one.by_model else told(topics[one.topic], found)) for one in worded.sentences
    ]
    return {"found": found, "worded": worded, "sentences": sentences, "model_there": visit.runtime.llm is not None}


def _days(visit: Visit) -> int:
    asked = visit.request.GET.get("days", "")
    return int(asked) if asked in {str(one) for one in SPANS} else DAYS[carried(visit.request, DAYS, PERIOD)]


async def _found(visit: Visit, days: int) -> Insights:
    return await service.insights(visit.organization, visit.runtime.clock.now(), visit.pricing, days)


async def _figures(visit: Visit) -> dict[str, object]:
    days = _days(visit)
    found = await _found(visit, days)
    since = found.window.since.astimezone(visit.zone).date().isoformat()
    return {
        **_sentences(visit, found, await word_insights(found, None)),
        "spans": [(value, SPANS[value], name) for name, value in DAYS.items()],
        "days": days,
        "ahead_days": service.AHEAD_DAYS,
        "spending": [
            (row, _link(_of_category(row.category), since), _share(row.value, (one.value for one in found.spending))) for row in found.spending
        ],
        "parties": [(row, _link({"q": row.party[:100]}, since)) for row in found.parties],
        "gas_link": _link({"kind": "gas"}, since),
        "gas": [(row, _link({"kind": "gas", "network": row.network}, since)) for row in found.gas.rows],
        "out_link": _link({"direction": "out"}, since),
        "in_link": _link({"direction": "in"}, since),
        "bars": _bars(found),
        "unusual": why_unusual(found.unusual),
        "empty": not any(row.transactions for row in found.months),
    }


def _of_category(category: str) -> dict[str, str]:
    return {"kind": "gas"} if category == "gas" else {"category": category, "direction": "out"}


def _link(asked: dict[str, str], since: str) -> str:
    return f"/transactions/?{urlencode(asked | {'date_from': since})}"


def _of_month(first: date) -> str:
    last = first.replace(day=monthrange(first.year, first.month)[1])
    return _link({"date_to": last.isoformat()}, first.isoformat())


def _share(value: Decimal, values: Iterable[Decimal]) -> Decimal:
    most = max(values, default=Decimal(0))
    return divide(value, most) if most > 0 else Decimal(0)


def _bars(found: Insights) -> list[Bar]:
    sums = [sum_ for row in found.months for sum_ in (row.received, row.spent)]
    return [Bar(row, _of_month(row.month), _share(row.received, sums), _share(row.spent, sums)) for row in found.months]
