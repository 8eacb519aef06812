"""The history of a wallet on a real node: books and chain are equal after every step, whoever dies in between, and to the last wei at the end."""

from collections.abc import AsyncIterator
from decimal import Decimal
from random import Random

import pytest

from crypto_api.backfills.documents import Backfill
from crypto_api.backfills.errors import BackfillRunning
from crypto_api.backfills.types import BackfillState
from crypto_api.flows import backfill_wallet
from crypto_api.flows.backfill_wallet import step_backfill
from crypto_api.flows.first_block import first_block
from crypto_api.flows.request_backfill import request_backfill
from crypto_api.kit.ethereum import CallRefused
from crypto_api.ledger.documents import JournalEntry
from crypto_api.tasks.documents import Task
from crypto_api.tasks.types import TaskStatus
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking
from crypto_api.wallets.documents import Wallet
from crypto_project.demo.keys import dev_account
from tests.conftest import ConfigMaker, LocalChain
from tests.factories.following import Desk, open_desk

D = Decimal
treasury, operations, client = dev_account(1), dev_account(2), dev_account(3)
FRESH = "0x00000000000000000000000000000000000F0001"  # nothing at genesis
ETH = 10**18


@pytest.fixture
async def desk(chain: LocalChain, make_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(backfill_wallet, "BLOCKS_AT_ONCE", 4)
    async with open_desk(make_config, chain.rpc_url, chain.chain_id, reorg_depth_max=8) as made:
        yield made


async def read_history(desk: Desk, wallet: Wallet, from_block: int | None, *, compare: bool = True) -> Backfill:
    """To its end; after each step, what is due is booked and the books must be equal to the chain."""
    runtime = desk.runtime
    await request_backfill(runtime.uow, runtime.clock, desk.org_id, wallet.id, from_block, "usr_1")
    return await go_on(desk, wallet, compare=compare)


async def go_on(desk: Desk, wallet: Wallet, *, compare: bool = True) -> Backfill:
    tools = backfill_wallet.Desk(desk.runtime.uow, desk.runtime.clock, desk.network, desk.chain, desk.feeds)
    while (row := await Backfill.find_one({"wallet_id": wallet.id}, sort=[("_id", -1)])) is not None and row.live:
        before = row.state
        assert await step_backfill(tools, row), "stuck"
        await desk.book()
        if compare and before is not BackfillState.CLOSING:
            assert await desk.compare(wallet) == {"ETH": D(0)}, before
    assert row is not None
    return row


async def standing(desk: Desk) -> list[JournalEntry]:
    return await JournalEntry.find({"org_id": desk.org_id, "source_kind": "opening", "status": "posted"}).to_list()


async def test_history_and_opening_make_the_balance_exactly(desk: Desk) -> None:
    sent = [await desk.actor.send(client, treasury.address, value=3 * ETH)]
    await desk.actor.mine()  # 11
    sent.append(await desk.actor.send(treasury, operations.address, value=2 * ETH))
    await desk.actor.mine_many(6)  # 12 … 17
    sent.append(await desk.actor.send(treasury, client.address, value=1))
    await desk.actor.mine_many(3)  # … 20
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    before = await desk.holding(wallet)
    done = await read_history(desk, wallet, 11)
    assert (done.state, done.first_block, done.position, done.rows) == (BackfillState.DONE, 11, 20, 3)
    rows = await Transaction.find({"org_id": desk.org_id}).sort("+block_number").to_list()
    assert [(row.hash, row.booking) for row in rows] == [(each.hash, Booking.DONE) for each in sent]
    (opening,) = await standing(desk)
    assert [(line.account_code, line.quantity) for line in opening.lines] == [("1100", D(10_000)), ("3100", D(-10_000))]
    assert opening.reference == "block 10"
    assert await desk.holding(wallet) == before == await desk.balance(treasury.address)
    task = await Task.get(done.task_id)
    assert task is not None and (task.status, task.progress, task.kind) == (TaskStatus.SUCCEEDED, 100, "backfill")
    again = await read_history(desk, wallet, 1)
    assert (again.rows, await desk.holding(wallet)) == (0, before), "what is known is not stored twice"
    assert (await standing(desk))[0].reference in ("block 0", "block 10")


async def test_the_first_block_of_an_address_is_found(desk: Desk) -> None:
    await desk.actor.mine_many(7)
    await desk.actor.send(client, FRESH, value=5)
    await desk.actor.mine()  # 18
    await desk.actor.mine_many(5)
    assert await first_block(desk.network, desk.chain, FRESH, 23) == 18
    assert await first_block(desk.network, desk.chain, FRESH, 17) is None
    assert await first_block(desk.network, desk.chain, treasury.address, 23) == 1, "it had something from the beginning"
    wallet = await desk.add(FRESH, "Fresh")
    await desk.follow()
    done = await read_history(desk, wallet, None)
    assert (done.first_block, done.rows, await standing(desk)) == (18, 1, []), "it held nothing before: nothing is left of the opening"
    assert await desk.holding(wallet) == D("0.000000000000000005")


async def test_without_old_states_the_opening_is_what_is_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.actor.send(client, treasury.address, value=3 * ETH)
    await desk.actor.mine_many(4)
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    cursor, balances = 14, type(desk.chain).balances

    async def young(self: object, holdings: object, block_hash: str) -> object:
        if block_hash != (await desk.chain.header(cursor)).hash:
            raise CallRefused("missing trie node")
        return await balances(self, holdings, block_hash)  # type: ignore[arg-type]

    monkeypatch.setattr(type(desk.chain), "balances", young)
    refused = await read_history(desk, wallet, None)
    assert refused.state is BackfillState.FAILED and "Choose a block" in refused.reason
    done = await read_history(desk, wallet, 11)
    (opening,) = await standing(desk)
    assert (done.state, opening.lines[0].quantity, await desk.holding(wallet)) == (BackfillState.DONE, D(10_000), D(10_003))


async def test_a_transfer_between_two_wallets_is_one_movement_whoever_came_first(desk: Desk) -> None:
    one = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    await desk.actor.send(treasury, operations.address, value=ETH)
    await desk.actor.mine_many(3)
    await desk.follow()
    two = await desk.add(operations.address, "Operations")
    await desk.follow()
    await read_history(desk, two, 9)
    (row,) = await Transaction.find({"org_id": desk.org_id}).to_list()
    assert [(part.direction, part.wallet_id, part.counter_wallet_id) for part in row.movements if part.key == "value"] == [
        ("internal", one.id, two.id)
    ]
    assert row.category == "own_transfer"
    assert await desk.compare(one) == await desk.compare(two) == {"ETH": D(0)}
    assert (await desk.holding(two), await desk.holding(one)) == (D(10_001), await desk.balance(treasury.address))


async def test_what_moved_unseen_in_the_history_is_found(desk: Desk) -> None:
    await desk.actor.send(client, treasury.address, value=ETH)
    await desk.actor.mine_many(2)  # 11, 12
    await desk.actor.set_balance(treasury.address, 10_004 * ETH)
    await desk.actor.mine_many(4)
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    await read_history(desk, wallet, 11)
    (opening,) = await standing(desk)
    assert (opening.lines[0].quantity, await desk.compare(wallet)) == (D(10_000), {"ETH": D(0)}), "it is what the chain had, not what was left over"
    rows = await Transaction.find({"org_id": desk.org_id}).sort("+block_number").to_list()
    assert [row.movements[0].amount for row in rows] == [D(1), D(3)]


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("where", ["backfill_wallet.read", "backfill_wallet.before_commit", "backfill_wallet.committed"])
async def test_it_goes_on_where_a_crash_left_it(desk: Desk, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    for _ in range(6):
        await desk.actor.send(client, treasury.address, value=ETH)
        await desk.actor.mine()
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    passes = 0

    def die(name: str) -> None:
        nonlocal passes
        passes += name == where
        if name == where and passes % 2:
            raise _Killed

    monkeypatch.setattr(backfill_wallet, "faultpoint", die)
    await request_backfill(desk.runtime.uow, desk.runtime.clock, desk.org_id, wallet.id, 11, "usr_1")
    with pytest.raises(BackfillRunning):
        await request_backfill(desk.runtime.uow, desk.runtime.clock, desk.org_id, wallet.id, 11, "usr_1")
    deaths = 0
    while True:
        try:
            done = await go_on(desk, wallet)
            break
        except _Killed:
            deaths += 1
            await desk.book()
    assert (deaths >= 1, done.rows, await Transaction.find({"org_id": desk.org_id}).count()) == (True, 6, 6)
    assert await desk.compare(wallet) == {"ETH": D(0)}


async def test_a_reorganisation_beneath_the_opening_is_survived(desk: Desk) -> None:
    for _ in range(6):
        await desk.actor.send(client, treasury.address, value=ETH)
        await desk.actor.mine()
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    tools = backfill_wallet.Desk(desk.runtime.uow, desk.runtime.clock, desk.network, desk.chain, desk.feeds)
    await request_backfill(desk.runtime.uow, desk.runtime.clock, desk.org_id, wallet.id, 11, "usr_1")
    for _ in range(2):
        (row,) = await Backfill.find_all().to_list()
        await step_backfill(tools, row)
    await desk.book()
    await desk.actor.reorg(5, Random(3), drop_share=0.5)
    await desk.actor.mine()
    await desk.follow()
    done = await go_on(desk, wallet, compare=False)
    await desk.follow()
    assert (done.state, await desk.compare(wallet)) == (BackfillState.DONE, {"ETH": D(0)})
    assert await desk.holding(wallet) == await desk.balance(treasury.address)
