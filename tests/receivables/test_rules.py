"""What an amount settles, and which money may be meant for which invoice: without a database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.matching import cases
from crypto_api.receivables import rules
from crypto_api.receivables.types import RATE_AGE_MAX, Came, Known, RateLock, ReceiptFlag

D = Decimal
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def lock(due: str, amount: str) -> RateLock:
    times = {"rate_at": NOW, "locked_at": NOW, "expires_at": NOW + timedelta(minutes=15)}
    return RateLock(number=1, due=D(due), amount=D(amount), raw_amount="1", rate=D(due) / D(amount), source="x", **times)


def known(name: str, worth: str, client: str = "c1", **more: object) -> Known:
    return Known(name, name.upper(), client, f"Client {client}", D(worth), NOW - timedelta(days=1), **more)  # type: ignore[arg-type]


def came(name: str, worth: str, payer: str = "0xp", **more: object) -> Came:
    values: dict[str, object] = {"wallet_id": "w1", "asset": "ETH", "raw_amount": worth} | more
    return Came(name, worth=D(worth), payer=payer, at=NOW, **values)  # type: ignore[arg-type]


def test_a_rate_is_locked_only_where_it_is_one_and_not_old() -> None:
    assert rules.fresh(D(1), NOW - RATE_AGE_MAX, NOW)
    assert not rules.fresh(D(1), NOW - RATE_AGE_MAX - timedelta(seconds=1), NOW)
    assert not rules.fresh(D(0), NOW, NOW)


def test_an_amount_is_never_short_and_never_another_ones() -> None:
    assert rules.asked_amount(D(100), D(3), 18) == D("33.33333334")
    assert rules.asked_amount(D(100), D(3), 6) == D("33.333334")
    assert rules.asked_amount(D(100), D(1), 6, [D(100), D("100.000001")]) == D("100.000002")
    assert rules.asked_amount(D(100), D(30), 0) == D(4)


def test_links_are_those_of_eip_681() -> None:
    assert rules.payment_link("0xA", 1, 5, None) == "ethereum:0xA@1?value=5"
    assert rules.payment_link("0xA", 10, 5, "0xT") == "ethereum:0xT@10/transfer?address=0xA&uint256=5"


@given(st.lists(st.integers(1, 10**18), min_size=1, max_size=12), st.integers(1, 10**9))
def test_parts_under_one_lock_settle_together_what_the_whole_would(parts: list[int], cents: int) -> None:
    """However it is cut into payments: never more than is due, and all of it once all has come."""
    due = D(cents) / 100
    whole = D(sum(parts)).scaleb(-18)
    here = RateLock(**lock("1", "1").model_dump() | {"due": due, "amount": whole})
    before, left = D(0), due
    for part in parts:
        quantity = D(part).scaleb(-18)
        settled = rules.settle_locked(quantity, before, here, left, 2, 18)
        assert 0 <= settled.amount <= left and settled.quantity <= quantity
        before, left = before + quantity, left - settled.amount
    assert left == 0


@given(st.integers(1, 10**24), st.integers(1, 10**6), st.integers(1, 10**9))
def test_at_a_blocks_rate_no_more_is_taken_than_is_due(raw: int, rate: int, cents: int) -> None:
    quantity, due = D(raw).scaleb(-18), D(cents) / 100
    settled = rules.settle_at(quantity, D(rate), due, 2, 18)
    assert settled.amount <= due and settled.quantity <= quantity
    over = quantity > settled.quantity > 0
    assert (ReceiptFlag.OVERPAID in settled.flags) == over
    if over:
        assert settled.amount == due and settled.quantity * D(rate) < due + D(rate).scaleb(-17)


@pytest.mark.parametrize("due", ["0", "-1"])
def test_what_is_paid_takes_nothing_more(due: str) -> None:
    assert rules.settle_at(D(1), D(1), D(due), 2, 18).flags == (ReceiptFlag.PAID_TWICE,)


def test_what_is_certain_is_so_for_one_of_each_alone() -> None:
    asked = {"asset": "ETH", "raw_amount": "5", "wallet_id": "w1"}
    (one,) = rules.match([came("r1", "5")], [known("i1", "5", **asked)], {})
    assert (one.exact, one.score, one.invoice_ids) == (True, 100, ("i1",))
    assert not any(found.exact for found in rules.match([came("r1", "5")], [known("i1", "5", **asked), known("i2", "5", **asked)], {}))
    assert not any(found.exact for found in rules.match([came("r1", "5"), came("r2", "5")], [known("i1", "5", **asked)], {}))
    later = Known("i1", "I1", "c1", "C", D(5), NOW + timedelta(days=1), "ETH", "5", "w1")
    assert not any(found.exact for found in rules.match([came("r1", "5")], [later], {})), "before it was asked for"


def test_the_likelier_comes_first_and_says_why() -> None:
    invoices = [known("near", "101"), known("same", "100"), known("far", "120"), known("theirs", "102", client="c9")]
    found = rules.match([came("r1", "100")], invoices, {"0xp": frozenset({"c9"})})
    assert [one.invoice_ids[0] for one in found] == ["theirs", "same", "near"], "who paid for a client before goes before what is nearer"
    assert "The sender paid for Client c9 before." in found[0].reasons and "It is worth exactly what is due." in found[1].reasons
    assert rules.match([came("r1", "500")], invoices, {}) == []


def test_one_payment_for_two_invoices_and_two_payments_for_one() -> None:
    invoices = [known("a", "60"), known("b", "40"), known("c", "7")]
    together = rules.match([came("r1", "100")], invoices, {"0xp": frozenset({"c1"})})
    assert together[0].invoice_ids == ("b", "a") and "B, A together." in together[0].reasons[0]
    two = rules.match([came("r1", "30"), came("r2", "30")], [known("a", "60")], {})
    assert [(one.receipt_ids, one.invoice_ids) for one in two] == [(("r1", "r2"), ("a",))]


def test_many_against_many_finds_every_certain_one_and_no_wrong_one() -> None:
    receipts, invoices, payers, certain = cases(400, 400)
    found = rules.match(receipts, invoices, payers)
    exact = {one.receipt_ids[0]: one.invoice_ids[0] for one in found if one.exact}
    assert exact == certain
    assert all(0 < one.score <= 100 and one.reasons for one in found)
