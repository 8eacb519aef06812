"""Providers of prices behind their port: a rate that can be believed, or in words why there is none; never an exception, never a connection to
where nobody meant to go."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from crypto_api.adapters.outside_http import OutsideFailed, OutsideHttp, is_public
from crypto_api.adapters.price_sources import OutsidePrices, _retry_after_s
from crypto_api.kit.price_settings import PriceProvider, PriceSettings
from crypto_api.kit.rates import Answer, Point
from tests.factories.price_server import PriceServer, price_server

D = Decimal
NOW = datetime(2026, 11, 27, 18, 2, 30, tzinfo=UTC)
PAST = NOW - timedelta(days=20)


@pytest.fixture
async def server() -> AsyncIterator[PriceServer]:
    async with price_server() as running:
        yield running


async def ask(provider: PriceProvider, base: str = "ETH", quote: str = "USD", at: datetime = NOW, now: datetime = NOW) -> Answer:
    async with OutsidePrices({}) as outside:
        return await outside.ask(provider, base, quote, at, now)


# ---- each protocol ---------------------------------------------------------------------------------------------------------------


async def test_coingecko_tells_the_price_of_now_to_the_last_digit(server: PriceServer) -> None:
    server.rate, server.at = "3120.450000000000123456", NOW - timedelta(seconds=40)
    provider = server.provider("coingecko", headers={"x-cg-demo-api-key": "secret-1"})
    assert await ask(provider) == Answer((Point(NOW - timedelta(seconds=40), D("3120.450000000000123456")),))
    (request,) = server.requests
    assert (request.path, request.query["ids"], request.query["vs_currencies"]) == ("/simple/price", "ethereum", "usd")
    assert request.headers["x-cg-demo-api-key"] == "secret-1"


async def test_coingecko_tells_the_price_of_then(server: PriceServer) -> None:
    answer = await ask(server.provider("coingecko"), at=PAST)
    assert answer.points[-1] == Point(PAST.replace(minute=0, second=0), D("3120.45"))
    assert (server.requests[0].path, len(answer.points)) == ("/coins/ethereum/market_chart/range", 12)
    assert all(point.at <= PAST for point in answer.points)


@pytest.mark.parametrize(("kind", "quote", "path"), [("coinbase", "USD", "/products/ETH-USD/candles"), ("binance", "USDT", "/api/v3/klines")])
async def test_a_candle_is_worth_its_opening(server: PriceServer, kind: str, quote: str, path: str) -> None:
    answer = await ask(server.provider(kind), quote=quote, at=PAST)
    assert answer.points[-1] == Point(PAST.replace(minute=0, second=0), D("3120.45"))
    assert server.requests[0].path == path
    assert [point.at for point in answer.points] == sorted(point.at for point in answer.points)


async def test_the_ecb_crosses_any_two_currencies_by_their_euro_rates_of_one_day(server: PriceServer) -> None:
    server.days = {"2026-11-27": {"USD": "1.0867", "GBP": "0.84123"}, "2026-11-26": {"USD": "1.0800"}}
    provider = server.provider("ecb")
    (before, friday) = (await ask(provider, "EUR", "USD")).points
    assert (before.rate, friday) == (D("1.08"), Point(datetime(2026, 11, 27, 15, tzinfo=UTC), D("1.0867")))
    assert (await ask(provider, "USD", "EUR")).points[-1].rate == D("0.9202171712524155700745375909")
    assert (await ask(provider, "GBP", "USD")).points[-1].rate == D("1.291798913495714608371075687")
    assert len((await ask(provider, "USD", "EUR", at=NOW.replace(hour=14))).points) == 1, "before it was published there was the day before's"
    await ask(provider, "USD", "EUR", at=NOW - timedelta(days=5))
    await ask(provider, "USD", "EUR", at=NOW - timedelta(days=500))
    assert [request.path for request in server.requests[-2:]] == ["/eurofxref-hist-90d.xml", "/eurofxref-hist.xml"]


# ---- what is no answer -----------------------------------------------------------------------------------------------------------

HOSTILE_JSON = [
    (b"", "another form"),
    (b"not json", "another form"),
    (b"[]", "another form"),
    (b"{}", "another form"),
    (b'{"ethereum": null}', "another form"),
    (b"[" * 100_000, "another form"),
    (b'{"ethereum": {"usd": NaN, "last_updated_at": 1795802000}}', "NaN"),
    (b'{"ethereum": {"usd": -Infinity, "last_updated_at": 1795802000}}', "Infinity"),
    (b'{"ethereum": {"usd": 0, "last_updated_at": 1795802000}}', "zero or less"),
    (b'{"ethereum": {"usd": -3120, "last_updated_at": 1795802000}}', "zero or less"),
    (b'{"ethereum": {"usd": 1e30, "last_updated_at": 1795802000}}', "nothing is worth"),
    (b'{"ethereum": {"usd": 1e-30, "last_updated_at": 1795802000}}', "nothing is worth"),
    (b'{"ethereum": {"usd": 1e999999999, "last_updated_at": 1795802000}}', "nothing is worth"),
    (b'{"ethereum": {"usd": true, "last_updated_at": 1795802000}}', "no number"),
    (b'{"ethereum": {"usd": "0x10", "last_updated_at": 1795802000}}', "no number"),
    (b'{"ethereum": {"usd": 3120, "last_updated_at": 9999999999999}}', "time is none"),
    (b'{"ethereum": {"usd": 3120, "last_updated_at": 4000000000}}', "future"),
    (b'{"ethereum": {"usd": 3120, "last_updated_at": "yesterday"}}', "another form"),
]


@pytest.mark.parametrize(("body", "reason"), HOSTILE_JSON)
async def test_garbage_is_refused_in_words(server: PriceServer, body: bytes, reason: str) -> None:
    server.body = body
    answer = await ask(server.provider("coingecko"))
    assert answer.points == () and answer.problem is not None and reason in answer.problem


@pytest.mark.parametrize(
    "body",
    [
        b"<not-xml",
        b'<!DOCTYPE x [<!ENTITY a "b">]><Cube time="2026-11-27"><Cube currency="USD" rate="&a;"/></Cube>',
        b'<Cube><Cube time="2026-11-27"><Cube currency="USD" rate="NaN"/></Cube></Cube>',
        b'<Cube><Cube time="never"><Cube currency="USD" rate="1"/></Cube></Cube>',
        b'<Cube><Cube time="2026-11-27"><Cube rate="1"/></Cube></Cube>',
    ],
)
async def test_garbage_of_the_ecb_is_refused(server: PriceServer, body: bytes) -> None:
    server.body = body
    answer = await ask(server.provider("ecb"), "EUR", "USD")
    assert answer.points == () and answer.problem


async def test_a_candle_that_opens_outside_its_range_is_refused(server: PriceServer) -> None:
    server.body = b"[[1795802000, 10, 20, 30, 15, 1]]"
    assert (await ask(server.provider("coinbase"))).problem == "a candle opens outside its own range"


async def test_a_body_without_end_and_a_server_without_haste_are_left(server: PriceServer) -> None:
    server.body = b" " * 300_000
    assert "more than 100000 bytes" in ((await ask(server.provider("coingecko", bytes_max=100_000))).problem or "")
    server.body, server.delay_s = None, 30
    began = time.monotonic()
    assert "within 0.3 s" in ((await ask(server.provider("coingecko", timeout_s=0.3))).problem or "")
    assert time.monotonic() - began < 10


async def test_what_is_packed_or_leads_elsewhere_is_not_followed(server: PriceServer) -> None:
    server.headers = {"Content-Encoding": "gzip"}
    server.body = b"{}"
    assert "packed" in ((await ask(server.provider("coingecko"))).problem or "")
    server.status, server.headers, server.body = 302, {"Location": f"{server.url}/elsewhere"}, None
    assert "302" in ((await ask(server.provider("coingecko"))).problem or "")
    assert "/elsewhere" not in {request.path for request in server.requests}


async def test_a_pair_that_it_does_not_know_is_no_fault_of_the_provider(server: PriceServer) -> None:
    server.status = 404
    provider = server.provider("coinbase")
    async with OutsidePrices({}) as outside:
        assert (await outside.ask(provider, "ETH", "USD", NOW, NOW)).problem == "it has no rate for that time"
        assert (await outside.ask(provider, "DAI", "USD", NOW, NOW)).problem == "it has no rate for that time"
    assert len(server.requests) == 2, "it is not set aside for that"


# ---- limits ----------------------------------------------------------------------------------------------------------------------


async def test_a_429_is_waited_out_and_nobody_asks_meanwhile(server: PriceServer) -> None:
    server.status, server.headers = 429, {"Retry-After": "120"}
    provider, other = server.provider("coingecko"), server.provider("coinbase")
    async with OutsidePrices({}) as outside:
        assert (await outside.ask(provider, "ETH", "USD", NOW, NOW)).problem == "it answers 429"
        again = (await outside.ask(provider, "DAI", "USD", NOW, NOW)).problem or ""
        assert again.startswith("it answers 429; it is asked again in ") and 100 < int(again.split()[-2]) <= 121
        assert len(server.requests) == 1
        server.status, server.headers = 200, {}
        assert (await outside.ask(other, "ETH", "USD", NOW, NOW)).points, "another provider is not held up"


async def test_the_same_question_is_not_put_twice_within_a_minute(server: PriceServer) -> None:
    provider = server.provider("coinbase")
    async with OutsidePrices({}) as outside:
        assert (await outside.ask(provider, "ETH", "USD", NOW, NOW)).points
        assert await outside.ask(provider, "ETH", "USD", NOW, NOW) == Answer()
    assert len(server.requests) == 1


@pytest.mark.parametrize(("told", "least", "most"), [("120", 120, 120), ("0", 1, 1), (None, 60, 60), ("soon", 60, 60), ("9" * 40, 60, 60)])
def test_how_long_a_limit_lasts(told: str | None, least: float, most: float) -> None:
    assert least <= _retry_after_s(told) <= most


# ---- where it may lead -----------------------------------------------------------------------------------------------------------

INSIDE = """127.0.0.1 10.0.0.1 172.16.3.4 192.168.1.1 169.254.169.254 100.64.0.1 224.0.0.1 255.255.255.255 0.1.2.3 ::1 :: fe80::1%eth0 fc00::1 ff02::1
::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: 2001:0:4136:e378:8000:63bf:3fff:fdd2"""


def test_addresses_inside_are_told_from_the_open_internet() -> None:
    assert [address for address in INSIDE.split() if is_public(address)] == []
    assert is_public("1.1.1.1") and is_public("2606:4700:4700::1111")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "169.254.169.254"]
)
async def test_nothing_inside_is_reached_under_any_name(server: PriceServer, host: str) -> None:
    port = server.url.rpartition(":")[2]
    async with OutsideHttp() as http:
        with pytest.raises(OutsideFailed):
            await http.get(f"https://{host}:{port}/", {}, headers={}, timeout_s=3, bytes_max=10)
        with pytest.raises(OutsideFailed, match="without TLS"):
            await http.get(f"http://{host}:{port}/", {}, headers={}, timeout_s=3, bytes_max=10)
    assert server.requests == []


@pytest.mark.parametrize(
    "url", ["http://api.example.com", "ftp://x.example", "https://", "https://u:p@x.example", "https://x.example/?key=1", "file:///etc/passwd"]
)
def test_a_provider_is_named_by_https_and_without_secrets(url: str) -> None:
    with pytest.raises(ValidationError):
        PriceProvider.model_validate({"kind": "coingecko", "url": url})


def test_the_order_of_sources_is_a_setting_with_a_default() -> None:
    settings = PriceSettings.model_validate({"providers": [{"kind": "coinbase"}, {"kind": "ecb"}]})
    assert settings.sources() == ["manual", "oracle", "coinbase", "ecb", "history"]
    assert PriceSettings().sources() == ["manual", "oracle", "history"]
    for wrong in ({"order": ["manual", "kraken"]}, {"order": ["manual", "manual"]}, {"providers": [{"kind": "ecb"}, {"kind": "ecb"}]}):
        with pytest.raises(ValidationError):
            PriceSettings.model_validate(wrong)
