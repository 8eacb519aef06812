"""Blocks read again on a real node: what somebody took away, altered or left behind in the database is put right, and the books are equal."""

from collections.abc import AsyncIterator
from decimal import Decimal
from random import Random

import pytest
from bson.decimal128 import Decimal128

from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import ChainBlock, ChainCursor, FollowState
from crypto_api.chains.types import BlockRange
from crypto_api.flows.confirm_transactions import confirm_transactions
from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.flows.reindex import Reindexed, reindex
from crypto_api.flows.resume_following import NotStopped, foresee, resume_following
from crypto_api.flows.rewind_chain import TooDeep
from crypto_api.flows.verify_ledger import verify_ledger
from crypto_api.inbox.documents import InboxItem
from crypto_api.kit.errors import InvalidInput
from crypto_api.ledger.documents import JournalEntry
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Finality, Status
from crypto_api.wallets.documents import Wallet
from crypto_project.demo.keys import dev_account
from tests.conftest import ConfigMaker, LocalChain
from tests.factories.following import Desk, open_desk

D = Decimal
treasury, operations, client = dev_account(1), dev_account(2), dev_account(3)
ETH = 10**18


@pytest.fixture
async def desk(chain: LocalChain, make_config: ConfigMaker) -> AsyncIterator[Desk]:
    async with open_desk(make_config, chain.rpc_url, chain.chain_id, reorg_depth_max=4) as made:
        yield made


async def again(desk: Desk, first: int | None = None, last: int | None = None, *, dry_run: bool = False) -> Reindexed:
    told: list[str] = []
    done = await reindex(desk.runtime.uow, desk.runtime.clock, desk.network, desk.chain, first, last, dry_run=dry_run, tell=told.append)
    assert told == [str(each) for each in done.found]
    await desk.book()
    return done


async def moved(desk: Desk) -> tuple[Wallet, Wallet]:
    """Two wallets, three payments in three blocks: from outside, to the other wallet, out."""
    one, two = await desk.add(treasury.address, "Treasury"), await desk.add(operations.address, "Operations")
    await desk.follow()
    for sender, to, value in ((client, treasury, 3), (treasury, operations, 2), (operations, client, 1)):
        await desk.actor.send(sender, to.address, value=value * ETH)
        await desk.actor.mine()
    await desk.follow()
    return one, two


async def equal(desk: Desk) -> bool:
    report = await verify_ledger(desk.runtime.uow, desk.org_id, desk.runtime.networks, desk.runtime.rpc)
    assert report.first_failure is None, report.first_failure
    return report.ok


async def test_a_row_that_is_gone_and_one_that_was_altered_are_restored(desk: Desk) -> None:
    await moved(desk)
    assert (await again(desk)).found == []
    rows = Transaction.get_pymongo_collection()
    first, second, _ = await Transaction.find_all().sort("+block_number").to_list()
    await rows.delete_one({"_id": first.id})
    altered = {"movements.0.raw_amount": "1", "movements.0.amount": Decimal128("0.000000000000000001")}
    await rows.update_one({"_id": second.id}, {"$set": altered})
    seen = await again(desk, dry_run=True)
    assert [(each.fault, each.row.id) for each in seen.found] == [("missing", first.id), ("differs", second.id)]
    assert await Transaction.find_all().count() == 2, "it only said so"
    done = await again(desk)
    assert [each.fault for each in done.found] == ["missing", "differs"]
    restored = {row.id: row for row in await Transaction.find_all().to_list()}
    assert restored[first.id].movements[0].raw_amount == str(3 * ETH) and restored[second.id].movements[0].raw_amount == str(2 * ETH)
    assert (await again(desk)).found == []
    assert await equal(desk)
    assert await JournalEntry.find({"transaction_id": second.id}).count() == 3, "its entry, the mirror, and it once more"


async def test_an_altered_row_that_was_booked_so_is_booked_anew(desk: Desk) -> None:
    one, _ = await moved(desk)
    first = await Transaction.find_one({"block_number": 11})
    assert first is not None
    standing = await JournalEntry.find_one({"transaction_id": first.id})
    assert standing is not None
    wrong = [{**line, "quantity": Decimal128(line["quantity"].to_decimal() * 2)} for line in (await _raw(standing))["lines"]]
    await JournalEntry.get_pymongo_collection().update_one({"_id": standing.id}, {"$set": {"lines": wrong}})
    changed = {"movements.0.raw_amount": str(6 * ETH)}
    await Transaction.get_pymongo_collection().update_one({"_id": first.id}, {"$set": changed})
    await again(desk, 11, 11)
    (entry,) = await JournalEntry.find({"transaction_id": first.id, "status": "posted", "reverses": None}).to_list()
    assert [line.quantity for line in entry.lines if line.wallet_id == one.id] == [D(3)]


