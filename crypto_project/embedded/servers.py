"""The servers that a run needs: what is configured is used, what is not is embedded."""

import asyncio
import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic_settings import BaseSettings, SettingsConfigDict

from crypto_api.kit import log
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from crypto_project.embedded.child import Child
from crypto_project.embedded.keeper import Keeper
from crypto_project.embedded.mongodb import mongodb
from crypto_project.embedded.valkey import valkey


class Configured(BaseSettings):
    """What the environment or `.env` says; None is for the shell to bring along. `Configured.nothing()` brings everything."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    mongodb_uri: str | None = None
    redis_url: str | None = None
    networks: Path | None = None
    infura_url: str | None = None
    ganache_url: str | None = None
    ganache_chain_id: int = 31337
    secret_key: str | None = None
    master_key: str | None = None
    master_key_id: str | None = None
    master_keys_previous: str | None = None
    allowed_hosts: str | None = None
    frontend_url: str | None = None
    backend_url: str | None = None

    @classmethod
    def nothing(cls) -> "Configured":
        return cls.model_construct()


@dataclass(frozen=True)
class Addresses:
    mongodb_uri: str
    redis_url: str
    rpc_url: str  # "" where there is no chain node of ours and none is configured here
    rpc_ws_url: str
    chain_id: int


class DataDirInUse(RuntimeError):
    """Another run works on the same data directory."""


class EmbeddedServers:
    """`async with EmbeddedServers(…) as servers:` then `servers.addresses`. `children` by name have `kill()` and `restart()`."""

    def __init__(
        self,
        data_dir: Path,
        log_dir: Path,
        *,
        configured: Configured,
        chain: ChainNodeOptions | None,
        test_commands: bool = False,
        keep: bool = False,
    ) -> None:
        self.data_dir = data_dir
        self.log_dir = log_dir
        self.children: dict[str, Child] = {}
        self._configured = configured
        self._chain = chain
        self._test_commands = test_commands
        self._keep = keep  # start one again that ends by itself; a test that kills and restarts them does not want that
        self._keepers: list[Keeper] = []
        self._addresses: Addresses | None = None
        self._lock: int | None = None

    @property
    def addresses(self) -> Addresses:
        assert self._addresses is not None, "not started"
        return self._addresses

    @property
    def pids(self) -> dict[str, int]:
        return {name: child.pid for name, child in self.children.items() if child.pid is not None}

    async def start(self) -> Addresses:
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.data_dir)
        try:
            self._addresses = self._plan()
            async with asyncio.TaskGroup() as starting:
                for child in self.children.values():
                    starting.create_task(child.start())
        except BaseExceptionGroup as problems:
            await self.stop()
            raise problems.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise
        for name in self.children:
            log.get(__name__).warning("embedded_server_started", server=name, note="for one machine, trying out and tests; not for production")
        self._keepers = [Keeper(child) for child in self.children.values()] if self._keep else []
        return self._addresses

    async def stop(self, *, discard: bool = False) -> None:
        """`discard`: without the time that an orderly end takes, where the data is thrown away anyway."""
        for keeper in self._keepers:
            await keeper.release()
        for child in self.children.values() if discard else ():
            child.kill()
        await asyncio.gather(*(child.stop() for child in self.children.values()))
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _plan(self) -> Addresses:
        """Says what will run, and where."""
        mongodb_uri, redis_url = self._configured.mongodb_uri, self._configured.redis_url
        if mongodb_uri is None:
            self.children["mongodb"], mongodb_uri = mongodb(self.data_dir, self.log_dir, test_commands=self._test_commands)
        if redis_url is None:
            self.children["valkey"], redis_url = valkey(self.log_dir)
        rpc_url, chain_id = self._plan_chain()
        return Addresses(mongodb_uri, redis_url, rpc_url, rpc_url.replace("http", "ws", 1), chain_id)

    def _plan_chain(self) -> tuple[str, int]:
        if self._configured.ganache_url is not None:
            return self._configured.ganache_url, self._configured.ganache_chain_id
        if self._chain is None:
            return "", 0
        self.children["chain"], port = chain_node(self.data_dir, self.log_dir, self._chain)
        return f"http://127.0.0.1:{port}", self._chain.chain_id

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()


def _lock(data_dir: Path) -> int:
    """Held until closed, and let go by the kernel when this process dies. Children do not inherit it."""
    handle = os.open(data_dir / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0).decode().strip()
        os.close(handle)
        by = f"another run (process {holder})" if holder else "another run"
        raise DataDirInUse(f"{data_dir} is in use by {by}. Stop it, or choose another --data-dir, or --ephemeral.") from None
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
    return handle
