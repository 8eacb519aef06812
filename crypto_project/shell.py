"""A whole installation as one context manager: servers, database, sample world, processes. `demo`, `serve` and the tests all use it."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from crypto_api.config import Config
from crypto_api.kit import log
from crypto_api.migrations import prepare_database
from crypto_project.catalogues import ensure_catalogues
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.embedded.ports import first_free_from, free_port
from crypto_project.embedded.servers import Addresses, Configured, EmbeddedServers
from crypto_project.installation_keys import MASTER_NAMES, installation_keys
from crypto_project.networks_file import write_networks_file
from crypto_project.npm import ROOT, ensure_npm_parts
from crypto_project.processes import Processes, ProcessSpec, api_process, signer_process, worker_process
from crypto_project.vendor_assets import ensure_vendor_assets

if TYPE_CHECKING:  # it stands on a chain client, which `serve` has no need of
    from crypto_project.demo.world import DemoWorld

logger = log.get(__name__)

DEFAULT_DATA_DIR = ROOT / ".data" / "demo"
DEFAULT_LOG_DIR = ROOT / "logs"
WORKERS = {"follower": "chains", "relay": "events", "jobs": "jobs"}


@dataclass(frozen=True)
class ShellOptions:
    data_dir: Path | None = None  # None: a temporary one, removed at the end
    log_dir: Path | None = None  # None: `logs` in the data directory
    host: str = "127.0.0.1"
    port: int = 0  # 0: any free one; else this one, or the next free one
    configured: Configured = field(default_factory=Configured.nothing)
    chain: ChainNodeOptions | None = field(default_factory=ChainNodeOptions)
    sample_data: bool = True
    activity: bool = False  # goes on with payments on the chain until the end
    payday: bool = False  # last month's payroll of the sample organisation is paid
    workers: Mapping[str, str] = field(default_factory=lambda: WORKERS)  # process name to the actor it runs
    api: bool = True
    env: Mapping[str, str] = field(default_factory=dict)  # goes before what the shell would set
    test_commands: bool = False
    keep_servers: bool = False  # start an embedded server again that ends by itself


class Shell:
    """`async with Shell(options) as shell`: everything answers inside, and nothing is left after."""

    world: "DemoWorld | None" = None
    servers: EmbeddedServers
    processes: Processes
    env: dict[str, str]

    def __init__(self, options: ShellOptions) -> None:
        self.options = options
        self.ephemeral = options.data_dir is None
        self.data_dir = (options.data_dir or Path(tempfile.mkdtemp(prefix="coffer-"))).resolve()
        self.log_dir = options.log_dir or self.data_dir / "logs"
        self.port = free_port() if options.port == 0 else first_free_from(options.port)
        self.base_url = f"http://{options.host}:{self.port}"
        self._stack = AsyncExitStack()

    @property
    def addresses(self) -> Addresses:
        return self.servers.addresses

    @property
    def pids(self) -> dict[str, int]:
        return self.servers.pids | self.processes.pids

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()  # the temporary directory stays: it holds the logs that say why
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()
        if self.ephemeral and (kind is None or kind is asyncio.CancelledError):
            shutil.rmtree(self.data_dir, ignore_errors=True)

    async def _start(self) -> None:
        options = self.options
        ensure_npm_parts()
        ensure_vendor_assets()
        ensure_catalogues()
        self.servers = EmbeddedServers(
            self.data_dir,
            self.log_dir,
            configured=options.configured,
            chain=options.chain,
            test_commands=options.test_commands,
            keep=options.keep_servers,
        )
        addresses = await self.servers.start()
        self._stack.push_async_callback(self.servers.stop, discard=self.ephemeral)
        configured = options.configured
        self._keys = installation_keys(self.data_dir, secret_key=configured.secret_key, master_key=configured.master_key)
        self.env = self._environment(addresses)
        await prepare_database(self.config.mongodb_uri, self.config.mongodb_database)
        self.processes = Processes([signer_process(self._master_keys())], env=self.env, log_dir=self.log_dir, run_dir=self.data_dir / "run")
        self._stack.push_async_callback(self.processes.stop)
        await self.processes.start()
        if options.sample_data:
            self.world = await prepare_world(addresses, self.data_dir, self.env)
        self.env["NETWORKS"] = str(await self._networks_file(addresses))
        self.processes.add(self._specs(), self.env)
        await self.processes.start()
        if self.world is not None:
            self._start_life(self.world)

    async def _networks_file(self, addresses: Addresses) -> Path:
        if self.world is not None:
            return self.world.networks_file
        if self.options.configured.networks is not None:
            return self.options.configured.networks.resolve()
        return await write_networks_file(self.data_dir / "networks.json", addresses, self.options.configured.infura_url)

    def _environment(self, addresses: Addresses) -> dict[str, str]:
        configured = Configured.nothing() if self.options.sample_data else self.options.configured  # a demo is found where it says it is
        ours = {
            "MONGODB_URI": addresses.mongodb_uri,
            "REDIS_URL": addresses.redis_url,
            "LOG_DIR": str(self.log_dir),
            "FRONTEND_URL": configured.frontend_url or self.page_url,
            "BACKEND_URL": configured.backend_url or self.base_url,
            "ALLOWED_HOSTS": configured.allowed_hosts or f"{self.options.host},127.0.0.1,localhost",
            "SIGNER_SOCKET": str(self.data_dir / "run" / "signer.sock"),
            "SECRET_KEY": self._keys["SECRET_KEY"],
        }
        if self.options.sample_data:
            ours |= {"EMAIL_MOCK_MODE": "true", "DEBUG": "false", "DEVELOPMENT": "true"}  # sample people have no mailboxes
        everything = {**os.environ, **ours, **self.options.env}
        return {name: value for name, value in everything.items() if name not in MASTER_NAMES}

    def _master_keys(self) -> dict[str, str]:
        """For the signer alone."""
        configured = self.options.configured
        given = {"MASTER_KEY_ID": configured.master_key_id, "MASTER_KEYS_PREVIOUS": configured.master_keys_previous}
        return {"MASTER_KEY": self._keys["MASTER_KEY"]} | {name: value for name, value in given.items() if value is not None}

    def _specs(self) -> list[ProcessSpec]:
        workers = [worker_process(name, actor) for name, actor in self.options.workers.items()]
        specs = ([api_process(self.options.host, self.port)] if self.options.api else []) + workers
        host, _, port = self.env.get("METRICS_LISTEN", "").rpartition(":")
        return [replace(spec, env={"METRICS_LISTEN": f"{host}:{int(port) + place}"}) for place, spec in enumerate(specs)] if host else specs

    def _start_life(self, world: "DemoWorld") -> None:
        from crypto_project.demo import activity, payroll

        stop, goes_on = asyncio.Event(), self.options.activity
        lives = {"activity": activity.run(world, self.addresses, stop)} if goes_on else {}
        if self.options.payday:
            before = None if goes_on else activity.bring_in_capital(world, self.addresses)
            lives["payday"] = payroll.payday(self.config, world.org_id, stop, before)
        tasks = [asyncio.create_task(life, name=name) for name, life in lives.items()]
        for task in tasks:
            task.add_done_callback(_tell_of_failure)

        async def end() -> None:
            stop.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 3)

        self._stack.push_async_callback(end)

    @property
    def config(self) -> Config:
        """The settings that the processes have, for what happens in this one."""
        return config_of(self.env)

    @property
    def page_url(self) -> str:
        """Where people open it: under a name, since a passkey belongs to a name and never to an IP address."""
        return self.base_url.replace("//127.0.0.1:", "//localhost:")

    def ready_document(self) -> dict[str, Any]:
        addresses = self.addresses
        return {
            "base_url": self.base_url,
            "mongodb_uri": addresses.mongodb_uri,
            "redis_url": addresses.redis_url,
            "rpc_url": addresses.rpc_url,
            "chain_id": addresses.chain_id,
            "admin": self.world.admin if self.world else None,
            "log_dir": str(self.log_dir),
            "pids": self.pids,
        }


def _tell_of_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("demo_life_failed", life=task.get_name(), exc_info=error)


def config_of(env: Mapping[str, str]) -> Config:
    given: dict[str, Any] = {name: env[name.upper()] for name in Config.model_fields if name.upper() in env}
    return Config(**given)


async def prepare_world(addresses: Addresses, data_dir: Path, env: Mapping[str, str]) -> "DemoWorld":
    from crypto_project.demo import world

    return await world.build(addresses, data_dir, env)
