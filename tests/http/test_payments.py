"""Payments over HTTP, by the real signer, on a real chain: exactly once, by whom they may be, and what becomes of them when something goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crypto_api.organizations.types import Role
from crypto_api.payments.types import PaymentState
from crypto_api.runtime import Runtime
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.compile import compile_contracts
from crypto_project.demo.deploy import DemoContracts, deploy_contracts
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from tests.factories.paying import ETHER, FREE, ONE_APPROVAL, SLUG, PayingHouse, fresh_key, network_row, stranger
from tests.http.conftest import PASSWORD, Join, Person


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[ChainActor, str, DemoContracts]]:
    """One chain for this file; each test has wallets of its own on it."""
    folder = tmp_path_factory.mktemp("node")
    options = ChainNodeOptions(mining=False, keep=False)
    child, port = chain_node(folder / "node", folder, options)
    await child.start()
    url = f"http://127.0.0.1:{port}"
    actor = ChainActor(url, options.chain_id)
    try:
        contracts = await deploy_contracts(actor, await compile_contracts())
        await actor.mine_many(2)
        yield actor, url, contracts
    finally:
        await actor.close()
        await child.stop()


@pytest.fixture
def networks(node: tuple[ChainActor, str, DemoContracts]) -> list[dict[str, object]]:
    actor, url, contracts = node
    return [network_row(url, actor.chain_id, contracts)]


@pytest.fixture
async def ada(join: Join) -> Person:
    """Founded it; may everything, and confirmed for the use of keys."""
    return await confirmed(await join("ada", founds="Byron Treasury"))


@pytest.fixture
async def house(runtime: Runtime, node: tuple[ChainActor, str, DemoContracts], ada: Person) -> PayingHouse:
    actor, _, contracts = node
    actor.forget_nonces()
    made = PayingHouse(runtime, actor, contracts, ada.org_id)
    await made.policy(FREE)
    return made


async def confirmed(person: Person) -> Person:
    done = await person.http.post("/api/auth/confirm-password/", json={"password": PASSWORD})
    assert done.status_code == 200, done.text
    return person


async def send(person: Person, wallet_id: str, to: str, amount: str, **more: Any) -> dict[str, Any]:
    answer = await person.http.post("/api/blockchain/send-eth/", json={"wallet_id": wallet_id, "to": to, "amount": amount, **more}, headers=fresh_key())
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def shown(person: Person, payment_id: str) -> dict[str, Any]:
    answer = await person.http.get(f"/api/payments/{payment_id}/")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_ether_is_paid_once_and_confirmed_at_depth(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=2 * ETHER)
    to = stranger()
    payment = await send(ada, wallet.id, to, "0.25")
    assert (payment["state"], payment["raw_amount"], payment["value_currency"]) == ("APPROVED", str(ETHER // 4), "USD")
    await house.sweep()
    sent = await shown(ada, payment["id"])
    assert (sent["state"], sent["nonce"], len(sent["attempts"])) == ("BROADCAST", 0, 1)
    await house.mine()
    await house.sweep()
    assert (await shown(ada, payment["id"]))["state"] == "MINED"
    await house.mine(2)
    await house.sweep()
    done = await shown(ada, payment["id"])
    assert (done["state"], done["holds"], done["hash"]) == ("CONFIRMED", [], sent["attempts"][0]["hash"])
    assert await house.ether(to) == ETHER // 4
    assert await house.ether(wallet.address) == 2 * ETHER - ETHER // 4 - int(done["gas_fee_raw"])
    assert [(row.nonce, row.live) for row in await house.slots(wallet.address)] == [(0, False)]