async def _raw(entry: JournalEntry) -> dict:  # type: ignore[type-arg]
    found = await JournalEntry.get_pymongo_collection().find_one({"_id": entry.id})
    assert found is not None
    return found


async def test_only_what_the_cursor_has_passed_is_read(desk: Desk) -> None:
    await moved(desk)
    for first, last in ((0, 5), (12, 11), (1, 10_000)):
        with pytest.raises(InvalidInput):
            await again(desk, first, last)
    assert (await again(desk, 11, 12)).blocks == 2


# ---- too deep ------------------------------------------------------------------------------------------------------------------------


async def stopped(desk: Desk, depth: int) -> None:
    await desk.actor.reorg(depth, Random(5), drop_share=0.5)
    with pytest.raises(TooDeep):
        await desk.follow()


async def test_a_stop_is_told_and_a_person_lets_it_go_on(desk: Desk) -> None:
    one, two = await moved(desk)
    with pytest.raises(NotStopped):
        await foresee(desk.network, desk.chain)
    await desk.actor.mine_many(4)
    await desk.follow()
    before = await desk.holding(one)
    await stopped(desk, 7)  # every block in which anything moved
    await sweep_inbox(desk.runtime.uow, desk.runtime.clock, desk.org_id, desk.runtime.networks)
    (item,) = await InboxItem.find({"kind": "follower_stopped"}).to_list()
    assert (item.state, item.subject_id, "resume_following" in item.cause) == ("open", "local", True)
    foreseen = await foresee(desk.network, desk.chain)
    assert (foreseen.height, foreseen.undone, foreseen.gap, await desk.holding(one)) == (10, 7, None, before), "nothing is changed by looking"
    assert await resume_following(desk.runtime.uow, desk.runtime.clock, desk.network, desk.chain) == foreseen
    await desk.follow()
    assert await desk.compare(one) == await desk.compare(two) == {"ETH": D(0)}
    await sweep_inbox(desk.runtime.uow, desk.runtime.clock, desk.org_id, desk.runtime.networks)
    item = await InboxItem.find_one({"_id": item.id})  # type: ignore[assignment]
    assert (item.state, item.closed_by) == ("resolved", None)


async def test_below_every_kept_block_a_gap_is_named_until_it_is_read_again(desk: Desk) -> None:
    one, _ = await moved(desk)
    await desk.actor.mine_many(4)
    await desk.follow()
    await ChainBlock.find({"number": {"$lt": 14}}).delete()
    await stopped(desk, 7)
    done = await resume_following(desk.runtime.uow, desk.runtime.clock, desk.network, desk.chain)
    assert (done.height, done.gap) == (13, BlockRange(first=11, last=13))
    await desk.follow()
    cursor = await chain_store.cursor("local")
    assert cursor is not None and (cursor.gaps, cursor.state) == ([BlockRange(first=11, last=13)], FollowState.FOLLOWING)
    faults = [each.fault for each in (await again(desk, 11)).found]
    assert "gone" in faults
    cursor = await chain_store.cursor("local")
    assert cursor is not None and cursor.gaps == []
    assert await desk.compare(one) == {"ETH": D(0)}


# ---- states and coverage -------------------------------------------------------------------------------------------------------------


async def test_what_the_network_calls_final_is_confirmed(desk: Desk) -> None:
    await moved(desk)
    await Transaction.find_all().update({"$set": {"finality": Finality.PENDING}})
    assert await confirm_transactions(desk.runtime.uow, desk.runtime.clock, desk.network, 13, final=12) == 2
    rows = await Transaction.find_all().sort("+block_number").to_list()
    assert [row.status for row in rows] == [Status.CONFIRMED, Status.CONFIRMED, Status.PENDING]


async def test_a_follower_that_was_away_fills_by_range(desk: Desk) -> None:
    one, _ = await moved(desk)
    for number in range(1, 61):
        if number % 20 == 0:
            await desk.actor.send(client, treasury.address, value=number)
        await desk.actor.mine()
    steps = 0
    while not (await desk.step()).caught_up:
        steps += 1
    cursor = await ChainCursor.get("local")
    assert cursor is not None and (steps, cursor.first_height, cursor.height, cursor.gaps) == (1, 10, 73, [])
    assert await Transaction.find({"block_number": {"$gt": 13}}).count() == 3
    assert await desk.compare(one) == {"ETH": D(0)}
