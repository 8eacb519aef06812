"""Employees over HTTP: records and teams, verification by managers, accounts by consent, and access that ends with the status."""

import asyncio
from email import message_from_bytes, policy
from typing import Any

import httpx
import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.employees.documents import Employee
from crypto_api.events.documents import Event
from crypto_api.flows.invitations import accept_offer
from crypto_api.flows.send_due_mail import send_due_mail
from crypto_api.identity.documents import DueMail, Session
from crypto_api.kit.ids import new_id
from crypto_api.organizations.documents import CustomRole, Invitation, Membership
from crypto_api.organizations.types import Permission, Role
from crypto_api.runtime import Runtime
from tests.http.conftest import PASSWORD, Join, Person, newest_letter

SAME = {"X-Request-Id": "same"}


def record(name: str, **changes: Any) -> dict[str, Any]:
    return {"email": f"{name}@work.example", "first_name": name.title(), "last_name": "Weber"} | changes


async def add(person: Person, name: str, **changes: Any) -> dict[str, Any]:
    created = await person.http.post("/api/employees/", json=record(name, **changes))
    assert created.status_code == 201, created.text
    body: dict[str, Any] = created.json()
    return body


async def member_employee(runtime: Runtime, admin: Person, joined: Person, manager_id: str | None = None, *, active: bool = True) -> dict[str, Any]:
    """A member is made an employee, and approved."""
    added = await admin.http.post("/api/auth/employees/add-existing/", json={"email": joined.user["email"], "manager_id": manager_id})
    assert added.status_code == 201, added.text
    employee: dict[str, Any] = added.json()
    if active:
        employee = (await admin.http.post(f"/api/employees/{employee['id']}/verify/", json={"decision": "approve"})).json()
    return employee


def status_path(employee: dict[str, Any]) -> str:
    return f"/api/auth/employees/{employee['id']}/status/"


def codes(response: httpx.Response) -> list[tuple[str, str]]:
    return [(row["field"], row["code"]) for row in response.json().get("errors", [])]


async def names(person: Person, path: str, **params: Any) -> list[str]:
    response = await person.http.get(path, params=params)
    assert response.status_code == 200, response.text
    return [row["first_name"] for row in response.json()["items"]]


# ---- records ---------------------------------------------------------------------------------------------------------------------


