"""The books in the abstract: whatever happens, every entry balances to the last unit and quantities are those of the movements."""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_api.kit.amounts import add_exactly, to_units
from crypto_api.kit.errors import InvalidInput
from crypto_api.ledger.rules import average_cost, check_lines, mirror, places, post, totals, value_of
from crypto_api.ledger.types import AccountCode, Acquisition, Change, Disposal, Holding, Line, Place, Relocation

D = Decimal
ETH_A, ETH_B, WETH_A = Place("1100", "a", "ETH"), Place("1100", "b", "ETH"), Place("1100", "a", "WETH")
WALLETS, ASSETS = ("a", "b", "c"), {"ETH": 18, "WETH": 18, "USDC": 6, "JUNK": 0}

# Base units up to what 34 digits hold, so that the arithmetic has to be exact far beyond 28 digits
raws = st.one_of(st.integers(1, 10**3), st.integers(1, 10**24), st.integers(10**30, 10**31))
rates = st.none() | st.decimals(min_value=D("0.00000001"), max_value=D("99999"), places=8)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    asset, wallet = draw(st.sampled_from(sorted(ASSETS))), draw(st.sampled_from(WALLETS))
    quantity, rate = to_units(draw(raws), ASSETS[asset]), draw(rates)
    place = Place("1100", wallet, asset)
    value = None if rate is None else value_of(quantity, rate)
    match draw(st.sampled_from(["in", "out", "gas", "internal", "wrap", "exchange in", "exchange out"])):
        case "in":
            return Acquisition(place, quantity, value, draw(st.sampled_from(["1900", "4100", "3100"])))
        case "out":
            return Disposal(place, quantity, value, draw(st.sampled_from(["1900", "5200", "5300"])))
        case "gas":
            return Disposal(Place("1100", wallet, "ETH"), to_units(draw(st.integers(1, 10**16)), 18), value, "5100", "Network fee")
        case "internal":
            return Relocation(place, replace(place, wallet_id=draw(st.sampled_from(WALLETS))), quantity)
        case "wrap":
            return Relocation(Place("1100", wallet, "ETH"), Place("1100", wallet, "WETH"), quantity)
        case "exchange in":
            return Relocation(Place("1110", None, asset), place, quantity, value)
        case _:
            return Relocation(place, Place("1110", None, asset), quantity, value)


def moved(change: Change) -> dict[Place, Decimal]:
    """What the change does to the wallets, said without the rules."""
    if isinstance(change, Acquisition):
        return {change.place: change.quantity}
    if isinstance(change, Disposal):
        return {change.place: change.quantity.copy_negate()}
    if change.source == change.target:
        return {}
    return {change.source: change.quantity.copy_negate(), change.target: change.quantity}


class Books:
    """A ledger in a dictionary."""

    def __init__(self) -> None:
        self.holdings: dict[Place, Holding] = {}
        self.entries: list[list[Line]] = []

    def enter(self, lines: list[Line]) -> None:
        self.entries.append(lines)
        for line in lines:
            if line.account_code in ("1100", "1110") and line.asset is not None:
                place = Place(line.account_code, line.wallet_id, line.asset)
                held = self.holdings.get(place, Holding())
                assert line.quantity is not None
                self.holdings[place] = Holding(
                    add_exactly([held.quantity, line.quantity]), add_exactly([held.cost, line.debit, line.credit.copy_negate()])
                )


def _expect(expected: dict[Place, list[Decimal]], entry: list[Change], sign: int) -> None:
    for change in entry:
        for place, quantity in moved(change).items():
            expected[place].append(quantity if sign > 0 else quantity.copy_negate())


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.lists(changes(), min_size=1, max_size=4), st.integers(0, 3)), max_size=12))
def test_any_history_stays_balanced_and_holds_what_moved(history: list[tuple[list[Change], int]]) -> None:
    books, expected, last = Books(), defaultdict[Place, list[Decimal]](list), list[Change]()
    for entry, undo in history:
        if undo == 0 and last:  # a reorganisation: the entry before is taken back
            books.enter(mirror(books.entries[-1]))
            _expect(expected, last, -1)
        before = dict(books.holdings)
        posting = post(entry, books.holdings)
        lines = list(posting.lines)
        if not lines:
            last = []
            continue
        last = entry
        check_lines(lines)
        debit, credit = totals(lines)
        assert debit == credit
        assert before == books.holdings, "the holdings given are not changed"
        assert all(line.debit >= 0 and line.credit >= 0 for line in lines)
        books.enter(lines)
        _expect(expected, entry, 1)
    for place, held in books.holdings.items():
        if place.account_code == "1100":
            assert held.quantity == add_exactly(expected[place]), place


