"""What happened on the chain, counted from the node itself. Shares no code with the follower, whose work it checks."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx

BLOCKS_PER_REQUEST = 50
NATIVE = "native"
TOKEN = "erc20"
GAS = "gas"
NOWHERE = "0x" + "0" * 40
# Event signatures as in EIP-20 and in the source of WETH9, hashed.
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
DEPOSIT = "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"
WITHDRAWAL = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"
BALANCE_OF = "0x70a08231"


@dataclass(frozen=True, slots=True, order=True)
class Counted:
    """One asset going one way, addresses in lower case. `contract` is "" for the native coin."""

    transaction: str
    kind: str
    contract: str
    sender: str
    recipient: str
    raw: int

    def __str__(self) -> str:
        return f"{self.raw} of {self.contract or 'the coin'} ({self.kind}) from {self.sender} to {self.recipient} in {self.transaction}"


@dataclass(frozen=True, slots=True)
class ChainCensus:
    head: int
    head_hash: str
    movements: Counter[Counted]
    spam: Counter[Counted]
    failed: frozenset[str]
    transactions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Watched:
    """Addresses in lower case. What is not `listed` is nobody's money."""

    wallets: frozenset[str]
    listed: frozenset[str]
    wrapped: str


async def take_chain_census(rpc_url: str, watched: Watched, first_block: int) -> ChainCensus:
    """Everything that touches the watched wallets from `first_block` to the head."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        head = int(await _one(client, rpc_url, "eth_blockNumber"), 16)
        blocks, receipts = await _blocks(client, rpc_url, range(first_block, head + 1))
    movements: Counter[Counted] = Counter()
    spam: Counter[Counted] = Counter()
    failed: set[str] = set()
    transactions: set[str] = set()
    for transaction in (transaction for block in blocks for transaction in block["transactions"]):
        receipt = receipts[transaction["hash"]]
        transactions.add(transaction["hash"])
        if transaction["from"] in watched.wallets and receipt["status"] == "0x0":
            failed.add(transaction["hash"])
        for movement in _touching(watched, transaction, receipt):
            movements[movement] += 1
            if _is_spam(watched, transaction, movement):
                spam[movement] += 1
    last = blocks[-1]["hash"] if blocks else ""
    return ChainCensus(head, last, movements, spam, frozenset(failed), frozenset(transactions))


async def read_balances(rpc_url: str, wallets: Iterable[str], tokens: Mapping[str, str], block: int) -> dict[tuple[str, str], int]:
    """(wallet in lower case, symbol) → base units at the end of that block. `tokens` has "" as the contract of the native coin."""
    asked = [(wallet.lower(), symbol, contract) for wallet in wallets for symbol, contract in tokens.items()]
    calls = [_balance_call(wallet, contract, hex(block)) for wallet, _, contract in asked]
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        answers = await _many(client, rpc_url, calls)
    return {(wallet, symbol): int(answer, 16) for (wallet, symbol, _), answer in zip(asked, answers, strict=True)}


def _balance_call(wallet: str, contract: str, block: str) -> tuple[str, list[Any]]:
    if not contract:
        return "eth_getBalance", [wallet, block]
    return "eth_call", [{"to": contract, "data": BALANCE_OF + wallet.removeprefix("0x").rjust(64, "0")}, block]


async def _blocks(client: httpx.AsyncClient, rpc_url: str, numbers: range) -> tuple[list[Any], dict[str, Any]]:
    blocks: list[Any] = []
    receipts: dict[str, Any] = {}
    for start in range(numbers.start, numbers.stop, BLOCKS_PER_REQUEST):
        part = range(start, min(start + BLOCKS_PER_REQUEST, numbers.stop))
        blocks += await _many(client, rpc_url, [("eth_getBlockByNumber", [hex(number), True]) for number in part])
        for group in await _many(client, rpc_url, [("eth_getBlockReceipts", [hex(number)]) for number in part]):
            receipts |= {receipt["transactionHash"]: receipt for receipt in group}
    for lower, higher in pairwise(blocks):
        if higher["parentHash"] != lower["hash"]:
            raise RuntimeError("The chain was reorganised while it was being counted.")
    return blocks, receipts


def _touching(watched: Watched, transaction: Any, receipt: Any) -> list[Counted]:
    found: list[Counted] = []
    hash_, sender, recipient = transaction["hash"], transaction["from"], transaction["to"] or NOWHERE
    if receipt["status"] == "0x1":
        value = int(transaction["value"], 16)
        bait = value == 0 and recipient in watched.wallets and sender not in watched.wallets
        if value or bait:
            found.append(Counted(hash_, NATIVE, "", sender, recipient, value))
        for log in receipt["logs"]:
            found += _of_log(watched, hash_, log)
    found = [item for item in found if item.sender in watched.wallets or item.recipient in watched.wallets]
    if sender in watched.wallets:
        fee = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        found.append(Counted(hash_, GAS, "", sender, NOWHERE, fee))
    return found


def _of_log(watched: Watched, hash_: str, log: Any) -> list[Counted]:
    contract, topics = log["address"].lower(), log["topics"]
    people = ["0x" + topic[-40:].lower() for topic in topics[1:]]
    if topics[0] == TRANSFER and len(topics) == 3:
        return [Counted(hash_, TOKEN, contract, people[0], people[1], int(log["data"], 16))]
    if contract == watched.wrapped and topics[0] == DEPOSIT:
        return [Counted(hash_, TOKEN, contract, contract, people[0], int(log["data"], 16))]
    if contract == watched.wrapped and topics[0] == WITHDRAWAL:
        raw = int(log["data"], 16)
        return [Counted(hash_, TOKEN, contract, people[0], contract, raw), Counted(hash_, NATIVE, "", contract, people[0], raw)]
    return []


def _is_spam(watched: Watched, transaction: Any, movement: Counted) -> bool:
    if movement.kind == GAS:
        return False
    nothing = movement.raw == 0 and transaction["from"] not in watched.wallets
    return nothing or (movement.kind == TOKEN and movement.contract not in watched.listed)


async def _one(client: httpx.AsyncClient, rpc_url: str, method: str) -> Any:
    return (await _many(client, rpc_url, [(method, [])]))[0]


async def _many(client: httpx.AsyncClient, rpc_url: str, calls: list[tuple[str, list[Any]]]) -> list[Any]:
    body = [{"jsonrpc": "2.0", "id": number, "method": method, "params": params} for number, (method, params) in enumerate(calls)]
    answer = await client.post(rpc_url, json=body)
    by_id = {item["id"]: item for item in answer.raise_for_status().json()}
    if errors := [item["error"] for item in by_id.values() if "error" in item]:
        raise RuntimeError(f"The node could not be counted: {errors[0]}")
    return [by_id[number]["result"] for number in range(len(calls))]
