"""Posting: the same two-line entries by the raw driver, by ours and by medici, in turn on one database server, each in a database of its own.

The raw driver inserts one document and increments two balances in a transaction. It checks nothing, has no event, no exactly-once, no closed months,
no index but the one on `_id` and no validator: it is the limit, not an equal. Medici has a journal and lines, and checks that an entry balances; by
itself it writes one after the other, so that a crash leaves lines without a journal, and with a session both in a transaction: each is measured.
"""

import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from beanie import init_beanie
from bson.decimal128 import Decimal128
from pymongo import UpdateOne
from pymongo.errors import PyMongoError

from benchmarks.chain import cpu_of
from benchmarks.lanes import in_lanes
from benchmarks.peers.comparison import Comparison, Row
from benchmarks.peers.peer import Home, PeerUnavailable, node_of, run
from crypto_api.documents import DOCUMENTS
from crypto_api.kit.ids import new_id
from crypto_api.ledger import service
from crypto_api.ledger.documents import AccountBalance, JournalEntry
from crypto_api.ledger.types import EntryDraft, Line, Source, SourceKind
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config.client import MongoClient, connect
from mongodb_config.migrations import deploy
from mongodb_config.unit_of_work import Session, UnitOfWork

MEDICI, MEDICI_VERSION, MONGOOSE_VERSION = "medici", "7.4.0", "9.12.1"
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ACCOUNTS, WARMING = 100, 20
WAYS = ("one after the other, not in a transaction", "in a transaction")  # medici's: what its `commit` does by itself, and with a session
BATCHES = {"raw driver": 500, "coffer": 500}
COMPARED = "what every account holds at the end"
Entry = tuple[int, int]
"""The place of its accounts, and its amount."""
Held = dict[str, Decimal]


@dataclass(frozen=True)
class Sizes:
    alone: int = 300
    at_once: int = 1_600
    imported: int = 5_000


@dataclass(frozen=True)
class Mode:
    name: str  # as medici.js knows it
    title: str
    at_once: int  # of ours and of the raw driver; medici's is in medici.js
    hot: bool = False  # all on one pair of accounts


ALONE = Mode("alone", "Posting, one after another", 1)
AT_ONCE = Mode("at-once", "Posting, 16 at once", 16)
HOT = Mode("at-once", "Posting, 16 at once on one and the same account", 16, hot=True)
IMPORT = Mode("import", "Bringing a history: many in one transaction", 1)


def entries_of(count: int, *, hot: bool = False, seed: int = 1) -> list[Entry]:
    chance = random.Random(seed)
    return [(0 if hot else chance.randrange(ACCOUNTS), chance.randrange(1, 100_000)) for _ in range(count)]


class Server:
    """The embedded database, and who uses it."""

    def __init__(self, client: MongoClient, uri: str, pid: int) -> None:
        self.client, self.uri, self.pid, self.uow, self.made = client, uri, pid, UnitOfWork(client), 0

    def database(self) -> str:
        self.made += 1
        return f"posting_{self.made}"


@asynccontextmanager
async def server() -> AsyncIterator[Server]:
    with tempfile.TemporaryDirectory(prefix="coffer-bench-") as folder:
        place = Path(folder)
        async with EmbeddedServers(place / "data", place / "logs", configured=Configured.nothing(), chain=None) as servers:
            client, pid = connect(servers.addresses.mongodb_uri), servers.children["mongodb"].pid
            assert pid is not None
            yield Server(client, servers.addresses.mongodb_uri, pid)
            await client.close()


async def compare(sizes: Sizes, home: Home) -> list[Comparison]:
    absent = ""
    try:
        await home.npm(MEDICI, MEDICI_VERSION, f"medici@{MEDICI_VERSION}", f"mongoose@{MONGOOSE_VERSION}")
    except PeerUnavailable as error:
        absent = str(error)
    counts = {ALONE: sizes.alone, AT_ONCE: sizes.at_once, HOT: sizes.at_once, IMPORT: sizes.imported}
    async with server() as at:
        return [await _compare(at, mode, entries_of(count, hot=mode.hot), home, absent) for mode, count in counts.items()]


