"""Our own processes as children of one: the API and the workers. One that dies is started again, with back-off."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from crypto_project.embedded.child import Child
from crypto_project.embedded.keeper import Keeper
from crypto_project.npm import ROOT

HEALTH_PATH = "/api/system/health/"
GRACEFUL_S = 5
FRAME_BYTES_MAX = 65_536  # consoles send a few words; uvicorn's own limit is 16 MB
READY_FILE = "{ready_file}"  # in a command: where this process says that it has begun


@dataclass(frozen=True)
class ProcessSpec:
    name: str
    command: tuple[str, ...]
    health_url: str | None = None  # None: it writes its process id to its ready file once it has begun
    env: Mapping[str, str] = field(default_factory=dict)  # what only this process is told


def api_process(host: str, port: int) -> ProcessSpec:
    uvicorn = (sys.executable, "-m", "uvicorn", "crypto_project.asgi:application", "--host", host, "--port", str(port))
    protocols = ("--http", "crypto_project.http_protocol:BoundedHttp", "--ws", "crypto_project.socket_protocol:BoundedSockets")
    bounds = ("--ws-max-size", str(FRAME_BYTES_MAX), "--no-access-log", "--no-server-header", "--no-proxy-headers")
    options = ("--lifespan", "on", "--loop", "uvloop", *protocols, *bounds)
    return ProcessSpec("api", (*uvicorn, *options, "--timeout-graceful-shutdown", str(GRACEFUL_S)), f"http://{host}:{port}{HEALTH_PATH}")


def worker_process(name: str, *actors: str) -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, str(ROOT / "manage.py"), "worker", *actors, "--ready-file", READY_FILE))


def signer_process(keys: Mapping[str, str]) -> ProcessSpec:
    return ProcessSpec("signer", (sys.executable, str(ROOT / "manage.py"), "signer", "--ready-file", READY_FILE), env=keys)


class Processes:
    """`kill(name)` sends SIGKILL, after which the process comes back by itself, unless it was taken out by `stop_one`."""

    def __init__(self, specs: Sequence[ProcessSpec], *, env: Mapping[str, str], log_dir: Path, run_dir: Path) -> None:
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._log_dir, self._run_dir = log_dir, run_dir
        self.children: dict[str, Child] = {}
        self._keepers: dict[str, Keeper] = {}
        self.add(specs, env)

    def add(self, specs: Sequence[ProcessSpec], env: Mapping[str, str]) -> None:
        """They are started by `start`, or one by one."""
        self.children |= {spec.name: _child(spec, {**env, **spec.env}, self._log_dir, self._run_dir / spec.name) for spec in specs}

    @property
    def pids(self) -> dict[str, int]:
        return {name: child.pid for name, child in self.children.items() if child.pid is not None}

    @property
    def restarts(self) -> dict[str, int]:
        return {name: keeper.restarts for name, keeper in self._keepers.items()}

    async def start(self) -> None:
        """All that do not run yet, at once; returns when all answer. ChildFailed names the one that does not."""
        try:
            async with asyncio.TaskGroup() as starting:
                for name in self.children.keys() - self._keepers.keys():
                    starting.create_task(self.start_one(name))
        except BaseExceptionGroup as problems:
            await self.stop()
            raise problems.exceptions[0] from None

    async def start_one(self, name: str) -> None:
        await self.children[name].start()
        self._keepers[name] = Keeper(self.children[name])

    async def stop_one(self, name: str) -> None:
        if keeper := self._keepers.pop(name, None):
            await keeper.release()
        await self.children[name].stop()

    async def stop(self) -> None:
        await asyncio.gather(*(self.stop_one(name) for name in self.children))

    def kill(self, name: str) -> None:
        self.children[name].kill()

    async def wait_ready(self, name: str, timeout_s: float = 10.0) -> None:
        """Until it runs and answers, for instance after `kill`."""
        async with asyncio.timeout(timeout_s):
            while not await self.children[name].answers():
                await asyncio.sleep(0.05)


def _child(spec: ProcessSpec, env: Mapping[str, str], log_dir: Path, ready_file: Path) -> Child:
    async def answers() -> bool:
        if spec.health_url is None:
            return ready_file.read_text() == str(child.pid)  # noqa: ASYNC240  a few bytes; of this life, not of an earlier one
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            return (await client.get(spec.health_url)).status_code == httpx.codes.OK

    command = [part.replace(READY_FILE, str(ready_file)) for part in spec.command]
    log_file = log_dir / f"{spec.name}.log"
    child = Child(spec.name, command, log_file=log_file, ready=answers, env=env, cwd=ROOT, start_timeout_s=60, stop_timeout_s=GRACEFUL_S + 5)
    return child
