"""An open socket follows the rights of its member: a change of what the role may closes it, and nobody who may do nothing opens one."""

import asyncio
from typing import Any

import pytest

from crypto_api.flows.members import take_out
from crypto_api.organizations import service as organizations
from crypto_api.organizations.documents import CustomRole, Membership, Organization
from crypto_api.organizations.types import Permission, Role
from crypto_api.runtime import Runtime
from tests.sockets.conftest import Member, console, new_member

pytestmark = pytest.mark.usefixtures("relay")


async def test_a_change_of_what_the_role_may_closes_its_sockets(runtime: Runtime, api: str, org_id: str, admin: Member) -> None:
    now = runtime.clock.now()
    role = CustomRole(
        id="rol_watcher",
        created_at=now,
        updated_at=now,
        org_id=org_id,
        name="Watcher",
        name_folded="watcher",
        permissions=[Permission.WALLETS_READ, Permission.CONSOLES_READ],
    )
    await role.insert()
    watcher, bystander = await new_member(runtime, org_id, Role.USER), await new_member(runtime, org_id, Role.MANAGER)
    await Membership.find({"user_id": watcher.user_id}).update({"$set": {"role": role.id}})
    async with (
        console(api, await watcher.ticket(), "/api/ws/admin/task-logs/") as first,
        console(api, await bystander.ticket(), "/api/ws/admin/task-logs/") as second,
    ):
        await first.next("snapshot")
        await second.next("snapshot")
        await CustomRole.find({"_id": role.id}).update({"$set": {"permissions": [Permission.WALLETS_READ]}})
        assert await first.closed(5) == 4401
        await second.send(type="ping", id=1)
        await second.next("pong")
    async with console(api, await watcher.ticket(), "/api/ws/admin/task-logs/") as again:
        assert await again.closed(5) == 4403


async def test_whoever_may_do_nothing_hears_nothing(runtime: Runtime, api: str) -> None:
    """Not even an ADMIN, who sees every number."""
    now = runtime.clock.now()

    async def tried(suspended_member: bool, of_organization: dict[str, Any]) -> None:
        organization = await runtime.uow.run(lambda session: organizations.create(session, "Test", now))
        admin = await new_member(runtime, organization.id, Role.ADMIN)
        async with console(api, await admin.ticket()) as client:
            await client.next("snapshot")
            if suspended_member:
                await Membership.find({"user_id": admin.user_id}).update({"$set": {"suspended_at": now}})
            else:
                await Organization.find({"_id": organization.id}).update({"$set": of_organization})
            assert await client.closed(5) == 4401
        async with console(api, await admin.ticket()) as client:
            assert await client.closed(5) == 4403

    await asyncio.gather(tried(True, {}), tried(False, {"suspended_at": now}), tried(False, {"second_factor_roles": ["ADMIN"]}))


async def test_whoever_was_taken_out_hears_it_at_once(runtime: Runtime, api: str, org_id: str, admin: Member) -> None:
    member, now = await new_member(runtime, org_id, Role.AUDITOR), runtime.clock.now()

    async def work(session: Any) -> None:
        await take_out(session, await organizations.member(session, org_id, member.user_id), now)

    async with console(api, await member.ticket()) as client:
        await client.next("snapshot")
        await runtime.uow.run(work)
        assert await client.closed(5) == 4401
