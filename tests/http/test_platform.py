"""The operator of the installation: sees what is there, suspends it, and reaches into no organisation."""

from datetime import UTC, datetime, timedelta
from typing import Any

from crypto_api.audit.documents import AuditRecord
from crypto_api.audit.types import INSTALLATION
from crypto_api.http.api import api as http_api
from crypto_api.identity.documents import Session
from crypto_api.organizations.types import PERMISSIONS, PLATFORM, Permission, Role
from crypto_api.runtime import Runtime
from crypto_api.tasks.documents import Task
from crypto_api.tasks.types import TaskStatus
from tests.http.conftest import PASSWORD, Join
from tests.http.organization_calls import code_of, operator, records


def operations() -> list[tuple[str, str, str, str]]:
    """(operationId, method, path, permission) of every operation of the API."""
    return [
        (details["operationId"], method.upper(), path, details["x-permission"])
        for path, methods in http_api.get_openapi_schema()["paths"].items()
        for method, details in methods.items()
    ]


SCHEMA = http_api.get_openapi_schema()
ONE_OF_SEVERAL = {
    "AuditContract": ["address"],
    "TransactionUpdate": ["note"],  # want one of several, so none of those is required by itself
    "EmployeeInviteExisting": ["email"],
    "ContractVerify": ["compiler_version", "contract_name", "source"],
    "InvoiceCreate": ["client_id", "items", "currency"],
}


def body_of(method: str, path: str) -> Any:
    """What the schema shows as an example: a body that passes."""
    content = SCHEMA["paths"][path][method.lower()].get("requestBody", {}).get("content", {}).get("application/json")
    return _example(content["schema"]) if content else None


def query_of(method: str, path: str) -> dict[str, str]:
    wanted = [row for row in SCHEMA["paths"][path][method.lower()].get("parameters", []) if row["in"] == "query" and row.get("required")]
    known = {"at": "2026-11", "amount": "1.5", "until": str(datetime.now(UTC).date() + timedelta(days=30))}
    return {row["name"]: known.get(row["name"], "ETH") for row in wanted}


def files_of(method: str, path: str) -> dict[str, tuple[str, bytes]] | None:
    content = SCHEMA["paths"][path][method.lower()].get("requestBody", {}).get("content", {}).get("multipart/form-data")
    return dict.fromkeys(content["schema"]["required"], ("rows.csv", b"timestamp,type\n")) if content else None


