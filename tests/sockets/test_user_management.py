"""The console of users: who is logged in to the organisation, who is locked out."""

from datetime import timedelta
from typing import Any

import pytest

from crypto_api.flows.end_member_sessions import end_member_sessions
from crypto_api.identity.documents import Attempts
from crypto_api.identity.rules import log_in_bucket
from crypto_api.identity.store import user as read_user
from crypto_api.organizations.documents import CustomRole, Membership
from crypto_api.organizations.types import PERMISSIONS, Permission, Principal, Role
from crypto_api.runtime import Runtime
from crypto_api.sockets import hub as hub_module
from tests.sockets.conftest import Member, console, new_member, new_organization

pytestmark = pytest.mark.usefixtures("relay")

PATH = "/api/ws/admin/user-management/"


def people(frame: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["user_id"]: row for row in frame["data"]["people"]}


async def test_who_is_logged_in_and_who_is_locked_out(
    runtime: Runtime, api: str, org_id: str, admin: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "HEAD_S", 0.2)
    stranger = await new_member(runtime, await new_organization(runtime, "Other"), Role.ADMIN)
    uma = await new_member(runtime, org_id, Role.USER)
    async with console(api, await admin.ticket(), PATH) as client:
        first = await client.next("snapshot")
        assert people(first).keys() == {admin.user_id, uma.user_id}
        assert stranger.user_id not in str(first)
        assert {key: first["data"][key] for key in ("members", "online", "sessions", "locked_out")} == {
            "members": 2,
            "online": 2,
            "sessions": 2,
            "locked_out": 0,
        }
        await uma.log_out()
        left = await client.next(lambda frame: frame["type"] == "snapshot" and frame["data"]["online"] == 1)
        assert people(left)[uma.user_id]["sessions"] == 0

        user, now = await read_user(uma.user_id), runtime.clock.now()
        assert user is not None
        until = now + timedelta(minutes=5)
        bucket = log_in_bucket("email", user.email, None)
        await Attempts(id=bucket, created_at=now, failures=9, blocked_until=until, expires_at=until).insert()
        locked = await client.next(lambda frame: frame["type"] == "snapshot" and frame["data"]["locked_out"] == 1)
        assert people(locked)[uma.user_id]["locked_until"] is not None
        assert people(locked)[admin.user_id]["locked_until"] is None


async def test_whoever_is_logged_out_by_an_administrator_hears_nothing_more(runtime: Runtime, api: str, org_id: str, admin: Member) -> None:
    """Of this organisation: their sockets elsewhere stay, and so does that of whoever did it."""
    uma, other = await new_member(runtime, org_id, Role.MANAGER), await new_organization(runtime, "Other")
    elsewhere = await new_member(runtime, other, Role.ADMIN)
    async with (
        console(api, await uma.ticket(), PATH) as hers,
        console(api, await uma.ticket(), "/api/ws/events/") as also,
        console(api, await admin.ticket(), PATH) as his,
        console(api, await elsewhere.ticket(), PATH) as theirs,
    ):
        for each in (hers, also, his, theirs):
            await each.next("snapshot")
        asks = Principal(admin.user_id, org_id, Role.ADMIN, PERMISSIONS[Role.ADMIN], admin.session_id, runtime.clock.now() + timedelta(days=1))
        assert await end_member_sessions(runtime.uow, runtime.clock, asks, org_id, uma.user_id) == 1
        assert [await hers.closed(), await also.closed()] == [4401, 4401]
        left = await his.next(lambda frame: frame["type"] == "snapshot" and frame["data"]["online"] == 1)
        assert people(left)[uma.user_id]["sessions"] == 0
        await theirs.send(type="ping", id=1)
        await theirs.next("pong")


async def test_names_are_for_those_who_may_read_the_members(runtime: Runtime, api: str, org_id: str) -> None:
    now = runtime.clock.now()
    watcher = CustomRole(
        id="rol_watch", created_at=now, updated_at=now, org_id=org_id, name="W", name_folded="w", permissions=[Permission.CONSOLES_READ]
    )
    await watcher.insert()
    member = await new_member(runtime, org_id, Role.USER)
    await Membership.get_pymongo_collection().update_one({"user_id": member.user_id}, {"$set": {"role": watcher.id}})
    async with console(api, await member.ticket(), PATH) as client:
        shown = (await client.next("snapshot"))["data"]
        assert (shown["people"], shown["members"]) == ([], 1)
    accountant = await new_member(runtime, org_id, Role.ACCOUNTANT)
    async with console(api, await accountant.ticket(), PATH) as client:
        assert await client.closed() == 4403
