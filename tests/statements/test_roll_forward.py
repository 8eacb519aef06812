"""The roll-forward in the abstract: each column adds up, and two adjoining periods join, whatever moved."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_api.kit.amounts import add_exactly
from crypto_api.ledger.types import SumKey, Sums
from crypto_api.reports.holding_movements import TRANSFERS, HoldingChange, Reason
from crypto_api.statements.roll_forward import ADDITIONS, CLOSING_PARTS, DISPOSALS, Movements, Rolled, roll_forward
from crypto_api.statements.types import Detail, Row, RowKind

D = Decimal
FIRST = date(2026, 1, 1)
PLACES: list[SumKey] = [("1100", "wal_a", "ETH"), ("1100", "wal_b", "ETH"), ("1110", None, "ETH"), ("1100", "wal_a", "WETH"), ("1100", None, "USDC")]
NAMES = {"wal_a": "Treasury", "wal_b": "Operations"}


def change(place: SumKey, reason: Reason, quantity: str, cost: str, realised: str = "0", day: int = 0, other: SumKey | None = None) -> HoldingChange:
    value = D(0) if reason is Reason.LOT_COSTS else add_exactly([D(cost), -D(realised)])
    return HoldingChange(place, reason, D(quantity), D(cost), D(realised), value, "jou_1", FIRST + timedelta(days=day), "", None, None, other)


def transfer(source: SumKey, target: SumKey, quantity: str, cost: str, day: int = 0) -> list[HoldingChange]:
    same = source[2] == target[2]
    out, into = (Reason.TRANSFERS_OUT, Reason.TRANSFERS_IN) if same else (Reason.CONVERTED_OUT, Reason.CONVERTED_IN)
    return [change(source, out, f"-{quantity}", f"-{cost}", day=day, other=target), change(target, into, quantity, cost, day=day, other=source)]


def balances(before: dict[SumKey, Sums], changes: Sequence[HoldingChange]) -> dict[SumKey, Sums]:
    after = dict(before)
    for one in changes:
        was = after.get(one.place, Sums())
        after[one.place] = Sums(add_exactly([was.debit, one.cost]), D(0), add_exactly([was.quantity, one.quantity]))
    return after


def rolled(
    before: dict[SumKey, Sums], changes: Sequence[HoldingChange], rates: Sequence[dict[str, Decimal]], detail: Detail, days: dict[str, Decimal]
) -> Rolled:
    movements = Movements()
    for one in changes:
        movements.add(one)
    movements.value_transfers({(FIRST + timedelta(days=day), asset): rate for day in range(40) for asset, rate in days.items()})
    return roll_forward(before, balances(before, changes), movements, (rates[0], rates[1]), detail, NAMES)


def groups(found: Rolled) -> dict[str, dict[str, tuple[Decimal | None, ...]]]:
    """Rows by their key, by the name of their group."""
    told: dict[str, dict[str, tuple[Decimal | None, ...]]] = {}
    for row in found.statement.rows:
        if row.kind is RowKind.HEADING:
            told[row.name] = {}
        else:
            told[[*told][-1]][row.key] = row.amounts
    return told


def assert_adds_up(found: Rolled) -> None:
    assert found.statement.balanced
    for name, rows in groups(found).items():
        for column in range(3):
            for total, parts in (("additions", ADDITIONS), ("disposals", DISPOSALS), ("closing", CLOSING_PARTS)):
                if total in rows and (said := rows[total][column]) is not None:
                    assert said == add_exactly([rows[key][column] or D(0) for key in rows if key in parts]), (name, total, column)


ETH_RATES = ({"ETH": D(2000), "WETH": D(2000), "USDC": D(1)}, {"ETH": D(2500), "WETH": D(2500), "USDC": D(1)})


def test_a_quarter_line_by_line() -> None:
    wallet, other, _, wrapped, _ = PLACES
    before = {wallet: Sums(D(3000), D(0), D(2))}
    changes = [
        change(wallet, Reason.RECEIPTS, "1", "2100"),
        change(wallet, Reason.PAYMENTS, "-0.5", "-850", "250"),
        change(wallet, Reason.FEES, "-0.001", "-1.7", "0.5"),
        *transfer(wallet, other, "0.4", "680", day=3),
        *transfer(wallet, wrapped, "0.1", "170", day=4),
        change(wallet, Reason.LOT_COSTS, "0", "-30", "-30"),
    ]
    found = rolled(before, changes, ETH_RATES, Detail.ASSET, {"ETH": D(2200)})
    assert_adds_up(found)
    ether, everything = groups(found)["ETH"], groups(found)["All crypto assets"]
    assert ether == {
        "opening": (D(2), D(3000), D(4000)),
        "receipts": (D(1), D(2100), D(2100)),
        "additions": (D(1), D(2100), D(2100)),
        "payments": (D("-0.5"), D(-850), D(-1100)),  # what was received for them: cost and what was realised
        "fees": (D("-0.001"), D("-1.7"), D("-2.2")),
        "converted_out": (D("-0.1"), D(-170), D(-220)),
        "lot_costs": (D(0), D(-30), D(0)),  # costs more, gained less: what was received stays
        "disposals": (D("-0.601"), D("-1051.7"), D("-1322.2")),
        "realised": (None, None, D("220.5")),
        "unrealised": (None, None, D("999.2")),
        "closing": (D("2.399"), D("4048.3"), D("5997.5")),
    }
    assert groups(found)["WETH"]["unrealised"] == (None, None, D(30))  # came at 2200, stands at 2500
    assert "own_transfers" not in everything and "converted_out" not in everything  # within what is held
    assert everything["closing"] == (None, D("4218.3"), D("6247.5"))
    assert (everything["gains"], everything["losses"]) == ((None, None, D("1249.7")), (None, None, D(0)))
    by_wallet = groups(rolled(before, changes, ETH_RATES, Detail.WALLET, {"ETH": D(2200)}))
    assert by_wallet["ETH · Operations"]["transfers_in"] == (D("0.4"), D(680), D(880))
    assert by_wallet["ETH · Operations"]["unrealised"] == (None, None, D(120))  # not what was gained before it came here
    assert by_wallet["All crypto assets"] == everything


def test_what_has_no_price_at_an_end_is_in_no_fair_value_and_named() -> None:
    wallet, _, _, _, coin = PLACES
    before = {wallet: Sums(D(100), D(0), D(1))}
    found = rolled(before, [change(coin, Reason.RECEIPTS, "50", "50")], ({"ETH": D(200)}, {"ETH": D(300)}), Detail.ASSET, {})
    assert_adds_up(found)
    assert found.without_fair_value == ("USDC",)
    told = groups(found)
    assert told["USDC"]["closing"] == (D(50), D(50), None) and "unrealised" not in told["USDC"]
    assert told["All crypto assets"]["closing"] == (None, D(150), D(300))
    assert told["All crypto assets"]["receipts"] == (None, D(50), D(0))


money = st.integers(1, 10**13).map(lambda units: str(D(units).scaleb(-8)))
units = st.integers(1, 10**22).map(lambda raw: str(D(raw).scaleb(-18)))


@st.composite
def movements(draw: st.DrawFn) -> list[HoldingChange]:
    found: list[HoldingChange] = []
    for _ in range(draw(st.integers(0, 12))):
        day, quantity, cost = draw(st.integers(0, 20)), draw(units), draw(money)
        place, other = draw(st.sampled_from(PLACES)), draw(st.sampled_from(PLACES))
        reason = draw(st.sampled_from([reason for reason in Reason if reason not in TRANSFERS]))
        if draw(st.booleans()) and place != other:
            found += transfer(place, other, quantity, cost, day)
        else:
            sign = "-" if reason.value in DISPOSALS else ""
            found.append(change(place, reason, sign + quantity, sign + cost, draw(money), day))
    return found


rates = st.dictionaries(st.sampled_from(["ETH", "WETH", "USDC"]), money.map(D))


@settings(max_examples=40, deadline=None)
@given(movements(), rates, rates, rates, rates, st.sampled_from(Detail))
def test_adjoining_periods_join_and_every_column_adds_up(
    changes: list[HoldingChange],
    first: dict[str, Decimal],
    middle: dict[str, Decimal],
    last: dict[str, Decimal],
    days: dict[str, Decimal],
    detail: Detail,
) -> None:
    half = FIRST + timedelta(days=10)
    early, late = [one for one in changes if one.day < half], [one for one in changes if one.day >= half]
    between = balances({}, early)
    one, two = rolled({}, early, (first, middle), detail, days), rolled(between, late, (middle, last), detail, days)
    whole = rolled({}, changes, (first, last), detail, days)
    for found in (one, two, whole):
        assert_adds_up(found)
    first_half, second_half, both = groups(one), groups(two), groups(whole)
    for name, rows in second_half.items():
        if name in first_half and name != "All crypto assets":  # of all assets the fair value is of those that are priced in that period
            assert rows["opening"][:2] == first_half[name]["closing"][:2]
            if rows["opening"][2] is not None and first_half[name]["closing"][2] is not None:
                assert rows["opening"][2] == first_half[name]["closing"][2]
        assert rows["closing"][:2] == both[name]["closing"][:2]
    for key in ("additions", "disposals"):  # what came and went in the halves is what came and went
        for name, rows in both.items():
            parts = [half[name][key] for half in (first_half, second_half) if name in half and key in half[name]]
            if name != "All crypto assets" and detail is Detail.WALLET and key in rows:
                assert rows[key][0] == add_exactly([part[0] or D(0) for part in parts]) and rows[key][1] == add_exactly(
                    [part[1] or D(0) for part in parts]
                )


def test_a_changed_line_is_told() -> None:
    """What the entries say against what the balances say: a roll-forward that does not add up says so."""
    wallet = PLACES[0]
    movements = Movements()
    movements.add(change(wallet, Reason.RECEIPTS, "1", "10"))
    movements.value_transfers({})
    found = roll_forward({}, {wallet: Sums(D(11), D(0), D(1))}, movements, ({}, {"ETH": D(1)}), Detail.ASSET, {})
    assert not found.statement.balanced


def test_rows_name_what_they_are_of() -> None:
    rows: list[Row] = list(rolled({}, [change(PLACES[1], Reason.RECEIPTS, "1", "10")], ETH_RATES, Detail.WALLET, {}).statement.rows)
    closing = rows[-1]
    assert (closing.asset, closing.wallet_id, closing.account_code) == ("ETH", "wal_b", "1100")
