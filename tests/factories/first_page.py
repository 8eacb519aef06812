"""What a page costs a browser that has nothing of it yet, by the browser's own account of its network."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, Page

THROTTLED = {"offline": False, "latency": 150, "downloadThroughput": 1_600_000 / 8, "uploadThroughput": 750_000 / 8}
"""Chromium's "Fast 3G": 1.6 Mbit/s down, 150 ms to and fro."""
_SHIFTS = """
window.cofferShift = 0; window.cofferPaint = 0;
new PerformanceObserver(list => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.cofferShift += entry.value; })
  .observe({ type: 'layout-shift', buffered: true });
new PerformanceObserver(list => { for (const one of list.getEntries()) if (one.name.startsWith('first-c')) window.cofferPaint = one.startTime; })
  .observe({ type: 'paint', buffered: true });
"""


@dataclass
class Cost:
    bytes: int = 0  # over the wire, headers included
    script_bytes: int = 0
    requests: int = 0
    blocking: int = 0  # before anything is shown
    layout_shift: float = 0.0
    painted_ms: float = 0.0  # first contentful paint
    usable_ms: float = 0.0  # what was waited for stands
    texts: list[str] = field(default_factory=list)  # coding and address of each style sheet and script of a vendor


@dataclass
class _Ledger:
    """Responses and their sizes by request."""

    kinds: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def watch(self, session: CDPSession) -> None:
        session.on("Network.responseReceived", self._received)
        session.on("Network.loadingFinished", lambda told: self.sizes.update({told["requestId"]: int(told["encodedDataLength"])}))

    def _received(self, told: dict[str, Any]) -> None:
        self.kinds[told["requestId"]] = told["type"]
        url, headers = told["response"]["url"], {name.lower(): value for name, value in told["response"]["headers"].items()}
        if told["type"] in ("Script", "Stylesheet") and "/vendor/" in url:
            self.texts.append(f"{headers.get('content-encoding', 'plain')} {url.rsplit('/', 1)[1]}")


async def first_cost(context: BrowserContext, url: str, *, until: str = "body", throttled: bool = False, cached: bool = False) -> Cost:
    """In a tab of its own. `until`: what it has to have to be of use. `cached`: with what the browser has kept of earlier pages."""
    page = await context.new_page()
    try:
        session, ledger = await context.new_cdp_session(page), _Ledger()
        await session.send("Network.enable")
        await session.send("Network.setCacheDisabled", {"cacheDisabled": not cached})
        if throttled:
            await session.send("Network.emulateNetworkConditions", THROTTLED)
            await session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        ledger.watch(session)
        await page.add_init_script(_SHIFTS)
        await page.goto(url, wait_until="load", timeout=120_000)
        await page.wait_for_selector(until, timeout=120_000)
        usable = await page.evaluate("performance.now()")
        await _still(page, ledger)
        return Cost(
            bytes=sum(ledger.sizes.values()),
            script_bytes=sum(size for key, size in ledger.sizes.items() if ledger.kinds.get(key) == "Script"),
            requests=len(ledger.kinds),
            blocking=await page.evaluate("performance.getEntriesByType('resource').filter(one => one.renderBlockingStatus === 'blocking').length"),
            layout_shift=await page.evaluate("window.cofferShift"),
            painted_ms=await page.evaluate("window.cofferPaint"),
            usable_ms=usable,
            texts=ledger.texts,
        )
    finally:
        await page.close()


async def _still(page: Page, ledger: _Ledger) -> None:
    """Until nothing has come for half a second."""
    seen = -1
    while seen != len(ledger.sizes):
        seen = len(ledger.sizes)
        await asyncio.sleep(0.5)
