"""Refuses a server that loses acknowledged writes or has no transactions, before anything is entrusted to it.

`inspect` asks the server what it is and writes nothing: every process does it at its start. `probe` also makes the server show what it
does, on rows of its own that it removes: the deploy step does it.

The embedded server says nothing of `--sync-on-commit`, without which it loses acknowledged transactions when it is killed. What counts
as proof is the command line of the process that listens: it is on this machine, and the server tells its process id.
"""

import asyncio
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from bson.decimal128 import Decimal128
from pymongo import IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from mongodb_config.client import MongoClient
from mongodb_config.unit_of_work import UnitOfWork

COLLECTION = "server_probe"
RACERS = 8
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_MORE_NODES_THAN_ANY = 50  # a replica set has at most 50 members, and this deployment fewer
_MAJORITY = WriteConcern("majority", j=True)
_UNSATISFIABLE = 100
_UNAUTHORIZED = 13

Rows = AsyncCollection[dict[str, Any]]


class UnfitServer(RuntimeError):
    """The server is refused; the message says why and what to do, in one line. A process that meets it ends with EXIT_CODE."""

    EXIT_CODE = 78  # EX_CONFIG: nothing that a restart would cure


async def inspect(client: MongoClient) -> None:
    """Looks at what the server says of itself. UnfitServer when it is not durable or cannot do transactions."""
    if client.write_concern != _MAJORITY:
        raise UnfitServer(
            f"{await _name(client)}: the connection does not ask for w=majority and journal=true; make it by mongodb_config.client.connect."
        )
    hello = await client.admin.command("hello")
    sharded = hello.get("msg") == "isdbgrid"
    if not sharded and "setName" not in hello:
        raise UnfitServer(
            f"{await _name(client)} is a standalone server, which has no transactions: start it with --replSet and run "
            "mongodb_config/scripts/init-replica-set.sh."
        )
    if "logicalSessionTimeoutMinutes" not in hello:
        raise UnfitServer(f"{await _name(client)} has no sessions, and so no transactions: MongoDB 6.0 or newer is needed.")
    if "localTime" not in hello:
        raise UnfitServer(f"{await _name(client)} does not tell what time it is, by which leases, sessions and what is due are judged.")
    if "secantusVersion" in await client.admin.command("buildInfo"):
        await _embedded_is_durable(client)
    elif not sharded:
        await _engine_is_persistent(client)


async def probe(client: MongoClient, database_name: str) -> None:
    """`inspect`, then every ability that correctness rests on, tried out. UnfitServer at the first that is missing."""
    await inspect(client)
    rows = client[database_name].get_collection(COLLECTION, write_concern=_MAJORITY, read_concern=ReadConcern("majority"))
    await rows.create_indexes(
        [
            IndexModel([("run", 1), ("slot", 1)], unique=True, name="slot", partialFilterExpression={"slot": {"$exists": True}}),
            IndexModel([("run", 1), ("lane", 1)], unique=True, name="live_lane", partialFilterExpression={"live": True}),
        ]
    )
    run = secrets.token_hex(8)
    try:
        for check in _CHECKS:
            problem = await check(client, rows, run)
            if problem:
                raise UnfitServer(f"{await _name(client)} is refused: {problem}.")
    finally:
        await rows.delete_many({"run": run})


async def _name(client: MongoClient) -> str:
    address = await client.address
    return f"MongoDB at {address[0]}:{address[1]}" if address else "MongoDB"


# What the server says


async def _engine_is_persistent(client: MongoClient) -> None:
    try:
        engine = (await client.admin.command("serverStatus")).get("storageEngine", {})
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
        raise UnfitServer(f"{await _name(client)} does not show its storage engine: give the user of MONGODB_URI the role clusterMonitor.") from error
    if not engine.get("persistent"):
        raise UnfitServer(f"{await _name(client)} keeps its data in memory (storage engine {engine.get('name')}): use wiredTiger.")


async def _embedded_is_durable(client: MongoClient) -> None:
    status, address = await client.admin.command("serverStatus"), await client.address
    assert address is not None  # a server has just answered
    if address[0] not in _LOOPBACK:
        raise UnfitServer(
            f"{await _name(client)} is SecantusDB on another machine, where --sync-on-commit cannot be proven: it is for trying out on one "
            "machine only; use a MongoDB replica set."
        )
    command = await asyncio.to_thread(command_line_of, int(status["pid"]))
    if ":memory:" in command or not status["storageEngine"].get("persistent"):
        raise UnfitServer(f"{await _name(client)} keeps its data in memory: give it a --storage-path.")
    if not proves_sync_on_commit(command, address[1]):
        raise UnfitServer(
            f"{await _name(client)} is SecantusDB and was not shown to run with --sync-on-commit, without which it loses acknowledged transactions "
            "when it is killed: start it with that flag."
        )


