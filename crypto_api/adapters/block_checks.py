"""Whether what a provider tells about a block agrees with the block's own header. Pure.

The bloom filter of a header (Yellow Paper 4.3.1) never lacks what is in the block: a log that is not in it was made up. It may claim more than
there is, so that a missing log can be suspected but not proved by it; the receipts' root proves both, where all receipts are at hand.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import rlp
from eth_utils.crypto import keccak

from crypto_api.adapters.ordered_trie import EMPTY_ROOT, ordered_root
from crypto_api.adapters.transaction_proofs import FullTx, hex_bytes
from crypto_api.adapters.wire import Block, Log, decoder, quantity
from crypto_api.kit.ethereum import InconsistentAnswer, WireBlock, WireLog

OF_NO_TRANSACTIONS = "0x" + EMPTY_ROOT.hex()
_CAMEL = {
    "parent_hash": "parentHash", "uncles_hash": "sha3Uncles", "miner": "miner", "state_root": "stateRoot", "transactions_root": "transactionsRoot",
    "receipts_root": "receiptsRoot", "bloom": "logsBloom", "difficulty": "difficulty", "number": "number", "gas_limit": "gasLimit",
    "gas_used": "gasUsed", "timestamp": "timestamp", "extra_data": "extraData", "mix_hash": "mixHash", "nonce": "nonce",
    "base_fee": "baseFeePerGas", "withdrawals_root": "withdrawalsRoot", "blob_gas_used": "blobGasUsed", "excess_blob_gas": "excessBlobGas",
    "beacon_root": "parentBeaconBlockRoot", "requests_hash": "requestsHash",
}  # fmt: skip
_NUMBERS = {"difficulty", "number", "gas_limit", "gas_used", "timestamp", "base_fee", "blob_gas_used", "excess_blob_gas"}
_LATER = ("base_fee", "withdrawals_root", "blob_gas_used", "excess_blob_gas", "beacon_root", "requests_hash")
"""In the order in which upgrades added them (EIP-1559, 4895, 4844, 4788, 7685); each is there only with those before it."""


class FullHeader(msgspec.Struct, rename=_CAMEL):
    hash: str
    parent_hash: str
    uncles_hash: str
    miner: str
    state_root: str
    transactions_root: str
    receipts_root: str
    bloom: str
    difficulty: str
    number: str
    gas_limit: str
    gas_used: str
    timestamp: str
    extra_data: str
    mix_hash: str
    nonce: str
    base_fee: str | None = None
    withdrawals_root: str | None = None
    blob_gas_used: str | None = None
    excess_blob_gas: str | None = None
    beacon_root: str | None = None
    requests_hash: str | None = None
    transactions: list[FullTx] = []


class FullReceipt(
    msgspec.Struct,
    rename={
        "transaction_hash": "transactionHash", "block_hash": "blockHash", "cumulative_gas": "cumulativeGasUsed", "bloom": "logsBloom",
        "deposit_nonce": "depositNonce", "deposit_version": "depositReceiptVersion",
    },
):  # fmt: skip
    transaction_hash: str
    block_hash: str
    cumulative_gas: str
    bloom: str
    logs: list[Log]
    status: str | None = None
    root: str | None = None  # before Byzantium (EIP-658)
    type: str = "0x0"
    deposit_nonce: str | None = None  # deposits of an OP-stack network
    deposit_version: str | None = None


@dataclass(frozen=True, slots=True)
class Proved:
    """What of a receipt its block's header stands for: its price per gas is not in it."""

    block_hash: str
    gas_used: int
    status: str | None


decode_full_header: Callable[[bytes | msgspec.Raw], FullHeader | None] = decoder(FullHeader | None)  # type: ignore[arg-type]
decode_full_receipts: Callable[[bytes | msgspec.Raw], list[FullReceipt] | None] = decoder(list[FullReceipt] | None)  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def bloom_mask(item: str) -> int:
    """The three bits of an address or a topic."""
    digest = keccak(hex_bytes(item))
    return sum(1 << bit for bit in {int.from_bytes(digest[i : i + 2]) & 2047 for i in (0, 2, 4)})


