"""One order of sources for everybody who wants a price: each rate with who said it and when, and in vain rather than stale, guessed or zero."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.price_settings import PriceProvider, PriceSettings
from crypto_api.kit.rates import Answer, FeedRound, Point
from crypto_api.prices import rules, service, store
from crypto_api.prices.documents import OraclePrice, PriceGap, ProviderPrice
from crypto_api.prices.lookup import look_up
from crypto_api.prices.types import Lookup, Moment, PriceSource, Pricing, Sought
from crypto_api.runtime import Runtime
from tests.factories.treasury import NETWORKS, Treasury, new_treasury

D = Decimal
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
NETWORK = NetworkConfig.model_validate(NETWORKS[0])
ETH_FEED = NETWORK.price_feeds[0].address
MOMENT = Moment(NETWORK, 7, "0x" + "b7" * 32, NOW)
USD_FROM_ECB: dict[str, object] = {"kind": "ecb"}


class Outside:
    """What the world says: feeds by address, providers by (name, base, quote)."""

    def __init__(self, settings: PriceSettings, feeds: Mapping[str, FeedRound] | None = None, told: Mapping[Any, Answer] | None = None) -> None:
        self.settings, self.feeds, self.told = settings, feeds or {}, dict(told or {})
        self.asked: list[tuple[str, str, str]] = []

    async def read_feed(self, network: str, feed_address: str, block_hash: str) -> FeedRound | None:
        return self.feeds.get(feed_address)

    async def ask(self, provider: PriceProvider, base: str, quote: str, at: datetime, now: datetime) -> Answer:
        self.asked.append((provider.name, base, quote))
        return self.told.get((provider.name, base, quote), Answer(problem="it does not answer"))


def settings(*providers: Mapping[str, object], **changes: object) -> PriceSettings:
    return PriceSettings.model_validate({"providers": list(providers), **changes})


def said(rate: str, ago: timedelta = timedelta(minutes=1)) -> Answer:
    return Answer((Point(NOW - ago, D(rate)),))


def feed(answer: int, ago_s: int = 60, **changes: int) -> FeedRound:
    return FeedRound(answer, 8, int(NOW.timestamp()) - ago_s, **changes)


@pytest.fixture
async def treasury(runtime: Runtime) -> Treasury:
    return await new_treasury(runtime.uow, now=NOW)


async def find(treasury: Treasury, outside: Outside, asset: str = "ETH", quote: str = "USD", at: datetime = NOW) -> Lookup:
    moment = Moment(NETWORK, 7, "0x" + "b7" * 32, at)
    return await look_up(Sought(treasury.org_id, at, Pricing.of([NETWORK], outside.settings), {NETWORK.slug: moment}), asset, quote, outside, NOW)


async def by_hand(treasury: Treasury, asset: str, quote: str, rate: str, at: datetime = NOW) -> None:
    await treasury.uow.run(
        lambda session: service.set_manual(
            session, treasury.org_id, asset=asset, quote=quote, at=at, rate=D(rate), reason="", user_id=treasury.admin.id, now=NOW
        )
    )


async def test_sources_are_asked_in_the_order_that_is_set(treasury: Treasury) -> None:
    told = {("coingecko", "ETH", "USD"): said("3001"), ("coinbase", "ETH", "USD"): said("3002")}
    both = settings({"kind": "coingecko"}, {"kind": "coinbase"})
    outside = Outside(both, {ETH_FEED: feed(3_000_00000000)}, told)
    found = (await find(treasury, outside)).quote
    assert found is not None and (found.rate, found.source, found.origin) == (D(3000), PriceSource.ORACLE, "feed ETH/USD on Local chain")
    assert outside.asked == [], "who comes later is not asked where an earlier one answers"

    turned = both.model_copy(update={"order": ["coinbase", "manual", "oracle", "history"]})
    found = (await find(treasury, Outside(turned, outside.feeds, told))).quote
    assert found is not None and (found.rate, found.source, found.origin) == (D(3002), PriceSource.PROVIDER, "coinbase ETH/USD")
    assert found.at == NOW - timedelta(minutes=1)

    await by_hand(treasury, "ETH", "USD", "2999")
    found = (await find(treasury, outside)).quote
    assert found is not None and (found.rate, found.source, found.origin) == (D(2999), PriceSource.MANUAL, "entered by hand for ETH in USD")


async def test_another_functional_currency_is_reached_through_the_ecb(treasury: Treasury) -> None:
    outside = Outside(settings(USD_FROM_ECB), {ETH_FEED: feed(3_000_00000000)}, {("ecb", "USD", "EUR"): said("0.92", timedelta(hours=18))})
    found = (await find(treasury, outside, quote="EUR")).quote
    assert found is not None and (found.rate, found.source) == (D(2760), PriceSource.DERIVED)
    assert (found.at, found.origin) == (NOW - timedelta(hours=18), "feed ETH/USD on Local chain; ecb USD/EUR")
    wrapped = (await find(treasury, outside, "WETH", "EUR")).quote
    assert wrapped is not None and wrapped.rate == D(2760)
    await by_hand(treasury, "EUR", "USD", "1.25")
    found = (await find(treasury, outside, quote="EUR")).quote
    assert found is not None and found.rate == D(2400), "what a person says of the euro in dollars counts the other way round too"


async def test_a_stablecoin_is_priced_and_never_assumed(treasury: Treasury) -> None:
    """ETH in USDT, and USDT itself at 0.97: not at one dollar."""
    known = settings({"kind": "binance"}, {"kind": "coingecko", "assets": {"USDT": "tether"}}, order=["manual", "binance", "coingecko"])
    outside = Outside(known, {}, {("binance", "ETH", "USDT"): said("3100"), ("coingecko", "USDT", "USD"): said("0.97")})
    found = (await find(treasury, outside)).quote
    assert found is not None and (found.rate, found.origin) == (D(3007), "binance ETH/USDT; coingecko USDT/USD")
    del outside.told["coingecko", "USDT", "USD"]
    await ProviderPrice.find({"asset": "USDT"}).delete()
    missing = await find(treasury, outside)
    assert missing.quote is None
    assert [(row.source, row.outcome) for row in missing.tried if row.source == "binance"] == [
        ("binance", "it answers in USDT, and there is no rate from there to USD")
    ]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (feed(0), "zero or less"),
        (feed(-1), "zero or less"),
        (feed(3_000_00000000, ago_s=86_401), "24 hours old, and 24 hours are allowed"),
        (feed(3_000_00000000, ago_s=-120), "later than the block"),
        (feed(3_000_00000000, round_id=9, answered_in_round=8), "an earlier round"),
        (FeedRound(3_000, 77, int(NOW.timestamp())), "no complete round"),
        (FeedRound(3_000, 8, 0), "no complete round"),
        (FeedRound(10**40 + 1, 8, int(NOW.timestamp())), "more digits"),
    ],
)
async def test_a_feed_that_cannot_be_believed_is_no_price_and_says_why(treasury: Treasury, told: FeedRound, reason: str) -> None:
    found = await find(treasury, Outside(PriceSettings(), {ETH_FEED: told}))
    assert found.quote is None
    assert [row.source for row in found.tried] == ["manual", "feed ETH/USD on Local chain", "history"]
    assert reason in found.tried[1].outcome


async def test_a_provider_that_says_ten_times_as_much_as_yesterday_is_not_believed_and_not_kept(treasury: Treasury) -> None:
    await treasury.rate("ETH", "3000", NOW - timedelta(hours=30), 3)
    outside = Outside(settings({"kind": "coingecko"}), {}, {("coingecko", "ETH", "USD"): said("30001")})
    found = await find(treasury, outside)
    assert found.quote is None and "more than 10 times off what was known: 3000" in " ".join(row.outcome for row in found.tried)
    assert await ProviderPrice.find_all().count() == 0
    outside.told["coingecko", "ETH", "USD"] = said("29999")
    assert (await find(treasury, outside)).quote is not None


async def test_what_was_kept_bridges_a_provider_that_is_away_no_longer_than_stated(treasury: Treasury) -> None:
    known = settings({"kind": "coingecko", "age_max_s": 600}, history_age_max_s=3600)
    outside = Outside(known, {}, {("coingecko", "ETH", "USD"): said("3000")})
    assert (await find(treasury, outside)).quote is not None
    outside.told.clear()
    later = (await find(treasury, outside, at=NOW + timedelta(minutes=30))).quote
    assert later is not None and (later.rate, later.source, later.at) == (D(3000), PriceSource.HISTORY, NOW - timedelta(minutes=1))
    assert later.origin == "kept of coingecko ETH/USD"
    stale = await find(treasury, outside, at=NOW + timedelta(minutes=60))
    assert stale.quote is None and ("coingecko", "ETH/USD: it does not answer") in {(row.source, row.outcome) for row in stale.tried}


async def test_a_rate_that_is_near_enough_is_not_asked_for_again(treasury: Treasury) -> None:
    outside = Outside(settings({"kind": "coingecko"}), {}, {("coingecko", "ETH", "USD"): said("3000")})
    for _ in range(3):
        assert (await find(treasury, outside)).quote is not None
    assert outside.asked == [("coingecko", "ETH", "USD")]


async def test_what_was_said_once_stands(treasury: Treasury) -> None:
    point = Point(NOW, D(3000))
    await store.keep_points("coingecko", "ETH", "USD", [point], NOW)
    await store.keep_points("coingecko", "ETH", "USD", [Point(NOW, D(1))], NOW)
    kept = await store.kept_provider("coingecko", "ETH", "USD", NOW)
    assert kept is not None and kept.rate == D(3000)


async def test_a_page_a_booking_and_a_series_agree_on_every_price(treasury: Treasury) -> None:
    """The same question to what is kept, one at a time and many at once; with a person's price from the middle on."""
    known = settings({"kind": "coingecko", "assets": {"POL": "pol"}}, USD_FROM_ECB)
    pricing = Pricing.of([NETWORK], known)
    for hour in range(0, 48, 6):
        await treasury.rate("ETH", str(3000 + hour), NOW - timedelta(hours=48 - hour), 100 + hour)
        await store.keep_points("coingecko", "POL", "EUR", [Point(NOW - timedelta(hours=48 - hour), D(1) + hour)], NOW)
        await store.keep_points("ecb", "EUR", "USD", [Point(NOW - timedelta(hours=48 - hour), D("1.1"))], NOW)
    await by_hand(treasury, "ETH", "USD", "1234", NOW - timedelta(hours=20))
    times = [NOW - timedelta(hours=hours, minutes=7) for hours in range(50, 0, -1)]
    series = await service.kept_series(treasury.org_id, ["ETH", "WETH", "POL", "DAI"], "USD", times, pricing)
    single = [await service.kept_rates(treasury.org_id, ["ETH", "WETH", "POL", "DAI"], "USD", at, pricing) for at in times]
    assert series == single
    assert series[0] == {} and series[-1]["ETH"].rate == D(1234) and {row.get("DAI") for row in series} == {None}
    assert any(row["ETH"].source is PriceSource.ORACLE for row in series if "ETH" in row)