async def test_a_record_is_added_read_changed_and_listed(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    boss = await add(ada, "bea", job_title="Head", last_name="Adler")
    created = await ada.http.post(
        "/api/employees/", json=record("jon", email="Jon@Work.Example", department="Finance", manager_id=boss["id"], start_date="2026-12-01")
    )
    employee = created.json()
    assert (employee["email"], employee["status"], employee["user_id"]) == ("jon@work.example", "pending", None)
    assert (employee["manager_id"], employee["start_date"], employee["department"]) == (boss["id"], "2026-12-01", "Finance")
    path = f"/api/employees/{employee['id']}/"
    read = await ada.http.get(path)
    assert read.json() == employee
    assert read.headers["etag"] == created.headers["etag"] == '"1"'

    changed = await ada.http.put(path, json={"job_title": "Controller", "manager_id": None, "start_date": None}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200, changed.text
    now = changed.json()
    assert (now["job_title"], now["manager_id"], now["start_date"], now["department"]) == ("Controller", None, None, "Finance")
    assert changed.headers["etag"] == '"2"'
    assert (await ada.http.put(path, json={"job_title": "x"}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await ada.http.put(path, json={"first_name": None})).status_code == 422
    assert (await ada.http.put(path, json={"status": "active"})).status_code == 422
    again = await ada.http.post("/api/employees/", json=record("jon", email="JON@work.example"))
    assert (again.status_code, again.json()["code"]) == (409, "employee_exists")

    assert await names(ada, "/api/employees/") == ["Bea", "Jon"]
    assert await names(ada, "/api/employees/", sort="-created_at") == ["Jon", "Bea"]
    assert await names(ada, "/api/employees/", department="Finance") == ["Jon"]
    assert await names(ada, "/api/employees/", q="JON@") == ["Jon"]
    assert await names(ada, "/api/employees/", status="active") == []
    assert (await ada.http.get("/api/employees/", params={"count": "true", "limit": 1})).json()["total"] == 2
    assert (await ada.http.get("/api/employees/", params={"sort": "email"})).status_code == 422


async def test_the_same_key_adds_one(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    for path, body in (("/api/employees/", record("jon")), ("/api/auth/employees/add/", record("kim"))):
        first, second = [await ada.http.post(path, json=body, headers={"Idempotency-Key": path}) for _ in range(2)]
        assert (first.status_code, second.status_code, second.json()) == (201, 201, first.json())
        assert second.headers["Idempotency-Replayed"] == "true"
    assert await Employee.count() == 2


async def test_a_team_is_shown_flat_or_as_deep_as_it_goes(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    top = await add(ada, "top")
    mid = await add(ada, "mid", manager_id=top["id"])
    await add(ada, "low", manager_id=mid["id"])
    await add(ada, "else")
    team = f"/api/employees/team/{top['id']}/"
    assert await names(ada, team) == ["Mid"]
    deep = (await ada.http.get(team, params={"deep": "true", "sort": "created_at"})).json()["items"]
    assert [(row["first_name"], row["depth"]) for row in deep] == [("Mid", 1), ("Low", 2)]
    assert await names(ada, "/api/employees/", manager_id=mid["id"]) == ["Low"]


async def test_another_organisations_employee_is_absent_byte_for_byte(join: Join) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Other")
    theirs, own = (await add(ada, "jon"))["id"], (await add(eve, "own"))["id"]
    absent = theirs[:-4] + "0000"
    role = CustomRole(id=new_id("rol"), created_at=ada_now(), updated_at=ada_now(), org_id=ada.org_id, name="x", name_folded="x", permissions=[])
    await role.insert()

    def calls(some_id: str, role_id: str) -> list[tuple[str, str, Any, dict[str, str]]]:
        path, new = f"/api/employees/{some_id}/", record("new", manager_id=some_id)
        return [
            ("GET", path, None, {}),
            ("PUT", path, {"job_title": "Taken over"}, {}),
            ("DELETE", path, None, {}),
            ("POST", f"{path}verify/", {"decision": "approve"}, {}),
            ("GET", f"/api/employees/team/{some_id}/", None, {"deep": "true"}),
            ("PUT", f"/api/auth/employees/{some_id}/status/", {"status": "active"}, {}),
            ("DELETE", f"/api/auth/employees/{some_id}/remove/", None, {}),
            ("GET", "/api/employees/", None, {"manager_id": some_id, "count": "true"}),
            ("GET", "/api/auth/employees/", None, {"manager_id": some_id, "count": "true"}),
            ("POST", "/api/employees/", new, {}),
            ("POST", "/api/auth/employees/add/", new, {}),
            ("POST", "/api/auth/employees/add-existing/", {"email": "new@work.example", "manager_id": some_id}, {}),
            ("POST", "/api/auth/employees/add/", record("new", role=role_id), {}),
            ("PUT", f"/api/employees/{own}/", {"manager_id": some_id}, {}),
        ]

    before = [row.model_dump() for row in await Employee.find_all().sort("+_id").to_list()]
    for foreign, missing in zip(calls(theirs, role.id), calls(absent, role.id[:-4] + "0000"), strict=True):
        first, second = [
            await eve.http.request(method, path, json=body, params=params, headers=SAME) for method, path, body, params in (foreign, missing)
        ]
        assert (first.status_code, first.content) == (second.status_code, second.content), foreign
        assert first.status_code == (404 if theirs in foreign[1] else 200 if foreign[0] == "GET" else 422), (foreign, first.text)
        if foreign[0] == "GET" and first.status_code == 200:
            assert first.json() == {"items": [], "next_cursor": None, "total": 0}
    assert [row.model_dump() for row in await Employee.find_all().sort("+_id").to_list()] == before
    assert await names(eve, "/api/employees/") == ["Own"]


def ada_now() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 11, 21, tzinfo=UTC)


# ---- the hierarchy ---------------------------------------------------------------------------------------------------------------


async def test_no_circle_and_nobody_above_themselves(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    top = await add(ada, "top")
    mid = await add(ada, "mid", manager_id=top["id"])
    low = await add(ada, "low", manager_id=mid["id"])
    for person, manager, code in ((top, top, "own_manager"), (top, low, "cycle"), (mid, low, "cycle")):
        refused = await ada.http.put(f"/api/employees/{person['id']}/", json={"manager_id": manager["id"]})
        assert (refused.status_code, codes(refused)) == (422, [("manager_id", code)])
    assert (await ada.http.put(f"/api/employees/{low['id']}/", json={"manager_id": top["id"]})).status_code == 200
    assert (await ada.http.put(f"/api/employees/{mid['id']}/", json={"manager_id": low["id"]})).status_code == 200


async def test_two_who_become_each_others_manager_at_once_conflict(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    one, two = await add(ada, "one"), await add(ada, "two")

    async def put(person: dict[str, Any], manager: dict[str, Any] | None) -> httpx.Response:
        return await ada.http.put(f"/api/employees/{person['id']}/", json={"manager_id": manager["id"] if manager else None})

    for _ in range(12):
        answers = await asyncio.gather(put(one, two), put(two, one))
        assert sorted(answer.status_code for answer in answers) == [200, 422], [answer.text for answer in answers]
        rows = {row.id: row.manager_id for row in await Employee.find_all().to_list()}
        assert sorted(manager is None for manager in rows.values()) == [False, True]
        await put(one, None)
        await put(two, None)


async def test_a_manager_who_leaves_at_once_with_a_new_report_is_not_left_above_anybody(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    for number in range(6):
        boss, jon = await add(ada, f"boss{number}"), await add(ada, f"jon{number}")
        await asyncio.gather(
            ada.http.delete(f"/api/employees/{boss['id']}/"),
            ada.http.put(f"/api/employees/{jon['id']}/", json={"manager_id": boss["id"]}),
        )
        assert (await ada.http.get(f"/api/employees/{boss['id']}/")).json()["status"] == "removed"
        assert (await ada.http.get(f"/api/employees/{jon['id']}/")).json()["manager_id"] is None


# ---- verification ----------------------------------------------------------------------------------------------------------------


async def test_a_manager_decides_about_the_own_team_alone(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    max_ = await join("max", org_id=ada.org_id, role=Role.MANAGER)
    own = await member_employee(runtime, ada, max_, active=False)
    team_lead = await add(ada, "lead", manager_id=own["id"])
    below, other = await add(ada, "below", manager_id=team_lead["id"]), await add(ada, "other")

    async def decide(person: Person, employee: dict[str, Any], decision: str = "approve") -> httpx.Response:
        return await person.http.post(f"/api/employees/{employee['id']}/verify/", json={"decision": decision, "note": "Met."})

    assert (await decide(max_, below)).json()["code"] == "not_your_team"  # not verified himself yet
    assert await names(max_, "/api/employees/") == ["Max"]
    assert (await decide(max_, own)).json()["code"] == "own_record"
    assert (await decide(ada, own)).json()["verified_by"] == ada.user["id"]

    assert await names(max_, "/api/employees/", status="pending") == ["Below", "Lead"]
    assert await names(max_, "/api/auth/employees/") == ["Max", "Below", "Lead"]
    assert (await decide(max_, below)).json()["status"] == "active"
    assert (await decide(max_, other)).json()["code"] == "not_your_team"
    assert (await max_.http.get(f"/api/employees/{other['id']}/")).json()["code"] == "not_your_team"
    assert (await max_.http.get(f"/api/employees/team/{other['id']}/")).json()["code"] == "not_your_team"
    assert (await max_.http.delete(f"/api/employees/{other['id']}/")).json()["code"] == "not_your_team"
    assert await names(max_, f"/api/employees/team/{own['id']}/", deep="true") == ["Below", "Lead"]
    assert (await max_.http.post("/api/employees/", json=record("new"))).json()["code"] == "permission_denied"
    assert (await max_.http.put(f"/api/employees/{below['id']}/", json={"job_title": "x"})).status_code == 403

    rejected = await decide(max_, team_lead, "reject")
    assert (rejected.json()["status"], rejected.json()["verification_note"]) == ("rejected", "Met.")
    twice = await decide(ada, team_lead)
    assert (twice.status_code, twice.json()["code"]) == (409, "already_decided")
    assert (await max_.http.delete(f"/api/auth/employees/{below['id']}/remove/")).status_code == 204
    assert (await max_.http.get(f"/api/employees/{below['id']}/")).json()["status"] == "removed"


async def test_of_two_deciders_at_once_one_wins(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    for number in range(6):
        path = f"/api/employees/{(await add(ada, f'jon{number}'))['id']}/verify/"
        answers = await asyncio.gather(*(ada.http.post(path, json={"decision": word}) for word in ("approve", "reject")))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        assert await AuditRecord.find({"subject_id": path.split("/")[3], "action": {"$in": ["employee.approved", "employee.rejected"]}}).count() == 1


async def test_who_reads_the_books_sees_everybody_and_an_employee_themselves(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    uma, ann = await join("uma", org_id=ada.org_id, role=Role.USER), await join("ann", org_id=ada.org_id, role=Role.AUDITOR)
    assert (await uma.http.get("/api/employees/me/")).status_code == 404
    own = await member_employee(runtime, ada, uma)
    await add(ada, "jon")
    assert (await uma.http.get("/api/employees/me/")).json()["id"] == own["id"]
    for path in ("/api/employees/", f"/api/employees/{own['id']}/", f"/api/employees/team/{own['id']}/", "/api/auth/employees/"):
        assert (await uma.http.get(path)).json()["code"] == "permission_denied", path
    assert await names(ann, "/api/employees/") == ["Uma", "Jon"]
    assert (await ann.http.post(f"/api/employees/{own['id']}/verify/", json={"decision": "approve"})).status_code == 403


# ---- accounts by consent ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/auth/employees/add/", "/api/auth/employees/add-existing/"])
async def test_whether_an_address_has_an_account_does_not_show(path: str, join: Join, runtime: Runtime) -> None:
    ada, bob = await join("ada", founds="Byron Treasury"), await join("bob", founds="Elsewhere")
    shown = []
    for email in (bob.user["email"], "nil@example.com"):
        body = {"email": email} if path.endswith("existing/") else record("bob", email=email)
        added = await ada.http.post(path, json=body)
        assert added.status_code == 201, added.text
        listed = [row for row in (await ada.http.get("/api/auth/employees/")).json()["items"] if row["email"] == email]
        told = [
            row.model_dump(include={"action", "summary", "before", "after"})
            for row in await AuditRecord.find({"subject_id": added.json()["id"]}).to_list()
        ]
        shown.append(str([added.json(), listed, told, sorted(added.headers)]).replace(email, "address"))
    ids = [row.id for row in await Employee.find_all().sort("+_id").to_list()]
    times = [row.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z") for row in await Employee.find_all().sort("+_id").to_list()]
    first, second = [text.replace(known, "id").replace(at, "time") for text, known, at in zip(shown, ids, times, strict=True)]
    assert first == second
    assert "'status': 'invited'" in first
    assert "'role': 'USER'" in first
    assert "'user_id': None" in first
    assert await Membership.find({"org_id": ada.org_id}).count() == 1


async def test_somebody_who_agrees_waits_for_verification(join: Join, runtime: Runtime) -> None:
    ada, bob = await join("ada", founds="Byron Treasury"), await join("bob", founds="Elsewhere")
    boss = await add(ada, "boss")
    asked = await ada.http.post(
        "/api/auth/employees/add-existing/", json={"username": "Bob", "role": "ACCOUNTANT", "manager_id": boss["id"], "job_title": "Controller"}
    )
    employee = asked.json()
    assert (employee["email"], employee["first_name"], employee["status"]) == (None, "", "invited")
    path = f"/api/employees/{employee['id']}/"
    early = await ada.http.post(f"{path}verify/", json={"decision": "approve"})
    assert (early.status_code, early.json()["code"]) == (409, "already_decided")
    assert (await ada.http.put(status_path(employee), json={"status": "active"})).json()["code"] == "transition_not_allowed"

    (invitation,) = await Invitation.find_all().to_list()
    listed = await ada.http.get("/api/invitations/")
    assert [row["email"] for row in listed.json()["items"]] == ["@bob"]
    told = [row.model_dump_json() for row in await AuditRecord.find({"org_id": ada.org_id}).to_list()]
    assert not any("bob@example.com" in text for text in [listed.text, *told])  # nobody here knows the address yet
    await accept_offer(runtime.uow, runtime.clock, bob.user["id"], invitation.id)
    joined = (await ada.http.get(path)).json()
    assert (joined["status"], joined["email"], joined["first_name"], joined["user_id"]) == ("pending", "bob@example.com", "Bob", bob.user["id"])
    assert (joined["job_title"], joined["manager_id"]) == ("Controller", boss["id"])
    membership = await Membership.find_one({"org_id": ada.org_id, "user_id": bob.user["id"]})
    assert membership is not None
    assert membership.role == "ACCOUNTANT"
    again = await ada.http.post("/api/auth/employees/add/", json=record("bob", email="bob@example.com"))
    assert again.json()["code"] == "employee_exists"
    nobody = await ada.http.post("/api/auth/employees/add-existing/", json={"username": "nobody-here"})
    assert codes(nobody) == [("username", "unknown_username")]


async def set_password_token(runtime: Runtime, email: str) -> str:
    """Sends the letter as the worker does, and reads the token out of it."""
    due = await DueMail.find_one({"to": email, "kind": "set_password"})
    assert due is not None
    assert await send_due_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, due.id, runtime.box)
    letter = message_from_bytes(newest_letter(runtime).read_bytes(), policy=policy.default)
    assert letter["To"] == email
    assert "Byron Treasury made an account" in letter.get_content()
    (link,) = [word for word in letter.get_content().split() if "?token=" in word]
    return str(link.split("token=")[1])


async def test_a_new_person_chooses_a_password_and_is_there(join: Join, runtime: Runtime, client: httpx.AsyncClient) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    added = await ada.http.post("/api/auth/employees/add/", json=record("jon", username="Jon.Weber", role="ACCOUNTANT"))
    assert (added.status_code, added.json()["status"], added.json()["user_id"]) == (201, "invited", None), added.text
    assert (await eve.http.post("/api/auth/employees/add-existing/", json={"email": "jon@work.example"})).status_code == 201
    token = await set_password_token(runtime, "jon@work.example")
    login = {"email": "jon@work.example", "password": PASSWORD}
    assert (await client.post("/api/auth/login/", json=login)).status_code == 401

    chosen = await client.post("/api/auth/reset-password/", json={"token": token, "new_password": PASSWORD})
    assert chosen.status_code == 200, chosen.text
    there = (await ada.http.get(f"/api/employees/{added.json()['id']}/")).json()
    assert there["status"] == "pending"
    entered = await client.post("/api/auth/login/", json={"username": "jon.weber", "password": PASSWORD})
    assert entered.status_code == 200, entered.text
    user = entered.json()["user"]
    assert (user["id"], user["organization_id"], user["role"]) == (there["user_id"], ada.org_id, "ACCOUNTANT")
    assert [row.org_id for row in await Membership.find({"user_id": user["id"]}).to_list()] == [ada.org_id]  # the other one is still to be asked
    assert (await client.post("/api/auth/reset-password/", json={"token": token, "new_password": PASSWORD})).status_code == 422


async def test_a_user_name_that_is_taken_is_refused_whoever_has_the_address(join: Join) -> None:
    ada, bob = await join("ada", founds="Byron Treasury"), await join("bob", founds="Elsewhere")
    refused = [
        await ada.http.post("/api/auth/employees/add/", json=record("new", email=email, username="BOB"), headers=SAME)
        for email in (bob.user["email"], "nil@example.com")
    ]
    assert refused[0].json()["code"] == "username_taken"
    assert refused[0].content == refused[1].content
    for email, name in ((bob.user["email"], "first-name"), ("nil@example.com", "other-name")):
        assert (await ada.http.post("/api/auth/employees/add/", json=record("new", email=email, username=name))).status_code == 201
        # the name is free as before: that it is taken would tell that an account was made
        assert (await bob.http.post("/api/auth/employees/add/", json=record("x", email=f"{name}@example.com", username=name))).status_code == 201
    assert (await ada.http.post("/api/auth/employees/add/", json=record("new", username="a b"))).status_code == 422


async def test_a_member_is_made_an_employee_without_being_asked_again(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    acc = await join("acc", org_id=ada.org_id, role=Role.ACCOUNTANT)
    employee = await member_employee(runtime, ada, acc, active=False)
    assert (employee["status"], employee["user_id"], employee["first_name"]) == ("pending", acc.user["id"], "Acc")
    (row,) = (await ada.http.get("/api/auth/employees/")).json()["items"]
    assert row["role"] == "ACCOUNTANT"
    assert await Invitation.count() == 0


async def test_nobody_gives_away_more_than_they_have(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    now = runtime.clock.now()
    permissions = [Permission.ORGANIZATION_READ, Permission.EMPLOYEES_READ, Permission.EMPLOYEES_WRITE, Permission.EMPLOYEES_VERIFY]
    staff = CustomRole(id=new_id("rol"), created_at=now, updated_at=now, org_id=ada.org_id, name="HR", name_folded="hr", permissions=permissions)
    await staff.insert()
    hal = await join("hal", org_id=ada.org_id, role=staff.id)  # type: ignore[arg-type]
    for path, body in (("add", record("new")), ("add-existing", {"email": "new@work.example"})):
        for role, code in (("ADMIN", "admins_only"), ("ACCOUNTANT", "role_beyond_yours")):
            assert (await hal.http.post(f"/api/auth/employees/{path}/", json=body | {"role": role})).json()["code"] == code
        assert codes(await hal.http.post(f"/api/auth/employees/{path}/", json=body | {"role": "PLATFORM_ADMIN"})) == [("role", "unknown_role")]
    own = await member_employee(runtime, ada, ada, active=False)
    assert (await hal.http.delete(f"/api/employees/{own['id']}/")).json()["code"] == "admins_only"
    assert (await hal.http.post(f"/api/employees/{own['id']}/verify/", json={"decision": "reject"})).json()["code"] == "admins_only"
    assert (await hal.http.post("/api/auth/employees/add/", json=record("new", role="USER"))).status_code == 201


# ---- access follows the status ---------------------------------------------------------------------------------------------------


async def test_a_suspended_employee_is_out_at_once_and_comes_back(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    acc = await join("acc", org_id=ada.org_id, role=Role.ACCOUNTANT)
    employee = await member_employee(runtime, ada, acc)
    path = f"/api/auth/employees/{employee['id']}/status/"
    assert (await acc.http.get("/api/wallets/")).status_code == 200
    suspended = await ada.http.put(path, json={"status": "suspended"}, headers={"If-Match": '"2"'})
    assert (suspended.status_code, suspended.json()["status"]) == (200, "suspended")
    assert (await acc.http.get("/api/wallets/")).status_code == 401
    assert (await acc.http.post("/api/auth/refresh/", json={"refresh": acc.tokens["refresh"]})).status_code == 401
    await log_in(acc, "acc")
    assert (await acc.http.get("/api/wallets/")).json()["code"] == "suspended"
    assert (await ada.http.put(path, json={"status": "suspended"}, headers={"If-Match": '"2"'})).status_code == 412
    for wrong in ("rejected", "pending"):
        assert (await ada.http.put(path, json={"status": wrong})).json()["code"] == "transition_not_allowed"
    for wrong in ("invited", "removed", "gone"):
        assert (await ada.http.put(path, json={"status": wrong})).status_code == 422
    assert (await ada.http.put(path, json={"status": "active"})).status_code == 200
    assert (await acc.http.get("/api/wallets/")).status_code == 200


async def test_whoever_is_removed_loses_access_and_keeps_a_history(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    top = await add(ada, "top")
    acc = await join("acc", org_id=ada.org_id, role=Role.ACCOUNTANT)
    employee = await member_employee(runtime, ada, acc, top["id"])
    report = await add(ada, "report", manager_id=employee["id"])
    path = f"/api/auth/employees/{employee['id']}/remove/"
    assert (await ada.http.delete(path, headers={"If-Match": '"7"'})).status_code == 412
    assert (await acc.http.get("/api/wallets/")).status_code == 200
    assert (await ada.http.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    assert (await acc.http.get("/api/wallets/")).status_code == 401
    assert await Session.find({"user_id": acc.user["id"], "ended_at": None}).count() == 0
    assert await Membership.find({"org_id": ada.org_id, "user_id": acc.user["id"]}).count() == 0

    gone = (await ada.http.get(f"/api/employees/{employee['id']}/")).json()
    assert (gone["status"], gone["verified_by"], gone["removed_at"] is not None) == ("removed", ada.user["id"], True)
    assert (await ada.http.get(f"/api/employees/{report['id']}/")).json()["manager_id"] == top["id"]
    assert "Acc" not in await names(ada, "/api/employees/")
    assert await names(ada, "/api/employees/", status="removed") == ["Acc"]
    for method, target, body in (("DELETE", path, None), ("PUT", f"/api/employees/{employee['id']}/", {"job_title": "x"})):
        assert (await ada.http.request(method, target, json=body)).json()["code"] == "employee_removed"
    again = await ada.http.post("/api/auth/employees/add-existing/", json={"email": acc.user["email"]})
    assert (again.status_code, again.json()["status"]) == (201, "invited")
    assert (await ada.http.delete(f"/api/employees/{again.json()['id']}/")).status_code == 204
    assert [row.state for row in await Invitation.find_all().to_list()] == ["revoked"]


async def test_the_last_admin_stays_and_nobody_decides_about_themselves(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    hal = await join("hal", org_id=ada.org_id, role=Role.ADMIN)
    own = await member_employee(runtime, hal, ada)
    paths = (("DELETE", f"/api/employees/{own['id']}/", None), ("PUT", f"/api/auth/employees/{own['id']}/status/", {"status": "suspended"}))
    for method, path, body in paths:
        assert (await ada.http.request(method, path, json=body)).json()["code"] == "own_record"
    await Membership.get_pymongo_collection().update_one({"user_id": hal.user["id"]}, {"$set": {"suspended_at": runtime.clock.now()}})
    assert (await hal.http.delete(f"/api/employees/{own['id']}/")).status_code == 403
    await Membership.get_pymongo_collection().update_one(
        {"user_id": hal.user["id"]}, {"$set": {"suspended_at": None, "role": (await manager_role(ada, runtime)).id}}
    )
    for method, path, body in paths:
        refused = await hal.http.request(method, path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "admins_only")
    assert (await ada.http.get("/api/wallets/")).status_code == 200


async def manager_role(ada: Person, runtime: Runtime) -> CustomRole:
    now = runtime.clock.now()
    permissions = [Permission.EMPLOYEES_READ, Permission.EMPLOYEES_WRITE, Permission.EMPLOYEES_VERIFY]
    role = CustomRole(id=new_id("rol"), created_at=now, updated_at=now, org_id=ada.org_id, name="HR", name_folded="hr", permissions=permissions)
    await role.insert()
    return role


async def test_two_admins_who_remove_each_other_at_once_leave_one(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    hal = await join("hal", org_id=ada.org_id, role=Role.ADMIN)
    a, h = await member_employee(runtime, hal, ada), await member_employee(runtime, ada, hal)
    answers = await asyncio.gather(ada.http.delete(f"/api/employees/{h['id']}/"), hal.http.delete(f"/api/employees/{a['id']}/"))
    assert sorted(answer.status_code == 204 for answer in answers) == [False, True], [answer.text for answer in answers]
    assert await Membership.find({"org_id": ada.org_id, "role": "ADMIN"}).count() == 1


# ---- what is told ----------------------------------------------------------------------------------------------------------------


async def test_every_change_is_an_event_without_names_and_an_audit_record_with_before_and_after(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    employee = await add(ada, "jon")
    path = f"/api/employees/{employee['id']}/"
    await ada.http.put(path, json={"job_title": "Controller"})
    await ada.http.put(path, json={"job_title": "Controller"})  # nothing new: nothing told
    await ada.http.post(f"{path}verify/", json={"decision": "approve"})
    await ada.http.put(status_path(employee), json={"status": "suspended"})
    await ada.http.put(status_path(employee), json={"status": "active"})
    await ada.http.delete(path)

    told = await Event.find({"org_id": ada.org_id, "kind": {"$regex": "^employee"}}).sort("+_id").to_list()
    assert [(row.kind, row.data["status"]) for row in told] == [
        ("employee.added", "pending"),
        ("employee.changed", "pending"),
        ("employee.verified", "active"),
        ("employee.suspended", "suspended"),
        ("employee.reinstated", "active"),
        ("employee.removed", "removed"),
    ]
    assert {row.permission for row in told} == {"employees.read"}
    assert {tuple(row.data) for row in told} == {("employee_id", "status")}
    rows = await AuditRecord.find({"org_id": ada.org_id, "subject_kind": "employee"}).sort("+_id").to_list()
    actions = ["employee.added", "employee.changed", "employee.approved", "employee.suspended", "employee.reinstated", "employee.removed"]
    assert [row.action for row in rows] == actions
    assert {row.actor_id for row in rows} == {ada.user["id"]}
    assert (rows[1].before, rows[1].after) == ({"job_title": ""}, {"job_title": "Controller"})
    assert rows[2].after == {"status": "active", "verified_by": ada.user["id"]}
    assert rows[5].summary == "Removed Jon Weber"


async def log_in(person: Person, name: str) -> None:
    tokens = (await person.http.post("/api/auth/login/", json={"username": name, "password": PASSWORD})).json()
    person.http.headers["Authorization"] = f"Bearer {tokens['access']}"
