"""Every page as a role sees it: what must not happen on it, and pictures of it at three widths in two themes."""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

from crypto_api.identity.types import DASHBOARD_COOKIE
from crypto_api.organizations.types import Role
from tests.authorization import cells
from tests.authorization.cells import Cells
from tests.authorization.house import Answer, House, Person
from tests.authorization.objects import KINDS, PERSONAL
from tests.browser import REPORT_VIOLATIONS, axe
from tests.looks.seeding import LONG, lengthen

WIDTHS, HEIGHT = (1360, 768, 390), 844
Theme = Literal["light", "dark"]
ANONYMOUS = "ANONYMOUS"
THEMES: tuple[Theme, Theme] = ("light", "dark")
LOOKS = [(width, theme) for theme in THEMES for width in WIDTHS]
JUDGED = frozenset({(1360, "light"), (1360, "dark"), (390, "light")})
"""Looks in which axe-core judges the page: both themes' colours, and what a phone folds away."""
SETTLED_S = 20
_ALIKE = re.compile(r"\d+|[0-9a-z]{20,}")


@dataclass(frozen=True)
class Fault:
    role: str
    page: str
    path: str
    look: str  # "" for what does not depend on it
    what: str


@dataclass
class Report:
    visits: int = 0
    looks: int = 0
    pages: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    not_pages: dict[str, str] = field(default_factory=dict)  # what answers with something else than a page of HTML
    alike: int = 0  # visits whose page says what another role's said, which was not looked at again

    def told(self) -> str:
        lines = [f"{fault.role} {fault.page} {fault.look} {fault.what} ({fault.path})" for fault in self.faults]
        return "\n".join(
            [f"{len(self.pages)} pages, {self.visits} visits, {self.looks} looks, {self.alike} alike, {len(self.faults)} faults", *lines]
        )

    def write(self, folder: Path) -> None:
        plain = asdict(self) | {"pages": sorted(self.pages)}
        (folder / "report.json").write_text(json.dumps(plain, indent=1, ensure_ascii=False))


def pages() -> list[Cells]:
    """What answers to GET at an address of its own."""
    return [row for row in cells.pages().values() if "GET" in row.methods.split() and not row.path.startswith("/fragments/")]


