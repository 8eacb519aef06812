from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto_api.lots.rules import POOLS, History, price_of, rules_from
from crypto_api.lots.types import Disposed, Event, Kind, Lot, LotMethod, LotScope, Moved, Rule

DAY = date(2024, 1, 1).toordinal()
A, B, C = "1100|a|ETH", "1100|b|ETH", "1100|a|WETH"


def bought(at: int, quantity: int, cost: int | None, place: str = A, fee: int = 0) -> Event:
    price = price_of(cost, quantity) if cost is not None else 0
    return Event(f"e{at}", f"{at:06}", DAY + at, Kind.ACQUIRE, place, quantity, cost, fee, price)


def sold(at: int, quantity: int, proceeds: int | None, place: str = A, fee: int = 0) -> Event:
    return Event(f"e{at}", f"{at:06}", DAY + at, Kind.DISPOSE, place, quantity, proceeds, fee)


def moved(at: int, quantity: int, source: str = A, target: str = B) -> Event:
    return Event(f"e{at}", f"{at:06}", DAY + at, Kind.MOVE, source, quantity, target=target)


def run(events: Sequence[Event], *rules: Rule, method: LotMethod = LotMethod.FIFO, scope: LotScope = LotScope.WALLET) -> tuple[History, list[Any]]:
    book = History(rules or [Rule(0, method, scope)])
    return book, [book.apply(event) for event in events]


def told(outcome: Any) -> list[tuple[str, int, int | None, int | None]]:
    return [(portion.lot.ref, portion.quantity, portion.proceeds, portion.cost) for portion in outcome.portions]


THREE = [bought(1, 10, 100), bought(2, 10, 300), bought(3, 10, 200)]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (LotMethod.FIFO, [("e1", 10, 200, 100), ("e2", 5, 100, 150)]),
        (LotMethod.LIFO, [("e3", 10, 200, 200), ("e2", 5, 100, 150)]),
        (LotMethod.HIFO, [("e2", 10, 200, 300), ("e3", 5, 100, 100)]),
        (LotMethod.AVERAGE, [("e1", 10, 200, 200), ("e2", 5, 100, 100)]),
    ],
)
def test_which_lots_a_disposal_takes(method: LotMethod, expected: list[tuple[str, int, int, int]]) -> None:
    _, outcomes = run([*THREE, sold(4, 15, 300)], method=method)
    assert told(outcomes[-1]) == expected


def test_of_equal_prices_the_earliest_goes_first() -> None:
    _, outcomes = run([bought(1, 10, 100), bought(2, 20, 200), sold(3, 15, 0)], method=LotMethod.HIFO)
    assert [row[:2] for row in told(outcomes[-1])] == [("e1", 10), ("e2", 5)]


def test_fees_are_cost_when_acquiring_and_lessen_proceeds_when_disposing() -> None:
    _, outcomes = run([bought(1, 10, 100, fee=7), sold(2, 10, 200, fee=5)])
    ((_, _, proceeds, cost, gain, long),) = outcomes[-1].portions
    assert (proceeds, cost, gain, long) == (195, 107, 88, False)


def test_a_fee_does_not_make_a_lot_dearer_for_hifo() -> None:
    _, outcomes = run([bought(1, 10, 100, fee=900), bought(2, 10, 101), sold(3, 10, 0)], method=LotMethod.HIFO)
    assert told(outcomes[-1])[0][0] == "e2"


# ---- what is missing -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", LotMethod)
def test_more_than_is_held(method: LotMethod) -> None:
    book, outcomes = run([bought(1, 10, 100), sold(2, 30, 90)], method=method)
    assert told(outcomes[-1]) == [("e1", 10, 30, 100)]
    assert outcomes[-1].missing == 20 and outcomes[-1].missing_proceeds == 60
    assert book.pools[A].open_lots() == [] and book.held[A] == -20


def test_what_comes_later_does_not_fill_what_was_missing() -> None:
    book, _ = run([sold(1, 5, 50), bought(2, 10, 100)])
    assert [lot.left for lot in book.pools[A].open_lots()] == [10]


@pytest.mark.parametrize("method", LotMethod)
def test_an_unknown_cost_is_never_guessed(method: LotMethod) -> None:
    _, outcomes = run([bought(1, 10, None), bought(2, 10, 100), sold(3, 20, 400)], method=method)
    portions = {portion.lot.ref: portion for portion in outcomes[-1].portions}
    assert (portions["e1"].proceeds, portions["e1"].cost, portions["e1"].gain) == (200, None, None)
    assert (portions["e2"].proceeds, portions["e2"].cost, portions["e2"].gain) == (200, 100, 100)


