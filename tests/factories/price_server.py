"""A server that speaks the protocols of price providers on loopback, in the shapes that they document, and every way in which a real one fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from crypto_api.kit.price_settings import PriceProvider

ECB_XML = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject><gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
  <Cube>{days}</Cube>
</gesmes:Envelope>"""


@dataclass
class PriceServer:
    """`rate` is what every pair is worth, as text that goes into JSON as it is. The other fields break it."""

    rate: str = "3120.45"
    at: datetime | None = None  # when it says that was; None: when it is asked for
    days: dict[str, dict[str, str]] = field(default_factory=dict)  # of the ECB
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay_s: float = 0.0
    url: str = ""
    requests: list[web.Request] = field(default_factory=list)

    def provider(self, kind: str, **changes: object) -> PriceProvider:
        row: dict[str, object] = {"kind": kind, "url": self.url, "private": True, "timeout_s": 2}
        return PriceProvider.model_validate(row | changes)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.status != 200 or self.body is not None:
            return web.Response(status=self.status, body=self.body or b"{}", headers=self.headers)
        text = self._text(request)
        return web.Response(text=text, headers=self.headers) if text is not None else web.Response(status=404)

    def _text(self, request: web.Request) -> str | None:
        query = request.query
        match request.path.strip("/").split("/"):
            case ["simple", "price"]:
                at = int((self.at or datetime.now(UTC)).timestamp())
                return f'{{"{query["ids"]}": {{"{query["vs_currencies"]}": {self.rate}, "last_updated_at": {at}}}}}'
            case ["coins", _, "market_chart", "range"]:
                times = range(int(query["from"]) // 300 * 300 + 300, int(query["to"]), 300)
                rows = ", ".join(f"[{time}000, {self.rate}]" for time in times)
                return f'{{"prices": [{rows}], "market_caps": [], "total_volumes": []}}'
            case ["products", _, "candles"]:
                start, end = (int(datetime.fromisoformat(query[name]).timestamp()) for name in ("start", "end"))
                times = range(start, end + 1, int(query["granularity"]))
                return "[" + ", ".join(f"[{time}, {self.rate}, {self.rate}, {self.rate}, {self.rate}, 12.5]" for time in reversed(times)) + "]"
            case ["api", "v3", "klines"]:
                times = range(int(query["startTime"]), int(query["endTime"]) + 1, 300_000)
                rate = f'"{self.rate}"'
                return "[" + ", ".join(f'[{time}, {rate}, {rate}, {rate}, {rate}, "148.9", {time + 299_999}]' for time in times) + "]"
            case [name] if name.startswith("eurofxref"):
                rows = (
                    f'<Cube time="{day}">' + "".join(f'<Cube currency="{code}" rate="{rate}"/>' for code, rate in rates.items()) + "</Cube>"
                    for day, rates in self.days.items()
                )
                return ECB_XML.format(days="".join(rows))
        return None


@asynccontextmanager
async def price_server() -> AsyncIterator[PriceServer]:
    server = PriceServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
