"""Invoices over HTTP, from the draft to the books."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import httpx
import pytest
from pypdf import PdfReader

from crypto_api.bootstrap import open_runtime
from crypto_api.clients.documents import Client
from crypto_api.flows.mark_overdue import mark_overdue
from crypto_api.invoices.documents import Invoice, InvoicePayment
from crypto_api.ledger.documents import JournalEntry
from crypto_api.runtime import Runtime
from tests.adapters.test_image_reader import picture
from tests.factories.clock import MovableClock
from tests.http.conftest import PASSWORD, Join, Person
from tests.http.organization_calls import code_of, records, told
from tests.http.test_clients import client_of

PATH = "/api/invoices/"
WORK: dict[str, Any] = {"description": "Analysis of the engine", "quantity": "2.5", "unit_price": "120.00"}


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def runtime(make_config: Any, networks: list[dict[str, object]], clock: MovableClock) -> Any:
    async with open_runtime(make_config(networks), clock=clock) as opened:
        yield opened


def at(row: dict[str, Any], deed: str = "") -> str:
    return f"{PATH}{row['id']}/" + (f"{deed}/" if deed else "")


async def post(person: Person, path: str, body: dict[str, Any] | None = None, code: int = 201) -> dict[str, Any]:
    answer = await person.http.post(path, json=body or {})
    assert answer.status_code == code, answer.text
    row: dict[str, Any] = answer.json()
    return row


async def draft(person: Person, **fields: Any) -> dict[str, Any]:
    named = {} if "client_id" in fields else {"client_name": "Engines", "client_email": "billing@engines.example"}
    return await post(person, PATH, named | {"items": [WORK], "tax_rate": "19", "currency": "USD"} | fields)


async def sent(person: Person, **fields: Any) -> dict[str, Any]:
    return await post(person, at(await draft(person, **fields), "send"), code=200)


async def balances(person: Person) -> dict[str, Decimal]:
    """Debit less credit by account; accounts at zero left out."""
    rows = (await person.http.get("/api/ledger/trial-balance/")).json()["accounts"]
    found = {row["account_code"]: Decimal(row["debit"]) - Decimal(row["credit"]) for row in rows}
    return {code: value for code, value in found.items() if value}


def dec(**values: str) -> dict[str, Decimal]:
    return {code.removeprefix("a"): Decimal(value) for code, value in values.items()}


async def test_from_a_draft_to_paid_with_the_books_beside_it(join: Join, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    client = await client_of(ada, currency=None)
    row = await draft(ada, client_id=client["id"], reference="PO 4711")
    assert (row["status"], row["invoice_number"], row["due_date"], row["journal_entry_id"]) == ("DRAFT", None, None, None)
    assert (row["subtotal"], row["tax_amount"], row["total_amount"], row["due_amount"]) == ("300.00", "57.00", "357.00", "357.00")
    assert await balances(ada) == {}
    changed = await ada.http.put(at(row), json={"items": [WORK, {"description": "Travel", "unit_price": "43.10", "tax_rate": "7"}], "tax_rate": "19"})
    assert (changed.json()["total_amount"], changed.headers["etag"]) == ("403.12", '"2"'), changed.text
    issued = await ada.http.post(at(row, "send"), json={})
    now = issued.json()
    assert (issued.status_code, now["status"], now["invoice_number"]) == (200, "SENT", f"INV-{clock.now().year}-00001"), issued.text
    assert (now["buyer"]["tax_id"], now["buyer"]["city"], now["seller"]["name"]) == ("DE136695976", "Berlin", "Byron Treasury")
    assert now["due_date"] > now["issue_date"]
    assert await balances(ada) == dec(a1200="403.12", a4100="-343.10", a2300="-60.02")
    for method, path, body in (("PUT", at(row), {"note": "x"}), ("DELETE", at(row), None), ("POST", at(row, "send"), {})):
        assert code_of(await ada.http.request(method, path, json=body)) == (409, "invoice_issued")
    pay = {"amount": "100.00", "reference": "RF18"}
    assert code_of(await ada.http.post(at(row, "payments"), json=pay | {"amount": "403.13"})) == (409, "more_than_due")
    assert code_of(await ada.http.post(at(row, "payments"), json=pay | {"amount": "1.001"})) == (422, "invalid_input")
    assert code_of(await ada.http.post(at(row, "payments"), json=pay | {"account_code": "4100"})) == (422, "invalid_input")
    first = await post(ada, at(row, "payments"), pay)
    assert (first["amount"], first["settled_amount"], first["received_amount"], first["account_code"]) == ("100.00", *["100.00000000"] * 2, "1010")
    part = (await ada.http.get(at(row))).json()
    assert (part["status"], part["paid_amount"], part["due_amount"]) == ("PARTIAL", "100.00", "303.12")
    assert code_of(await ada.http.put(at(row, "status"), json={"status": "CANCELLED"})) == (409, "status_cannot_follow")
    await post(ada, at(row, "payments"), {"amount": "303.12", "method": "card"})
    done = (await ada.http.get(at(row))).json()
    assert (done["status"], done["due_amount"], done["flags"]) == ("PAID", "0.00", [])
    assert code_of(await ada.http.post(at(row, "payments"), json={"amount": "0.01"})) == (409, "more_than_due")
    assert await balances(ada) == dec(a1010="403.12", a4100="-343.10", a2300="-60.02")
    assert [entry["amount"] for entry in (await ada.http.get(at(row, "payments"))).json()["items"]] == ["100.00", "303.12"]
    kinds = [kind for kind in await told(ada.org_id) if kind.startswith("invoice.")]
    assert kinds == ["invoice.drafted", "invoice.edited", "invoice.sent", *["invoice.payment_received"] * 2, "invoice.paid"]
    assert [record.action for record in await records(ada.org_id, "invoice.")] == kinds[:-1]


async def test_numbers_have_no_gap_whoever_sends_at_the_same_moment(join: Join, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    drafts = [await draft(ada) for _ in range(6)]
    assert (await ada.http.delete(at(drafts[2]))).status_code == 204
    refused = await draft(ada, currency="JPY", items=[{"description": "x", "unit_price": "10"}])
    assert code_of(await ada.http.post(at(refused, "send"), json={})) == (409, "no_rate")
    rest = [row for row in drafts if row is not drafts[2]]
    answers = await asyncio.gather(*(ada.http.post(at(row, "send"), json={}) for row in [*rest, rest[0]]))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [409]
    year = clock.now().year
    assert sorted(row.number for row in await Invoice.find({"org_id": ada.org_id, "status": "SENT"}).to_list()) == [
        f"INV-{year}-{number:05}" for number in range(1, 6)
    ]
    assert await JournalEntry.find({"org_id": ada.org_id, "source_kind": "invoice"}).count() == 5
    patterns = {"number_patterns": {"invoice": "{year}/{number}"}}
    assert (await ada.http.put(f"{PATH}settings/", json={"number_patterns": {"invoice": "INV"}})).json()["errors"][0]["code"] == "invalid_pattern"
    assert (await ada.http.put(f"{PATH}settings/", json=patterns)).status_code == 200
    assert (await sent(ada))["invoice_number"] == f"{year}/1"
    eve = await join("eve", founds="Elsewhere")
    assert (await sent(eve))["invoice_number"] == f"INV-{year}-00001"
    clock.forward(days=400)
    again = (await ada.http.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})).json()
    ada.http.headers["Authorization"] = f"Bearer {again['access']}"
    assert (await sent(ada))["invoice_number"] == f"{clock.now().year}/1"


async def test_credit_notes_take_back_and_cancellation_ends(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    row = await sent(ada)
    item = {"description": "Half an hour", "quantity": "0.5", "unit_price": "120.00", "tax_rate": "19"}
    note = await post(ada, at(row, "credit-notes"), {"items": [item]})
    assert (note["kind"], note["status"], note["invoice_id"], note["total_amount"]) == ("credit_note", "DRAFT", row["id"], "71.40")
    assert (await balances(ada))["1200"] == Decimal("357.00"), "a draft takes nothing back"
    issued = await post(ada, at(note, "send"), code=200)
    assert issued["invoice_number"].startswith("CN-") and issued["invoice_number"].endswith("-00001")
    now = (await ada.http.get(at(row))).json()
    assert (now["status"], now["credited_amount"], now["due_amount"], now["flags"]) == ("PARTIAL", "71.40", "285.60", ["credited"])
    assert await balances(ada) == dec(a1200="285.60", a4100="-240.00", a2300="-45.60")
    assert code_of(await ada.http.put(at(issued, "status"), json={"status": "CANCELLED"})) == (409, "status_cannot_follow")
    assert code_of(await ada.http.post(at(row, "credit-notes"), json={})) == (409, "more_than_due")
    await post(ada, at(row, "payments"), {"amount": "285.60"})
    assert (await balances(ada)).get("1200") is None

    other = await sent(ada)
    for status, code in (("PAID", 409), ("OVERDUE", 409), ("PARTIAL", 409), ("DRAFT", 409), ("SENT", 409)):
        assert (await ada.http.put(at(other, "status"), json={"status": status})).status_code == code
    gone = await ada.http.put(at(other, "status"), json={"status": "CANCELLED"})
    assert (gone.json()["status"], gone.json()["due_amount"], gone.json()["invoice_number"]) == ("CANCELLED", "0.00", other["invoice_number"])
    assert (await balances(ada)).get("1200") is None
    assert code_of(await ada.http.post(at(other, "payments"), json={"amount": "1"})) == (409, "more_than_due")
    unsent = await draft(ada)
    assert (await ada.http.put(at(unsent, "status"), json={"status": "CANCELLED"})).json()["invoice_number"] is None
    assert (await sent(ada))["invoice_number"].endswith("-00003"), "the number of the cancelled one stays taken"


async def test_another_currency_is_booked_at_its_rate_and_what_it_gained_or_lost_is_realised(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    row = await draft(ada, currency="EUR", items=[{"description": "x", "unit_price": "100.00"}], tax_rate="19")
    row = await post(ada, at(row, "send"), {"rate": "1.1"}, code=200)
    assert (row["exchange_rate"], row["exchange_rate_source"]) == ("1.1", "entered by hand")
    assert await balances(ada) == dec(a1200="130.9", a4100="-110", a2300="-20.9")
    await post(ada, at(row, "payments"), {"amount": "33.33", "rate": "1.2"})
    assert await balances(ada) == dec(a1010="39.996", a1200="94.237", a4100="-110", a2300="-20.9", a4400="-3.333")
    assert code_of(await ada.http.post(at(row, "payments"), json={"amount": "1"})) == (409, "no_rate")
    await post(ada, at(row, "payments"), {"amount": "85.67", "rate": "1"})
    assert await balances(ada) == dec(a1010="125.666", a4100="-110", a2300="-20.9", a4400="-3.333", a5400="8.567")
    ether = await draft(ada, currency="ETH", items=[{"description": "x", "unit_price": "0.000000000000000003"}], tax_rate="19")
    assert ether["total_amount"] == "0.000000000000000004"
    yen = await draft(ada, currency="JPY", items=[{"description": "x", "quantity": "0.5", "unit_price": "333"}], tax_rate="10")
    assert (yen["subtotal"], yen["tax_amount"], yen["total_amount"]) == ("167", "17", "184")


async def test_a_quote_becomes_one_invoice(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    quote = await draft(ada, kind="quote")
    assert code_of(await ada.http.post(at(quote, "invoice"), json={})) == (409, "invoice_not_issued")
    quote = await post(ada, at(quote, "send"), code=200)
    assert quote["invoice_number"].startswith("Q-") and await balances(ada) == {}
    first, again = await post(ada, at(quote, "invoice")), await post(ada, at(quote, "invoice"))
    assert (first["id"], first["kind"], first["status"], first["quote_id"]) == (again["id"], "invoice", "DRAFT", quote["id"])
    assert first["total_amount"] == quote["total_amount"]
    assert code_of(await ada.http.post(at(quote, "payments"), json={"amount": "1"})) == (409, "wrong_kind")
    assert code_of(await ada.http.post(at(quote, "credit-notes"), json={})) == (409, "wrong_kind")


async def test_an_invoice_of_another_organisation_is_none(join: Join) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    invoice = await draft(ada)
    foreign, absent = await eve.http.get(at(invoice)), await eve.http.get(at({"id": "inv_absent"}))
    told, none = ({name: value for name, value in answer.json().items() if name != "request_id"} for answer in (foreign, absent))
    assert foreign.status_code == 404 and told == none
    assert (await ada.http.get(at(invoice))).json()["id"] == invoice["id"]


async def test_who_is_written_to_and_bodies_that_are_refused(join: Join) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    first, second = await draft(ada), await draft(ada, client_name=" engines ")
    assert first["client_id"] == second["client_id"] and await Client.find({"org_id": ada.org_id}).count() == 1
    assert (await draft(ada, client_email="other@engines.example"))["client_id"] != first["client_id"]
    foreign = await client_of(eve)
    ok = {"client_id": first["client_id"], "items": [WORK], "currency": "USD"}
    assert (await ada.http.post(PATH, json=ok | {"client_id": foreign["id"]})).status_code == 404
    cases: list[tuple[dict[str, Any], str]] = [
        ({"items": []}, "items"),
        ({"items": [WORK | {"quantity": 2}]}, "items.0.quantity"),
        ({"items": [WORK | {"quantity": "-1"}]}, "items.0.quantity"),
        ({"items": [WORK | {"unit_price": "1e3"}]}, "items.0.unit_price"),
        ({"items": [WORK | {"unit_price": "1.005"}]}, "items.0.unit_price"),
        ({"items": [WORK | {"discount": "300.01"}]}, "items.0.discount"),
        ({"items": [WORK | {"tax_rate": "101"}]}, "items.0.tax_rate"),
        ({"items": [WORK | {"tax_rate": "1", "taxes": []}]}, "items.0"),
        ({"items": [WORK | {"taxes": [{"rate": "5", "category": "E"}]}]}, "items.0.taxes.0"),
        ({"discount": "300.01"}, "discount"),
        ({"currency": "XYZ"}, "currency"),
        ({"kind": "credit_note"}, ""),
        ({"client_name": "x"}, ""),
        ({"due_date": "2026-02-30"}, "due_date"),
        ({"totl": "1"}, "totl"),
    ]
    for fields, field in cases:
        answer = await ada.http.post(PATH, json=ok | fields)
        assert answer.status_code == 422, (fields, answer.text)
        assert any(row["field"].endswith(field) for row in answer.json()["errors"]), (field, answer.text)
    shown = await post(ada, f"{PATH}preview/", ok | {"tax_rate": "19"}, code=200)
    assert (shown["total_amount"], shown["items"][0]["net_amount"]) == ("357.00", "300.00")
    assert await Invoice.find({"org_id": ada.org_id}).count() == 3
    assert (await ada.http.delete(f"/api/clients/{first['client_id']}/")).status_code == 204
    assert code_of(await ada.http.post(PATH, json=ok)) == (409, "client_archived")
    for method, deed, body in (("GET", "", None), ("PUT", "", {"note": "x"}), ("DELETE", "", None), ("POST", "send", {}), ("GET", "payments", None)):
        assert (await eve.http.request(method, at(first, deed), json=body)).status_code == 404


async def test_the_same_key_pays_once_and_a_payment_never_stands_without_its_entry(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    row = await sent(ada)
    body, headers = {"amount": "357.00"}, {"Idempotency-Key": "paid-1"}
    answers = await asyncio.gather(*(ada.http.post(at(row, "payments"), json=body, headers=headers) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4 and len({answer.json()["id"] for answer in answers}) == 1
    others = await asyncio.gather(*(ada.http.post(at(row, "payments"), json=body) for _ in range(3)))
    assert [code_of(answer) for answer in others] == [(409, "more_than_due")] * 3
    (payment,) = await InvoicePayment.find({"org_id": ada.org_id}).to_list()
    (entry,) = await JournalEntry.find({"org_id": ada.org_id, "source_kind": "invoice_payment"}).to_list()
    assert (payment.entry_id, entry.source_id, entry.total_debit) == (entry.id, payment.id, Decimal(357))
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True


async def test_lists(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    one = await sent(ada, due_date="2027-03-01", client_name="Zeta", reference="PO 77")
    two = await draft(ada, client_name="Alpha")
    await draft(ada, kind="quote", client_name="Beta")

    async def ids(**query: str) -> list[str]:
        answer: httpx.Response = await ada.http.get(PATH, params=query)
        assert answer.status_code == 200, answer.text
        return [row["client_name"] for row in answer.json()["items"]]

    assert await ids() == ["Beta", "Alpha", "Zeta"]
    assert await ids(sort="client_name") == ["Alpha", "Beta", "Zeta"]
    assert (await ids(status="SENT"), await ids(q="po 77"), await ids(q=one["invoice_number"])) == (["Zeta"],) * 3
    assert (await ids(kind="quote"), await ids(client_id=two["client_id"])) == (["Beta"], ["Alpha"])
    assert (await ids(due_from="2027-03-01", due_to="2027-03-01"), await ids(due_from="2027-03-02")) == (["Zeta"], [])
    first = (await ada.http.get(PATH, params={"sort": "client_name", "limit": "2"})).json()
    assert await ids(sort="client_name", limit="2", cursor=first["next_cursor"]) == ["Zeta"]
    first = (await ada.http.get(PATH, params={"sort": "due_date", "limit": "2"})).json()
    assert len(await ids(sort="due_date", limit="2", cursor=first["next_cursor"])) == 1


async def test_what_clients_owe_is_the_receivable_account_on_every_day(join: Join, runtime: Runtime, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    first_day = clock.now().date()
    late = await sent(ada, client_name="Late", due_date=str(first_day + timedelta(days=10)))
    part = await draft(ada, client_name="Part", currency="EUR", items=[{"description": "x", "unit_price": "100.00"}], tax_rate="0")
    part = await post(ada, at(part, "send"), {"rate": "1.1"}, code=200)
    gone = await sent(ada, client_name="Gone")

    async def told_on(day: date | None = None) -> dict[str, Any]:
        answer = await ada.http.get(f"{PATH}aging/", params={"at": str(day)} if day else {})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        owed = {row["client_name"]: {bucket: value for bucket, value in row["buckets"].items() if value != "0"} for row in found["clients"]}
        assert (found["total"], found["other"]) == (found["account_balance"], "0")
        return {"total": found["total"], **owed}

    assert await told_on() == {"total": "824", "Late": {"not_due": "357"}, "Part": {"not_due": "110"}, "Gone": {"not_due": "357"}}
    clock.forward(days=2)
    again = (await ada.http.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})).json()
    ada.http.headers["Authorization"] = f"Bearer {again['access']}"
    await post(ada, at(part, "payments"), {"amount": "40.00", "rate": "1.2"})
    assert (await ada.http.put(at(gone, "status"), json={"status": "CANCELLED"})).status_code == 200
    assert await told_on() == {"total": "423", "Late": {"not_due": "357"}, "Part": {"not_due": "66"}}
    assert await told_on(first_day) == {"total": "824", "Late": {"not_due": "357"}, "Part": {"not_due": "110"}, "Gone": {"not_due": "357"}}
    assert await told_on(first_day + timedelta(days=10)) == {"total": "423", "Late": {"not_due": "357"}, "Part": {"not_due": "66"}}
    assert await told_on(first_day + timedelta(days=41)) == {"total": "423", "Late": {"31-60": "357"}, "Part": {"1-30": "66"}}
    assert await told_on(first_day + timedelta(days=400)) == {"total": "423", "Late": {"over_90": "357"}, "Part": {"over_90": "66"}}

    entry = {
        "date": str(clock.now().date()),
        "description": "By hand",
        "line_items": [
            {"account_code": "1200", "debit_amount": "5", "credit_amount": "0"},
            {"account_code": "4100", "debit_amount": "0", "credit_amount": "5"},
        ],
    }
    row = await post(ada, "/api/journal-entries/", entry)
    await post(ada, f"/api/journal-entries/{row['id']}/post/", code=200)
    found = (await ada.http.get(f"{PATH}aging/")).json()
    assert (found["total"], found["account_balance"], found["other"]) == ("423", "428", "5")

    # overdue by the organisation's own clock: the day after the due date there
    await ada.http.put(f"/api/organizations/{ada.org_id}/", json={"time_zone": "Pacific/Kiritimati"})  # 14 hours ahead of UTC
    ends = datetime.combine(first_day + timedelta(days=10), time(10), tzinfo=UTC)  # midnight there
    clock.forward(seconds=int((ends - clock.now()).total_seconds()) - 60)
    assert await mark_overdue(runtime.uow, clock) == 0
    clock.forward(seconds=61)
    assert [await mark_overdue(runtime.uow, clock) for _ in range(2)] == [1, 0]
    stored = await Invoice.find({"org_id": ada.org_id, "status": "OVERDUE"}).to_list()
    assert [row.id for row in stored] == [late["id"]]
    assert (await told(ada.org_id))[-1] == "invoice.overdue"
    again = (await ada.http.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})).json()
    ada.http.headers["Authorization"] = f"Bearer {again['access']}"
    await post(ada, at(late, "payments"), {"amount": "7.00"})
    assert (await ada.http.get(at(late))).json()["status"] == "OVERDUE", "a part of it does not make it less late"
    await post(ada, at(late, "payments"), {"amount": "350.00"})
    paid = (await ada.http.get(at(late))).json()
    assert (paid["status"], paid["flags"]) == ("PAID", ["paid_late"])


async def test_settings_change_what_is_named_and_only_as_they_were_read(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    path = f"{PATH}settings/"
    first = await ada.http.get(path)
    assert (first.headers["ETag"], first.json()["footer"]) == ('"0"', "")
    changes = {"footer": "Thank you", "iban": "DE89370400440532013000", "rounding": {"mode": "half_even", "tax": "per_line"}}
    both = await asyncio.gather(*(ada.http.put(path, json=changes, headers={"If-Match": first.headers["ETag"]}) for _ in range(2)))
    assert sorted(answer.status_code for answer in both) == [200, 412]
    (made,) = [answer for answer in both if answer.status_code == 200]
    assert made.headers["ETag"] == '"1"'
    later = await ada.http.put(path, json={"footer": "With regards"}, headers={"If-Match": made.headers["ETag"]})
    assert (later.status_code, later.headers["ETag"]) == (200, '"2"')
    kept = (await ada.http.get(path)).json()
    assert kept["rounding"] == changes["rounding"]
    assert kept == later.json() == made.json() | {"footer": "With regards"}
    assert code_of(await ada.http.put(path, json={"footer": "x"}, headers={"If-Match": made.headers["ETag"]})) == (412, "precondition_failed")
    assert [(row.before or {}).get("footer") for row in await records(ada.org_id, "invoice_settings.changed")] == [None, "Thank you"]


async def test_templates_colour_and_logo_are_on_the_pdf(join: Join) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    rows = (await ada.http.get(f"{PATH}templates/")).json()["items"]
    assert [(row["id"], row["selected"]) for row in rows] == [("classic", True), ("banner", False)]
    for accent, code in (("#FFD700", "low_contrast"), ("red", "string_pattern_mismatch")):
        answer = await ada.http.put(f"{PATH}settings/", json={"accent": accent})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code), answer.text
    look = {"template": "banner", "accent": "#0B5CAD", "default_note": "Thank you for your trust."}
    assert (await ada.http.put(f"{PATH}settings/", json=look)).status_code == 200
    row = await draft(ada)
    assert row["note"] == look["default_note"] and (await draft(ada, note="Own"))["note"] == "Own"
    assert (await draft(ada, kind="quote"))["note"] == ""
    plain = (await ada.http.get(at(row, "pdf"))).content
    logo = f"{PATH}settings/logo/"
    assert (await ada.http.get(logo)).status_code == 404
    refused = await ada.http.post(logo, files={"file": ("logo.svg", b"<svg/>", "image/svg+xml")})
    assert refused.status_code == 422 and "An SVG is a program" in refused.text
    assert (await ada.http.post(logo, files={"file": ("logo.png", picture("PNG", (300, 100), "RGB"), "image/png")})).status_code == 204
    shown = await ada.http.get(logo)
    assert (shown.headers["content-type"], shown.content[:4]) == ("image/png", b"\x89PNG")
    assert (await eve.http.get(logo)).status_code == 404, "of another organisation"
    with_logo = PdfReader(BytesIO((await ada.http.get(at(row, "pdf"))).content)).pages[0]
    assert len(with_logo.images) == len(PdfReader(BytesIO(plain)).pages[0].images) + 1
    assert ".043137 .360784 .678431 rg" in with_logo.get_contents().get_data().decode("latin-1")
    assert [(await ada.http.delete(logo)).status_code for _ in range(2)] == [204, 404]
    assert len(await records(ada.org_id, "invoice_settings.logo")) == 2
