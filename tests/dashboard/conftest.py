"""The dashboard as people get it: the whole ASGI application under uvicorn on the test's own database, and Chromium in front of it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page

from crypto_api.adapters.queue import Handler
from crypto_api.bootstrap import open_runtime
from crypto_api.flows.relay_events import relay_pass
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.runtime import Runtime
from crypto_api.sockets.hub import EventHub
from crypto_project.asgi import inner
from crypto_project.catalogues import ensure_catalogues
from crypto_project.embedded.ports import free_port
from crypto_project.lifespan import Lifespan
from crypto_project.vendor_assets import ensure_vendor_assets
from tests.browser import REPORT_VIOLATIONS, Faults, axe, chromium, faults
from tests.factories.prepared import Prepared
from tests.factories.serving import serving
from tests.factories.treasury import NETWORKS, PASSWORD, Treasury, begun_treasury
from workers.actor import Actor
from workers.jobs import ACTORS

__all__ = ["chromium", "faults"]


@pytest.fixture
def host() -> str:
    """Parametrise with `localhost` where an address will not do: browsers make passkeys for names only."""
    return "127.0.0.1"


@pytest.fixture
async def runtime(make_config: Any, host: str) -> AsyncIterator[Runtime]:
    async with open_runtime(make_config(NETWORKS, frontend_url=f"http://{host}:{free_port()}")) as opened:
        yield opened


@pytest.fixture
async def treasury(runtime: Runtime, prepared: Prepared) -> Treasury:
    return await begun_treasury(prepared, runtime)


class Site:
    """The application on one port; it can go away and come back."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._port = runtime, int(runtime.config.frontend_url.rsplit(":", 1)[1])
        self.url = runtime.config.frontend_url
        self._serving = contextlib.AsyncExitStack()

    async def start(self) -> None:
        runtime = self._runtime

        @contextlib.asynccontextmanager
        async def state() -> AsyncIterator[dict[str, Any]]:
            async with EventHub(runtime.frames, runtime.clock) as hub:
                yield {"runtime": runtime, "hub": hub}

        options = {"lifespan": "on", "ws": "websockets-sansio", "timeout_graceful_shutdown": 2}
        await self._serving.enter_async_context(serving(Lifespan(inner, state), port=self._port, **options))

    async def stop(self) -> None:
        await self._serving.aclose()


@pytest.fixture
async def site(runtime: Runtime, treasury: Treasury) -> AsyncIterator[Site]:
    ensure_vendor_assets()
    ensure_catalogues()
    opened = Site(runtime)
    await opened.start()
    try:
        yield opened
    finally:
        await opened.stop()


