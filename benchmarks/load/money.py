"""Payments posted with an `Idempotency-Key` by programs that send a request again when they hear nothing, and what then stands in the database.

Each payment is prepared as a program does it: tried on the node, judged by the policy, stored with its event and its audit record, for two people to
approve. Afterwards the rows are counted raw, by the words that each was given: none that was acknowledged may be missing, none may be there twice.
Then every key is sent once more, and the answer has to be the first one byte by byte; and the chain of seals over the audit log has to hold.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from random import Random

import orjson
from eth_utils.address import to_checksum_address

from benchmarks.load.installation import Installation, Usage
from benchmarks.load.target import Target
from benchmarks.load.traffic import SENT_AWAY, Figures, Traffic
from benchmarks.load.wire import NONE, Answer, Pool
from crypto_api.audit.documents import AuditRecord
from crypto_api.wallets.documents import WalletType

PATH = "/api/payments/"
CREATED = 201
AMOUNT = "1.5"  # above what the policy lets pass without an approval
TWICE_OF_A_HUNDRED = 3
BALANCE = 10**27  # wei
AGAIN_S, TRIES_MAX = 1.0, 30
SEALED_S_MAX = 300.0


@dataclass
class Kept:
    """What the clients were told."""

    acknowledged: dict[str, bytes] = field(default_factory=dict)  # by key: the first answer
    differing: int = 0  # answers to the same key that were not the same bytes
    asked: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Books:
    """What is there afterwards."""

    acknowledged: int
    lost: int
    double: int
    unasked: int  # there, and nobody asked for it
    differing: int  # answers to a key that are not the first one
    replayed: int
    unaudited: int  # payments without a record in the audit log

    @property
    def right(self) -> bool:
        return not (self.lost or self.double or self.unasked or self.differing or self.unaudited)


@dataclass(frozen=True)
class Money:
    figures: Figures
    usage: Usage
    books: Books
    chain_holds: bool


class Payers:
    def __init__(self, target: Target, wallet_id: str, word: str, seed: int = 1) -> None:
        self._of, self._wallet_id, self.word = target, wallet_id, word
        self._numbers, self._random = count(1), Random(seed)
        self._again: list[str] = []
        self.kept = Kept()

    def request(self, key: str) -> bytes:
        number = int(key.rpartition("-")[2])
        to = to_checksum_address(f"0x{2**159 + number:040x}")
        return self._of.post(PATH, {"wallet_id": self._wallet_id, "to": to, "amount": AMOUNT, "description": key}, idempotency_key=key)

    def source(self) -> bytes:
        """A new payment; now and then one that was asked for already, while the first may still be at work."""
        if self._again and self._random.randrange(100) < TWICE_OF_A_HUNDRED:
            return self.request(self._random.choice(self._again))
        key = f"{self.word}-{next(self._numbers)}"
        self.kept.asked.add(key)
        self._again = [*self._again[-50:], key]
        return self.request(key)

    def heard(self, request: bytes, answer: Answer) -> None:
        if answer.status == CREATED:
            key = orjson.loads(answer.body)["description"]
            first = self.kept.acknowledged.setdefault(key, answer.body)
            self.kept.differing += first != answer.body


async def insistent(pool: Pool, request: bytes) -> Answer:
    """Sent away, still at work elsewhere, or without an answer: it is sent again as it was."""
    for _ in range(TRIES_MAX):
        answer = await pool.ask(request)
        if answer.status not in (*SENT_AWAY, 409, NONE):
            return answer
        await asyncio.sleep(AGAIN_S)
    return Answer()


async def measure_money(installation: Installation, *, clients: int, rate: float, seconds: float, word: str = "load") -> Money:
    wallet = next(row for row in await installation.wallets() if row["wallet_type"] == WalletType.PRIVATE_KEY)
    await installation.actor.set_balance(str(wallet["address"]), BALANCE)
    payers = Payers(installation, str(wallet["_id"]), word)
    async with installation.pool(clients) as pool:
        over = installation.watch()
        figures = await Traffic(pool, payers.source, payers.heard).clients(clients, rate, seconds)
        usage = over()
        books = await looked_up(installation, payers, pool)
        return Money(figures, usage, books, await chain_holds(installation, pool))


async def looked_up(target: Target, payers: Payers, pool: Pool) -> Books:
    """Raw, past everything that is ours."""
    rows = target.database["payments"].find({"org_id": target.org_id, "description": {"$regex": f"^{payers.word}-"}})
    there = {str(row["_id"]): str(row["description"]) async for row in rows}
    times, told = Counter(there.values()), payers.kept.acknowledged
    replayed, room = 0, asyncio.Semaphore(8)

    async def again(key: str) -> None:
        nonlocal replayed
        async with room:
            answer = await insistent(pool, payers.request(key))
        replayed += answer.headers.get(b"idempotency-replayed") == b"true"
        payers.kept.differing += answer.status != CREATED or answer.body != told[key]

    await asyncio.gather(*map(again, told))
    records = target.database[str(AuditRecord.Settings.name)].find({"org_id": target.org_id, "subject_kind": "payment"}, {"subject_id": 1})
    audited = {str(record["subject_id"]) async for record in records}
    return Books(
        acknowledged=len(told),
        lost=len(told.keys() - times.keys()),
        double=sum(number - 1 for number in times.values()),
        unasked=len(times.keys() - payers.kept.asked),
        differing=payers.kept.differing,
        replayed=replayed,
        unaudited=len(there.keys() - audited),
    )


async def chain_holds(target: Target, pool: Pool) -> bool:
    """Once every record has its seal."""
    async with asyncio.timeout(SEALED_S_MAX):
        while await target.database["audit_queue"].count_documents({"org_id": target.org_id}):
            await asyncio.sleep(0.5)
    answer = await insistent(pool, target.get("/api/audit-log/verify/"))
    return answer.status == 200 and bool(orjson.loads(answer.body)["ok"])
