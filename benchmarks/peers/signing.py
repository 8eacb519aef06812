"""Signing: the same transactions by libsecp256k1 with the key at hand, by eth-account, and by our vault, which opens the key in a process of its own
for each question and forgets it. What the desk reads and decides before is measured by `python -m benchmarks.payments`."""

import os
import time
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from coincurve import PrivateKey
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from benchmarks.chain import cpu_of
from benchmarks.lanes import in_lanes
from benchmarks.peers.comparison import Comparison, Row
from benchmarks.peers.peer import Home
from crypto_api.adapters.key_parcel import make_parcel
from signer.vault_link import VaultLink

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"  # of the documentation of web3.js: it is nobody's
TOGETHER = 100
COMPARED = "the signed bytes of every transaction (RFC 6979: one key and one transaction have one signature)"
Transaction = dict[str, Any]


async def compare(count: int, home: Home) -> list[Comparison]:
    """`home` is not needed: what is compared with is what ours stands on."""
    made = [_transaction(nonce) for nonce in range(count)]
    limit, peer = _raw(made), _eth_account(made)
    env = {**os.environ, "MASTER_KEY": b64encode(bytes(range(32))).decode()}
    async with VaultLink(env) as vault:
        sealed = await vault.use("seal", org_id="o", wallet_id="w", private_key=make_parcel(bytearray(f'"{KEY}"', "ascii"), vault.intake))
        together = await _ours(vault, sealed["result"], made, TOGETHER, peer)
        alone = await _ours(vault, sealed["result"], made, 1, peer)
    title = f"Signing ({count:,} transactions)"
    return [
        Comparison("signing", f"{title}, {TOGETHER} of a wallet in one question", "signatures", COMPARED, [limit, together, peer]),
        Comparison("signing", f"{title}, one in each question", "signatures", COMPARED, [limit, alone, peer]),
    ]


def _transaction(nonce: int) -> Transaction:
    fees = {"gas": 21_000, "maxFeePerGas": hex(10**9), "maxPriorityFeePerGas": hex(10**8)}
    return {"type": "0x2", "chainId": 1, "nonce": nonce, "to": "0x" + "11" * 20, "value": hex(10**15 + nonce), "data": "0x", **fees}


def _raw(made: Sequence[Transaction]) -> Row:
    """Hashes that are there already, and nothing but the signature of each."""
    hashes, key = [TypedTransaction.from_dict(transaction).hash() for transaction in made], PrivateKey(bytes.fromhex(KEY))
    started, used = time.perf_counter(), time.process_time()
    for each in hashes:
        key.sign_recoverable(bytes(each), hasher=None)
    per_s = len(made) / (time.perf_counter() - started)
    return Row("libsecp256k1", "", "the key at hand, the hash made before", per_s, (time.process_time() - used) * 1_000 / len(made), is_limit=True)


def _eth_account(made: Sequence[Transaction]) -> Row:
    Account.sign_transaction(made[0], KEY)  # which loads what the first one needs, as the vault did when it started
    started, used = time.perf_counter(), time.process_time()
    signed = [Account.sign_transaction(transaction, KEY) for transaction in made]
    per_s, cpu_ms = len(made) / (time.perf_counter() - started), (time.process_time() - used) * 1_000 / len(made)
    found = {f"nonce {nonce}": HexBytes(each.raw_transaction).to_0x_hex() for nonce, each in enumerate(signed)}
    return Row("eth-account", "", "the key at hand; encodes, hashes, signs", per_s, cpu_ms, found=found, wanted=found)


async def _ours(vault: VaultLink, sealed: dict[str, Any], made: Sequence[Transaction], together: int, peer: Row) -> Row:
    bound = {"org_id": "o", "wallet_id": "w", "address": sealed["address"], "envelope": sealed["envelope"]}
    found: dict[str, object] = {}

    async def sign(part: Sequence[Transaction]) -> None:
        told = await vault.use("sign", **bound, transactions=part)
        found.update({f"nonce {one['nonce']}": answer["raw"] for one, answer in zip(part, told["result"]["signed"], strict=True)})

    parts = [made[at : at + together] for at in range(0, len(made), together)]
    started, begun = time.perf_counter(), cpu_of(vault.pid)
    await in_lanes(parts, 2, sign)
    per_s = len(made) / (time.perf_counter() - started)
    does = "a child opens the sealed key, encodes, hashes, signs, ends"
    return Row("coffer", "", does, per_s, (cpu_of(vault.pid) - begun) * 1_000 / len(made), found=found, wanted=peer.found)
