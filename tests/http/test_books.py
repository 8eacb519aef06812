"""The books over HTTP."""

import asyncio
import io
from typing import Any

import httpx
import pytest

from crypto_api.flows.seal_entries import seal_entries
from crypto_api.ledger import verify as offline
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.http.conftest import Join, Person

RENT: dict[str, Any] = {
    "date": "2026-11-20",
    "description": "Office rent",
    "line_items": [
        {"account_code": "5300", "debit_amount": "1200.50", "credit_amount": "0"},
        {"account_code": "2100", "debit_amount": "0", "credit_amount": "1200.50"},
    ],
}


@pytest.fixture
async def ada(join: Join) -> Person:
    return await join("ada", founds="Byron Treasury")


async def drafted(person: Person, **changes: Any) -> dict[str, Any]:
    answer = await person.http.post("/api/journal-entries/", json=RENT | changes)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def posted(person: Person, **changes: Any) -> dict[str, Any]:
    entry = await drafted(person, **changes)
    answer = await person.http.post(f"/api/journal-entries/{entry['id']}/post/")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def totals(person: Person, at: str = "") -> dict[str, tuple[str, str]]:
    answer = (await person.http.get("/api/ledger/trial-balance/" + (f"?at={at}" if at else ""))).json()
    assert answer["balanced"] is True
    return {row["account_code"]: (row["debit"], row["credit"]) for row in answer["accounts"]}


async def test_a_new_organisation_has_the_default_chart(ada: Person) -> None:
    answer = await ada.http.get("/api/accounts/?limit=200")
    codes = [row["code"] for row in answer.json()["items"]]
    assert codes == sorted(codes) and {"1100", "1900", "3100", "4100", "5100"} <= set(codes)


async def test_an_entry_is_drafted_edited_posted_and_reversed(ada: Person) -> None:
    entry = await drafted(ada)
    assert (entry["status"], entry["total_debit"], entry["line_items"][0]["debit_amount"]) == ("draft", "1200.5", "1200.5")
    assert await totals(ada) == {}
    edited = await ada.http.put(f"/api/journal-entries/{entry['id']}/", json=RENT | {"reference": "INV-7"}, headers={"If-Match": '"1"'})
    assert (edited.status_code, edited.json()["reference"], edited.headers["ETag"]) == (200, "INV-7", '"2"')
    stale = await ada.http.put(f"/api/journal-entries/{entry['id']}/", json=RENT, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    done = await ada.http.post(f"/api/journal-entries/{entry['id']}/post/")
    assert done.json()["status"] == "posted"
    assert await totals(ada) == {"2100": ("0", "1200.5"), "5300": ("1200.5", "0")}
    again = await ada.http.put(f"/api/journal-entries/{entry['id']}/", json=RENT)
    assert (again.status_code, again.json()["code"]) == (409, "not_a_draft")
    mirror = await ada.http.post(f"/api/journal-entries/{entry['id']}/reverse/", json={"reason": "Booked twice", "date": "2026-11-21"})
    assert (mirror.status_code, mirror.json()["reverses"], mirror.json()["date"]) == (201, entry["id"], "2026-11-21")
    assert await totals(ada) == {"2100": ("1200.5", "1200.5"), "5300": ("1200.5", "1200.5")}
    assert await totals(ada, "2026-11-20") == {"2100": ("0", "1200.5"), "5300": ("1200.5", "0")}
    verified = (await ada.http.get("/api/ledger/verify/")).json()
    assert verified == {
        "ok": True,
        "checked": {
            "entries": 2,
            "lines": 4,
            "balances": 2,
            "seals": 0,
            "waiting": 2,
            "anchors": 0,
            "sums": 0,
            "wallets": 0,
            "quantities": 0,
            "blocks": {},
            "lot_events": 0,
            "lots": 0,
            "lot_checkpoints": 0,
        },
        "first_failure": None,
        "head": f"0:{'0' * 64}",
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"line_items": [RENT["line_items"][0], RENT["line_items"][1] | {"credit_amount": "1200.49"}]}, "line_items"),
        ({"line_items": [RENT["line_items"][0]]}, "line_items"),
        ({"line_items": [RENT["line_items"][0] | {"debit_amount": 1200.5}, RENT["line_items"][1]]}, "line_items.0.debit_amount"),
        ({"line_items": [RENT["line_items"][0] | {"debit_amount": "-1"}, RENT["line_items"][1]]}, "line_items.0.debit_amount"),
        ({"line_items": [RENT["line_items"][0] | {"debit_amount": "NaN"}, RENT["line_items"][1]]}, "line_items.0.debit_amount"),
        ({"line_items": [RENT["line_items"][0] | {"debit_amount": "1e3"}, RENT["line_items"][1]]}, "line_items.0.debit_amount"),
        ({"line_items": [RENT["line_items"][0] | {"account_code": "9999"}, RENT["line_items"][1]]}, "line_items.0.account_code"),
        ({"line_items": [RENT["line_items"][0] | {"acount": "x"}, RENT["line_items"][1]]}, "line_items.0.acount"),
        ({"date": "20.11.2026"}, "date"),
        ({"date": "2026-02-30"}, "date"),
        ({"transaction_hash": "0x12"}, "transaction_hash"),
    ],
)
async def test_what_is_no_entry_is_refused_by_field(ada: Person, changes: dict[str, Any], field: str) -> None:
    answer = await ada.http.post("/api/journal-entries/", json=RENT | changes)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert (await ada.http.get("/api/journal-entries/?count=true")).json()["total"] == 0


