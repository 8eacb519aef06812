"""A MongoDB for trying out and tests: `mongod` from PATH as a one-node replica set, else SecantusDB as a process of its own."""

import shutil
import sys
from pathlib import Path

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from crypto_project.embedded.child import Child
from crypto_project.embedded.ports import free_port

DURABLE = "w=majority&journal=true&readConcernLevel=majority"  # with weaker settings acknowledged writes were lost on SIGKILL
REPLICA_SET = "coffer"
NOT_YET_INITIALIZED = 94
SECANTUSDB = Path(__file__).resolve().parent / "secantusdb.py"


def mongodb(data_dir: Path, log_dir: Path, *, test_commands: bool) -> tuple[Child, str]:
    """The server and the URI it answers at. `test_commands` lets a test plant faults by `configureFailPoint`."""
    storage, port = data_dir / "mongodb", free_port()
    storage.mkdir(parents=True, exist_ok=True)
    if mongod := shutil.which("mongod"):
        return _mongod(mongod, storage, log_dir, port, test_commands)
    return _secantusdb(storage, log_dir, port, test_commands)


def _secantusdb(storage: Path, log_dir: Path, port: int, test_commands: bool) -> tuple[Child, str]:
    # Retryable writes slow this server down tenfold. It closes a connection that was idle for 300 s: a write that is on its way just then would fail.
    uri = f"mongodb://127.0.0.1:{port}/?{DURABLE}&retryWrites=false&maxIdleTimeMS=240000"
    command: list[str | Path] = [
        *(sys.executable, "-P", SECANTUSDB, "--host", "127.0.0.1", "--port", str(port), "--storage-path", storage),
        "--sync-on-commit",  # without it acknowledged transactions were lost on SIGKILL
        # with 256M, once it was full, whoever had to make room waited for good, in a call that holds the lock of all others
        *("--cache-size", "1G", "--log-level", "WARNING"),
        *(["--enable-test-commands"] if test_commands else []),
    ]

    async def answers() -> bool:
        async with _client(port) as client:
            return bool((await client.admin.command("hello"))["isWritablePrimary"])

    return Child("mongodb", command, log_file=log_dir / "mongodb.log", ready=answers, cwd=storage), uri


def _mongod(mongod: str, storage: Path, log_dir: Path, port: int, test_commands: bool) -> tuple[Child, str]:
    uri = f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}&{DURABLE}&retryWrites=true"
    command: list[str | Path] = [
        *(mongod, "--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", storage, "--replSet", REPLICA_SET),
        *("--oplogSize", "256", "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket"),
        *(["--setParameter", "enableTestCommands=1"] if test_commands else []),
    ]

    async def answers() -> bool:
        async with _client(port) as client:
            await _form_replica_set(client, f"127.0.0.1:{port}")
            return bool((await client.admin.command("hello"))["isWritablePrimary"])

    return Child("mongodb", command, log_file=log_dir / "mongodb.log", ready=answers, cwd=storage), uri


async def _form_replica_set(client: AsyncMongoClient[dict[str, object]], address: str) -> None:
    """Of this one node, under the address it has this time: the port is another one at every start."""
    try:
        config = (await client.admin.command("replSetGetConfig"))["config"]
    except OperationFailure as problem:
        if problem.code != NOT_YET_INITIALIZED:
            raise
        await client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": address}]})
        return
    if config["members"][0]["host"] != address:
        config["members"][0]["host"] = address
        config["version"] += 1
        await client.admin.command("replSetReconfig", config, force=True)


def _client(port: int) -> AsyncMongoClient[dict[str, object]]:
    return AsyncMongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=1_000, socketTimeoutMS=2_000)
