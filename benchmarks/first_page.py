"""What the log-in and the overview cost somebody who comes for the first time, and again: bytes, requests, first paint, and until they are of use.

    python -m benchmarks.first_page [--runs 3]

A Chromium held to "Fast 3G" (1.6 Mbit/s, 150 ms) and to a quarter of its speed, in front of the application in this process on embedded servers. The
overview is of use when its numbers stand and its socket is open. Medians; bytes are over the wire, headers included. Prints a table and a JSON line.
"""

import argparse
import asyncio
import json
import logging
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import structlog
from playwright.async_api import Browser, async_playwright

from benchmarks.overview import Bench, begin, dashboard
from crypto_api.bootstrap import open_runtime
from crypto_api.documents import DOCUMENTS
from crypto_project.catalogues import ensure_catalogues
from crypto_project.vendor_assets import ensure_vendor_assets
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from tests.browser import CHROMIUM_FLAGS, chromium_path
from tests.factories.first_page import Cost, first_cost

LIVE = "[data-live][data-state=live]"
SHOWN = ("bytes", "script_bytes", "requests", "blocking", "layout_shift", "painted_ms", "usable_ms")


async def costs(browser: Browser, base_url: str, cookies: dict[str, str], runs: int) -> dict[str, Sequence[Cost]]:
    found: dict[str, list[Cost]] = {}
    for _ in range(runs):
        for name, path, until in (("log-in", "/login/", "body"), ("overview", "/", LIVE)):
            context = await browser.new_context()
            if name == "overview":
                await context.add_cookies([{"name": key, "value": value, "url": base_url} for key, value in cookies.items()])
            for kept in (False, True):  # the first fills the cache of the second
                cost = await first_cost(context, base_url + path, until=until, throttled=True, cached=True)
                found.setdefault(f"{name}, {'again' if kept else 'for the first time'}", []).append(cost)
            await context.close()
    return found  # type: ignore[return-value]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    ensure_vendor_assets()
    ensure_catalogues()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="coffer-bench-") as place:
        bench = Bench(Path(place))
        async with bench.servers() as servers:
            config = bench.config(servers, 0)
            client = connect(config.mongodb_uri)
            await deploy(client, config.mongodb_database, DOCUMENTS)
            await client.close()
            async with open_runtime(config) as runtime, async_playwright() as playwright:
                await begin(runtime, 1, 30)
                async with dashboard(runtime) as visitor:
                    browser = await playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
                    found = await costs(browser, config.frontend_url, dict(visitor.cookies), given.runs)
                    await browser.close()
    medians = {name: {key: statistics.median(asdict(row)[key] for row in rows) for key in SHOWN} for name, rows in found.items()}
    print("| | " + " | ".join(SHOWN) + " |\n" + "|---" * (len(SHOWN) + 1) + "|")
    for name, row in medians.items():
        print(f"| {name} | " + " | ".join(f"{value:,.3f}" if key == "layout_shift" else f"{value:,.0f}" for key, value in row.items()) + " |")
    print(json.dumps(medians))


if __name__ == "__main__":
    asyncio.run(main())