async def test_a_quantity_has_a_sign_and_an_asset(ada: Person) -> None:
    lines = [
        {"account_code": "1100", "credit_amount": "5", "asset": "ETH", "quantity": "-0.000000000000000001"},
        {"account_code": "5900", "debit_amount": "5"},
    ]
    entry = await posted(ada, line_items=lines)
    assert entry["line_items"][0]["quantity"] == "-0.000000000000000001"
    refused = await ada.http.post("/api/journal-entries/", json=RENT | {"line_items": [lines[0] | {"asset": None}, lines[1]]})
    assert refused.status_code == 422


async def test_entries_are_found_and_paged_by_date(ada: Person) -> None:
    for day in range(1, 8):
        await posted(ada, date=f"2026-10-0{day}", description=f"Day {day}")
    await drafted(ada, description="A draft")
    seen, cursor = [], ""
    while True:
        page = (await ada.http.get(f"/api/journal-entries/?limit=3&sort=date&status=posted{cursor}")).json()
        seen += [row["description"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [f"Day {day}" for day in range(1, 8)]
    found = (await ada.http.get("/api/journal-entries/?date_from=2026-10-03&date_to=2026-10-05&account_code=5300")).json()["items"]
    assert [row["date"] for row in found] == ["2026-10-05", "2026-10-04", "2026-10-03"]
    lines = (await ada.http.get("/api/ledger/general-ledger/?account_code=2100&sort=date&limit=2")).json()
    assert [(row["date"], row["credit_amount"]) for row in lines["items"]] == [("2026-10-01", "1200.5"), ("2026-10-02", "1200.5")]


async def test_posting_twice_at_once_counts_once(ada: Person) -> None:
    entry = await drafted(ada)
    answers = await asyncio.gather(*(ada.http.post(f"/api/journal-entries/{entry['id']}/post/") for _ in range(6)))
    assert min(answer.status_code for answer in answers) == 200
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert await totals(ada) == {"2100": ("0", "1200.5"), "5300": ("1200.5", "0")}


async def test_the_same_key_writes_one_draft(ada: Person) -> None:
    answers = [await ada.http.post("/api/journal-entries/", json=RENT, headers={"Idempotency-Key": "rent-11"}) for _ in range(2)]
    assert answers[0].json()["id"] == answers[1].json()["id"] and answers[1].headers["Idempotency-Replayed"] == "true"
    assert (await ada.http.get("/api/journal-entries/?count=true")).json()["total"] == 1


async def test_two_times_running_balances_and_seals_over_http(ada: Person, runtime: Runtime) -> None:
    first = await posted(ada, date="2026-10-05", description="First")
    known = (await ada.http.get(f"/api/journal-entries/{first['id']}/")).json()["posted_at"]
    late = await posted(ada, date="2026-10-01", description="Late")
    assert late["posted_at"] > known
    assert await totals(ada, f"2026-10-05&known_at={known}") == {"2100": ("0", "1200.5"), "5300": ("1200.5", "0")}
    assert await totals(ada, "2026-10-05") == {"2100": ("0", "2401"), "5300": ("2401", "0")}
    assert await totals(ada, f"2026-10-04&known_at={known}") == {}
    answer = (await ada.http.get("/api/ledger/general-ledger/?account_code=2100&date_from=2026-10-02")).json()
    assert (answer["opening_balance"], answer["closing_balance"], [row["balance"] for row in answer["items"]]) == ("-1200.5", "-2401", ["-2401"])
    assert (await ada.http.get("/api/ledger/trial-balance/?known_at=yesterday")).status_code == 422
    assert (await ada.http.get("/api/ledger/seals/")).json() == {
        "seq": 0,
        "hash": "0" * 64,
        "sealed_at": None,
        "waiting": 2,
        "calldata": None,
        "anchor": None,
    }
    await seal_entries(runtime.uow, runtime.clock)
    head = (await ada.http.get("/api/ledger/seals/")).json()
    assert (head["seq"], head["waiting"]) == (2, 0) and head == (await ada.http.get("/api/ledger/trial-balance/")).json()["seal"]
    assert (await ada.http.get(f"/api/journal-entries/{late['id']}/")).json()["seal_seq"] == 2
    assert await totals(ada, f"2026-10-05&known_at={known}") == {"2100": ("0", "1200.5"), "5300": ("1200.5", "0")}
    verified = (await ada.http.get(f"/api/ledger/verify/?head=2:{head['hash']}")).json()
    assert (verified["ok"], verified["checked"]["seals"], verified["head"]) == (True, 2, f"2:{head['hash']}")
    assert (await ada.http.get(f"/api/ledger/verify/?head=2:{'0' * 64}")).json()["first_failure"]["check"] == "seal"
    assert (await ada.http.get("/api/ledger/verify/?head=two")).status_code == 422
    file = await ada.http.get("/api/ledger/seals/export/")
    assert file.headers["content-type"] == "application/x-ndjson"
    assert offline.verify(io.StringIO(file.text)).hash == head["hash"]
    assert (await ada.http.get("/api/audit-log/?action=journal.exported")).json()["items"][0]["after"]["seq"] == 2


async def test_a_month_is_closed_and_reopened_over_http(ada: Person, join: Join, runtime: Runtime) -> None:
    entry = await drafted(ada, date="2026-10-05")
    url = "/api/ledger/periods/2026-10/"
    refused = await ada.http.post(f"{url}close/")
    assert (refused.status_code, refused.json()["code"]) == (409, "period_not_ready")
    assert [error["field"] for error in refused.json()["errors"]] == ["drafts"] and "Office rent" in refused.json()["detail"]
    await ada.http.post(f"/api/journal-entries/{entry['id']}/post/")
    assert (await ada.http.get(url)).json()["ready"] is False  # no seal yet
    await seal_entries(runtime.uow, runtime.clock)
    assert (await ada.http.get(url)).json()["ready"] is True
    assert (await ada.http.get(f"{url}certificate/")).status_code == 404
    certificate = (await ada.http.post(f"{url}close/")).json()
    assert (certificate["closed_through"], certificate["entries"], certificate["totals"][0]["credit"]) == ("2026-10-31", 1, "1200.5")
    assert (await ada.http.get(f"{url}certificate/")).json() == certificate
    assert certificate["seal"].startswith("1:") and len(certificate["digest"]) == 64
    late = await ada.http.post("/api/journal-entries/", json=RENT | {"date": "2026-10-31"})
    assert (late.status_code, late.json()["code"]) == (409, "period_closed")
    back = await ada.http.post(f"/api/journal-entries/{entry['id']}/reverse/", json={"reason": "Twice", "date": "2026-10-31"})
    assert back.json()["code"] == "period_closed"
    months = (await ada.http.get("/api/ledger/periods/")).json()["items"]
    assert [row["status"] for row in months if row["period"] == "2026-10"] == ["closed"] and months[0]["status"] == "open"
    assert (await ada.http.post(f"{url}reopen/", json={"reason": "Late invoice"})).json()["reopened_reason"] == "Late invoice"
    assert (await ada.http.post(f"{url}reopen/", json={"reason": "Again"})).json()["code"] == "period_not_closed"
    assert (await ada.http.post("/api/journal-entries/", json=RENT | {"date": "2026-10-31"})).status_code == 201
    for name in ("2026-13", "2026", "october", "1999-01", "2026-1", "2026-10-01"):
        assert (await ada.http.get(f"/api/ledger/periods/{name}/")).status_code == 404


# ---- approval --------------------------------------------------------------------------------------------------------------------


async def asks_for_approval(person: Person) -> None:
    answer = await person.http.put(f"/api/organizations/{person.org_id}/", json={"entry_approval": True})
    assert (answer.status_code, answer.json()["entry_approval"]) == (200, True)


async def test_nobody_posts_by_hand_what_nobody_else_approved(ada: Person, join: Join) -> None:
    await asks_for_approval(ada)
    ben = await join("ben", org_id=ada.org_id, role=Role.ACCOUNTANT)
    cleo = await join("cleo", org_id=ada.org_id, role=Role.APPROVER)
    url = f"/api/journal-entries/{(await drafted(ben))['id']}/"
    early = await ben.http.post(f"{url}post/")
    assert (early.status_code, early.json()["code"]) == (403, "approval_required")
    assert (await ben.http.post(f"{url}approve/")).json()["code"] == "permission_denied"
    approved = await cleo.http.post(f"{url}approve/", headers={"If-Match": '"1"'})
    assert (approved.status_code, approved.json()["approved_by"], approved.json()["status"]) == (200, cleo.user["id"], "draft")
    assert (await cleo.http.post(f"{url}approve/")).json()["approved_by"] == cleo.user["id"]
    assert [row["id"] for row in (await ben.http.get("/api/journal-entries/?approved=true")).json()["items"]] == [approved.json()["id"]]
    edited = await ben.http.put(url, json=RENT | {"reference": "changed after the approval"})
    assert (edited.json()["approved_by"], edited.json()["approved_at"]) == (None, None)
    assert (await ben.http.post(f"{url}post/")).json()["code"] == "approval_required"
    assert await totals(ada) == {}
    await cleo.http.post(f"{url}approve/")
    done = await ben.http.post(f"{url}post/")
    assert (done.json()["status"], done.json()["approved_by"]) == ("posted", cleo.user["id"])
    assert (await cleo.http.post(f"{url}approve/")).json()["code"] == "not_a_draft"
    assert await totals(ada) == {"2100": ("0", "1200.5"), "5300": ("1200.5", "0")}


async def test_whoever_wrote_or_edited_it_does_not_approve_it(ada: Person, join: Join) -> None:
    await asks_for_approval(ada)
    eve = await join("eve", org_id=ada.org_id, role=Role.ADMIN)
    url = f"/api/journal-entries/{(await drafted(ada))['id']}/"
    assert (await ada.http.post(f"{url}approve/")).json()["code"] == "own_entry"
    await eve.http.put(url, json=RENT | {"description": "Rent, as eve has it"})
    refused = await eve.http.post(f"{url}approve/")
    assert (refused.status_code, refused.json()["code"]) == (403, "own_entry")
    assert (await ada.http.post(f"{url}approve/")).json()["code"] == "own_entry"
    assert (await ada.http.get(url)).json()["approved_by"] is None


async def test_a_reversal_by_hand_waits_for_approval_too(ada: Person, join: Join) -> None:
    entry = await posted(ada)
    await asks_for_approval(ada)
    eve = await join("eve", org_id=ada.org_id, role=Role.ADMIN)
    mirror = (await ada.http.post(f"/api/journal-entries/{entry['id']}/reverse/", json={"reason": "Twice"})).json()
    assert (mirror["status"], mirror["reverses"], mirror["line_items"][0]["credit_amount"]) == ("draft", entry["id"], "1200.5")
    again = (await ada.http.post(f"/api/journal-entries/{entry['id']}/reverse/", json={"reason": "Twice"})).json()
    assert again["id"] == mirror["id"]
    url = f"/api/journal-entries/{mirror['id']}/"
    assert (await ada.http.put(url, json=RENT)).json()["code"] == "reversal_is_fixed"
    assert (await ada.http.post(f"{url}post/")).json()["code"] == "approval_required"
    assert (await ada.http.get(f"/api/journal-entries/{entry['id']}/")).json()["status"] == "posted"
    assert (await eve.http.post(f"{url}approve/")).status_code == 200
    assert (await ada.http.post(f"{url}post/")).json()["status"] == "posted"
    reversed_entry = (await ada.http.get(f"/api/journal-entries/{entry['id']}/")).json()
    assert (reversed_entry["status"], reversed_entry["reversed_by"]) == ("reversed", mirror["id"])
    assert await totals(ada) == {"2100": ("1200.5", "1200.5"), "5300": ("1200.5", "1200.5")}
    assert (await ada.http.post(f"/api/journal-entries/{entry['id']}/reverse/", json={"reason": "Again"})).json()["code"] == "not_posted"
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True


async def test_a_draft_can_be_deleted_and_a_posted_entry_never(ada: Person) -> None:
    draft, entry = await drafted(ada), await posted(ada)
    assert (await ada.http.delete(f"/api/journal-entries/{draft['id']}/", headers={"If-Match": '"7"'})).status_code == 412
    assert (await ada.http.delete(f"/api/journal-entries/{draft['id']}/")).status_code == 204
    assert (await ada.http.get(f"/api/journal-entries/{draft['id']}/")).status_code == 404
    refused = await ada.http.delete(f"/api/journal-entries/{entry['id']}/")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_a_draft")
    record = (await ada.http.get(f"/api/audit-log/?action=journal_entry.discarded&subject_id={draft['id']}")).json()["items"][0]
    assert record["before"]["lines"][0]["debit"] == "1200.50" and record["after"] is None


# ---- accounts --------------------------------------------------------------------------------------------------------------------


async def test_accounts_are_made_changed_and_taken_away(ada: Person) -> None:
    made = await ada.http.post("/api/accounts/", json={"code": "4500", "name": "Grants", "account_type": "income", "parent_code": "4000"})
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    url = f"/api/accounts/{made.json()['id']}/"
    twice = await ada.http.post("/api/accounts/", json={"code": "4500", "name": "Grants", "account_type": "income"})
    assert (twice.status_code, twice.json()["code"]) == (409, "account_exists")
    changed = await ada.http.put(url, json={"name": "Public grants"})
    assert (changed.json()["name"], changed.json()["parent_code"]) == ("Public grants", "4000")
    lines = [{"account_code": "1000", "debit_amount": "1"}, {"account_code": "4500", "credit_amount": "1"}]
    await posted(ada, line_items=lines)
    kept = await ada.http.delete(url)
    assert (kept.status_code, kept.json()["active"]) == (200, False)
    refused = await ada.http.post("/api/journal-entries/", json=RENT | {"line_items": lines})
    assert refused.status_code == 422
    system = next(row for row in (await ada.http.get("/api/accounts/?q=1900")).json()["items"])
    assert (await ada.http.delete(f"/api/accounts/{system['id']}/")).status_code == 409
    empty = (await ada.http.post("/api/accounts/", json={"code": "4600", "name": "Empty", "account_type": "income"})).json()
    assert (await ada.http.delete(f"/api/accounts/{empty['id']}/")).status_code == 204
    assert (await ada.http.get(f"/api/accounts/{empty['id']}/")).status_code == 404


def chart(*rows: str, name: str = "chart.csv") -> dict[str, Any]:
    return {"files": {"file": (name, "\r\n".join(("code,name,type,parent,active", *rows)).encode())}}


async def test_a_chart_goes_out_and_comes_back(ada: Person) -> None:
    out = await ada.http.get("/api/accounts/export/")
    assert out.headers["content-type"].startswith("text/csv") and out.text.splitlines()[:2] == [
        "code,name,type,parent,active",
        "1000,Assets,asset,,true",
    ]
    back = await ada.http.post("/api/accounts/import/", files={"file": ("chart.csv", out.content)})
    assert (back.status_code, back.json()) == (201, {"rows": len(out.text.splitlines()) - 1, "new": 0, "changed": 0, "errors": []})
    body = chart("6000,Grants,income,4000,", "6100,Public grants,income,6000,true", "5300,Suppliers,expense,5000,")
    looked = await ada.http.post("/api/accounts/import/?dry_run=true", **body)
    assert (looked.status_code, looked.json()["new"], looked.json()["changed"]) == (200, 2, 1)
    assert (await ada.http.get("/api/accounts/?q=Grants")).json()["items"] == []
    assert (await ada.http.post("/api/accounts/import/", **body)).status_code == 201
    found = {row["code"]: (row["name"], row["parent_code"]) for row in (await ada.http.get("/api/accounts/?limit=200")).json()["items"]}
    assert (found["6100"], found["5300"]) == (("Public grants", "6000"), ("Suppliers", "5000"))


async def test_a_chart_with_a_fault_changes_nothing(ada: Person) -> None:
    wrong = await ada.http.post("/api/accounts/import/", **chart("6000,Grants,income,,", "6100,Bad,money,,", "5300,S,asset,,"))
    assert wrong.status_code == 422 and [error["field"] for error in wrong.json()["errors"]] == ["3.type", "4.type"]
    circle = await ada.http.post("/api/accounts/import/", **chart("6000,A,income,6100,", "6100,B,income,6000,"))
    assert [error["field"] for error in circle.json()["errors"]] == ["2.parent", "3.parent"]
    assert (await ada.http.get("/api/accounts/?q=6")).json()["items"] == []
    assert (await ada.http.post("/api/accounts/import/", files={"file": ("chart.pdf", b"%PDF")})).status_code == 422


async def test_foreign_books_are_as_absent_ones(ada: Person, join: Join) -> None:
    eve = await join("eve", founds="Other")
    entry = await drafted(ada)
    foreign, absent = [await eve.http.get(f"/api/journal-entries/{name}/") for name in (entry["id"], "je_nothing")]
    strip = {"request_id"}
    assert foreign.status_code == absent.status_code == 404
    assert {k: v for k, v in foreign.json().items() if k not in strip} == {k: v for k, v in absent.json().items() if k not in strip}
    for request in (
        eve.http.put(f"/api/journal-entries/{entry['id']}/", json=RENT),
        eve.http.post(f"/api/journal-entries/{entry['id']}/post/"),
        eve.http.post(f"/api/journal-entries/{entry['id']}/reverse/", json={"reason": "x"}),
    ):
        assert (await request).status_code == 404
    account = (await ada.http.get("/api/accounts/?q=1900")).json()["items"][0]
    assert (await eve.http.delete(f"/api/accounts/{account['id']}/")).status_code == 404


async def test_an_auditor_reads_and_writes_nothing(ada: Person, join: Join) -> None:
    bob = await join("bob", org_id=ada.org_id, role=Role.AUDITOR)
    assert (await bob.http.get("/api/ledger/trial-balance/")).status_code == 200
    writes: list[tuple[str, dict[str, Any]]] = [
        ("/api/journal-entries/", RENT),
        ("/api/accounts/", {"code": "4500", "name": "x", "account_type": "income"}),
        ("/api/exchange-rates/", {"asset": "ETH", "quote": "USD", "at": "2026-01-01T00:00:00Z", "rate": "1"}),
    ]
    for path, body in writes:
        answer = await bob.http.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


# ---- rates -----------------------------------------------------------------------------------------------------------------------


async def enter(http: httpx.AsyncClient, rate: str, at: str = "2026-01-01T00:00:00Z", asset: str = "ETH") -> httpx.Response:
    return await http.post("/api/exchange-rates/", json={"asset": asset, "quote": "USD", "at": at, "rate": rate, "reason": "agreed"})


async def test_a_price_by_hand_is_in_force_from_its_time_on(ada: Person) -> None:
    assert (await enter(ada.http, "3000")).status_code == 201
    await enter(ada.http, "4000.000000000000000001", "2026-06-01T00:00:00+02:00")
    then = (await ada.http.get("/api/exchange-rates/?base=ETH&quote=USD&at=2026-05-31T21:59:59Z")).json()
    after = (await ada.http.get("/api/exchange-rates/?base=ETH&quote=USD&at=2026-05-31T22:00:00Z")).json()
    assert then == {
        "base": "ETH",
        "quote": "USD",
        "rate": "3000",
        "source": "manual",
        "at": "2026-01-01T00:00:00.000Z",
        "age_s": 13_039_199,
        "origin": "entered by hand for ETH in USD",
    }
    assert (after["rate"], after["at"]) == ("4000.000000000000000001", "2026-05-31T22:00:00.000Z")
    before = await ada.http.get("/api/exchange-rates/?base=ETH&quote=USD&at=2025-12-31T23:59:59Z")
    assert (before.status_code, before.json()["code"]) == (404, "no_price")


async def test_a_rate_the_other_way_and_across(ada: Person) -> None:
    await enter(ada.http, "4000")
    await enter(ada.http, "2", asset="DAI")
    other_way = (await ada.http.get("/api/exchange-rates/?base=USD&quote=ETH")).json()
    assert (other_way["rate"], other_way["source"]) == ("0.00025", "derived")
    across = await ada.http.post("/api/exchange-rates/convert/", json={"base": "ETH", "quote": "DAI", "amount": "0.5"})
    assert (across.json()["rate"], across.json()["result"]) == ("2000", "1000")


async def test_prices_of_one_organisation_are_not_anothers(ada: Person, join: Join) -> None:
    eve = await join("eve", founds="Other")
    await enter(ada.http, "4000")
    assert (await eve.http.get("/api/exchange-rates/?base=ETH&quote=USD")).status_code == 404


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "1e3", 3000, "1_000"])
async def test_what_is_no_price_is_refused(ada: Person, rate: Any) -> None:
    assert (await enter(ada.http, rate)).status_code == 422


@pytest.mark.parametrize(
    "query", ["base=ETH", "base=ETH&quote=USD&at=yesterday", "base=ETH&quote=USD&at=2026-01-01", "base=$ne&quote=USD", "base=E|T&quote=USD"]
)
async def test_what_is_no_question_is_refused(ada: Person, query: str) -> None:
    assert (await ada.http.get(f"/api/exchange-rates/?{query}")).status_code == 422


async def test_an_empty_portfolio_is_worth_nothing(ada: Person) -> None:
    answer = (await ada.http.get("/api/exchange-rates/portfolio-value/")).json()
    assert (answer["total"], answer["positions"], answer["unpriced"], answer["currency"]) == ("0", [], 0, "USD")
