"""A server that speaks Ollama's HTTP protocol (`POST /api/chat`, not streamed), and every way in which a real one fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web


@dataclass
class OllamaServer:
    """`content` is what the model says; the other fields break it."""

    content: str = "{}"
    status: int = 200
    body: bytes | None = None  # instead of a chat answer
    delay_s: float = 0.0
    done_reason: str = "stop"
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def says(self, **answer: Any) -> None:
        self.content = orjson.dumps(answer).decode()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(orjson.loads(await request.read()))
        self.headers.append(dict(request.headers))
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.status == 302:
            return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/api/chat"})
        if self.body is not None:
            return web.Response(status=self.status, body=self.body, content_type="application/json")
        if self.status != 200:
            return web.json_response({"error": f"model '{self.requests[-1]['model']}' not found"}, status=self.status)
        return web.json_response(
            {
                "model": self.requests[-1]["model"],
                "created_at": "2026-11-21T09:30:00.000000Z",
                "message": {"role": "assistant", "content": self.content},
                "done": True,
                "done_reason": self.done_reason,
                "total_duration": 5_191_566_416,
                "load_duration": 2_154_458,
                "prompt_eval_count": 26,
                "prompt_eval_duration": 383_809_000,
                "eval_count": 98,
                "eval_duration": 4_799_921_000,
            }
        )


@asynccontextmanager
async def ollama_server() -> AsyncIterator[OllamaServer]:
    server = OllamaServer()
    app = web.Application()
    app.router.add_post("/api/chat", server._chat)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