async def test_a_price_asked_in_vain_is_noted_with_what_was_tried(treasury: Treasury) -> None:
    outside = Outside(settings({"kind": "coingecko"}))
    for _ in range(2):
        assert await service.rate_at(treasury.org_id, "ETH", "USD", MOMENT, outside, NOW) is None
    (gap,) = await PriceGap.find({"org_id": treasury.org_id}).to_list()
    assert (gap.asset, gap.quote, gap.at, gap.attempts) == ("ETH", "USD", NOW, 2)
    assert [row.source for row in gap.tried] == ["manual", "feed ETH/USD on Local chain", "coingecko", "history"]
    first, most = timedelta(minutes=5), timedelta(days=1)
    assert await store.due_gaps(treasury.org_id, NOW + timedelta(minutes=9), first, most) == []
    assert len(await store.due_gaps(treasury.org_id, NOW + timedelta(minutes=10), first, most)) == 1


async def test_a_node_that_is_away_holds_up_a_booking_and_nobody_who_only_looks(treasury: Treasury) -> None:
    class Away(Outside):
        async def read_feed(self, network: str, feed_address: str, block_hash: str) -> FeedRound | None:
            raise ChainUnavailable("it is away")

    outside = Away(settings({"kind": "coingecko"}), {}, {("coingecko", "ETH", "USD"): said("3001")})
    with pytest.raises(ChainUnavailable):
        await service.rate_at(treasury.org_id, "ETH", "USD", MOMENT, outside, NOW)
    found = (await find(treasury, outside)).quote
    assert found is not None and (found.rate, found.source) == (D(3001), PriceSource.PROVIDER)
    await treasury.rate("ETH", "3000", NOW - timedelta(hours=2), 3)
    found = (await find(treasury, outside)).quote
    assert found is not None and (found.rate, found.at) == (D(3000), NOW - timedelta(hours=2)), "what the feed said last, as fresh as it has to be"


