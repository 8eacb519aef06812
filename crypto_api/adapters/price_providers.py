"""What providers are asked and how their answers are read, one pair of functions for each kind. Without I/O.

A candle's price is its opening: known at its time, where a close would look ahead. Numbers are read as decimals, never through floats.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from defusedxml.ElementTree import fromstring

from crypto_api.kit.clock import earlier
from crypto_api.kit.price_settings import PriceProvider, ProviderKind
from crypto_api.kit.rates import Point, Refused, cross, judge_rate

_CURRENT = timedelta(minutes=10)
_CANDLES = 250  # at once; Coinbase answers at most 300
_POINTS_MAX = 20_000
_ECB_ZONE, _ECB_TIME = ZoneInfo("Europe/Berlin"), time(16, 0)  # when the day's reference rates are published
_BINANCE_INTERVALS = {60: "1m", 180: "3m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 14_400: "4h", 86_400: "1d"}
_DEPTH_MAX = 16
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NO_SHAPE = "it answers in another form than documented"


class NotUsable(Exception):
    """The answer is not what the provider documents, or is no price; the text says which."""


@dataclass(frozen=True)
class Question:
    provider: PriceProvider
    base: str
    quote: str
    at: datetime
    now: datetime

    @property
    def symbols(self) -> tuple[str, str]:
        return self.provider.assets[self.base], self.provider.quotes[self.quote]


@dataclass(frozen=True)
class Asked:
    path: str
    query: dict[str, str]


def ask(question: Question) -> Asked:
    return _KINDS[question.provider.kind][0](question)


def read(question: Question, body: bytes) -> tuple[Point, ...]:
    """The rates up to the time that was asked for, oldest first. NotUsable."""
    try:
        points = _KINDS[question.provider.kind][1](question, body)
    except NotUsable:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError, SyntaxError, OSError) as error:
        raise NotUsable(_NO_SHAPE) from error
    if len(points) > _POINTS_MAX:
        raise NotUsable("it answers more rates than were asked for")
    past = [point for point in points if point.at <= max(question.at, question.now) + timedelta(seconds=60)]
    if len(past) != len(points):
        raise NotUsable("it answers rates of the future")
    return tuple(sorted((point for point in points if point.at <= question.at), key=lambda point: point.at))


# ---- JSON ------------------------------------------------------------------------------------------------------------------------


def _no_constant(name: str) -> Any:
    raise NotUsable(f"it answers {name}")


def _json(body: bytes) -> Any:
    """Too deep a nesting is told before parsing: the parser's own recursion would end the process, not the answer. Brackets in strings count too,
    which no answer comes near."""
    depth = 0
    for byte in body.translate(None, _ALL_BUT_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        if depth > _DEPTH_MAX:
            raise NotUsable(_NO_SHAPE)
    return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)


def _rate(told: object) -> Decimal:
    judged = judge_rate(told)
    if isinstance(judged, Refused):
        raise NotUsable(judged.reason)
    return judged


def _time(told: object, unit_s: Decimal = Decimal(1)) -> datetime:
    if isinstance(told, bool) or not isinstance(told, (int, Decimal)):
        raise NotUsable(_NO_SHAPE)
    seconds = Decimal(told) * unit_s
    if not 0 < seconds < 253_402_300_800:
        raise NotUsable("its time is none")
    return datetime.fromtimestamp(int(seconds), UTC)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


# ---- CoinGecko: /simple/price for now, /coins/{id}/market_chart/range for the past ---------------------------------------------------


def _is_current(question: Question) -> bool:
    return abs(question.now - question.at) <= _CURRENT


def _ask_coingecko(question: Question) -> Asked:
    coin, currency = question.symbols
    if _is_current(question):
        query = {"ids": coin, "vs_currencies": currency, "include_last_updated_at": "true", "precision": "full"}
        return Asked("/simple/price", query)
    since = earlier(question.at, timedelta(seconds=question.provider.age_max_s))
    query = {"vs_currency": currency, "from": str(_seconds(since)), "to": str(_seconds(question.at) + 1), "precision": "full"}
    return Asked(f"/coins/{coin}/market_chart/range", query)


def _read_coingecko(question: Question, body: bytes) -> list[Point]:
    coin, currency = question.symbols
    told = _json(body)
    if _is_current(question):
        row = told[coin]
        at = _time(row["last_updated_at"])
        if question.at < at <= question.at + timedelta(seconds=60):  # both are now; their clock and ours are not one
            at = question.at
        return [Point(at, _rate(row[currency]))]
    return [Point(_time(row[0], Decimal("0.001")), _rate(row[1])) for row in told["prices"]]


# ---- candles of exchanges ------------------------------------------------------------------------------------------------------------


def _window(question: Question) -> tuple[datetime, datetime]:
    """Whole candles, the last one holding the time that is asked for."""
    step = question.provider.step_s
    last = datetime.fromtimestamp(_seconds(question.at) // step * step, UTC)
    return last - timedelta(seconds=step * _CANDLES), last


def _candle(at: datetime, opened: object, low: object, high: object) -> Point:
    rate, least, most = _rate(opened), _rate(low), _rate(high)
    if not least <= rate <= most:
        raise NotUsable("a candle opens outside its own range")
    return Point(at, rate)


def _ask_coinbase(question: Question) -> Asked:
    base, quote = question.symbols
    start, end = _window(question)
    times = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    return Asked(f"/products/{base}-{quote}/candles", {"granularity": str(question.provider.step_s), **times})


def _read_coinbase(_: Question, body: bytes) -> list[Point]:
    """[time, low, high, open, close, volume], latest first."""
    return [_candle(_time(row[0]), row[3], row[1], row[2]) for row in _json(body)]


def _ask_binance(question: Question) -> Asked:
    base, quote = question.symbols
    start, end = _window(question)
    interval = _BINANCE_INTERVALS.get(question.provider.step_s, "5m")
    times = {"startTime": str(_seconds(start) * 1000), "endTime": str(_seconds(end) * 1000)}
    return Asked("/api/v3/klines", {"symbol": f"{base}{quote}", "interval": interval, "limit": "300", **times})


def _read_binance(_: Question, body: bytes) -> list[Point]:
    """[open time in ms, open, high, low, close, …]"""
    return [_candle(_time(row[0], Decimal("0.001")), row[1], row[3], row[2]) for row in _json(body)]


# ---- European Central Bank: units of a currency for one euro, by day -----------------------------------------------------------------


def _ask_ecb(question: Question) -> Asked:
    age = question.now - question.at
    if age < timedelta(days=1):
        return Asked("/eurofxref-daily.xml", {})
    return Asked("/eurofxref-hist-90d.xml" if age < timedelta(days=80) else "/eurofxref-hist.xml", {})


def _read_ecb(question: Question, body: bytes) -> list[Point]:
    base, quote = question.symbols
    since = earlier(question.at, timedelta(seconds=question.provider.age_max_s))
    points = []
    for day in fromstring(body).iter():
        if day.tag.rpartition("}")[2] != "Cube" or "time" not in day.attrib:
            continue
        at = datetime.combine(date.fromisoformat(day.attrib["time"]), _ECB_TIME, _ECB_ZONE).astimezone(UTC)
        if not since <= at <= question.at:
            continue
        rates = {"EUR": Decimal(1)} | {row.attrib["currency"]: _rate(row.attrib["rate"]) for row in day}
        if base in rates and quote in rates:
            points.append(Point(at, cross(rates[base], rates[quote])))
    return points


_KINDS: Mapping[ProviderKind, tuple[Callable[[Question], Asked], Callable[[Question, bytes], list[Point]]]] = {
    ProviderKind.COINGECKO: (_ask_coingecko, _read_coingecko),
    ProviderKind.COINBASE: (_ask_coinbase, _read_coinbase),
    ProviderKind.BINANCE: (_ask_binance, _read_binance),
    ProviderKind.ECB: (_ask_ecb, _read_ecb),
}