def command_line_of(pid: int) -> list[str]:
    """The arguments that a process of this machine was started with; empty when they cannot be seen."""
    file = Path(f"/proc/{pid}/cmdline")
    try:
        if file.exists():
            return [part.decode(errors="replace") for part in file.read_bytes().split(b"\0") if part]
        if ps := shutil.which("ps"):
            return subprocess.run([ps, "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False).stdout.split()
    except OSError:
        pass
    return []


def proves_sync_on_commit(command: list[str], port: int) -> bool:
    """Whether this is the command line of the SecantusDB on that port, and makes it sync each commit."""
    listens_there = any(pair == ("--port", str(port)) for pair in pairwise(command)) or f"--port={port}" in command
    return any("secantus" in part for part in command[:4]) and listens_there and "--sync-on-commit" in command


# What the server does: each check answers what is wrong, or None


async def _honours_write_concern(_: MongoClient, rows: Rows, run: str) -> str | None:
    done = await rows.insert_one({"_id": f"{run}-acknowledged", "run": run})
    if not done.acknowledged:
        return "it does not acknowledge writes"
    try:
        await rows.with_options(write_concern=WriteConcern(_MORE_NODES_THAN_ANY, wtimeout=200)).insert_one({"_id": f"{run}-too-many", "run": run})
    except PyMongoError as error:
        if getattr(error, "code", None) in (_UNSATISFIABLE, 64) or getattr(error, "timeout", False):
            return None
        raise
    return "it ignores the write concern: a write to 50 nodes was acknowledged"


async def _commit_is_seen_and_abort_is_not(client: MongoClient, rows: Rows, run: str) -> str | None:
    async def two_rows(session: AsyncClientSession) -> None:
        await rows.insert_one({"_id": f"{run}-one", "run": run, "part": True}, session=session)
        await rows.insert_one({"_id": f"{run}-two", "run": run, "part": True}, session=session)

    await UnitOfWork(client).run(two_rows)
    if await rows.count_documents({"run": run, "part": True}) != 2:
        return "a committed transaction cannot be seen whole"
    async with _transaction(client) as session:
        await rows.insert_one({"_id": f"{run}-undone", "run": run}, session=session)
        if await rows.find_one({"_id": f"{run}-undone"}):
            return "a write inside a transaction is seen outside before the commit"
    if await rows.find_one({"_id": f"{run}-undone"}):
        return "an aborted transaction left its writes behind"
    return None


async def _conflicts_are_told(client: MongoClient, rows: Rows, run: str) -> str | None:
    contended = {"_id": f"{run}-contended"}
    await rows.insert_one({**contended, "run": run, "value": 0})
    async with _transaction(client) as first, _transaction(client) as second:
        await rows.update_one(contended, {"$inc": {"value": 1}}, session=first)
        try:
            await rows.update_one(contended, {"$inc": {"value": 1}}, session=second)
        except PyMongoError as error:
            return None if error.has_error_label("TransientTransactionError") else "a write conflict has no TransientTransactionError label"
    return "two transactions changed the same row at once"


async def _unique_has_one_winner(_: MongoClient, rows: Rows, run: str) -> str | None:
    if await _winners(rows, [{"run": run, "slot": 1} for _ in range(RACERS)]) != 1:
        return "a unique index let several racing inserts in"
    if await _winners(rows, [{"run": run, "lane": 1, "live": True} for _ in range(RACERS)]) != 1:
        return "a partial unique index let several racing inserts in"
    if await _winners(rows, [{"run": run, "lane": 1, "live": False} for _ in range(2)]) != 2:
        return "a partial unique index also refuses rows outside its filter"
    return None


async def _winners(rows: Rows, racing: list[dict[str, Any]]) -> int:
    done = await asyncio.gather(*(rows.insert_one(row) for row in racing), return_exceptions=True)
    for answer in done:
        if isinstance(answer, BaseException) and not isinstance(answer, DuplicateKeyError):
            raise answer
    return sum(not isinstance(answer, BaseException) for answer in done)


async def _decimals_are_exact(_: MongoClient, rows: Rows, run: str) -> str | None:
    start, step = Decimal("9999999999999999.999999999999999998"), Decimal("0.000000000000000001")  # 34 digits
    row = {"_id": f"{run}-sum"}
    await rows.insert_one({**row, "run": run, "value": Decimal128(start)})
    await rows.update_one(row, {"$inc": {"value": Decimal128(step)}})
    found = await rows.find_one(row)
    wanted = Decimal("9999999999999999.999999999999999999")
    return None if found and found["value"].to_decimal() == wanted else "$inc of a Decimal128 is not exact"


async def _reads_are_snapshots(client: MongoClient, rows: Rows, run: str) -> str | None:
    row = {"_id": f"{run}-snapshot"}
    await rows.insert_one({**row, "run": run, "value": 1})
    async with _transaction(client) as session:
        before = await rows.find_one(row, session=session)
        await rows.update_one(row, {"$set": {"value": 2}})
        again = await rows.find_one(row, session=session)
        if before != again:
            return "a transaction does not read from one snapshot"
    after = await rows.find_one(row)
    return None if after and after["value"] == 2 else "an acknowledged write is not read back"


@asynccontextmanager
async def _transaction(client: MongoClient) -> AsyncIterator[AsyncClientSession]:
    """A transaction that is aborted at its end."""
    async with client.start_session() as session:
        await session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=_MAJORITY)
        try:
            yield session
        finally:
            if session.in_transaction:
                await session.abort_transaction()


_CHECKS: tuple[Callable[[MongoClient, Rows, str], Awaitable[str | None]], ...] = (
    _honours_write_concern,
    _commit_is_seen_and_abort_is_not,
    _conflicts_are_told,
    _unique_has_one_winner,
    _decimals_are_exact,
    _reads_are_snapshots,
)