def test_without_proceeds_there_is_a_cost_and_no_gain() -> None:
    _, outcomes = run([bought(1, 10, 100), sold(2, 5, None)])
    assert outcomes[-1].portions[0][2:5] == (None, 50, None)


# ---- transfers -------------------------------------------------------------------------------------------------------------------


def test_a_transfer_carries_cost_and_time() -> None:
    book, outcomes = run([bought(1, 10, 100), bought(2, 10, 300), moved(500, 15), sold(501, 15, 600, B)])
    assert isinstance(outcomes[2], Moved) and (outcomes[2].cost, outcomes[2].missing) == (250, 0)
    assert told(outcomes[3]) == [("e1", 10, 400, 100), ("e2", 5, 200, 150)]
    assert [portion.long for portion in outcomes[3].portions] == [True, True]
    assert [lot.left for lot in book.pools[A].open_lots()] == [5] and book.pools[B].open_lots() == []


def test_what_a_transfer_brings_stands_in_the_order_of_its_acquisition() -> None:
    early = [bought(1, 10, 100), bought(2, 10, 300, B), moved(3, 10)]
    assert told(run([*early, sold(4, 5, 0, B)])[1][-1])[0][0] == "e1"
    assert told(run([*early, sold(4, 5, 0, B)], method=LotMethod.LIFO)[1][-1])[0][0] == "e2"


def test_universal_lots_do_not_notice_a_transfer() -> None:
    book, outcomes = run([bought(1, 10, 100), bought(2, 10, 300, B), moved(3, 10), sold(4, 5, 100, B)], scope=LotScope.UNIVERSAL)
    assert outcomes[2] == Moved([], 0, 0) and told(outcomes[3]) == [("e1", 5, 100, 50)]
    assert book.held == {A: 0, B: 15}


@pytest.mark.parametrize("scope", LotScope)
def test_a_wrap_carries_lots_into_the_other_form(scope: LotScope) -> None:
    _, outcomes = run([bought(1, 10, 100), moved(2, 10, A, C), sold(3, 10, 150, C)], scope=scope)
    assert told(outcomes[-1]) == [("e1", 10, 150, 100)]


def test_what_a_transfer_lacks_arrives_with_an_unknown_cost() -> None:
    book, outcomes = run([bought(1, 10, 100), moved(2, 15), sold(3, 15, 300, B)])
    assert outcomes[1].missing == 5 and book.held == {A: -5, B: 0}
    assert told(outcomes[2]) == [("e1", 10, 200, 100), ("e2", 5, 100, None)]


# ---- another rule ----------------------------------------------------------------------------------------------------------------


def test_another_method_begins_at_its_day_and_leaves_the_past() -> None:
    events = [*THREE, sold(4, 5, 0), sold(10, 5, 0)]
    _, outcomes = run(events, Rule(0, LotMethod.FIFO, LotScope.WALLET), Rule(DAY + 10, LotMethod.HIFO, LotScope.WALLET))
    assert told(outcomes[3])[0][0] == "e1" and told(outcomes[4])[0][0] == "e2"


def test_average_and_back() -> None:
    events = [*THREE, sold(4, 5, 0), sold(10, 10, 0), sold(20, 15, 0)]
    rules = [
        Rule(0, LotMethod.FIFO, LotScope.WALLET),
        Rule(DAY + 10, LotMethod.AVERAGE, LotScope.WALLET),
        Rule(DAY + 20, LotMethod.LIFO, LotScope.WALLET),
    ]
    _, outcomes = run(events, *rules)
    assert told(outcomes[3]) == [("e1", 5, 0, 50)]  # 550 remain for 25
    assert [row[3] for row in told(outcomes[4])] == [110, 110]
    assert told(outcomes[5]) == [("e3", 10, 0, 220), ("e2", 5, 0, 110)]


def test_from_wallets_to_universal_and_back() -> None:
    events = [bought(1, 10, 100), bought(2, 10, 300, B), moved(3, 4, B, A), sold(10, 3, 0, B), sold(20, 6, 0, B), sold(21, 11, 0)]
    rules = [
        Rule(0, LotMethod.FIFO, LotScope.WALLET),
        Rule(DAY + 10, LotMethod.FIFO, LotScope.UNIVERSAL),
        Rule(DAY + 20, LotMethod.FIFO, LotScope.WALLET),
    ]
    book, outcomes = run(events, *rules)
    assert told(outcomes[3]) == [("e1", 3, 0, 30)]  # universal: the earliest, wherever it lies
    # 17 are left, 14 in A and 3 in B: A gets the earliest, B the rest.
    assert told(outcomes[4]) == [("e2", 3, 0, 90)] and outcomes[4].missing == 3
    assert told(outcomes[5]) == [("e1", 7, 0, 70), ("e2", 4, 0, 120)]
    assert sum(lot.left for lot in book.pools[A].open_lots()) == 3


