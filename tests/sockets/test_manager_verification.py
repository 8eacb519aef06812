"""The console of verification: each is shown whom they may decide about, nobody else, and at once."""

from typing import Any

import pytest

from crypto_api.employees import service as employees
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeDecision, EmployeeStatus, NewEmployee
from crypto_api.flows.authenticate import authenticate_session
from crypto_api.flows.remove_employee import remove_employee
from crypto_api.flows.verify_employee import set_employee_status, verify_employee
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.sockets.conftest import Console, Member, console, new_member, new_organization, say

pytestmark = pytest.mark.usefixtures("relay")

PATH = "/api/ws/admin/manager-verification/"


async def employ(runtime: Runtime, org_id: str, name: str, manager: Employee | None = None, user: Member | None = None) -> Employee:
    """Waiting for verification; as a member who is active already where one is given."""
    now = runtime.clock.now()
    new = NewEmployee(f"{name}@work.example", name, "Weber", manager_id=manager.id if manager else None)
    employee = employees.prepare(org_id, new, EmployeeStatus.ACTIVE if user else EmployeeStatus.PENDING, now)
    employee.user_id = user.user_id if user else None
    return await runtime.uow.run(lambda session: employees.add(session, employee, now))


async def move(runtime: Runtime, employee: Employee, manager: Employee) -> None:
    now = runtime.clock.now()
    await runtime.uow.run(lambda session: employees.change(session, employee.org_id, employee.id, {"manager_id": manager.id}, None, now))


async def principal(member: Member) -> Any:
    return await authenticate_session(member.session_id, member.runtime.clock.now())


async def decide(member: Member, employee: Employee) -> None:
    await verify_employee(member.runtime.uow, member.runtime.clock, await principal(member), employee.id, EmployeeDecision.APPROVE, "")


def shown(frame: dict[str, Any]) -> list[str]:
    return [row["first_name"] for row in frame["data"]["pending"]]


async def queue_is(client: Console, *names: str) -> dict[str, Any]:
    return await client.next(lambda frame: frame["type"] == "snapshot" and shown(frame) == [*names])


async def test_a_manager_is_shown_the_own_team_and_nobody_else(runtime: Runtime, api: str, org_id: str, admin: Member) -> None:
    max_, ida = await new_member(runtime, org_id, Role.MANAGER), await new_member(runtime, org_id, Role.MANAGER)
    own, hers = await employ(runtime, org_id, "max", user=max_), await employ(runtime, org_id, "ida", user=ida)
    lead = await employ(runtime, org_id, "lead", own)
    await employ(runtime, org_id, "foreign")
    async with (
        console(api, await max_.ticket(), PATH) as his,
        console(api, await ida.ticket(), PATH) as her,
        console(api, await admin.ticket(), PATH) as all_,
        console(api, await admin.ticket(), "/api/ws/admin/dashboard-stats/") as stats,
    ):
        assert shown(await his.next("snapshot")) == ["lead"]
        assert shown(await her.next("snapshot")) == []
        first = await all_.next("snapshot")
        assert shown(first) == ["lead", "foreign"]
        assert first["data"]["total"] == 2
        assert "events_written" in (await stats.next("snapshot"))["data"]

        below = await employ(runtime, org_id, "below", lead)
        await queue_is(his, "lead", "below")
        await queue_is(all_, "lead", "foreign", "below")
        await move(runtime, below, hers)
        await queue_is(his, "lead")
        await queue_is(her, "below")
        await decide(max_, lead)
        await queue_is(his)
        assert (await queue_is(all_, "foreign", "below"))["data"]["total"] == 2
        for client in (his, her):
            names = {name for frame in client.frames if frame["type"] == "snapshot" for name in shown(frame)}
            assert "foreign" not in names
            assert client.numbered == []
        assert all("pending" not in frame["data"] for frame in stats.frames if frame["type"] == "snapshot")


async def test_a_resume_is_answered_by_the_queue_as_it_is(runtime: Runtime, api: str, org_id: str, admin: Member) -> None:
    await say(runtime, org_id, 1, 2)
    await employ(runtime, org_id, "jon")
    async with console(api, await admin.ticket(), PATH) as client:
        told = await client.next(lambda frame: frame["type"] == "snapshot" and frame["seq"] == 3)
        assert shown(told) == ["jon"]
        for after in (0, 3, 99):
            await client.send(type="resume", after=after)
            again = await client.next("snapshot")
            assert (again["seq"], shown(again)) == (3, ["jon"])
        await employ(runtime, org_id, "kim")
        assert (await queue_is(client, "jon", "kim"))["seq"] in (3, 4)  # perhaps told before the relay has given the event its number
        assert client.numbered == []


async def test_only_those_who_verify_are_let_in(runtime: Runtime, api: str, org_id: str) -> None:
    for role in (Role.ACCOUNTANT, Role.AUDITOR, Role.USER, Role.CLIENT):
        async with console(api, await (await new_member(runtime, org_id, role)).ticket(), PATH) as client:
            assert await client.closed() == 4403, role
    async with console(api, None, PATH) as client:
        assert await client.closed() == 4401


async def test_another_organisations_queue_is_not_shown(runtime: Runtime, api: str, org_id: str, admin: Member) -> None:
    stranger = await new_member(runtime, await new_organization(runtime, "Other"), Role.ADMIN)
    async with console(api, await stranger.ticket(), PATH) as theirs, console(api, await admin.ticket(), PATH) as ours:
        assert shown(await theirs.next("snapshot")) == []
        await employ(runtime, org_id, "jon")
        await queue_is(ours, "jon")
        await theirs.next("heartbeat", timeout_s=30)
        assert not any(shown(frame) for frame in theirs.frames if frame["type"] == "snapshot")


@pytest.mark.parametrize("way", ["suspended", "removed"])
async def test_a_manager_who_is_suspended_or_removed_is_shown_no_more(way: str, runtime: Runtime, api: str, org_id: str, admin: Member) -> None:
    max_ = await new_member(runtime, org_id, Role.MANAGER)
    own = await employ(runtime, org_id, "max", user=max_)
    async with console(api, await max_.ticket(), PATH) as his:
        await his.next("snapshot")
        if way == "suspended":
            await set_employee_status(runtime.uow, runtime.clock, await principal(admin), own.id, EmployeeStatus.SUSPENDED, None)
        else:
            await remove_employee(runtime.uow, runtime.clock, await principal(admin), own.id, None)
        assert await his.closed(5) == 4401
