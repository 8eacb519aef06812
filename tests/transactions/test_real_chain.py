"""Transactions of public networks as their nodes told them: every one decodes, and for every account in it the movements add up to what the
transaction, its logs, its calls and its gas say, recomputed here from the raw receipt.

    REAL_CHAIN_DATA=<folder with transactions.jsonl.gz> python -m pytest tests/transactions/test_real_chain.py
"""

import gzip
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crypto_api.adapters import wire
from crypto_api.chains.types import TokenFacts
from crypto_api.classification.rules import decide
from crypto_api.classification.types import Category, Facts, Leg
from crypto_api.kit.ethereum import InternalTransfer, checksummed, parties_of
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions.rules import Seen, Sight, movements_of, without_flood
from crypto_api.transactions.types import Direction, Movement, MovementKind

DATA = os.environ.get("REAL_CHAIN_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="REAL_CHAIN_DATA names no folder")

# The coin's own wrapper on each network; Arbitrum's tells of every change by Transfer.
WRAPPED = {
    1: "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
    10: "0x4200000000000000000000000000000000000006",
    56: "0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c",
    100: "0xe91d153e0b41518a2ce8dd3d7944fa863463a97d",
    137: "0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270",
    143: "0x3bd359c1119da7da1d913d1c4d2b7c461115433a",
    999: "0x5555555555555555555555555555555555555555",
    8453: "0x4200000000000000000000000000000000000006",
    42161: "0x82af49447d8a07e3bd95bd0d56f35241523fbab1",
    534352: "0x5300000000000000000000000000000000000004",
}
TRANSFER = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
SINGLE = "c3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
BATCH = "4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
DEPOSIT = "e1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"
WITHDRAWAL = "7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"
DEPOSIT_CALL, WITHDRAW_CALL = "0xd0e30db0", "0x2e1a7d4d"  # WETH9 deposit(), withdraw(uint256)
LEG_FIELDS = ("key", "kind", "asset", "symbol", "amount", "direction", "from_address", "to_address", "spam_reason")
NOBODY = "0x" + "0" * 40

Sums = dict[tuple[str, str, str], int]  # (account, contract or "", token id or "") → base units


@cache
def rows() -> list[tuple[dict[str, Any], Seen]]:
    """Each as it was told, and as the reader decodes it."""
    with gzip.open(Path(DATA) / "transactions.jsonl.gz") as lines:
        return [(row, decoded(row)) for row in map(json.loads, lines)]


# ---- as the raw receipt says -----------------------------------------------------------------------------------------------------


def expected(row: dict[str, Any]) -> Sums:
    transaction, receipt = row["transaction"], row["receipt"]
    sums: defaultdict[tuple[str, str, str], int] = defaultdict(int)

    def move(sender: str, recipient: str, amount: int, contract: str = "", token_id: str = "") -> None:
        sums[sender, contract, token_id] -= amount
        sums[recipient, contract, token_id] += amount

    sender = transaction["from"].lower()
    move(NOBODY, sender, number(transaction.get("mint") or "0x0"))
    price = number(receipt.get("effectiveGasPrice") or transaction["gasPrice"])
    move(sender, NOBODY, number(receipt["gasUsed"]) * price + number(receipt.get("l1Fee") or "0x0") + blob_fee(transaction, receipt))
    if receipt.get("status", "0x1") == "0x0":
        return settled(sums)
    move(sender, (transaction["to"] or receipt["contractAddress"]).lower(), number(transaction["value"]))
    if row["internal"] is not None:
        for call in row["internal"]:
            if call["isError"] == "0":
                move(call["from"].lower(), (call["to"] or call["contractAddress"]).lower(), int(call["value"]))
    wrapping(row, move)
    for log in receipt["logs"]:
        told(log, move)
    return settled(sums)


def told(log: dict[str, Any], move: Callable[..., None]) -> None:
    topics, contract = [topic[2:] for topic in log["topics"]], log["address"].lower()
    words = [log["data"][at : at + 64] for at in range(2, len(log["data"]), 64)]
    match topics:
        case [code, sender, recipient] if code == TRANSFER and len(words) == 1 and len(words[0]) == 64:
            move(address(sender), address(recipient), int(words[0], 16), contract)
        case [code, sender, recipient, which] if code == TRANSFER:
            move(address(sender), address(recipient), 1, contract, str(int(which, 16)))
        case [code, _, sender, recipient] if code == SINGLE:
            move(address(sender), address(recipient), int(words[1], 16), contract, str(int(words[0], 16)))
        case [code, _, sender, recipient] if code == BATCH:
            first, second = int(words[0], 16) // 32, int(words[1], 16) // 32
            for i in range(int(words[first], 16)):
                move(address(sender), address(recipient), int(words[second + 1 + i], 16), contract, str(int(words[first + 1 + i], 16)))


def wrapping(row: dict[str, Any], move: Callable[..., None]) -> None:
    """WETH9: a deposit makes as much of the token as of the coin came with the call, a withdrawal takes it and sends the coin back. Where the
    calls are known, the coin's way is among them."""
    transaction, contract = row["transaction"], WRAPPED[row["chain_id"]]
    direct = number(transaction["value"]) if (transaction["to"] or "").lower() == contract else 0
    logs = [log for log in row["receipt"]["logs"] if log["address"].lower() == contract and log["topics"]]
    transfers = Counter((tuple(log["topics"][1:]), log["data"]) for log in logs if log["topics"][0][2:] == TRANSFER)
    for log in logs:
        code, amount = log["topics"][0][2:], int(log["data"], 16) if log["data"] != "0x" else 0
        if code not in (DEPOSIT, WITHDRAWAL):
            continue
        owner, nothing = log["topics"][1], "0x" + "0" * 64
        account = address(owner[2:])
        also_told = ((nothing, owner) if code == DEPOSIT else (owner, nothing), log["data"])
        if transfers[also_told]:
            transfers[also_told] -= 1
        elif code == DEPOSIT:
            move(contract, account, amount, contract)
        else:
            move(account, contract, amount, contract)
        if row["internal"] is not None:
            continue
        if code == WITHDRAWAL:
            move(contract, account, amount)
        elif direct == amount and transaction["from"].lower() == account:
            direct = 0
        else:
            move(account, contract, amount)


def blob_fee(transaction: dict[str, Any], receipt: dict[str, Any]) -> int:
    if transaction.get("type") != "0x3":
        return 0
    return number(receipt["blobGasUsed"]) * number(receipt["blobGasPrice"])


def number(text: str) -> int:
    return int(text, 16)


def address(word: str) -> str:
    return "0x" + word[-40:].lower()


def settled(sums: Sums) -> Sums:
    return {key: amount for key, amount in sums.items() if amount}


# ---- as the product says ---------------------------------------------------------------------------------------------------------


class Everybody:
    """A watch list that every address is on."""

    def __contains__(self, address: object) -> bool:
        return True


def decoded(row: dict[str, Any]) -> Seen:
    """Through the decoders of the reader, as if a node had sent it."""
    transaction, receipt = row["transaction"], row["receipt"]
    block = row["block"] or {
        "number": transaction["blockNumber"],
        "hash": transaction["blockHash"],
        "parentHash": "0x" + "0" * 64,
        "timestamp": "0x0",
    }
    found = wire.decode_block(raw({**block, "logsBloom": receipt["logsBloom"], "transactions": [transaction]}))
    told_receipt = wire.decode_receipt(raw(receipt))
    assert found is not None and told_receipt is not None
    logs = wire.decode_logs(raw([log for log in receipt["logs"] if log["topics"] and log["topics"][0] in wire.TOPICS]))
    reduced = wire.reduced(found, logs, Everybody())
    calls = [call for call in row["internal"] or () if call["isError"] == "0" and int(call["value"])]
    internal = [
        InternalTransfer(str(i), call["from"].lower(), (call["to"] or call["contractAddress"]).lower(), int(call["value"]))
        for i, call in enumerate(calls)
    ]
    receipt_ = wire.receipt_of(told_receipt, wire.decode_gas(raw(transaction)) if wire.lacks_gas(told_receipt) else None)
    return Seen(reduced.transactions[0], reduced.logs, receipt_, internal if row["internal"] is not None else None)


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def network(chain_id: int) -> NetworkConfig:
    wrapper = {"symbol": "WRAPPED", "address": WRAPPED[chain_id], "decimals": 18}
    return NetworkConfig(slug="n", name="N", chain_id=chain_id, rpc_urls=["http://127.0.0.1:1"], native_asset="COIN", wrapped_native=wrapper)


NETWORKS = {chain_id: network(chain_id) for chain_id in WRAPPED}


class _Tokens(dict[str, TokenFacts]):
    def __missing__(self, contract: str) -> TokenFacts:
        self[contract] = facts = TokenFacts(checksummed(contract), "T", "", 18, False, contract)
        return facts

    def get(self, contract: str, default: object = None) -> TokenFacts:  # type: ignore[override]
        return self[contract]


TOKENS = _Tokens()


def movements(row: dict[str, Any], seen: Seen, account: str) -> list[Movement]:
    """As who watches that account alone sees it: with the logs that touch it. The wrapper's own account is in its logs without being named."""
    logs = [log for log in seen.logs if log.address == account or account[2:] in "".join(parties_of(log.topics))]
    return movements_of(Sight({account: "wal_1"}, NETWORKS[row["chain_id"]], TOKENS, frozenset({account})), replace(seen, logs=logs))


def summed(found: list[Movement], account: str) -> dict[tuple[str, str], int]:
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    for movement in found:
        key = ((movement.contract or "").lower(), movement.token_id or "")
        if movement.direction is not Direction.IN:
            sums[key] -= int(movement.raw_amount)
        if movement.direction is not Direction.OUT:
            sums[key] += int(movement.raw_amount)
    return {key: amount for key, amount in sums.items() if amount}


# ---- tests -----------------------------------------------------------------------------------------------------------------------


def test_every_account_of_every_transaction_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    seen_by_protocol: Counter[str] = Counter()
    accounts = counted = 0
    for row, seen in rows():
        by_account: defaultdict[str, dict[tuple[str, str], int]] = defaultdict(dict)
        for (account, contract, token_id), amount in expected(row).items():
            by_account[account][contract, token_id] = amount
        everybody = set(by_account) | {seen.tx.sender, seen.tx.receiver}
        for account in everybody - {NOBODY}:
            found = movements(row, seen, account)
            assert summed(found, account) == by_account.get(account, {}), (row["protocol"], row["chain_id"], seen.tx.hash, account)
            assert len({movement.key for movement in found}) == len(found), "a key names one movement"
            counted += len(found)
        accounts += len(everybody)
        seen_by_protocol[row["protocol"]] += 1
    assert seen_by_protocol.total() > 700 and len(seen_by_protocol) > 100
    most = ", ".join(f"{name} {count}" for name, count in seen_by_protocol.most_common(12))
    with capsys.disabled():
        sys.stdout.write(f"\n{seen_by_protocol.total()} transactions of {len(seen_by_protocol)} protocols ({most} …), ")
        sys.stdout.write(f"{accounts} accounts, {counted} movements\n")


def test_whoever_holds_all_accounts_of_a_transaction_sees_the_same_sums() -> None:
    """What goes from one own wallet to another is one movement of two wallets: it is taken from the one and given to the other, and counts once."""
    within = 0
    for row, seen in rows():
        sums = expected(row)
        own = {account: account for account in {account for account, _, _ in sums} | {seen.tx.sender, seen.tx.receiver} if account != NOBODY}
        found = movements_of(Sight(own, NETWORKS[row["chain_id"]], TOKENS, frozenset(own)), seen)
        told: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        for movement in found:
            key = ((movement.contract or "").lower(), movement.token_id or "")
            giver = None if movement.direction is Direction.IN else movement.wallet_id
            taker = movement.wallet_id if movement.direction is Direction.IN else movement.counter_wallet_id
            within += giver is not None and taker is not None
            for wallet, sign in ((giver, -1), (taker, 1)):
                if wallet is not None:
                    told[(wallet, *key)] += sign * int(movement.raw_amount)
        assert settled(told) == {key: amount for key, amount in sums.items() if key[0] != NOBODY}, (row["chain_id"], seen.tx.hash)
    assert within > 1_000


def test_who_calls_the_wrapper_changes_the_form_of_the_coin() -> None:
    found = 0
    for row, seen in rows():
        direct = seen.tx.recipient == WRAPPED[row["chain_id"]] and seen.tx.input[:10] in (DEPOSIT_CALL, WITHDRAW_CALL)
        if not direct or seen.receipt is None or not seen.receipt.succeeded:
            continue
        legs = tuple(Leg(**{name: getattr(movement, name) for name in LEG_FIELDS}) for movement in movements(row, seen, seen.tx.sender))
        wrapper = checksummed(WRAPPED[row["chain_id"]])
        facts = Facts(succeeded=True, method=seen.tx.input[:10], sender_is_own=True, legs=legs, known={}, wrapped_native=wrapper)
        assert decide(facts).category is Category.WRAP, (row["chain_id"], seen.tx.hash)
        found += 1
    assert found >= 8


def test_what_failed_moved_its_gas_and_nothing_else() -> None:
    failed = [(row, seen) for row, seen in rows() if row["receipt"].get("status") == "0x0"]
    assert failed
    for row, seen in failed:
        assert seen.receipt is not None and not seen.receipt.succeeded
        assert [movement.kind for movement in movements(row, seen, seen.tx.sender)] == [MovementKind.GAS]


def test_receipts_without_a_status_are_of_what_succeeded() -> None:
    """Before Byzantium; both are known to have succeeded."""
    old = [seen for row, seen in rows() if "status" not in row["receipt"]]
    assert old
    for seen in old:
        assert seen.receipt is not None and seen.receipt.succeeded


def test_what_is_unlisted_and_unasked_is_spam_for_every_account_but_the_sender() -> None:
    for row, seen in rows():
        for account in {seen.tx.sender, seen.tx.receiver}:
            kept, left_out = without_flood(movements(row, seen, account))
            tokens = [movement for movement in kept if movement.contract and movement.contract.lower() != WRAPPED[row["chain_id"]]]
            assert all(movement.spam for movement in tokens) or seen.tx.sender == account
            assert left_out == 0 or any(movement.spam for movement in kept)
