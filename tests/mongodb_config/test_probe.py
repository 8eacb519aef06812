"""The start-up probe: what it refuses, that each of its checks can fail, and the figure it rests on: nothing acknowledged is lost."""

import asyncio
import os
import random
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from pymongo import AsyncMongoClient

from crypto_project.embedded.child import Child
from crypto_project.embedded.mongodb import mongodb
from crypto_project.embedded.ports import free_port
from crypto_project.embedded.servers import Addresses
from mongodb_config import probe as probe_module
from mongodb_config.client import MongoClient, connect
from mongodb_config.probe import UnfitServer, inspect, probe, proves_sync_on_commit
from mongodb_config.unit_of_work import Session, UnitOfWork

ROOT = Path(__file__).resolve().parents[2]
KILL_RUNS, WRITERS, KILLED_WITHIN = 5, 4, (30, 90)


@asynccontextmanager
async def secantusdb(folder: Path, *flags: str, storage: str | None = None) -> AsyncIterator[str]:
    """The embedded server with these flags only; yields its URI."""
    port = free_port()
    (folder / "db").mkdir()
    command = [sys.executable, "-m", "secantus", "--port", str(port), "--storage-path", storage or str(folder / "db"), *flags]

    async def answers() -> bool:
        async with AsyncMongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=1_000) as client:
            return bool((await client.admin.command("hello"))["isWritablePrimary"])

    child = Child("mongodb", command, log_file=folder / "mongodb.log", ready=answers, cwd=folder)
    await child.start()
    try:
        yield f"mongodb://127.0.0.1:{port}/?retryWrites=false"
    finally:
        child.kill()
        await child.wait()


async def refusal(uri: str) -> str:
    async with connect(uri) as client:
        with pytest.raises(UnfitServer) as caught:
            await probe(client, "probed")
        assert "server_probe" not in await client["probed"].list_collection_names()
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_a_fit_server_passes_and_keeps_no_row_of_the_probe(addresses: Addresses) -> None:
    name = f"test_{secrets.token_hex(8)}"
    async with connect(addresses.mongodb_uri) as client:
        await asyncio.gather(*(probe(client, name) for _ in range(3)))
        assert await client[name][probe_module.COLLECTION].count_documents({}) == 0
        await client.drop_database(name)


async def test_the_embedded_server_without_sync_on_commit_is_refused(tmp_path: Path) -> None:
    async with secantusdb(tmp_path) as uri:
        assert "--sync-on-commit" in await refusal(uri)


async def test_a_standalone_server_is_refused(tmp_path: Path) -> None:
    async with secantusdb(tmp_path, "--standalone", "--sync-on-commit") as uri:
        assert "standalone" in await refusal(uri)


async def test_a_server_in_memory_is_refused(tmp_path: Path) -> None:
    async with secantusdb(tmp_path, "--sync-on-commit", storage=":memory:") as uri:
        assert "in memory" in await refusal(uri)


async def test_a_refused_server_ends_the_command_with_78_and_one_line(tmp_path: Path) -> None:
    async with secantusdb(tmp_path) as uri:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "manage.py", "migrate_database"],
            cwd=ROOT,
            env={**os.environ, "MONGODB_URI": uri},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 78, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "--sync-on-commit" in done.stderr


async def test_a_connection_with_a_weaker_write_concern_is_refused(addresses: Addresses) -> None:
    async with AsyncMongoClient[dict[str, Any]](addresses.mongodb_uri.split("?")[0] + "?retryWrites=false") as client:
        with pytest.raises(UnfitServer, match="w=majority"):
            await inspect(client)


@pytest.mark.parametrize(
    ("command", "proven"),
    [
        ("python -m secantus --host 127.0.0.1 --port 4000 --sync-on-commit", True),
        ("python /v/bin/secantusd-py --port=4000 --sync-on-commit", True),
        ("python -m secantus --port 4000", False),
        ("python -m secantus --port 4001 --sync-on-commit", False),  # another server
        ("tail -f --port 4000 --sync-on-commit", False),  # another program
        ("", False),
    ],
)
def test_only_the_command_line_of_that_server_is_proof(command: str, proven: bool) -> None:
    assert proves_sync_on_commit(command.split(), 4000) is proven


