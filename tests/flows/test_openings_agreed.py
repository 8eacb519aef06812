"""A wallet opens with what two providers tell of it, and waits, saying why, while they do not: two providers of one real node, one of them through a
proxy that lies, lags or is silent."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.events.documents import Event
from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.types import ItemState
from crypto_api.ledger.documents import JournalEntry
from crypto_api.wallets import service as wallets
from crypto_api.wallets.documents import Opening
from crypto_api.wallets.types import WalletChanges
from crypto_project.demo.keys import dev_account
from tests.conftest import ConfigMaker, LocalChain
from tests.factories import fault_proxy as faults
from tests.factories.fault_proxy import FaultProxy
from tests.factories.following import Desk, open_desk

D = Decimal
ETHER = 10**18
treasury, client = dev_account(1), dev_account(3)


@pytest.fixture
async def second(chain: LocalChain) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(chain.rpc_url) as proxy:
        yield proxy


@pytest.fixture
async def desk(chain: LocalChain, second: FaultProxy, make_config: ConfigMaker) -> AsyncIterator[Desk]:
    providers = [{"url": url, "timeout_s": 30} for url in (chain.rpc_url, second.url)]
    async with open_desk(make_config, chain.rpc_url, chain.chain_id, rpc_urls=[], providers=providers) as made:
        yield made


def _other_balance(_: Any, raw: Any) -> Any:
    return hex(int(raw, 16) + ETHER)


def _other_hash(_: Any, block: Any) -> Any:
    return block and {**block, "hash": "0x" + "ab" * 32}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.Rewrite("eth_getBalance", _other_balance, "another balance"), "ETH: 10000 by {first}, 10001 by {second}."),
        (faults.Rewrite("eth_getBlockByNumber", _other_hash, "another block"), "{first} told its balances; another block is named by {second}."),
        (faults.Reset(), "{first} told its balances; nothing was heard from {second}."),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_it_waits_and_says_why_until_two_tell_the_same(
    desk: Desk, chain: LocalChain, second: FaultProxy, fault: faults.Fault, words: str
) -> None:
    await desk.follow()
    wallet = await desk.add(treasury.address, "Treasury")
    second.add(fault)
    for _ in range(2):
        await desk.actor.mine()
        await desk.step()
    waiting, hosts = await desk.wallet(wallet), {"first": chain.rpc_url.split("//")[1], "second": second.url.split("//")[1]}
    assert (waiting.opening, waiting.opened_at_height, await desk.holding(wallet)) == (Opening.DUE, None, 0)
    assert waiting.opening_waits == "It waits until 2 providers tell the same of what it held. So far " + words.format(**hosts)
    assert treasury.address.lower() not in desk.watched
    assert await Event.find({"kind": "wallet.opening_waits"}).count() == 1, "each reason is told once"
    item = await swept(desk)
    assert (item.state, item.subject_id, item.title) == (ItemState.OPEN, wallet.id, "Treasury is not in the books yet")
    assert waiting.opening_waits in item.cause

    await desk.actor.send(client, treasury.address, value=3 * ETHER)  # comes in with the opening
    await desk.actor.mine()
    await desk.step()
    second.heal()
    async with asyncio.timeout(60):
        while (await desk.wallet(wallet)).opening is Opening.DUE:  # its pause is not over
            await desk.step()
            await asyncio.sleep(0.05)
    await desk.follow()
    opened = await desk.wallet(wallet)
    assert opened.opening_waits is None
    assert await desk.holding(wallet) == await desk.balance(treasury.address) == D(10_003)
    assert await JournalEntry.find({"org_id": desk.org_id}).count() == 1
    assert await desk.compare(wallet) == {"ETH": D(0)}
    assert (await swept(desk)).state is ItemState.RESOLVED


async def swept(desk: Desk) -> InboxItem:
    await sweep_inbox(desk.runtime.uow, desk.runtime.clock, desk.org_id, desk.runtime.networks)
    (item,) = await InboxItem.find({"org_id": desk.org_id, "kind": "opening_not_agreed"}).to_list()
    return item


async def test_whoever_is_not_watched_any_more_waits_for_nobody(desk: Desk, second: FaultProxy) -> None:
    await desk.follow()
    wallet = await desk.add(treasury.address, "Treasury")
    second.add(faults.Rewrite("eth_getBalance", _other_balance, "another balance"))
    await desk.step()
    assert (await swept(desk)).state is ItemState.OPEN
    await wallets.update(desk.runtime.uow, desk.runtime.clock, desk.org_id, wallet.id, WalletChanges(monitoring_enabled=False))
    assert (await desk.wallet(wallet)).opening_waits is None
    assert (await swept(desk)).state is ItemState.RESOLVED
