"""Consoles under fire: the API and the relay are killed again and again while events flow, and every client reads the log once, in order.

    manage.py chaos --of sockets [--runs 1] [--seed 1] [--clients 500] [--kills 20]

A run is one organisation with an API process, a relay process and so many clients: an administrator's on the event socket, who sees every number, an
employee's, who sees what everybody may, and a manager's on the log of tasks. They come back by themselves and say where they stopped. Events are
written all the while. API and relay die by SIGKILL in turn, at moments that the seed chooses, each so many times; sometimes both at once. At the
end each client's list of numbers is compared with the log as it lies in MongoDB, read by the driver alone: all that it may see, each once, in
order, each frame naming the one before it.
"""

import asyncio
import contextlib
import json
import os
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_api.identity.types import DASHBOARD_COOKIE
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.tasks import service as tasks
from crypto_project.embedded.child import Child
from crypto_project.embedded.ports import free_port
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config.client import connect as connect_database
from mongodb_config.migrations import deploy
from tests.chaos.report import Outcome
from tests.sockets.conftest import Member, Said, Whispered, append, new_member, new_organization

ROOT = Path(__file__).resolve().parents[2]
CLIENTS, KILLS = 500, 20
SECRET_KEY = "of consoles under fire: 0123456789abcdef0123456789abcdef"
PATIENCE_S = 300.0
PAUSE_S_MIN, PAUSE_S_MAX = 0.2, 6.0
PAUSE_S_OF_A_CLIENT = 0.002  # between two writings: what all clients read together stays what two cores can carry
BETWEEN_S = (0.2, 2.0)  # from when everybody has gone on to the next kill
API, RELAY = "api killed", "relay killed"


@dataclass(frozen=True)
class Seat:
    """A console that a kind of client looks at, and what of the log it may see."""

    path: str
    permissions: frozenset[str] | None  # None: everything
    prefix: str = ""

    def shows(self, row: dict[str, Any]) -> bool:
        return row["kind"].startswith(self.prefix) and (self.permissions is None or row["permission"] in self.permissions)


SEATS = (
    (Role.ADMIN, Seat("/api/ws/events/", None)),
    (Role.USER, Seat("/api/ws/events/", frozenset({"organization.read"}))),
    (Role.MANAGER, Seat("/api/ws/admin/task-logs/", frozenset({"tasks.read"}), "task.")),
)


@dataclass
class Client:
    """As one should be written: it comes back, ever later while it is turned away, says in the address where it stopped, and keeps what it is told,
    in the order in which it is told."""

    member: Member
    seat: Seat
    port: int
    links: list[tuple[int, int]] = field(default_factory=list)
    connections: int = 0

    @property
    def last(self) -> int:
        return self.links[-1][1] if self.links else 0

    async def run(self, random: Random) -> None:
        pause_s = PAUSE_S_MIN
        headers, origin = {"Cookie": f"{DASHBOARD_COOKIE}={self.member.cookie}"}, Origin(f"http://127.0.0.1:{self.port}")
        while True:
            before = len(self.links)
            with contextlib.suppress(ConnectionClosed, InvalidHandshake, OSError, EOFError, TimeoutError):
                address = f"ws://127.0.0.1:{self.port}{self.seat.path}?after={self.last}"
                async with connect(
                    address,
                    proxy=None,
                    ping_interval=None,
                    close_timeout=1,
                    open_timeout=60,
                    origin=origin,
                    additional_headers=headers,
                ) as line:
                    self.connections += 1
                    async for text in line:
                        await self._take(line, json.loads(text))
            pause_s = PAUSE_S_MIN if len(self.links) > before else min(pause_s * 2, PAUSE_S_MAX)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))

    async def _take(self, line: ClientConnection, frame: dict[str, Any]) -> None:
        if "prev" in frame:
            self.links.append((frame["prev"], frame["seq"]))
        elif frame["type"] == "ping":
            await line.send(json.dumps({"type": "pong", "id": frame["id"]}))


