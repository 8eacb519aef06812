"""Many rows are confirmed in one unit of work while the books take them in one after another: neither makes the other run again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from crypto_api.chains import store as chain_store
from crypto_api.events.documents import Event
from crypto_api.flows.advance_chain import advance_chain, start_following
from crypto_api.flows.book_due import TOGETHER_MAX, book_due
from crypto_api.flows.confirm_transactions import confirm_transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking, Finality
from crypto_project.demo.keys import dev_account
from mongodb_config.unit_of_work import Result, Session, UnitOfWork
from tests.conftest import ConfigMaker, LocalChain
from tests.factories.following import Desk, open_desk

treasury, client = dev_account(1), dev_account(3)
PAYMENTS = 40


class Counting(UnitOfWork):
    """How often work was begun, and how often asked for."""

    asked = begun = 0

    async def run(self, work: Callable[[Session], Awaitable[Result]]) -> Result:
        self.asked += 1
        return await super().run(work)

    async def _once(self, work: Callable[[Session], Awaitable[Result]]) -> Result:
        self.begun += 1
        return await super()._once(work)


@pytest.fixture
async def desk(chain: LocalChain, make_config: ConfigMaker) -> AsyncIterator[Desk]:
    async with open_desk(make_config, chain.rpc_url, chain.chain_id) as made:
        yield made


async def test_rows_are_confirmed_while_they_are_booked(desk: Desk) -> None:
    await desk.add(treasury.address, "Treasury")
    await desk.follow()
    for amount in range(1, PAYMENTS + 1):
        await desk.actor.send(client, treasury.address, value=amount)
    await desk.actor.mine_many(6)
    runtime, network, turn = desk.runtime, desk.network, asyncio.Lock()
    while not (step := await advance_chain(runtime.uow, runtime.clock, network, desk.chain, desk.watched, await cursor(desk))).caught_up:
        pass

    booking, confirming = Counting(runtime.mongo), Counting(runtime.mongo)
    booked = asyncio.create_task(book_due(booking, runtime.clock, network, desk.feeds, runtime.queue, turn=turn))
    while not await Transaction.find({"org_id": desk.org_id, "booking": Booking.DONE}).count():
        assert not booked.done(), booked  # it is to be under way
    assert await confirm_transactions(confirming, runtime.clock, network, step.height, turn=turn) == PAYMENTS
    left = await Transaction.find({"org_id": desk.org_id, "booking": Booking.DUE}).count()
    assert await booked == PAYMENTS
    assert left > 0, "it came in between, not after"
    assert (confirming.asked, confirming.begun) == (1, 1)
    units = -(-PAYMENTS // TOGETHER_MAX)
    assert booking.begun == booking.asked <= units + 1, "some had been read before they were confirmed, and were read again with the others"
    rows = await Transaction.find({"org_id": desk.org_id}).to_list()
    assert [(row.finality, row.booking) for row in rows] == [(Finality.CONFIRMED, Booking.DONE)] * PAYMENTS
    told = await Event.find({"org_id": desk.org_id, "kind": "transaction.confirmed"}).to_list()
    assert sorted(event.data["transaction_id"] for event in told) == sorted(row.id for row in rows)
    followed = await chain_store.cursor(network.slug)
    assert followed is not None and followed.confirmed == step.height - network.confirmations


async def cursor(desk: Desk):  # type: ignore[no-untyped-def]
    return await start_following(desk.network, desk.chain, desk.runtime.clock)
