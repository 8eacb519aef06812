"""Each operation in every column, with every id swapped for a foreign one. `COFFER_MATRIX=get_wallet,…` or `-k` restricts it."""

import asyncio
import os
from dataclasses import dataclass, field

import pytest

from crypto_api.kit.ids import new_id
from tests.authorization import cells as expected
from tests.authorization import product
from tests.authorization.bodies import Request, request_for
from tests.authorization.casting import Asker, Casting, needs_chart
from tests.authorization.cells import COLUMNS, PASS, ROLES, STEP_UP_COLUMNS, Cells
from tests.authorization.conftest import Tally, told
from tests.authorization.house import Answer, House, differences, organizations_in
from tests.authorization.objects import PERSONAL, absent
from tests.authorization.product import Operation

pytestmark = pytest.mark.usefixtures("bound")

CELLS = expected.operations()
REQUEST_ID = {"X-Request-Id": "same"}
_wanted = [name for name in os.environ.get("COFFER_MATRIX", "").split(",") if name]


def names() -> list[str]:
    return [name for name in CELLS if not _wanted or name in _wanted]


@dataclass
class Trial:
    """One operation on the way through its cells."""

    house: House
    casting: Casting
    cells: Cells
    operation: Operation
    faults: list[str] = field(default_factory=list)
    tried: int = 0
    successes: int = 0
    audit_due: dict[str, str] = field(default_factory=dict)  # request id → column
    _shared: dict[str, "asyncio.Task[Request]"] = field(default_factory=dict)
    _foreign: dict[str, str] = field(default_factory=dict)  # place → id of the foreign organisation's

    async def run(self) -> None:
        self.casting.renew()
        await self._prepare()
        before = await self._dump()
        await asyncio.gather(*(self._shared_cell(column) for column in self._columns() if not self._is_fresh(column)))
        for place in self._foreign:
            await self._swapped(place)
        self.faults += [f"somebody who may not changed {what}" for what in differences(before, await self._dump())]
        await asyncio.gather(*(self._fresh_cell(column) for column in self._columns() if self._is_fresh(column)))
        await self._audited()

    async def _dump(self) -> dict[str, list[object]]:
        """Both organisations, around all that must change nothing in them."""
        return await self.house.dump(self.casting.org_id, self.casting.foreign) if self.cells.changes_something else {}

    def _columns(self) -> list[str]:
        return [*COLUMNS, *ROLES, *(STEP_UP_COLUMNS if self.cells.step_up else ())]

    def _is_fresh(self, column: str) -> bool:
        """Whoever may change something does it in an organisation of their own, so that nobody else's request rests on it."""
        return self.cells.changes_something and self.cells.expected(column) == PASS

    async def _prepare(self) -> None:
        """Everybody and everything that the cells need is there before the first dump."""
        for place, kind in self.cells.ids.items():
            if kind != "-" and self.cells.foreign.get(place) != "any":
                self._foreign[place] = await self.casting.foreign_object(kind)
        may_too = any(self._refuses(place) for place in self._foreign)
        shared = [column for column in self._columns() if not self._is_fresh(column) or (may_too and column in ROLES)]
        askers = await asyncio.gather(*(self.casting.asker(column, self.cells) for column in shared))
        await asyncio.gather(*(self._request(asker) for asker in askers))

    async def _request(self, asker: Asker) -> Request:
        """One for each organisation; its objects are their own where they are a person's."""
        personal = self.cells.personal or any(kind in PERSONAL for kind in self.cells.ids.values())
        key = asker.person.user_id if personal else asker.org_id
        if key not in self._shared:
            self._shared[key] = asyncio.ensure_future(request_for(self.house, self.cells, self.operation, asker.org_id, asker.person))
        return await self._shared[key]

    async def _shared_cell(self, column: str) -> None:
        asker = await self.casting.asker(column, self.cells)
        answer = await self._send(await self._request(asker), asker)
        self._judge(column, answer)
        if column != "admin_elsewhere" and self.cells.kind != "platform":
            self.faults += [f"{column}: shows {other}" for other in organizations_in(answer) - {asker.org_id}]

    async def _fresh_cell(self, column: str) -> None:
        asker = await self.casting.fresh(column, self.cells)
        request = await request_for(self.house, self.cells, self.operation, asker.org_id, asker.person)
        request_id = new_id("req")
        answer = await self._send(request, asker, {"X-Request-Id": request_id})
        self._judge(column, answer)
        if answer.status < 300:
            self.audit_due[request_id] = column

    async def _send(self, request: Request, asker: Asker, headers: dict[str, str] | None = None) -> Answer:
        return await self.house.call(
            self.operation.method,
            request.filled(self.operation.path),
            query=request.query,
            body=request.body,
            raw=request.raw,
            headers={**asker.headers, **request.headers, **(headers or {})},
        )

    def _judge(self, column: str, answer: Answer) -> None:
        self.tried += 1
        wanted = self.cells.expected(column)
        if wanted == PASS:
            success = answer.status < 300 or answer.status == self.cells.also
            good = success or (bool(self.cells.no_success) and answer.status not in (401, 403) and answer.status < 500)
            self.successes += success
        else:
            status, _, code = wanted.partition(" ")
            good = answer.status == int(status) and code in ("", answer.code)
        if not good:
            self.faults.append(f"{column}: expected {wanted}, got {answer}")

    def _wanted(self, place: str) -> int:
        """What the foreign one there answers whoever may; 0 where it may be taken."""
        return int(self.cells.foreign.get(place, 404 if place.startswith("path.") else 0))

    def _refuses(self, place: str) -> bool:
        return self._wanted(place) >= 400

    async def _swapped(self, place: str) -> None:
        """The foreign one and one that does not exist, by every role: alike for whoever may, and refused for whoever may not."""
        alone = self.cells.changes_something and not self._refuses(place)
        own = await self.house.organization(chart=needs_chart(self.cells)) if alone else None
        await asyncio.gather(*(self._swapped_by(role, place, self._foreign[place], own) for role in ROLES))

    async def _swapped_by(self, role: str, place: str, foreign: str, own: str | None) -> None:
        """`own`: the organisation of whoever may, where it may be taken and changes something. What is refused is asked for by everybody in one, with
        one and the same request, between the dumps: neither of the two organisations may show a trace of it."""
        may = role in self.cells.may
        if may and own is not None:
            asker = await self.casting.cast(role, self.cells, own)
            request = await request_for(self.house, self.cells, self.operation, asker.org_id, asker.person)
        else:
            asker = await self.casting.asker(role, self.cells)
            request = await self._request(asker)
        one = await self._send(request.with_id(place, foreign), asker, REQUEST_ID)
        other = await self._send(request.with_id(place, absent(foreign)), asker, REQUEST_ID)
        self.tried += 2
        if one.told() != other.told():
            self.faults.append(f"{role}, {place}: the foreign one answers {one.told()}, an absent one {other.told()}")
        wanted = self._wanted(place) if may else 403
        if wanted and one.status != wanted:
            self.faults.append(f"{role}, {place}: expected {wanted} for a foreign one, got {one}")
        if not wanted and (one.status in (401, 403) or one.status >= 500):
            self.faults.append(f"{role}, {place}: got {one} for a foreign one")

    async def _audited(self) -> None:
        if not self.audit_due or self.cells.unaudited:
            return
        found = await self.house.audited(list(self.audit_due))
        for request_id, column in self.audit_due.items():
            where = found.get(request_id, [])
            if not where or self.casting.foreign in where:
                self.faults.append(f"{column}: changed something and left no audit record, or one in another's log: {len(where)}")


@pytest.mark.parametrize("name", names())
async def test_operation(name: str, house: House, casting: Casting, tally: Tally) -> None:
    trial = Trial(house, casting, CELLS[name], product.operations()[name])
    await trial.run()
    tally.add(f"operation {name}", trial.tried)
    if CELLS[name].no_success:
        tally.without_success[name] = CELLS[name].no_success
    elif not trial.successes:
        trial.faults.append("nobody reached a 2xx")
    if trial.faults:
        pytest.fail(told(trial.faults), pytrace=False)


async def test_what_changes_is_seen(house: House, casting: Casting) -> None:
    """Each comparison before and after rests on it."""
    asked = casting.org_id, casting.foreign
    for _ in range(3):  # however little is read again
        before = await house.dump(*asked)
    organizations = house.runtime.database["organizations"]
    await organizations.update_one({"_id": casting.foreign}, {"$set": {"name": "Another"}})
    changed = await house.dump(*asked)
    assert [told.split(":")[0] for told in differences(before, changed)] == [f"organizations {casting.foreign}"]
    assert differences(changed, await house.dump(*asked)) == []