@settings(max_examples=200, deadline=None)
@given(st.lists(changes(), min_size=1, max_size=6))
def test_the_quantities_of_an_entry_are_those_of_its_movements(entry: list[Change]) -> None:
    lines = post(entry, {}).lines
    wanted: dict[Place, list[Decimal]] = defaultdict(list)
    for change in entry:
        for place, quantity in moved(change).items():
            if place.account_code == "1100":
                wanted[place].append(quantity)
    found: dict[Place, list[Decimal]] = defaultdict(list)
    for line in lines:
        if line.account_code == "1100" and line.asset is not None and line.quantity is not None:
            found[Place("1100", line.wallet_id, line.asset)].append(line.quantity)
    assert {place: add_exactly(quantities) for place, quantities in wanted.items()} == {
        place: add_exactly(quantities) for place, quantities in found.items()
    }


@settings(max_examples=200, deadline=None)
@given(st.lists(changes(), min_size=1, max_size=6))
def test_without_a_change_of_form_each_asset_sums_to_zero_in_its_entry(entry: list[Change]) -> None:
    lines = post(entry, {}).lines
    wrapped = {
        asset for change in entry if isinstance(change, Relocation) and change.source.asset != change.target.asset for asset in ("ETH", "WETH")
    }
    sums: dict[str, list[Decimal]] = defaultdict(list)
    for line in lines:
        if line.asset is not None and line.quantity is not None:
            sums[line.asset].append(line.quantity)
    assert all(add_exactly(quantities) == 0 for asset, quantities in sums.items() if asset not in wrapped)


@settings(max_examples=100, deadline=None)
@given(st.lists(changes(), min_size=1, max_size=6))
def test_an_entry_and_its_mirror_leave_nothing(entry: list[Change]) -> None:
    books = Books()
    lines = list(post(entry, {}).lines)
    books.enter(lines)
    books.enter(mirror(lines))
    assert all(held == Holding(D(0), D(0)) for held in books.holdings.values())
    assert mirror(mirror(lines)) == lines


def amounts(lines: tuple[Line, ...]) -> list[tuple[str, str | None, Decimal, Decimal, Decimal | None]]:
    return [(line.account_code, line.wallet_id, line.debit, line.credit, line.quantity) for line in lines]


def test_a_receipt() -> None:
    posting = post([Acquisition(ETH_A, D("1.5"), D("4500"), AccountCode.REVENUE)], {})
    assert amounts(posting.lines) == [("1100", "a", D(4500), D(0), D("1.5")), ("4100", None, D(0), D(4500), D("-1.5"))]
    assert not posting.unpriced


def test_a_payment_realises_the_difference_to_the_average_cost() -> None:
    held = {ETH_A: Holding(D(3), D(3000))}
    gain = post([Disposal(ETH_A, D(1), D("3120.45"), AccountCode.SUPPLIERS)], held)
    assert amounts(gain.lines) == [
        ("1100", "a", D(0), D(1000), D(-1)),
        ("5300", None, D("3120.45"), D(0), D(1)),
        ("4200", None, D(0), D("2120.45"), None),
    ]
    loss = post([Disposal(ETH_A, D(1), D("900"), AccountCode.SUPPLIERS)], held)
    assert amounts(loss.lines)[2] == ("5900", None, D(100), D(0), None)
    even = post([Disposal(ETH_A, D(1), D("1000"), AccountCode.SUPPLIERS)], held)
    assert len(even.lines) == 2


def test_a_third_of_a_cost_loses_nothing_over_three_disposals() -> None:
    held, credited = Holding(D(3), D("0.00000100")), []
    for _ in range(3):
        posting = post([Disposal(ETH_A, D(1), D("0"), AccountCode.SUSPENSE)], {ETH_A: held})
        credited.append(posting.lines[0].credit)
        held = Holding(held.quantity - 1, held.cost - posting.lines[0].credit)
    assert credited == [D("0.00000033"), D("0.00000034"), D("0.00000033")]  # half-even at each step, the rest with the last
    assert held == Holding(D(0), D(0))


def test_a_fee_is_an_expense_at_fair_value_and_a_disposal_at_cost() -> None:
    posting = post([Disposal(ETH_A, D("0.001"), D("3.12"), AccountCode.NETWORK_FEES, "Network fee")], {ETH_A: Holding(D(1), D(3000))})
    assert amounts(posting.lines) == [
        ("1100", "a", D(0), D("3"), D("-0.001")),
        ("5100", None, D("3.12"), D(0), D("0.001")),
        ("4200", None, D(0), D("0.12"), None),
    ]


def test_a_fee_far_below_a_cent_is_not_zero() -> None:
    assert value_of(D("0.0000001"), D("3120.45")) == D("0.00031204")  # half-even of 0.000312045


def test_an_own_transfer_moves_quantity_and_cost_and_realises_nothing() -> None:
    posting = post([Relocation(ETH_A, ETH_B, D(1))], {ETH_A: Holding(D(4), D(1000)), ETH_B: Holding(D(1), D(9))})
    assert amounts(posting.lines) == [("1100", "a", D(0), D(250), D(-1)), ("1100", "b", D(250), D(0), D(1))]