class Watch:
    """Everything that goes wrong in a window, since somebody asked."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.found: list[str] = []
        self._base_url = base_url
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def take(self) -> list[str]:
        found, self.found = self.found, []
        return list(dict.fromkeys(found))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self.found.append(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # a page that is left drops what it had asked for
            self.found.append(f"failed: {request.method} {request.url.removeprefix(self._base_url)} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.found.append(f"answered {response.status}: {response.url.removeprefix(self._base_url)}")


@dataclass
class Looker:
    """`out`: where pictures go; without, none are made. `thorough`: axe-core in every look."""

    house: House
    browser: Browser
    out: Path | None = None
    thorough: bool = False
    language: str = ""
    report: Report = field(default_factory=Report)
    _seen: set[str] = field(default_factory=set)
    _paths: dict[str, str] = field(default_factory=dict)

    async def walk(self, org_id: str, role: str, wanted: Iterable[Cells], place: str) -> None:
        """The pages that the role may open, in one window. `place`: what the organisation is called in file names."""
        person = await self._person(org_id, role)
        context = await self._context(person)
        try:
            page = await context.new_page()
            page.set_default_timeout(60_000)
            watch = Watch(page, self.house.base_url)
            for row in wanted:
                if (role in row.may if person else row.needs == cells.OPEN) and (place == "rich" or not row.ids):
                    await self._visit(page, watch, person, org_id, role, row, place)
        finally:
            await context.close()

    async def _person(self, org_id: str, role: str) -> Person | None:
        """With a long name, and every confirmation given for as long as the walk may take. None is nobody who is logged in."""
        if role == ANONYMOUS:
            return None
        named = {"first_name": "Maximiliana-Friederike", "last_name": f"Hohenlohe-Schillingsfürst {LONG[:20]}"}
        acts_in = None if role == Role.PLATFORM_ADMIN else org_id
        given = [one.model_copy(update={"until": self.house.now + timedelta(hours=6)}) for one in self.house.approvals(acts_in)]
        return await self.house.in_role(org_id, role, user=named, approvals=given)

    async def _context(self, person: Person | None) -> BrowserContext:
        context = await self.browser.new_context(
            viewport={"width": WIDTHS[0], "height": HEIGHT}, timezone_id="Europe/Berlin", locale="en-GB", reduced_motion="reduce"
        )
        cookies = ({DASHBOARD_COOKIE: person.cookie} if person else {}) | ({"coffer_language": self.language} if self.language else {})
        await context.add_cookies([{"name": name, "value": value, "url": self.house.base_url} for name, value in cookies.items()])
        await context.add_init_script(REPORT_VIOLATIONS)
        return context

    async def _visit(self, page: Page, watch: Watch, person: Person | None, org_id: str, role: str, row: Cells, place: str) -> None:
        path = await self._path(row, org_id, person)
        answer = await self.house.call("GET", path, headers={"Cookie": f"{DASHBOARD_COOKIE}={person.cookie}"} if person else {})
        if (other := _no_page(answer)) is not None:
            self.report.not_pages[row.name] = other
            if answer.status >= 500:
                self.report.faults.append(Fault(f"{role} ({place})", row.name, path, "", f"answered {answer.status}"))
            return
        self.report.visits += 1
        self.report.pages.add(row.name)
        await page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
        await page.emulate_media(color_scheme="light")
        watch.take()
        await page.goto(self.house.base_url + path)
        await _settled(page)
        said = await page.evaluate("(document.querySelector('main') ?? document.body).innerText")
        key = hashlib.sha256(f"{place} {row.name} {_ALIKE.sub('', said)}".encode()).hexdigest()
        found = [("", what) for what in watch.take()]
        if key in self._seen:
            self.report.alike += 1
        else:
            self._seen.add(key)
            found += [pair async for pair in self._looks(page, f"{row.name}-{place}-{role}")]
            found += [("", what) for what in watch.take()]
        if self.out is not None:
            self.report.write(self.out)
        self.report.faults += [Fault(f"{role} ({place})", row.name, path, look, what) for look, what in found]

    async def _path(self, row: Cells, org_id: str, person: Person | None) -> str:
        """With an object of each kind that it names, which is the same one for all who may see it."""
        path = row.path
        for where, kind in row.ids.items():
            if kind == "-":
                continue
            person = person or await self.house.in_role(org_id, Role.ADMIN)
            owner = person.user_id if kind in PERSONAL else org_id
            if (key := f"{owner} {kind}") not in self._paths:
                self._paths[key] = await KINDS[kind](self.house, org_id, person)
                await lengthen(self.house, org_id)
            path = path.replace("{" + where.removeprefix("path.") + "}", self._paths[key])
        return path

    async def _looks(self, page: Page, name: str):  # type: ignore[no-untyped-def]
        for width, theme in LOOKS:
            look = f"{width} {theme}"
            await page.emulate_media(color_scheme=theme)
            await page.set_viewport_size({"width": width, "height": HEIGHT})
            self.report.looks += 1
            if excess := await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"):
                yield look, f"{excess} px too wide"
            if self.thorough or (width, theme) in JUDGED:
                for finding in await axe(page):
                    yield look, finding
            if self.out is not None:
                with suppress(asyncio.TimeoutError):
                    await page.screenshot(path=self.out / f"{name}-{width}-{theme}.png", full_page=True)


def _no_page(answer: Answer) -> str | None:
    kind = answer.headers.get("Content-Type", "")
    if answer.status != 200:
        return f"{answer.status} {answer.headers.get('Location', '')}"
    return None if "text/html" in kind and b"<html" in answer.content else kind or "a part of a page"


async def _settled(page: Page) -> None:
    """Until nothing of the page is being fetched by itself."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_S):
            while await page.evaluate("document.querySelectorAll('.htmx-request').length"):
                await asyncio.sleep(0.02)


def contact_sheet(folder: Path) -> Iterator[str]:
    """A page with all pictures on it, by page."""
    yield "<!doctype html><meta charset=utf-8><title>Looks</title><style>body{font:13px sans-serif}figure{display:inline-block;margin:4px}"
    yield "img{height:320px;border:1px solid #999}</style>"
    for path in sorted(folder.glob("*.png")):
        yield f'<figure><a href="{path.name}"><img loading="lazy" src="{path.name}"></a><figcaption>{path.stem}</figcaption></figure>'
