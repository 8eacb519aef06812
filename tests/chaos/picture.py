"""Reads what `checker.py` looks at: MongoDB by the driver, the node by JSON-RPC, Valkey, files, the memory of processes. Nothing of the product."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

import httpx
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from redis.asyncio import Redis

from tests.chaos.checker import TRANSFER, Block, Row, Sent
from tests.factories.process_memory import written_memory

EACH_TIME = (
    "payments", "payment_attempts", "nonce_slots", "sender_lanes", "chain_cursors", "wallets", "leases", "process_presence", "accounts",
    "account_balances", "journal_entries", "transactions", "chain_blocks",
)  # fmt: skip
HISTORY = ("entry_seals", "audit_records", "audit_seals", "events", "event_heads")
BALANCE_OF = "0x70a08231"
TOGETHER = 50
RAW = CodecOptions(document_class=RawBSONDocument)


async def read_rows(client: AsyncMongoClient[Row], database: str, names: Sequence[str]) -> dict[str, list[Row]]:
    """In one snapshot: lanes go on while this reads."""
    async with client.start_session() as session, await session.start_transaction(read_concern=ReadConcern("snapshot")):
        return {name: await client[database][name].find({}, session=session).to_list() for name in names}


async def all_collections(client: AsyncMongoClient[Row], database: str) -> list[str]:
    return [name for name in await client[database].list_collection_names() if not name.startswith("system.")]


def client_of(uri: str) -> AsyncMongoClient[Row]:
    return AsyncMongoClient(uri, tz_aware=True, tzinfo=UTC, serverSelectionTimeoutMS=10_000)


# ---- the chain -------------------------------------------------------------------------------------------------------------------


@dataclass
class Node:
    """What the chain is, kept between looks: only what is new, or another one than before, is read again."""

    url: str
    first: int
    blocks: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._http = httpx.AsyncClient(trust_env=False, timeout=30)

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, *calls: tuple[str, list[Any]]) -> list[Any]:
        body = [{"jsonrpc": "2.0", "id": number, "method": method, "params": params} for number, (method, params) in enumerate(calls)]
        answers = (await self._http.post(self.url, json=body)).raise_for_status().json()
        by_id = {row["id"]: row for row in answers}
        if errors := [row["error"] for row in answers if "error" in row]:
            raise RuntimeError(f"the node could not be read: {errors[0]}")
        return [by_id[number]["result"] for number in range(len(calls))]

    async def look(self) -> list[Block]:
        head = int((await self.ask(("eth_blockNumber", [])))[0], 16)
        self.blocks = [block for block in self.blocks if block.number <= head]
        while self.blocks:
            (told,) = await self.ask(("eth_getBlockByNumber", [hex(self.blocks[-1].number), False]))
            if told["hash"] == self.blocks[-1].hash:
                break
            del self.blocks[-1]
        begin = self.blocks[-1].number + 1 if self.blocks else self.first
        for start in range(begin, head + 1, TOGETHER):
            self.blocks += await self._read(range(start, min(start + TOGETHER, head + 1)))
        for lower, higher in zip(self.blocks, self.blocks[1:], strict=False):
            assert higher.parent == lower.hash, "the chain was reorganised while it was looked at"
        return self.blocks

    async def _read(self, numbers: range) -> list[Block]:
        told = await self.ask(*(("eth_getBlockByNumber", [hex(number), True]) for number in numbers))
        receipts = await self.ask(*(("eth_getBlockReceipts", [hex(number)]) for number in numbers))
        return [_block(*both) for both in zip(told, receipts, strict=True)]

    async def held(self, addresses: Mapping[str, str], contracts: Mapping[str, str], block_hash: str) -> dict[tuple[str, str], int]:
        at = {"blockHash": block_hash}  # EIP-1898
        places = [(wallet, asset) for wallet in addresses for asset in ("ETH", *contracts)]
        calls: list[tuple[str, list[Any]]] = []
        for wallet, asset in places:
            address = addresses[wallet]
            data = BALANCE_OF + address[2:].lower().rjust(64, "0")
            balance = ("eth_getBalance", [address, at]) if asset == "ETH" else ("eth_call", [{"to": contracts[asset], "data": data}, at])
            calls.append(balance)
        return {place: int(answer, 16) for place, answer in zip(places, await self.ask(*calls), strict=True)}


def _block(told: Row, receipts: list[Row]) -> Block:
    by_hash = {row["transactionHash"]: row for row in receipts}
    return Block(int(told["number"], 16), told["hash"], told["parentHash"], tuple(_sent(row, by_hash[row["hash"]]) for row in told["transactions"]))


def _sent(row: Row, receipt: Row) -> Sent:
    transfers = tuple(
        (log["address"].lower(), "0x" + log["topics"][1][-40:].lower(), "0x" + log["topics"][2][-40:].lower(), int(log["data"], 16))
        for log in receipt["logs"]
        if log["topics"][0] == TRANSFER and len(log["topics"]) == 3
    )
    fee = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    to, value, nonce = (row["to"] or "0x" + "0" * 40).lower(), int(row["value"], 16), int(row["nonce"], 16)
    return Sent(row["hash"], row["from"].lower(), to, value, nonce, receipt["status"] == "0x1", fee, transfers)


# ---- keys and strings ------------------------------------------------------------------------------------------------------------


def forms(key: bytes) -> list[bytes]:
    """In which a key may be met again."""
    digits = key.hex()
    return [key, digits.encode(), digits.upper().encode(), digits.encode("utf-16-le"), str(key).encode()[2:-1]]


def files_with(wanted: Mapping[str, Sequence[bytes]], paths: Iterable[Path], since: float) -> Iterator[str]:
    """Files changed since then that hold one of the forms."""
    for path in paths:
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink() and path.stat().st_mtime >= since:
                held = path.read_bytes()
                yield from (f"{path}: {what}" for what, of in wanted.items() if any(form in held for form in of))


def memory_with(wanted: Mapping[str, Sequence[bytes]], name: str, pid: int) -> Iterator[str]:
    """Everything that the process may write to."""
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for held in written_memory(pid):
            found |= {what for what, of in wanted.items() if any(form in held for form in of)}
    yield from (f"memory of the {name}: {what}" for what in sorted(found))


async def rows_with(wanted: Mapping[str, Sequence[bytes]], client: AsyncMongoClient[Row], database: str) -> list[str]:
    found = []
    for name in await all_collections(client, database):
        async for row in client[database][name].with_options(codec_options=RAW).find({}):  # type: ignore[arg-type]
            held = bytes(row.raw)  # type: ignore[attr-defined]
            found += [f"{name}: {what}" for what, of in wanted.items() if any(form in held for form in of)]
    return found


async def valkey_with(wanted: Mapping[str, Sequence[bytes]], url: str) -> list[str]:
    valkey = Redis.from_url(url, socket_timeout=5)
    try:
        dumps = [name + (await valkey.dump(name) or b"") async for name in valkey.scan_iter()]
    finally:
        await valkey.aclose()
    return [f"valkey: {what}" for held in dumps for what, of in wanted.items() if any(form in held for form in of)]


def lines_across(folder: Path, canaries: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Lines of logs that tell of one organisation and hold the string of another."""
    for path in folder.rglob("*.log"):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            for org, canary in canaries.items():
                if canary in line and any(other in line for other in canaries if other != org):
                    yield f"{path.name}:{number}", org


# ---- what is left ----------------------------------------------------------------------------------------------------------------


async def locked(client: AsyncMongoClient[Row], database: str, names: Sequence[str]) -> list[str]:
    """Gets hold of each row, as a writer does, and lets go of it unchanged."""
    problems = []
    for name in names:
        async with client.start_session() as session:
            await session.start_transaction()
            try:
                async with asyncio.timeout(10):
                    await client[database][name].update_many({}, {"$inc": {"checked": 1}}, bypass_document_validation=True, session=session)
                    await session.abort_transaction()
            except (PyMongoError, TimeoutError) as error:
                problems.append(f"rows of {name} are locked: {str(error)[:80]}")
    return problems


def open_files(pid: int) -> int:
    with contextlib.suppress(OSError):
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return 0
