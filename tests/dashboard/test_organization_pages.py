"""Pages of an organisation over plain HTTP: what each form does, whom it refuses, and that other organisations are not there."""

import csv
import io
from collections.abc import Mapping
from datetime import timedelta

import orjson

from crypto_api.audit.documents import AuditRecord
from crypto_api.audit.types import INSTALLATION, Outcome
from crypto_api.dashboard.role_words import SUBJECTS
from crypto_api.employees import store as employees
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeDecision, EmployeeStatus, NewEmployee
from crypto_api.flows import members as members_flow
from crypto_api.flows.edit_employee import add_record
from crypto_api.flows.verify_employee import verify_employee
from crypto_api.identity.documents import User
from crypto_api.kit.ids import next_id
from crypto_api.ledger.types import AccountCode, Line
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store
from crypto_api.organizations.documents import Company, CustomRole, Invitation, Membership, Organization
from crypto_api.organizations.types import GRANTABLE, Permission, Role
from crypto_api.runtime import Runtime
from tests.dashboard.desk import Desk, Sits, admin_of, invited, letter_token, person, said, sits
from tests.factories.treasury import PASSWORD, Treasury, new_treasury

__all__ = ["sits"]

PAGES: Mapping[str, Permission] = {
    "/team/": Permission.EMPLOYEES_READ,
    "/team/?view=tree": Permission.EMPLOYEES_READ,
    "/team/add/": Permission.EMPLOYEES_WRITE,
    "/team/add-existing/": Permission.EMPLOYEES_WRITE,
    "/team/verification/": Permission.EMPLOYEES_VERIFY,
    "/members/": Permission.MEMBERS_READ,
    "/members/invite/": Permission.MEMBERS_WRITE,
    "/roles/": Permission.ROLES_READ,
    "/roles/add/": Permission.ROLES_WRITE,
    "/audit-log/": Permission.AUDIT_READ,
    "/organization/": Permission.ORGANIZATION_READ,
    "/organization/companies/add/": Permission.ORGANIZATION_WRITE,
}
MAY: Mapping[Role, set[str]] = {
    Role.ADMIN: set(PAGES),
    Role.MANAGER: {"/team/", "/team/?view=tree", "/team/verification/", "/members/", "/roles/", "/organization/"},
    Role.ACCOUNTANT: {"/team/", "/team/?view=tree", "/members/", "/roles/", "/organization/"},
    Role.APPROVER: {"/team/", "/team/?view=tree", "/members/", "/roles/", "/organization/"},
    Role.AUDITOR: {"/team/", "/team/?view=tree", "/members/", "/roles/", "/organization/", "/audit-log/"},
    Role.USER: {"/organization/"},
    Role.CLIENT: set(),
}
MONEY = {"functional_currency": "USD", "time_zone": "UTC", "fiscal_month": "01", "fiscal_day": "01"}
LONG = "Treasury of the " + "very " * 36 + "long name"
ABSENT = {"member": "usr_none", "role": "rol_none", "invitation": "inv_none", "company": "com_none", "employee": "emp_none"}


async def grant(runtime: Runtime, treasury: Treasury, user_id: str, *permissions: Permission) -> CustomRole:
    """The member gets a role of these permissions alone."""
    maker, now = admin_of(treasury), runtime.clock.now()
    role = await runtime.uow.run(
        lambda session: organizations.create_role(session, maker, treasury.org_id, f"Role {next_id('x')}", "", list(permissions), now)
    )
    await members_flow.change_member(runtime.uow, runtime.clock, maker, treasury.org_id, user_id, role=role.id, suspended=None, versions=None)
    return role


async def employee(runtime: Runtime, treasury: Treasury, first: str, *, manager: str | None = None, active: bool = False) -> Employee:
    new = NewEmployee(f"{first}@northwind.example".lower(), first, "Person", "Analyst", manager_id=manager)
    row = await add_record(runtime.uow, runtime.clock, treasury.org_id, new)
    if active:
        row = await verify_employee(runtime.uow, runtime.clock, admin_of(treasury), row.id, EmployeeDecision.APPROVE, "")
    return row


async def is_account(row: Employee, user_id: str) -> None:
    """The employee has this account behind it."""
    await Employee.get_pymongo_collection().update_one({"_id": row.id, "org_id": row.org_id}, {"$set": {"user_id": user_id}})


# ---- who gets what ---------------------------------------------------------------------------------------------------------------


async def test_each_role_gets_its_pages_and_no_other(sits: Sits, treasury: Treasury) -> None:
    nobody = await sits()
    for path in (*PAGES, "/organizations/", "/platform/"):
        assert (await nobody.get(path)).headers["location"].startswith("/login/?next="), path
    for role in MAY:
        if role is not Role.ADMIN:
            await treasury.member("Some", role.value, role)
        desk = await sits("ada.okafor" if role is Role.ADMIN else f"some.{role.value.lower()}")
        for path in PAGES:
            answer = await desk.get(path)
            assert answer.status_code == (200 if path in MAY[role] else 403), (role, path)
            assert answer.headers["cache-control"] == "no-store"
            assert " style=" not in answer.text and "<style" not in answer.text and " onclick" not in answer.text
        menu = (await desk.get("/organizations/")).text
        assert {path for path in PAGES if f'<li><a href="{path}"' in menu} == {
            path for path in MAY[role] if path.count("/") == 2 or "verif" in path
        } - {"/team/?view=tree"}


async def test_every_permission_is_explained_once() -> None:
    told = [permission for _, rows in SUBJECTS for permission, _, _ in rows]
    assert len(told) == len(set(told)) and set(told) == set(GRANTABLE)


