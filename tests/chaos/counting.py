"""Counts what a run left, raw: from MongoDB as it lies there and from the node as it answers. Nothing of the product is imported here, and what is
of the demo's censuses shares no code with it either."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pymongo
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from crypto_project.demo.chain import ChainActor
from crypto_project.demo.chain_census import Counted, Watched, read_balances, take_chain_census
from crypto_project.demo.database_census import DatabaseCensus

Row = dict[str, Any]
DECIMALS = {"ETH": 18, "USDC": 6, "WETH": 18}


@dataclass(frozen=True)
class Asked:
    """A payment that somebody asked for."""

    id: str
    wallet_id: str
    to: str
    asset: str
    amount: str


@dataclass(frozen=True)
class Scope:
    """Whose traces are counted."""

    org_id: str
    network: str
    tokens: dict[str, str]  # symbol → contract; "" for the coin
    wallets: dict[str, str]  # id → address
    paying: list[str]  # addresses
    since: dict[str, int]  # wallet id → block from which its history was asked for; else its movements count from the one after its opening


class Count:
    def __init__(self, mongodb_uri: str, database: str, actor: ChainActor, rpc_url: str, scope: Scope) -> None:
        self._client: AsyncMongoClient[Row] = AsyncMongoClient(mongodb_uri, tz_aware=True, tzinfo=UTC)
        self._database = self._client[database]
        self._census = DatabaseCensus(mongodb_uri, database, scope.org_id, scope.network)
        self._actor, self._rpc_url, self._scope = actor, rpc_url, scope

    async def close(self) -> None:
        await self._census.close()
        await self._client.close()

    # ---- while it runs -----------------------------------------------------------------------------------------------------------

    async def payments(self) -> dict[str, Row]:
        return {row["origin"]["id"]: row for row in await self._rows("payments")}

    async def replacements_sent(self) -> set[str]:
        """Payments of which more than the first attempt was sent."""
        rows = (
            await self._database["payment_attempts"]
            .find({"org_id": self._scope.org_id, "number": {"$gt": 0}, "first_sent_at": {"$ne": None}})
            .to_list()
        )
        sent = {row["payment_id"] for row in rows}
        return {key for key, row in (await self.payments()).items() if row["_id"] in sent}

    async def unopened(self) -> int:
        return await self._database["wallets"].count_documents({"org_id": self._scope.org_id, "opening": "due"})

    async def at_head(self) -> bool:
        head = await self._actor.rpc("eth_getBlockByNumber", "latest", False)
        return (await self._census.position())[1] == head["hash"]

    async def settled(self) -> bool:
        """Everything that is on the chain is in the books, and no history is being read."""
        backfills = await self._database["backfills"].count_documents({"org_id": self._scope.org_id, "live": True})
        return await self.at_head() and not backfills and not await self._census.any_due()

    # ---- movements and books -----------------------------------------------------------------------------------------------------

    async def movements(self) -> tuple[Counter[str], list[str]]:
        """How many were found, and what is missing, doubled or in another block."""
        on_chain, problems = await self._on_chain()
        stored = await self._census.movements()
        problems += [f"not stored: {row}" for row in on_chain - stored.movements]
        problems += [f"stored, and not on the chain or more than once: {row}" for row in stored.movements - on_chain]
        rows = await self._rows("transactions")
        twice = [hash_ for hash_, count in Counter(row["hash"] for row in rows).items() if count > 1]
        problems += [f"{hash_} has more than one row" for hash_ in twice]
        return Counter(movements=sum(stored.movements.values()), orphaned=stored.orphaned), problems

    async def _on_chain(self) -> tuple[Counter[Counted], list[str]]:
        """What every wallet should have, each from the block on from which it counts."""
        contracts = {contract.lower() for contract in self._scope.tokens.values() if contract}
        begins: dict[int, set[str]] = {}
        for row in await self._rows("wallets"):
            if row["opened_at_height"] is None:
                return Counter(), [f"{row['name']} was never opened"]
            after_opening = row["opened_at_height"] + 1
            begins.setdefault(min(after_opening, self._scope.since.get(row["_id"], after_opening)), set()).add(row["address"].lower())
        found: Counter[Counted] = Counter()
        for first, addresses in begins.items():
            watched = Watched(frozenset(addresses), frozenset(contracts), self._scope.tokens["WETH"].lower())
            found |= (await take_chain_census(self._rpc_url, watched, first)).movements
        return found, []

    async def books(self) -> list[str]:
        """Every transaction is booked once, every entry balances, every sum is that of its lines, and holdings are what the chain says."""
        ledger = await self._census.ledger()
        height, _ = await self._census.position()
        chain = await read_balances(self._rpc_url, self._scope.wallets.values(), self._scope.tokens, height)
        problems = list(ledger.faults)
        for (address, asset), raw in chain.items():
            held = ledger.quantities.get((address, asset), Decimal(0))
            if held != Decimal(raw).scaleb(-DECIMALS[asset]):
                problems.append(f"{address} has {held} {asset} in the books, and {raw} units on the chain")
        return problems

    # ---- payments ----------------------------------------------------------------------------------------------------------------

    async def paid(self, asked: list[Asked]) -> tuple[Counter[str], list[str]]:
        """By the chain alone, and what the database says of it."""
        rows, problems = await self._rows("payments"), []
        payments = {row["origin"]["id"]: row for row in rows}
        if len(rows) != len(asked) or set(payments) != {each.id for each in asked}:
            return Counter(), [f"{len(rows)} payments of {len(asked)} that were asked for"]
        states: Counter[str] = Counter()
        for each in asked:
            row = payments[each.id]
            states[row["state"].lower()] += 1
            arrived = await self._arrived(each)
            wanted = Decimal(each.amount) if row["state"] == "CONFIRMED" else Decimal(0)
            if arrived != wanted or row["state"] not in ("CONFIRMED", "CANCELLED"):
                problems.append(f"{each.id} is {row['state']}, and {arrived} {each.asset} of {each.amount} arrived")
        return states, problems + await self._nonces()

    async def _nonces(self) -> list[str]:
        """Every transaction of a paying wallet is one that is written down, and no nonce is left open."""
        problems, attempts = [], {row["hash"] for row in await self._rows("payment_attempts") if row["hash"]}
        for sender in self._scope.paying:
            slots = await self._database["nonce_slots"].find({"address": sender}).to_list()
            used = int(await self._actor.rpc("eth_getTransactionCount", sender, "latest"), 16)
            if sorted(slot["nonce"] for slot in slots) != list(range(used)):
                problems.append(f"{sender}: nonces {sorted(slot['nonce'] for slot in slots)}, and the chain has {used}")
            if any(slot["live"] for slot in slots):
                problems.append(f"{sender}: a nonce is left open")
            if await self._database["sender_lanes"].count_documents({"address": sender, "frozen_reason": {"$ne": None}}):
                problems.append(f"{sender} is stopped")
        sent = [row for row in await self._rows("transactions") if row["finality"] != "orphaned"]
        problems += [
            f"{row['hash']} was sent by {row['from_address']} and is nobody's payment"
            for row in sent
            if row["from_address"] in self._scope.paying and row["hash"] not in attempts
        ]
        return problems

    async def _arrived(self, asked: Asked) -> Decimal:
        if asked.asset == "ETH":
            return Decimal(int(await self._actor.rpc("eth_getBalance", asked.to, "latest"), 16)).scaleb(-18)
        data = "0x70a08231" + "0" * 24 + asked.to[2:].lower()
        answer = await self._actor.rpc("eth_call", {"to": self._scope.tokens[asked.asset], "data": data}, "latest")
        return Decimal(int(answer, 16)).scaleb(-DECIMALS[asked.asset])

    # ---- what is left behind -----------------------------------------------------------------------------------------------------

    async def left_behind(self, alive: set[int]) -> list[str]:
        """Leases and heartbeats of processes that are dead, and rows that a dead one's transaction still locks. `alive`: those that run."""
        leases = await self._database["leases"].find({"expires_at": {"$gt": datetime.now(UTC)}}).to_list()
        present = await self._database["process_presence"].find({}).to_list()
        problems = [f"lease {row['_id']} is held by {row['holder']}, which is dead" for row in leases if _pid(row["holder"]) not in alive]
        problems += [
            f"{row['_id']} is dead, and its {len(row.get('sessions', []))} sessions live" for row in present if _pid(row["_id"]) not in alive
        ]
        return problems + await self._locked()

    async def _locked(self) -> list[str]:
        """Gets hold of each row of the run, as a writer does, and lets go of it unchanged."""
        paying, problems = {"address": {"$in": self._scope.paying}}, []
        ours = {"org_id": self._scope.org_id}
        queries: dict[str, Row] = {"chain_cursors": {}, "nonce_slots": paying, "sender_lanes": paying}
        queries |= dict.fromkeys(("wallets", "transactions", "payments", "payment_attempts", "account_balances", "backfills"), ours)
        for name, query in queries.items():
            async with self._client.start_session() as session:
                await session.start_transaction()
                try:
                    with pymongo.timeout(5):
                        await self._database[name].update_many(query, {"$inc": {"counted": 1}}, bypass_document_validation=True, session=session)
                        await session.abort_transaction()
                except PyMongoError as error:
                    problems.append(f"{name} is locked: {str(error)[:120]}")
        return problems

    async def _rows(self, collection: str) -> list[Row]:
        return await self._database[collection].find({"org_id": self._scope.org_id}).to_list()


def _pid(name: str) -> int:
    """Out of `<host>|<space>|<number>|<start>…`, as processes call themselves."""
    parts = name.split("|")
    return int(parts[2]) if len(parts) > 3 and parts[2].isdigit() else -1
