"""The page of the seals: what to send, the transaction that holds it looked up and recorded, and where it is told from then on."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from crypto_api.bootstrap import open_runtime
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.kit.clock import SystemClock
from crypto_api.ledger import seal_store
from crypto_api.ledger.documents import SealAnchor
from crypto_api.ledger.types import Line
from crypto_api.runtime import Runtime
from crypto_api.wallets.watch_list import WatchList
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.keys import dev_account
from crypto_project.embedded.ports import free_port
from tests.conftest import LocalChain
from tests.dashboard.conftest import Window, log_in, send
from tests.factories.following import Desk
from tests.factories.treasury import NETWORK, Treasury

LONG = "A network whose name is longer than anybody would call one, in the hope of breaking a table"


@pytest.fixture
async def runtime(make_config: Any, host: str, chain: LocalChain) -> AsyncIterator[Runtime]:
    row = {"slug": NETWORK, "name": LONG, "chain_id": chain.chain_id, "rpc_urls": [chain.rpc_url], "confirmations": 2}
    row |= {"explorer_url": "https://explorer.example"}
    async with open_runtime(make_config([row], frontend_url=f"http://{host}:{free_port()}")) as opened:
        yield opened


@pytest.fixture
async def actor(chain: LocalChain) -> AsyncIterator[ChainActor]:
    made = ChainActor(chain.rpc_url, chain.chain_id)
    await made.take_over_mining()
    await made.set_balance(dev_account(3).address, 10**20)
    yield made
    await made.close()


async def posted(treasury: Treasury, amount: int, at: datetime) -> None:
    await treasury.post("A grant", [Line(account_code="1000", debit=Decimal(amount)), Line(account_code="4900", credit=Decimal(amount))], at)
    while await seal_entries(treasury.uow, SystemClock()):
        pass


async def anchored(runtime: Runtime, treasury: Treasury, actor: ChainActor) -> str:
    """A final transaction with the head as it is now."""
    desk = Desk(runtime, actor, runtime.networks[NETWORK], treasury.org_id, WatchList(NETWORK))
    await desk.follow()
    head, sender = await seal_store.head(treasury.org_id), dev_account(3)
    sent = await actor.send(sender, sender.address, data=bytes.fromhex(head.hash))
    await actor.mine_many(3)
    await desk.follow()
    return sent.hash


async def test_a_head_is_sent_looked_up_and_told(visitor: httpx.AsyncClient, runtime: Runtime, treasury: Treasury, actor: ChainActor) -> None:
    assert (await log_in(visitor)).status_code == 302
    empty = (await visitor.get("/seals/")).text
    assert "Nothing is sealed yet" in empty and "Not on any chain yet" in empty and "0x0000" not in empty
    month = (treasury.now - timedelta(days=62)).date().replace(day=1)
    await posted(treasury, 7, datetime(month.year, month.month, 3, 12, tzinfo=UTC))
    assert "Anchor it on chain" in (await visitor.get("/trial-balance/")).text
    head = await seal_store.head(treasury.org_id)
    assert f"0x{head.hash}" in (await visitor.get("/seals/")).text
    for fields, status, says in (
        ({"network": "", "transaction_hash": ""}, 422, "The transaction is needed."),
        ({"network": NETWORK, "transaction_hash": "0x12"}, 422, "64 hexadecimal digits"),
        ({"network": NETWORK, "transaction_hash": "0x" + "ab" * 32}, 409, "No block of this network holds such a transaction"),
    ):
        refused = await send(visitor, "/seals/anchor/", "/seals/", **fields)
        assert refused.status_code == status and says in refused.text and f'value="{fields["transaction_hash"]}"' in refused.text
    hash_ = await anchored(runtime, treasury, actor)
    made = await send(visitor, "/seals/anchor/", "/seals/", network=NETWORK, transaction_hash=hash_)
    assert made.headers["location"] == "/seals/?done=anchored"
    again = await send(visitor, "/seals/anchor/", "/seals/", network=NETWORK, transaction_hash=hash_)
    assert again.headers["location"] == "/seals/?done=known" and await SealAnchor.find({"org_id": treasury.org_id}).count() == 1
    shown = (await visitor.get("/seals/?done=anchored")).text
    assert "All of it" in shown and f"https://explorer.example/tx/{hash_}" in shown and "Ada Okafor" in shown
    closed = await send(visitor, f"/closing/{month:%Y-%m}/close/", f"/closing/{month:%Y-%m}/")
    assert hash_ in (await visitor.get(closed.headers["location"])).text
    assert (await visitor.get(f"/closing/{month:%Y-%m}/certificate/pdf/")).content.startswith(b"%PDF")
    statement = await send(visitor, "/statements/make/", "/statements/", kind="balance_sheet", as_of=f"{treasury.now:%Y-%m-%d}", compare_to="")
    assert hash_ in (await visitor.get(statement.headers["location"])).text
    await posted(treasury, 5, treasury.now)
    assert "up to entry 1" in (await visitor.get("/fragments/seals/head/")).text and hash_ in (await visitor.get("/fragments/seals/rows/")).text
    assert "Anchored on chain up to 1" in (await visitor.get("/trial-balance/")).text


@pytest.mark.browser
@pytest.mark.parametrize("window", [{"width": 390, "theme": "dark"}, {"width": 1360}], indirect=True)
async def test_it_is_read_and_used_on_a_phone_and_on_a_desk(window: Window, runtime: Runtime, treasury: Treasury, actor: ChainActor) -> None:
    await posted(treasury, 7, treasury.now)
    hash_ = await anchored(runtime, treasury, actor)
    await window.log_in(path="/seals/")
    await window.page.fill("#transaction_hash", "0x" + "ab" * 32)
    await window.page.click("main form button[type=submit]")
    await window.page.locator("#problem").wait_for()
    window.faults.found.clear()  # the refusal itself
    assert await window.sideways_scroll() == 0 and await window.grave_findings() == []
    await window.page.fill("#transaction_hash", hash_)
    await window.page.click("main form button[type=submit]")
    await window.page.locator("#anchors tr[data-key]").wait_for()
    assert await window.sideways_scroll() == 0 and await window.grave_findings() == []
