"""Books against chain on a real node: a difference becomes an item, once, and the item closes itself when it is gone."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from crypto_api.checkpoints import store as checkpoints
from crypto_api.classification.types import Category
from crypto_api.flows.explain_difference import explain_by_itself
from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.flows.remedy_item import Choice, remedy_item
from crypto_api.inbox import service as inbox
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.errors import ItemClosed, NoSuchRemedy
from crypto_api.inbox.types import ItemKind, ItemState, Remedy
from crypto_api.kit.errors import InvalidInput
from crypto_api.ledger.documents import JournalEntry
from crypto_api.wallets import service as wallets
from crypto_api.wallets.documents import Wallet
from crypto_api.wallets.types import WalletChanges
from crypto_project.demo.keys import dev_account
from tests.conftest import ConfigMaker, LocalChain
from tests.factories.following import Desk, open_desk

D = Decimal
treasury, client = dev_account(1), dev_account(3)


@pytest.fixture
async def desk(chain: LocalChain, make_config: ConfigMaker) -> AsyncIterator[Desk]:
    async with open_desk(make_config, chain.rpc_url, chain.chain_id) as made:
        yield made


async def unexplained(desk: Desk) -> Wallet:
    """A wallet to which 3 ETH came without anything that tells of it."""
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    assert await desk.compare(wallet) == {"ETH": D(0)}
    await desk.actor.mine()  # the node puts what is set into its latest block
    await desk.actor.set_balance(treasury.address, 10_003 * 10**18)
    await desk.actor.mine()
    await desk.follow()
    return wallet


async def items(desk: Desk, kind: ItemKind = ItemKind.RECONCILIATION_DIFFERENCE) -> list[InboxItem]:
    return await InboxItem.find({"org_id": desk.org_id, "kind": kind}).to_list()


async def sweep(desk: Desk) -> None:
    await sweep_inbox(desk.runtime.uow, desk.runtime.clock, desk.org_id, desk.runtime.networks)


async def test_a_difference_is_one_item_and_closes_itself(desk: Desk) -> None:
    wallet = await unexplained(desk)
    for _ in range(3):
        assert await desk.compare(wallet) == {"ETH": D(3)}
        await sweep(desk)
    (item,) = await items(desk)
    assert (item.state, item.facts["difference"], item.facts["chain"], item.facts["books"]) == (ItemState.OPEN, "3", "10003", "10000")
    await desk.actor.set_balance(treasury.address, 10_000 * 10**18)
    await desk.actor.mine()
    await desk.follow()
    assert await desk.compare(wallet) == {"ETH": D(0)}
    (item,) = await items(desk)
    assert (item.state, item.live, item.closed_by) == (ItemState.RESOLVED, False, None)
    kept = await checkpoints.of_wallet(desk.org_id, wallet.id)
    assert [(point.difference, point.chain_raw) for point in kept[0].history] == [
        (D(0), str(10_000 * 10**18)),
        (D(3), str(10_003 * 10**18)),
        (D(0), str(10_000 * 10**18)),
    ]


async def test_nothing_is_compared_while_something_waits_to_be_booked_or_the_cursor_moved(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    await desk.actor.send(client, treasury.address, value=5)
    await desk.actor.mine()
    with monkeypatch.context() as patch:
        patch.setattr(Desk, "book", lambda self: _nothing())
        await desk.follow()
    with pytest.raises(AssertionError, match="not at rest"):
        await desk.compare(wallet)
    await desk.book()
    assert await desk.compare(wallet) == {"ETH": D(0)}


async def _nothing() -> int:
    return 0


async def test_a_person_books_the_difference_once_and_the_books_are_equal(desk: Desk) -> None:
    wallet = await unexplained(desk)
    await desk.compare(wallet)
    (item,) = await items(desk)
    with pytest.raises(InvalidInput, match="valid"):
        await remedy_item(desk.bench, desk.org_id, item.id, Choice(Remedy.BOOK_DIFFERENCE), "usr_1")
    with pytest.raises(NoSuchRemedy):
        await remedy_item(desk.bench, desk.org_id, item.id, Choice(Remedy.CLASSIFY), "usr_1")
    choice = Choice(Remedy.BOOK_DIFFERENCE, account_code="4300", reason="A reward paid by an internal call")
    done = await remedy_item(desk.bench, desk.org_id, item.id, choice, "usr_1")
    assert (done.state, done.closed_by, [attempt.by for attempt in done.attempts]) == (ItemState.RESOLVED, None, ["usr_1"])
    (entry,) = await JournalEntry.find({"org_id": desk.org_id, "source_kind": "difference"}).to_list()
    assert [(line.account_code, line.quantity) for line in entry.lines] == [("1100", D(3)), ("4300", D(-3))]
    assert (entry.created_by, await desk.holding(wallet)) == ("usr_1", D(10_003))
    with pytest.raises(ItemClosed):
        await remedy_item(desk.bench, desk.org_id, item.id, choice, "usr_1")


async def test_what_moved_unseen_is_found_and_booked_and_the_item_closes_itself(desk: Desk) -> None:
    wallet = await unexplained(desk)
    (row,) = await desk.checkpoints(wallet)
    search = await explain_by_itself(desk.runtime.uow, desk.runtime.clock, desk.network, desk.chain, row)
    await explain_by_itself(desk.runtime.uow, desk.runtime.clock, desk.network, desk.chain, row)
    (item,) = await items(desk)
    assert (search.rows, item.state, [attempt.by for attempt in item.attempts][:1]) == (1, ItemState.IN_PROGRESS, [None])
    assert await desk.book() == 1
    assert await desk.compare(wallet) == {"ETH": D(0)}
    assert [(row.state, row.closed_by) for row in await items(desk)] == [(ItemState.RESOLVED, None)]
    assert await desk.holding(wallet) == D(10_003)
    await sweep(desk)
    assert [item.subject_kind for item in await items(desk, ItemKind.UNCLASSIFIED)] == ["transaction"], "nobody knows yet what it was"


async def test_what_was_waived_stays_quiet_until_it_is_another_difference(desk: Desk) -> None:
    wallet = await unexplained(desk)
    await desk.compare(wallet)
    (item,) = await items(desk)
    clock = desk.runtime.clock
    await desk.runtime.uow.run(lambda session: inbox.waive(session, desk.org_id, item.id, clock.now(), "Known", "usr_1"))
    await desk.compare(wallet)
    await sweep(desk)
    assert [row.state for row in await items(desk)] == [ItemState.WAIVED]
    await desk.actor.set_balance(treasury.address, 10_004 * 10**18)
    await desk.actor.mine()
    await desk.follow()
    await desk.compare(wallet)
    (again,) = await items(desk)
    assert (again.id, again.state, again.facts["difference"], again.attempts[-1].what) == (item.id, ItemState.OPEN, "4", "waived")


async def test_a_wallet_that_is_not_watched_is_not_in_the_inbox(desk: Desk) -> None:
    wallet = await unexplained(desk)
    await desk.compare(wallet)
    uow, clock = desk.runtime.uow, desk.runtime.clock
    await wallets.update(uow, clock, desk.org_id, wallet.id, WalletChanges(monitoring_enabled=False))
    await sweep(desk)
    (item,) = await items(desk)
    assert item.state is ItemState.RESOLVED
    await wallets.update(uow, clock, desk.org_id, wallet.id, WalletChanges(monitoring_enabled=True))
    await desk.follow()  # opened anew: what came meanwhile stands in the books as a difference of the opening
    assert await desk.compare(wallet) == {"ETH": D(0)}


async def test_what_has_no_price_and_no_meaning_waits_until_it_has(desk: Desk) -> None:
    wallet = await desk.add(treasury.address, "Treasury")
    await desk.follow()
    await desk.actor.rpc("evm_increaseTime", 60)  # else both blocks may fall into one second, and have one price
    sent = await desk.actor.send(client, treasury.address, value=2 * 10**18)
    await desk.actor.mine()
    await desk.follow()
    await sweep(desk)
    priceless, meaning = await items(desk, ItemKind.MISSING_PRICE), await items(desk, ItemKind.UNCLASSIFIED)
    assert {row.subject_kind for row in priceless} == {"wallet", "transaction"}
    assert [row.facts["hash"] for row in meaning] == [sent.hash]
    for item in sorted(priceless, key=lambda row: row.subject_kind):  # a price is in force from its time on: the later one first
        nothing = await remedy_item(desk.bench, desk.org_id, item.id, Choice(Remedy.RETRY_PRICE), "usr_1")
        assert (nothing.state, nothing.attempts[-1].outcome) == (ItemState.IN_PROGRESS, "No source tells it.")
        done = await remedy_item(desk.bench, desk.org_id, item.id, Choice(Remedy.ENTER_PRICE, rate=D("2000.5")), "usr_1")
        assert done.state is ItemState.RESOLVED, done.attempts
    done = await remedy_item(desk.bench, desk.org_id, meaning[0].id, Choice(Remedy.CLASSIFY, category=Category.INCOME), "usr_1")
    assert done.state is ItemState.RESOLVED
    assert await desk.compare(wallet) == {"ETH": D(0)}
    standing = await JournalEntry.find({"org_id": desk.org_id, "status": "posted", "reverses": None}).to_list()
    assert sorted(entry.total_debit for entry in standing) == [D(4001), D(20_005_000)]
    assert await InboxItem.find({"org_id": desk.org_id, "live": True}).count() == 0
