"""What the overview says: exact sums over the books, at rates that are named, and nothing guessed."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.flows.seal_entries import seal_entries
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import service as ledger
from crypto_api.ledger.types import AccountCode, EntryDraft, Line, Source, SourceKind
from crypto_api.prices import kept
from crypto_api.prices import service as prices
from crypto_api.prices import store as price_store
from crypto_api.prices.kept import KeptNow
from crypto_api.prices.types import PriceSource, Pricing, Quote
from crypto_api.reports import overview, value_history
from crypto_api.runtime import Runtime
from crypto_api.transactions.types import Direction
from tests.factories.treasury import NETWORKS, Treasury, new_treasury

PRICING = Pricing.of([NetworkConfig.model_validate(row) for row in NETWORKS])


@pytest.fixture
async def treasury(runtime: Runtime) -> Treasury:
    return await new_treasury(runtime.uow, now=runtime.clock.now())


async def test_value_is_quantity_times_rate_to_the_last_digit(treasury: Treasury) -> None:
    now = treasury.now
    one, two = await treasury.wallet("One"), await treasury.wallet("Two")
    await treasury.rate("ETH", "3120.45", now - timedelta(hours=2), 10)
    await treasury.rate("ETH", "3000.000000000000000001", now - timedelta(hours=1), 11)
    await treasury.opening(one, "ETH", "1.000000000000000001", "3120.45", now)
    await treasury.opening(two, "ETH", "2", "6240.90", now)
    await treasury.opening(two, "WETH", "1", "3120.45", now)
    await treasury.opening(two, "eip155:31337/erc20:0xabc", "500", "0", now)

    found = await overview.valuation(treasury.org_id, "USD", now, PRICING)

    ether, wrapped, unlisted = found.positions
    assert (ether.asset, ether.quantity, ether.wallets) == ("ETH", Decimal("3.000000000000000001"), 2)
    assert ether.value == Decimal("9000.000000000000003003000000000000000001")
    assert ether.rate is not None and (ether.rate.source, ether.rate.at) == (PriceSource.ORACLE, now - timedelta(hours=1))
    assert wrapped.value == Decimal("3000.000000000000000001")  # priced as the coin it wraps
    assert (unlisted.value, unlisted.share, found.unpriced) == (None, None, [unlisted])
    assert found.total == Decimal("12000.000000000000003004000000000000000001")
    assert found.cost == Decimal("12481.80")
    assert found.oldest_rate_at == now - timedelta(hours=1)


async def test_a_price_that_is_too_old_is_no_price(treasury: Treasury) -> None:
    wallet = await treasury.wallet("One")
    await treasury.rate("ETH", "3000", treasury.now - timedelta(days=1, seconds=1), 10)
    await treasury.opening(wallet, "ETH", "1", "3000", treasury.now)
    found = await overview.valuation(treasury.org_id, "USD", treasury.now, PRICING)
    assert (found.total, [position.asset for position in found.unpriced]) == (Decimal(0), ["ETH"])


async def test_another_organisation_is_not_counted(treasury: Treasury, runtime: Runtime) -> None:
    other = await new_treasury(runtime.uow, name="Other", first="Bo", last="Lind")
    await other.rate("ETH", "3000", other.now, 10)
    await other.opening(await other.wallet("Theirs"), "ETH", "1", "3000", other.now)
    found = await overview.valuation(treasury.org_id, "USD", treasury.now, PRICING)
    assert (found.positions, found.total) == ([], Decimal(0))
    counts = await overview.counts(treasury.org_id)
    assert (counts.wallets, counts.entries, counts.transactions) == (0, 0, 0)


async def test_history_walks_back_through_the_bookings(treasury: Treasury) -> None:
    """Half an hour before now 3 ETH came in, a quarter of an hour before now the price rose: each shows at its time and not before."""
    now = treasury.now
    wallet = await treasury.wallet("One")
    await treasury.rate("ETH", "3000", now - timedelta(hours=3), 10)
    await treasury.rate("ETH", "3100", now - timedelta(minutes=15), 11)
    await treasury.opening(wallet, "ETH", "10", "30000", now - timedelta(hours=2))
    at = now - timedelta(minutes=30)
    row = await treasury.record(treasury.transaction([treasury.movement(wallet, Direction.IN, "3", "ETH", other="x", value="9000")], at))
    lines = [
        Line(account_code=AccountCode.CRYPTO, debit=Decimal(9000), asset="ETH", quantity=Decimal(3), wallet_id=wallet.id),
        Line(account_code=AccountCode.REVENUE, credit=Decimal(9000), asset="ETH", quantity=Decimal(-3)),
    ]
    await treasury.post("Receipt", lines, now, transaction=row)  # booked late: it counts from its block on

    history = await value_history.value_history(treasury.org_id, "USD", now - timedelta(hours=1), now, PRICING, points=61)

    values = {round((now - point.at).total_seconds() / 60): point.value for point in history.points}
    assert len(history.points) == 61 and not history.cut
    assert (values[60], values[31], values[30], values[16]) == (Decimal(30000), Decimal(30000), Decimal(39000), Decimal(39000))
    assert (values[15], values[0]) == (Decimal(40300), Decimal(40300))


async def test_history_begins_with_the_books_and_names_what_has_no_price(treasury: Treasury) -> None:
    now = treasury.now
    wallet = await treasury.wallet("One")
    await treasury.opening(wallet, "ETH", "10", "0", now - timedelta(hours=2))
    await treasury.rate("ETH", "3000", now - timedelta(hours=1), 10)

    history = await value_history.value_history(treasury.org_id, "USD", now - timedelta(days=7), now, PRICING, points=5)

    assert history.points[0].at == now - timedelta(hours=2)
    assert [(point.value, point.unpriced) for point in history.points] == [
        (Decimal(0), ("ETH",)),
        (Decimal(0), ("ETH",)),
        (Decimal(30000), ()),
        (Decimal(30000), ()),
        (Decimal(30000), ()),
    ]


async def test_what_is_read_at_once_says_the_same_as_what_is_asked_one_by_one(
    treasury: Treasury, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And costs a read for each feed, and one for all that people entered."""
    now = treasury.now
    for hours, rate in ((70, "2900"), (50, "3000"), (20, "3100"), (3, "3200")):
        await treasury.rate("ETH", rate, now - timedelta(hours=hours), hours)
    for hours, asset, quote, rate in ((60, "DAI", "USD", "0.99"), (30, "DAI", "USD", "1.01"), (10, "USD", "USDC", "0.5"), (200, "DOGE", "USD", "7")):
        await runtime.uow.run(
            lambda session, asset=asset, quote=quote, hours=hours, rate=rate: prices.set_manual(  # type: ignore[misc]
                session,
                treasury.org_id,
                asset=asset,
                quote=quote,
                at=now - timedelta(hours=hours),
                rate=Decimal(rate),
                reason="",
                user_id="u",
                now=now,
            )
        )
    times = [now - timedelta(hours=hours) for hours in range(80, -1, -4)]
    wanted = ("ETH", "WETH", "DAI", "USDC", "DOGE", "NONE")

    async def series(**changes: Any) -> list[dict[str, Quote]]:
        return await prices.kept_series(treasury.org_id, wanted, "USD", times, PRICING, **changes)

    one_by_one = await series(kept=KeptNow())
    assert sorted(one_by_one[-1]) == ["DAI", "DOGE", "ETH", "USDC", "WETH"]
    assert (one_by_one[-1]["USDC"].rate, one_by_one[-1]["DAI"].rate, one_by_one[0].keys()) == (2, Decimal("1.01"), {"DOGE"})
    assert await series() == one_by_one
    monkeypatch.setattr(kept, "SERIES_MAX", 2)  # more is kept than is read at once
    assert await series() == one_by_one
    monkeypatch.undo()
    asked: Counter[str] = Counter()
    for name in ("manual_at", "manual_points", "all_manual_points", "few_manual_points", "kept_oracle", "oracle_points"):
        monkeypatch.setattr(price_store, name, _counted(asked, name, getattr(price_store, name)))
    assert await series() == one_by_one
    assert asked == {"all_manual_points": 1, "oracle_points": 3}
    asked.clear()
    assert await prices.kept_rates(treasury.org_id, wanted, "USD", times[-1], PRICING) == one_by_one[-1]
    assert asked == {"few_manual_points": 1, "kept_oracle": 1}, "each once, however many assets and names come to it"
    monkeypatch.setattr(kept, "FEW", 2)  # more was entered than is read at once
    assert [await prices.kept_rates(treasury.org_id, wanted, "USD", at, PRICING) for at in times[::5]] == one_by_one[::5]


