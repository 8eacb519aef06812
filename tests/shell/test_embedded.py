"""The embedded servers: they come up, they stay where their data is, and they never outlive what started them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pymongo import AsyncMongoClient

from crypto_project.embedded import mongodb as mongodb_module
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.embedded.child import Child, ChildFailed
from crypto_project.embedded.ports import first_free_from, free_port, is_free
from crypto_project.embedded.servers import Configured, DataDirInUse, EmbeddedServers
from crypto_project.npm import ensure_npm_parts

ROOT = Path(__file__).resolve().parents[2]
PARENT = """
import asyncio, json, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.embedded.child import Child
from crypto_project.embedded.servers import Configured, EmbeddedServers
from crypto_project.main_task import run, until_signal

async def up(): return (Path(sys.argv[2]) / "grandchild").exists()

async def main():
    folder = Path(sys.argv[2])
    shell = "sleep 600 & echo $! > grandchild; wait"
    family = Child("family", ["sh", "-c", shell], log_file=folder / "family.log", ready=up, cwd=folder)
    async with EmbeddedServers(folder, folder / "logs", configured=Configured.nothing(), chain=ChainNodeOptions()) as servers:
        await family.start()
        try:
            pids = [*servers.pids.values(), family.pid, int((folder / "grandchild").read_text())]
            (folder / "partial").write_text(json.dumps(pids))
            (folder / "partial").rename(folder / "pids.json")
            await until_signal()
        finally:
            await family.stop()
    return 0

sys.exit(run(main()))
"""


@pytest.fixture(scope="module", autouse=True)
def _npm_parts() -> None:
    ensure_npm_parts()


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own with all servers, and a child that has a child."""
    with subprocess.Popen([sys.executable, "-c", PARENT, str(ROOT), str(tmp_path)], cwd=ROOT) as process:
        yield process
        process.kill()


def family_of(folder: Path) -> list[int]:
    wait_until((folder / "pids.json").exists, "servers up", 40)
    pids: list[int] = json.loads((folder / "pids.json").read_text())
    return pids


def wait_until(holds: Callable[[], bool], what: str, limit_s: float = 10) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_all_die_with_a_killed_parent(parent: subprocess.Popen[bytes], tmp_path: Path) -> None:
    pids = family_of(tmp_path)
    assert all(runs(pid) for pid in pids)
    parent.kill()
    wait_until(lambda: not any(runs(pid) for pid in pids), "no orphan after SIGKILL")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_after_an_orderly_stop(parent: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals) -> None:
    pids = family_of(tmp_path)
    parent.send_signal(number)
    assert parent.wait(timeout=60) == 0
    assert [pid for pid in pids if runs(pid)] == []


async def test_data_survives_a_restart_and_a_kill(tmp_path: Path) -> None:
    first_ports: set[str] = set()
    for round_number in range(2):
        async with EmbeddedServers(tmp_path, tmp_path / "logs", configured=Configured.nothing(), chain=ChainNodeOptions()) as servers:
            addresses = servers.addresses
            assert {addresses.mongodb_uri, addresses.redis_url, addresses.rpc_url}.isdisjoint(first_ports), "ports are not fixed"
            first_ports |= {addresses.mongodb_uri, addresses.redis_url, addresses.rpc_url}
            async with AsyncMongoClient(addresses.mongodb_uri) as client:
                rows = client["probe"]["rows"]
                assert await rows.count_documents({}) == round_number * 2
                await rows.insert_one({"round": round_number})
                servers.children["mongodb"].kill()
                await servers.children["mongodb"].restart()
                assert await rows.count_documents({"round": round_number}) == 1, "acknowledged before SIGKILL"
                await rows.insert_one({"round": round_number})
            assert await rpc(addresses.rpc_url, "eth_blockNumber") == hex(round_number * 3)
            await rpc(addresses.rpc_url, "anvil_mine", ["0x3"])


async def test_secantusdb_is_always_started_to_sync_on_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongodb_module.shutil, "which", lambda name: None)
    for test_commands in (False, True):
        child, uri = mongodb_module.mongodb(tmp_path, tmp_path, test_commands=test_commands)
        assert "--sync-on-commit" in child.command
        assert ("--enable-test-commands" in child.command) is test_commands
        for option in ("w=majority", "journal=true", "readConcernLevel=majority", "retryWrites=false"):
            assert option in uri


