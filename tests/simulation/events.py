"""Seeded schedules of the log of events: writers that commit in any order or never, relays beside each other, API processes that serve consoles, and
clients who come back. Whoever works may die between any two port calls; doorbells are lost, lines break.

What runs is the product's: the relay's pass, the channels of the hub, the consoles and their writer. The log, the lines and the clients are the
simulator's. Numbers must be without a gap at every moment; a client is told all that it may see, each once, each naming the one before it; and when
everything heals, everybody has everything. The same seed gives the same trace, byte for byte.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from unittest.mock import patch

from crypto_api.flows import relay_events
from crypto_api.kit.clock import FixedClock
from crypto_api.organizations.types import Principal
from crypto_api.sockets import channel as channels
from crypto_api.sockets import serving
from crypto_api.sockets.channel import Channel
from crypto_api.sockets.console import Console, View
from crypto_api.sockets.hub import _pump
from tests.simulation.event_log import BEGIN, WHO, Log, Points, Row, Session, Tables, Units
from tests.simulation.payments import Violation

ORGS = ("org_a", "org_b")
KINDS = (("wallet.added", "wallets.read"), ("task.ended", "tasks.read"), ("task.begun", "tasks.read"))
VIEWS = (View(None), View(frozenset({"wallets.read"})), View(frozenset({"tasks.read", "wallets.read"}), "task."))
RELAYS, APIS, WRITERS, CLIENTS = 2, 2, 3, 5
SETTLE = 6  # turns of the loop until whoever was let go on waits again
HEALING = 4_000
PAGE, WINDOW, REPLAY_MAX, BATCH_MAX = 3, 6, 25, 4  # small, so that every boundary is met


@dataclass
class Client:
    """It comes back by itself and says where it stopped: in the address, or late, when it has been told something already."""

    name: str
    org_id: str
    view: View
    late: bool
    links: dict[int, int] = field(default_factory=dict)  # by the number before it
    line: list[tuple[int, int]] = field(default_factory=list)  # what it was told on this connection
    in_order = True  # whether it said at the beginning of it where it stopped
    again = False  # whether it asked anew for what it was told on it
    told_from: int = 0  # a snapshot stood for everything up to it

    @property
    def last(self) -> int:
        """Up to which it has everything."""
        seq = self.told_from
        while seq in self.links:
            seq = self.links[seq]
        return seq


@dataclass
class Connection:
    client: Client
    task: "asyncio.Task[None]"
    console: Console | None = None
    asked: bool = False


@dataclass
class Api:
    """A process that serves consoles."""

    name: str
    channels: dict[str, Channel] = field(default_factory=dict)
    pumps: list["asyncio.Task[None]"] = field(default_factory=list)
    connections: dict[str, Connection] = field(default_factory=dict)

    async def missed(self, console: Console) -> list[str]:
        return await self.channels[console.org_id].missed(console)

    async def head(self, console: Console, at_least: int) -> int:
        return await self.channels[console.org_id].head(at_least)


@dataclass
class Schedule:
    """One run of the world."""

    seed: int
    actions: int = 400
    events: int = 40
    trace: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Violation names the seed and what does not hold."""
        small = [(channels, "PAGE", PAGE), (channels, "WINDOW", WINDOW), (serving, "REPLAY_MAX", REPLAY_MAX), (relay_events, "BATCH_MAX", BATCH_MAX)]
        patches = [patch.object(module, name, value) for module, name, value in small]
        for each in patches:
            each.start()
        try:
            asyncio.run(self._run())
        except Exception as error:
            raise Violation(f"seed {self.seed}: {type(error).__name__}: {error}") from error
        finally:
            for each in patches:
                each.stop()

    async def _run(self) -> None:
        self.random, self.clock = Random(self.seed), FixedClock(BEGIN)
        self.tables, self.points = Tables(), Points()
        self.units, self.log = Units(self.tables, self.points, self._check_log), Log(self.tables, self.points)
        self.born = self.written = 0
        self.faults: list[BaseException] = []
        self.working: dict[str, asyncio.Task[None]] = {}  # relays and writers
        self.apis = [self._api() for _ in range(APIS)]
        self.clients = [
            Client(f"client{number}", ORGS[number % 2], VIEWS[number % len(VIEWS)], late=self.random.random() < 0.3) for number in range(CLIENTS)
        ]
        acts: list[tuple[Callable[[], None], int]] = [
            (self._go_on, 150), (self._write, 12), (self._relay, 12), (self._connect, 12), (self._say_late, 6), (self._look, 6),
            (self._die, 4), (self._kill_api, 1), (self._break_line, 3),
        ]  # fmt: skip
        kinds, weights = zip(*acts, strict=True)
        try:
            for _ in range(self.actions):
                self.random.choices(kinds, weights)[0]()
                await self._settle()
            await self._heal()
        finally:
            await self._end_all()

    # ---- the schedule --------------------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        for _ in range(SETTLE):
            await asyncio.sleep(0)
        if self.faults:
            raise self.faults[0]

    def _begin(self, who: str, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        token = WHO.set(who)
        task = asyncio.create_task(work, name=who)
        WHO.reset(token)
        task.add_done_callback(self._ended)
        self.trace.append(f"begin {who}")
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.working.pop(task.get_name(), None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.faults.append(error)

    def _go_on(self) -> None:
        if self.points.waiting:
            who = self.random.choice(sorted(self.points.waiting))
            name, going = self.points.waiting[who]
            if not going.done():
                going.set_result(None)
                self.trace.append(f"{who} {name}")

    def _name(self, what: str) -> str:
        self.born += 1
        return f"{what}{self.born}"

    def _count(self, what: str) -> int:
        return sum(name.startswith(what) for name in self.working)

    def _write(self) -> None:
        if self.written < self.events and self._count("writer") < WRITERS:
            who = self._name("writer")
            many = self.random.choice((1, 1, 2, 5))
            rows = []
            for _ in range(many):
                self.written += 1
                kind, permission = self.random.choice(KINDS)
                rows.append(Row(f"evt_{self.written:06}", self.random.choice(ORGS), kind, permission, self.written))
            self.working[who] = self._begin(who, self._writing(rows))

    async def _writing(self, rows: list[Row]) -> None:
        async def work(session: Session) -> None:
            for row in rows:
                await self.points.at("log.insert")
                session.put_event(row)

        await self.units.run(work)

    def _relay(self) -> None:
        if self._count("relay") < RELAYS:
            who = self._name("relay")
            self.working[who] = self._begin(who, self._relaying())

    async def _relaying(self) -> None:
        await relay_events.relay_pass(self.units, self.clock, self, self.log)

    async def announce(self, org_id: str, head: int) -> None:
        """The doorbell: some are lost, for one process or for all."""
        await self.points.at("bell")
        for api in self.apis:
            if self.random.random() < 0.6:
                self._ring(api, org_id, head)

    def _ring(self, api: Api, org_id: str, head: int) -> None:
        if (channel := api.channels.get(org_id)) is not None and head > channel.last:
            channel.ring.set()

    def _look(self) -> None:
        """A process looks at the heads by itself."""
        api = self.random.choice(self.apis)
        for org_id in api.channels:
            self._ring(api, org_id, self.tables.heads.get(org_id, 0))
        self.trace.append(f"look {api.name}")

    # ---- consoles ------------------------------------------------------------------------------------------------------------

    def _api(self) -> Api:
        api = Api(self._name("api"))
        for org_id in ORGS:
            api.channels[org_id] = Channel(org_id, self.log)
            api.pumps.append(self._begin(f"{api.name}.{org_id}", _pump(api.channels[org_id])))
        return api

    def _away(self) -> list[Client]:
        here = {name for api in self.apis for name in api.connections}
        return [client for client in self.clients if client.name not in here]

    def _connect(self) -> None:
        if away := self._away():
            self._come(self.random.choice(away), self.random.choice(self.apis))

    def _come(self, client: Client, api: Api) -> None:
        client.line, client.in_order, client.again = [], not client.late, False
        who = self._name(f"{client.name}.")
        api.connections[client.name] = connection = Connection(client, self._begin(who, self._console(api, client)))
        connection.task.add_done_callback(lambda _: api.connections.pop(client.name, None))

    async def _console(self, api: Api, client: Client) -> None:
        connection = api.connections[client.name]
        principal = Principal(client.name, client.org_id, None, frozenset(), "", datetime(2027, 1, 1, tzinfo=BEGIN.tzinfo))
        console = Console(principal, client.org_id, client.view, heard_at=0.0)
        channel = api.channels[client.org_id]
        await channel.join(console)
        connection.console = console
        if client.in_order:
            connection.asked = True
            console.resume(client.last)

        async def send(frame: str) -> None:
            await self.points.at("line.send")
            self._take(client, json.loads(frame))

        async def snapshot(console: Console, head: int) -> str:
            await self.points.at("log.snapshot")
            return json.dumps({"type": "snapshot", "seq": head})

        try:
            await serving.serve(console, api, send, snapshot)
        finally:
            channel.consoles.discard(console)

    def _say_late(self) -> None:
        """Whoever did not say in the address where it stopped says it now, perhaps once more, or never before the line breaks."""
        lines = [row for api in self.apis for row in api.connections.values() if row.console is not None and not row.client.in_order]
        if lines:
            self._say(self.random.choice(lines))

    def _say(self, connection: Connection) -> None:
        assert connection.console is not None
        client, start, after = connection.client, connection.console.start, connection.client.last
        connection.asked = True
        if after >= start:  # of this very line: it may have lost some of it, and is told again what followed
            client.again, after = True, self.random.randint(start, after)
            client.links = {prev: seq for prev, seq in client.links.items() if seq <= after}
        connection.console.resume(after)
        self.trace.append(f"say {client.name} {after}")

    def _take(self, client: Client, frame: dict[str, Any]) -> None:
        """What it is told must be the log's, and on one line nothing twice; for whoever said where it stopped, in order."""
        if frame["type"] == "snapshot":  # too far behind: it stands for everything up to then
            client.told_from = max(client.told_from, self._visible_at(client, frame["seq"]))
            client.line = []
            return
        prev, seq = frame["prev"], frame["seq"]
        rows = [row for row in self.tables.numbered(client.org_id) if client.view.shows(row.kind, row.permission)]
        links = dict(zip([0, *(row.seq or 0 for row in rows)], (row.seq or 0 for row in rows), strict=False))
        assert links.get(prev) == seq, f"{client.name} was told {seq} after {prev}"
        (told,) = [row for row in rows if row.seq == seq]
        assert frame["data"] == {"number": told.number}, f"{client.name} was told something else as {seq}"
        assert client.again or (prev, seq) not in client.line, f"{client.name} was told {seq} twice"
        if client.in_order:
            expected = client.line[-1][1] if client.line else client.last
            assert prev == expected, f"{client.name} was told {seq} after {prev} and stands at {expected}"
        client.line.append((prev, seq))
        client.links[prev] = seq

    def _visible_at(self, client: Client, seq: int) -> int:
        rows = self.tables.numbered(client.org_id)
        return max((row.seq or 0 for row in rows if (row.seq or 0) <= seq and client.view.shows(row.kind, row.permission)), default=0)

    # ---- faults --------------------------------------------------------------------------------------------------------------

    def _die(self) -> None:
        if self.working:
            who = self.random.choice(sorted(self.working))
            self.working[who].cancel()
            self.trace.append(f"die {who}")

    def _kill_api(self) -> None:
        place = self.random.randrange(APIS)
        self._end(self.apis[place])
        self.trace.append(f"die {self.apis[place].name}")
        self.apis[place] = self._api()

    def _end(self, api: Api) -> None:
        for task in (*api.pumps, *(row.task for row in api.connections.values())):
            task.cancel()
        api.channels.clear()

    def _break_line(self) -> None:
        lines = sorted((row for api in self.apis for row in api.connections.values()), key=lambda row: row.client.name)
        if lines:
            connection = self.random.choice(lines)
            connection.task.cancel()
            self.trace.append(f"break {connection.client.name}")

    async def _end_all(self) -> None:
        for api in self.apis:
            self._end(api)
        for task in list(self.working.values()):
            task.cancel()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    # ---- the end -------------------------------------------------------------------------------------------------------------

    async def _heal(self) -> None:
        """Nobody dies any more; whoever is away comes back, and everything is brought to its end."""
        for client in self.clients:
            client.late = False
        for api in self.apis:
            for connection in list(api.connections.values()):
                if connection.console is None:
                    connection.task.cancel()
                elif not connection.asked:
                    self._say(connection)
        for _ in range(HEALING):
            await self._settle()
            if not self._owed() and not self.working:
                return
            for client in self._away():
                self._come(client, self.random.choice(self.apis))
            if self.points.waiting:
                self._go_on()
            else:
                self._relay()
                self._look()
        raise AssertionError(f"it does not come to its end: {self._owed()}, {sorted(self.points.waiting)}")

    def _owed(self) -> list[str]:
        rows = [f"{row.id} has no number" for row in self.tables.events.values() if row.seq is None]
        for client in self.clients:
            end = self._visible_at(client, self.tables.heads.get(client.org_id, 0))
            if client.last != end:
                rows.append(f"{client.name} has everything up to {client.last} of {end}")
        return rows

    def _check_log(self) -> None:
        """At every commit: numbers from 1 on, without a gap, each once, up to the head."""
        for org_id in ORGS:
            numbers = [row.seq for row in self.tables.numbered(org_id)]
            assert numbers == list(range(1, len(numbers) + 1)), f"the numbers of {org_id} are {numbers}"
            assert self.tables.heads.get(org_id, 0) == len(numbers), f"the head of {org_id} is {self.tables.heads.get(org_id, 0)} of {len(numbers)}"