async def _compare(at: Server, mode: Mode, entries: Sequence[Entry], home: Home, absent: str) -> Comparison:
    wanted = _sums(entries)
    rows = [await _raw(at, mode, entries, wanted), await _ours(at, mode, entries, wanted)]
    why = {MEDICI: absent} if absent else {}
    for way in () if absent else (WAYS[1:] if mode is IMPORT else WAYS):
        try:
            rows.append(await _medici(at, mode, way, entries, wanted, home))
        except PeerUnavailable as error:
            why[f"{MEDICI}, {way}"] = str(error)
    return Comparison("posting", f"{mode.title} ({len(entries):,} entries)", "entries", COMPARED, rows, why)


def _sums(entries: Sequence[Entry]) -> Held:
    """By hand, so that all of them are compared with what nobody of them made."""
    sums: Counter[str] = Counter()
    for place, amount in entries:
        sums[f"cash {place}"] += amount
        sums[f"sales {place}"] -= amount
    return {name: Decimal(amount) for name, amount in sums.items()}


async def _timed(at: Server, count: int, work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Entries a second, and the milliseconds that the server and this process compute for one."""
    before, started = cpu_of(at.pid) + time.process_time(), time.perf_counter()
    await work()
    return count / (time.perf_counter() - started), (cpu_of(at.pid) + time.process_time() - before) * 1_000 / count


async def _post(mode: Mode, entries: Sequence[Entry], batch: int, post: Callable[[Sequence[Entry]], Awaitable[None]]) -> None:
    parts = [entries[at : at + batch] for at in range(0, len(entries), batch)] if mode is IMPORT else [[entry] for entry in entries]
    await in_lanes(parts, mode.at_once, post)


# ---- the raw driver --------------------------------------------------------------------------------------------------------------


async def _raw(at: Server, mode: Mode, entries: Sequence[Entry], wanted: Held) -> Row:
    database = at.client[at.database()]
    for name in ("entries", "balances"):
        await database.create_collection(name)

    async def post(some: Sequence[Entry]) -> None:
        rows, sums = [_raw_row(entry) for entry in some], _sums(some)
        changes = [UpdateOne({"_id": name}, {"$inc": {"held": Decimal128(amount)}}, upsert=True) for name, amount in sums.items()]

        async def work(session: Session) -> None:
            await database["entries"].insert_many(rows, session=session)
            await database["balances"].bulk_write(changes, session=session)

        await _until_it_goes(lambda: at.uow.run(work))

    await post([(0, 0)])
    per_s, cpu_ms = await _timed(at, len(entries), lambda: _post(mode, entries, BATCHES["raw driver"], post))
    found = {row["_id"]: row["held"].to_decimal() async for row in database["balances"].find()}
    does = "a document and two sums in a transaction; checks nothing" + (f"; {BATCHES['raw driver']} in one" if mode is IMPORT else "")
    held = {name: amount for name, amount in found.items() if amount}
    return Row("raw driver", "", does, per_s, cpu_ms, is_limit=True, found=held, wanted=wanted)


async def _until_it_goes(unit: Callable[[], Awaitable[None]]) -> None:
    """Without any order of who is next, a unit of work loses against others more often than the product would let it."""
    while True:
        try:
            return await unit()
        except PyMongoError as error:
            if not error.has_error_label("TransientTransactionError"):
                raise


def _raw_row(entry: Entry) -> dict[str, Any]:
    amount, zero = Decimal128(Decimal(entry[1])), Decimal128("0")
    lines = [
        {"account": "1100", "debit": amount, "credit": zero, "asset": "USDC", "quantity": amount, "wallet": f"w{entry[0]}", "description": ""},
        {"account": "4100", "debit": zero, "credit": amount, "asset": f"A{entry[0]}", "quantity": amount, "wallet": None, "description": ""},
    ]
    return {"_id": new_id("je"), "org_id": "org_1", "source": new_id("s"), "date": NOW, "lines": lines, "total": amount, "at": NOW}


# ---- ours ------------------------------------------------------------------------------------------------------------------------


async def _ours(at: Server, mode: Mode, entries: Sequence[Entry], wanted: Held) -> Row:
    name, org_id = at.database(), new_id("org")
    await deploy(at.client, name, DOCUMENTS)
    await init_beanie(database=at.client[name], document_models=DOCUMENTS, skip_indexes=True)
    await at.uow.run(lambda session: service.create_chart(session, org_id, NOW))

    async def work(session: Session, drafts: Sequence[EntryDraft]) -> list[JournalEntry]:
        return await service.post_all(session, org_id, drafts, NOW)

    async def post(some: Sequence[Entry]) -> None:
        drafts = [_draft(entry) for entry in some]
        if mode is IMPORT:
            await at.uow.run(lambda session: work(session, drafts))
        else:
            await at.uow.together("post", drafts[0], work)

    await post([(0, 1)])
    per_s, cpu_ms = await _timed(at, len(entries), lambda: _post(mode, entries, BATCHES["coffer"], post))
    does = "entry, balances, event, in exactly one; kept months, validators" + (f"; {BATCHES['coffer']} in one" if mode is IMPORT else "")
    return Row("coffer", "", does, per_s, cpu_ms, found=await _held(org_id), wanted={**wanted, **_warmed(wanted)})


def _draft(entry: Entry) -> EntryDraft:
    place, amount = entry[0], Decimal(entry[1])
    lines = [
        Line(account_code="1100", debit=amount, asset="USDC", quantity=amount, wallet_id=f"w{place}"),
        Line(account_code="4100", credit=amount, asset=f"A{place}", quantity=-amount),
    ]
    source = Source(kind=SourceKind.TRANSACTION, id=new_id("src"), purpose="movements")
    return EntryDraft(date=NOW.date(), description="Sale", source=source, lines=lines)


def _warmed(wanted: Held) -> Held:
    """With the one entry that came first: a draft of nothing is refused."""
    return {"cash 0": wanted.get("cash 0", Decimal(0)) + 1, "sales 0": wanted.get("sales 0", Decimal(0)) - 1}


async def _held(org_id: str) -> Held:
    held = {}
    async for row in AccountBalance.find({"org_id": org_id}):
        name = f"cash {row.wallet_id[1:]}" if row.wallet_id is not None else f"sales {str(row.asset)[1:]}"
        held[name] = row.debit - row.credit
    return held


# ---- medici ----------------------------------------------------------------------------------------------------------------------


async def _medici(at: Server, mode: Mode, way: str, entries: Sequence[Entry], wanted: Held, home: Home) -> Row:
    place = home.folder / MEDICI
    file = place / "entries.json"
    file.write_text(json.dumps(entries))
    arguments: list[str | Path] = [at.uri, at.database(), mode.name, way, file, str(at.pid)]
    ran = await run([node_of(MEDICI), Path(__file__).with_name("medici.js"), *arguments], place, place / "said.log")
    told: Mapping[str, Any] = json.loads(ran.said)
    held = {_ours_of(account): Decimal(amount) for account, amount in told["held"].items()}
    does = f"journal and lines {way}" + ("; 50 in one" if mode is IMPORT else "")
    per_s, cpu_ms = len(entries) / told["seconds"], told["cpu"] * 1_000 / len(entries)
    return Row(MEDICI, MEDICI_VERSION, does, per_s, cpu_ms, ran.peak_mb, found=held, wanted=wanted)


def _ours_of(account: str) -> str:
    kind, _, place = account.partition(":")[2].partition(":")
    return f"{kind.lower()} {place}"