class WithoutSessions:
    """The rows as a server shows them that accepts sessions and ignores them."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, session: Session | None = None, **kwargs: Any) -> Any:
            return getattr(self._rows, name)(*args, **kwargs)

        return call


class WithoutWriteConcern(WithoutSessions):
    def with_options(self, **_: Any) -> "WithoutWriteConcern":
        return self


class Floating(WithoutSessions):
    """Sums in binary floating point."""

    async def update_one(self, where: dict[str, Any], change: dict[str, Any]) -> None:
        row = await self._rows.find_one(where)
        total = float(row["value"].to_decimal()) + float(change["$inc"]["value"].to_decimal())
        await self._rows.update_one(where, {"$set": {"value": Decimal128(repr(total))}})


@pytest.mark.parametrize(
    ("check", "server", "problem"),
    [
        ("_honours_write_concern", WithoutWriteConcern, "ignores the write concern"),
        ("_commit_is_seen_and_abort_is_not", WithoutSessions, "seen outside before the commit"),
        ("_conflicts_are_told", WithoutSessions, "same row at once"),
        ("_unique_has_one_winner", WithoutSessions, "let several racing inserts in"),  # a collection without the indexes
        ("_decimals_are_exact", Floating, "not exact"),
        ("_reads_are_snapshots", WithoutSessions, "one snapshot"),
    ],
)
async def test_each_check_can_fail(addresses: Addresses, check: str, server: type[WithoutSessions], problem: str) -> None:
    name = f"test_{secrets.token_hex(8)}"
    async with connect(addresses.mongodb_uri) as client:
        rows = client[name]["rows"]
        assert problem in (await getattr(probe_module, check)(client, server(rows), "run") or "")
        await client.drop_database(name)


async def write_until_killed(uri: str, acknowledged: list[str]) -> None:
    async def transfer(key: str, session: Session) -> None:
        await client["kill"]["left"].insert_one({"_id": key}, session=session)
        await client["kill"]["right"].insert_one({"_id": key}, session=session)

    async def writer(number: int) -> None:
        uow, count = UnitOfWork(client), 0
        while True:
            key = f"{number}-{count}"
            await uow.run(lambda session, key=key: transfer(key, session))  # type: ignore[misc]
            acknowledged.append(key)
            count += 1

    async with connect(uri, server_selection_timeout_ms=300) as client:
        await asyncio.gather(*(writer(number) for number in range(WRITERS)))


async def surviving(client: MongoClient, collection: str) -> set[str]:
    return {row["_id"] async for row in client["kill"][collection].find()}


@pytest.mark.slow
async def test_no_acknowledged_transaction_is_lost_or_torn_by_sigkill(tmp_path: Path) -> None:
    chance, total = random.Random(7), 0
    for run in range(KILL_RUNS):
        folder = tmp_path / str(run)
        server, uri = mongodb(folder, folder, test_commands=False)
        await server.start()
        acknowledged: list[str] = []
        try:
            async with connect(uri) as client:
                await client["kill"].create_collection("left")
                await client["kill"].create_collection("right")
            writing = asyncio.create_task(write_until_killed(uri, acknowledged))
            enough = chance.randint(*KILLED_WITHIN)
            async with asyncio.timeout(60):
                while len(acknowledged) < enough and not writing.done():
                    await asyncio.sleep(0.002)
            server.kill()
            await server.wait()
            writing.cancel()  # what it was told by now is what counts
            await asyncio.gather(writing, return_exceptions=True)
            await server.start()
            async with connect(uri) as client:
                left, right = await surviving(client, "left"), await surviving(client, "right")
        finally:
            server.kill()
            await server.wait()
        assert set(acknowledged) - left == set(), f"run {run}: acknowledged and lost"
        assert left == right, f"run {run}: torn"
        total += len(acknowledged)
    assert total >= KILL_RUNS * KILLED_WITHIN[0]
