"""Each console in every column: who opens it, by which ticket or cookie, from which page."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from crypto_api.identity import service as identity
from crypto_api.identity.types import DASHBOARD_COOKIE
from crypto_api.sockets.hub import EventHub
from tests.authorization import cells as expected
from tests.authorization.casting import Asker, Casting
from tests.authorization.cells import CONSOLE_COLUMNS, PASS, ROLES, Cells
from tests.authorization.conftest import Tally, told
from tests.authorization.house import House
from tests.sockets.conftest import serving

pytestmark = pytest.mark.usefixtures("bound")

CELLS = expected.consoles()
OTHER_SITE = "http://elsewhere.example"
BY_COOKIE = {"cookie", "cookie_of_nobody", "cookie_from_another_site", "cookie_without_origin"}
AS_SOMEBODY_WHO_MAY = {*BY_COOKIE, "no_ticket", "used_ticket", "wrong_ticket", "ticket_from_another_site", "access_token"}


@pytest.fixture(scope="module")
async def sockets(house: House) -> AsyncIterator[str]:
    async with EventHub(house.runtime.frames, house.runtime.clock) as hub, serving(house.runtime, hub) as address:
        yield address


async def ticket_of(house: House, asker: Asker) -> str:
    person, now = asker.person, house.now
    return await house.runtime.uow.run(lambda session: identity.issue_ticket(session, person.user_id, person.session_id, now))


async def opened(url: str, headers: dict[str, str], origin: str | None) -> str:
    """`pass` when it said hello, else the code with which it was closed."""
    async with connect(url, proxy=None, ping_interval=None, close_timeout=1, additional_headers=headers, origin=origin) as socket:  # type: ignore[arg-type]
        try:
            frame: dict[str, Any] = orjson.loads(await asyncio.wait_for(socket.recv(), 60))
        except ConnectionClosed:
            return str(socket.close_code)
        return PASS if frame["type"] == "hello" else str(frame)


async def attempt(column: str, cells: Cells, house: House, casting: Casting, address: str) -> str:
    asker = await casting.asker(casting._role(cells) if column in AS_SOMEBODY_WHO_MAY else column, cells)
    own_site = address.replace("ws://", "http://")
    origin: str | None = None
    query, headers = "", {}
    match column:
        case "no_ticket":
            pass
        case "wrong_ticket":
            query = "?ticket=made-up"
        case "access_token":
            query, headers = f"?ticket={asker.person.access}", asker.person.headers
        case "cookie" | "cookie_of_nobody" | "cookie_from_another_site" | "cookie_without_origin":
            headers = {"Cookie": f"{DASHBOARD_COOKIE}={'nobody' if column == 'cookie_of_nobody' else asker.person.cookie}"}
            origin = {"cookie_from_another_site": OTHER_SITE, "cookie_without_origin": None}.get(column, own_site)
        case _:
            query = f"?ticket={await ticket_of(house, asker)}"
            origin = OTHER_SITE if column == "ticket_from_another_site" else None
    if column == "used_ticket":
        assert await opened(address + cells.path + query, headers, origin) == PASS
    return await opened(address + cells.path + query, headers, origin)


@pytest.mark.parametrize("name", list(CELLS))
async def test_console(name: str, house: House, casting: Casting, sockets: str, tally: Tally) -> None:
    casting.renew()
    cells, columns = CELLS[name], [*CONSOLE_COLUMNS, *ROLES]
    answers = await asyncio.gather(*(attempt(column, cells, house, casting, sockets) for column in columns))
    wanted = [cells.expected_of_console(column) for column in columns]
    faults = [f"{column}: expected {want}, got {got}" for column, want, got in zip(columns, wanted, answers, strict=True) if want != got]
    tally.add(f"console {name}", len(columns))
    if faults:
        pytest.fail(told(faults), pytrace=False)
