"""Insights over real HTTP: each figure with its way to what it is made of, of one organisation alone, and what there is without anything."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.bootstrap import open_runtime
from crypto_api.flows.settle_lots import settle_lots
from crypto_api.kit.clock import SystemClock
from crypto_api.lots.documents import LotPolicy, LotRule
from crypto_api.lots.types import LotMethod
from crypto_api.prices.documents import ManualPrice
from crypto_api.runtime import Runtime
from crypto_api.transactions.types import Direction, MovementKind
from tests.factories.ollama import DIGEST, OllamaServer, ollama_server
from tests.http.conftest import Join, Person, random_address, wallet_body
from tests.http.world import stored_movement, stored_transaction


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaServer]:
    async with ollama_server() as server:
        yield server


@pytest.fixture
async def runtime(make_config: Any, networks: list[dict[str, object]], ollama: OllamaServer) -> AsyncIterator[Runtime]:
    async with open_runtime(make_config(networks, llm_base_url=ollama.url, llm_model_name="granite4:micro")) as opened:
        yield opened


TABLE = "timestamp,type,asset,amount,price,fee,fee_asset,wallet,to_wallet,description,external_id\n"


async def paid(person: Person, number: int, days: float, value: str, **changes: object) -> str:
    out = stored_movement("wal_1", direction=Direction.OUT, value=Decimal(value), rate=Decimal(1), amount=Decimal(value))
    gas = stored_movement("wal_1", key="gas", kind=MovementKind.GAS, direction=Direction.OUT, value=Decimal("0.5"), amount=Decimal("0.00025"))
    at = SystemClock().now() - timedelta(days=days)
    given = {"category": "expense", "counterparty": "Grace & Sons", "timestamp": at} | changes
    row = stored_transaction(person.org_id, "wal_1", number=number, movements=[out, gas], **given)
    await row.insert()
    return row.id


async def test_figures_and_where_they_come_from(join: Join, ollama: OllamaServer) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    for number in range(9):
        await paid(ada, number + 1, 10 * number + 1, str(100 + number))
    big = await paid(ada, 20, 2, "5000")
    orphan = await paid(ada, 21, 2, "70000", finality="orphaned")
    shown = (await ada.http.get("/api/dashboard/insights/")).json()
    by_category = {row["category"]: row for row in shown["spending"]}
    assert (by_category["expense"]["value"], by_category["gas"]["value"]) == ("5303", "2"), "three usual ones and the large one"
    since = shown["date_from"]
    assert by_category["expense"]["transactions_url"] == f"/api/transactions/?category=expense&direction=out&date_from={since}"
    listed = (await ada.http.get(by_category["expense"]["transactions_url"])).json()["items"]
    assert len(listed) == 5 and {row["id"] for row in listed} >= {big, orphan}, "what is orphaned stands in the list, and in no figure"
    (party,) = shown["parties"]
    assert (party["party"], party["paid"], party["movements"]) == ("Grace & Sons", "5303", 4)
    (odd,) = shown["unusual"]
    assert (odd["transaction_id"], odd["value"], odd["median"], odd["compared_with"]) == (big, "5000", "104", 9)
    assert "far" in odd["reason"] and shown["complete"] and shown["currency"] == "USD"
    assert shown["runway"]["shocks"][0] == {"drop": "0", "value": "0", "months": "0"}
    by_rule = {row["topic"]: row["text"] for row in shown["summary"]["sentences"]}
    assert by_rule["spending"].startswith(
        "5,305.00 USD were spent in 30 days, after 313.50 USD in the same time before; the most, 5,303.00 USD, for expense"
    )
    assert by_rule["unusual"] == "1 movement stands out; the greatest is 5,000.00 USD, where the median of 9 others is 104.00 USD."
    assert [shown["summary"][name] for name in ("model", "answered", "prompt_hash")] == [None, False, None]
    assert ollama.requests == [], "only who asks for it waits for the model"
    ollama.says(spending="It spent 5.305,00.", parties="Counterparty A was paid 5,304 USD.", gas="Gas cost 2 USD.", unusual="")
    explained = (await ada.http.get("/api/dashboard/insights/?explain=true")).json()["summary"]
    assert {row["topic"]: row["text"] for row in explained["sentences"] if row["by_model"]} == {
        "spending": "It spent 5,305.00 USD.",
        "gas": "Gas cost 2.00 USD.",
    }
    assert [row["text"] for row in explained["sentences"] if not row["by_model"]] == [by_rule[name] for name in ("parties", "unusual")]
    assert (explained["model"], explained["model_digest"], explained["answered"]) == ("granite4:micro", DIGEST, True)
    assert len(explained["prompt_hash"]) == 64 and "Grace" not in str(ollama.requests), "a name is no part of the question"
    months = (await ada.http.get("/api/dashboard/analytics/")).json()["months"]
    assert len(months) == 13 and sum(Decimal(row["spent"]) for row in months) == 5936 and sum(Decimal(row["gas"]) for row in months) == 5
    theirs = (await eve.http.get("/api/dashboard/insights/")).json()
    assert (theirs["spending"], theirs["parties"], theirs["unusual"], theirs["tax"]["losses"]) == ([], [], [], [])
    for asked in ("days=0", "days=367", "days=x"):
        assert (await ada.http.get(f"/api/dashboard/insights/?{asked}")).status_code == 422, asked


async def test_lots_that_are_worth_less_and_dates_ahead(join: Join, runtime: Runtime) -> None:
    """Two lots by FIFO: the older one becomes long-term soon and is worth less than it cost, the younger one more."""
    ada, now = await join("ada", founds="Byron Treasury"), SystemClock().now()
    assert (await ada.http.post("/api/wallets/", json=wallet_body(name="Operations", address=random_address()))).status_code == 201
    bought = [(340, "a", "2", "3000"), (10, "b", "1", "900")]
    rows = [f"{now - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ},BUY,ETH,{amount},{price},,,Operations,,,{key}" for days, key, amount, price in bought]
    answer = await ada.http.post("/api/transactions/import/", files={"file": ("t.csv", (TABLE + "\n".join(rows)).encode())})
    assert answer.status_code == 201, answer.text
    price = ManualPrice(
        id="pri_1", created_at=now, org_id=ada.org_id, asset="ETH", quote="USD", at=now - timedelta(minutes=5), rate=Decimal(1000), set_by="usr_1"
    )
    await price.insert()
    await LotPolicy(
        id=ada.org_id, created_at=now, updated_at=now, org_id=ada.org_id, rules=[LotRule(method=LotMethod.FIFO)], rules_version=1
    ).insert()
    await settle_lots(runtime.uow, SystemClock(), ada.org_id)
    tax = (await ada.http.get("/api/dashboard/insights/")).json()["tax"]
    assert tax["lots"] == "settled"
    assert tax["losses"] == [{"asset": "ETH", "quantity": "2", "cost": "6000", "value": "2000", "loss": "-4000", "lots": 1}]
    (ahead,) = tax["long_ahead"]
    assert (ahead["asset"], ahead["quantity"], ahead["gain"]) == ("ETH", "2", "-4000")
    assert 0 < (date.fromisoformat(ahead["long_from"]) - now.date()).days <= 60