async def test_mongod_on_path_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongodb_module.shutil, "which", lambda name: f"/somewhere/{name}")
    child, uri = mongodb_module.mongodb(tmp_path, tmp_path, test_commands=False)
    assert child.command[0] == "/somewhere/mongod"
    assert "--replSet" in child.command
    assert "retryWrites=true" in uri


async def test_what_is_configured_is_not_embedded(tmp_path: Path) -> None:
    configured = Configured.model_construct(mongodb_uri="mongodb://db", redis_url="redis://cache", ganache_url="https://node", ganache_chain_id=5)
    async with EmbeddedServers(tmp_path, tmp_path, configured=configured, chain=ChainNodeOptions()) as servers:
        addresses = servers.addresses
        assert servers.pids == {}
        assert (addresses.mongodb_uri, addresses.redis_url) == ("mongodb://db", "redis://cache")
        assert (addresses.rpc_url, addresses.rpc_ws_url, addresses.chain_id) == ("https://node", "wss://node", 5)


async def test_a_kept_server_comes_back_on_its_port(tmp_path: Path) -> None:
    configured = Configured.model_construct(mongodb_uri="mongodb://db", ganache_url="https://node")
    async with EmbeddedServers(tmp_path, tmp_path, configured=configured, chain=None, keep=True) as servers:
        valkey = servers.children["valkey"]
        before = valkey.pid
        valkey.kill()
        async with asyncio.timeout(60):
            while valkey.pid == before or not await valkey.answers():
                await asyncio.sleep(0.02)
    assert servers.pids == {}


async def test_two_runs_on_one_directory_get_one_clear_message(tmp_path: Path) -> None:
    nothing = Configured.model_construct(mongodb_uri="mongodb://db", redis_url="redis://cache")
    async with EmbeddedServers(tmp_path, tmp_path, configured=nothing, chain=None):
        with pytest.raises(DataDirInUse, match=f"process {os.getpid()}"):
            await EmbeddedServers(tmp_path, tmp_path, configured=nothing, chain=None).start()
    async with EmbeddedServers(tmp_path, tmp_path, configured=nothing, chain=None):
        pass


async def test_a_child_that_cannot_start_says_why(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    broken = Child("broken", ["sh", "-c", "echo the disk is full; exit 3"], log_file=tmp_path / "broken.log", ready=never)
    with pytest.raises(ChildFailed, match=r"(?s)broken ended at start \(exit code 3\).*the disk is full.*broken\.log"):
        await broken.start()
    absent = Child("absent", ["/no/such/program"], log_file=tmp_path / "absent.log", ready=never)
    with pytest.raises(ChildFailed, match="No such file"):
        await absent.start()
    silent = Child("silent", ["sleep", "60"], log_file=tmp_path / "silent.log", ready=never, start_timeout_s=0.2)
    with pytest.raises(ChildFailed, match="did not answer"):
        await silent.start()
    assert silent.pid is None


async def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    async def up() -> bool:
        return "up" in (tmp_path / "deaf.log").read_text()

    command = ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"]
    deaf = Child("deaf", command, log_file=tmp_path / "deaf.log", ready=up, stop_timeout_s=0.3)
    await deaf.start()
    await asyncio.wait_for(deaf.stop(), 60)
    assert deaf.pid is None


async def test_what_a_dead_child_has_left_behind_goes_too(tmp_path: Path) -> None:
    async def up() -> bool:
        return (tmp_path / "grandchild").exists()

    child = Child("family", ["sh", "-c", "sleep 600 & echo $! > grandchild; wait"], log_file=tmp_path / "log", ready=up, cwd=tmp_path)
    await child.start()
    grandchild = int((tmp_path / "grandchild").read_text())
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)  # by somebody else
    await child.wait()
    wait_until(lambda: not runs(grandchild), "grandchild gone")


def test_a_taken_port_is_passed_over() -> None:
    import socket

    port = free_port()
    assert port != free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert not is_free(port)
        assert first_free_from(port) > port


async def rpc(url: str, method: str, params: list[object] | None = None) -> object:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params or []})
    return answer.json()["result"]