@dataclass(frozen=True)
class Plan:
    seed: int
    clients: int
    kills: int

    def order(self) -> list[tuple[str, ...]]:
        """Who dies at each blow: every tenth takes both."""
        random = Random(self.seed)
        blows: list[tuple[str, ...]] = [(who,) for who in (API, RELAY) for _ in range(self.kills - self.kills // 10)] + [(API, RELAY)] * (
            self.kills // 10
        )
        random.shuffle(blows)
        return blows

    def __str__(self) -> str:
        return f"{self.seed} [{self.clients} clients, {self.kills}+{self.kills} kills]"


class Stage:
    """The processes of a run, its clients, and who writes."""

    def __init__(self, runtime: Runtime, folder: Path, plan: Plan) -> None:
        self.runtime, self.plan, self.random = runtime, plan, Random(plan.seed)
        self.port = free_port()
        self.clients: list[Client] = []
        self.processes = {API: _api(runtime.config, self.port, folder), RELAY: _relay(runtime.config, folder)}
        self.written, self.calm = 0, asyncio.Event()
        self.org_id = ""

    async def prepare(self) -> None:
        self.org_id = await new_organization(self.runtime)
        members = [(await new_member(self.runtime, self.org_id, role), seat) for role, seat in SEATS]
        self.clients = [Client(*members[number % len(members)], self.port) for number in range(self.plan.clients)]

    async def write(self) -> None:
        """Something that everybody may see, something that few may, and a task on its way: over and over, until it is to be calm."""
        while not self.calm.is_set():
            number, now = self.written, self.runtime.clock.now()
            await append(self.runtime, self.org_id, Said(number=number), Whispered(number=number), Said(number=number))
            await self._do_a_task(f"run {number}", now)
            self.written += 1
            await asyncio.sleep(PAUSE_S_OF_A_CLIENT * self.plan.clients)

    async def _do_a_task(self, summary: str, now: datetime) -> None:
        uow, org_id = self.runtime.uow, self.org_id
        task = await uow.run(lambda session: tasks.start(session, org_id, "import", now))
        await uow.run(lambda session: tasks.finish(session, org_id, task.id, now, summary=summary))

    async def blow(self, who: tuple[str, ...]) -> None:
        """Once every client has gone on since the blow before."""
        before = {id(client): len(client.links) for client in self.clients}
        await until(lambda: all(len(client.links) > before[id(client)] for client in self.clients), "every client goes on")
        await asyncio.sleep(self.random.uniform(*BETWEEN_S))
        for name in who:
            self.processes[name].kill()
        for name in who:
            await self.processes[name].wait()
            await self.processes[name].start()


async def run(runtime: Runtime, folder: Path, plan: Plan) -> Outcome:
    outcome, stage = Outcome(plan), Stage(runtime, folder, plan)
    await stage.prepare()
    for process in stage.processes.values():
        await process.start()
    going = [asyncio.create_task(client.run(stage.random)) for client in stage.clients]
    writing = asyncio.create_task(stage.write())
    try:
        for who in plan.order():
            await stage.blow(who)
            outcome.fired.update(who)
        stage.calm.set()
        await writing
        wanted = await _settled(runtime, stage)
    except TimeoutError as error:
        outcome.problems.append(str(error))
        wanted = {}
    finally:
        for task in (writing, *going):
            task.cancel()
        await asyncio.gather(writing, *going, return_exceptions=True)
        for process in stage.processes.values():
            await process.stop()
    outcome.problems += judged(stage.clients, wanted)
    frames = sum(len(client.links) for client in stage.clients)
    connections = sum(client.connections for client in stage.clients)
    outcome.counted += Counter({"events": len(await _log(runtime, stage.org_id)), "frames": frames, "connections": connections})
    return outcome


async def _settled(runtime: Runtime, stage: Stage) -> dict[Seat, list[tuple[int, int]]]:
    """What each seat has to have read, once all is numbered and every client has as much; it is compared afterwards, wherever they got to."""
    collection = runtime.database["events"]

    async def all_numbered() -> bool:
        return await collection.count_documents({"org_id": stage.org_id, "seq": None}) == 0

    async with asyncio.timeout(PATIENCE_S):
        while not await all_numbered():
            await asyncio.sleep(0.1)
    rows = await _log(runtime, stage.org_id)
    wanted = {seat: linked([row["seq"] for row in rows if seat.shows(row)]) for _, seat in SEATS}
    with contextlib.suppress(TimeoutError):  # who has not come so far is named by `judged`
        await until(lambda: all(client.last >= wanted[client.seat][-1][1] for client in stage.clients), "every client has come to the end")
    return wanted


async def _log(runtime: Runtime, org_id: str) -> list[dict[str, Any]]:
    """By the driver alone."""
    return await runtime.database["events"].find({"org_id": org_id}).sort("seq", 1).to_list()


def linked(numbers: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip([0, *numbers], numbers, strict=False))


def judged(clients: Sequence[Client], wanted: dict[Seat, list[tuple[int, int]]]) -> list[str]:
    """Where a client's list is not the log's, and how."""
    found = []
    for number, client in enumerate(clients):
        want = wanted.get(client.seat)
        if want is not None and client.links != want:
            at = max(_first_difference(client.links, want) - 1, 0)
            told = f"{client.links[at : at + 3]} in the place of {want[at : at + 3]}"
            found.append(f"client {number} of {client.seat.path}: {len(client.links)} of {len(want)} frames; {told}")
    return found[:5] + ([f"and {len(found) - 5} more clients"] if len(found) > 5 else [])


def _first_difference(one: Sequence[object], other: Sequence[object]) -> int:
    return next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other)))