def may_hold(bloom: int, item: str) -> bool:
    mask = bloom_mask(item)
    return bloom & mask == mask


def check_block(block: Block, found: WireBlock) -> None:
    """InconsistentAnswer where what was found in the block is not at its place in it, or is not in its bloom filter."""
    places = block.transactions
    if any(tx.index >= len(places) or places[tx.index].hash != tx.hash for tx in found.transactions):
        raise InconsistentAnswer(f"a transaction of block {block.hash} is not at its place")
    if not {row.transaction_hash for row in found.logs} <= {tx.hash for tx in found.transactions}:
        raise InconsistentAnswer(f"block {block.hash} lacks a transaction that its logs name")
    if found.logs:
        _check_bloom(block.hash, bloom_of(block), found.logs)


def bloom_of(block: Block) -> int:
    try:
        bloom = int(block.bloom, 16) if len(block.bloom) == 514 else -1
    except ValueError:
        bloom = -1
    if bloom < 0:
        raise InconsistentAnswer(f"block {block.hash} has no bloom filter")
    return bloom


def _check_bloom(block_hash: str, bloom: int, logs: Iterable[WireLog]) -> None:
    for row in logs:
        if not all(may_hold(bloom, item.lower()) for item in (row.address, *row.topics)):
            raise InconsistentAnswer(f"a log was told that is not in block {block_hash}")


def check_header(header: FullHeader) -> None:
    """InconsistentAnswer where its hash is not that of its fields: it was changed, or this network's headers have fields of their own."""
    later: list[str] = []
    for name in _LATER:
        if getattr(header, name) is None:
            break
        later.append(name)
    earlier = [name for name in _CAMEL if name not in _LATER]
    fields = [_field(name, getattr(header, name)) for name in (*earlier, *later)]
    if keccak(rlp.encode(fields)) != hex_bytes(header.hash):
        raise InconsistentAnswer(f"the header of block {header.hash} does not have that hash")


def check_receipts(header: FullHeader, receipts: Sequence[FullReceipt]) -> None:
    """InconsistentAnswer unless these are all receipts of the block, unchanged: their root is the header's (EIP-2718)."""
    if any(row.block_hash != header.hash for row in receipts):
        raise InconsistentAnswer(f"receipts of another block than {header.hash}")
    if ordered_root([_encoded(row) for row in receipts]) != hex_bytes(header.receipts_root):
        raise InconsistentAnswer(f"the receipts of block {header.hash} are not those that its header names")


def proved_of(receipts: Sequence[FullReceipt]) -> dict[str, Proved]:
    """By transaction hash, of all receipts of a block whose root was checked."""
    found, before = {}, 0
    for row in receipts:
        total = quantity(row.cumulative_gas, 53)
        found[row.transaction_hash] = Proved(row.block_hash, total - before, row.status)
        before = total
    return found


def _encoded(row: FullReceipt) -> bytes:
    logs = [[hex_bytes(log.address), [hex_bytes(topic) for topic in log.topics], hex_bytes(log.data)] for log in row.logs]
    outcome = hex_bytes(row.root) if row.root else _minimal(row.status or "0x")
    fields: list[Any] = [outcome, _minimal(row.cumulative_gas), hex_bytes(row.bloom), logs]
    kind = quantity(row.type, 8)
    if kind == 0x7E and row.deposit_nonce is not None:
        fields += [_minimal(row.deposit_nonce), *([_minimal(row.deposit_version)] if row.deposit_version is not None else [])]
    encoded = bytes(rlp.encode(fields))
    return bytes([kind]) + encoded if kind else encoded


def _field(name: str, value: str) -> bytes:
    return _minimal(value) if name in _NUMBERS else hex_bytes(value)


def _minimal(text: str) -> bytes:
    """An integer as RLP has it: without leading zeros, zero as nothing."""
    number = quantity(text)
    return number.to_bytes((number.bit_length() + 7) // 8)
