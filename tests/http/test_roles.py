"""Roles: the built-in ones as they are, the organisation's own with everything that may go wrong."""

import asyncio
from typing import Any

from crypto_api.organizations.documents import CustomRole
from crypto_api.organizations.types import GRANTABLE, MEMBER_ROLES, PERMISSIONS, Role
from tests.http.conftest import Join
from tests.http.organization_calls import code_of, custom_role, give, invite, records, told


async def test_built_in_roles_are_shown_and_stay(join: Join) -> None:
    ada = await join("ada", founds="First")
    items = (await ada.http.get("/api/roles/")).json()["items"]
    assert [row["id"] for row in items] == list(MEMBER_ROLES)
    assert all(row["built_in"] and row["description"] for row in items)
    assert {row["id"]: set(row["permissions"]) for row in items} == {role: set(PERMISSIONS[role]) for role in MEMBER_ROLES}
    assert {row["id"]: row["members"] for row in items}["ADMIN"] == 1
    assert (await ada.http.get("/api/roles/AUDITOR/")).json()["name"] == "AUDITOR"
    assert code_of(await ada.http.put("/api/roles/AUDITOR/", json={"permissions": ["wallets.write"]})) == (409, "built_in_role")
    assert code_of(await ada.http.delete("/api/roles/ADMIN/")) == (409, "built_in_role")
    assert (await ada.http.get("/api/roles/PLATFORM_ADMIN/")).status_code == 404
    assert (await ada.http.put("/api/roles/PLATFORM_ADMIN/", json={"name": "x"})).status_code == 404


async def test_a_role_is_made_given_changed_and_deleted(join: Join) -> None:
    ada = await join("ada", founds="First")
    bob = await join("bob", org_id=ada.org_id, role=Role.CLIENT)
    body = {"name": "Watcher", "description": "Looks at wallets", "permissions": ["wallets.read", "wallets.read", "organization.read"]}
    created = await ada.http.post("/api/roles/", json=body)
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    role = created.json()
    assert role["permissions"] == ["organization.read", "wallets.read"]
    path = f"/api/roles/{role['id']}/"
    assert (await ada.http.get(path)).json() == role
    await give(ada, bob.user["id"], role["id"])
    assert (await bob.http.get("/api/wallets/")).status_code == 200
    assert code_of(await ada.http.delete(path)) == (409, "role_in_use")

    changed = await ada.http.put(path, json={"permissions": ["organization.read"]}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"], changed.json()["members"]) == (200, '"2"', 1)
    assert (await bob.http.get("/api/wallets/")).status_code == 403  # counts at once
    assert (await ada.http.put(path, json={"name": "x"}, headers={"If-Match": '"1"'})).status_code == 412
    await give(ada, bob.user["id"], "CLIENT")
    assert (await ada.http.delete(path, headers={"If-Match": '"1"'})).status_code == 412
    assert (await ada.http.delete(path)).status_code == 204
    assert (await ada.http.get(path)).status_code == 404
    assert (await ada.http.delete(path)).status_code == 404
    assert [kind for kind in await told(ada.org_id) if kind == "role.changed"] == ["role.changed"] * 3
    made, altered, gone = await records(ada.org_id, "role.")
    assert (made.action, altered.action, gone.action) == ("role.created", "role.changed", "role.deleted")
    assert altered.before == {"permissions": ["organization.read", "wallets.read"]}
    assert altered.after == {"permissions": ["organization.read"]}
    assert gone.before is not None
    assert gone.before["name"] == "Watcher"


async def test_a_role_that_an_open_invitation_gives_is_in_use(join: Join) -> None:
    ada = await join("ada", founds="First")
    role = await custom_role(ada, "wallets.read")
    invitation = await invite(ada, "bob@example.com", role)
    refused = await ada.http.delete(f"/api/roles/{role}/")
    assert code_of(refused) == (409, "role_in_use")
    assert "1 open invitations" in refused.json()["detail"]
    assert (await ada.http.delete(f"/api/invitations/{invitation['id']}/")).status_code == 204
    assert (await ada.http.delete(f"/api/roles/{role}/")).status_code == 204


NO_ROLE: list[tuple[dict[str, Any], str]] = [
    ({"permissions": ["platform.read"]}, "permissions"),
    ({"permissions": ["wallets.read", "platform.write", "root"]}, "permissions"),
    ({"permissions": ["WALLETS.READ"]}, "permissions"),
    ({"permissions": "wallets.read"}, "permissions"),
    ({"permissions": [{"$ne": ""}]}, "permissions.0"),
    ({"permissions": None}, "permissions"),
    ({"name": ""}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"org_id": "org_x"}, "org_id"),
]