async def test_reading_does_not_mean_changing(sits: Sits, treasury: Treasury) -> None:
    await treasury.member("Aud", "Itor", Role.AUDITOR)
    desk, victim = await sits("aud.itor"), treasury.admin.id
    pages = [await desk.text(path) for path in ("/members/", f"/members/{victim}/", "/roles/", "/team/", "/organization/")]
    for text in pages:
        changing = text.replace('without-script" type="submit">Save', "")  # which columns one sees is one's own
        assert not any(word in changing for word in ("Invite<", "Yes, remove", "Make a role", "Add somebody", "Add a company", "Save"))
    tries = [
        f"/members/{victim}/role/", f"/members/{victim}/remove/", f"/members/{victim}/suspend/", "/members/invite/", "/roles/add/", "/team/add/",
        "/organization/", "/organization/policies/", "/organization/companies/add/",
    ]  # fmt: skip
    for path in tries:
        await desk.refused(403, path, name="x", role=Role.USER, email="x@example.com", **MONEY)
    assert (await store.membership(treasury.org_id, victim)).role == Role.ADMIN  # type: ignore[union-attr]


async def test_what_belongs_to_others_is_as_absent(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    other = await new_treasury(runtime.uow, name="Somebody else", first="Bo", last="Lind")
    maker, now = admin_of(other), runtime.clock.now()
    role = await runtime.uow.run(
        lambda session: organizations.create_role(session, maker, other.org_id, "Theirs", "", [Permission.WALLETS_READ], now)
    )
    company = await runtime.uow.run(lambda session: organizations.create_company(session, other.org_id, {"legal_name": "Theirs AG"}, now))
    invitation, _ = await invited(runtime, other, "x@example.com")
    worker = await employee(runtime, other, "Theirs")
    foreign = {"member": other.admin.id, "role": role.id, "invitation": invitation.id, "company": company.id, "employee": worker.id}
    desk = await sits("ada.okafor")
    for kind, path in (("member", "/members/{}/"), ("role", "/roles/{}/"), ("company", "/organization/companies/{}/"), ("employee", "/team/{}/")):
        theirs, none = await desk.get(path.format(foreign[kind])), await desk.get(path.format(ABSENT[kind]))
        assert theirs.status_code == none.status_code == 404 and theirs.content == none.content
    posts = [
        ("member", "/members/{}/role/"), ("member", "/members/{}/suspend/"), ("member", "/members/{}/remove/"), ("role", "/roles/{}/"),
        ("role", "/roles/{}/delete/"), ("invitation", "/members/invitations/{}/resend/"), ("invitation", "/members/invitations/{}/revoke/"),
        ("invitation", "/invitations/{}/answer/"), ("company", "/organization/companies/{}/"), ("employee", "/team/{}/"),
        ("employee", "/team/{}/status/"), ("employee", "/team/{}/remove/"), ("employee", "/team/{}/verify/"),
    ]  # fmt: skip
    for kind, path in posts:
        fields = {
            "role": Role.USER,
            "suspended": "true",
            "name": "x",
            "legal_name": "x",
            "status": "suspended",
            "decision": "reject",
            "answer": "accept",
        }
        theirs, none = await desk.post(path.format(foreign[kind]), **fields), await desk.post(path.format(ABSENT[kind]), **fields)
        assert (theirs.status_code, theirs.content) == (404, none.content), path
    assert (await desk.post("/organizations/switch/", organization_id=other.org_id)).status_code == 404
    assert (await desk.post("/organizations/leave/", organization_id=other.org_id)).status_code == 404
    for path in PAGES:
        assert "Theirs" not in await desk.text(path)
    assert (await store.membership(other.org_id, other.admin.id)).role == Role.ADMIN  # type: ignore[union-attr]


async def test_a_form_of_another_site_changes_nothing(sits: Sits, treasury: Treasury) -> None:
    desk = await sits("ada.okafor")
    for path in ("/organization/", "/organizations/switch/", "/roles/add/"):
        answer = await desk.http.post(path, data={"name": "Planted", **MONEY})
        assert answer.status_code == 403 and "This form has expired" in answer.text
    assert (await store.get(treasury.org_id)).name == "Northwind Digital"  # type: ignore[union-attr]


async def test_hostile_text_is_only_text(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    bad = "<script>alert(1)</script><img src=x onerror=y>"
    user = await treasury.member("Mal", "Lory", Role.USER)
    role = await grant(runtime, treasury, user.id, Permission.ORGANIZATION_READ)
    await CustomRole.get_pymongo_collection().update_one({"_id": role.id, "org_id": treasury.org_id}, {"$set": {"name": bad, "description": bad}})
    await User.get_pymongo_collection().update_one({"_id": user.id}, {"$set": {"first_name": bad, "last_name": bad}})
    await Organization.get_pymongo_collection().update_one({"_id": treasury.org_id}, {"$set": {"name": bad}})
    await employee(runtime, treasury, "Eve", active=True)
    await Employee.get_pymongo_collection().update_many({"org_id": treasury.org_id}, {"$set": {"first_name": bad, "job_title": bad}})
    desk = await sits("ada.okafor")
    for path in (*PAGES, "/organizations/", f"/members/{user.id}/", f"/roles/{role.id}/"):
        text = (await desk.get(path)).text
        assert "<script>alert" not in text and "<img src=x" not in text, path


# ---- where a person belongs ------------------------------------------------------------------------------------------------------


async def test_whoever_belongs_nowhere_may_found_an_organisation(sits: Sits, runtime: Runtime) -> None:
    await person(runtime, "Nora", "Quist")
    desk = await sits("nora.quist")
    assert (await desk.get("/")).headers["location"] == (await desk.get("/members/")).headers["location"] == "/organizations/"
    assert "You belong to no organisation yet" in await desk.text("/organizations/")
    wrong = await desk.refused(422, "/organizations/new/", name=" ", functional_currency="XXX", time_zone="Mars", fiscal_month="02", fiscal_day="30")
    for text in ("The name is needed.", "The currency is not one of those", "The time zone is not one of those", "must begin on a day"):
        assert text in wrong
    assert await desk.does("/organizations/new/", name="Quist Holding", **MONEY | {"functional_currency": "EUR", "fiscal_month": "04"}) == "/"
    assert "Quist Holding" in await desk.text("/")
    row = next(row for row in await store.everyone() if row.name.startswith("Quist"))
    assert (row.name, row.functional_currency, row.fiscal_year_start) == ("Quist Holding", "EUR", "04-01")
    assert await desk.does("/organizations/new/", name="Second one", **MONEY) == "/"  # and is there at once
    assert "Organisation: </span>Second one" in (await desk.get("/")).text


async def test_switching_and_leaving(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    other = await new_treasury(runtime.uow, name="Other house", first="Bo", last="Lind")
    eve = await treasury.member("Eve", "Berg", Role.ACCOUNTANT)
    await runtime.uow.run(lambda session: organizations.add_member(session, other.org_id, eve.id, Role.USER, runtime.clock.now()))
    desk = await sits("eve.berg")
    shell = await desk.text("/")
    assert "Other house" in shell and (await desk.get("/organizations/switch/")).status_code == 404
    assert await desk.does("/organizations/switch/", organization_id=other.org_id) == "/"
    assert "You are Employee of Other house" in await desk.text("/")
    await Membership.get_pymongo_collection().update_one({"org_id": treasury.org_id, "user_id": eve.id}, {"$set": {"suspended_at": treasury.now}})
    assert "is suspended" in await desk.refused(403, "/organizations/switch/", organization_id=treasury.org_id)
    assert await desk.does("/organizations/leave/", organization_id=other.org_id) == "/organizations/?done=left"
    page = await desk.text("/organizations/", done="left")
    assert "You have left the organisation." in page and "Other house" not in page
    assert await store.membership(other.org_id, eve.id) is None
    boss = await sits("bo.lind")
    assert "its last one" in await boss.refused(409, "/organizations/leave/", organization_id=other.org_id)


async def test_whoever_may_not_act_is_told_and_finds_the_way_out(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    eve = await treasury.member("Eve", "Berg", Role.ACCOUNTANT)
    other = await new_treasury(runtime.uow, name="Other house", first="Bo", last="Lind")
    await runtime.uow.run(lambda session: organizations.add_member(session, other.org_id, eve.id, Role.USER, runtime.clock.now()))
    desk = await sits("eve.berg")
    await Organization.get_pymongo_collection().update_one({"_id": treasury.org_id}, {"$set": {"second_factor_roles": [Role.ACCOUNTANT]}})
    assert (await desk.get("/members/")).headers["location"] == "/security/"
    fragment = await desk.http.get("/fragments/members/", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment.headers["hx-redirect"], fragment.text) == (401, "/security/", "")
    await Membership.get_pymongo_collection().update_one({"org_id": treasury.org_id, "user_id": eve.id}, {"$set": {"suspended_at": treasury.now}})
    answer = await desk.get("/members/")
    assert answer.status_code == 403 and "has suspended your membership" in said(answer) and "Go to Other house" in said(answer)
    await Organization.get_pymongo_collection().update_one({"_id": treasury.org_id}, {"$set": {"suspended_at": treasury.now}})
    assert "Nobody can act in Northwind Digital" in said(await desk.get("/"))
    assert (await desk.get("/organizations/")).status_code == 200


# ---- settings --------------------------------------------------------------------------------------------------------------------


async def test_settings_are_saved_and_checked(sits: Sits, treasury: Treasury) -> None:
    desk = await sits("ada.okafor")
    wrong = await desk.refused(422, "/organization/", **MONEY | {"name": "", "time_zone": "Europe/Atlantis"})
    assert "The name is needed." in wrong and "The time zone is not one of those offered." in wrong
    given = {"name": "Northwind", "functional_currency": "EUR", "time_zone": "Europe/Oslo", "fiscal_month": "07", "fiscal_day": "01", "version": "1"}
    assert await desk.does("/organization/", **given) == "/organization/?done=saved"
    row = await store.get(treasury.org_id)
    assert row is not None and (row.name, row.functional_currency, row.time_zone, row.fiscal_year_start) == (
        "Northwind",
        "EUR",
        "Europe/Oslo",
        "07-01",
    )
    stale = await desk.refused(412, "/organization/", **given | {"name": "Late"})
    assert "Somebody else has changed this meanwhile" in stale and 'value="Northwind"' in stale
    lines = [Line(account_code=AccountCode.CRYPTO, debit=1), Line(account_code=AccountCode.REVENUE, credit=1)]  # type: ignore[arg-type]
    await treasury.post("Something", lines, treasury.now)
    fixed = await desk.refused(409, "/organization/", **given | {"version": "2", "functional_currency": "CHF", "name": "Typed anew"})
    assert "The currency stays" in fixed and 'value="Typed anew"' in fixed
    page = await desk.text("/organization/")
    assert "Europe/Oslo" in page and "Northwind" in page


async def test_policies_lock_nobody_out_who_sets_them(sits: Sits, treasury: Treasury) -> None:
    desk = await sits("ada.okafor")
    text = await desk.refused(409, "/organization/policies/", second_factor_roles=[Role.ADMIN, Role.MANAGER], single_session="on")
    assert "Set one up" in text and (await store.get(treasury.org_id)).second_factor_roles == []  # type: ignore[union-attr]
    assert "no longer exists" in await desk.refused(422, "/organization/policies/", second_factor_roles=["rol_none"])
    assert (await desk.does("/organization/policies/", second_factor_roles=[Role.MANAGER], single_session="on")).startswith(
        "/organization/?done=policies"
    )
    row = await store.get(treasury.org_id)
    assert row is not None and (row.second_factor_roles, row.single_session) == ([Role.MANAGER], True)
    await desk.does("/organization/policies/")
    row = await store.get(treasury.org_id)
    assert row is not None and (row.second_factor_roles, row.single_session) == ([], False)


async def test_companies(sits: Sits, treasury: Treasury) -> None:
    desk, add = await sits("ada.okafor"), "/organization/companies/add/"
    wrong = await desk.refused(422, add, legal_name="a\u202eb", tax_id="1" * 61, country="ZZ", address="x", **MONEY)
    for text in ("must not hold control", "has more than 60 characters", "The country is not one of those offered."):
        assert text in wrong
    assert "company-added" in await desk.does(add, legal_name="Northwind GmbH", country="DE", address="Hafen 1\r\nHamburg", **MONEY)
    assert "has a company of this legal name" in await desk.refused(409, add, legal_name="northwind  GMBH", **MONEY)
    row = await Company.find_one({"org_id": treasury.org_id})
    assert row is not None and (row.legal_name, row.address, row.active) == ("Northwind GmbH", "Hafen 1\nHamburg", True)
    edit = f"/organization/companies/{row.id}/"
    assert "company-saved" in await desk.does(edit, legal_name="Northwind SE", version="1", **MONEY)  # active is not ticked
    assert "Somebody else has changed this" in await desk.refused(412, edit, legal_name="Late", version="1", **MONEY)
    page = await desk.text("/organization/")
    assert "Northwind SE" in page and "not active" in page


# ---- members ---------------------------------------------------------------------------------------------------------------------


async def test_a_member_is_changed_suspended_and_removed(sits: Sits, treasury: Treasury) -> None:
    eve = await treasury.member("Eve", "Berg", Role.USER)
    desk, hers, path = await sits("ada.okafor"), await sits("eve.berg"), f"/members/{eve.id}/"
    assert (await hers.get("/transactions/")).status_code == 403
    assert await desk.does(f"{path}role/", role=Role.ACCOUNTANT, version="1") == f"{path}?done=role"
    assert (await hers.get("/transactions/")).status_code == 200  # from the next click on
    assert "Somebody else has changed this member" in await desk.refused(412, f"{path}role/", role=Role.USER, version="1")
    assert "not a role of this organisation" in await desk.refused(422, f"{path}role/", role="PLATFORM_ADMIN", version="2")
    assert "The role must be chosen." in await desk.refused(422, f"{path}role/", version="2")
    assert await desk.does(f"{path}suspend/", suspended="true", version="2") == f"{path}?done=suspended"
    assert "/login/" in (await hers.get("/")).headers["location"]  # her sessions here have ended
    assert "Suspended" in await desk.text("/members/")
    assert await desk.does(f"{path}suspend/", suspended="false") == f"{path}?done=lifted"
    assert await desk.does(f"{path}remove/") == "/members/?done=removed"
    assert [row.user_id for row in await store.members(treasury.org_id)] == [treasury.admin.id]
    assert (await desk.post(f"{path}remove/")).status_code == 404


async def test_the_last_administrator_stays(sits: Sits, treasury: Treasury) -> None:
    desk, path = await sits("ada.okafor"), f"/members/{treasury.admin.id}/"
    assert "its last one" in await desk.refused(409, f"{path}role/", role=Role.USER)
    assert "its last one" in await desk.refused(409, f"{path}suspend/", suspended="true")
    assert "You cannot remove yourself" in await desk.refused(409, f"{path}remove/")
    assert "This is you." in await desk.text(path)


async def test_nobody_gives_more_than_they_have(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    clerk, eve = await treasury.member("Cle", "Rk", Role.USER), await treasury.member("Eve", "Berg", Role.USER)
    await grant(runtime, treasury, clerk.id, Permission.MEMBERS_READ, Permission.MEMBERS_WRITE, Permission.ROLES_READ, Permission.ROLES_WRITE)
    desk = await sits("cle.rk")
    form = (await desk.get("/members/invite/")).text
    assert 'value="ADMIN" disabled' in form and 'value="CLIENT" disabled' in form and 'value="USER" disabled' not in form
    assert "Only an ADMIN may give" in await desk.refused(403, f"/members/{eve.id}/role/", role=Role.ADMIN)
    assert "Nobody gives away more than they have" in await desk.refused(403, "/members/invite/", email="x@example.com", role=Role.AUDITOR)
    assert "Only an ADMIN" in await desk.refused(403, f"/members/{treasury.admin.id}/remove/")
    text = await desk.refused(403, "/roles/add/", name="Way up", permissions=[Permission.WALLETS_WRITE])
    assert "Nobody gives away more than they have" in text and 'value="Way up"' in text
    assert [row.role for row in await store.members(treasury.org_id)].count(Role.ADMIN) == 1


async def test_the_list_of_members_is_searched_and_paged(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    first = await treasury.member("Aaa", "First", Role.AUDITOR)
    users = [
        {
            "_id": f"usr_bulk{n:03}",
            "username": f"bulk{n:03}",
            "email": f"bulk{n:03}@coffer.example",
            "first_name": f"Bulk {n:03}",
            "last_name": LONG[:100],
        }
        for n in range(300)
    ]
    bulk = {"password_hash": None, "created_at": treasury.now, "email_verified_at": treasury.now, "platform_admin": False, "recovery_hashes": []}
    await runtime.database["users"].insert_many([{**row, **bulk} for row in users])
    await runtime.database["memberships"].insert_many(
        [
            {"_id": f"mem_{row['_id']}", "org_id": treasury.org_id, "user_id": row["_id"], "role": "USER", "created_at": treasury.now, "version": 1}
            for row in users
        ]
    )
    desk = await sits("ada.okafor")
    page = (await desk.get("/members/")).text
    assert page.count('class="row-link') == 50 and "Aaa First" in page and f"after={users[47]['_id']}" in page
    more = (await desk.http.get(f"/fragments/members/?after={users[47]['_id']}", headers={"HX-Request": "true"})).text
    assert more.count('class="row-link') == 50 and "Bulk 048" in more and "Bulk 047" not in more
    assert "Bulk 299" in await desk.text("/members/", q="BULK299@")
    narrowed = (await desk.get("/members/", role=Role.AUDITOR)).text
    assert first.id in narrowed and narrowed.count('class="row-link') == 1
    assert "Nobody matches" in await desk.text("/members/", q="nobody.at.all")


# ---- invitations -----------------------------------------------------------------------------------------------------------------


async def test_an_invitation_goes_out_again_and_is_taken_back(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    desk, path = await sits("ada.okafor"), "/members/invite/"
    wrong = await desk.refused(422, path, email="no address", role="")
    assert "The address is not an e-mail address." in wrong and "The role must be chosen." in wrong and 'value="no address"' in wrong
    assert "The address was not invited: this person is a member" in await desk.refused(409, path, email="ada.okafor@coffer.example", role=Role.USER)
    assert await desk.does(path, email="Noor@Partner.example", role=Role.APPROVER) == "/members/?done=invited"
    assert "The address was not invited: there is an open invitation" in await desk.refused(409, path, email="noor@partner.example", role=Role.USER)
    row = await Invitation.find_one({"org_id": treasury.org_id})
    assert row is not None and (row.email, row.role) == ("noor@partner.example", Role.APPROVER)
    secret = await letter_token(runtime, row)
    page = await desk.text("/members/")
    assert "noor@partner.example" in page and secret not in page
    assert "Try again in" in await desk.refused(429, f"/members/invitations/{row.id}/resend/")
    past = {"$set": {"expires_at": row.expires_at - timedelta(hours=1)}}
    await Invitation.get_pymongo_collection().update_one({"_id": row.id, "org_id": treasury.org_id}, past)
    assert "done=resent" in await desk.does(f"/members/invitations/{row.id}/resend/")
    nobody = await sits()
    assert (await nobody.get("/invitations/accept/", token=secret)).status_code == 404  # the old letter
    newer = await letter_token(runtime, row)
    assert (await nobody.get("/invitations/accept/", token=newer)).status_code == 200
    assert "done=revoked" in await desk.does(f"/members/invitations/{row.id}/revoke/")
    assert "This invitation does not work" in said(await nobody.get("/invitations/accept/", token=newer))
    assert "was answered or revoked" in await desk.refused(409, f"/members/invitations/{row.id}/revoke/")


async def test_the_link_of_a_letter_is_answered_by_its_owner_alone(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    _, secret = await invited(runtime, treasury, "nora.quist@coffer.example", Role.ACCOUNTANT)
    nobody, link = await sits(), "/invitations/accept/"
    for _ in range(2):  # a scanner of the mail server opens it first
        text = await nobody.text(link, token=secret)
        assert "Northwind Digital" in text and "Accountant" in text and "Ada Okafor" in text
    assert f"/register/?invitation={secret}" in text and f"/login/?next=/invitations/accept/%3Ftoken%3D{secret}" in text
    await person(runtime, "Mal", "Lory")
    thief = await sits("mal.lory")
    assert "This invitation is for nora.quist@coffer.example" in await thief.text(link, token=secret)
    assert "another e-mail address" in await thief.refused(403, link, token=secret, answer="accept")
    await person(runtime, "Nora", "Quist")
    owner = await sits("nora.quist")
    assert "Accept and go there" in await owner.text(link, token=secret)
    assert await owner.does(link, token=secret, answer="accept") == "/"
    assert (await owner.get("/journal/")).status_code == 200
    assert "This invitation does not work" in await owner.refused(404, link, token=secret, answer="accept")
    assert (await nobody.get(link, token="guessed")).status_code == 404


async def test_invitations_for_me_stand_on_the_page_of_my_organisations(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    await person(runtime, "Nora", "Quist")
    await person(runtime, "Mal", "Lory")
    row, _ = await invited(runtime, treasury, "nora.quist@coffer.example")
    owner, thief = await sits("nora.quist"), await sits("mal.lory")
    page = await owner.text("/organizations/")
    assert "As Employee · invited by Ada Okafor" in page and "1 invitation for you" in page.replace('<span class="visually-hidden">', "")
    assert "Northwind" not in await thief.text("/organizations/")
    assert (await thief.post(f"/invitations/{row.id}/answer/", answer="accept")).status_code == 404
    assert await owner.does(f"/invitations/{row.id}/answer/", answer="decline") == "/organizations/?done=declined"
    assert "was answered" in await owner.refused(409, f"/invitations/{row.id}/answer/", answer="accept")
    again, _ = await invited(runtime, treasury, "nora.quist@coffer.example")
    assert await owner.does(f"/invitations/{again.id}/answer/", answer="accept") == "/"
    assert "You are Employee of Northwind Digital" in await owner.text("/")


# ---- roles -----------------------------------------------------------------------------------------------------------------------


async def test_a_role_of_ones_own(sits: Sits, treasury: Treasury) -> None:
    desk = await sits("ada.okafor")
    wrong = await desk.refused(422, "/roles/add/", name="n" * 81, permissions=[Permission.WALLETS_READ, Permission.PLATFORM_WRITE])
    assert "has more than 80 characters" in wrong and "The permissions are not all among those offered." in wrong
    assert 'value="wallets.read" checked' in wrong
    wanted = [Permission.TRANSACTIONS_READ, Permission.TRANSACTIONS_WRITE]
    assert await desk.does("/roles/add/", name="Clerk", description="Notes", permissions=wanted) == "/roles/?done=made"
    for taken in ("clerk", "Admin"):
        assert "The name is that of another role already." in await desk.refused(409, "/roles/add/", name=taken)
    (role,) = await store.custom_roles(treasury.org_id)
    assert set(role.permissions) == set(wanted)
    eve = await treasury.member("Eve", "Berg", Role.USER)
    await desk.does(f"/members/{eve.id}/role/", role=role.id)
    hers = await sits("eve.berg")
    assert (await hers.get("/transactions/")).status_code == 200 and (await hers.get("/wallets/")).status_code == 403
    assert await desk.does(f"/roles/{role.id}/", name="Clerk", permissions=[Permission.WALLETS_READ], version="1") == "/roles/?done=saved"
    assert (await hers.get("/transactions/")).status_code == 403 and (await hers.get("/wallets/")).status_code == 200
    assert "Somebody else has changed this role" in await desk.refused(412, f"/roles/{role.id}/", name="Late", version="1")
    assert "This role is in use: by 1 members" in await desk.refused(409, f"/roles/{role.id}/delete/")
    assert "1 member has this role" in await desk.text(f"/roles/{role.id}/")
    await desk.does(f"/members/{eve.id}/role/", role=Role.USER)
    assert await desk.does(f"/roles/{role.id}/delete/") == "/roles/?done=deleted"
    assert (await desk.post(f"/roles/{Role.ADMIN}/delete/")).status_code == 404 and (await desk.get("/roles/ADMIN/")).status_code == 404


async def test_what_an_editor_lacks_stays_and_cannot_be_added(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    clerk, eve = await treasury.member("Cle", "Rk", Role.USER), await treasury.member("Eve", "Berg", Role.USER)
    await grant(runtime, treasury, clerk.id, Permission.ROLES_READ, Permission.ROLES_WRITE)
    strong = await grant(runtime, treasury, eve.id, Permission.WALLETS_WRITE)
    desk = await sits("cle.rk")
    form = (await desk.get(f"/roles/{strong.id}/")).text
    assert 'value="wallets.write" checked>' in form and 'value="ledger.write" disabled' in form
    await desk.does(f"/roles/{strong.id}/", name="Renamed", permissions=[Permission.WALLETS_WRITE])
    await desk.refused(403, f"/roles/{strong.id}/", name="Renamed", permissions=[Permission.WALLETS_WRITE, Permission.LEDGER_WRITE])
    found = await store.custom_role(treasury.org_id, strong.id)
    assert found is not None and (found.name, found.permissions) == ("Renamed", [Permission.WALLETS_WRITE])


# ---- the team --------------------------------------------------------------------------------------------------------------------


async def test_people_are_added_changed_and_removed(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    desk = await sits("ada.okafor")
    wrong = await desk.refused(422, "/team/add/", first_name="Mira", email="mira", start_date="tomorrow", access="on", manager_id="emp_none", role="")
    for text in (
        "The last name is needed.",
        "The address is not an e-mail",
        "The first day is not a date",
        "The role must be chosen.",
        'value="Mira"',
    ):
        assert text in wrong
    mira = {"first_name": "Mira", "last_name": "Costa", "email": "mira@northwind.example", "job_title": "Analyst"}
    assert "The manager is not a present employee" in await desk.refused(422, "/team/add/", **mira, manager_id="emp_none")
    assert await desk.does("/team/add/", **mira) == "/team/?done=added"
    assert "is an employee of the organisation already" in await desk.refused(409, "/team/add/", **mira)
    assert await Invitation.find_one({"org_id": treasury.org_id}) is None
    ben = {"first_name": "Ben", "last_name": "Moor", "email": "ben@northwind.example"}
    assert await desk.does("/team/add/", **ben, access="on", role=Role.ACCOUNTANT) == "/team/?done=invited"
    invitation = await Invitation.find_one({"org_id": treasury.org_id})
    assert invitation is not None and (invitation.email, invitation.role) == (ben["email"], Role.ACCOUNTANT)
    rows = {row.first_name: row for row in await Employee.find({"org_id": treasury.org_id}).to_list()}
    path, names = f"/team/{rows['Mira'].id}/", {"first_name": "Mira", "last_name": "Costa"}
    await desk.does(path, **names, manager_id=rows["Ben"].id, version="1")
    circle = {"first_name": "Ben", "last_name": "Moor", "manager_id": rows["Mira"].id}
    assert "The manager is in this employee's own team: that would be a circle." in await desk.refused(422, f"/team/{rows['Ben'].id}/", **circle)
    assert "Somebody else has changed this" in await desk.refused(412, path, **names, version="1")
    tree = (await desk.get("/team/?view=tree")).text
    assert tree.index("Ben Moor") < tree.index("Mira Costa") and "leads" not in await desk.text(path)
    assert await desk.does(f"/team/{rows['Ben'].id}/remove/") == "/team/?done=removed"
    assert (await employees.get(treasury.org_id, rows["Mira"].id)).manager_id is None  # type: ignore[union-attr]
    invitation = await Invitation.find_one({"org_id": treasury.org_id})
    assert invitation is not None and invitation.state == "revoked"
    assert "Removed" in await desk.text(f"/team/{rows['Ben'].id}/") and "Ben" not in await desk.text("/team/")
    assert "Ben Moor" in await desk.text("/team/", status="removed")


async def test_somebody_with_an_account_is_asked(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    await person(runtime, "Nora", "Quist")
    desk, path = await sits("ada.okafor"), "/team/add-existing/"
    assert "This is nobody's user name." in await desk.refused(422, path, who="nobody.here", role=Role.USER)
    assert await desk.does(path, who="nora.quist", role=Role.USER, job_title="Counsel") == "/team/?done=invited"
    page = await desk.text("/team/")
    assert "@nora.quist" in page and "nora.quist@coffer.example" not in page  # until she agrees
    owner = await sits("nora.quist")
    row = await Invitation.find_one({"org_id": treasury.org_id})
    assert row is not None and await owner.does(f"/invitations/{row.id}/answer/", answer="accept") == "/"
    assert "nora.quist@coffer.example" in await desk.text("/team/")
    assert "Nora Quist" in await desk.text("/team/verification/")


async def test_a_manager_sees_and_decides_about_the_own_team(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    jonas = await treasury.member("Jonas", "Weber", Role.MANAGER)
    boss = await employee(runtime, treasury, "Jonas", active=True)
    await is_account(boss, jonas.id)
    mine, theirs = await employee(runtime, treasury, "Mine", manager=boss.id), await employee(runtime, treasury, "Theirs")
    desk = await sits("jonas.weber")
    for path in ("/team/", "/team/?view=tree", "/team/verification/"):
        text = await desk.text(path)
        assert "Mine Person" in text and "Theirs" not in text, path
    foreign, none = await desk.get(f"/team/{theirs.id}/"), await desk.get("/team/emp_none/")
    assert foreign.status_code == none.status_code == 404 and foreign.content == none.content
    await desk.refused(403, f"/team/{theirs.id}/verify/", decision="approve")
    assert "Nobody decides about themselves" in await desk.refused(403, f"/team/{boss.id}/remove/")
    await desk.refused(403, f"/team/{mine.id}/", first_name="x", last_name="y")  # that takes employees.write
    assert "The note has more than 500 characters" in await desk.refused(422, f"/team/{mine.id}/verify/", decision="approve", note="n" * 501)
    assert await desk.does(f"/team/{mine.id}/verify/", decision="approve", note="Met her") == "/team/verification/?done=approve"
    assert "does not wait for verification" in await desk.refused(409, f"/team/{mine.id}/verify/", decision="reject")
    row = await employees.get(treasury.org_id, mine.id)
    assert row is not None and (row.status, row.verified_by, row.verification_note) == (EmployeeStatus.ACTIVE, jonas.id, "Met her")
    assert "Met her" in await desk.text(f"/team/{mine.id}/") and "Nobody waits" in await desk.text("/team/verification/")


async def test_who_is_rejected_or_suspended_acts_no_more(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    eve = await treasury.member("Eve", "Berg", Role.ACCOUNTANT)
    row = await employee(runtime, treasury, "Eve")
    await is_account(row, eve.id)
    desk, path = await sits("ada.okafor"), f"/team/{row.id}/"
    hers = await sits("eve.berg")
    await desk.does(f"{path}verify/", decision="reject", note="Unknown")
    assert "/login/" in (await hers.get("/journal/")).headers["location"]
    assert "has suspended your membership" in said(await (await sits("eve.berg")).get("/journal/"))
    assert await desk.does(f"{path}status/", status="pending") == f"{path}?done=pending"
    await desk.does(f"{path}verify/", decision="approve")
    assert (await (await sits("eve.berg")).get("/journal/")).status_code == 200
    assert await desk.does(f"{path}status/", status="suspended") == f"{path}?done=suspended"
    assert "cannot become pending" in await desk.refused(409, f"{path}status/", status="pending")
    assert (await desk.post(f"{path}status/", status="removed")).status_code == 404
    assert await desk.does(f"{path}status/", status="active") == f"{path}?done=active"


# ---- the audit log ---------------------------------------------------------------------------------------------------------------


async def record(treasury: Treasury, summary: str, minutes_ago: float = 1, **fields: object) -> AuditRecord:
    row = AuditRecord(
        id=next_id("aud"),
        created_at=treasury.now - timedelta(minutes=minutes_ago),
        org_id=treasury.org_id,
        action="wallet.renamed",
        actor_id=treasury.admin.id,
        actor_name="ada.okafor",
        subject_kind="wallet",
        subject_id="wal_1",
        ip="203.0.113.7",
        request_id="req_77",
        summary=summary,
        before={"name": "Cold"},
        after={"name": "Warm"},
    ).model_copy(update=fields)
    await row.insert()
    return row


async def test_the_audit_log_is_searched(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    await record(treasury, "Renamed Cold to Warm")
    await record(
        treasury, "Refused it", action="session.refused", outcome=Outcome.REFUSED, actor_id="usr_gone", actor_name="gone", before=None, after=None
    )
    await record(treasury, "Long ago", 60 * 24 * 40, ip="198.51.100.1", request_id="req_old", subject_id="wal_2", after={"note": "word " * 400})
    await record(treasury, "Of the installation", org_id=INSTALLATION)
    await record(treasury, "Of others", org_id="org_other")
    desk = await sits("ada.okafor")
    whole = await desk.text("/audit-log/")
    assert "ada.okafor logged in" in whole and "Of the installation" not in whole and "Of others" not in whole
    assert 'class="was"' in whole and "Cold" in whole and "Warm" in whole and ">whole<" in whole
    day = f"{treasury.now - timedelta(days=41):%Y-%m-%d}"
    for query, text in (
        ({"q": "renamed cold"}, "Renamed Cold to Warm"),
        ({"actor": "usr_gone"}, "Refused it"),
        ({"action": "session.refused"}, "Refused it"),
        ({"outcome": "refused"}, "Refused it"),
        ({"ip": "198.51.100.1"}, "Long ago"),
        ({"request": "req_old"}, "Long ago"),
        ({"subject": "wal_2"}, "Long ago"),
        ({"since": day, "until": f"{treasury.now - timedelta(days=39):%Y-%m-%d}"}, "Long ago"),
    ):
        page = (await desk.get("/audit-log/", **query)).text
        assert text in page and page.count('class="log-row') == 1, query
    for query in ({"q": "[.*"}, {"action": "$gt"}, {"outcome": "x"}, {"since": "never"}, {"ip": "%00"}, {"until": "9999-12-31"}):
        assert (await desk.get("/audit-log/", **query)).status_code == 200
    assert (await desk.get("/audit-log/", cursor="tampered")).status_code == 404
    assert "Nothing matches these filters" in await desk.text("/audit-log/", q="no such thing")
    assert "The log is not as it was written." in await desk.text("/audit-log/", check="seals")  # these were put in past the product


async def test_the_audit_log_is_paged(sits: Sits, treasury: Treasury) -> None:
    for number in range(70):
        await record(treasury, f"Number {number:02}", number)
    desk = await sits("ada.okafor")
    page = (await desk.get("/audit-log/?action=wallet.")).text
    more = page.split('hx-get="/fragments/audit-log/?')[-1].split('"')[0].replace("&amp;", "&")
    assert page.count('class="log-row') == 50 and "action=wallet." in more
    rest = (await desk.http.get(f"/fragments/audit-log/?{more}", headers={"HX-Request": "true"})).text
    assert rest.count('class="log-row') == 20 and "Number 69" in rest and "Number 49" not in rest


async def test_the_audit_log_is_taken_along(sits: Sits, treasury: Treasury) -> None:
    await record(treasury, "=HYPERLINK(1)", before={"name": "Cold"}, after={"name": "Warm"})
    await record(treasury, "Another", action="role.changed")
    desk = await sits("ada.okafor")
    answer = await desk.get("/audit-log/export/", format="csv", action="wallet.")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit-log.csv"'
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["summary"], row["actor_name"], orjson.loads(row["after"])) == ("'=HYPERLINK(1)", "ada.okafor", {"name": "Warm"})
    items = (await desk.get("/audit-log/export/", format="json")).json()["items"]
    assert [item["summary"] for item in items][:2] == ["The audit log was exported as json.", "The audit log was exported as csv."]
    assert {"=HYPERLINK(1)", "Another"} <= {item["summary"] for item in items}
    assert (await desk.get("/audit-log/export/", format="exe")).status_code == 404
    await treasury.member("Acc", "Ountant", Role.ACCOUNTANT)
    assert (await (await sits("acc.ountant")).get("/audit-log/export/")).status_code == 403


# ---- the installation ------------------------------------------------------------------------------------------------------------


async def test_whoever_runs_the_installation_sees_no_organisation_from_inside(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    await treasury.wallet("Secret vault")
    await person(runtime, "Root", "Operator", platform_admin=True)
    desk, ada = await sits("root.operator"), await sits("ada.okafor")
    for path in ("/", "/members/", "/wallets/", "/audit-log/", "/organizations/"):
        assert (await desk.get(path)).headers["location"] == "/platform/"
    status = await desk.text("/platform/")
    assert "mongodb" in status and "Organisations" in status and "Secret vault" not in status
    assert 'href="/members/"' not in status and 'href="/platform/users/"' in status
    for path in ("/platform/", "/platform/organizations/", "/platform/users/"):
        assert (await ada.get(path)).status_code == 403
    assert (await ada.post(f"/platform/organizations/{treasury.org_id}/suspend/", suspended="true")).status_code == 403
    suspend = f"/platform/organizations/{treasury.org_id}/suspend/"
    assert await desk.does(suspend, suspended="true", version="1") == "/platform/organizations/?done=suspended"
    assert "Nobody can act in Northwind Digital" in said(await ada.get("/"))
    assert "changed at the same moment" in await desk.refused(412, suspend, suspended="false", version="1")
    assert await desk.does(suspend, suspended="false") == "/platform/organizations/?done=restored"
    assert (await ada.get("/members/")).status_code == 200
    assert (await desk.post("/platform/organizations/org_none/suspend/", suspended="true")).status_code == 404


async def test_an_account_is_suspended_for_the_whole_installation(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    root = await person(runtime, "Root", "Operator", platform_admin=True)
    desk, ada = await sits("root.operator"), await sits("ada.okafor")
    assert "ada.okafor" in await desk.text("/platform/users/", q="ADA.")
    assert "Nobody matches" in await desk.text("/platform/users/", state="suspended")
    assert await desk.does(f"/platform/users/{treasury.admin.id}/suspend/", suspended="true") == "/platform/users/?done=suspended"
    assert "/login/" in (await ada.get("/")).headers["location"]
    nobody = await sits()
    form = {"name": "ada.okafor", "password": PASSWORD}
    refused = await nobody.http.post(
        "/login/", data={"csrfmiddlewaretoken": (await nobody.get("/login/")).text.split('value="', 1)[1].split('"')[0], **form}
    )
    assert refused.status_code in (401, 403)
    assert "Nobody suspends their own account." in await desk.refused(409, f"/platform/users/{root.id}/suspend/", suspended="true")
    assert await desk.does(f"/platform/users/{treasury.admin.id}/suspend/", suspended="false") == "/platform/users/?done=restored"
    assert (await (await sits("ada.okafor")).get("/")).status_code == 200


async def test_very_many_and_very_long(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    """40 roles, 200-character names: the lists and the forms that offer them still come."""
    maker, now = admin_of(treasury), runtime.clock.now()

    async def forty(session: object) -> None:
        for number in range(40):
            name = f"{number:02} {LONG}"[:80]
            await organizations.create_role(session, maker, treasury.org_id, name, LONG, [Permission.WALLETS_READ], now)  # type: ignore[arg-type]

    await runtime.uow.run(forty)
    desk: Desk = await sits("ada.okafor")
    assert (await desk.get("/roles/")).text.count('id="role-rol_') == 40
    for path in ("/members/invite/", "/team/add/", f"/members/{treasury.admin.id}/", "/organization/"):
        assert "39 Treasury of the very" in await desk.text(path) or path.endswith(f"{treasury.admin.id}/")
