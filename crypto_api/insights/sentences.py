"""The figures in sentences, made by rule. Each topic names the figures that may stand in its sentence, whoever writes it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

from crypto_api.insights.types import Insights
from crypto_api.kit.amounts import add_exactly, multiply
from crypto_api.kit.plain_text import quoted

SMALL_DIGITS, PLACES_MAX = 1, 8


class Unit(StrEnum):
    MONEY = "money"  # in the functional currency
    SHARE = "percent"
    MONTHS = "months"
    DAYS = "days"
    COUNT = "count"


class TopicName(StrEnum):
    SPENDING = "spending"
    PARTIES = "parties"
    GAS = "gas"
    RUNWAY = "runway"
    UNUSUAL = "unusual"
    LOSSES = "losses"
    LONG_TERM = "long_term"


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` is as it is shown: rounded once, here, so that a text has nothing left to round."""

    means: str
    value: Decimal
    unit: Unit


@dataclass(frozen=True, slots=True)
class Topic:
    name: TopicName
    text: str  # made by rule
    figures: tuple[Figure, ...]
    names: Mapping[str, str] = field(default_factory=dict)  # what strangers are called, by the label that stands for them
    rises: bool | None = None  # compared with the time before; None: it is not compared, or neither


def money_figure(means: str, value: Decimal) -> Figure:
    """Two places; a small amount keeps the digits that make it not zero."""
    places = 2 if value == 0 or abs(value) >= Decimal("0.01") else min(SMALL_DIGITS - value.adjusted(), PLACES_MAX)
    return Figure(means, _rounded(value, places), Unit.MONEY)


def count_figure(means: str, value: int) -> Figure:
    return Figure(means, Decimal(value), Unit.COUNT)


def shown(figure: Figure, currency: str) -> str:
    """`5,303.00 USD`, `25 %`, `7.5 months`, `30 days`, `9`."""
    match figure.unit:
        case Unit.MONEY:
            return f"{figure.value:,f} {currency}"
        case Unit.SHARE:
            return f"{figure.value:,f} %"
        case Unit.COUNT:
            return f"{figure.value:,f}"
    return f"{figure.value:,f} {figure.unit.value[:-1] if figure.value == 1 else figure.unit.value}"


def _rounded(value: Decimal, places: int) -> Decimal:
    wide = Context(prec=max(value.adjusted(), 0) + places + 2)  # the default one refuses more than 28 digits
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, context=wide)


def topics_of(found: Insights) -> list[Topic]:
    """In the order of the page; without what there is nothing to tell of."""
    made = (_spending(found), _parties(found), _gas(found), _runway(found), _unusual(found), _losses(found), _long_term(found))
    return [one for one in made if one is not None]


def _spending(found: Insights) -> Topic | None:
    if not found.spending:
        return None
    now = money_figure("spent in the period", add_exactly([row.value for row in found.spending]))
    then = money_figure("spent in the equally long period before", add_exactly([row.previous for row in found.spending]))
    days = Figure("length of the period", Decimal(found.window.days), Unit.DAYS)
    most = found.spending[0]
    top = money_figure(f"of it for {_category(most.category)}, the most", most.value)
    tell = _teller(found)
    text = (
        f"{tell(now)} were spent in {tell(days)}, after {tell(then)} in the same time before; the most, {tell(top)}, for {_category(most.category)}."
    )
    rises = None if now.value == then.value else now.value > then.value
    return Topic(TopicName.SPENDING, text, (now, then, days, top), rises=rises)


def _parties(found: Insights) -> Topic | None:
    if not found.parties:
        return None
    most, label = found.parties[0], "counterparty A"
    paid, received = money_figure(f"paid to {label}", most.paid), money_figure(f"received from {label}", most.received)
    movements, tell = count_figure(f"movements with {label}", most.movements), _teller(found)
    name = quoted(most.party)
    text = f"The most was moved with {name}: {tell(paid)} paid and {tell(received)} received in {_counted(most.movements, 'movement')}."
    return Topic(TopicName.PARTIES, text, (paid, received, movements), {label: name})


