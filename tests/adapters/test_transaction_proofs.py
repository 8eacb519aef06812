"""Encodings of transactions: what was recorded of public networks has the hash and the sender that it says."""

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import rlp
from eth_utils.crypto import keccak
from trie.hexary import HexaryTrie

from crypto_api.adapters.ordered_trie import ordered_root
from crypto_api.adapters.transaction_proofs import FullTx, check_same, encoded_transaction, hex_bytes
from crypto_api.kit.ethereum import InconsistentAnswer, WireTransaction

DATA = os.environ.get("REAL_CHAIN_DATA")
PROVABLE = (1, 56, 137, 8453, 10, 42161)
# Transactions that these networks made themselves and that carry no signature: state syncs, deposits from before Bedrock.
UNSIGNED_MAX = {1: 0, 56: 0, 137: 1, 8453: 2, 10: 5, 42161: 5}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 16, 17, 127, 128, 129, 200, 256, 257, 300])
@pytest.mark.parametrize("size", [1, 20, 33, 400])
def test_the_root_of_a_list_is_that_of_a_whole_trie(count: int, size: int) -> None:
    values = [bytes([place % 251 + 1]) * size for place in range(count)]
    trie = HexaryTrie({}, prune=True)
    for place, value in enumerate(values):
        trie[rlp.encode(place)] = value
    assert ordered_root(values) == trie.root_hash


def _read(tx: FullTx) -> WireTransaction:
    recipient = tx.to.lower() if tx.to else None
    return WireTransaction(tx.hash, 0, tx.sender.lower(), recipient, int(tx.value, 16), int(tx.nonce, 16), tx.input)


@pytest.mark.skipif(DATA is None, reason="REAL_CHAIN_DATA names no folder")
def test_recorded_transactions_prove_themselves() -> None:
    proved: Counter[int] = Counter()
    unproved: Counter[int] = Counter()
    with gzip.open(Path(DATA or "") / "transactions.jsonl.gz") as file:
        rows = [row for row in map(json.loads, file) if row["chain_id"] in PROVABLE]
    for number, row in enumerate(rows):
        tx = msgspec.convert(row["transaction"], FullTx)
        try:
            assert keccak(encoded_transaction(tx)) == hex_bytes(tx.hash)
            if number % 10 == 0:  # who signed it takes 13 ms to find out
                check_same(tx, _read(tx))
            proved[row["chain_id"]] += 1
        except Exception:  # the libraries raise several kinds for a signature that is none; counted below
            unproved[row["chain_id"]] += 1
    assert proved[1] > 300
    assert all(unproved[chain_id] <= most for chain_id, most in UNSIGNED_MAX.items()), unproved


def test_a_kind_that_is_not_known_is_said() -> None:
    tx = FullTx(hash="0x" + "11" * 32, sender="0x" + "22" * 20, nonce="0x0", gas="0x0", value="0x0", input="0x", type="0x64")
    with pytest.raises(InconsistentAnswer, match="kind 0x64, which cannot be proved"):
        encoded_transaction(tx)
