"""Following on a real node, one step at a time: what is stored and booked, and what happens when the chain, the node or another
follower does the unexpected."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random

import pytest

from crypto_api.bootstrap import open_runtime
from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import ChainBlock, ChainCursor, FollowState
from crypto_api.chains.stretches import Pace, ReadAhead
from crypto_api.flows.advance_chain import Ahead, CursorMoved, NotLinked, Step, advance_chain, start_following
from crypto_api.flows.book_due import book_due
from crypto_api.flows.confirm_transactions import confirm_transactions
from crypto_api.flows.rewind_chain import TooDeep, rewind_chain
from crypto_api.kit.ethereum import BlockHeader
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.organizations import service as organizations
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking, Status
from crypto_api.wallets import service as wallets
from crypto_api.wallets.documents import Opening, Wallet
from crypto_api.wallets.types import NewWallet, WalletChanges
from crypto_api.wallets.watch_list import WatchList
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.keys import dev_account
from mongodb_config.unit_of_work import Session
from tests.conftest import ConfigMaker, LocalChain
from tests.factories.following import open_due
from workers.chains import Follower

treasury, operations, client = dev_account(1), dev_account(2), dev_account(3)
WEI = Decimal(10) ** 18


@dataclass
class Desk:
    runtime: Runtime
    actor: ChainActor
    network: NetworkConfig
    org_id: str
    watched: WatchList
    ahead: Ahead | None = None

    @property
    def chain(self):  # type: ignore[no-untyped-def]
        return self.runtime.rpc[self.network.slug]

    async def step(self) -> Step:
        """What the follower does once; raises what it would have to deal with."""
        runtime, feeds = self.runtime, self.runtime.prices
        cursor = await start_following(self.network, self.chain, runtime.clock)
        await self.watched.refresh(cursor.openings)
        await self.watched.opened(await open_due(runtime, self.network, cursor))
        step = await advance_chain(runtime.uow, runtime.clock, self.network, self.chain, self.watched, cursor, self.ahead)
        await book_due(runtime.uow, runtime.clock, self.network, feeds, runtime.queue)
        await confirm_transactions(runtime.uow, runtime.clock, self.network, step.height)
        return step

    async def follow(self) -> None:
        while True:
            try:
                if (await self.step()).caught_up:
                    return
            except NotLinked:
                await rewind_chain(self.runtime.uow, self.runtime.clock, self.network, self.chain, {self.org_id})

    async def add(self, address: str, name: str) -> Wallet:
        new = NewWallet(name=name, address=address, wallet_type="watch", private_key=None, network=self.network.slug, monitoring_enabled=True)
        return await wallets.create(self.runtime.uow, self.runtime.clock, self.runtime.signer, [self.network.slug], self.org_id, "usr_1", new)

    async def holding(self, wallet: Wallet) -> Decimal:
        return (await ledger_store.holdings(self.org_id)).get((wallet.id, "ETH"), (Decimal(0), Decimal(0)))[0]

    async def balance(self, address: str) -> Decimal:
        return Decimal(int(await self.actor.rpc("eth_getBalance", address, "latest"), 16)) / WEI


@pytest.fixture
async def desk(chain: LocalChain, make_config: ConfigMaker) -> AsyncIterator[Desk]:
    row = {"slug": "local", "name": "Local", "chain_id": chain.chain_id, "rpc_urls": [chain.rpc_url], "confirmations": 3, "reorg_depth_max": 5}
    actor = ChainActor(chain.rpc_url, chain.chain_id)
    await actor.mine_many(10)
    async with open_runtime(make_config([row])) as runtime:

        async def found(session: Session) -> str:
            organization = await organizations.create(session, "Acme", runtime.clock.now())
            await ledger.create_chart(session, organization.id, runtime.clock.now())
            return organization.id

        org_id = await runtime.uow.run(found)
        yield Desk(runtime, actor, runtime.networks["local"], org_id, WatchList("local"))
    await actor.close()


async def test_a_wallet_opens_with_its_balance_and_follows_from_there(desk: Desk) -> None:
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    assert await desk.holding(wallet) == 10_000
    sent = await desk.actor.send(client, treasury.address, value=5)
    await desk.actor.mine()
    await desk.follow()
    assert await desk.holding(wallet) == Decimal("10000.000000000000000005")
    (row,) = await Transaction.find_all().to_list()
    assert (row.hash, row.status, row.booking, len(row.movements)) == (sent.hash, Status.PENDING, Booking.DONE, 1)
    assert row.movements[0].raw_amount == "5"
    await desk.actor.mine_many(3)
    await desk.follow()
    (row,) = await Transaction.find_all().to_list()
    assert row.status is Status.CONFIRMED


async def test_an_own_transfer_is_one_movement_and_its_gas_another(desk: Desk) -> None:
    one, two = await desk.add(treasury.address, "Treasury"), await desk.add(operations.address, "Operations")
    await desk.follow()
    await desk.actor.send(treasury, operations.address, value=10**18)
    await desk.actor.mine()
    await desk.follow()
    (row,) = await Transaction.find_all().to_list()
    assert [(movement.key, movement.direction, movement.wallet_id, movement.counter_wallet_id) for movement in row.movements] == [
        ("value", "internal", one.id, two.id),
        ("gas", "out", one.id, None),
    ]
    assert row.category == "own_transfer"
    assert await desk.holding(two) == 10_001
    assert await desk.holding(one) == await desk.balance(treasury.address)


async def test_two_organisations_may_watch_one_address(desk: Desk) -> None:
    mine = await desk.add(treasury.address, "Treasury")

    async def found(session: Session) -> str:
        other = await organizations.create(session, "Other", desk.runtime.clock.now())
        await ledger.create_chart(session, other.id, desk.runtime.clock.now())
        return other.id

    other_id = await desk.runtime.uow.run(found)
    new = NewWallet(name="Theirs", address=treasury.address, wallet_type="watch", private_key=None, network="local", monitoring_enabled=True)
    theirs = await wallets.create(desk.runtime.uow, desk.runtime.clock, desk.runtime.signer, ["local"], other_id, "usr_2", new)
    await desk.follow()
    await desk.actor.send(client, treasury.address, value=7)
    await desk.actor.mine()
    await desk.follow()
    rows = await Transaction.find_all().to_list()
    assert sorted((row.org_id, row.wallet_ids[0]) for row in rows) == sorted([(desk.org_id, mine.id), (other_id, theirs.id)])


async def test_what_moved_while_watching_paused_comes_in_as_a_difference(desk: Desk) -> None:
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    uow, clock = desk.runtime.uow, desk.runtime.clock
    await wallets.update(uow, clock, desk.org_id, wallet.id, WalletChanges(monitoring_enabled=False))
    await desk.follow()
    await desk.actor.send(treasury, client.address, value=3 * 10**18)
    await desk.actor.mine()
    await desk.follow()
    assert await Transaction.find_all().count() == 0
    assert await desk.holding(wallet) == 10_000, "nobody watched: the books stand as they were"
    await wallets.update(uow, clock, desk.org_id, wallet.id, WalletChanges(monitoring_enabled=True))
    await desk.follow()
    assert await desk.holding(wallet) == await desk.balance(treasury.address) < 9_997
    assert await JournalEntry.find({"source_kind": "opening"}).count() == 2


async def test_a_reorganisation_takes_the_opening_with_it(desk: Desk) -> None:
    await desk.follow()
    await desk.actor.send(client, treasury.address, value=9)
    await desk.actor.mine()
    await desk.follow()
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    opened = await Wallet.get(wallet.id)
    assert opened is not None and opened.opening is Opening.DONE
    await desk.actor.reorg(2, Random(1), drop_share=1.0)
    await desk.follow()
    assert await desk.holding(wallet) == await desk.balance(treasury.address)
    again = await Wallet.get(wallet.id)
    assert again is not None and again.opened_at_hash != opened.opened_at_hash
    assert await JournalEntry.find({"source_kind": "opening", "status": "reversed"}).count() == 1


async def test_a_transaction_that_comes_back_in_another_block_is_booked_anew(desk: Desk) -> None:
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    sent = await desk.actor.send(client, treasury.address, value=11)
    await desk.actor.mine()
    await desk.follow()
    (before,) = await Transaction.find_all().to_list()
    await desk.actor.reorg(1, Random(2), drop_share=0.0)
    await desk.follow()
    (after,) = await Transaction.find_all().to_list()
    assert after.id == before.id and after.block_hash != before.block_hash
    assert [past.block_hash for past in after.past_inclusions] == [before.block_hash]
    entries = await JournalEntry.find({"transaction_hash": sent.hash}).to_list()
    assert sorted((entry.status, entry.reverses is not None) for entry in entries) == [("posted", False), ("posted", True), ("reversed", False)]
    assert await desk.holding(wallet) == Decimal("10000.000000000000000011")


async def test_deeper_than_the_limit_stops_and_undoes_nothing(desk: Desk) -> None:
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    await desk.actor.send(client, treasury.address, value=13)
    await desk.actor.mine()
    await desk.actor.mine_many(7)
    await desk.follow()
    before = await chain_store.cursor("local")
    await desk.actor.reorg(7, Random(3))
    with pytest.raises(TooDeep):
        await desk.follow()
    after = await chain_store.cursor("local")
    assert before is not None and after is not None
    assert (after.height, after.hash) == (before.height, before.hash)
    assert after.state is FollowState.STOPPED and "deeper than 5" in (after.reason or "")
    assert await desk.holding(wallet) == Decimal("10000.000000000000000013")
    assert await JournalEntry.find({"status": "reversed"}).count() == 0


async def test_a_node_that_lags_is_not_a_reorganisation(desk: Desk) -> None:
    await desk.follow()
    snapshot = await desk.actor.rpc("evm_snapshot")
    await desk.actor.mine_many(3)
    await desk.follow()
    await desk.actor.rpc("evm_revert", snapshot)  # the node is back where it was three blocks ago
    step = await desk.step()
    assert (step.blocks, step.height - step.head) == (0, 3)
    cursor = await chain_store.cursor("local")
    assert cursor is not None and cursor.height == step.height, "nothing was undone"


async def test_a_follower_that_slept_past_its_lease_changes_nothing(desk: Desk) -> None:
    await desk.add(treasury.address, "Treasury")
    await desk.follow()
    runtime = desk.runtime
    stale = await start_following(desk.network, desk.chain, runtime.clock)
    await desk.actor.send(client, treasury.address, value=17)
    await desk.actor.mine()
    await desk.follow()
    with pytest.raises(CursorMoved):
        await advance_chain(runtime.uow, runtime.clock, desk.network, desk.chain, desk.watched, stale)
    assert await Transaction.find_all().count() == 1
    assert await JournalEntry.find({"source_kind": "transaction"}).count() == 1


class _Killed(BaseException): ...


async def test_one_that_dies_before_its_commit_has_passed_over_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    before = await chain_store.cursor("local")
    await desk.actor.send(client, treasury.address, value=5 * 10**18)
    await desk.actor.mine()

    def die(name: str) -> None:
        if name == "advance_chain.before_commit":
            raise _Killed

    with monkeypatch.context() as dying:
        dying.setattr("crypto_api.flows.advance_chain.faultpoint", die)
        with pytest.raises(_Killed):
            await desk.step()
    after = await chain_store.cursor("local")
    assert before is not None and after is not None and (after.height, after.hash) == (before.height, before.hash)
    await desk.follow()
    assert (await desk.holding(wallet), await Transaction.find_all().count()) == (10_005, 1)


async def test_one_that_slept_while_a_wallet_was_opened_where_it_stands_changes_nothing(desk: Desk) -> None:
    """The cursor has not moved, and still what it read lacks what concerns the wallet."""
    await desk.add(treasury.address, "Treasury")
    await desk.follow()
    runtime, slept = desk.runtime, WatchList("local")
    stale = await start_following(desk.network, desk.chain, runtime.clock)
    await slept.refresh(stale.openings)
    wallet = await desk.add(operations.address, "Operations")
    assert await open_due(runtime, desk.network, stale) == [wallet.id]
    await desk.actor.send(client, operations.address, value=17)
    await desk.actor.mine()
    with pytest.raises(CursorMoved):
        await advance_chain(runtime.uow, runtime.clock, desk.network, desk.chain, slept, stale)
    cursor = await start_following(desk.network, desk.chain, runtime.clock)
    assert (cursor.height, cursor.openings) == (stale.height, stale.openings + 1)
    await slept.refresh(cursor.openings)
    await advance_chain(runtime.uow, runtime.clock, desk.network, desk.chain, slept, cursor)
    assert [row.movements[0].raw_amount for row in await Transaction.find({"wallet_ids": wallet.id}).to_list()] == ["17"]


async def test_a_cursor_from_before_openings_were_counted_goes_on(desk: Desk) -> None:
    await desk.follow()
    await ChainCursor.get_pymongo_collection().update_one({"_id": "local"}, {"$unset": {"openings": ""}})
    await desk.actor.mine()
    await desk.follow()
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    await desk.actor.send(client, treasury.address, value=10**18)
    await desk.actor.mine()
    await desk.follow()
    assert await desk.holding(wallet) == await desk.balance(treasury.address)


# ---- reading ahead -----------------------------------------------------------------------------------------------------------------


async def test_each_block_is_read_once_and_the_next_ones_while_these_are_stored(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    begin = (await start_following(desk.network, desk.chain, desk.runtime.clock)).height
    for value in range(1, 13):
        await desk.actor.send(client, treasury.address, value=value)
        await desk.actor.mine()
    told: list[tuple[str, int]] = []
    read, record = desk.chain.read_blocks, chain_store.record_blocks

    async def reads(first: int, last: int, watched: object) -> object:
        told.extend(("read", number) for number in range(first, last + 1))
        return await read(first, last, watched)

    async def records(session: Session, network: str, chain_id: int, headers: list[BlockHeader], now: object) -> None:
        await asyncio.sleep(0)  # whoever was started beside has its turn
        told.extend(("stored", header.number) for header in headers)
        await record(session, network, chain_id, headers, now)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.chain, "read_blocks", reads)
    monkeypatch.setattr(chain_store, "record_blocks", records)
    desk.ahead = ReadAhead(asyncio.create_task, Pace(2))
    await desk.follow()
    assert [number for what, number in told if what == "read"] == list(range(begin + 1, begin + 13))
    assert told.index(("read", begin + 3)) < told.index(("stored", begin + 1)), "it stored first and read then"
    assert await desk.holding(wallet) == Decimal("10000.000000000000000078")


async def test_who_is_watched_meanwhile_is_looked_for_in_what_was_read_ahead(desk: Desk) -> None:
    await desk.add(treasury.address, "Treasury")
    await desk.follow()
    for _ in range(4):
        await desk.actor.send(client, operations.address, value=10**18)
        await desk.actor.mine()
    desk.ahead = ReadAhead(asyncio.create_task, Pace(1))
    await desk.step()
    wallet = await desk.add(operations.address, "Operations")  # opened at a block behind which one was read without it
    await desk.follow()
    assert await desk.holding(wallet) == await desk.balance(operations.address) == 10_004
    assert len(await Transaction.find({"wallet_ids": wallet.id}).to_list()) == 3


async def test_a_reorganisation_finds_what_was_read_ahead_of_no_use(desk: Desk) -> None:
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    for _ in range(5):
        await desk.actor.send(client, treasury.address, value=10**18)
        await desk.actor.mine()
    desk.ahead = ReadAhead(asyncio.create_task, Pace(2))
    await desk.step()
    await desk.actor.reorg(4, Random(4), drop_share=0.5)
    await desk.follow()
    head = await desk.chain.header(await desk.chain.block_number())
    cursor = await chain_store.cursor("local")
    assert cursor is not None and (cursor.height, cursor.hash) == (head.number, head.hash)
    assert await desk.holding(wallet) == await desk.balance(treasury.address)


async def test_far_behind_only_as_many_headers_are_kept_as_a_reorganisation_may_reach(desk: Desk) -> None:
    await desk.follow()
    begin = (await start_following(desk.network, desk.chain, desk.runtime.clock)).height
    await desk.actor.mine_many(300)
    desk.ahead = ReadAhead(asyncio.create_task, Pace(40))
    await desk.step()
    numbers = [row.number for row in await chain_store.canonical_blocks("local", 0)]
    assert numbers == list(range(begin + 40, begin + 30, -1)), "twice the depth of a reorganisation, in one piece"
    await desk.follow()
    numbers = [row.number for row in await chain_store.canonical_blocks("local", 0)]
    assert numbers[0] == begin + 300 and len(numbers) >= chain_store.BLOCKS_KEPT
    await chain_store.forget_blocks_below("local", begin + 300 - chain_store.BLOCKS_KEPT)
    assert await ChainBlock.find({"number": {"$lte": begin + 300 - chain_store.BLOCKS_KEPT}}).count() <= 1
    await desk.actor.reorg(5, Random(5))
    await desk.follow()
    head = await desk.chain.header(await desk.chain.block_number())
    cursor = await chain_store.cursor("local")
    assert cursor is not None and cursor.hash == head.hash


async def test_headers_do_not_grow_with_the_chain(desk: Desk) -> None:
    await desk.follow()
    await desk.actor.mine_many(1_300)
    follower, watched = Follower(desk.runtime, desk.network), WatchList("local")
    await follower._until_caught_up(watched)
    cursor = await chain_store.cursor("local")
    assert cursor is not None and cursor.height >= 1_300
    kept = await ChainBlock.find_all().count()
    assert chain_store.BLOCKS_KEPT <= kept < chain_store.BLOCKS_KEPT + 500


async def test_a_block_that_comes_back_is_canonical_again(desk: Desk) -> None:
    await desk.follow()
    await desk.actor.mine()
    await desk.follow()
    cursor = await chain_store.cursor("local")
    assert cursor is not None
    header = await desk.chain.header(cursor.height)
    uow, now = desk.runtime.uow, desk.runtime.clock.now()
    await uow.run(lambda session: chain_store.orphan_block(session, desk.network.chain_id, header.hash))
    assert await chain_store.canonical_hash("local", cursor.height) is None
    await uow.run(lambda session: chain_store.record_blocks(session, "local", desk.network.chain_id, [header], now))
    assert await chain_store.canonical_hash("local", cursor.height) == header.hash
    assert await ChainBlock.find({"number": cursor.height}).count() == 1
