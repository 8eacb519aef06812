"""A block's transactions up to the root in its header: EIP-2718 encodings of what a node tells as JSON. Pure.

Known are legacy transactions and the kinds of EIP-2930, 1559, 4844 and 7702, and deposits of OP-stack networks. A block with another kind
(Arbitrum and Scroll have their own) cannot be proved.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import rlp
from eth_utils.crypto import keccak

from crypto_api.adapters.ordered_trie import ordered_root
from crypto_api.adapters.wire import quantity
from crypto_api.kit.ethereum import InconsistentAnswer, WireTransaction

_DEPOSIT = 0x7E


class AccessItem(msgspec.Struct, rename={"storage_keys": "storageKeys"}):
    address: str
    storage_keys: list[str]


class Authorization(msgspec.Struct, rename={"chain_id": "chainId", "y_parity": "yParity"}):
    chain_id: str
    address: str
    nonce: str
    y_parity: str
    r: str
    s: str


class FullTx(
    msgspec.Struct,
    rename={
        "sender": "from", "gas_price": "gasPrice", "max_fee": "maxFeePerGas", "max_tip": "maxPriorityFeePerGas", "chain_id": "chainId",
        "access_list": "accessList", "max_blob_fee": "maxFeePerBlobGas", "blob_hashes": "blobVersionedHashes", "y_parity": "yParity",
        "authorizations": "authorizationList", "source_hash": "sourceHash", "is_system": "isSystemTx",
    },
):  # fmt: skip
    hash: str
    sender: str
    nonce: str
    gas: str
    value: str
    input: str
    to: str | None = None
    type: str = "0x0"
    gas_price: str | None = None
    max_fee: str | None = None
    max_tip: str | None = None
    chain_id: str | None = None
    access_list: list[AccessItem] | None = None
    max_blob_fee: str | None = None
    blob_hashes: list[str] | None = None
    authorizations: list[Authorization] | None = None
    y_parity: str | None = None
    v: str | None = None
    r: str | None = None
    s: str | None = None
    source_hash: str | None = None
    mint: str | None = None
    is_system: bool = False


def check_transactions(root: str, transactions: Sequence[FullTx]) -> None:
    """InconsistentAnswer unless these are all transactions of the block whose header names `root`, unchanged but for their senders."""
    encoded = [encoded_transaction(tx) for tx in transactions]
    for tx, content in zip(transactions, encoded, strict=True):
        if keccak(content) != hex_bytes(tx.hash):
            raise InconsistentAnswer(f"transaction {tx.hash} does not have that hash")
    if ordered_root(encoded) != hex_bytes(root):
        raise InconsistentAnswer("the transactions of a block are not those that its header names")


def check_same(tx: FullTx, read: WireTransaction) -> None:
    """InconsistentAnswer where what was read of a transaction is not what was proved of it; its sender is who signed it."""
    to = tx.to.lower() if tx.to else None
    told = (tx.hash, to, quantity(tx.value), quantity(tx.nonce, 64), hex_bytes(tx.input))
    if told != (read.hash, read.recipient, read.value, read.nonce, hex_bytes(read.input)) or _sender(tx) != read.sender:
        raise InconsistentAnswer(f"transaction {tx.hash} is not as it was told")


def encoded_transaction(tx: FullTx) -> bytes:
    """As it stands in the block (EIP-2718). InconsistentAnswer for a kind that is not known here."""
    kind = quantity(tx.type, 8)
    fields: list[Any]
    if kind == 0:
        fields = [_number(tx.nonce), _number(tx.gas_price), *_call(tx), _number(tx.v), _number(tx.r), _number(tx.s)]
        return bytes(rlp.encode(fields))
    if kind == _DEPOSIT:
        system = b"\x01" if tx.is_system else b""
        to, value = hex_bytes(tx.to or ""), _number(tx.value)
        fields = [hex_bytes(tx.source_hash or ""), hex_bytes(tx.sender), to, _number(tx.mint), value, _number(tx.gas), system, hex_bytes(tx.input)]
    elif kind in (1, 2, 3, 4):
        price = [tx.gas_price] if kind == 1 else [tx.max_tip, tx.max_fee]
        access = [[hex_bytes(item.address), [hex_bytes(key) for key in item.storage_keys]] for item in tx.access_list or []]
        parity = tx.y_parity if tx.y_parity is not None else tx.v
        fields = [_number(tx.chain_id), _number(tx.nonce), *map(_number, price), *_call(tx), access, *_of_kind(kind, tx)]
        fields += [_number(parity), _number(tx.r), _number(tx.s)]
    else:
        raise InconsistentAnswer(f"a block holds a transaction of kind {tx.type}, which cannot be proved: `receipts_checked` must be none here")
    return bytes([kind]) + bytes(rlp.encode(fields))


def _call(tx: FullTx) -> list[bytes]:
    return [_number(tx.gas), hex_bytes(tx.to or ""), _number(tx.value), hex_bytes(tx.input)]


def _of_kind(kind: int, tx: FullTx) -> list[Any]:
    if kind == 3:
        return [_number(tx.max_blob_fee), [hex_bytes(each) for each in tx.blob_hashes or []]]
    if kind == 4:
        rows = tx.authorizations or []
        return [
            [[_number(each.chain_id), hex_bytes(each.address), *map(_number, (each.nonce, each.y_parity, each.r, each.s))] for each in rows],
        ]
    return []


def _sender(tx: FullTx) -> str:
    if quantity(tx.type, 8) == _DEPOSIT:
        return tx.sender.lower()  # it is part of what was proved
    from eth_account import Account  # half a second to import, and only who proves blocks needs it

    return str(Account.recover_transaction(encoded_transaction(tx))).lower()


def _number(text: str | None) -> bytes:
    """An integer as RLP has it: without leading zeros, zero as nothing."""
    number = quantity(text or "0x0")
    return number.to_bytes((number.bit_length() + 7) // 8)


def hex_bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise InconsistentAnswer("the node answered with something else than bytes") from error
