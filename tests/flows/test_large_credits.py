"""A large credit is booked and confirmed when two providers tell the same of it, and no sooner: two providers of one real node, one of them through
a proxy that lies, lags or is silent."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.flows.agree_on_credits import agree_on_credits
from crypto_api.flows.confirm_transactions import confirm_transactions
from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.types import ItemState
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Agreement, Booking, Status
from crypto_project.demo.chain import SentTransaction
from crypto_project.demo.keys import dev_account
from tests.conftest import ConfigMaker, LocalChain
from tests.factories import fault_proxy as faults
from tests.factories.fault_proxy import FaultProxy
from tests.factories.following import Desk, open_desk

D = Decimal
ETHER = 10**18
treasury, client = dev_account(1), dev_account(3)
FORWARDER = "6000600060006000346000355af100"  # sends what came with the call to the address in its data


@pytest.fixture
async def second(chain: LocalChain) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(chain.rpc_url) as proxy:
        yield proxy


@pytest.fixture
async def desk(chain: LocalChain, second: FaultProxy, make_config: ConfigMaker) -> AsyncIterator[Desk]:
    """A network that traces whole blocks, with two providers."""
    providers = [{"url": url, "timeout_s": 30} for url in (chain.rpc_url, second.url)]
    network = {"rpc_urls": [], "providers": providers, "credits_agreed_above": {"ETH": "5"}, "traces": "blocks"}
    async with open_desk(make_config, chain.rpc_url, chain.chain_id, **network) as made:
        yield made


async def row_of(desk: Desk, sent: SentTransaction) -> Transaction:
    (row,) = await Transaction.find({"org_id": desk.org_id, "hash": sent.hash}).to_list()
    return row


async def agree(desk: Desk) -> int:
    return await agree_on_credits(desk.runtime.uow, desk.runtime.clock, desk.network, desk.chain)


async def receives(desk: Desk, *amounts: int) -> list[SentTransaction]:
    """In one block, which is deep enough afterwards."""
    sent = [await desk.actor.send(client, treasury.address, value=amount * ETHER) for amount in amounts]
    await desk.actor.mine_many(5)
    await desk.follow()
    return sent


async def test_a_large_credit_waits_and_what_stands_after_it_does_too(desk: Desk) -> None:
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    before = await desk.holding(wallet)
    small, large, after = await receives(desk, 5, 6, 1)
    rows = [await row_of(desk, sent) for sent in (small, large, after)]
    assert [row.agreement for row in rows] == [Agreement.NOT_NEEDED, Agreement.WANTED, Agreement.NOT_NEEDED]
    assert [row.booking for row in rows] == [Booking.DONE, Booking.DUE, Booking.DUE]
    assert [row.status for row in rows] == [Status.CONFIRMED, Status.PENDING, Status.CONFIRMED]
    assert rows[1].waits == "6 ETH came in: it waits until 2 providers tell the same."
    assert await desk.holding(wallet) == before + 5
    assert await desk.checkpoints(wallet) == [], "what waits is no difference between books and chain"

    assert await agree(desk) == 1
    await desk.book()
    await confirm_transactions(desk.runtime.uow, desk.runtime.clock, desk.network, rows[1].block_number + 4)
    row = await row_of(desk, large)
    assert (row.agreement, row.waits, row.status, row.booking) == (Agreement.REACHED, None, Status.CONFIRMED, Booking.DONE)
    assert await desk.holding(wallet) == before + 12
    assert await desk.compare(wallet) == {"ETH": D(0)}
    assert await agree(desk) == 0


def _other_hash(_: Any, block: Any) -> Any:
    return block and {**block, "hash": "0x" + "ab" * 32}


def _other_value(_: Any, tx: Any) -> Any:
    return tx and {**tx, "value": hex(60 * ETHER)}


def _failed(_: Any, receipt: Any) -> Any:
    return receipt and {**receipt, "status": "0x0"}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.Rewrite("eth_getBlockByNumber", _other_hash, "another block"), "told otherwise"),
        (faults.Rewrite("eth_getTransactionByHash", _other_value, "another amount"), "told otherwise"),
        (faults.Rewrite("eth_getTransactionReceipt", _failed, "failed"), "told otherwise"),
        (faults.Rewrite("eth_getTransactionReceipt", lambda *_: None, "no receipt"), "told otherwise"),
        (faults.Lag(8), "nothing was heard from"),
        (faults.Reset(), "nothing was heard from"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_it_waits_on_while_the_other_says_otherwise_or_nothing(desk: Desk, second: FaultProxy, fault: faults.Fault, words: str) -> None:
    await desk.add(treasury.address, "Treasury")
    await desk.follow()
    (large,) = await receives(desk, 6)
    second.add(fault)
    for _ in range(2):
        assert await agree(desk) == 0
        await desk.book()
    row = await row_of(desk, large)
    assert (row.agreement, row.booking, row.status, row.entry_ids) == (Agreement.WANTED, Booking.DUE, Status.PENDING, [])
    assert row.waits is not None and row.waits.startswith("6 ETH came in: it waits until 2 providers tell the same. So far 127.0.0.1:")
    await sweep_inbox(desk.runtime.uow, desk.runtime.clock, desk.org_id, desk.runtime.networks)
    (item,) = await InboxItem.find({"org_id": desk.org_id, "kind": "credit_not_agreed"}).to_list()
    assert (item.subject_id, item.state) == (row.id, ItemState.OPEN) and row.waits in item.cause
    second.heal()
    async with asyncio.timeout(60):
        while not await agree(desk):  # its pause is not over
            await asyncio.sleep(0.05)
    await sweep_inbox(desk.runtime.uow, desk.runtime.clock, desk.org_id, desk.runtime.networks)
    (item,) = await InboxItem.find({"org_id": desk.org_id, "kind": "credit_not_agreed"}).to_list()
    assert item.state is ItemState.RESOLVED
    assert f"{words} {second.url.removeprefix('http://')}." in row.waits or f"{second.url.removeprefix('http://')} {words}." in row.waits


async def test_what_a_call_moved_must_show_in_the_balances_of_both(desk: Desk, second: FaultProxy) -> None:
    wallet = await desk.add(treasury.address, "Treasury")
    size = f"{len(FORWARDER) // 2:02x}"
    created = await desk.actor.send(client, None, data=bytes.fromhex(f"60{size}600c60003960{size}6000f3{FORWARDER}"))
    await desk.actor.mine()
    contract = (await desk.actor.wait(created))["contractAddress"]
    await desk.follow()
    sent = await desk.actor.send(client, contract, value=9 * ETHER, data=bytes(12) + bytes.fromhex(treasury.address[2:]))
    await desk.actor.mine()
    await desk.follow()
    assert (await row_of(desk, sent)).agreement is Agreement.WANTED
    second.add(faults.Rewrite("eth_getBalance", lambda *_: hex(10_000 * ETHER), "another balance"))
    assert await agree(desk) == 0
    assert (await row_of(desk, sent)).booking is Booking.DUE
    second.heal()
    assert await agree(desk) == 1
    await desk.book()
    assert await desk.compare(wallet) == {"ETH": D(0)}


async def test_a_credit_whose_block_is_replaced_waits_for_nobody(desk: Desk, second: FaultProxy) -> None:
    await desk.add(treasury.address, "Treasury")
    await desk.follow()
    snapshot = await desk.actor.rpc("evm_snapshot")
    (large,) = await receives(desk, 6)
    await desk.actor.rpc("evm_revert", snapshot)
    await desk.actor.mine_many(6)
    await desk.follow()
    row = await row_of(desk, large)
    assert (row.status, row.agreement, row.waits) == (Status.ORPHANED, Agreement.NOT_NEEDED, None)
    assert await agree(desk) == 0


async def test_with_one_provider_nobody_is_waited_for(chain: LocalChain, make_config: ConfigMaker) -> None:
    async with open_desk(make_config, chain.rpc_url, chain.chain_id, credits_agreed_above={"ETH": "5"}) as desk:
        assert (desk.network.agreement, desk.network.credit_limit("ETH")) == (1, None)
        wallet = await desk.add(treasury.address, "Treasury")
        await desk.follow()
        (large,) = await receives(desk, 60)
        assert (await row_of(desk, large)).status is Status.CONFIRMED
        assert await desk.compare(wallet) == {"ETH": D(0)}
