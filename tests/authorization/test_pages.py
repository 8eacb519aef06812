"""Each page and fragment of the dashboard in every column, by every method that it takes, with every id swapped for a foreign one."""

import asyncio
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest

from crypto_api.identity.types import DASHBOARD_COOKIE
from tests.authorization import cells as expected
from tests.authorization.casting import Asker, Casting
from tests.authorization.cells import PAGE_COLUMNS, PASS, ROLES, STEP_UP_COLUMNS, Cells
from tests.authorization.conftest import Tally, told
from tests.authorization.forms import FORMS, Form
from tests.authorization.house import Answer, House, differences, organizations_in
from tests.authorization.objects import KINDS, PERSONAL, absent

pytestmark = pytest.mark.usefixtures("bound")

CELLS = expected.pages()
_wanted = [name for name in os.environ.get("COFFER_MATRIX", "").split(",") if name]
_CSRF = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"|"X-CSRFToken": ?"[^"]*"|req_[a-z0-9]+')
ELSEWHERE = ("/login/", "/confirm/")
NOT_FOR_ALL = {"overview": b"/fragments/overview/"}
"""What a page that answers everybody with 200 holds for those who may, and for nobody else."""


def names() -> list[str]:
    return [name for name in CELLS if not _wanted or name in _wanted]


@dataclass
class Visit:
    """One page on the way through its cells."""

    house: House
    casting: Casting
    cells: Cells
    faults: list[str] = field(default_factory=list)
    tried: int = 0
    _paths: dict[str, "asyncio.Task[str]"] = field(default_factory=dict)

    async def run(self) -> None:
        self.casting.renew()
        declared = self.cells
        for method in declared.methods.split():
            self.cells = declared.by(method)
            shared = [column for column in self._columns(method) if not self._is_fresh(method, column)]
            for asker in await asyncio.gather(*(self.casting.asker(self._who(column), self.cells) for column in shared)):
                await self._path(asker)
            for role in self.cells.may:
                await self._path(await self.casting.asker(role, self.cells))
            places = [place for place, kind in self.cells.ids.items() if kind != "-" and self.cells.foreign.get(place) != "any"]
            foreign = {place: await self.casting.foreign_object(self.cells.ids[place]) for place in places}
            before = await self._dump(method)
            await asyncio.gather(*(self._cell(method, column) for column in shared))
            for place, object_id in foreign.items():
                await self._swapped(method, place, object_id)
            after = await self._dump(method)
            self.faults += [f"{method}: somebody who may not changed {what}" for what in differences(before, after)]
            await asyncio.gather(*(self._cell(method, column) for column in self._columns(method) if self._is_fresh(method, column)))

    async def _dump(self, method: str) -> dict[str, list[object]]:
        return await self.house.dump(self.casting.org_id, self.casting.foreign) if method == "POST" else {}

    def _columns(self, method: str) -> list[str]:
        step_up = tuple(column for column in STEP_UP_COLUMNS if self.cells.step_up and (column != "step_up_by_log_in" or method == "GET"))
        return [column for column in (*PAGE_COLUMNS, *ROLES, *step_up) if method == "POST" or column != "without_csrf"]

    def _is_fresh(self, method: str, column: str) -> bool:
        return method == "POST" and self.cells.expected_of_page(column) == PASS

    def _who(self, column: str) -> str:
        if column in ("anonymous_fragment", "access_token"):
            return "anonymous"
        return self.casting._role(self.cells) if column == "without_csrf" else column

    async def _path(self, asker: Asker) -> str:
        key = asker.person.user_id if any(kind in PERSONAL for kind in self.cells.ids.values()) else asker.org_id
        if key not in self._paths:
            self._paths[key] = asyncio.ensure_future(self._made(asker))
        return await self._paths[key]

    async def _made(self, asker: Asker) -> str:
        path = self.cells.path
        for place, kind in self.cells.ids.items():
            path = path.replace("{" + place.removeprefix("path.") + "}", await KINDS[kind](self.house, asker.org_id, asker.person))
        return path

    async def _cell(self, method: str, column: str) -> None:
        fresh = self._is_fresh(method, column)
        who = self._who(column)
        asker = await (self.casting.fresh(who, self.cells) if fresh else self.casting.asker(who, self.cells))
        answer = await self._send(method, column, asker, await self._path(asker))
        self._judge(method, column, answer)
        if method == "GET" and column != "admin_elsewhere" and self.cells.kind != "platform":
            self.faults += [f"{column}: shows {other}" for other in organizations_in(answer) - {asker.org_id}]

    async def _send(self, method: str, column: str, asker: Asker, path: str) -> Answer:
        headers = {}
        if column == "anonymous_fragment":
            headers["HX-Request"] = "true"
        if column == "access_token":
            headers |= asker.person.headers
        cookie = "" if self._who(column) == "anonymous" else asker.person.cookie
        form = await FORMS[self.cells.name](self.house, asker.org_id, asker.person) if method == "POST" and self.cells.name in FORMS else {}
        return await send(self.house, method, path, cookie, form, headers, csrf=column != "without_csrf")

    def _judge(self, method: str, column: str, answer: Answer) -> None:
        self.tried += 1
        wanted, location = self.cells.expected_of_page(column), answer.headers.get("Location", "")
        if wanted == PASS:
            sent_away = location.startswith(ELSEWHERE) and not (self.cells.lands and location.startswith(self.cells.lands))
            good = answer.status not in (401, 403) and answer.status < (400 if method == "GET" else 500) and not sent_away
        elif wanted.startswith("to "):
            good = answer.status == 302 and location.startswith(wanted.removeprefix("to "))
        else:
            good = answer.status == int(wanted)
        part = NOT_FOR_ALL.get(self.cells.name)
        if part is not None and answer.status == 200:
            good = good and (part in answer.content) == (wanted == PASS)
        if not good:
            self.faults.append(f"{column}: {method}: expected {wanted}, got {answer.status} {location} {_text(answer)}")

    async def _swapped(self, method: str, place: str, foreign: str) -> None:
        for role in self.cells.may:
            asker = await self.casting.asker(role, self.cells)
            path = await self._path(asker)
            own = path.strip("/").split("/")[self.cells.path.strip("/").split("/").index("{" + place.removeprefix("path.") + "}")]
            answers = [await self._send(method, role, asker, path.replace(own, object_id)) for object_id in (foreign, absent(foreign))]
            self.tried += 2
            one, other = ((row.status, _text(row, foreign, absent(foreign))) for row in answers)
            if one != other or one[0] != int(self.cells.foreign.get(place, 404)):
                self.faults.append(f"{role}: {method} {place}: the foreign one answers {one}, an absent one {other}")


def _text(answer: Answer, *ids: str) -> bytes:
    """The page without what is new each time: the CSRF token, the id that was asked for."""
    content = _CSRF.sub(b"", answer.content)
    for object_id in ids:
        content = content.replace(object_id.encode(), b"ID")
    return content if ids else content[:200]


async def send(
    house: House, method: str, path: str, cookie: str, form: Form, headers: Mapping[str, str] | None = None, *, csrf: bool = True
) -> Answer:
    """As a browser sends it: the session's cookie, and with a form its CSRF token."""
    token = secrets.token_hex(16)
    cookies = [f"{DASHBOARD_COOKIE}={cookie}"] if cookie else []
    if method == "GET":
        return await house.call(method, path, headers={**({"Cookie": "; ".join(cookies)} if cookies else {}), **(headers or {})})
    if csrf:
        cookies.append(f"csrftoken={token}")
        form = [*(form.items() if isinstance(form, dict) else form), ("csrfmiddlewaretoken", token)]
    sent = {"Cookie": "; ".join(cookies), "Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    return await house.call(method, path, raw=urlencode(form).encode(), headers=sent)


@pytest.mark.parametrize("name", names())
async def test_page(name: str, house: House, casting: Casting, tally: Tally) -> None:
    visit = Visit(house, casting, CELLS[name])
    await visit.run()
    assert visit.tried > 0
    tally.add(f"page {name}", visit.tried)
    if visit.faults:
        pytest.fail(told(visit.faults), pytrace=False)