async def test_a_round_is_kept_once_for_those_who_look_and_under_each_block_that_is_booked(treasury: Treasury) -> None:
    outside = Outside(PriceSettings(), {ETH_FEED: feed(3_000_00000000)})
    for number in range(3):
        moment = Moment(NETWORK, number, f"0x{number:064x}", NOW)
        sought = Sought(treasury.org_id, NOW, Pricing.of([NETWORK]), {NETWORK.slug: moment})
        assert (await look_up(sought, "ETH", "USD", outside, NOW)).quote is not None
    assert await OraclePrice.find_all().count() == 1
    for number in range(3, 5):
        assert await service.rate_at(treasury.org_id, "ETH", "USD", Moment(NETWORK, number, f"0x{number:064x}", NOW), outside, NOW) is not None
    assert await OraclePrice.find_all().count() == 3


async def test_a_price_that_an_import_misses_is_due_at_once(treasury: Treasury) -> None:
    at = NOW - timedelta(days=40)
    assert await service.past_rate(treasury.org_id, "ETH", "USD", NETWORK, at) is None
    (gap,) = await store.due_gaps(treasury.org_id, NOW, timedelta(minutes=5), timedelta(days=1))
    assert (gap.asset, gap.at, gap.attempts) == ("ETH", at, 1)


def test_a_leap_is_one_both_ways() -> None:
    assert rules.leap(D(100), D(10), 10) is None and rules.leap(D("100.1"), D(10), 10) is not None
    assert rules.leap(D("0.99"), D(10), 10) is not None