def _example(schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _example(SCHEMA["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    if examples := schema.get("examples") or next((part["examples"] for part in schema.get("anyOf", []) if "examples" in part), None):
        return examples[0]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        names = ONE_OF_SEVERAL.get(schema.get("title", "")) or schema.get("required", schema.get("properties", {}))
        return {name: _example(schema["properties"][name]) for name in names}
    if schema.get("type") == "array":
        return [_example(schema["items"]) for _ in range(max(1, schema.get("minItems", 1)))]
    if "anyOf" in schema or "allOf" in schema:
        return _example((schema.get("anyOf") or schema["allOf"])[0])
    return {"boolean": True, "integer": 30}.get(schema.get("type", ""), "2026-11-21")


async def test_an_operator_reaches_into_no_organisation(join: Join) -> None:
    """Every operation that needs a permission of an organisation, with what would pass for a member."""
    ada = await join("ada", founds="First")
    root = await operator(join)
    inside = [row for row in operations() if row[3] in set(Permission) - PLATFORM]
    assert len(inside) > 50
    answers = {}
    for name, method, path, _ in inside:
        filled = path.replace("{organization_id}", ada.org_id).replace("{user_id}", ada.user["id"]).replace("{dead_letter_id}", "dead_1")
        while "{" in filled:
            filled = filled[: filled.index("{")] + "some_id" + filled[filled.index("}") + 1 :]
        sent = {"json": body_of(method, path), "params": query_of(method, path), "files": files_of(method, path)}
        answer = await root.http.request(method, filled, **sent)
        answers[name] = code_of(answer)
    assert {name: told for name, told in answers.items() if told != (403, "permission_denied")} == {}
    assert (await root.http.get("/api/organizations/")).json()["items"] == []
    assert (await root.http.get(f"/api/organizations/{ada.org_id}/")).status_code == 404


async def test_nobody_else_is_an_operator(join: Join) -> None:
    ada = await join("ada", founds="First")
    nobody = await join("bob")
    outside = [row for row in operations() if row[3] in PLATFORM]
    assert len(outside) == 14
    for _, method, path, _ in outside:
        filled = path.replace("{organization_id}", ada.org_id).replace("{user_id}", ada.user["id"])
        body: Any = {"suspended": True} if method == "PUT" else {"task": "news"} if "run-tasks" in path else {} if "automation/st" in path else None
        for person in (ada, nobody):
            assert code_of(await person.http.request(method, filled, json=body)) == (403, "permission_denied")
    assert [role for role, permissions in PERMISSIONS.items() if permissions & PLATFORM] == [Role.PLATFORM_ADMIN]


async def test_organisations_are_listed_without_their_people(join: Join) -> None:
    ada, _, root = await join("ada", founds="First"), await join("eve", founds="Other"), await operator(join)
    await join("bob", org_id=ada.org_id, role=Role.USER)
    answer = await root.http.get("/api/platform/organizations/", params={"sort": "name", "count": "true"})
    items = answer.json()["items"]
    assert [(row["name"], row["members"], row["suspended_at"]) for row in items] == [("First", 2, None), ("Other", 1, None)]
    assert set(items[0]) == {"id", "name", "members", "suspended_at", "created_at"}
    assert answer.json()["total"] == 2
    assert [row["name"] for row in (await root.http.get("/api/platform/organizations/", params={"q": "fir"})).json()["items"]] == ["First"]


async def test_a_suspended_organisation_stands_still_until_it_is_restored(join: Join) -> None:
    ada, root = await join("ada", founds="First"), await operator(join)
    path = f"/api/platform/organizations/{ada.org_id}/"
    suspended = await root.http.put(path, json={"suspended": True}, headers={"If-Match": '"1"'})
    assert (suspended.status_code, suspended.headers["etag"]) == (200, '"2"')
    assert suspended.json()["suspended_at"] is not None
    assert code_of(await ada.http.get("/api/wallets/")) == (403, "suspended")
    assert code_of(await ada.http.put(f"/api/organizations/{ada.org_id}/", json={"name": "x"})) == (403, "suspended")
    assert (await ada.http.get("/api/organizations/")).json()["items"][0]["suspended"] is True
    assert [row["id"] for row in (await root.http.get("/api/platform/organizations/", params={"suspended": "true"})).json()["items"]] == [ada.org_id]
    assert (await root.http.put(path, json={"suspended": False}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await root.http.put(path, json={"suspended": False})).json()["suspended_at"] is None
    assert (await ada.http.get("/api/wallets/")).status_code == 200
    assert [row.action for row in await records(INSTALLATION, "organization.")] == ["organization.suspended", "organization.restored"]
    assert [row.actor_id for row in await records(ada.org_id, "organization.changed")] == [root.user["id"]] * 2
    assert (await root.http.put("/api/platform/organizations/org_absent/", json={"suspended": True})).status_code == 404


async def test_a_suspended_account_is_out_everywhere(join: Join, client: Any) -> None:
    ada, root = await join("ada", founds="First"), await operator(join)
    path = f"/api/platform/users/{ada.user['id']}/"
    suspended = await root.http.put(path, json={"suspended": True})
    assert (suspended.status_code, suspended.json()["organizations"]) == (200, 1)
    assert (await ada.http.get("/api/auth/profile/")).status_code == 401
    assert {row.ended_reason for row in await Session.find({"user_id": ada.user["id"]}).to_list()} == {"suspended"}
    log_in = await client.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})
    assert log_in.status_code in (401, 403)
    assert (await client.post("/api/auth/refresh/", json={"refresh": ada.tokens["refresh"]})).status_code == 401
    etag = suspended.headers["etag"]
    assert (await root.http.put(path, json={"suspended": False}, headers={"If-Match": '"0"'})).status_code == 412
    assert (await root.http.put(path, json={"suspended": False}, headers={"If-Match": etag})).status_code == 200
    assert (await client.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})).status_code == 200
    assert code_of(await root.http.put(f"/api/platform/users/{root.user['id']}/", json={"suspended": True})) == (409, "not_yourself")
    assert (await root.http.put("/api/platform/users/usr_absent/", json={"suspended": True})).status_code == 404
    assert [row.action for row in await records(INSTALLATION, "user.")] == ["user.suspended", "user.restored"]


async def test_accounts_are_listed(join: Join) -> None:
    await join("ada", founds="First")
    root = await operator(join)
    items = (await root.http.get("/api/platform/users/", params={"sort": "username"})).json()["items"]
    assert [(row["username"], row["organizations"], row["platform_admin"]) for row in items] == [("ada", 1, False), ("root", 0, True)]
    assert all(row["last_log_in_at"] for row in items)
    assert "password" not in str(items)
    found = await root.http.get("/api/platform/users/", params={"q": "ADA@", "suspended": "false"})
    assert [row["email"] for row in found.json()["items"]] == ["ada@example.com"]


async def test_only_a_plain_answer_suspends(join: Join) -> None:
    ada, root = await join("ada", founds="First"), await operator(join)
    bodies: list[dict[str, Any]] = [{}, {"suspended": "true"}, {"suspended": None}, {"suspended": True, "platform_admin": True}]
    for path in (f"organizations/{ada.org_id}", f"users/{ada.user['id']}"):
        for body in bodies:
            assert (await root.http.put(f"/api/platform/{path}/", json=body)).status_code == 422


async def test_the_status_counts_and_tells_nothing(join: Join, runtime: Runtime) -> None:
    ada, root = await join("ada", founds="First"), await operator(join)
    now = runtime.clock.now()
    rows = [("backfill", TaskStatus.FAILED), ("backfill", TaskStatus.FAILED), ("export", TaskStatus.FAILED), ("export", TaskStatus.SUCCEEDED)]
    for number, (kind, status) in enumerate(rows):
        summary = "500000.00 USDC to Grace"
        await Task(
            id=f"tsk_{number}", created_at=now, org_id=ada.org_id, kind=kind, status=status, summary=summary, error=summary, finished_at=now
        ).insert()
    answer = await root.http.get("/api/platform/status/")
    state = answer.json()
    assert (state["organizations"], state["users"], state["live_sessions"]) == (1, 2, 2)
    assert state["failed_tasks"] == {"backfill": 2, "export": 1}
    assert state["parts"]["mongodb"]["ready"] is True
    assert "Grace" not in answer.text
    assert "500000" not in answer.text
    assert await AuditRecord.find({"org_id": INSTALLATION, "action": {"$regex": "^organization"}}).count() == 0
