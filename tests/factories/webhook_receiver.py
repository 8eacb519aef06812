"""A program that is told what happens: a real HTTP server with every way in which one can fail."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = orjson.loads(self.body)
        return told

    @property
    def kind(self) -> str:
        return str(self.told["type"])


@dataclass
class WebhookReceiver:
    """`status` is what it answers; `answers` are taken one after another before that. `hangs` until it is set to False; answers after `late_s`. One
    that was stopped comes back at the same address and remembers what it had."""

    url: str = ""
    status: int = 204
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hangs: bool = False
    late_s: float = 0.0
    received: list[Received] = field(default_factory=list)
    on_receipt: Callable[[], None] = lambda: None
    _port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def kinds(self) -> list[str]:
        return [one.kind for one in self.received]

    @property
    def seqs(self) -> list[int]:
        return [one.told["seq"] for one in self.received]

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/hook", self._receive)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}/hook"

    async def stop(self) -> None:
        """From then on nothing listens there."""
        self.hangs = False
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _receive(self, request: web.Request) -> web.Response:
        self.received.append(Received(dict(request.headers), await request.read()))
        self.on_receipt()
        while self.hangs:
            await asyncio.sleep(0.02)
        await asyncio.sleep(self.late_s)
        status = self.answers.pop(0) if self.answers else self.status
        return web.Response(status=status, headers=self.headers, body=self.body)


@asynccontextmanager
async def webhook_receiver() -> AsyncIterator[WebhookReceiver]:
    receiver = WebhookReceiver()
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()
