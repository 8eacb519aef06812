"""The sentences of insights in the reader's language, around the figures that the rules made. In English they are the sentences of the rules."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.number_formats import count, written
from crypto_api.dashboard.templatetags.coffer import words
from crypto_api.dashboard.translation import gettext, ngettext
from crypto_api.insights.rules import SCORE_MIN
from crypto_api.insights.sentences import Figure, Topic, TopicName, Unit
from crypto_api.insights.types import Insights, Unusual
from crypto_api.kit.amounts import text
from crypto_api.kit.plain_text import quoted

Values = dict[str, object]


def told(topic: Topic, found: Insights) -> str:
    return _TOLD[topic.name](found, [_figure(one, found.currency) for one in topic.figures])


def _figure(figure: Figure, currency: str) -> str:
    """As `sentences.shown()`, in the numbers and words of the page."""
    one = figure.value == 1
    if figure.unit is Unit.DAYS:
        return ngettext("%(n)s day", "%(n)s days", 1 if one else 2) % {"n": _written(figure.value)}
    if figure.unit is Unit.MONTHS:
        return ngettext("%(n)s month", "%(n)s months", 1 if one else 2) % {"n": _written(figure.value)}
    unit = {Unit.MONEY: f" {currency}", Unit.SHARE: " %"}.get(figure.unit, "")
    return _written(figure.value) + unit


def _written(value: Decimal) -> str:
    return ("-" if value < 0 else "") + number_formats.active().shown(value, max(-int(value.as_tuple().exponent), 0))


def _spending(found: Insights, figures: list[str]) -> str:
    now, then, days, top = figures
    category = found.spending[0].category
    return gettext("%(now)s were spent in %(days)s, after %(then)s in the same time before; the most, %(top)s, for %(category)s.") % {
        "now": now,
        "then": then,
        "days": days,
        "top": top,
        "category": gettext("what nobody has classified yet") if category == "unclassified" else _category(category),
    }


def _parties(found: Insights, figures: list[str]) -> str:
    most = found.parties[0]
    values: Values = {"party": quoted(most.party), "paid": figures[0], "received": figures[1], "n": count(most.movements)}
    return (
        ngettext(
            "The most was moved with %(party)s: %(paid)s paid and %(received)s received in %(n)s movement.",
            "The most was moved with %(party)s: %(paid)s paid and %(received)s received in %(n)s movements.",
            most.movements,
        )
        % values
    )


def _gas(found: Insights, figures: list[str]) -> str:
    values: Values = {"paid": figures[0], "n": count(found.gas.transactions), "dearest": figures[-1]}
    if len(figures) < 3:
        return ngettext("Gas cost %(paid)s for %(n)s transaction.", "Gas cost %(paid)s for %(n)s transactions.", found.gas.transactions) % values
    return (
        ngettext(
            "Gas cost %(paid)s for %(n)s transaction, the dearest %(dearest)s.",
            "Gas cost %(paid)s for %(n)s transactions, the dearest %(dearest)s.",
            found.gas.transactions,
        )
        % values
    )


def _runway(_found: Insights, figures: list[str]) -> str:
    """`figures`: what goes out a month, and, where they are known, how long it lasts, how long after a fall of prices, and that fall."""
    match figures:
        case [out, months]:
            return gettext("At %(out)s a month, what is held lasts %(months)s.") % {"out": out, "months": months}
        case [out, months, fallen, fall]:
            values: Values = {"out": out, "months": months, "fallen": fallen, "fall": fall}
            return gettext("At %(out)s a month, what is held lasts %(months)s, %(fallen)s if prices fall by %(fall)s.") % values
    raise ValueError(figures)


def _unusual(found: Insights, figures: list[str]) -> str:
    _number, value, middle, _others = figures
    others = max(found.unusual, key=lambda one: one.value).compared_with
    compared = ngettext("%(n)s other", "%(n)s others", others) % {"n": count(others)}
    values: Values = {"n": count(len(found.unusual)), "value": value, "others": compared, "median": middle}
    return (
        ngettext(
            "%(n)s movement stands out; the greatest is %(value)s, where the median of %(others)s is %(median)s.",
            "%(n)s movements stand out; the greatest is %(value)s, where the median of %(others)s is %(median)s.",
            len(found.unusual),
        )
        % values
    )


def _losses(found: Insights, figures: list[str]) -> str:
    most = found.tax.losses[0]
    values: Values = {"loss": figures[0], "top": figures[1], "asset": quoted(most.asset), "n": count(most.lots)}
    return (
        ngettext(
            "Lots under their cost hold losses of %(loss)s; the most, %(top)s, %(asset)s in %(n)s lot.",
            "Lots under their cost hold losses of %(loss)s; the most, %(top)s, %(asset)s in %(n)s lots.",
            most.lots,
        )
        % values
    )


def _long_term(found: Insights, figures: list[str]) -> str:
    values: Values = {"n": count(len(found.tax.ahead)), "asset": quoted(found.tax.ahead[0].asset), "days": figures[1]}
    return (
        ngettext(
            "%(n)s lot becomes long-term soon, the first, of %(asset)s, in %(days)s.",
            "%(n)s lots become long-term soon, the first, of %(asset)s, in %(days)s.",
            len(found.tax.ahead),
        )
        % values
    )


_TOLD: dict[TopicName, Callable[[Insights, list[str]], str]] = {
    TopicName.SPENDING: _spending,
    TopicName.PARTIES: _parties,
    TopicName.GAS: _gas,
    TopicName.RUNWAY: _runway,
    TopicName.UNUSUAL: _unusual,
    TopicName.LOSSES: _losses,
    TopicName.LONG_TERM: _long_term,
}


def _category(name: str) -> str:
    """Within a sentence; English writes it small, and other languages as their catalogues have it."""
    plain, said = name.replace("_", " "), words(name)
    return plain if said.lower() == plain else said


def why_unusual(found: Iterable[Unusual]) -> list[tuple[Unusual, str]]:
    """Each with why it stands out."""
    return [(one, _reason(one)) for one in found]


def _reason(one: Unusual) -> str:
    values: Values = {"compared": _compared(one), "deviation": written(text(one.deviation)), "least": written(text(SCORE_MIN))}
    if one.score is None:
        return gettext("%(compared)s, and they are nearly all alike.") % values
    return gettext("%(compared)s, their median deviation %(deviation)s: a score of %(score)s, where %(least)s is far.") % (
        values | {"score": written(text(one.score))}
    )


def _compared(one: Unusual) -> str:
    """With the others of its party, or, where those are few, of its category: which of them, the rule's own sentence tells."""
    party = quoted(one.moved.party)
    values: Values = {"value": written(text(one.value)), "n": one.compared_with, "median": written(text(one.median)), "party": party}
    values["category"] = _category(one.moved.category)
    if one.moved.party and f" with {party} is " in one.reason:
        if one.moved.outgoing:
            return gettext("Paid %(value)s: the median of the %(n)s others with %(party)s is %(median)s") % values
        return gettext("Received %(value)s: the median of the %(n)s others with %(party)s is %(median)s") % values
    if one.moved.outgoing:
        return gettext("Paid %(value)s: the median of the %(n)s others called %(category)s is %(median)s") % values
    return gettext("Received %(value)s: the median of the %(n)s others called %(category)s is %(median)s") % values
