"""What an attempt bids, what a receipt means, what is executed."""

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from crypto_api.kit.sending import FeeMarket, gas_limit, revert_reason, transfer_refused, visible
from crypto_api.payments import rules
from crypto_api.payments.types import BUMP_PERCENT, BUMPS_MAX, Call, Fees, PaymentState, Receipt

SENDER, PAYEE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
TOKEN = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
GWEI = 10**9
fees = st.builds(Fees, gas=st.just(21_000), max_fee_per_gas=st.integers(1, 10**13), max_priority_fee_per_gas=st.integers(0, 10**12))
markets = st.builds(FeeMarket, base_fee=st.integers(0, 10**13), tip=st.integers(0, 10**12))


@given(fees, markets, st.integers(1, 10**14))
def test_a_replacement_bids_enough_and_never_above_the_policy(before: Fees, market: FeeMarket, most: int) -> None:
    after = rules.bumped(before, market, most)
    if after is None:
        return
    assert after.max_fee_per_gas <= most
    assert after.max_priority_fee_per_gas <= after.max_fee_per_gas
    for name in ("max_fee_per_gas", "max_priority_fee_per_gas"):
        if name == "max_fee_per_gas" or before.max_priority_fee_per_gas <= before.max_fee_per_gas:
            assert getattr(after, name) * 1_000 >= getattr(before, name) * (1_000 + int(BUMP_PERCENT * 10)), name
    assert after.max_fee_per_gas >= market.base_fee


def test_twice_the_base_fee_and_the_tip_within_the_policy() -> None:
    market = FeeMarket(30 * GWEI, 2 * GWEI)
    assert rules.first_fees(21_000, market, 500 * GWEI) == Fees(gas=21_000, max_fee_per_gas=62 * GWEI, max_priority_fee_per_gas=2 * GWEI)
    assert rules.first_fees(21_000, market, 40 * GWEI) == Fees(gas=21_000, max_fee_per_gas=40 * GWEI, max_priority_fee_per_gas=2 * GWEI)
    assert rules.first_fees(21_000, market, 30 * GWEI) is None


def test_without_a_base_fee_there_is_one_price() -> None:
    market = FeeMarket(0, 8 * GWEI, legacy=True)
    first = rules.first_fees(21_000, market, 500 * GWEI)
    assert first == Fees(gas=21_000, max_fee_per_gas=8 * GWEI, max_priority_fee_per_gas=8 * GWEI, legacy=True)
    assert rules.first_fees(21_000, market, 8 * GWEI - 1) is None
    assert first is not None
    assert rules.bumped(first, market, 500 * GWEI) == first.model_copy(update={"max_fee_per_gas": 9 * GWEI, "max_priority_fee_per_gas": 9 * GWEI})
    dear = FeeMarket(0, 20 * GWEI, legacy=True)
    assert rules.bumped(first, dear, 500 * GWEI, gas=1) == Fees(gas=1, max_fee_per_gas=20 * GWEI, max_priority_fee_per_gas=20 * GWEI, legacy=True)
    assert rules.bumped(first, dear, 10 * GWEI) == first.model_copy(update={"max_fee_per_gas": 10 * GWEI, "max_priority_fee_per_gas": 10 * GWEI})
    assert rules.bumped(first, dear, 9 * GWEI - 1) is None
    assert [rules.outgrown(first, FeeMarket(0, price * GWEI, legacy=True)) for price in (8, 9, 10)] == [False, False, True]


def test_it_is_replaced_six_times_at_most() -> None:
    assert [rules.bumps_left(number) for number in (0, BUMPS_MAX - 1, BUMPS_MAX, BUMPS_MAX + 3)] == [BUMPS_MAX, 1, 0, 0]


def test_what_stands_in_the_nonce_decides_how_it_ends() -> None:
    paid, nothing = rules.transfer_call(PAYEE, 5, None), rules.cancel_call(SENDER)
    other = Call(to=PAYEE, value_raw="6", data="0x")
    assert rules.outcome(paid, paid, SENDER, succeeded=True) is PaymentState.CONFIRMED
    assert rules.outcome(paid, paid, SENDER, succeeded=False) is PaymentState.FAILED
    assert rules.outcome(paid, nothing, SENDER, succeeded=True) is PaymentState.CANCELLED
    assert rules.outcome(paid, other, SENDER, succeeded=True) is PaymentState.REPLACED


def test_of_two_receipts_for_one_nonce_the_deeper_is_believed() -> None:
    shallow = Receipt("0x1", 9, "0xb", succeeded=True, gas_used=1, effective_gas_price=1, depth=1)
    deep = Receipt("0x2", 9, "0xb", succeeded=True, gas_used=1, effective_gas_price=1, depth=4)
    assert rules.mined_of(["0x1", "0x2"], {"0x1": shallow, "0x2": deep}) is deep
    assert rules.mined_of(["0x3"], {"0x1": shallow}) is None


def test_a_token_transfer_is_read_back_as_it_was_written() -> None:
    call = rules.transfer_call(PAYEE, 2**256 - 1, TOKEN)
    assert (call.to, call.value_raw) == (TOKEN, "0")
    assert rules.token_payee(call) == (PAYEE, 2**256 - 1)
    assert rules.token_payee(rules.transfer_call(PAYEE, 5, None)) is None


@pytest.mark.parametrize(
    ("data", "said", "wanted"),
    [
        ("0x08c379a0" + encode(["string"], ["not on\nSundays\u202e"]).hex(), "", "not onSundays"),
        ("0x08c379a0" + "ff" * 40, "", "the contract's error 0x08c379a0"),
        ("0x4e487b71" + f"{0x11:064x}", "", "panic: an arithmetic operation overflows"),
        ("0x4e487b71" + f"{0x99:064x}", "", "panic: code 0x99"),
        ("0xe450d38c" + "00" * 96, "execution reverted", "the contract's error 0xe450d38c"),
        ("0x", "execution reverted", "execution reverted"),
        ("nothing", "", "the contract gives no reason"),
        (None, "x" * 900, "x" * 200),
    ],
)
def test_why_a_call_fails_is_told_in_words(data: str | None, said: str, wanted: str) -> None:
    assert revert_reason(data, said) == wanted


def test_a_token_that_answers_no_has_not_paid() -> None:
    assert transfer_refused(bytes(32))
    assert not transfer_refused(b"")  # tokens that answer nothing are believed
    assert not transfer_refused((1).to_bytes(32))


def test_gas_has_a_margin_where_it_is_an_estimate() -> None:
    assert (gas_limit(21_000), gas_limit(50_000)) == (21_000, 60_000)
    assert visible(" a\tb\x00c\u202e ") == "abc"
