"""Foreign = absent, byte for byte, for each id that an operation on organisations takes: in the path, in the query and in the body."""

from typing import Any

from crypto_api.http.api import api as http_api
from crypto_api.organizations.documents import Company, CustomRole, Invitation, Membership, Organization
from crypto_api.organizations.types import Role
from tests.http.conftest import Join, Person
from tests.http.organization_calls import custom_role, invite, operator

TAGS = {"members", "invitations", "roles", "companies", "platform"}

# Each operation that names an object: the id that is swapped, and what is sent. {org} is the organisation of the one who asks.
SWAPPED: dict[str, tuple[str, str, str, Any]] = {
    "list_members": ("organization", "GET", "/api/organizations/{id}/members/", None),
    "invite_member": ("organization", "POST", "/api/organizations/{id}/members/", {"email": "x@example.com", "role": "USER"}),
    "remove_named_member": ("member", "DELETE", "/api/organizations/{org}/members/?user_id={id}", None),
    "get_member": ("member", "GET", "/api/organizations/{org}/members/{id}/", None),
    "update_member": ("member", "PUT", "/api/organizations/{org}/members/{id}/", {"role": "USER"}),
    "remove_member": ("member", "DELETE", "/api/organizations/{org}/members/{id}/", None),
    "revoke_invitation": ("invitation", "DELETE", "/api/invitations/{id}/", None),
    "resend_invitation": ("invitation", "POST", "/api/invitations/{id}/resend/", None),
    "accept_my_invitation": ("invitation", "POST", "/api/invitations/{id}/accept/", None),
    "decline_my_invitation": ("invitation", "POST", "/api/invitations/{id}/decline/", None),
    "get_role": ("role", "GET", "/api/roles/{id}/", None),
    "update_role": ("role", "PUT", "/api/roles/{id}/", {"name": "Taken over"}),
    "delete_role": ("role", "DELETE", "/api/roles/{id}/", None),
    "get_company": ("company", "GET", "/api/companies/{id}/", None),
    "update_company": ("company", "PUT", "/api/companies/{id}/", {"legal_name": "Taken over"}),
    "get_presence": ("organization", "GET", "/api/organizations/{id}/presence/", None),
    "end_sessions_of_member": ("member", "DELETE", "/api/organizations/{org}/members/{id}/sessions/", None),
    "lift_lock_out_of_member": ("member", "DELETE", "/api/organizations/{org}/members/{id}/lock-out/", None),
    "delete_company": ("company", "DELETE", "/api/companies/{id}/", None),
}
# The same operations, with the other id that they name swapped.
ALSO: dict[str, tuple[str, str, str, Any]] = {
    "remove_named_member, organisation": ("organization", "DELETE", "/api/organizations/{id}/members/?user_id={me}", None),
    "get_member, organisation": ("organization", "GET", "/api/organizations/{id}/members/{me}/", None),
    "update_member, organisation": ("organization", "PUT", "/api/organizations/{id}/members/{me}/", {"role": "USER"}),
    "remove_member, organisation": ("organization", "DELETE", "/api/organizations/{id}/members/{me}/", None),
    "end_sessions_of_member, organisation": ("organization", "DELETE", "/api/organizations/{id}/members/{me}/sessions/", None),
    "lift_lock_out_of_member, organisation": ("organization", "DELETE", "/api/organizations/{id}/members/{me}/lock-out/", None),
    "leave_organization": ("organization", "POST", "/api/organizations/{id}/leave/", None),
    "update_organization": ("organization", "PUT", "/api/organizations/{id}/", {"name": "Taken over"}),
}
# An operator may name each organisation and user, and the dead letters of the installation itself.
OF_THE_INSTALLATION = {"suspend_organization", "suspend_user", "replay_platform_dead_letter", "discard_platform_dead_letter"}


def test_every_operation_on_an_object_is_tried_below() -> None:
    named = {
        details["operationId"]
        for path, methods in http_api.get_openapi_schema()["paths"].items()
        for details in methods.values()
        if "{" in path and details["tags"][0] in TAGS
    }
    assert named == SWAPPED.keys() | OF_THE_INSTALLATION


async def snapshot() -> list[Any]:
    kinds = (Organization, Membership, Invitation, CustomRole, Company)
    return [row.model_dump() for document in kinds for row in await document.find_all().sort("+_id").to_list()]


async def owned_by(ada: Person, join: Join) -> dict[str, str]:
    bob = await join("bob", org_id=ada.org_id, role=Role.USER)
    company = (await ada.http.post("/api/companies/", json={"legal_name": "Byron Ltd"})).json()["id"]
    invitation = (await invite(ada, "grace@example.com"))["id"]
    role = await custom_role(ada, "wallets.read")
    return {"organization": ada.org_id, "member": bob.user["id"], "company": company, "invitation": invitation, "role": role}


async def test_a_foreign_object_answers_as_an_absent_one(join: Join) -> None:
    ada, eve = await join("ada", founds="First"), await join("eve", founds="Other")
    ids = await owned_by(ada, join)
    before = await snapshot()
    for name, (noun, method, path, body) in {**SWAPPED, **ALSO}.items():
        answers = []
        for wanted in (ids[noun], ids[noun][:-4] + "0000"):
            filled = path.replace("{id}", wanted).replace("{org}", eve.org_id).replace("{me}", eve.user["id"])
            answers.append(await eve.http.request(method, filled, json=body, headers={"X-Request-Id": "same"}))
        foreign, absent = answers
        assert (foreign.status_code, absent.status_code) == (404, 404), (name, foreign.text)
        assert foreign.content == absent.content, name
        ignored = {"date", "content-length"}
        shown = [{key: value for key, value in answer.headers.items() if key not in ignored} for answer in answers]
        assert shown[0] == shown[1], name
    assert await snapshot() == before


async def test_the_same_calls_by_those_whose_it_is_find_it(join: Join) -> None:
    """So that the test above is about the wall, and not about a path that is wrong."""
    ada = await join("ada", founds="First")
    ids = await owned_by(ada, join)
    for name, (noun, method, path, body) in SWAPPED.items():
        if noun != "invitation" and method == "GET":
            filled = path.replace("{id}", ids[noun]).replace("{org}", ada.org_id)
            assert (await ada.http.request(method, filled, json=body)).status_code == 200, name
    for name in ("update_member", "update_role", "update_company", "delete_role", "delete_company", "remove_member", "revoke_invitation"):
        noun, method, path, body = SWAPPED[name]
        filled = path.replace("{id}", ids[noun]).replace("{org}", ada.org_id)
        assert (await ada.http.request(method, filled, json=body)).status_code in (200, 204), name


async def test_lists_hold_what_is_ones_own(join: Join) -> None:
    ada, eve = await join("ada", founds="First"), await join("eve", founds="Other")
    await owned_by(ada, join)
    assert (await eve.http.get("/api/companies/")).json()["items"] == []
    assert (await eve.http.get("/api/invitations/")).json()["items"] == []
    assert [row["id"] for row in (await eve.http.get("/api/roles/")).json()["items"] if not row["built_in"]] == []
    members = (await eve.http.get(f"/api/organizations/{eve.org_id}/members/", params={"q": "bob"})).json()
    assert members["items"] == []


async def test_for_an_operator_an_absent_one_is_absent(join: Join) -> None:
    root = await operator(join)
    for path in ("organizations", "users"):
        assert (await root.http.put(f"/api/platform/{path}/absent/", json={"suspended": True})).status_code == 404