def test_a_transfer_to_itself_posts_nothing() -> None:
    assert post([Relocation(ETH_A, ETH_A, D(1))], {}).lines == ()


def test_a_wrap_carries_the_cost_and_back() -> None:
    posting = post([Relocation(ETH_A, WETH_A, D(2)), Relocation(WETH_A, ETH_A, D(2))], {ETH_A: Holding(D(3), D(100))})
    assert [line.debit or line.credit for line in posting.lines] == [D("66.66666667")] * 4


def test_an_unpriced_receipt_is_booked_in_quantity_and_listed() -> None:
    posting = post([Acquisition(ETH_A, D(5), None, AccountCode.SUSPENSE)], {})
    assert amounts(posting.lines) == [("1100", "a", D(0), D(0), D(5)), ("1900", None, D(0), D(0), D(-5))]
    assert posting.unpriced
    check_lines(posting.lines)


def test_an_unpriced_payment_leaves_at_cost() -> None:
    posting = post([Disposal(ETH_A, D(1), None, AccountCode.SUSPENSE)], {ETH_A: Holding(D(2), D(50))})
    assert amounts(posting.lines) == [("1100", "a", D(0), D(25), D(-1)), ("1900", None, D(25), D(0), D(1))]
    assert posting.unpriced


def test_more_than_is_held_says_what_is_missing_and_takes_no_more_cost_than_there_is() -> None:
    posting = post([Disposal(ETH_A, D(5), D(500), AccountCode.SUSPENSE)], {ETH_A: Holding(D(2), D(80))})
    assert posting.lines[0].credit == D(80)
    assert posting.lines[0].description == "(missing acquisition of 3 ETH)"
    assert posting.unpriced


def test_what_comes_back_from_an_exchange_beyond_what_went_there_is_in_suspense() -> None:
    custody = Place("1110", None, "ETH")
    known = post([Relocation(custody, ETH_A, D(1), D(3000))], {custody: Holding(D(1), D(700))})
    assert amounts(known.lines) == [("1110", None, D(0), D(700), D(-1)), ("1100", "a", D(700), D(0), D(1))]
    beyond = post([Relocation(custody, ETH_A, D(2), D(6000))], {custody: Holding(D(1), D(700))})
    assert amounts(beyond.lines) == [("1100", "a", D(6000), D(0), D(2)), ("1900", None, D(0), D(6000), D(-2))]


def test_the_fee_and_the_payment_of_one_entry_see_each_other() -> None:
    entry = [Disposal(ETH_A, D(1), D(10), "5100"), Disposal(ETH_A, D(1), D(10), "1900")]
    posting = post(entry, {ETH_A: Holding(D(2), D("0.00000001"))})
    assert add_exactly([line.credit for line in posting.lines if line.account_code == "1100"]) == D("0.00000001")
    assert places(entry) == {ETH_A}


def test_a_value_beyond_all_money_is_no_value() -> None:
    assert value_of(D(10) ** 30, D("1.5")) is None
    assert value_of(D(10) ** 24, D("1.00000001")) is None
    assert value_of(D(10) ** 20, D("1.5")) == D(15) * 10**19


@pytest.mark.parametrize(
    ("quantity", "cost"), [(D(1), D("33.33333333")), (D(2), D("66.66666667")), (D(3), D(100)), (D(4), D(100)), (D("1E-18"), D(0))]
)
def test_average_cost(quantity: Decimal, cost: Decimal) -> None:
    assert average_cost(Holding(D(3), D(100)), quantity) == cost


def line(**values: object) -> Line:
    return Line(**{"account_code": "1000", **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([], "line_count"),
        ([line(debit=D(1))], "line_count"),
        ([line(debit=D(1)), line(credit=D("1.00000001"))], "unbalanced"),
        ([line(debit=D("0.000000001")), line(credit=D("0.000000001"))], "invalid_line"),
        ([line(debit=D(1), credit=D(1)), line(debit=D(1), credit=D(1))], "invalid_line"),
        ([line(debit=D(-1)), line(credit=D(-1))], "invalid_line"),
        ([line(), line()], "invalid_line"),
        ([line(asset="ETH"), line(asset="ETH")], "invalid_line"),
        ([line(debit=D(1), quantity=D(1)), line(credit=D(1))], "invalid_line"),
        ([line(debit=D("1" + "0" * 26 + ".00000001")), line(credit=D(10) ** 26)], "invalid_line"),
        ([line(debit=D(10) ** 33)] * 10 + [line(credit=D(10) ** 33)] * 9 + [line(credit=D("9" * 33)), line(credit=D(1))], "too_large"),
        ([line(debit=D(1)), line(credit=D("0.5")), line(credit=D("0.50000000"))], None),
    ],
)
def test_what_is_an_entry(lines: list[Line], code: str | None) -> None:
    if code is None:
        check_lines(lines)
        return
    with pytest.raises(InvalidInput) as refused:
        check_lines(lines)
    assert refused.value.errors[0].code == code
