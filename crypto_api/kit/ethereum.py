"""Ethereum values as they come off the wire, checked and immutable. No I/O and no opinion about what they mean."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from eth_utils.address import is_checksum_address, to_checksum_address
from eth_utils.crypto import keccak

from crypto_api.kit.errors import Unavailable

PLAIN_TRANSFER_GAS = 21_000
NATIVE_DECIMALS = 18  # a wei is 10^-18 of the coin, on every EVM network
ZERO_ADDRESS = "0x0000000000000000000000000000000000000000"
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)

# keccak-256 of the event signatures
TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"  # EIP-20 Transfer(address,address,uint256)
DEPOSIT_TOPIC = "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"  # WETH9 Deposit(address,uint256)
WITHDRAWAL_TOPIC = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"  # WETH9 Withdrawal(address,uint256)
TRANSFER_SINGLE_TOPIC = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"  # ERC-1155 TransferSingle
TRANSFER_BATCH_TOPIC = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"  # ERC-1155 TransferBatch
_ERC1155_TOPICS = frozenset({TRANSFER_SINGLE_TOPIC, TRANSFER_BATCH_TOPIC})


class ChainUnavailable(Unavailable):
    """The node did not answer, or not in time, or with an error of its own. Never a verdict on anything: ask again."""

    code = "chain_unavailable"


class CallRefused(ChainUnavailable):
    """The node answered, with an error of its own: the call ran out of gas, or it does not do such calls. `rpc_code`, `rpc_message` and
    `rpc_data` are the JSON-RPC error's, as the node told them: untrusted text."""

    def __init__(self, detail: str, *, rpc_code: int | None = None, rpc_message: str = "", rpc_data: str | None = None) -> None:
        super().__init__(detail)
        self.rpc_code, self.rpc_message, self.rpc_data = rpc_code, rpc_message, rpc_data


class InconsistentAnswer(ChainUnavailable):
    """Answers of the node do not fit together (another block than asked for, a hash that does not link). Not used; ask again."""

    code = "chain_inconsistent"


def parse_address(value: str) -> str:
    """The EIP-55 form. ValueError when it is not an address, or is mixed-case with a wrong checksum."""
    if not _ADDRESS.fullmatch(value):
        raise ValueError("must be 0x followed by 40 hexadecimal digits")
    digits = value[2:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(value):
        raise ValueError("has a wrong checksum (EIP-55): a character was probably mistyped")
    return str(to_checksum_address(value))


@lru_cache(maxsize=16_384)
def checksummed(address: str) -> str:
    """The EIP-55 form of an address that a node told: a digit is upper case where the keccak of the digits has 8 or more at its place. ValueError
    when it is none. Each stored row needs several, half of them seen before, and eth_utils takes twice as long."""
    lower = address.lower()
    if not _ADDRESS.fullmatch(lower):
        raise ValueError("must be 0x followed by 40 hexadecimal digits")
    digits = lower[2:]
    return "0x" + "".join([digit.upper() if place > "7" else digit for digit, place in zip(digits, keccak(digits.encode()).hex(), strict=False)])


def address_of_topic(topic: str) -> str:
    """The address in an indexed event argument, lower case."""
    return "0x" + topic[-40:].lower()


def parties_of(topics: Sequence[str]) -> Sequence[str]:
    """The indexed arguments that name who gives and who takes: the first of an ERC-1155 transfer is only who carried it out."""
    return topics[2:4] if topics and topics[0] in _ERC1155_TOPICS else topics[1:3]


def created_address(sender: str, nonce: int) -> str:
    """Where a transaction without a recipient puts its contract, lower case: the end of keccak(rlp([sender, nonce])) (Yellow Paper, section 7)."""
    digits = nonce.to_bytes((nonce.bit_length() + 7) // 8)
    encoded = digits if 0 < nonce < 0x80 else bytes([0x80 + len(digits)]) + digits
    payload = bytes([0x94]) + bytes.fromhex(sender[2:]) + encoded
    return "0x" + keccak(bytes([0xC0 + len(payload)]) + payload)[12:].hex()


@dataclass(frozen=True, slots=True)
class BlockHeader:
    number: int
    hash: str
    parent_hash: str
    timestamp: int  # seconds since 1970


@dataclass(frozen=True, slots=True)
class WireTransaction:
    """`sender`, `recipient` and every address below are lower case: matching is by exact string."""

    hash: str
    index: int
    sender: str
    recipient: str | None  # None creates a contract
    value: int  # wei
    nonce: int
    input: str
    minted: int = 0  # wei that an OP-stack deposit brings to the sender from the chain below, whether it succeeds or not

    @property
    def receiver(self) -> str:
        """Who gets the value: the contract that it creates where it has no recipient."""
        return self.recipient or created_address(self.sender, self.nonce)

    @property
    def calls_code(self) -> bool:
        """Whether its input says so. A plain transfer may reach a contract as well: then it takes more gas than PLAIN_TRANSFER_GAS."""
        return self.recipient is None or self.input not in ("", "0x")


@dataclass(frozen=True, slots=True)
class WireLog:
    address: str
    topics: tuple[str, ...]
    data: str
    transaction_hash: str
    log_index: int


@dataclass(frozen=True, slots=True)
class WireReceipt:
    transaction_hash: str
    block_hash: str
    succeeded: bool
    gas_used: int
    effective_gas_price: int  # wei
    l1_fee: int = 0  # wei; what an OP-stack network charges on top for its data
    blob_fee: int = 0  # wei; EIP-4844
    logs: tuple[WireLog, ...] = ()  # all of the transaction, whoever they touch

    @property
    def fee(self) -> int:
        """All that the sender paid for it, in wei."""
        return self.gas_used * self.effective_gas_price + self.l1_fee + self.blob_fee


@dataclass(frozen=True, slots=True)
class InternalTransfer:
    """Native coin that a contract moved by a call, as a trace of the transaction tells. `path` is its place in the tree of calls ("0.1.2")."""

    path: str
    sender: str
    recipient: str
    value: int  # wei, never 0


@dataclass(frozen=True, slots=True)
class WireBlock:
    """A block with what in it touches the watched addresses: `transactions` holds the transaction of every log in `logs`."""

    header: BlockHeader
    transactions: tuple[WireTransaction, ...]
    logs: tuple[WireLog, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Testimony:
    """What one provider tells of a block and of transactions in it."""

    host: str
    block_hash: str | None  # which block it names at that height
    transactions: Mapping[str, WireTransaction] = field(default_factory=dict)  # by hash; only those that it has in that block
    succeeded: Mapping[str, bool] = field(default_factory=dict)
    logs: Mapping[tuple[str, int], WireLog] = field(default_factory=dict)  # by transaction and log index
    balances: Mapping[tuple[str, str | None], int] = field(default_factory=dict)
