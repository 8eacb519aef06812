"""What a transaction moved, decided without I/O: corner cases that no node here produces, and splits that must add up for any numbers."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_api.adapters import wire
from crypto_api.chains.types import TokenFacts
from crypto_api.kit.ethereum import (
    DEPOSIT_TOPIC,
    TRANSFER_BATCH_TOPIC,
    TRANSFER_SINGLE_TOPIC,
    TRANSFER_TOPIC,
    WITHDRAWAL_TOPIC,
    ZERO_ADDRESS,
    InconsistentAnswer,
    InternalTransfer,
    WireLog,
    WireReceipt,
    WireTransaction,
    checksummed,
    created_address,
)
from crypto_api.kit.networks import ListedToken, NetworkConfig
from crypto_api.transactions.rules import SPAM_KEPT_MAX, Seen, Sight, corrections_of, movements_of, without_flood
from crypto_api.transactions.types import Basis, Direction, Movement, MovementKind

OURS, OTHER, THIRD, TOKEN, WETH = ("0x" + letter * 40 for letter in "abcde")
HASH, BLOCK = "0x" + "11" * 32, "0x" + "22" * 32
NETWORK = NetworkConfig(
    slug="local",
    name="Local",
    chain_id=1,
    rpc_urls=["http://127.0.0.1:1"],
    tokens=[ListedToken(symbol="USD", address=checksummed(TOKEN), decimals=6)],
    wrapped_native=ListedToken(symbol="WETH", address=checksummed(WETH), decimals=18),
)
TOKENS = {
    TOKEN: TokenFacts(checksummed(TOKEN), "USD", "", 6, True, "USD"),
    WETH: TokenFacts(checksummed(WETH), "WETH", "", 18, True, "WETH"),
}


def seen(value: int = 0, sender: str = OTHER, to: str | None = THIRD, logs: list[WireLog] | None = None, **changes: object) -> Seen:
    tx = WireTransaction(HASH, 0, sender, to, value, 3, "0x")
    receipt = WireReceipt(HASH, BLOCK, True, 50_000, 10, 700, 9)
    return replace(Seen(tx, logs or [], receipt), **changes)  # type: ignore[arg-type]


def moved(what: Seen, *own: str) -> list[Movement]:
    wallets = {address: f"wal_{address[2]}" for address in own or (OURS,)}
    return movements_of(Sight(wallets, NETWORK, TOKENS, frozenset(wallets)), what)


def word(value: int | str) -> str:
    return f"{value:064x}" if isinstance(value, int) else value[2:].rjust(64, "0")


def log(contract: str, topic: str, *indexed: int | str, data: str = "", index: int = 7) -> WireLog:
    return WireLog(contract, (topic, *("0x" + word(part) for part in indexed)), "0x" + data, HASH, index)


# ---- the transaction itself ------------------------------------------------------------------------------------------------------


def test_a_fee_is_gas_and_data_of_the_chain_below_and_blobs() -> None:
    (gas,) = moved(seen(sender=OURS))
    assert (gas.kind, gas.raw_amount) == (MovementKind.GAS, str(50_000 * 10 + 700 + 9))


def test_what_a_deposit_of_the_chain_below_brings_arrives_even_where_the_call_fails() -> None:
    what = seen(5, OURS)
    deposit = replace(what, tx=replace(what.tx, minted=5))
    assert [(m.key, m.direction, m.raw_amount) for m in moved(deposit)][:2] == [("mint", "in", "5"), ("value", "out", "5")]
    assert what.receipt is not None
    failed = replace(deposit, receipt=replace(what.receipt, succeeded=False))
    assert [m.key for m in moved(failed)] == ["mint", "gas"]


def test_value_without_a_recipient_is_the_created_contracts() -> None:
    contract = created_address(OTHER, 3)
    assert [(m.direction, m.to_address) for m in moved(seen(9, to=None), contract)] == [("in", checksummed(contract))]


def test_a_call_with_nothing_is_bait_unless_it_did_something() -> None:
    (bait,) = moved(seen(to=OURS))
    assert bait.spam and bait.raw_amount == "0"
    paid = seen(to=OURS, internal=[InternalTransfer("0", OURS, OTHER, 4)])
    assert [(m.key, m.spam) for m in moved(paid)] == [("trace:0", False)]


# ---- tokens ----------------------------------------------------------------------------------------------------------------------


def test_a_batch_has_a_key_for_each_and_a_broken_one_moves_nothing() -> None:
    two = word(64) + word(160) + word(2) + word(5) + word(2**256 - 1) + word(2) + word(1) + word(30)
    batch = log(TOKEN, TRANSFER_BATCH_TOPIC, OTHER, OTHER, OURS, data=two)
    assert [(m.key, m.token_id, m.raw_amount) for m in moved(seen(logs=[batch]))] == [("log:7:0", "5", "1"), ("log:7:1", str(2**256 - 1), "30")]
    assert all(m.spam for m in moved(seen(logs=[batch]))), "a listed token that speaks as another kind of contract is not believed"
    for data in (two[:-64], word(64) + word(2**255), "", word(64) + word(128) + word(1) + word(5) + word(0)):
        assert moved(seen(logs=[log(TOKEN, TRANSFER_BATCH_TOPIC, OTHER, OTHER, OURS, data=data)])) == []
    assert moved(seen(logs=[log(TOKEN, TRANSFER_SINGLE_TOPIC, OTHER, OTHER, OURS, data=word(1))])) == []


def test_who_only_carries_out_a_transfer_of_collectibles_is_no_part_of_it() -> None:
    single = log(TOKEN, TRANSFER_SINGLE_TOPIC, OURS, OTHER, THIRD, data=word(1) + word(2))
    assert moved(seen(logs=[single])) == []


def test_a_flood_of_spam_is_cut_and_counted_and_what_counts_is_kept() -> None:
    logs = [log(TOKEN, TRANSFER_TOPIC, OURS, OTHER, data=word(0), index=i) for i in range(SPAM_KEPT_MAX + 30)]
    real = log(TOKEN, TRANSFER_TOPIC, OTHER, OURS, data=word(4), index=9_999)
    kept, left_out = without_flood(moved(seen(logs=[*logs, real])))
    assert (len(kept), left_out, kept[-1].raw_amount) == (SPAM_KEPT_MAX + 1, 30, "4")


# ---- the wrapped coin ------------------------------------------------------------------------------------------------------------


def summed(movements: list[Movement]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for movement in movements:
        if movement.kind is not MovementKind.GAS:
            sign = {Direction.IN: 1, Direction.OUT: -1, Direction.INTERNAL: 0}[movement.direction]
            sums[movement.asset] = sums.get(movement.asset, 0) + sign * int(movement.raw_amount)
    return sums


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("also_transfer", [True, False])
def test_a_withdrawal_counts_once_traced_or_not_told_twice_or_not(traced: bool, also_transfer: bool) -> None:
    logs = [log(WETH, WITHDRAWAL_TOPIC, OURS, data=word(6))]
    if also_transfer:
        logs.insert(0, log(WETH, TRANSFER_TOPIC, OURS, ZERO_ADDRESS, data=word(6), index=6))
    internal = [InternalTransfer("0", WETH, OURS, 6)] if traced else None
    found = moved(seen(sender=OURS, to=WETH, logs=logs, internal=internal))
    assert summed(found) == {"WETH": -6, "ETH": 6}
    assert [m.key for m in found if m.asset == "ETH" and m.kind is not MovementKind.GAS] == ["log:7:native"]


@pytest.mark.parametrize("traced", [True, False])
def test_deposits_by_calls_take_the_coin_by_calls(traced: bool) -> None:
    """The wallet is a contract of its own (EIP-7702): its own call brings value to itself, and two deposits of the same amount go on."""
    logs = [log(WETH, DEPOSIT_TOPIC, OURS, data=word(6), index=i) for i in (7, 8)]
    internal = [InternalTransfer(path, OURS, WETH, 6) for path in ("0", "1")] if traced else None
    found = moved(seen(6, OURS, OURS, logs, internal=internal))
    assert summed(found) == {"WETH": 12, "ETH": -12}
    direct = moved(seen(6, OURS, WETH, logs, internal=[InternalTransfer("0", OURS, WETH, 6)] if traced else None))
    assert summed(direct) == {"WETH": 12, "ETH": -12}, "one is the transaction's value, the other came by a call"


def test_a_trace_that_contradicts_the_wrapper_is_believed() -> None:
    found = moved(seen(logs=[log(WETH, WITHDRAWAL_TOPIC, OURS, data=word(6))], internal=[]))
    assert summed(found) == {"WETH": -6}


# ---- believed by balance ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**30)), min_size=1, max_size=8), st.data())
def test_corrected_transfers_make_up_what_the_balance_changed_by(transfers: list[tuple[bool, int]], data: st.DataObject) -> None:
    logs = [
        log(TOKEN, TRANSFER_TOPIC, *((OTHER, OURS) if comes else (OURS, OTHER)), data=word(raw), index=i) for i, (comes, raw) in enumerate(transfers)
    ]
    came, went = (sum(raw for comes, raw in transfers if comes is way) for way in (True, False))
    missing = data.draw(st.integers(0, came + (10**30 if went or any(not comes for comes, _ in transfers) else 0)))
    corrections = corrections_of(logs, {(TOKEN, OURS): came - went - missing})
    found = moved(seen(logs=logs, sender=OURS, corrections=corrections))
    assert summed(found).get("USD", 0) == came - went - missing
    assert all(int(m.raw_amount) >= 0 for m in found)
    assert all(m.basis is Basis.BALANCE for m in found if m.kind is MovementKind.LEVY or m.raw_event_amount is not None)


def test_more_than_the_logs_say_is_no_transfers() -> None:
    logs = [log(TOKEN, TRANSFER_TOPIC, OTHER, OURS, data=word(100))]
    assert corrections_of(logs, {(TOKEN, OURS): 130}) == {}


def test_between_two_wallets_of_ours_the_sender_bears_what_did_not_arrive() -> None:
    logs = [log(TOKEN, TRANSFER_TOPIC, OURS, THIRD, data=word(100))]
    corrections = corrections_of(logs, {(TOKEN, OURS): -102, (TOKEN, THIRD): 97})
    found = moved(seen(logs=logs, corrections=corrections), OURS, THIRD)
    assert [(m.kind, m.direction, m.raw_amount, m.raw_event_amount) for m in found] == [
        (MovementKind.ERC20, "internal", "97", "100"),
        (MovementKind.LEVY, "out", "5", None),
    ]
    assert [m.raw_amount for m in moved(seen(logs=logs, corrections=corrections), OURS)] == ["100", "2"], "who only sent lost the whole"


# ---- receipts off the wire -------------------------------------------------------------------------------------------------------


def receipt(**fields: object) -> wire.Receipt:
    return wire.Receipt(HASH, BLOCK, **{"gas_used": "0x5209", "effective_gas_price": "0x2", "status": "0x1"} | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "gas", "succeeded"),
    [
        ({"status": None}, "0x9000", True),  # gas was left
        ({"status": None}, "0x5209", False),  # all of it was used, and no log came of it
        ({"status": None, "gas_used": "0x5208"}, "0x5208", True),  # a plain transfer always uses all of it
        ({"status": None, "bloom": "0x" + "1" * 512}, "0x5209", True),
        ({"status": "0x0"}, "0x9000", False),
    ],
)
def test_success_before_receipts_said_so(fields: dict[str, object], gas: str, succeeded: bool) -> None:
    assert wire.receipt_of(receipt(**fields), wire.Gas(gas, "0x2")).succeeded is succeeded


def test_a_receipt_without_a_price_takes_the_transactions_and_without_that_it_is_not_used() -> None:
    assert wire.receipt_of(receipt(effective_gas_price=None), wire.Gas("0x9000", "0x7")).effective_gas_price == 7
    with pytest.raises(InconsistentAnswer):
        wire.receipt_of(receipt(effective_gas_price=None))


def test_blob_gas_costs_where_blobs_were_sent() -> None:
    """OP-stack receipts use the field for something that is not paid for."""
    blobs = {"blob_gas_used": "0x20000", "blob_gas_price": "0x3"}
    assert wire.receipt_of(receipt(type="0x3", **blobs)).fee == 0x5209 * 2 + 0x20000 * 3
    assert wire.receipt_of(receipt(type="0x2", **blobs)).fee == 0x5209 * 2
