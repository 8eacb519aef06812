"""What a node says before and after a transaction is sent. Values, and the reading of why a call fails."""

from dataclasses import dataclass

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

PLAIN_TRANSFER_GAS = 21_000  # a transfer of the coin to an account without code: never more, so it needs no margin
AUTHORIZATION_GAS = 25_000  # for each authorization of a transaction of type 4 (EIP-7702, PER_EMPTY_ACCOUNT_COST)
GAS_MARGIN_PERCENT = 20
REASON_LENGTH_MAX = 200
_BATCH_PAYMENT_FAILED, _BATCH_PULL_FAILED = "1e67017f", "01f903bc"  # of our batch contract: PaymentFailed(uint256), PullFailed()
_ERROR, _PANIC = "08c379a0", "4e487b71"  # Error(string), Panic(uint256)
_PANICS = {
    0x01: "an assertion does not hold",
    0x11: "an arithmetic operation overflows",
    0x12: "a division by zero",
    0x21: "a value outside of its enumeration",
    0x31: "taking from an empty list",
    0x32: "an index outside of its list",
    0x41: "too much memory",
}
"""Solidity's, from its documentation ("Panic via assert and Error via require")."""


@dataclass(frozen=True, slots=True)
class FeeMarket:
    """In wei: the base fee of the next block (EIP-1559), and what others lately gave on top of it (the median). `legacy`: a network without a base
    fee; `tip` is then the whole gas price that a node suggests. `set_code`: whether it takes transactions of type 4 (EIP-7702)."""

    base_fee: int
    tip: int
    legacy: bool = False
    set_code: bool = False


@dataclass(frozen=True, slots=True)
class Simulated:
    """What one call would do at the head of the chain."""

    gas: int  # units, with a margin
    reverts: str | None  # why it would fail, in words; None when it would not
    l1_fee: int = 0  # wei that a rollup takes beside the gas, with a margin


@dataclass(frozen=True, slots=True)
class Quotes:
    """Calls of one sender, and what it has; all asked at one moment."""

    nonce: int  # how many transactions of the sender are mined
    market: FeeMarket
    balance: int  # wei
    token_balances: dict[str, int]  # base units, by token that a call moves
    calls: tuple[Simulated, ...]  # in the order in which they were asked
    code: bytes = b""  # of the sender: what it has delegated to (EIP-7702)


@dataclass(frozen=True, slots=True)
class Quote:
    """The same of a single call."""

    nonce: int
    gas: int
    market: FeeMarket
    balance: int
    token_balance: int | None  # base units; None where no token moves
    reverts: str | None
    l1_fee: int = 0

    @classmethod
    def of(cls, quotes: Quotes, token: str | None, place: int = 0) -> "Quote":
        call = quotes.calls[place]
        held = quotes.token_balances[token] if token is not None else None
        return cls(quotes.nonce, call.gas, quotes.market, quotes.balance, held, call.reverts, call.l1_fee)


@dataclass(frozen=True, slots=True)
class NodeCall:
    """What is to be looked at before it is sent. `token`: the ERC-20 whose balance is asked as well."""

    to: str
    value: int  # wei
    data: str
    token: str | None = None
    code: bytes | None = None  # that its sender will have by an authorization that is sent along (EIP-7702); empty: none


@dataclass(frozen=True, slots=True)
class Handed:
    """What became of bytes that were handed to a node. `arrived` False: nobody knows whether they did. `note`: what was said against it, which is
    for people to read: "already known", "nonce too low" or "insufficient funds" are no verdict, only a receipt is."""

    arrived: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class TokenTransfer:
    """An ERC-20's event, as a receipt holds it; addresses in EIP-55."""

    token: str
    from_address: str
    to_address: str
    raw_amount: int


@dataclass(frozen=True, slots=True)
class NodeReceipt:
    """As the node tells it; whether its block is canonical is for others to say."""

    hash: str
    block_number: int
    block_hash: str
    succeeded: bool
    gas_used: int
    effective_gas_price: int  # wei
    l1_fee: int = 0
    transfers: tuple[TokenTransfer, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeTransaction:
    """Mined or waiting; addresses in EIP-55."""

    hash: str
    sender: str
    nonce: int
    to: str | None  # None creates a contract
    value: int  # wei
    data: str
    block_number: int | None


def gas_limit(estimate: int) -> int:
    return estimate if estimate == PLAIN_TRANSFER_GAS else estimate + estimate * GAS_MARGIN_PERCENT // 100


def revert_reason(data: str | None, message: str = "") -> str:
    """In words: what `Error(string)` says, what a panic means, else the error's selector, else what the node said. Untrusted text, cut."""
    raw = _bytes_of(data)
    selector = raw[:4].hex()
    if selector == _ERROR:
        try:
            (text,) = decode(["string"], raw[4:])
        except (DecodingError, UnicodeDecodeError, OverflowError):
            text = ""
        if shown := visible(text):
            return shown
    if selector == _PANIC and len(raw) == 36:
        code = int.from_bytes(raw[4:])
        return f"panic: {_PANICS.get(code, f'code {code:#x}')}"
    if selector == _BATCH_PAYMENT_FAILED and len(raw) == 36:
        return f"payee {int.from_bytes(raw[4:]) + 1} of the list does not take the money"
    if selector == _BATCH_PULL_FAILED and len(raw) == 4:
        return "the allowance is short, or the token keeps a fee"
    if len(raw) >= 4:
        return f"the contract's error 0x{selector}"
    return visible(message) or "the contract gives no reason"


def _bytes_of(data: str | None) -> bytes:
    try:
        return bytes.fromhex((data or "0x").removeprefix("0x"))
    except ValueError:
        return b""


def visible(text: str) -> str:
    """What a stranger said, as it may be shown: one line, printable, cut."""
    return "".join(char for char in text if char.isprintable()).strip()[:REASON_LENGTH_MAX]


def transfer_refused(answer: bytes) -> bool:
    """Whether a token's `transfer` answers that it did not happen: 32 bytes of zero. Tokens that answer nothing are believed."""
    return len(answer) >= 32 and int.from_bytes(answer[:32]) == 0
