"""What the books hold, what it is worth and how it did: exact figures over real postings, and everything without a price left out by name."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import service as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, Line
from crypto_api.portfolio import service, store
from crypto_api.portfolio.types import NoResult, Performance
from crypto_api.prices.types import Pricing
from crypto_api.reports import value_history
from crypto_api.runtime import Runtime
from crypto_api.transactions.types import Direction
from crypto_api.wallets.documents import Wallet
from tests.factories.treasury import NETWORKS, Treasury, new_treasury

D = Decimal
PRICING = Pricing.of([NetworkConfig.model_validate(row) for row in NETWORKS])
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
async def treasury(runtime: Runtime) -> Treasury:
    return await new_treasury(runtime.uow, now=NOW)


async def rates(treasury: Treasury, asset: str, by_day: dict[float, str]) -> None:
    """What the feed said so many days ago; between them its rate of the day before is no longer fresh."""
    for block, (days, rate) in enumerate(sorted(by_day.items(), reverse=True)):
        await treasury.rate(asset, rate, ago(days), 10_000 * (1 + sum(map(ord, asset))) + block)


async def every_day(treasury: Treasury, asset: str, days: int, rate: str, changes: dict[int, str] | None = None) -> None:
    current, told = rate, {}
    for day in range(days, -1, -1):
        current = (changes or {}).get(day, current)
        told[day + 0.25] = current
    await rates(treasury, asset, told)


async def move(
    treasury: Treasury, wallet: Wallet, direction: Direction, quantity: str, asset: str, value: str, at: datetime, lines: list[Line], **changes: bool
) -> JournalEntry:
    row = await treasury.record(treasury.transaction([treasury.movement(wallet, direction, quantity, asset, other="x", value=value)], at))
    return await treasury.post("Moved", lines, at, transaction=row, **changes)


async def receive(
    treasury: Treasury, wallet: Wallet, quantity: str, asset: str, value: str, at: datetime, contra: AccountCode = AccountCode.REVENUE
) -> JournalEntry:
    lines = [
        Line(account_code=AccountCode.CRYPTO, debit=D(value), asset=asset, quantity=D(quantity), wallet_id=wallet.id),
        Line(account_code=contra, credit=D(value), asset=asset, quantity=-D(quantity)),
    ]
    return await move(treasury, wallet, Direction.IN, quantity, asset, value, at, lines, unpriced=value == "0")


async def spend(
    treasury: Treasury, wallet: Wallet, quantity: str, asset: str, cost: str, value: str, at: datetime, contra: AccountCode = AccountCode.SUPPLIERS
) -> JournalEntry:
    gain = D(value) - D(cost)
    realised = [Line(account_code=AccountCode.GAINS, credit=gain)] if gain > 0 else []
    lines = [
        Line(account_code=AccountCode.CRYPTO, credit=D(cost), asset=asset, quantity=-D(quantity), wallet_id=wallet.id),
        Line(account_code=contra, debit=D(value), asset=asset, quantity=D(quantity)),
        *realised,
    ]
    return await move(treasury, wallet, Direction.OUT, quantity, asset, value, at, lines)


async def did(treasury: Treasury, days: float) -> Performance:
    found = await service.performance(treasury.org_id, "USD", ago(days), NOW, UTC_ZONE, PRICING)
    assert found is not None
    return found


async def test_value_cost_and_unrealised_of_what_is_priced_and_the_rest_by_name(treasury: Treasury) -> None:
    one, two = await treasury.wallet("One"), await treasury.wallet("Two")
    await every_day(treasury, "ETH", 1, "3000")
    await treasury.opening(one, "ETH", "2", "5000", NOW)
    await treasury.opening(two, "ETH", "1", "2000", NOW)
    await treasury.opening(two, "DAI", "700", "690", NOW)
    found = await service.standing_now(treasury.org_id, "USD", NOW, PRICING)
    assert (found.value, found.cost, found.unrealised, found.unpriced) == (D(9000), D(7000), D(2000), ["DAI"])
    ether, dai = found.positions
    assert (ether.quantity, ether.value, ether.unrealised, ether.share, ether.wallets) == (D(3), D(9000), D(2000), D(1), 2)
    assert (dai.cost, dai.value, dai.unrealised, dai.share) == (D(690), None, None, None)
    parts = await service.allocation(treasury.org_id, "USD", NOW, PRICING, {one.id: ("one", "One"), two.id: ("two", "Two")})
    assert [(part.name, part.value, part.cost, part.unpriced) for part in parts] == [
        ("One", D(6000), D(5000), ()),
        ("Two", D(3000), D(2000), ("DAI",)),
    ]
    assert parts[0].share is not None and parts[1].share is not None and parts[0].share + parts[1].share == 1


async def test_a_moment_of_the_past_is_walked_back_to(treasury: Treasury) -> None:
    wallet = await treasury.wallet("One")
    await every_day(treasury, "ETH", 30, "3000", {10: "3300"})
    await receive(treasury, wallet, "10", "ETH", "30000", ago(20))
    await spend(treasury, wallet, "4", "ETH", "12000", "13200", ago(5))
    now = await service.standing_at(treasury.org_id, "USD", NOW, PRICING)
    then = await service.standing_at(treasury.org_id, "USD", ago(15), PRICING)
    before = await service.standing_at(treasury.org_id, "USD", ago(25), PRICING)
    assert (now.value, now.cost) == (D(19800), D(18000))
    assert (then.value, then.cost, then.positions[0].quantity) == (D(30000), D(30000), D(10))
    assert (before.value, before.positions) == (D(0), [])


async def test_performance_of_one_holding_is_its_price(treasury: Treasury) -> None:
    """Received 10 ETH at 3,000; up 10 % by 15 days ago; 5 ETH spent at 3,300 ten days ago; up to 3,630 since 5 days ago: 1.1 × 1.1."""
    wallet = await treasury.wallet("One")
    await every_day(treasury, "ETH", 40, "3000", {15: "3300", 5: "3630"})
    await receive(treasury, wallet, "10", "ETH", "30000", ago(30))
    await spend(treasury, wallet, "5", "ETH", "15000", "16500", ago(10))
    found = await did(treasury, 20)
    assert (found.start_value, found.end_value, found.net_flows, found.gain) == (D(30000), D(18150), D(-16500), D(4650))
    assert (found.time_weighted.period, found.time_weighted.annual) == (D("0.21"), None)
    assert (found.realised, found.fees, found.rewards, found.excluded) == (D(1500), D(0), D(0), [])
    assert found.money_weighted.period == D("0.21"), "ten per cent in each ten days: the same whatever was taken out"
    assert (found.days, found.valued_moments, found.moments) == (20, 22, 22)
    whole = await did(treasury, 365)
    assert (whole.net_flows, whole.gain, whole.time_weighted.period) == (D(13500), D(4650), D("0.21")), "it begins with the books"


async def test_fees_and_rewards_are_what_the_portfolio_did_and_not_flows(treasury: Treasury) -> None:
    wallet = await treasury.wallet("One")
    await every_day(treasury, "ETH", 10, "1000")
    await treasury.opening(wallet, "ETH", "10", "10000", ago(8))
    await receive(treasury, wallet, "1", "ETH", "1000", ago(4), AccountCode.REWARDS)
    await spend(treasury, wallet, "0.5", "ETH", "500", "500", ago(2), AccountCode.NETWORK_FEES)
    found = await did(treasury, 6)
    assert (found.net_flows, found.gain, found.fees, found.rewards) == (D(0), D(500), D(500), D(1000))
    assert found.time_weighted.period == D("0.05")


async def test_what_has_no_price_or_moved_at_no_value_is_left_out_whole_and_named(treasury: Treasury) -> None:
    wallet = await treasury.wallet("One")
    await every_day(treasury, "ETH", 20, "1000", {5: "1100"})
    await every_day(treasury, "USDC", 20, "1")
    await treasury.opening(wallet, "ETH", "10", "10000", ago(15))
    await treasury.opening(wallet, "DAI", "700", "690", ago(15))  # never priced
    await receive(treasury, wallet, "500", "USDC", "0", ago(8))  # worth something now, and nobody knows what then
    found = await did(treasury, 10)
    assert [(row.asset, row.reason) for row in found.excluded] == [
        ("DAI", "it has no price at the end of the period"),
        ("USDC", "it moved at a value that nobody knows"),
    ]
    assert (found.start_value, found.end_value, found.net_flows, found.gain) == (D(10000), D(11000), D(0), D(1000))
    assert found.time_weighted.period == D("0.1")


async def test_what_came_at_no_value_is_no_gain(treasury: Treasury) -> None:
    """500 USDC came without a price and are worth 500 now: their cost is not nothing, it is not known."""
    wallet = await treasury.wallet("One")
    await every_day(treasury, "ETH", 9, "1000")
    await every_day(treasury, "USDC", 9, "1")
    await receive(treasury, wallet, "2", "ETH", "1500", ago(8))
    await receive(treasury, wallet, "500", "USDC", "0", ago(8))
    found = await service.standing_now(treasury.org_id, "USD", NOW, PRICING)
    assert (found.value, found.cost, found.unrealised, found.without_cost) == (D(2500), D(1500), D(500), ["USDC"])
    assert [(row.asset, row.unrealised) for row in found.positions] == [("ETH", D(500)), ("USDC", None)]
    history = await service.history(treasury.org_id, "USD", ago(5), NOW, UTC_ZONE, PRICING)
    assert ({point.cost for point in history.points}, history.without_cost) == ({D(1500)}, ("USDC",))


async def test_days_without_a_price_are_bridged_and_counted(treasury: Treasury) -> None:
    wallet = await treasury.wallet("One")
    await rates(treasury, "ETH", {10.1: "1000", 6.2: "1500", 0.1: "1200"})
    await treasury.opening(wallet, "ETH", "1", "900", ago(12))
    found = await did(treasury, 10)
    assert (found.time_weighted.period, found.gain) == (D("0.2"), D(200))
    assert found.valued_moments < found.moments and found.excluded == []


async def test_an_entry_that_was_trued_up_counts_once_and_at_its_time(treasury: Treasury) -> None:
    """Booked without a price, taken back today and posted again with one: nothing stands there twice in between."""
    wallet = await treasury.wallet("One")
    await every_day(treasury, "ETH", 20, "1000")
    await receive(treasury, wallet, "3", "ETH", "3000", ago(15))
    wrong = await receive(treasury, wallet, "2", "ETH", "0", ago(10))
    await treasury.uow.run(lambda session: ledger.reverse(session, treasury.org_id, wrong.id, NOW, "valued anew"))
    await receive(treasury, wallet, "2", "ETH", "2000", ago(10))
    history = await service.history(treasury.org_id, "USD", ago(14), NOW, UTC_ZONE, PRICING)
    assert {point.value for point in history.points if point.at < ago(10)} == {D(3000)}
    assert {point.value for point in history.points if point.at >= ago(10)} == {D(5000)}
    assert {point.cost for point in history.points if point.at >= ago(10)} == {D(5000)}
    assert sum(point.flows for point in history.points) == D(2000) and not any(point.unpriced for point in history.points)
    line = await value_history.value_history(treasury.org_id, "USD", ago(14), NOW, PRICING, points=15)
    assert {point.value for point in line.points} == {D(3000), D(5000)}, "the overview's line says the same"
    found = await did(treasury, 14)
    assert (found.gain, found.time_weighted.period, found.excluded) == (D(0), D(0), [])


async def test_empty_books_and_a_period_before_them_have_no_figures(treasury: Treasury) -> None:
    assert await service.performance(treasury.org_id, "USD", ago(10), NOW, UTC_ZONE, PRICING) is None
    assert (await service.history(treasury.org_id, "USD", ago(10), NOW, UTC_ZONE, PRICING)).points == []
    wallet = await treasury.wallet("One")
    await receive(treasury, wallet, "1", "ETH", "1000", ago(0.2))
    await every_day(treasury, "ETH", 1, "1000")
    found = await did(treasury, 10)
    assert (found.money_weighted.none_because, found.time_weighted.period) == (NoResult.TOO_SHORT, D(0))


async def test_movements_of_an_asset_open_page_by_page_and_only_ones_own(treasury: Treasury, runtime: Runtime) -> None:
    wallet = await treasury.wallet("One")
    other = await new_treasury(runtime.uow, name="Other", first="Bo", last="Lind", now=NOW)
    await receive(other, await other.wallet("Theirs"), "9", "ETH", "9000", ago(3))
    for day in range(5, 0, -1):
        await receive(treasury, wallet, str(day), "ETH", "1000", ago(day))
    await receive(treasury, wallet, "1", "DAI", "1", ago(1))
    first = await store.page_of_movements(treasury.org_id, "ETH", None, PageRequest(limit=3, sort="date", count=True))
    second = await store.page_of_movements(treasury.org_id, "ETH", wallet.id, PageRequest(limit=3, sort="date", cursor=first.next_cursor))
    quantities = [line.quantity for entry in (*first.items, *second.items) for line in entry.lines if line.account_code == AccountCode.CRYPTO]
    assert (quantities, first.total, second.next_cursor) == ([D(1), D(2), D(3), D(4), D(5)], 5, None)


async def test_what_lots_of_all_wallets_together_cost_counts_though_it_stands_in_no_wallet(treasury: Treasury) -> None:
    """As it is booked where all lots are one pool: 10 ETH at 30,000, of which the 4 that were spent cost 9,000 by lots and 12,000 by the average."""
    wallet = await treasury.wallet("One")
    await every_day(treasury, "ETH", 30, "3000")
    await receive(treasury, wallet, "10", "ETH", "30000", ago(20))
    await spend(treasury, wallet, "4", "ETH", "12000", "12000", ago(5))
    lots = [
        Line(account_code=AccountCode.CRYPTO, debit=D(3000), asset="ETH", quantity=D(0)),
        Line(account_code=AccountCode.GAINS, credit=D(3000)),
    ]
    await treasury.post("Cost by lots", lots, ago(5))
    now = await service.standing_now(treasury.org_id, "USD", NOW, PRICING)
    assert (now.cost, now.positions[0].cost, now.positions[0].wallets, now.unrealised) == (D(21000), D(21000), 1, D(-3000))
    history = await service.history(treasury.org_id, "USD", ago(10), NOW, UTC_ZONE, PRICING)
    assert (history.points[0].cost, history.points[-1].cost) == (D(30000), D(21000))
    assert (await service.standing_at(treasury.org_id, "USD", NOW, PRICING)).cost == D(21000)
    assert (await service.standing_at(treasury.org_id, "USD", ago(10), PRICING)).cost == D(30000)
    parts = await service.allocation(treasury.org_id, "USD", NOW, PRICING, {wallet.id: ("one", "One")})
    assert [(part.key, part.value, part.cost) for part in parts] == [("one", D(18000), D(18000)), ("together", D(0), D(3000))]
