"""Consoles over real sockets: the product's WebSocket application under uvicorn, a relay, people with tickets."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from crypto_api.events import service as events
from crypto_api.events import store
from crypto_api.events.types import DomainEvent
from crypto_api.flows.relay_events import relay_pass
from crypto_api.identity import service as identity
from crypto_api.identity.documents import User
from crypto_api.identity.types import Device, Factor
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.ids import new_id
from crypto_api.organizations import service as organizations
from crypto_api.organizations.types import Permission, Role
from crypto_api.runtime import Runtime
from crypto_api.sockets.hub import EventHub
from crypto_api.sockets.routing import websocket_application
from tests.factories.serving import serving as served


class Said(DomainEvent):
    """Everybody in the organisation may see it."""

    kind: ClassVar[str] = "test.said"
    permission: ClassVar[str] = Permission.ORGANIZATION_READ

    number: int


class Whispered(DomainEvent):
    kind: ClassVar[str] = "test.whispered"
    permission: ClassVar[str] = Permission.LEDGER_READ

    number: int


async def append(runtime: Runtime, org_id: str, *facts: DomainEvent) -> None:
    async def work(session: Any) -> None:
        for fact in facts:
            await events.append(session, org_id, fact, runtime.clock.now())

    await runtime.uow.run(work)


async def say(runtime: Runtime, org_id: str, *numbers: int) -> None:
    await append(runtime, org_id, *(Said(number=number) for number in numbers))


async def numbered(org_id: str, head: int) -> None:
    """Returns when the relay has numbered so many."""
    async with asyncio.timeout(60):
        while await store.head(org_id) < head:
            await asyncio.sleep(0.01)


@dataclass
class Member:
    runtime: Runtime
    org_id: str
    user_id: str
    session_id: str
    cookie: str

    async def ticket(self) -> str:
        now = self.runtime.clock.now()
        return await self.runtime.uow.run(lambda session: identity.issue_ticket(session, self.user_id, self.session_id, now))

    async def log_out(self) -> None:
        now = self.runtime.clock.now()
        await self.runtime.uow.run(lambda session: identity.log_out(session, self.session_id, now))


async def new_member(runtime: Runtime, org_id: str, role: Role | None) -> Member:
    name, now = new_id("u"), runtime.clock.now()
    user = User(
        id=new_id("usr"),
        created_at=now,
        username=name,
        email=f"{name}@example.org",
        first_name="A",
        last_name="B",
        password_hash="-",
        email_verified_at=now,
    )

    async def work(session: Any) -> tuple[str, str]:
        await identity.register(session, user)
        if role is not None:
            await organizations.add_member(session, org_id, user.id, role, now)
        row, cookie = await identity.open_session(
            session, user, org_id if role else None, Device(None, None), [Factor.PASSWORD], now, way="dashboard"
        )
        return row.id, cookie

    session_id, cookie = await runtime.uow.run(work)
    return Member(runtime, org_id, user.id, session_id, cookie)


async def new_organization(runtime: Runtime, name: str = "Test") -> str:
    now = runtime.clock.now()
    return (await runtime.uow.run(lambda session: organizations.create(session, name, now))).id


@pytest.fixture
async def org_id(runtime: Runtime) -> str:
    return await new_organization(runtime)


@pytest.fixture
async def admin(runtime: Runtime, org_id: str) -> Member:
    return await new_member(runtime, org_id, Role.ADMIN)


@pytest.fixture
async def api(runtime: Runtime) -> AsyncIterator[str]:
    """The address of the sockets, as `ws://host:port`."""
    async with EventHub(runtime.frames, runtime.clock) as hub, serving(runtime, hub) as address:
        yield address


@contextlib.asynccontextmanager
async def serving(runtime: Runtime, hub: EventHub) -> AsyncIterator[str]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"runtime": runtime, "hub": hub}
        await websocket_application(scope, receive, send)

    options = {"lifespan": "off", "ws_per_message_deflate": False, "timeout_graceful_shutdown": 1}
    async with served(app, ws="crypto_project.socket_protocol:BoundedSockets", **options) as server:
        yield f"ws://127.0.0.1:{server.port}"


@pytest.fixture
async def relay(runtime: Runtime) -> AsyncIterator[None]:
    async def go_on() -> None:
        while True:
            if not await relay_pass(runtime.uow, runtime.clock, runtime.frames):
                await asyncio.sleep(0.02)

    task = asyncio.create_task(go_on())
    yield
    await cancel_and_wait(task)


@dataclass
class Console:
    """A client that remembers every frame."""

    socket: ClientConnection
    frames: list[dict[str, Any]] = field(default_factory=list)

    async def next(self, wanted: Callable[[dict[str, Any]], bool] | str, timeout_s: float = 30) -> dict[str, Any]:
        """The next frame for which `wanted` holds (or of that type); what comes before it is remembered."""
        async with asyncio.timeout(timeout_s):
            while True:
                frame: dict[str, Any] = json.loads(await self.socket.recv())
                self.frames.append(frame)
                if frame["type"] == wanted if isinstance(wanted, str) else wanted(frame):
                    return frame

    async def until_seq(self, seq: int, timeout_s: float = 30) -> list[dict[str, Any]]:
        """All numbered frames so far, as soon as this number has come."""
        if not any(frame["seq"] == seq for frame in self.numbered):
            await self.next(lambda frame: frame.get("seq") == seq and "prev" in frame, timeout_s)
        return self.numbered

    @property
    def numbered(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if "prev" in frame]

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def closed(self, timeout_s: float = 30) -> int:
        """The close code."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    self.frames.append(json.loads(await self.socket.recv()))
        except ConnectionClosed:
            return self.socket.close_code or 0


@contextlib.asynccontextmanager
async def console(
    address: str, ticket: str | None, path: str = "/api/ws/events/", *, after: int | str | None = None, **options: Any
) -> AsyncIterator[Console]:
    query = f"?{urlencode({name: value for name, value in (('ticket', ticket), ('after', after)) if value is not None})}"
    async with connect(f"{address}{path}{query}", proxy=None, ping_interval=None, close_timeout=1, **options) as socket:
        yield Console(socket)