def _counted(asked: Counter[str], name: str, ask: Any) -> Any:
    async def counted(*arguments: Any) -> Any:
        asked[name] += 1
        return await ask(*arguments)

    return counted


async def test_a_line_by_days_is_what_the_books_held_at_each_midnight(treasury: Treasury, runtime: Runtime) -> None:
    """What was entered late counts from its day on, what was taken back never stood; sealed or not; a year has few points too."""
    now, hour = treasury.now, timedelta(hours=1)
    wallet = await treasury.wallet("One")
    entered: dict[str, Any] = {"at": now - timedelta(days=400), "rate": Decimal(1), "reason": "", "user_id": "u", "now": now}
    await runtime.uow.run(lambda session: prices.set_manual(session, treasury.org_id, asset="USDC", quote="USD", **entered))
    moved = {300: "500", 40: "10", 12: "7", 3: "2", 0: "1"}  # days ago → USDC
    made = {days: await treasury.opening(wallet, "USDC", quantity, quantity, now - timedelta(days=days)) for days, quantity in moved.items()}
    await runtime.uow.run(lambda session: ledger.reverse(session, treasury.org_id, made[12].id, now, "twice"))
    await seal_entries(runtime.uow, runtime.clock)
    late = EntryDraft(
        date=(now - timedelta(days=25)).date(),
        description="found late",
        source=Source(kind=SourceKind.OPENING, id="late", purpose="opening"),
        lines=made[40].lines,
    )
    await runtime.uow.run(lambda session: ledger.post(session, treasury.org_id, late, now))

    for days, points in ((30, 32), (365, 102)):
        line = await value_history.value_by_day(runtime.uow, treasury.org_id, "USD", days, now, "UTC", PRICING)
        assert len(line.points) == points and not line.cut
        for point in line.points:
            stood = [(ago, quantity) for ago, quantity in (*moved.items(), (25, "10")) if ago != 12]
            held = sum(Decimal(quantity) for ago, quantity in stood if (now - timedelta(days=ago)).date() < point.at.date() or point.at == now)
            assert point.value == held, (days, point.at)
        assert line.points[-1].at == now and line.points[-1].value == 523
    short = await value_history.value_history(treasury.org_id, "USD", now - hour, now, PRICING, points=2)
    assert short.points[-1].value == 523


async def test_history_of_nothing_is_empty(treasury: Treasury) -> None:
    history = await value_history.value_history(treasury.org_id, "USD", treasury.now - timedelta(days=1), treasury.now, PRICING)
    assert history.points == []
