"""The audit log over HTTP: read with filters, taken along as a file that no program computes, verified; by those who may, of their own."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from crypto_api.audit import service as audit
from crypto_api.audit.documents import AuditRecord
from crypto_api.audit.types import Outcome
from crypto_api.flows.seal_audit_log import seal_pass
from crypto_api.kit import origin
from crypto_api.kit.csv_text import csv_line, safe_cell
from crypto_api.kit.origin import Origin
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.http.conftest import Join, Person

DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)


async def write(runtime: Runtime, org_id: str, action: str = "thing.changed", *, day: int = 0, where: Origin | None = None, **values: Any) -> str:
    summary = values.pop("summary", "Something changed.")
    with origin.of(where or Origin()):
        row = await runtime.uow.run(lambda session: audit.record(session, org_id, action, summary, DAY + timedelta(days=day), **values))
    return row.id


async def only(runtime: Runtime, person: Person) -> None:
    """Takes away what coming here has recorded, so that a test knows every record there is."""
    await AuditRecord.get_pymongo_collection().delete_many({"org_id": person.org_id})


async def ids(person: Person, **params: Any) -> list[str]:
    answer = await person.http.get("/api/audit-log/", params=params)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["items"]]


async def test_records_are_found_by_every_filter_newest_first(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await only(runtime, ada)
    here = Origin("req_7", "203.0.113.7", "Lynx", "usr_x", "xavier", "ses_x")
    a = await write(runtime, ada.org_id, "wallet.created", day=0, subject=("wallet", "wal_1"))
    b = await write(runtime, ada.org_id, "wallet.renamed", day=1, subject=("wallet", "wal_2"), where=here, before={"name": "x"}, after={"name": "y"})
    c = await write(runtime, ada.org_id, "session.refused", day=2, outcome=Outcome.REFUSED, actor_id=ada.user["id"], summary="Wrong (password)?")
    assert await ids(ada) == [c, b, a]
    assert await ids(ada, sort="at") == [a, b, c]
    for params, expected in (
        ({"action": "wallet."}, [b, a]),
        ({"action": "wallet.renamed"}, [b]),
        ({"action": "wallet.x"}, []),
        ({"actor_id": "usr_x"}, [b]),
        ({"subject_kind": "wallet"}, [b, a]),
        ({"subject_kind": "wallet", "subject_id": "wal_1"}, [a]),
        ({"outcome": "refused"}, [c]),
        ({"ip": "203.0.113.7"}, [b]),
        ({"request_id": "req_7"}, [b]),
        ({"date_from": "2026-11-02"}, [c, b]),
        ({"date_to": "2026-11-02"}, [b, a]),
        ({"date_from": "2026-11-02", "date_to": "2026-11-02"}, [b]),
        ({"date_to": "9999-12-31"}, [c, b, a]),
        ({"q": "(PASSWORD)?"}, [c]),
        ({"q": "xavi"}, [b]),
        ({"q": "wal_2"}, [b]),
        ({"q": ".*"}, []),
        ({"action": "wallet.", "ip": "203.0.113.7"}, [b]),
    ):
        assert await ids(ada, **params) == expected, params
    one = (await ada.http.get(f"/api/audit-log/{b}/")).json()
    assert one == {
        "id": b, "at": "2026-11-02T12:00:00.000Z", "action": "wallet.renamed", "outcome": "done", "actor_id": "usr_x", "actor_name": "xavier",
        "session_id": "ses_x", "ip": "203.0.113.7", "device": "Lynx", "request_id": "req_7", "subject_kind": "wallet", "subject_id": "wal_2",
        "summary": "Something changed.", "before": {"name": "x"}, "after": {"name": "y"},
    }  # fmt: skip
    assert (await ada.http.get(f"/api/audit-log/{c}/")).json()["actor_name"] == "ada", "recorded without a name: today's is shown"


@pytest.mark.parametrize(
    "params", [{"outcome": "maybe"}, {"date_from": "yesterday"}, {"cursor": "x"}, {"sort": "action"}, {"limit": "0"}, {"action": ""}]
)
async def test_a_wrong_question_is_refused(join: Join, params: dict[str, str]) -> None:
    ada = await join("ada", founds="Byron Treasury")
    assert (await ada.http.get("/api/audit-log/", params=params)).status_code == 422


async def test_pages_are_stable_while_records_are_added_also_within_one_instant(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await only(runtime, ada)
    written = [await write(runtime, ada.org_id) for _ in range(7)]
    found, cursor = [], None
    while True:
        page = (await ada.http.get("/api/audit-log/", params={"limit": 3, "count": "true"} | ({"cursor": cursor} if cursor else {}))).json()
        found += [row["id"] for row in page["items"]]
        await write(runtime, ada.org_id, day=1)
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == written[::-1]


async def test_each_organisation_sees_its_own_and_only_those_who_may_see_any(join: Join, runtime: Runtime) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Other")
    record = await write(runtime, ada.org_id, subject=("wallet", "wal_1"))
    assert record not in await ids(eve)
    foreign, absent = [await eve.http.get(f"/api/audit-log/{name}/", headers={"X-Request-Id": "one"}) for name in (record, "aud_nothing")]
    assert (foreign.status_code, foreign.content) == (404, absent.content)
    export = await eve.http.get("/api/audit-log/export/", params={"format": "json", "subject_id": "wal_1"})
    assert export.json() == {"items": []}
    auditor = await join("bob", org_id=ada.org_id, role=Role.AUDITOR)
    assert record in await ids(auditor)
    for role in (Role.MANAGER, Role.ACCOUNTANT, Role.APPROVER, Role.USER, Role.CLIENT):
        person = await join(f"p{role.lower()}", org_id=ada.org_id, role=role)
        for path in ("", "export/", "verify/", f"{record}/"):
            assert (await person.http.get(f"/api/audit-log/{path}")).status_code == 403, (role, path)


async def test_nobody_can_change_it_by_the_api(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    record = await write(runtime, ada.org_id)
    for path in ("", "export/", "verify/", f"{record}/"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await ada.http.request(method, f"/api/audit-log/{path}", json={})).status_code == 405, (method, path)


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", '=cmd|" /C calc"!A0', "\n=1"]


async def test_an_export_holds_no_formula_and_is_itself_recorded(join: Join, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crypto_api.flows.read_audit_log.EXPORT_BATCH", 4)
    ada = await join("ada", founds="Byron Treasury")
    await only(runtime, ada)
    for n, formula in enumerate(FORMULAS):
        await write(
            runtime, ada.org_id, "wallet.renamed", day=n, summary=formula, after={"name": formula}, where=Origin(device=formula, ip="203.0.113.9")
        )
    answer = await ada.http.get("/api/audit-log/export/", params={"action": "wallet.", "ip": "203.0.113.9"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit-log.csv"'
    assert answer.headers["cache-control"] == "no-store"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["summary"] for row in rows] == [f"'{formula}" for formula in FORMULAS[::-1]]
    assert not [cell for row in rows for cell in row.values() if cell.lstrip(" ")[:1] in tuple("=+-@\t\r\n＝")]
    as_json = (await ada.http.get("/api/audit-log/export/", params={"action": "wallet.", "format": "json"})).json()["items"]
    assert [row["summary"] for row in as_json] == FORMULAS[::-1]
    exports = await AuditRecord.find({"org_id": ada.org_id, "action": "audit.exported"}).sort("+_id").to_list()
    assert [row.after for row in exports] == [
        {"format": "csv", "action": "wallet.", "ip": "203.0.113.9"},
        {"format": "json", "action": "wallet."},
    ]
    assert (exports[0].actor_id, exports[0].actor_name) == (ada.user["id"], "ada")
    assert (await ada.http.get("/api/audit-log/export/", params={"format": "xlsx"})).status_code == 422


def test_cells() -> None:
    assert [safe_cell(text) for text in ("", "plain", "a=b", "7", "-7", "'", "  @x", "\0=1")] == [
        "",
        "plain",
        "a=b",
        "7",
        "'-7",
        "'",
        "'  @x",
        "'\0=1",
    ]
    assert csv_line(["a,b", 'say "x"', "=1", "two\nlines"]) == '"a,b","say ""x""",\'=1,"two\nlines"\r\n'


