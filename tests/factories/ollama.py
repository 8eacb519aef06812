"""A server that speaks Ollama's HTTP protocol (`POST /api/chat` whole or as NDJSON, `GET /api/tags`, `POST /api/pull`), and every way in which a real
one fails: with a status, in the middle of its stream, by silence, by saying something else, by not having the model."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

DIGEST = "1f5e0c4c1d3e7a2c5b8f9e0d1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"


@dataclass
class OllamaServer:
    """`content` is what the model says; the other fields break it."""

    content: str = "{}"
    status: int = 200
    body: bytes | None = None  # instead of a chat answer
    delay_s: float = 0.0
    pause_s: float = 0.0  # between two pieces of a stream
    breaks_after: int | None = None  # pieces after which the stream says that the runner died
    stops_after: int | None = None  # pieces after which the connection ends without a last word
    endless: bool = False  # it never comes to its end
    done_reason: str = "stop"
    models: list[str] = field(default_factory=lambda: ["granite4:micro"])
    digest: str = DIGEST  # of the weights that it lists, and fetches
    pull_fault: str | None = None  # what a download ends with
    url: str = ""
    runner: web.AppRunner | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    listed: int = 0  # times that it was asked which models it has
    at_once: int = 0
    at_once_max: int = 0

    def says(self, **answer: Any) -> None:
        self.content = orjson.dumps(answer).decode()

    async def stop(self) -> None:
        """From now on nobody is there."""
        assert self.runner is not None
        await self.runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(orjson.loads(await request.read()))
        self.headers.append(dict(request.headers))
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            return await self._answer(request, self.requests[-1])
        finally:
            self.at_once -= 1

    async def _answer(self, request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.status == 302:
            return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/api/chat"})
        if self.body is not None:
            return web.Response(status=self.status, body=self.body, content_type="application/json")
        if self.status != 200:
            return web.json_response({"error": f"model '{asked['model']}' not found"}, status=self.status)
        if not asked.get("stream", True):
            return web.json_response(self._part(asked, self.content) | self._end())
        return await self._stream(request, asked)

    async def _stream(self, request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        pieces = [self.content[at : at + 7] for at in range(0, len(self.content), 7)]
        number = 0
        while self.endless or number < len(pieces):
            if number == self.breaks_after:
                await response.write(b'{"error":"model runner has unexpectedly stopped"}\n')
                return response
            if number == self.stops_after:
                return response
            await response.write(_line(self._part(asked, pieces[number % len(pieces)] if pieces else " ")))
            number += 1
            await asyncio.sleep(self.pause_s)
        await response.write(orjson.dumps(self._part(asked, "") | self._end()) + b"\n")
        return response

    def _part(self, asked: dict[str, Any], content: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": content}
        return {"model": asked["model"], "created_at": "2026-11-21T09:30:00.000000Z", "message": message, "done": False}

    def _end(self) -> dict[str, Any]:
        counts = {"total_duration": 5_191_566_416, "load_duration": 2_154_458, "prompt_eval_count": 26, "prompt_eval_duration": 383_809_000}
        return {"done": True, "done_reason": self.done_reason, "eval_count": 98, "eval_duration": 4_799_921_000} | counts

    async def _tags(self, request: web.Request) -> web.StreamResponse:
        self.listed += 1
        rows = [
            {"name": name, "model": name, "modified_at": "2026-11-01T00:00:00Z", "size": 2_100_000_000, "digest": self.digest} for name in self.models
        ]
        return web.json_response({"models": rows})

    async def _pull(self, request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        layer = {"status": f"pulling {self.digest[:12]}", "digest": f"sha256:{self.digest}", "total": 1_000}
        steps: list[dict[str, Any]] = [{"status": "pulling manifest"}, layer, layer | {"completed": 400}, layer | {"completed": 1_000}]
        if self.pull_fault is not None:
            steps.append({"error": self.pull_fault})
        else:
            self.models.append(asked["model"])
            steps += [{"status": "verifying sha256 digest"}, {"status": "writing manifest"}, {"status": "success"}]
        for step in steps:
            await response.write(orjson.dumps(step) + b"\n")
        return response


def _line(part: dict[str, Any]) -> bytes:
    """As Go's encoder writes it, which never leaves a separator of lines as it is within a string."""
    return orjson.dumps(part).replace("\u2028".encode(), b"\\u2028").replace("\u2029".encode(), b"\\u2029") + b"\n"


@asynccontextmanager
async def ollama_server(port: int = 0) -> AsyncIterator[OllamaServer]:
    """On any port that is free, unless one is given."""
    server = OllamaServer()
    app = web.Application()
    app.router.add_post("/api/chat", server._chat)
    app.router.add_get("/api/tags", server._tags)
    app.router.add_post("/api/pull", server._pull)
    server.runner = runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    assert runner.addresses
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
