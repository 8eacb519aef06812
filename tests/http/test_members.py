"""Members: their roles, their suspension and removal, what nobody may give away, and the last ADMIN."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crypto_api.flows.members import change_member, leave
from crypto_api.identity.documents import Session
from crypto_api.kit.errors import CoreError, NotFound, PermissionDenied
from crypto_api.organizations import service
from crypto_api.organizations.documents import Invitation, Membership, Organization
from crypto_api.organizations.errors import LastAdmin
from crypto_api.organizations.types import PERMISSIONS, Permission, Principal, Role
from crypto_api.runtime import Runtime
from tests.http.conftest import Join, Person, wallet_body
from tests.http.organization_calls import code_of, custom_role, give, members_of, records, told


async def admins(org_id: str) -> int:
    return await Membership.find({"org_id": org_id, "role": "ADMIN", "suspended_at": None}).count()


async def test_members_are_listed_found_and_read(join: Join) -> None:
    ada = await join("ada", founds="First")
    bob = await join("bob", org_id=ada.org_id, role=Role.ACCOUNTANT)
    await join("uma", org_id=ada.org_id, role=Role.USER)
    await join("eve", founds="Other")

    async def names(**query: Any) -> list[str]:
        answer = await ada.http.get(members_of(ada), params=query)
        assert answer.status_code == 200, answer.text
        return [row["username"] for row in answer.json()["items"]]

    assert await names() == ["ada", "bob", "uma"]
    assert await names(sort="-joined_at") == ["uma", "bob", "ada"]
    assert await names(role="ACCOUNTANT") == ["bob"]
    assert await names(q="UMA@ex") == ["uma"]
    assert await names(q="eve") == []
    assert await names(q=".*") == []
    assert await names(suspended="true") == []
    first = (await ada.http.get(members_of(ada), params={"limit": 2, "count": "true"})).json()
    assert (len(first["items"]), first["total"]) == (2, 3)
    assert await names(limit=2, cursor=first["next_cursor"]) == ["uma"]
    read = await ada.http.get(members_of(ada, bob.user["id"]))
    assert (read.json()["email"], read.json()["role"], read.headers["etag"]) == ("bob@example.com", "ACCOUNTANT", '"1"')
    assert "password" not in read.text


async def test_a_new_role_counts_at_the_next_request(join: Join) -> None:
    ada = await join("ada", founds="First")
    bob = await join("bob", org_id=ada.org_id, role=Role.USER)
    assert (await bob.http.get("/api/wallets/")).status_code == 403
    path = members_of(ada, bob.user["id"])
    changed = await ada.http.put(path, json={"role": "ACCOUNTANT"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["role"], changed.headers["etag"]) == (200, "ACCOUNTANT", '"2"')
    assert (await bob.http.get("/api/wallets/")).status_code == 200
    assert (await ada.http.put(path, json={"role": "USER"}, headers={"If-Match": '"1"'})).status_code == 412
    (record,) = await records(ada.org_id, "member.changed")
    assert (record.before, record.after, record.subject_id) == ({"role": "USER"}, {"role": "ACCOUNTANT"}, bob.user["id"])
    assert "Bob Byron" in record.summary
    assert (await told(ada.org_id))[-1] == "member.changed"


async def test_a_role_that_there_is_not_is_refused(join: Join) -> None:
    ada = await join("ada", founds="First")
    bob = await join("bob", org_id=ada.org_id, role=Role.USER)
    for role in ("PLATFORM_ADMIN", "admin", "", "rol_absent", "NOBODY"):
        answer = await ada.http.put(members_of(ada, bob.user["id"]), json={"role": role})
        assert answer.status_code == 422, (role, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == ["role"]
        assert (await ada.http.post(members_of(ada), json={"email": "new@example.com", "role": role})).status_code == 422


async def test_a_role_of_another_organisation_is_none(join: Join) -> None:
    ada, eve = await join("ada", founds="First"), await join("eve", founds="Other")
    bob = await join("bob", org_id=ada.org_id, role=Role.USER)
    foreign = await custom_role(eve, "wallets.read")
    answers = [
        await ada.http.put(members_of(ada, bob.user["id"]), json={"role": role}, headers={"X-Request-Id": "same"}) for role in (foreign, "rol_absent")
    ]
    assert answers[0].status_code == 422
    assert answers[0].content == answers[1].content


async def test_suspension_ends_the_sessions_there_at_once(join: Join) -> None:
    ada = await join("ada", founds="First")
    bob = await join("bob", org_id=ada.org_id, role=Role.ACCOUNTANT)
    path = members_of(ada, bob.user["id"])
    suspended = await ada.http.put(path, json={"suspended": True})
    assert suspended.json()["suspended_at"] is not None
    assert (await bob.http.get("/api/auth/profile/")).status_code == 401
    assert {row.ended_reason for row in await Session.find({"user_id": bob.user["id"]}).to_list()} == {"suspended"}
    again = await ada.http.put(path, json={"suspended": True})
    assert again.headers["etag"] == suspended.headers["etag"]  # nothing changed
    assert (await ada.http.put(path, json={"suspended": False})).json()["suspended_at"] is None
    assert [row.summary for row in await records(ada.org_id, "member.changed")] == [
        "Suspended Bob Byron (bob@example.com)",
        "Bob Byron (bob@example.com) is no longer suspended",
    ]


@pytest.mark.parametrize("way", ["path", "query"])
async def test_removal_ends_the_sessions_there_and_keeps_the_history(way: str, join: Join) -> None:
    ada = await join("ada", founds="First")
    bob = await join("bob", org_id=ada.org_id, role=Role.ADMIN)
    wallet = (await bob.http.post("/api/wallets/", json=wallet_body())).json()
    elsewhere = (await bob.http.post("/api/organizations/", json={"name": "His own"})).json()["id"]
    await Session.find_one({"user_id": bob.user["id"]}).update({"$set": {"org_id": ada.org_id}})
    second = await Session.find_one({"user_id": bob.user["id"]})
    assert second is not None
    kept = second.model_copy(update={"id": "ses_elsewhere", "org_id": elsewhere, "refresh_hash": "another", "family_hash": "another family"})
    await kept.insert()
    if way == "path":
        answer = await ada.http.delete(members_of(ada, bob.user["id"]))
    else:
        answer = await ada.http.delete(members_of(ada), params={"user_id": bob.user["id"]})
    assert answer.status_code == 204, answer.text
    assert (await bob.http.get("/api/auth/profile/")).status_code == 401
    reasons = {row.org_id: row.ended_reason for row in await Session.find({"user_id": bob.user["id"]}).to_list()}
    assert reasons == {ada.org_id: "removed", elsewhere: None}
    assert (await ada.http.get(members_of(ada, bob.user["id"]))).status_code == 404
    assert (await ada.http.get(f"/api/wallets/{wallet['id']}/")).json()["created_by"] == bob.user["id"]
    (record,) = await records(ada.org_id, "member.removed")
    assert (record.subject_id, record.before, record.actor_id) == (bob.user["id"], {"role": "ADMIN"}, ada.user["id"])
    assert (await told(ada.org_id))[-1] == "member.removed"


# ---- what nobody may give away ---------------------------------------------------------------------------------------------------


async def test_nobody_gives_more_than_they_have(join: Join) -> None:
    """Somebody who may only look after members makes nobody mightier than themselves: not others, not themselves, by no way."""
    ada = await join("ada", founds="First")
    mia = await join("mia", org_id=ada.org_id, role=Role.USER)
    bob = await join("bob", org_id=ada.org_id, role=Role.USER)
    rights = ("organization.read", "members.read", "members.write", "roles.read", "roles.write")
    people_role = await custom_role(ada, *rights, name="People")
    money_role = await custom_role(ada, "organization.read", "wallets.write", name="Money")
    small_role = await custom_role(ada, "organization.read", name="Small")
    await give(ada, mia.user["id"], people_role)

    for target in (bob, mia):
        path = members_of(mia, target.user["id"])
        assert code_of(await mia.http.put(path, json={"role": "ADMIN"})) == (403, "admins_only")
        assert code_of(await mia.http.put(path, json={"role": "ACCOUNTANT"})) == (403, "role_beyond_yours")
        assert code_of(await mia.http.put(path, json={"role": money_role})) == (403, "role_beyond_yours")
    assert code_of(await mia.http.post(members_of(mia), json={"email": "x@example.com", "role": "ADMIN"})) == (403, "admins_only")
    assert code_of(await mia.http.post(members_of(mia), json={"email": "x@example.com", "role": money_role})) == (403, "role_beyond_yours")
    for body in ({"permissions": [*rights, "wallets.write"]}, {"permissions": ["ledger.read"]}):
        assert code_of(await mia.http.put(f"/api/roles/{people_role}/", json=body)) == (403, "role_beyond_yours")
    assert code_of(await mia.http.post("/api/roles/", json={"name": "Mine", "permissions": ["audit.read"]})) == (403, "role_beyond_yours")
    for body in ({"role": "USER"}, {"suspended": True}):
        assert code_of(await mia.http.put(members_of(mia, ada.user["id"]), json=body)) == (403, "admins_only")
    assert code_of(await mia.http.delete(members_of(mia, ada.user["id"]))) == (403, "admins_only")

    assert (await mia.http.put(members_of(mia, bob.user["id"]), json={"role": small_role})).status_code == 200
    renamed = await mia.http.put(f"/api/roles/{money_role}/", json={"name": "Cash", "permissions": ["organization.read", "wallets.write"]})
    assert renamed.status_code == 200  # what the role may already is not given by her
    assert await admins(ada.org_id) == 1
    profile = (await mia.http.get("/api/auth/profile/")).json()
    assert set(profile["permissions"]) == set(rights)


async def test_an_invitation_of_a_mightier_role_is_not_sent_on_by_a_lesser_one(join: Join) -> None:
    ada = await join("ada", founds="First")
    mia = await join("mia", org_id=ada.org_id, role=Role.USER)
    await give(ada, mia.user["id"], await custom_role(ada, "members.read", "members.write"))
    invited = (await ada.http.post(members_of(ada), json={"email": "x@example.com", "role": "ADMIN"})).json()
    await Invitation.find({"_id": invited["id"]}).update({"$set": {"expires_at": datetime.now(UTC) + timedelta(days=6)}})
    assert code_of(await mia.http.post(f"/api/invitations/{invited['id']}/resend/")) == (403, "admins_only")


async def test_somebody_without_the_right_changes_nobody(join: Join) -> None:
    ada = await join("ada", founds="First")
    bob = await join("bob", org_id=ada.org_id, role=Role.ACCOUNTANT)
    assert (await bob.http.get(members_of(bob))).status_code == 200
    for answer in (
        await bob.http.put(members_of(bob, bob.user["id"]), json={"role": "ADMIN"}),
        await bob.http.delete(members_of(bob, ada.user["id"])),
        await bob.http.post(members_of(bob), json={"email": "x@example.com", "role": "CLIENT"}),
    ):
        assert code_of(answer) == (403, "permission_denied")


# ---- the last ADMIN --------------------------------------------------------------------------------------------------------------


async def test_the_last_admin_stays(join: Join) -> None:
    ada = await join("ada", founds="First")
    bob = await join("bob", org_id=ada.org_id, role=Role.ADMIN)
    assert (await ada.http.put(members_of(ada, bob.user["id"]), json={"suspended": True})).status_code == 200  # a suspended one does not count
    path = members_of(ada, ada.user["id"])
    for answer in (
        await ada.http.put(path, json={"role": "USER"}),
        await ada.http.put(path, json={"suspended": True}),
        await ada.http.delete(path),
        await ada.http.delete(members_of(ada), params={"user_id": ada.user["id"]}),
        await ada.http.post(f"/api/organizations/{ada.org_id}/leave/"),
    ):
        assert code_of(answer) == (409, "last_admin")
    assert await admins(ada.org_id) == 1
    assert (await ada.http.put(members_of(ada, bob.user["id"]), json={"suspended": False})).status_code == 200
    assert (await ada.http.put(path, json={"role": "USER"})).status_code == 200
    assert await admins(ada.org_id) == 1


async def test_two_admins_who_take_each_others_place_leave_one(join: Join) -> None:
    """Twenty requests at the same moment, by every way there is."""
    ada = await join("ada", founds="First")
    bob = await join("bob", org_id=ada.org_id, role=Role.ADMIN)

    def tries(by: Person, against: Person) -> list[Any]:
        path = members_of(by, against.user["id"])
        return [
            *(by.http.delete(path) for _ in range(4)),
            *(by.http.put(path, json={"role": "USER"}) for _ in range(4)),
            by.http.put(path, json={"suspended": True}),
            by.http.post(f"/api/organizations/{by.org_id}/leave/"),
        ]

    ways = [way for pair in zip(tries(ada, bob), tries(bob, ada), strict=True) for way in pair]
    answers = await asyncio.gather(*ways)
    assert len(answers) == 20
    assert await admins(ada.org_id) == 1
    assert {answer.status_code for answer in answers} <= {200, 204, 401, 403, 404, 409}


async def test_twenty_admins_who_leave_at_once_leave_one(runtime: Runtime) -> None:
    now = runtime.clock.now()
    organization = await runtime.uow.run(lambda session: service.create(session, "Crowd", now))
    people = [f"usr_{number}" for number in range(20)]

    async def everybody(session: Any) -> None:
        for user_id in people:
            await service.add_member(session, organization.id, user_id, Role.ADMIN, now)

    await runtime.uow.run(everybody)

    async def goes(user_id: str) -> CoreError | None:
        principal = Principal(user_id, organization.id, Role.ADMIN, PERMISSIONS[Role.ADMIN], "ses_x", now)
        try:
            await leave(runtime.uow, runtime.clock, principal, organization.id)
        except CoreError as error:
            return error
        return None

    outcomes = await asyncio.gather(*(goes(user_id) for user_id in people))
    assert await admins(organization.id) == 1
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [LastAdmin]
    row = await Organization.get(organization.id)
    assert row is not None
    assert row.admins_changed == 19


async def test_who_was_removed_meanwhile_changes_nothing_more(join: Join, runtime: Runtime) -> None:
    """The request of somebody whose rights ended while it was on its way."""
    ada = await join("ada", founds="First")
    bob = await join("bob", org_id=ada.org_id, role=Role.ADMIN)
    uma = await join("uma", org_id=ada.org_id, role=Role.USER)
    stale = Principal(bob.user["id"], ada.org_id, Role.ADMIN, frozenset(Permission), "ses_x", runtime.clock.now())

    async def tries_anyway() -> None:
        await change_member(runtime.uow, runtime.clock, stale, ada.org_id, uma.user["id"], role="ADMIN", suspended=None, versions=None)

    await give(ada, bob.user["id"], "USER")
    with pytest.raises(PermissionDenied):
        await tries_anyway()
    await ada.http.delete(members_of(ada, bob.user["id"]))
    with pytest.raises(NotFound):
        await tries_anyway()
    assert await admins(ada.org_id) == 1