async def test_verification_over_http_names_what_was_altered(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await seal_pass(runtime.uow, runtime.clock)
    record = await write(runtime, ada.org_id)
    before = (await ada.http.get("/api/audit-log/verify/")).json()
    assert (before["ok"], before["waiting"], before["first_failure"]) == (True, 1, None)
    await seal_pass(runtime.uow, runtime.clock)
    after = (await ada.http.get("/api/audit-log/verify/")).json()
    assert (after["ok"], after["checked"], after["waiting"]) == (True, before["checked"] + 1, 0)
    assert after["head_seq"] == before["head_seq"] + 1
    await AuditRecord.get_pymongo_collection().update_one({"_id": record}, {"$set": {"summary": "Nothing."}})
    found = (await ada.http.get("/api/audit-log/verify/")).json()
    assert found["ok"] is False
    assert (found["first_failure"]["fault"], found["first_failure"]["record_id"]) == ("altered", record)


async def test_lists_are_read_by_an_index(runtime: Runtime) -> None:
    for n in range(60):
        await write(runtime, f"org_{n % 3}", "wallet.renamed", day=n, actor_id=f"usr_{n}", subject=("wallet", f"wal_{n}"))
    rows = AuditRecord.get_pymongo_collection()
    for where in ({}, {"actor_id": "usr_3"}, {"subject_kind": "wallet", "subject_id": "wal_3"}, {"request_id": "r"}, {"ip": "1.2.3.4"}):
        cursor = rows.find({"org_id": "org_0", **where}).sort([("created_at", -1), ("_id", -1)]).limit(50)
        plan = str((await cursor.explain())["queryPlanner"]["winningPlan"])
        assert "COLLSCAN" not in plan, where
        assert "IXSCAN" in plan, where


async def test_a_stranger_sees_nothing(client: httpx.AsyncClient) -> None:
    for path in ("", "export/", "verify/", "aud_1/"):
        assert (await client.get(f"/api/audit-log/{path}")).status_code == 401