@pytest.fixture
async def relay(runtime: Runtime) -> AsyncIterator[None]:
    """The relay at work beside the test."""

    async def work() -> None:
        while True:
            if not await relay_pass(runtime.uow, runtime.clock, runtime.frames):
                await asyncio.sleep(0.02)

    task = asyncio.create_task(work())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def visitor(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without eyes, not logged in."""
    async with httpx.AsyncClient(base_url=site.url, timeout=60, headers={"Origin": site.url}) as client:
        yield client


async def token(client: httpx.AsyncClient, path: str = "/login/") -> str:
    """The CSRF token in a form of a page."""
    text = (await client.get(path)).text
    return text.split('name="csrfmiddlewaretoken" value="', 1)[1].split('"', 1)[0]


async def log_in(client: httpx.AsyncClient, name: str = "ada.okafor", **fields: str) -> httpx.Response:
    body = {"csrfmiddlewaretoken": await token(client), "name": name, "password": PASSWORD} | fields
    return await client.post("/login/", data=body)


async def send(client: httpx.AsyncClient, path: str, form: str | None = None, **fields: str) -> httpx.Response:
    """What pressing the button of a form does; `form` is the page that it stands on."""
    return await client.post(path, data={"csrfmiddlewaretoken": await token(client, form or path)} | fields)


class Post:
    """The queue at work beside the test, and the letters that it sends."""

    def __init__(self, runtime: Runtime) -> None:
        self._folder = runtime.config.log_dir / "mail"
        self._read: set[str] = set()

    async def to(self, address: str) -> str:
        """The next letter to somebody, which is read once."""
        async with asyncio.timeout(60):
            while True:
                for path in sorted(self._folder.glob("*.eml")):
                    letter = message_from_bytes(path.read_bytes())
                    if path.name not in self._read and letter["To"] == address:
                        self._read.add(path.name)
                        return letter.get_payload(decode=True).decode()  # type: ignore[union-attr]
                await asyncio.sleep(0.02)

    async def link_to(self, address: str) -> str:
        """Path and query of the link in it."""
        return next(word.split("/", 3)[3] for word in (await self.to(address)).split() if "?token=" in word).join(("/", ""))


@pytest.fixture
async def post(runtime: Runtime) -> AsyncIterator[Post]:
    def handler(actor: Actor) -> Handler:
        async def handle(job_id: str, payload: dict[str, Any], job_try: int) -> None:
            await actor.run(runtime, actor.job.model_validate(payload))

        return handle

    serving = asyncio.create_task(runtime.queue.serve({actor.job.name: handler(actor) for actor in ACTORS}))
    yield Post(runtime)
    await cancel_and_wait(serving)


# ---- Chromium ----------------------------------------------------------------------------------------------------------------------


SHOTS = os.environ.get("COFFER_SHOTS")  # a folder for pictures of the pages
WIDE, PHONE, HEIGHT = 1360, 390, 844
LOOKS: dict[str, tuple[int, Literal["light", "dark"]]] = {"light": (WIDE, "light"), "dark": (WIDE, "dark"), "phone": (PHONE, "light")}


class Window:
    """One browser window of one person."""

    def __init__(self, context: BrowserContext, page: Page, site: Site, faults: Faults) -> None:
        self.context, self.page, self.site, self.faults = context, page, site, faults

    async def go(self, path: str) -> None:
        await self.page.goto(self.site.url + path)

    async def log_in(self, name: str = "ada.okafor", path: str = "/") -> None:
        await self.go(path)
        await self.page.fill("#name", name)
        await self.page.fill("#password", PASSWORD)
        await self.page.click("form button[type=submit]")
        await self.page.wait_for_selector("nav[aria-label=Pages]", state="attached")

    async def is_live(self) -> None:
        await self.page.wait_for_selector("[data-live][data-state=live]")

    async def sideways_scroll(self) -> int:
        excess: int = await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return excess

    async def grave_findings(self) -> list[str]:
        """Of axe-core, on the page as it stands."""
        return await axe(self.page)

    async def picture(self, name: str) -> None:
        """Of the page as it stands, into the folder COFFER_SHOTS, where somebody named one."""
        if SHOTS:
            await self.page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)

    @property
    def width(self) -> int:
        assert self.page.viewport_size is not None
        return self.page.viewport_size["width"]

    async def unfit(self, name: str = "", *, accessible: bool = True) -> list[str]:
        """What is wrong with the page as it stands, wide and light, wide and dark, and on a phone: that it scrolls sideways, and what axe-core finds
        grave. With `name`, a picture of each goes into the folder COFFER_SHOTS, where somebody named one."""
        found = []
        for look, (width, theme) in LOOKS.items():
            await self.page.emulate_media(color_scheme=theme)
            await self.page.set_viewport_size({"width": width, "height": HEIGHT})
            if excess := await self.sideways_scroll():
                found.append(f"{look}: {excess} px too wide")
            if accessible:
                found += [f"{look}: {finding}" for finding in await self.grave_findings()]
            if name:
                await self.picture(f"{name}-{look}")
        await self.page.emulate_media(color_scheme="light")
        await self.page.set_viewport_size({"width": WIDE, "height": HEIGHT})
        return found


@pytest.fixture
async def window(chromium: Browser, site: Site, faults: Faults, request: pytest.FixtureRequest) -> AsyncIterator[Window]:
    """Parametrise indirectly with `{"width": 390}` or `{"theme": "dark"}`."""
    wanted = getattr(request, "param", {})
    context = await chromium.new_context(
        viewport={"width": wanted.get("width", WIDE), "height": HEIGHT},
        color_scheme=wanted.get("theme", "light"),
        timezone_id="Europe/Berlin",
        locale="en-GB",
    )
    await context.add_init_script(REPORT_VIOLATIONS)
    page = await context.new_page()
    page.set_default_timeout(60_000)
    faults.watch(page)
    yield Window(context, page, site, faults)
    await context.close()
