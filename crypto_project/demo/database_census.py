"""What the system says happened, read from MongoDB as it lies there. Shares no code with the product."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, localcontext
from typing import Any

from bson.decimal128 import Decimal128
from pymongo import AsyncMongoClient
from pymongo.read_concern import ReadConcern

from crypto_project.demo.chain_census import Counted

Row = dict[str, Any]
_EXACT = Context(prec=100, traps=[Inexact])


@dataclass(frozen=True, slots=True)
class MovementFacts:
    movements: Counter[Counted]  # on the chain as far as the system knows
    spam: Counter[Counted]
    classified: int
    booked: int
    orphaned: int
    orphaned_transactions: frozenset[str]
    unfinished: int  # neither booked nor found to be nothing for the books
    unconfirmed: int
    categories: dict[str, str]  # by transaction hash
    stored_at: dict[tuple[str, int], float]  # (hash, block number) → Unix time


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    entries: int
    faults: list[str]
    quantities: dict[tuple[str, str], Decimal]  # (wallet address in lower case, asset) → whole units


@dataclass(frozen=True, slots=True)
class EventFacts:
    written: int
    unnumbered: int
    head: int
    contiguous: bool


class DatabaseCensus:
    def __init__(self, mongodb_uri: str, database: str, org_id: str, network: str) -> None:
        self._client: AsyncMongoClient[Row] = AsyncMongoClient(mongodb_uri, tz_aware=True, tzinfo=UTC)
        self._database = self._client[database]
        self._org = {"org_id": org_id}
        self._org_id = org_id
        self._network = network

    async def close(self) -> None:
        await self._client.close()

    async def position(self) -> tuple[int, str]:
        """(height, hash) of the last block processed."""
        cursor = await self._database["chain_cursors"].find_one({"_id": self._network})
        return (cursor["height"], cursor["hash"]) if cursor else (-1, "")

    async def any_due(self) -> bool:
        return await self._any("transactions", {"network": self._network, "booking": "due"})

    async def any_unconfirmed(self) -> bool:
        return await self._any("transactions", {"network": self._network, "finality": "pending"})

    async def wallets(self) -> list[Row]:
        return await self._database["wallets"].find({**self._org, "network": self._network, "active": True}).to_list()

    async def _any(self, collection: str, query: Row) -> bool:
        return await self._database[collection].find_one({**query, **self._org}, {"_id": 1}) is not None

    async def movements(self) -> MovementFacts:
        rows = await self._database["transactions"].find(self._org).to_list()
        standing = [row for row in rows if row["finality"] != "orphaned"]
        orphaned = [row for row in rows if row["finality"] == "orphaned"]
        return MovementFacts(
            movements=Counter(_counted(row, movement) for row in standing for movement in row["movements"]),
            spam=Counter(_counted(row, movement) for row in standing for movement in row["movements"] if movement["spam_reason"]),
            classified=sum(len(row["movements"]) for row in standing if row["category"] != "unclassified"),
            booked=sum(not movement["spam_reason"] for row in standing if row["booking"] == "done" for movement in row["movements"]),
            orphaned=sum(len(row["movements"]) for row in orphaned),
            orphaned_transactions=frozenset(row["hash"] for row in orphaned),
            unfinished=sum(row["booking"] not in {"done", "none"} for row in standing),
            unconfirmed=sum(row["finality"] != "confirmed" for row in standing),
            categories={row["hash"]: row["category"] for row in standing},
            stored_at={(row["hash"], row["block_number"]): _unix(row["stored_at"]) for row in standing},
        )

    async def ledger(self) -> LedgerFacts:
        """In one snapshot: the lanes go on, and may post what lots cost while this reads."""
        names = ("journal_entries", "transactions", "account_balances", "accounts", "wallets")
        async with self._client.start_session() as session, await session.start_transaction(read_concern=ReadConcern("snapshot")):
            found = {name: await self._database[name].find(self._org, session=session).to_list() for name in names}
        entries, transactions, balances, accounts, wallets = (found[name] for name in names)
        assets = {account["code"] for account in accounts if account["account_type"] == "asset"}
        addresses = {wallet["_id"]: wallet["address"].lower() for wallet in wallets}
        standing = [entry for entry in entries if entry["status"] in {"posted", "reversed"}]
        with localcontext(_EXACT):
            faults = [*_unbalanced(standing), *_wrong_sums(standing, balances), *_booked_otherwise_than_once(standing, transactions)]
            return LedgerFacts(len(entries), faults, _quantities(standing, assets, addresses))

    async def events(self) -> EventFacts:
        rows = await self._database["events"].find(self._org, {"seq": 1, "pending": 1}).to_list()
        numbers = sorted(row["seq"] for row in rows if row["seq"] is not None)
        head = numbers[-1] if numbers else 0
        return EventFacts(len(rows), sum(row["pending"] for row in rows), head, numbers == list(range(1, head + 1)))


def _counted(row: Row, movement: Row) -> Counted:
    return Counted(
        transaction=row["hash"],
        kind=movement["kind"],
        contract=(movement["contract"] or "").lower(),
        sender=movement["from_address"].lower(),
        recipient=movement["to_address"].lower(),
        raw=int(movement["raw_amount"]),
    )


def _quantities(entries: list[Row], assets: set[str], addresses: dict[str, str]) -> dict[tuple[str, str], Decimal]:
    quantities: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in (line for entry in entries for line in entry["lines"]):
        if line["wallet_id"] and line["asset"] and line["account_code"] in assets:
            quantities[addresses[line["wallet_id"]], line["asset"]] += _decimal(line["quantity"])
    return dict(quantities)


def _unbalanced(entries: list[Row]) -> list[str]:
    faults = []
    for entry in entries:
        debit = sum((_decimal(line["debit"]) for line in entry["lines"]), Decimal(0))
        credit = sum((_decimal(line["credit"]) for line in entry["lines"]), Decimal(0))
        if not debit == credit == _decimal(entry["total_debit"]) == _decimal(entry["total_credit"]) or len(entry["lines"]) < 2:
            faults.append(f"entry {entry['_id']} does not balance: {debit} and {credit}")
    return faults


def _wrong_sums(entries: list[Row], balances: list[Row]) -> list[str]:
    """The kept balances against the lines that they stand for."""
    sums: defaultdict[tuple[str, str | None, str | None], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
    for line in (line for entry in entries for line in entry["lines"]):
        key = line["account_code"], line["wallet_id"], line["asset"]
        parts = _decimal(line["debit"]), _decimal(line["credit"]), _decimal(line["quantity"])
        sums[key] = [total + part for total, part in zip(sums[key], parts, strict=True)]
    kept = {
        (row["account_code"], row["wallet_id"], row["asset"]): [_decimal(row[name]) for name in ("debit", "credit", "quantity")] for row in balances
    }
    nothing = [Decimal(0)] * 3
    wrong = [key for key in sums.keys() | kept.keys() if sums.get(key, nothing) != kept.get(key, nothing)]
    return [f"the kept balance of {key} is {kept.get(key)}, its lines say {sums.get(key)}" for key in sorted(wrong, key=str)]


def _booked_otherwise_than_once(entries: list[Row], transactions: list[Row]) -> list[str]:
    """A booked transaction has exactly one entry in force, any other none."""
    in_force = Counter(entry["transaction_id"] for entry in entries if entry["status"] == "posted" and entry["source_kind"] == "transaction")
    return [
        f"transaction {row['hash']} ({row['finality']}, booking {row['booking']}) has {in_force[row['_id']]} entries in force"
        for row in transactions
        if in_force[row["_id"]] != (row["booking"] == "done" and row["finality"] != "orphaned")
    ]


def _decimal(value: Any) -> Decimal:
    if value is None:
        return Decimal(0)
    return value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)


def _unix(moment: datetime) -> float:
    return moment.timestamp()
