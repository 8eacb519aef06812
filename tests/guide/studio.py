"""Where the pictures of the guide are taken: windows of the people of the sample company, one width, one theme, files that are small."""

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page, expect

from crypto_project.demo import cast
from tests.browser import wait_until

WIDTH, HEIGHT = 1280, 800
COLOURS, KEPT = 256, 96
Colour = tuple[int, int, int]
QUIET_S = 60
QUIET = (
    "document.readyState === 'complete' && !document.querySelector('.htmx-request')"
    " && !document.body.innerText.includes('Reading…')"  # a drawing without its figures
)

FOUNDER, CONTROLLER, APPROVER, EMPLOYEE = cast.FOUNDER, cast.STAFF[0], cast.STAFF[1], cast.STAFF[4]


@dataclass
class Studio:
    """`base_url`: of an installation with the sample company on it."""

    browser: Browser
    base_url: str
    out: Path
    taken: list[str] = field(default_factory=list)
    _desks: dict[str, "Desk"] = field(default_factory=dict)

    async def desk(self, person: cast.Person | None) -> "Desk":
        """Their window, in which they are logged in. None: somebody without an account."""
        key = person.username if person else ""
        if key not in self._desks:
            context = await self.browser.new_context(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", timezone_id="UTC", locale="en-GB", reduced_motion="reduce"
            )
            page = await context.new_page()
            page.set_default_timeout(60_000)
            desk = self._desks[key] = Desk(self, page, person)
            if person is not None:
                await desk.log_in()
        return self._desks[key]

    async def close(self) -> None:
        for desk in self._desks.values():
            await desk.page.context.close()
        self._desks.clear()


@dataclass
class Desk:
    studio: Studio
    page: Page
    person: cast.Person | None

    async def log_in(self) -> None:
        assert self.person is not None
        await self.page.goto(f"{self.studio.base_url}/login/")
        await self.page.fill("#name", self.person.email)
        await self.page.fill("#password", self.person.password)
        await self.page.click("form button[type=submit]")
        await self.page.wait_for_selector("nav[aria-label=Pages]", state="attached")

    async def go(self, path: str) -> None:
        await self.page.goto(path if "://" in path else self.studio.base_url + path)
        await self.quiet()

    async def open(self, path: str, row: str = "") -> None:
        """The first thing in a list, or the first whose name has `row` in it."""
        await self.go(path)
        await self.page.locator("a.row-target, a.wallet-link").filter(has_text=row).first.click()
        await self.quiet()

    async def press(self, name: str) -> None:
        """The button, or the link that looks like one."""
        button = self.page.get_by_role("button", name=name, exact=True).or_(self.page.get_by_role("link", name=name, exact=True))
        await button.locator("visible=true").first.click()
        await self.quiet()

    async def confirm(self) -> None:
        """Where the page asks once more who it is."""
        if await self.page.locator("h1", has_text="Confirm that it is you").count():
            assert self.person is not None
            await self.page.fill("#password", self.person.password)
            await self.press("Confirm")

    async def quiet(self) -> None:
        """Until nothing of the page is being fetched by itself, and its line is live where it has one."""
        await wait_until(
            self.page,
            "document.readyState === 'complete' && !document.querySelector('.htmx-request') && !document.body.innerText.includes('Reading…')",
            QUIET_S,
        )
        if await self.page.locator("[data-live]").count():
            await expect(self.page.locator("[data-live]")).to_have_attribute("data-state", "live")

    async def take(self, name: str, *, height: int = HEIGHT) -> Path:
        await self.page.set_viewport_size({"width": WIDTH, "height": height})
        await self.page.mouse.move(0, 0)
        await self.page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
        await self.quiet()
        path = self.studio.out / f"{name}.png"
        path.write_bytes(smaller(await self.page.screenshot()))
        self.studio.taken.append(name)
        return path


def smaller(png: bytes) -> bytes:
    """With a palette instead of three bytes for each pixel. The colours that a page has most of are kept as they are; of the others, such as those of
    a small red mark, as many as there is room for, far from one another."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    raw = image.tobytes()
    pixels: list[Colour] = list(zip(raw[0::3], raw[1::3], raw[2::3], strict=True))
    counted = [colour for colour, _ in Counter(pixels).most_common()]
    palette = counted[:KEPT]
    palette += _apart(counted[KEPT:], COLOURS - len(palette))
    nearest = {colour: min(range(len(palette)), key=lambda place: _distance(palette[place], colour)) for colour in counted}
    small = Image.frombytes("P", image.size, bytes(nearest[colour] for colour in pixels))
    small.putpalette(bytes(part for colour in palette for part in colour))
    made = io.BytesIO()
    small.save(made, "PNG", optimize=True)
    return made.getvalue()


def _apart(colours: list[Colour], room: int) -> list[Colour]:
    """One of each box of colours that are much alike, the boxes as small as there is room for."""
    for width in (8, 16, 24, 32, 48, 64):
        boxes = {tuple(part // width for part in colour): colour for colour in reversed(colours)}
        if len(boxes) <= room:
            return list(boxes.values())
    return colours[:room]


def _distance(one: Colour, other: Colour) -> int:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2


@asynccontextmanager
async def studio(browser: Browser, base_url: str, out: Path) -> AsyncIterator[Studio]:
    await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    opened = Studio(browser, base_url, out)
    try:
        yield opened
    finally:
        await opened.close()
