"""Moves of the coin by a contract's call, on a real node whose traces are withheld: in either dialect, in both, and where an answer is empty."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.flows.explain_difference import explain_by_itself
from crypto_api.flows.reindex import reindex
from crypto_api.transactions.documents import Transaction
from crypto_project.demo.chain import SentTransaction
from crypto_project.demo.keys import dev_account
from tests.conftest import ConfigMaker, LocalChain
from tests.factories import fault_proxy as faults
from tests.factories.fault_proxy import FaultProxy
from tests.factories.following import Desk, open_desk

D = Decimal
ETHER = 10**18
treasury, stranger = dev_account(1), dev_account(3)
FORWARDER = "6000600060006000346000355af100"  # sends what came with the call to the address in its data
GETH = ("debug_traceTransaction", "debug_traceBlockByHash")
PARITY = ("trace_transaction", "trace_block")


@pytest.fixture
async def proxy(chain: LocalChain) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(chain.rpc_url) as made:
        yield made


@pytest.fixture
async def desk(chain: LocalChain, proxy: FaultProxy, make_config: ConfigMaker) -> AsyncIterator[Desk]:
    network = {"rpc_urls": [], "providers": [{"url": proxy.url, "timeout_s": 30}]}
    async with open_desk(make_config, chain.rpc_url, chain.chain_id, **network) as made:
        yield made


async def forwarder(desk: Desk) -> str:
    size = f"{len(FORWARDER) // 2:02x}"
    created = await desk.actor.send(stranger, None, data=bytes.fromhex(f"60{size}600c60003960{size}6000f3{FORWARDER}"))
    await desk.actor.mine()
    return str((await desk.actor.wait(created))["contractAddress"])


async def forward(desk: Desk, sender: Any, contract: str, amount: int) -> SentTransaction:
    """To the treasury; beside it a plain transfer, so that the block holds more than that."""
    sent = await desk.actor.send(sender, contract, value=amount * ETHER, data=bytes(12) + bytes.fromhex(treasury.address[2:]))
    await desk.actor.send(stranger, dev_account(5).address, value=1)
    await desk.actor.mine()
    await desk.follow()
    return sent


async def row_of(desk: Desk, sent: SentTransaction) -> Transaction:
    (row,) = await Transaction.find({"org_id": desk.org_id, "hash": sent.hash}).to_list()
    return row


def inward(row: Transaction) -> list[tuple[str, str, str]]:
    return [(movement.key, movement.basis, movement.raw_amount) for movement in row.movements if movement.direction == "in"]


@pytest.mark.parametrize(
    ("withheld", "asked", "back", "hidden"),
    [
        ((), GETH, ("trace:0", "trace"), "trace:0"),
        (GETH, PARITY, ("trace:0", "trace"), "trace:0"),
        (PARITY, GETH, ("trace:0", "trace"), "trace:0"),
        ((*GETH, *PARITY), (), ("balance", "balance"), "balance:"),
    ],
    ids=["both", "parity alone", "geth alone", "neither"],
)
async def test_either_dialect_tells_and_where_there_is_none_the_balance_does(
    desk: Desk, proxy: FaultProxy, withheld: tuple[str, ...], asked: tuple[str, ...], back: tuple[str, str], hidden: str
) -> None:
    for method in withheld:
        proxy.add(faults.Withhold(method))
    wallet = await desk.add(treasury.address, "Treasury")
    contract = await forwarder(desk)
    await desk.follow()
    before = await desk.holding(wallet)
    seen = await row_of(desk, await forward(desk, treasury, contract, 3))  # there and back
    assert inward(seen) == [(*back, str(3 * ETHER))]
    assert await desk.compare(wallet) == {"ETH": D(0)}

    sent = await forward(desk, stranger, contract, 2)  # touches nothing else of ours
    (difference,) = await desk.checkpoints(wallet)
    assert difference.difference == 2
    await explain_by_itself(desk.runtime.uow, desk.runtime.clock, desk.network, desk.chain, difference)
    await desk.book()
    found = await Transaction.find({"org_id": desk.org_id}).sort("-block_number").to_list()
    assert found[0].movements[0].key.startswith(hidden) and found[0].movements[0].raw_amount == str(2 * ETHER)
    assert (found[0].hash == sent.hash) is bool(asked)
    assert await desk.compare(wallet) == {"ETH": D(0)}
    assert await desk.holding(wallet) == before + 2 - D(int(seen.gas_fee_raw or "0")) / ETHER
    assert all(proxy.asked[method] for method in asked)


async def test_an_empty_answer_overwrites_nothing_that_was_found(desk: Desk, proxy: FaultProxy) -> None:
    wallet = await desk.add(treasury.address, "Treasury")
    contract = await forwarder(desk)
    await desk.follow()
    sent = await forward(desk, treasury, contract, 3)
    before, held = await row_of(desk, sent), await desk.holding(wallet)
    assert [key for key, _, _ in inward(before)] == ["trace:0"]
    proxy.add(faults.Rewrite("debug_traceTransaction", lambda _, told: {**told, "calls": []}, "an empty trace"))
    proxy.add(faults.Rewrite("debug_traceBlockByHash", lambda *_: [], "an empty block"))
    runtime, said = desk.runtime, list[str]()
    found = await reindex(runtime.uow, runtime.clock, desk.network, desk.chain, 1, None, dry_run=False, tell=said.append)
    assert proxy.fired["an empty trace"], "it was asked for again"
    assert (found.found, said) == ([], [])

    proxy.fired.clear()  # what is set by hand goes into the latest block, which is searched then
    await desk.actor.set_balance(treasury.address, int((await desk.balance(treasury.address) + 1) * ETHER))
    await desk.actor.mine()
    await desk.follow()
    (difference,) = await desk.checkpoints(wallet)
    await explain_by_itself(runtime.uow, runtime.clock, desk.network, desk.chain, difference)
    await desk.book()
    assert proxy.fired["an empty trace"] and proxy.fired["an empty block"]
    after = await row_of(desk, sent)
    assert (after.movements, after.entry_ids, after.version) == (before.movements, before.entry_ids, before.version)
    assert await desk.holding(wallet) == held + 1
    assert await desk.compare(wallet) == {"ETH": D(0)}
