"""What a policy says of a payment, at and around each limit."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.organizations.types import Role
from crypto_api.policies.rules import Verdict, approvals_missing, judge
from crypto_api.policies.types import Payees, PaymentPolicy

CENT = Decimal("0.01")


def verdict(value: str | None = "100", *, today: str | None = "0", payee_hold: str | None = None, **policy: Any) -> Verdict:
    priced = None if value is None else Decimal(value)
    used = None if today is None else Decimal(today)
    return judge(PaymentPolicy(**policy), value=priced, today=used, payee_hold=payee_hold)


def test_by_default_everything_needs_another_person_and_a_verified_payee() -> None:
    told = verdict("0.01", payee_hold="payee_unverified")
    assert (told.refusal, told.holds, told.approvals_needed, told.managers_count) == (None, ("payee_unverified",), 1, False)
    assert (told.signed, told.delay) == (False, timedelta(0))


def test_whoever_may_be_paid_is_asked_of_the_address_book_only_where_the_policy_says_so() -> None:
    assert verdict(payee_hold="cooling_off").holds == ("cooling_off",)
    assert verdict(payee_hold="cooling_off", payees=Payees.ANY).holds == ()
    assert verdict().holds == ()


@pytest.mark.parametrize(("value", "needed"), [("500", 0), ("500.01", 2), (None, 2)])
def test_approvals_are_needed_above_the_free_amount(value: str | None, needed: int) -> None:
    assert verdict(value, approval_free_max=Decimal(500), approvals_required=2).approvals_needed == needed


@pytest.mark.parametrize(("value", "count"), [("1000", True), ("1000.01", False), (None, False)])
def test_the_approval_of_a_manager_counts_up_to_a_limit(value: str | None, count: bool) -> None:
    told = verdict(value, manager_max=Decimal(1000))
    assert told.managers_count is count
    assert approvals_missing(told, [("ada", Role.MANAGER, False)]) == (0 if count else 1)
    assert approvals_missing(told, [("ada", Role.ADMIN, False)]) == 0


def test_a_person_counts_once() -> None:
    told = verdict(approvals_required=2)
    assert approvals_missing(told, [("ada", Role.ADMIN, False), ("ada", Role.ADMIN, True)]) == 1
    assert approvals_missing(told, [("ada", Role.ADMIN, False), ("bob", "rol_1", False)]) == 0
    assert approvals_missing(told, [(name, Role.APPROVER, False) for name in "abc"]) == 0


@pytest.mark.parametrize(("value", "signed"), [("10", False), ("10.01", True), (None, True)])
def test_above_a_limit_only_signed_approvals_count(value: str | None, signed: bool) -> None:
    told = verdict(value, signed_above=Decimal(10))
    assert told.signed is signed
    assert approvals_missing(told, [("ada", Role.ADMIN, False)]) == int(signed)
    assert approvals_missing(told, [("ada", Role.ADMIN, True)]) == 0


@pytest.mark.parametrize(("value", "hours"), [("10", 0), ("10.01", 5), (None, 5)])
def test_above_a_limit_it_waits(value: str | None, hours: int) -> None:
    assert verdict(value, delay_above=Decimal(10), delay_hours=5).delay == timedelta(hours=hours)
    assert verdict(value, delay_hours=5).delay == timedelta(0)


def test_one_payment_has_a_limit() -> None:
    limit = Decimal(1000)
    assert verdict(str(limit), transaction_max=limit).refusal is None
    assert "the most that one payment may be: 1000" in (verdict(str(limit + CENT), transaction_max=limit).refusal or "")
    assert "no price" in (verdict(None, transaction_max=limit).refusal or "")
    assert verdict(None).refusal is None


def test_a_day_has_a_limit() -> None:
    limit = Decimal(1000)
    assert verdict("400", today="600", day_max=limit).refusal is None
    assert "1000, of which 600.01 is used" in (verdict("400", today="600.01", day_max=limit).refusal or "")
    assert "no price" in (verdict(None, day_max=limit).refusal or "")
    assert "has no price" in (verdict("1", today=None, day_max=limit).refusal or "")
    assert verdict("1", today=None).refusal is None