UNIVERSAL_THEN_WALLETS = [Rule(0, LotMethod.FIFO, LotScope.UNIVERSAL), Rule(DAY + 10, LotMethod.FIFO, LotScope.WALLET)]


def open_in(book: History) -> dict[str, list[tuple[str, int, int]]]:
    return {place: [(lot.ref, lot.left, lot.cost_left) for lot in pool.open_lots()] for place, pool in book.pools.items() if pool.open_lots()}


def test_what_is_open_beyond_what_is_held_stays_where_it_was_short() -> None:
    """It was sold before it came: the place is even, and the lot is open as it would be had the scope never been another."""
    events = [sold(1, 5, 50, C), bought(2, 5, 100, C), bought(3, 10, 300), sold(10, 5, 200, C)]
    together, outcomes = run(events, *UNIVERSAL_THEN_WALLETS)
    apart, expected = run(events)
    assert told(outcomes[-1]) == told(expected[-1]) == [("e2", 5, 200, 100)]
    assert open_in(together) == open_in(apart) == {A: [("e3", 10, 300)]}


def test_what_is_held_comes_before_what_was_short() -> None:
    """A sold five that only B had: nothing is missing of the asset, and what is left is B's. What is sold next never came in."""
    events = [bought(1, 10, 100, B), sold(2, 5, 0), bought(3, 5, 200), bought(10, 1, 7, C)]
    book, _ = run(events, *UNIVERSAL_THEN_WALLETS)
    assert book.held == {A: 0, B: 10, C: 1} and open_in(book) == {B: [("e1", 5, 50), ("e3", 5, 200)], C: [("e10", 1, 7)]}


def test_a_place_gets_what_it_holds_and_what_it_was_short_of_at_once() -> None:
    events = [sold(1, 5, 50), bought(2, 8, 80), bought(3, 4, 400, B), bought(10, 1, 7, C)]
    book, _ = run(events, *UNIVERSAL_THEN_WALLETS)
    assert book.held == {A: 3, B: 4, C: 1} and open_in(book) == {A: [("e2", 8, 80)], B: [("e3", 4, 400)], C: [("e10", 1, 7)]}


def test_another_holding_period_counts_for_what_is_held() -> None:
    rules = [Rule(0, LotMethod.FIFO, LotScope.WALLET, 12), Rule(DAY + 100, LotMethod.FIFO, LotScope.WALLET, 1)]
    _, outcomes = run([bought(1, 10, 100), sold(99, 1, 0), sold(100, 1, 0)], *rules)
    assert [outcome.portions[0].long for outcome in outcomes[1:]] == [False, True]


# ---- any history -----------------------------------------------------------------------------------------------------------------

