"""What payslips come to and how they are split: to the last unit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_api.payroll import rules
from crypto_api.payroll.types import (
    Bracket,
    Deduction,
    Earning,
    EarningKind,
    PayMethod,
    PayoutState,
    PayrollStatus,
    PayslipStatus,
    ShareRule,
)

WEIGHTS = st.lists(st.decimals(0, 100, places=4), min_size=1, max_size=10).filter(lambda rows: sum(rows) > 0)


@given(st.integers(0, 10**30), WEIGHTS)
def test_shares_of_a_split_always_sum_exactly_and_none_is_off_by_more_than_a_unit(total: int, weights: list[Decimal]) -> None:
    parts = rules.split(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    assert all(part >= 0 and abs(part - total * weight / whole) < 1 for part, weight in zip(parts, weights, strict=True) if total < 10**20)
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0) or total < len(parts)


@given(st.decimals(0, 10**9, places=3), WEIGHTS, st.sampled_from(["USD", "JPY", "KWD", "EUR"]))
def test_an_amount_of_any_currency_is_split_to_its_last_unit(net: Decimal, weights: list[Decimal], currency: str) -> None:
    amount = rules.rounded(net, currency)
    parts = rules.split_amount(amount, weights, rules.decimals_of(currency))
    assert sum(parts) == amount
    assert all(part == rules.rounded(part, currency) for part in parts)


@given(st.lists(st.decimals(0, 10**6, places=2), min_size=1, max_size=8), st.lists(st.decimals(0, 100, places=2), max_size=5))
def test_a_payslip_adds_up_as_it_is_printed(earned: list[Decimal], kept: list[Decimal]) -> None:
    earnings = [Earning(kind=EarningKind.BASIC, name="Pay", amount=amount) for amount in earned]
    deductions = [Deduction(name="Kept", amount=amount, before_tax=place % 2 == 0) for place, amount in enumerate(kept)]
    if sum(kept) > sum(earned) / 2:
        return
    found = rules.reckon(earnings, deductions, rules.EXAMPLE_TABLE, "USD")
    assert found.gross == sum(earned)
    assert found.net == found.gross - found.tax - sum(row.amount for row in rules.with_tax(deductions, found, "Tax")) + found.tax
    assert 0 <= found.tax <= found.taxable * Decimal("0.35") + Decimal("0.01")


def test_a_table_takes_each_bracket_of_what_lies_in_it() -> None:
    def tax(amount: str) -> Decimal:
        return rules.progressive(rules.EXAMPLE_TABLE, Decimal(amount), "USD")

    assert [tax(one) for one in ("0", "1000", "1000.05", "3000", "5000", "10000")] == [
        *(Decimal("0.00"), Decimal("0.00"), Decimal("0.01"), Decimal("200.00"), Decimal("600.00"), Decimal("1900.00")),
    ]
    assert rules.progressive((), Decimal(100), "USD") == 0
    bad = [(), (Bracket(above=Decimal(5), percent=Decimal(1)),), (rules.EXAMPLE_TABLE[0], rules.EXAMPLE_TABLE[0])]
    assert all(rules.check_brackets(brackets) for brackets in bad)
    assert rules.check_brackets(rules.EXAMPLE_TABLE) is None


def test_more_kept_back_than_earned_is_refused_and_hours_are_paid_by_the_rate() -> None:
    pay = [Earning(kind=EarningKind.BASIC, name="Pay", amount=Decimal(100))]
    with pytest.raises(ValueError, match="kept back"):
        rules.reckon(pay, [Deduction(name="Loan", amount=Decimal("100.01"))], (), "USD")
    extra = rules.overtime(Decimal("2.5"), Decimal("30.33"), "USD")
    assert extra is not None
    assert (extra.amount, extra.name) == (Decimal("75.83"), "Overtime, 2.5 h")
    assert rules.overtime(Decimal(0), Decimal(30), "USD") is None


def test_shares_that_are_none_are_named() -> None:
    def share(percent: str, method: PayMethod = PayMethod.BANK, asset: str | None = None) -> ShareRule:
        return ShareRule(method=method, percent=Decimal(percent), asset=asset)

    assert rules.check_shares([share("40"), share("60", PayMethod.CRYPTO, "USDC")]) is None
    wrong = [[], [share("99.9999")], [share("0"), share("100", PayMethod.CASH)], [share("100", PayMethod.CRYPTO)], [share("100", asset="ETH")]]
    assert all(rules.check_shares(rows) for rows in [*wrong, [share("50"), share("50")]])


def test_base_units_are_the_nearest() -> None:
    assert rules.base_units(Decimal(100), Decimal(3), 6) == 33_333_333
    assert rules.base_units(Decimal(200), Decimal(3), 0) == 67
    assert rules.base_units(Decimal("0.01"), Decimal(2000), 18) == 5_000_000_000_000
    assert rules.base_units(Decimal(1), Decimal(2), 0) == 1, "half up"


def test_a_status_follows_from_the_payments_alone() -> None:
    paid, sent, failed = PayoutState.PAID, PayoutState.SENT, PayoutState.FAILED
    cases = {
        (1, 0, ()): PayslipStatus.APPROVED,
        (2, 0, (paid,)): PayslipStatus.PAYING,
        (2, 1, ()): PayslipStatus.PAYING,
        (2, 0, (paid, sent)): PayslipStatus.PAYING,
        (2, 1, (paid,)): PayslipStatus.PAID,
        (2, 0, (paid, failed)): PayslipStatus.FAILED,
        (0, 0, ()): PayslipStatus.PAID,
    }
    assert {key: rules.status_of(key[0], key[1], key[2]) for key in cases} == cases
    draft, approved, done = PayslipStatus.DRAFT, PayslipStatus.APPROVED, PayslipStatus.PAID
    found = [rules.status_of_period(rows) for rows in ([], [draft, done], [approved] * 2, [approved, done], [done], [PayslipStatus.FAILED])]
    assert found == [
        *(PayrollStatus.DRAFT, PayrollStatus.PREPARED, PayrollStatus.APPROVED, PayrollStatus.PAYING, PayrollStatus.PAID, PayrollStatus.PAYING),
    ]
