"""Invoices that recur: each period has exactly one."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from crypto_api.bootstrap import open_runtime
from crypto_api.deliveries.documents import InvoiceDelivery
from crypto_api.desks import receiving_of
from crypto_api.flows.price_at import Prices
from crypto_api.flows.recur_invoices import Rota, make_due
from crypto_api.flows.write_invoice import crypto_currencies
from crypto_api.invoices.documents import Invoice
from crypto_api.receivables.documents import PaymentRequest
from crypto_api.recurring_invoices import store
from crypto_api.runtime import Runtime
from tests.factories.clock import MovableClock
from tests.factories.receiving import XPUB
from tests.http.conftest import ADDRESS, NETWORK, PASSWORD, Join, Person, confirmed
from tests.http.organization_calls import code_of, records, told
from tests.http.test_clients import client_of
from tests.http.test_invoices import WORK, post

PATH = "/api/invoices/recurring/"


@pytest.fixture
def networks() -> list[dict[str, object]]:
    return [NETWORK | {"tokens": [{"symbol": "USDC", "address": ADDRESS, "decimals": 6}]}]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def runtime(make_config: Any, networks: list[dict[str, object]], clock: MovableClock) -> Any:
    async with open_runtime(make_config(networks), clock=clock) as opened:
        yield opened


async def sweep(runtime: Runtime, clock: MovableClock) -> int:
    """As the lane does, by three at the same time, until nothing is due."""
    listed = crypto_currencies(runtime.networks.values())
    rota = Rota(
        runtime.uow,
        clock,
        runtime.queue,
        Prices(runtime.networks, runtime.prices),
        listed,
        receiving_of(runtime),
    )
    made = 0
    while due := await store.due(clock.now(), 100):
        made += sum(await asyncio.gather(*(make_due(rota, *one) for one in due for _ in range(3))))
    return made


async def again(person: Person) -> None:
    answer = (await person.http.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})).json()
    person.http.headers["Authorization"] = f"Bearer {answer['access']}"


async def made_by(person: Person) -> list[Invoice]:
    return await Invoice.find({"org_id": person.org_id}).sort("+_id").to_list()


async def test_every_period_has_exactly_one_invoice_also_after_an_outage(join: Join, runtime: Runtime, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    client, today = await client_of(ada, currency=None), clock.now().date()
    body = {"client_id": client["id"], "items": [WORK | {"description": "Week of {date}"}], "tax_rate": "19", "frequency": "weekly"}
    row = await post(ada, PATH, body | {"start_date": str(today + timedelta(days=1)), "occurrences": 5})
    days = [str(today + timedelta(days=1 + 7 * number)) for number in range(5)]
    assert (row["status"], row["made"], row["total_amount"], row["next_dates"]) == ("active", 0, "357.00", days)
    assert await sweep(runtime, clock) == 0
    clock.forward(days=1)
    assert [await sweep(runtime, clock) for _ in range(2)] == [1, 0]
    clock.forward(days=15)  # two more have passed meanwhile
    assert [await sweep(runtime, clock) for _ in range(2)] == [2, 0]
    drafts = await made_by(ada)
    assert [invoice.items[0].description for invoice in drafts] == [f"Week of {day}" for day in days[:3]]
    assert {str(invoice.status) for invoice in drafts} == {"DRAFT"}
    await again(ada)
    paused = await ada.http.put(f"{PATH}{row['id']}/", json={"paused": True})
    assert (paused.json()["status"], paused.json()["made"]) == ("paused", 3), paused.text
    clock.forward(days=7)
    assert await sweep(runtime, clock) == 0
    await again(ada)
    for change, code in (({"start_date": str(today)}, "recurring_begun"), ({"frequency": "daily"}, "recurring_begun")):
        assert code_of(await ada.http.put(f"{PATH}{row['id']}/", json=change)) == (409, code)
    changed = await ada.http.put(f"{PATH}{row['id']}/", json={"paused": False, "items": [WORK | {"unit_price": "100.00"}], "occurrences": None})
    assert (changed.json()["total_amount"], changed.json()["occurrences"]) == ("250.00", None)
    assert await sweep(runtime, clock) == 1, "what passed while it was paused"
    assert str((await made_by(ada))[-1].total) == "250.00"
    assert (await ada.http.delete(f"{PATH}{row['id']}/")).status_code == 204
    ended = (await ada.http.get(f"{PATH}{row['id']}/")).json()
    assert (ended["status"], ended["next_dates"], ended["made"]) == ("ended", [], 4)
    assert code_of(await ada.http.put(f"{PATH}{row['id']}/", json={"note": "x"})) == (409, "recurring_ended")
    clock.forward(days=60)
    assert await sweep(runtime, clock) == 0 and len(await made_by(ada)) == 4
    assert [kind for kind in await told(ada.org_id) if kind == "recurring_invoice.made"] == ["recurring_invoice.made"] * 4
    assert len(await records(ada.org_id, "recurring_invoice.made")) == 4


async def test_it_sends_at_once_and_says_what_keeps_it(join: Join, runtime: Runtime, clock: MovableClock) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    client, today = await client_of(ada, currency=None), str(clock.now().date())
    body = {"client_id": client["id"], "items": [WORK], "frequency": "monthly", "start_date": today}
    for wrong, field in (
        ({"end_date": "2020-01-01"}, "end_date"),
        ({"interval": 0}, "interval"),
        ({"frequency": "daily", "month_end": True}, ""),
        ({"occurrences": 0}, "occurrences"),
        ({"items": []}, "items"),
        ({"items": [WORK | {"unit_price": "1.001"}]}, "unit_price"),
    ):
        answer = await ada.http.post(PATH, json=body | wrong)
        assert answer.status_code == 422 and any(error["field"].endswith(field) for error in answer.json()["errors"]), (wrong, answer.text)
    assert (await eve.http.post(PATH, json=body)).status_code == 404
    gone = await post(ada, PATH, body | {"start_date": "2030-01-31"})
    assert gone["next_dates"][:3] == ["2030-01-31", "2030-02-28", "2030-03-31"]
    assert (await ada.http.delete(f"{PATH}{gone['id']}/")).status_code == 204
    assert (await ada.http.get(f"{PATH}{gone['id']}/")).status_code == 404

    row = await post(ada, PATH, body | {"mode": "send", "occurrences": 1})
    for method in ("GET", "PUT", "DELETE"):
        assert (await eve.http.request(method, f"{PATH}{row['id']}/", json={"note": "x"} if method == "PUT" else None)).status_code == 404
    assert [await sweep(runtime, clock) for _ in range(2)] == [1, 0]
    (invoice,) = await made_by(ada)
    (letter,) = await InvoiceDelivery.find({"org_id": ada.org_id}).to_list()
    assert (str(invoice.status), invoice.number is not None, letter.invoice_id, letter.letter.to) == ("SENT", True, invoice.id, client["email"])
    assert (await ada.http.get(f"{PATH}{row['id']}/")).json()["status"] == "ended"

    yen = {"currency": "JPY", "items": [{"description": "x", "unit_price": "500"}]}
    stuck = await post(ada, PATH, body | yen | {"mode": "send"})
    assert await sweep(runtime, clock) == 1
    shown = (await ada.http.get(f"{PATH}{stuck['id']}/")).json()
    assert "No source tells a rate of JPY" in shown["problem"] and shown["made"] == 1
    assert await sweep(runtime, clock) == 0, "it waits an hour"
    drafted = (await made_by(ada))[-1]
    by_hand = await ada.http.post(f"/api/invoices/{drafted.id}/send/", json={"rate": "0.0067"})
    assert by_hand.status_code == 200, by_hand.text
    clock.forward(hours=1, seconds=1)
    assert await sweep(runtime, clock) == 0
    await again(ada)
    after = (await ada.http.get(f"{PATH}{stuck['id']}/")).json()
    assert (after["problem"], after["made"], len(await made_by(ada))) == ("", 1, 2), "neither twice nor left behind"
    month = (date.fromisoformat(today).replace(day=1) + timedelta(days=32)).month
    assert date.fromisoformat(after["next_dates"][0]).month == month
    assert "recurring_invoice.stuck" in await told(ada.org_id)


async def test_it_goes_out_with_its_payers_page_as_long_as_there_is_a_place_to_pay_to(join: Join, runtime: Runtime, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    client, today = await client_of(ada, currency=None, email="billing@engines.example"), clock.now().date()
    body = {"client_id": client["id"], "items": [WORK], "frequency": "weekly", "start_date": str(today), "mode": "send"}
    terms = {"crypto_currency": "ETH", "crypto_alternatives": ["USDC"]}
    assert code_of(await ada.http.post(PATH, json=body | terms)) == (409, "no_receiving_address")
    assert (await (await confirmed(ada)).http.put("/api/invoices/receiving/", json={"extended_key": XPUB})).status_code == 200
    for wrong in ({"network": "testnet"}, terms | {"crypto_alternatives": ["ETH"]}, terms | {"crypto_alternatives": ["DOGE"]}):
        assert (await ada.http.post(PATH, json=body | wrong)).status_code == 422, wrong
    row = await post(ada, PATH, body | terms)
    said = {name: row[name] for name in ("crypto_currency", "crypto_alternatives", "network", "receive_wallet_id")}
    assert said == {"crypto_currency": "ETH", "crypto_alternatives": ["USDC"], "network": "testnet", "receive_wallet_id": None}
    assert await sweep(runtime, clock) == 1
    (first,) = await made_by(ada)
    request = await PaymentRequest.find_one({"org_id": ada.org_id, "invoice_id": first.id})
    assert request is not None and request.own and [offer.asset for offer in request.offered] == ["ETH", "USDC"]
    seen = (await ada.http.get(f"/api/invoices/{first.id}/")).json()
    assert (seen["status"], seen["crypto_currency"], seen["crypto_alternatives"]) == ("SENT", "ETH", ["USDC"]) and "/pay/" in seen["pay_url"]
    letter = await InvoiceDelivery.find_one({"org_id": ada.org_id, "invoice_id": first.id})
    assert letter is not None and "{link}" in letter.letter.text
    assert (await ada.http.put("/api/invoices/receiving/", json={"extended_key": ""})).status_code == 200
    clock.forward(days=7)
    assert await sweep(runtime, clock) == 1, "it is drafted, and"
    second = (await made_by(ada))[1]
    await again(ada)
    stuck = (await ada.http.get(f"{PATH}{row['id']}/")).json()
    assert str(second.status) == "DRAFT" and stuck["problem"].startswith("Name a wallet to receive at"), "nobody gets one that they cannot pay"
    plain = await ada.http.put(f"{PATH}{row['id']}/", json={"crypto_currency": None})
    assert (plain.status_code, plain.json()["crypto_currency"], plain.json()["crypto_alternatives"]) == (200, None, [])