PLACES = (A, B, C)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    events, at = [], 0
    for _ in range(draw(st.integers(1, 20))):
        at += draw(st.integers(0, 40))
        kind = draw(st.sampled_from((Kind.ACQUIRE, Kind.ACQUIRE, Kind.DISPOSE, Kind.MOVE)))
        place, quantity = draw(st.sampled_from(PLACES)), draw(st.integers(1, 10 ** draw(st.integers(0, 30))))
        value = draw(st.one_of(st.none(), st.integers(0, 10**15)))
        fee = draw(st.integers(0, value // 3)) if value else 0
        target = draw(st.sampled_from([other for other in PLACES if other != place])) if kind is Kind.MOVE else ""
        price = price_of(value, quantity) if value is not None else 0
        ref = f"e{len(events)}"
        events.append(Event(ref, f"{at:06}{len(events):04}", DAY + at, kind, place, quantity, value, fee, price, target))
    return events


@st.composite
def rule_lists(draw: st.DrawFn) -> list[Rule]:
    starts = sorted(draw(st.sets(st.integers(1, 1000), max_size=3)))
    return [
        Rule(start and DAY + start, draw(st.sampled_from(LotMethod)), draw(st.sampled_from(LotScope)), draw(st.sampled_from((0, 1, 12, 120))))
        for start in (0, *starts)
    ]


@settings(max_examples=60)
@given(histories(), rule_lists())
@example([sold(1, 1, None, C), bought(2, 1, 1, C), bought(10, 1, None)], UNIVERSAL_THEN_WALLETS)
def test_nothing_is_lost_and_nothing_made(events: list[Event], rules: list[Rule]) -> None:
    """To the last unit: every quantity and every known cost is in an open lot or was taken; every proceed is shared out."""
    book, outcomes = run(events, *rules)
    cost_in = cost_out = quantity_in = quantity_out = 0
    for event, outcome in zip(events, outcomes, strict=True):
        if event.kind is Kind.ACQUIRE:
            quantity_in += event.quantity
            cost_in += 0 if event.value is None else event.value + event.fee
        elif isinstance(outcome, Disposed):
            assert 0 <= outcome.missing <= event.quantity
            assert sum(portion.quantity for portion in outcome.portions) + outcome.missing == event.quantity
            if event.value is not None:
                assert sum(portion.proceeds or 0 for portion in outcome.portions) + (outcome.missing_proceeds or 0) == event.value - event.fee
            for portion in outcome.portions:
                assert portion.quantity > 0 and (portion.cost is None) is not portion.lot.known and (portion.cost is None or portion.cost >= 0)
                quantity_out += portion.quantity
                cost_out += portion.cost or 0
        elif isinstance(outcome, Moved):
            quantity_in += outcome.missing
    lots = [lot for pool in book.pools.values() for lot in pool.open_lots()]
    assert all(lot.left > 0 and lot.cost_left >= 0 for lot in lots)
    assert cost_in == cost_out + sum(lot.cost_left for lot in lots if lot.known)
    assert quantity_in == quantity_out + sum(lot.left for lot in lots)


@settings(max_examples=60)
@given(histories(), st.sampled_from(LotMethod))
def test_lots_and_missing_make_what_is_held(events: list[Event], method: LotMethod) -> None:
    book, outcomes = run(events, method=method)
    missing: dict[str, int] = {}
    for event, outcome in zip(events, outcomes, strict=True):
        if outcome is not None:
            missing[event.place] = missing.get(event.place, 0) + outcome.missing
    for place in PLACES:
        lots: list[Lot] = book.pools[place].open_lots() if place in book.pools else []
        assert book.held.get(place, 0) == sum(lot.left for lot in lots) - missing.get(place, 0)


@settings(max_examples=60)
@given(histories(), st.integers(0, 20))
def test_a_pool_taken_down_and_set_up_again_goes_on_as_it_was(events: list[Event], cut: int) -> None:
    for method in (LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO):
        _, outcomes = run(events, method=method)
        first, _ = run(events[:cut], method=method)
        second = History([Rule(0, method, LotScope.WALLET)], {place: type(pool)(pool.open_lots()) for place, pool in first.pools.items()})
        rest = [second.apply(event) for event in events[cut:]]
        assert [told(row) for row in rest if isinstance(row, Disposed)] == [told(row) for row in outcomes[cut:] if isinstance(row, Disposed)]


@settings(max_examples=60)
@given(histories(), rule_lists(), st.integers(0, 20))
@example([sold(1, 1, None, C), bought(2, 1, 1, C), bought(10, 1, None)], UNIVERSAL_THEN_WALLETS, 2)
def test_what_is_kept_at_the_beginning_of_a_day_goes_on_as_it_was(events: list[Event], rules: list[Rule], cut: int) -> None:
    """Through whatever rules come after it. An average is cut to shares of lots when it is kept: for it only the quantities are the same."""
    day = events[min(cut, len(events) - 1)].day
    whole, outcomes = run(events, *rules)
    first = History(rules)
    for event in events:
        if event.day < day:
            first.apply(event)
    first.begin(day)
    going = rules_from(rules, day)
    pools = {key: POOLS[going[0].method](some) for key, pool in first.pools.items() if (some := pool.open_lots())}
    second = History(going, pools, {place: quantity for place, quantity in first.held.items() if quantity}, dict(first.short))
    late = [(event, outcome) for event, outcome in zip(events, outcomes, strict=True) if event.day >= day]
    exact = all(rule.method is not LotMethod.AVERAGE for rule in rules)
    for event, outcome in late:
        again = second.apply(event)
        if isinstance(outcome, Disposed):
            assert [line if exact else line[:3] for line in told(again)] == [line if exact else line[:3] for line in told(outcome)]
    open_lots = [
        sorted((key, lot.order, lot.left, lot.cost_left if exact else 0) for key, pool in book.pools.items() for lot in pool.open_lots())
        for book in (whole, second)
    ]
    assert open_lots[0] == open_lots[1]
    assert {key: left for key, left in second.held.items() if left} == {key: left for key, left in whole.held.items() if left}
    assert second.short == whole.short