async def test_what_a_role_cannot_be_is_named(join: Join) -> None:
    ada = await join("ada", founds="First")
    for body, field in NO_ROLE:
        answer = await ada.http.post("/api/roles/", json={"name": "Role", "permissions": ["wallets.read"], **body})
        assert answer.status_code == 422, (body, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await CustomRole.find_all().count() == 0
    answer = await ada.http.post("/api/roles/", json={"name": "Role", "permissions": ["wallets.read", "platform.write", "root"]})
    assert answer.json()["errors"][0]["message"].endswith(": platform.write, root")


async def test_a_name_is_given_once_in_an_organisation(join: Join) -> None:
    ada, eve = await join("ada", founds="First"), await join("eve", founds="Other")
    role = await custom_role(ada, "wallets.read", name="Watcher")
    other = await custom_role(ada, "wallets.read", name="Keeper")
    for name in ("watcher", " WATCHER ", "Admin", "platform_admin"):
        assert code_of(await ada.http.post("/api/roles/", json={"name": name, "permissions": []})) == (409, "role_exists")
        assert code_of(await ada.http.put(f"/api/roles/{other}/", json={"name": name})) == (409, "role_exists")
    assert (await ada.http.put(f"/api/roles/{role}/", json={"name": "WATCHER"})).status_code == 200
    await custom_role(eve, "wallets.read", name="Watcher")
    body = {"name": "At once", "permissions": []}
    answers = await asyncio.gather(*(ada.http.post("/api/roles/", json=body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_a_role_that_is_given_while_it_is_deleted_is_not_left_hanging(join: Join) -> None:
    ada = await join("ada", founds="First")
    people = [await join(f"person{number}", org_id=ada.org_id, role=Role.USER) for number in range(3)]
    for number in range(4):
        role = await custom_role(ada, "wallets.read", name=f"Role {number}")
        paths = [f"/api/organizations/{ada.org_id}/members/{person.user['id']}/" for person in people]
        gifts = [ada.http.put(path, json={"role": role}) for path in paths]
        *given, deleted = await asyncio.gather(*gifts, ada.http.delete(f"/api/roles/{role}/"))
        if deleted.status_code == 204:
            assert {answer.status_code for answer in given} == {422}
        else:
            assert code_of(deleted) == (409, "role_in_use")
            assert {answer.status_code for answer in given} <= {200, 422}
        held = [(await ada.http.get(path)).json()["role"] for path in paths]
        assert (await ada.http.get(f"/api/roles/{role}/")).status_code == (200 if role in held else 404)


async def test_every_grantable_permission_can_be_given(join: Join) -> None:
    ada = await join("ada", founds="First")
    role = await custom_role(ada, *GRANTABLE)
    assert set((await ada.http.get(f"/api/roles/{role}/")).json()["permissions"]) == GRANTABLE
    bob = await join("bob", org_id=ada.org_id, role=Role.USER)
    await give(ada, bob.user["id"], role)
    # everything that an ADMIN may, and still no ADMIN
    assert code_of(await bob.http.put(f"/api/organizations/{ada.org_id}/members/{bob.user['id']}/", json={"role": "ADMIN"})) == (403, "admins_only")
    assert (await bob.http.get("/api/platform/status/")).status_code == 403
