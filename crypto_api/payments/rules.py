"""Pure decisions of the slice: what is executed, what an attempt bids, what a receipt means, how long each state may last."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from crypto_api.kit.ethereum import checksummed
from crypto_api.payments.batch import BATCH_CONTRACT
from crypto_api.payments.types import BUMPS_MAX, Attempt, Call, FeeMarket, Fees, PaymentState, Receipt

TRANSFER, APPROVE = "0xa9059cbb", "0x095ea7b3"  # ERC-20 transfer(address,uint256), approve(address,uint256)

DEADLINES: dict[PaymentState, timedelta] = {
    PaymentState.DRAFT: timedelta(days=30),
    PaymentState.PENDING_APPROVAL: timedelta(days=7),
    PaymentState.APPROVED: timedelta(days=1),
    PaymentState.SIGNED: timedelta(minutes=30),
    PaymentState.BROADCAST: timedelta(hours=6),
    PaymentState.MINED: timedelta(hours=6),
}
"""How long a payment may stay in a state before a person is asked. A delay or a cooling-off that ends later moves it."""

REBROADCAST = timedelta(seconds=60)
SUSPICION = timedelta(seconds=10)
"""How long a nonce must seem to be used by somebody else before its sender is frozen: providers lag behind one another."""
DISPUTE = timedelta(minutes=10)
"""How long a node's receipt may differ from our own reading of its block before a person is asked."""


# ---- what is executed ------------------------------------------------------------------------------------------------------------


def transfer_call(payee: str, raw_amount: int, token: str | None) -> Call:
    """The coin itself (`token` None), or an ERC-20."""
    if token is None:
        return Call(to=payee, value_raw=str(raw_amount), data="0x")
    return Call(to=token, value_raw="0", data=TRANSFER + encode(["address", "uint256"], [payee, raw_amount]).hex())


def allowance_call(token: str, raw_amount: int) -> Call:
    """Lets our batch contract pull that much of an ERC-20, and no more."""
    return Call(to=token, value_raw="0", data=APPROVE + encode(["address", "uint256"], [BATCH_CONTRACT, raw_amount]).hex())


def cancel_call(address: str) -> Call:
    """Nothing, to oneself: whatever else had this nonce can no longer be mined."""
    return Call(to=address, value_raw="0", data="0x")


def call_of(attempt: Attempt, call: Call, address: str) -> Call:
    return cancel_call(address) if attempt is Attempt.CANCEL else call


def hash_of_raw(raw: str) -> str:
    """The hash under which a signed transaction is known."""
    return "0x" + keccak(bytes.fromhex(raw[2:])).hex()


def token_payee(call: Call) -> tuple[str, int] | None:
    """Whom an ERC-20 transfer pays, and how many base units; None for any other call."""
    if not call.data.startswith(TRANSFER) or len(call.data) != 2 + 8 + 128:
        return None
    try:
        payee, raw = decode(["address", "uint256"], bytes.fromhex(call.data[10:]))
    except (DecodingError, ValueError):
        return None
    return checksummed(payee), int(raw)


# ---- what it bids ----------------------------------------------------------------------------------------------------------------


def first_fees(gas: int, market: FeeMarket, per_gas_max: int) -> Fees | None:
    """Twice the base fee and the usual tip, so that six full blocks in a row are outbid; less where the policy allows no more. None when not even the
    next block's base fee is within the policy. Where there is no base fee: the gas price that a node suggests."""
    if market.legacy:
        price = max(market.tip, 1)
        return _legacy(gas, price) if price <= per_gas_max else None
    if market.base_fee + 1 > per_gas_max:
        return None
    most = min(2 * market.base_fee + market.tip, per_gas_max)
    return Fees(gas=gas, max_fee_per_gas=most, max_priority_fee_per_gas=min(max(market.tip, 1), most))


def bumped(fees: Fees, market: FeeMarket, per_gas_max: int, *, gas: int | None = None) -> Fees | None:
    """A replacement's: at least an eighth (12.5 %) more on both fees, or on the gas price, rounded up, and what the market asks for. None above the
    policy's most. It is of the same type as what it replaces."""
    if fees.legacy:
        least = _eighth_more(fees.max_fee_per_gas)
        asked = market.tip if market.legacy else market.base_fee + market.tip
        return _legacy(gas or fees.gas, min(max(least, asked), per_gas_max)) if least <= per_gas_max else None
    tip = max(_eighth_more(fees.max_priority_fee_per_gas), market.tip)
    most = max(_eighth_more(fees.max_fee_per_gas), 2 * market.base_fee + tip)
    least = max(_eighth_more(fees.max_fee_per_gas), market.base_fee + _eighth_more(fees.max_priority_fee_per_gas))
    if least > per_gas_max:
        return None
    most = min(most, per_gas_max)
    return Fees(gas=gas or fees.gas, max_fee_per_gas=most, max_priority_fee_per_gas=min(tip, most))


def outgrown(fees: Fees, market: FeeMarket) -> bool:
    """Whether the market asks for so much that it is not mined any more. Of a gas price, which moves all the time: for an eighth more."""
    if fees.legacy:
        return (market.tip if market.legacy else market.base_fee) > _eighth_more(fees.max_fee_per_gas)
    return market.base_fee > fees.max_fee_per_gas


def _legacy(gas: int, price: int) -> Fees:
    return Fees(gas=gas, max_fee_per_gas=price, max_priority_fee_per_gas=price, legacy=True)


def _eighth_more(value: int) -> int:
    return value + max(1, -(-value // 8))


def bumps_left(number: int) -> int:
    """`number` is that of the last attempt; the first is 0."""
    return max(0, BUMPS_MAX - number)


def highest_cost(moved: int, fees: Fees) -> int:
    """Wei that the sender must have for it; `moved` is what leaves it beside the gas."""
    return moved + fees.gas * fees.max_fee_per_gas


# ---- what a receipt means --------------------------------------------------------------------------------------------------------


def outcome(intended: Call, executed: Call, address: str, *, succeeded: bool) -> PaymentState:
    """How a payment ends when `executed` is what stands in its nonce for good."""
    if executed == intended:
        return PaymentState.CONFIRMED if succeeded else PaymentState.FAILED
    return PaymentState.CANCELLED if executed == cancel_call(address) else PaymentState.REPLACED


def mined_of(hashes: Sequence[str], receipts: dict[str, Receipt]) -> Receipt | None:
    """The chain holds at most one transaction of a nonce; should a node claim two, the deepest is believed. None is where one of them is disputed."""
    found = [receipts[hash_] for hash_ in hashes if hash_ in receipts]
    return max(found, key=lambda receipt: (bool(receipt.disputed), receipt.depth), default=None)


# ---- when it is looked at again --------------------------------------------------------------------------------------------------


def pause(tries: int, *, least_s: float = 1.0, most_s: float = 30.0) -> timedelta:
    """Longer each time that nothing had changed."""
    return timedelta(seconds=min(least_s * 1.5 ** min(tries, 20), most_s))


def patience(waited: timedelta) -> timedelta:
    """Until what waits for a person is looked at again. Whatever that person does makes it due at once, and so do a policy and an address book that
    change: the looks between only tell how it stands, and thousands that wait must not keep the sweep from those that may go."""
    return min(max(waited / 4, timedelta(minutes=1)), timedelta(minutes=15))


def deadline(state: PaymentState, now: datetime, not_before: datetime | None = None) -> datetime | None:
    if state not in DEADLINES:
        return None
    return max(now, not_before or now) + DEADLINES[state]
