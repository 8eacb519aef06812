"""Payments on networks that are built otherwise: without a base fee, and on a rollup that takes a fee for the chain below."""

from collections.abc import AsyncIterator

import pytest

from crypto_api.runtime import Runtime
from crypto_project.demo.chain import ChainActor
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from tests.factories.paying import ETHER, FREE, SLUG, PayingHouse, stranger
from tests.http.conftest import Join, Person
from tests.http.test_payments import confirmed, post, send, shown, told, until_confirmed

ORACLE = "0x420000000000000000000000000000000000000F"


def answers(number: int) -> str:
    """EVM code that answers any call with that number."""
    return f"0x7f{number:064x}60005260206000f3"


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[ChainActor, str]]:
    """From before EIP-1559, with the oracle of a rollup."""
    folder = tmp_path_factory.mktemp("node")
    options = ChainNodeOptions(mining=False, keep=False, hardfork="berlin")
    child, port = chain_node(folder / "node", folder, options)
    await child.start()
    url = f"http://127.0.0.1:{port}"
    actor = ChainActor(url, options.chain_id)
    try:
        await actor.mine_many(2)
        yield actor, url
    finally:
        await actor.close()
        await child.stop()


@pytest.fixture
def networks(node: tuple[ChainActor, str]) -> list[dict[str, object]]:
    actor, url = node
    row = {"slug": SLUG, "name": "Old rollup", "chain_id": actor.chain_id, "rpc_urls": [url], "confirmations": 2, "reorg_depth_max": 8}
    return [row | {"l1_fee_oracle": ORACLE}]


@pytest.fixture
async def ada(join: Join) -> Person:
    return await confirmed(await join("ada", founds="Byron Treasury"))


@pytest.fixture
async def house(runtime: Runtime, node: tuple[ChainActor, str], ada: Person) -> PayingHouse:
    actor, _ = node
    await actor.rpc("anvil_setCode", ORACLE, answers(0))
    made = PayingHouse(runtime, actor, None, ada.org_id)  # type: ignore[arg-type]  contracts of today do not run there
    await made.policy(FREE)
    return made


async def test_without_a_base_fee_transactions_are_of_type_0_and_are_replaced_by_an_eighth_more(house: PayingHouse, ada: Person) -> None:
    assert "baseFeePerGas" not in await house.actor.rpc("eth_getBlockByNumber", "latest", False)
    wallet, _ = await house.wallet()
    query = {"wallet_id": wallet.id, "to": stranger(), "amount": "1"}
    cost = (await ada.http.get("/api/blockchain/estimate-gas/", params=query)).json()
    assert (cost["transaction_type"], cost["base_fee_per_gas"], cost["l1_fee"], cost["sufficient_funds"]) == (0, "0", "0", True)
    assert cost["max_fee_per_gas"] == cost["max_priority_fee_per_gas"]
    assert cost["expected_fee"] == cost["max_fee"]
    faster, taken_back = [await send(ada, wallet.id, stranger(), "1") for _ in range(2)]
    await house.sweep()
    for payment, verb in ((faster, "speed-up"), (taken_back, "cancel")):
        assert (await post(ada, f"/api/payments/{payment['id']}/{verb}/")).status_code == 200
    await house.sweep()
    for payment, purpose in ((faster, "speed_up"), (taken_back, "cancel")):
        first, second = (await shown(ada, payment["id"]))["attempts"]
        assert (first["transaction_type"], second["transaction_type"], second["purpose"]) == (0, 0, purpose)
        assert 8 * int(second["max_fee_per_gas"]) >= 9 * int(first["max_fee_per_gas"])
        on_chain = await house.actor.rpc("eth_getTransactionByHash", second["hash"])
        assert (on_chain["type"], int(on_chain["gasPrice"], 16)) == ("0x0", int(second["max_fee_per_gas"]))
        assert int(on_chain["v"], 16) in (2 * house.actor.chain_id + 35, 2 * house.actor.chain_id + 36), "the chain stands in its signature (EIP-155)"
    assert (await until_confirmed(house, ada, faster["id"]))["state"] == "CONFIRMED"
    await house.sweep()
    assert (await shown(ada, taken_back["id"]))["state"] == "CANCELLED"
    assert (await house.ether(faster["payee_address"]), await house.ether(taken_back["payee_address"])) == (ETHER, 0)


async def test_what_a_rollup_takes_for_the_chain_below_counts_among_what_a_payment_needs(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=ETHER)
    await house.actor.rpc("anvil_setCode", ORACLE, answers(ETHER // 100))
    query = {"wallet_id": wallet.id, "to": stranger(), "amount": "0.99"}
    cost = (await ada.http.get("/api/blockchain/estimate-gas/", params=query)).json()
    assert (cost["l1_fee"], cost["sufficient_funds"]) == ("0.015", False), "half as much again, since it may rise"
    refused = await post(ada, "/api/payments/", query)
    assert await told(refused) == (409, "insufficient_funds")
    assert "0.015" in refused.json()["detail"]
    first = await send(ada, wallet.id, stranger(), "0.96")
    second = await send(ada, wallet.id, stranger(), "0.02")
    await house.sweep()
    stored = await house.payment(first["id"])
    gas = (await house.attempts(first["id"]))[0].fees
    assert (stored.state, stored.l1_fee_wei) == ("BROADCAST", str(15 * ETHER // 1000))
    assert int(stored.reserved_wei) == 96 * ETHER // 100 + 15 * ETHER // 1000 + gas.gas * gas.max_fee_per_gas
    assert (await shown(ada, second["id"]))["holds"] == ["no_funds"], "beside what the first may still take"
    await house.actor.rpc("anvil_setCode", ORACLE, answers(0))
    await house.sweep()
    assert (await shown(ada, second["id"]))["state"] == "BROADCAST"
