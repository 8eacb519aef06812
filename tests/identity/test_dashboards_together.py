"""Whoever shows a cookie is the same person whether asked about alone or with many others."""

from datetime import timedelta

from crypto_api.flows.authenticate import authenticate_dashboard, authenticate_dashboards
from crypto_api.identity.documents import Session, User
from crypto_api.organizations.documents import CustomRole, Membership, Organization
from crypto_api.organizations.types import Denied, Permission, Role
from crypto_api.runtime import Runtime
from tests.sockets.conftest import Member, new_member, new_organization


async def test_many_are_told_apart_as_each_alone(runtime: Runtime) -> None:
    now, org_id, other_id = runtime.clock.now(), await new_organization(runtime), await new_organization(runtime, "Other")
    names = ("admin", "own_role", "no_such_role", "suspended", "suspended_member", "no_factor", "removed", "ended", "expired", "shadow")
    people: dict[str, Member] = {name: await new_member(runtime, org_id, Role.ADMIN) for name in names}
    people["stranger"] = await new_member(runtime, other_id, Role.MANAGER)
    people["nowhere"] = await new_member(runtime, org_id, None)
    people["operator"] = await new_member(runtime, org_id, None)

    members, users, sessions = (kind.get_pymongo_collection() for kind in (Membership, User, Session))
    role = CustomRole(
        id="role_own", created_at=now, org_id=org_id, name="Own", name_folded="own", permissions=[Permission.LEDGER_READ], updated_at=now
    )
    await role.insert()
    await members.update_one({"user_id": people["own_role"].user_id}, {"$set": {"role": "role_own"}})
    await members.update_one({"user_id": people["no_such_role"].user_id}, {"$set": {"role": "role_gone"}})
    await members.update_one({"user_id": people["suspended_member"].user_id}, {"$set": {"suspended_at": now}})
    await members.update_one({"user_id": people["no_factor"].user_id}, {"$set": {"role": "ACCOUNTANT"}})
    await members.delete_one({"user_id": people["removed"].user_id})
    await Organization.get_pymongo_collection().update_one({"_id": org_id}, {"$set": {"second_factor_roles": ["ACCOUNTANT"]}})
    await users.update_one({"_id": people["suspended"].user_id}, {"$set": {"suspended_at": now}})
    await users.update_one({"_id": people["shadow"].user_id}, {"$set": {"shadow_of_email": "a@example.org"}})
    await users.update_one({"_id": people["operator"].user_id}, {"$set": {"platform_admin": True}})
    await sessions.update_one({"_id": people["ended"].session_id}, {"$set": {"ended_at": now}})
    await sessions.update_one({"_id": people["expired"].session_id}, {"$set": {"expires_at": now - timedelta(seconds=1)}})

    cookies = {name: member.cookie for name, member in people.items()} | {"forged": "forged", "empty": "", "strange": "\x00é"}
    together = await authenticate_dashboards(cookies.values(), now)
    for name, cookie in cookies.items():
        assert together.get(cookie) == await authenticate_dashboard(cookie, now), name
    known = {name for name, cookie in cookies.items() if cookie in together}
    assert known == {"admin", "own_role", "no_such_role", "suspended_member", "no_factor", "removed", "stranger", "nowhere", "operator"}
    assert together[people["own_role"].cookie].permissions == frozenset({Permission.LEDGER_READ})
    assert together[people["no_such_role"].cookie].permissions == frozenset()
    assert together[people["suspended_member"].cookie].denied is Denied.SUSPENDED
    assert together[people["no_factor"].cookie].denied is Denied.SECOND_FACTOR_REQUIRED
    assert together[people["stranger"].cookie].org_id == other_id
    assert together[people["removed"].cookie].org_id is None
    assert await authenticate_dashboards([], now) == {}
