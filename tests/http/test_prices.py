"""Prices over HTTP: lists, import, history, sources, the worklist of the unpriced and alerts."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from typing import Any

import httpx
import pytest

from crypto_api.adapters.price_sources import OutsidePrices
from crypto_api.events.documents import Event
from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.flows.price_at import Prices
from crypto_api.flows.send_due_mail import send_due_mail
from crypto_api.flows.true_up import Desk, true_up
from crypto_api.flows.watch_prices import watch_prices
from crypto_api.identity.documents import DueMail
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.organizations.types import Role
from crypto_api.prices.documents import ManualPrice, PriceGap
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from tests.factories.booking import book_transaction
from tests.http.conftest import Join, Person
from tests.http.world import FIRST, stored_movement, stored_transaction
from workers.jobs import ACTORS
from workers.prices import watch_all

RATES = "/api/exchange-rates/"
D = Decimal


@pytest.fixture
async def ada(join: Join) -> Person:
    return await join("ada", founds="Byron Treasury")


async def enter(http: httpx.AsyncClient, rate: str, at: str = "2026-01-01T00:00:00Z", **changes: str) -> httpx.Response:
    return await http.post(RATES, json={"asset": "ETH", "quote": "USD", "at": at, "rate": rate, "reason": "agreed"} | changes)


async def bring(http: httpx.AsyncClient, text: str, dry_run: bool = False) -> httpx.Response:
    return await http.post(f"{RATES}import/?dry_run={str(dry_run).lower()}", files={"file": ("prices.csv", text.encode(), "text/csv")})


# ---- lists -----------------------------------------------------------------------------------------------------------------------


async def test_prices_by_hand_are_listed_paged_and_narrowed(ada: Person, join: Join) -> None:
    for month in range(1, 6):
        await enter(ada.http, str(3000 + month), f"2026-0{month}-01T00:00:00Z")
    await enter(ada.http, "1.1", asset="EUR")
    eve = await join("eve", founds="Other")
    await enter(eve.http, "666")
    first = (await ada.http.get(f"{RATES}manual/", params={"asset": "ETH", "limit": 3, "count": "true"})).json()
    second = (await ada.http.get(f"{RATES}manual/", params={"asset": "ETH", "limit": 3, "cursor": first["next_cursor"]})).json()
    assert [row["rate"] for row in first["items"] + second["items"]] == ["3005", "3004", "3003", "3002", "3001"]
    assert (first["total"], second["next_cursor"], first["items"][0]["reason"]) == (5, None, "agreed")
    assert len((await ada.http.get(f"{RATES}manual/?sort=-created_at")).json()["items"]) == 6
    assert (await ada.http.get(f"{RATES}manual/?sort=rate")).status_code == 422


async def test_a_table_of_prices_comes_in_whole_or_not_at_all_and_once(ada: Person) -> None:
    good = "asset,quote,at,rate,reason\r\nETH,USD,2026-03-01T10:00:00Z,3000.5,broker\r\nUSD,EUR,2026-03-01T12:00:00+02:00,0.92,\r\n\r\n"
    tried = await bring(ada.http, good, dry_run=True)
    assert (tried.status_code, tried.json()) == (200, {"rows": 2, "new": 2, "unchanged": 0, "errors": []})
    assert await ManualPrice.find({"org_id": ada.org_id}).count() == 0
    assert (await bring(ada.http, good)).json()["new"] == 2
    again = await bring(ada.http, good)
    assert (again.status_code, again.json()["new"], again.json()["unchanged"]) == (201, 0, 2)
    assert (await ada.http.get(f"{RATES}?base=USD&quote=EUR&at=2026-03-01T10:00:00Z")).json()["rate"] == "0.92"

    lines = ("ETH,USD,2026-03-02T10:00:00Z,1", "ETH,USD,2026-03-01,2", "E TH,USD,2026-03-01T10:00:00Z,2", "ETH,USD,2999-03-01T10:00:00Z,2")
    more = ("ETH,USD,2026-03-01T10:00:00Z,-2", "ETH,USD,2026-03-02T10:00:00Z,7")
    bad = "\r\n".join(("asset,quote,at,rate", *lines, *more))
    refused = await bring(ada.http, bad)
    assert refused.status_code == 422
    assert [row["field"] for row in refused.json()["errors"]] == ["3.at", "4.asset", "5.at", "6.rate", "7.rate"]
    assert await ManualPrice.find({"org_id": ada.org_id}).count() == 2
    assert (await bring(ada.http, "asset,rate\r\nETH,1\r\n")).json()["errors"][0]["code"] == "missing_column"


async def test_a_rate_over_time_has_holes_where_nobody_knew(ada: Person) -> None:
    await enter(ada.http, "3000", "2026-03-02T00:00:00Z")
    await enter(ada.http, "3100", "2026-03-04T00:00:00Z")
    query = {"base": "ETH", "quote": "USD", "since": "2026-03-01T00:00:00Z", "at": "2026-03-05T00:00:00Z", "points": 5}
    found = (await ada.http.get(f"{RATES}history/", params=query)).json()
    assert [row["rate"] for row in found["items"]] == [None, "3000", "3000", "3100", "3100"]
    assert (found["missing"], found["items"][2]["rate_at"], found["items"][2]["source"]) == (1, "2026-03-02T00:00:00.000Z", "manual")
    assert (await ada.http.get(f"{RATES}history/", params=query | {"points": 1_000})).status_code == 422
    assert (await ada.http.get(f"{RATES}history/", params=query | {"since": "2026-03-06T00:00:00Z"})).status_code == 422


async def test_the_sources_stand_in_their_order(ada: Person) -> None:
    found = (await ada.http.get(f"{RATES}sources/")).json()["items"]
    assert [(row["name"], row["age_max_s"]) for row in found] == [("manual", None), ("oracle", None), ("history", 3600)]


async def test_no_price_says_what_was_tried(ada: Person) -> None:
    answer = await ada.http.get(f"{RATES}?base=DOGE&quote=USD")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_price")
    assert "manual: nobody entered a price of DOGE in USD" in answer.json()["detail"]


# ---- the worklist ----------------------------------------------------------------------------------------------------------------


async def book_unpriced(runtime: Runtime, ada: Person, number: int, quantity: str) -> Transaction:
    """0.25 ETH or so comes in, and no source tells a price."""
    moved = stored_movement("wal_1", amount=D(quantity), raw_amount=str(int(D(quantity) * 10**18)), value=None, rate=None, price_source=None)
    row = stored_transaction(ada.org_id, "wal_1", number=number, movements=[moved])
    await row.insert()
    await book_transaction(runtime.uow, runtime.clock, row, runtime.networks["testnet"], OutsidePrices(runtime.rpc))
    return row


async def work(runtime: Runtime, org_id: str, task_id: str = "") -> None:
    (actor,) = [actor for actor in ACTORS if actor.job.name == "true_up_prices"]
    await actor.run(runtime, actor.job(org_id=org_id, task_id=task_id))


async def balances(org_id: str) -> dict[str, tuple[str, str, str]]:
    rows = await ledger.balances(org_id)
    return {row.account_code: (str(row.debit - row.credit), str(row.quantity), row.asset or "") for row in rows}


async def test_what_has_no_price_is_listed_with_what_was_tried_and_is_trued_up_by_itself(ada: Person, runtime: Runtime) -> None:
    await book_unpriced(runtime, ada, 1, "0.25")
    await book_unpriced(runtime, ada, 2, "2")
    await sweep_inbox(runtime.uow, runtime.clock, ada.org_id, runtime.networks)
    rows = (await ada.http.get(f"{RATES}unpriced/?count=true")).json()
    assert rows["total"] == 2
    row = rows["items"][0]
    assert (row["assets"], row["kind"], row["attempts"], row["at"]) == (["ETH"], "missing_price", 1, "2026-11-20T12:02:00.000Z")
    assert row["tried"][0] == {"asset": "ETH", "source": "manual", "outcome": "nobody entered a price of ETH in USD from before then"}
    assert row["hash"] == f"0x{2:064x}" and row["entry_id"]

    assert (await enter(ada.http, "2000", (FIRST + timedelta(seconds=90)).isoformat())).status_code == 201
    await work(runtime, ada.org_id)  # as the nudge does that the entering leaves
    entries = await JournalEntry.find({"org_id": ada.org_id}).sort("+_id").to_list()
    assert [(entry.status.value, entry.unpriced, entry.reverses is not None) for entry in entries] == [
        ("posted", True, False),  # the first minute's: the price entered is from after it
        ("reversed", True, False),
        ("posted", False, True),  # its mirror
        ("posted", False, False),  # and what stands in its place, with its value
    ]
    assert (entries[3].total_debit, entries[3].transaction_hash) == (D(4000), f"0x{2:064x}")
    await sweep_inbox(runtime.uow, runtime.clock, ada.org_id, runtime.networks)
    assert [row["hash"] for row in (await ada.http.get(f"{RATES}unpriced/")).json()["items"]] == [f"0x{1:064x}"]
    assert [gap.at for gap in await PriceGap.find({"org_id": ada.org_id}).to_list()] == [FIRST + timedelta(minutes=1)]
    found = await balances(ada.org_id)
    assert {account: (D(value), D(quantity)) for account, (value, quantity, _) in found.items()} == {
        "1100": (D(4000), D("2.25")),
        "1900": (D(-4000), D("-2.25")),
    }


async def test_everything_is_looked_up_again_when_somebody_asks(ada: Person, runtime: Runtime, join: Join) -> None:
    row = await book_unpriced(runtime, ada, 1, "1")
    desk = Desk(runtime.uow, runtime.clock, runtime.networks, runtime.rpc, runtime.prices)
    assert (await true_up(desk, ada.org_id)).looked_at == 0, "it was asked for just now: not again before its pause is over"
    await ManualPrice(
        id="prc_1", created_at=FIRST, org_id=ada.org_id, asset="ETH", quote="USD", at=FIRST, rate=D(1500), set_by=ada.user["id"]
    ).insert()
    answer = await ada.http.post(f"{RATES}unpriced/retry/")
    assert (answer.status_code, answer.json()["status"], answer.json()["kind"]) == (202, "queued", "true_up_prices")
    await work(runtime, ada.org_id, answer.json()["id"])
    task = (await ada.http.get(f"/api/system/tasks/{answer.json()['id']}/")).json()
    assert (task["status"], task["summary"]) == ("succeeded", "1 looked at, 1 valued anew, 0 still without a price or a cost")
    read = (await ada.http.get(f"/api/transactions/{row.id}/")).json()["movements"][0]
    assert (read["value"], read["rate"], read["price_source"], read["price_origin"]) == ("1500", "1500", "manual", "entered by hand for ETH in USD")
    bob = await join("bob", org_id=ada.org_id, role=Role.AUDITOR)
    assert (await bob.http.post(f"{RATES}unpriced/retry/")).status_code == 403


# ---- alerts ----------------------------------------------------------------------------------------------------------------------


async def test_an_alert_is_kept_listed_fires_once_and_is_deleted(ada: Person, runtime: Runtime, join: Join) -> None:
    alerts = "/api/price-alerts/"
    body = {"asset": "ETH", "quote": "USD", "condition": "above", "threshold": "4000", "note": "Sell"}
    made = await ada.http.post(alerts, json=body)
    assert made.status_code == 201, made.text
    alert = made.json()
    assert (alert["armed"], alert["hysteresis"], alert["fired_count"], alert["seen_rate"]) == (None, "1", 0, None)

    fired = []
    for minute, rate in enumerate(("3900", "4000", "4000", "4100", "3970", "4200", "3960", "4001"), start=1):
        await enter(ada.http, rate, f"2026-01-01T00:0{minute}:00Z")
        prices = Prices(runtime.networks, runtime.prices)
        fired.append((await watch_prices(runtime.uow, runtime.clock, ada.org_id, prices)).fired)
        assert (await watch_prices(runtime.uow, runtime.clock, ada.org_id, prices)).fired == 0, "the same rate is seen once"
    assert fired == [0, 1, 0, 0, 0, 0, 0, 1]
    events = await Event.find({"org_id": ada.org_id, "kind": "price_alert.fired"}).sort("+_id").to_list()
    assert [(event.data["rate"], event.data["threshold"], event.data["note"]) for event in events] == [
        ("4000", "4000", "Sell"),
        ("4001", "4000", "Sell"),
    ]
    (read,) = (await ada.http.get(alerts)).json()["items"]
    assert (read["fired_count"], read["fired_rate"], read["armed"], read["seen_rate"]) == (2, "4001", False, "4001")

    eve = await join("eve", founds="Other")
    assert (await eve.http.get(alerts)).json()["items"] == []
    assert (await eve.http.delete(f"{alerts}{alert['id']}/")).status_code == 404
    assert (await ada.http.delete(f"{alerts}{alert['id']}/", headers={"If-Match": '"7"'})).status_code == 412
    assert (await ada.http.delete(f"{alerts}{alert['id']}/", headers={"If-Match": made.headers["ETag"]})).status_code == 204
    assert (await ada.http.delete(f"{alerts}{alert['id']}/")).status_code == 404


async def look(runtime: Runtime, ada: Person, rate: str, minute: int) -> int:
    """A rate by hand, and what the lane does; how many alerts fired."""
    await enter(ada.http, rate, f"2026-01-01T00:{minute:02d}:00Z")
    return (await watch_prices(runtime.uow, runtime.clock, ada.org_id, Prices(runtime.networks, runtime.prices))).fired


async def test_an_alert_is_changed_paused_and_goes_on_without_what_it_missed(ada: Person, runtime: Runtime, join: Join) -> None:
    made = await ada.http.post("/api/price-alerts/", json={"asset": "ETH", "quote": "USD", "condition": "above", "threshold": "4000"})
    path = f"/api/price-alerts/{made.json()['id']}/"
    assert [await look(runtime, ada, rate, minute) for minute, rate in enumerate(("3900", "4100"), start=1)] == [0, 1]
    for field, wrong in (("threshold", "0"), ("hysteresis", "100"), ("condition", "up"), ("asset", "BTC")):
        refused = await ada.http.put(path, json={field: wrong})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), wrong
    changed = await ada.http.put(path, json={"threshold": "4200", "note": "Higher"}, headers={"If-Match": made.headers["ETag"]})
    assert changed.status_code == 200 and (changed.json()["threshold"], changed.json()["armed"], changed.json()["seen_rate"]) == ("4200", None, None)
    assert (await ada.http.put(path, json={"threshold": "1"}, headers={"If-Match": made.headers["ETag"]})).status_code == 412
    assert [await look(runtime, ada, rate, minute) for minute, rate in enumerate(("4300", "4100", "4200"), start=3)] == [0, 0, 1]

    paused = (await ada.http.put(path, json={"paused": True})).json()
    assert paused["paused"] is True and (await ada.http.get(path)).json() == paused
    assert [await look(runtime, ada, rate, minute) for minute, rate in enumerate(("4000", "5000"), start=6)] == [0, 0]
    assert (await ada.http.get(path)).json()["seen_rate"] == "4200", "a paused one looks at no rate"
    assert (await ada.http.put(path, json={"paused": False})).json()["armed"] is None
    assert [await look(runtime, ada, rate, minute) for minute, rate in enumerate(("5100", "4100", "4300"), start=8)] == [0, 0, 1]
    read = (await ada.http.get(path)).json()
    assert (read["fired_count"], read["fired_rate"], read["note"], read["acknowledged_at"]) == (3, "4300", "Higher", None)
    assert await Event.find({"org_id": ada.org_id, "kind": "price_alert.fired"}).count() == 3
    noted = (await ada.http.post(f"{path}acknowledge/")).json()
    assert noted["acknowledged_by"] == ada.user["id"] and (await ada.http.post(f"{path}acknowledge/")).json() == noted
    assert await Event.find({"org_id": ada.org_id, "kind": "price_alert.acknowledged"}).count() == 1
    eve = await join("eve", founds="Other")
    assert {(await eve.http.request(verb, path, json=body)).status_code for verb, body in (("GET", None), ("PUT", {"paused": True}))} == {404}
    assert (await eve.http.post(f"{path}acknowledge/")).status_code == 404


async def test_a_crossing_is_told_by_one_letter_to_who_asked_for_it(ada: Person, runtime: Runtime, join: Join) -> None:
    """However often the rate is looked at, and by however many workers at once; not to somebody who may no longer read prices."""
    carl = await join("carl", org_id=ada.org_id, role=Role.ACCOUNTANT)
    body = {"asset": "ETH", "quote": "USD", "condition": "below", "threshold": "3000", "note": "Buy what payroll needs"}
    for person, mail in ((ada, True), (ada, False), (carl, True)):
        assert (await person.http.post("/api/price-alerts/", json=body | {"mail": mail})).status_code == 201
    await look(runtime, ada, "3100", 1)
    assert (await ada.http.delete(f"/api/organizations/{ada.org_id}/members/{carl.user['id']}/")).status_code == 204
    await enter(ada.http, "2990.5", "2026-01-01T00:02:00Z")
    prices = Prices(runtime.networks, runtime.prices)
    seen = await asyncio.gather(*(watch_prices(runtime.uow, runtime.clock, ada.org_id, prices) for _ in range(3)))
    assert sum(watched.fired for watched in seen) == 3, "each alert fires once"
    assert await look(runtime, ada, "2980", 3) == 0
    (due,) = await DueMail.find({"kind": "price_alert"}).to_list()
    assert due.user_id == ada.user["id"]
    assert await send_due_mail(runtime.uow, runtime.clock, runtime.mail, "https://coffer.example/", due.id, runtime.box) is True
    assert await send_due_mail(runtime.uow, runtime.clock, runtime.mail, "https://coffer.example/", due.id, runtime.box) is False, "it was sent"
    newest = max((runtime.config.log_dir / "mail").glob("*.eml"), key=lambda path: path.name)
    letter = message_from_bytes(newest.read_bytes(), policy=policy.default)
    told = letter.get_content()
    assert letter["Subject"] == "Price alert: ETH is below 3000 USD" and letter["To"] == ada.user["email"]
    for part in ("it was 2990.5 USD at 2026-01-01 00:02 UTC", "Buy what payroll needs", "https://coffer.example/prices/alerts/"):
        assert part in told, told


async def test_an_alert_of_what_nobody_prices_says_so_and_cannot_fire(ada: Person, runtime: Runtime) -> None:
    await ada.http.post("/api/price-alerts/", json={"asset": "DOGE", "quote": "USD", "condition": "moves", "threshold": "5"})
    await watch_all(runtime)  # as the lane does for every organisation
    (read,) = (await ada.http.get("/api/price-alerts/")).json()["items"]
    assert read["unpriced_since"] is not None and read["fired_count"] == 0


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"threshold": "0"}, "threshold"),
    ({"threshold": "-1"}, "threshold"),
    ({"threshold": 4000}, "threshold"),
    ({"hysteresis": "100"}, "hysteresis"),
    ({"condition": "sideways"}, "condition"),
    ({"quote": "ETH"}, "quote"),
    ({"asset": "E TH"}, "asset"),
    ({"colour": "red"}, "colour"),
]


async def test_what_is_no_alert_is_refused(ada: Person) -> None:
    body = {"asset": "ETH", "quote": "USD", "condition": "above", "threshold": "4000"}
    for change, field in REFUSED:
        answer = await ada.http.post("/api/price-alerts/", json=body | change)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), change
    assert (await ada.http.get("/api/price-alerts/")).json()["items"] == []


# ---- the portfolio ---------------------------------------------------------------------------------------------------------------


async def test_the_portfolio_is_told_from_books_and_rates_and_opens_to_its_movements(ada: Person, runtime: Runtime, join: Join) -> None:
    """1 ETH in at 1,000 and 0.5 more at 1,100, worth 1,200 each now; half a DOGE-like token without a price beside it."""
    await enter(ada.http, "1000", "2026-11-20T00:00:00Z")
    await book_unpriced(runtime, ada, 1, "1")
    await enter(ada.http, "1100", "2026-11-20T12:01:30Z")
    await book_unpriced(runtime, ada, 2, "0.5")
    moved = stored_movement("wal_1", asset="PEPE", symbol="PEPE", value=None, rate=None, price_source=None)
    row = stored_transaction(ada.org_id, "wal_1", number=3, movements=[moved])
    await row.insert()
    await book_transaction(runtime.uow, runtime.clock, row, runtime.networks["testnet"], runtime.prices)
    await enter(ada.http, "1200", "2026-11-21T00:00:00Z")

    whole = (await ada.http.get("/api/portfolio/")).json()
    assert (whole["value"], whole["cost"], whole["unrealised"], whole["unpriced"]) == ("1800", "1550", "250", ["PEPE"])
    ether, pepe = whole["positions"]
    assert (ether["quantity"], ether["rate"], ether["rate_source"], ether["share"]) == ("1.5", "1200", "manual", "1")
    assert (pepe["asset"], pepe["value"], pepe["unrealised"], pepe["rate"]) == ("PEPE", None, None, None)
    assert [row["asset"] for row in whole["performance"]["excluded"]] == ["PEPE"]
    movements = (await ada.http.get(ether["movements_url"])).json()["items"]
    assert [(row["quantity"], row["cost"], row["transaction_hash"]) for row in movements] == [
        ("0.5", "550", f"0x{2:064x}"),
        ("1", "1000", f"0x{1:064x}"),
    ]
    then = (await ada.http.get("/api/portfolio/value/?at=2026-11-20T12:01:15Z")).json()
    assert (then["value"], then["cost"], then["unpriced"]) == ("1000", "1000", [])
    did = (await ada.http.get("/api/portfolio/performance/?span=1y")).json()
    assert (did["net_flows"], did["end_value"], did["gain"], did["start_value"]) == ("1550", "1800", "250", "0")
    assert did["time_weighted"]["period"] is not None and did["time_weighted"]["none_because"] is None
    history = (await ada.http.get("/api/portfolio/history/?date_from=2026-11-19&date_to=2026-11-22")).json()
    assert [(point["value"], point["cost"], point["unpriced"]) for point in history["items"]][-2:] == [
        ("1800", "1550", ["PEPE"]),
        ("1800", "1550", ["PEPE"]),
    ]
    parts = (await ada.http.get("/api/portfolio/allocation/?by=network")).json()
    assert (parts["unpriced"], sum(D(part["value"]) for part in parts["items"])) == (1, D(1800))
    eve = await join("eve", founds="Other")
    assert (await eve.http.get("/api/portfolio/")).json()["positions"] == []
    assert (await eve.http.get("/api/portfolio/movements/?asset=ETH")).json()["items"] == []
    nothing = await eve.http.get("/api/portfolio/performance/")
    assert (nothing.status_code, nothing.json()["code"]) == (404, "no_books")


NO_QUESTIONS = [
    "performance/?span=2w",
    "performance/?span=7d&date_from=2026-01-01",
    "history/?date_from=2026-02-01&date_to=2026-01-01",
    "history/?date_from=1999-01-01",
    "value/?at=2999-01-01T00:00:00Z",
    "allocation/?by=mood",
    "movements/",
    "movements/?asset=ETH&sort=quantity",
]


async def test_what_is_no_question_to_the_portfolio_is_refused(ada: Person) -> None:
    codes = {query: (await ada.http.get(f"/api/portfolio/{query}")).status_code for query in NO_QUESTIONS}
    assert codes == dict.fromkeys(NO_QUESTIONS, 422)