def _gas(found: Insights) -> Topic | None:
    if not found.gas.transactions:
        return None
    paid, transactions = money_figure("paid for gas", found.gas.value), count_figure("transactions that paid gas", found.gas.transactions)
    figures, tell = [paid, transactions], _teller(found)
    text = f"Gas cost {tell(paid)} for {_counted(found.gas.transactions, 'transaction')}"
    if found.gas.dearest is not None and found.gas.dearest.value is not None:
        figures.append(money_figure("gas of the dearest of them", found.gas.dearest.value))
        text += f", the dearest {tell(figures[-1])}"
    return Topic(TopicName.GAS, f"{text}.", tuple(figures))


def _runway(found: Insights) -> Topic | None:
    way, tell = found.runway, _teller(found)
    if way.net_a_month <= 0 or way.shocks[0].value <= 0:
        return None
    figures = [money_figure("spent less received, a month", way.net_a_month)]
    parts = []
    for shock in way.shocks:
        if shock.months is None:
            continue
        months = Figure("how long what is held lasts" if not shock.drop else "how long it lasts after that fall", shock.months, Unit.MONTHS)
        figures.append(months)
        if not shock.drop:
            parts.append(f"what is held lasts {tell(months)}")
        elif shock.drop == Decimal("0.5"):
            figures.append(Figure("fall of prices", _rounded(multiply(shock.drop, Decimal(100)), 0), Unit.SHARE))
            parts.append(f"{tell(months)} if prices fall by {tell(figures[-1])}")
        else:
            figures.pop()
    return Topic(TopicName.RUNWAY, f"At {tell(figures[0])} a month, {', '.join(parts)}.", tuple(figures))


def _unusual(found: Insights) -> Topic | None:
    if not found.unusual:
        return None
    most, tell = max(found.unusual, key=lambda one: one.value), _teller(found)
    number = count_figure("movements that stand out", len(found.unusual))
    value, middle = money_figure("the greatest of them", most.value), money_figure("median of the others it is compared with", most.median)
    others = count_figure("others it is compared with", most.compared_with)
    stand = "stand" if len(found.unusual) != 1 else "stands"
    text = (
        f"{_counted(len(found.unusual), 'movement')} {stand} out; the greatest is {tell(value)},"
        f" where the median of {_counted(most.compared_with, 'other')} is {tell(middle)}."
    )
    return Topic(TopicName.UNUSUAL, text, (number, value, middle, others))


def _losses(found: Insights) -> Topic | None:
    if not found.tax.losses:
        return None
    most, label, tell = found.tax.losses[0], "asset A", _teller(found)
    loss = money_figure("losses that could be realised, of all assets", add_exactly([row.loss for row in found.tax.losses]).copy_abs())
    top, lots = money_figure(f"of it {label}, the most", most.loss.copy_abs()), count_figure(f"lots of {label} under their cost", most.lots)
    name = quoted(most.asset)
    text = f"Lots under their cost hold losses of {tell(loss)}; the most, {tell(top)}, {name} in {_counted(most.lots, 'lot')}."
    return Topic(TopicName.LOSSES, text, (loss, top, lots), {label: name})


def _long_term(found: Insights) -> Topic | None:
    if not found.tax.ahead:
        return None
    first, label = found.tax.ahead[0], "asset A"
    lots = count_figure("lots that become long-term soon", len(found.tax.ahead))
    days = Figure("until the first of them does", Decimal((first.long_from - found.as_of.date()).days), Unit.DAYS)
    become = "become" if len(found.tax.ahead) != 1 else "becomes"
    text = f"{_counted(len(found.tax.ahead), 'lot')} {become} long-term soon, the first, of {quoted(first.asset)}, in {shown(days, found.currency)}."
    return Topic(TopicName.LONG_TERM, text, (lots, days), {label: quoted(first.asset)})


def _teller(found: Insights) -> Callable[[Figure], str]:
    return lambda figure: shown(figure, found.currency)


# ---- words -----------------------------------------------------------------------------------------------------------------------


def _category(name: str) -> str:
    return "what nobody has classified yet" if name == "unclassified" else name.replace("_", " ")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
