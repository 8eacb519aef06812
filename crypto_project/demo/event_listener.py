"""A console as a customer would write one: over HTTP and a WebSocket, resuming where it was cut off."""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

RECONNECT_S = 0.3


@dataclass(frozen=True, slots=True)
class Frame:
    seq: int
    kind: str
    data: dict[str, Any]
    received_at: float  # Unix time


@dataclass
class Heard:
    """`start` is the head at the first connection: what came before is not this listener's to get."""

    start: int | None = None
    frames: list[Frame] = field(default_factory=list)
    duplicates: int = 0
    broken_links: int = 0
    connections: int = 0
    seen: set[int] = field(default_factory=set)

    @property
    def last(self) -> int:
        return max(self.seen, default=self.start or 0)

    def missing(self, head: int) -> list[int]:
        return sorted(set(range((self.start or 0) + 1, head + 1)) - self.seen)


class EventListener:
    """`async with EventListener(…) as listener:` is connected inside, and stays so as far as the server lets it."""

    def __init__(self, base_url: str, email: str, password: str) -> None:
        self.heard = Heard()
        self._base_url = base_url
        self._login = {"email": email, "password": password}
        self._greeted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "EventListener":
        self._task = asyncio.create_task(self._listen(), name="event listener")
        waiting = asyncio.create_task(self._greeted.wait())
        done, _ = await asyncio.wait({self._task, waiting}, timeout=15, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task in done:
            await self._task
        if not self._greeted.is_set():
            await self.__aexit__()
            raise RuntimeError("The event socket did not greet within 15 s.")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(ConnectionClosed, InvalidHandshake, OSError, httpx.TransportError):
                await self._one_connection()
            await asyncio.sleep(RECONNECT_S)

    async def _one_connection(self) -> None:
        address = f"{self._base_url.replace('http', 'ws', 1)}/api/ws/events/?ticket={await self._ticket()}{self._where_it_stopped()}"
        async with connect(address, origin=self._base_url, max_size=2**22, proxy=None) as socket:  # type: ignore[arg-type]
            self.heard.connections += 1
            async for text in socket:
                message = json.loads(text)
                self._take(message, time.time())
                if message["type"] == "hello" and self.heard.connections == 1:  # whatever is said, live frames then begin at once
                    await socket.send(json.dumps({"type": "resume", "after": self.heard.last}))

    def _where_it_stopped(self) -> str:
        """What was missed then comes before anything live; at the first connection there is nothing to go on behind."""
        return "" if self.heard.start is None else f"&after={self.heard.last}"

    async def _ticket(self) -> str:
        async with httpx.AsyncClient(base_url=self._base_url, trust_env=False, timeout=10) as client:
            session = (await client.post("/api/auth/login/", json=self._login)).raise_for_status().json()
            headers = {"Authorization": f"Bearer {session['access']}"}
            answer = (await client.post("/api/auth/ws-ticket/", headers=headers)).raise_for_status().json()
        return str(answer["ticket"])

    def _take(self, message: dict[str, Any], received_at: float) -> None:
        heard = self.heard
        if message["type"] == "hello":
            heard.start = message["data"]["seq"] if heard.start is None else heard.start
            self._greeted.set()
            return
        seq = message.get("seq")
        if not isinstance(seq, int) or "prev" not in message:  # snapshots and heartbeats have no number of their own
            return
        if seq in heard.seen:
            heard.duplicates += 1
            return
        heard.broken_links += message["prev"] != heard.last
        heard.seen.add(seq)
        heard.frames.append(Frame(seq, message["type"], message["data"], received_at))