async def until(holds: Any, what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise TimeoutError(f"not within {PATIENCE_S:.0f} s: {what}") from None


# ---- processes and servers --------------------------------------------------------------------------------------------------------


def _environment(config: Config, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "MONGODB_URI": config.mongodb_uri,
        "MONGODB_DATABASE": config.mongodb_database,
        "REDIS_URL": config.redis_url,
        "SECRET_KEY": config.secret_key.get_secret_value(),
        "LOG_DIR": str(folder),
    }


def _api(config: Config, port: int, folder: Path) -> Child:
    async def answers() -> bool:
        with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=0.2)):
            return True

    command = (sys.executable, "-m", "uvicorn", "crypto_project.asgi:application", "--port", str(port))
    options = ("--lifespan", "on", "--ws", "crypto_project.socket_protocol:BoundedSockets", "--log-level", "warning")
    return Child(
        "api", (*command, *options), log_file=folder / "api.log", ready=answers, env=_environment(config, folder), cwd=ROOT, start_timeout_s=120
    )


def _relay(config: Config, folder: Path) -> Child:
    async def runs() -> bool:
        return True

    command = (sys.executable, "manage.py", "worker", "events")
    return Child("relay", command, log_file=folder / "relay.log", ready=runs, env=_environment(config, folder), cwd=ROOT)


async def socket_runs(seeds: Sequence[int], clients: int, kills: int, folder: Path | None = None) -> AsyncIterator[Outcome]:
    """Each with servers of its own. `folder` keeps the logs."""
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="chaos-sockets-") as name:
            place, logs = Path(name), folder or Path(name)
            logs.mkdir(parents=True, exist_ok=True)
            async with EmbeddedServers(place / "data", place / "servers", configured=Configured.nothing(), chain=None) as servers:
                config = Config(
                    mongodb_uri=servers.addresses.mongodb_uri,
                    mongodb_database="fire",
                    redis_url=servers.addresses.redis_url,
                    secret_key=SECRET_KEY,  # type: ignore[arg-type]
                )
                client = connect_database(config.mongodb_uri)
                await deploy(client, config.mongodb_database, DOCUMENTS)
                await client.close()
                async with open_runtime(config) as runtime:
                    yield await run(runtime, logs, Plan(seed, clients, kills))


def planned(seeds: Sequence[int], kills: int) -> Counter[str]:
    return Counter({API: kills * len(seeds), RELAY: kills * len(seeds)})
