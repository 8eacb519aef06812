"""Two organisations watch the same address: the same transaction on the same chain is a row of each, and what is done to the one leaves the other."""

from datetime import datetime

import pytest

from crypto_api.classification import store as classification
from crypto_api.classification.documents import Counterparty
from crypto_api.classification.types import CounterpartyKind
from crypto_api.runtime import Runtime
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking, Finality
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import Wallet, WalletType
from tests.http.world import OTHER as COUNTERPARTY
from tests.http.world import OWN, stored_transaction

ONE, TWO = "org_one", "org_two"


@pytest.fixture
async def now(runtime: Runtime) -> datetime:
    now = runtime.clock.now()
    for org_id in (ONE, TWO):
        about = {"created_at": now, "org_id": org_id}
        await Wallet(
            id=f"wal of {org_id}",
            **about,
            updated_at=now,
            name="Operations",
            address=OWN,
            wallet_type=WalletType.WATCH,
            network="testnet",
            created_by="ada",
        ).insert()
        await Counterparty(id=f"cp of {org_id}", **about, address=COUNTERPARTY, name=f"Exchange of {org_id}", kind=CounterpartyKind.EXCHANGE).insert()
        await stored_transaction(org_id, f"wal of {org_id}", finality=Finality.ORPHANED, booking=Booking.REVERSED).insert()
    return now


def row_id(org_id: str) -> str:
    return transactions.transaction_id(org_id, 31337, f"0x{1:064x}")


@pytest.mark.usefixtures("now")
async def test_each_reads_its_own() -> None:
    (row,) = await transactions.by_ids(ONE, [row_id(ONE), row_id(TWO)])
    assert row.org_id == ONE
    (wallet,) = await wallets.by_ids(ONE, [f"wal of {ONE}", f"wal of {TWO}"])
    assert wallet.org_id == ONE
    assert await classification.known(ONE) == {COUNTERPARTY: ("Exchange of org_one", CounterpartyKind.EXCHANGE)}


@pytest.mark.usefixtures("now")
async def test_what_comes_back_in_another_block_comes_back_for_the_one_it_is_of(runtime: Runtime) -> None:
    before = await transactions.get(ONE, row_id(ONE))
    assert before is not None
    now = before.model_copy(update={"block_number": 7, "block_hash": "0xnew"})
    await runtime.uow.run(lambda session: transactions.put_in_block(session, [], [(before, now)]))
    theirs = await transactions.get(TWO, row_id(TWO))
    assert theirs is not None
    mistaken = theirs.model_copy(update={"org_id": ONE})
    await runtime.uow.run(lambda session: transactions.put_in_block(session, [], [(mistaken, mistaken)]))
    rows = {row.org_id: row for row in await Transaction.find_all().to_list()}
    assert (rows[ONE].block_number, rows[ONE].block_hash, rows[ONE].booking) == (7, "0xnew", Booking.DUE)
    assert (rows[TWO].block_number, rows[TWO].booking) == (1, Booking.REVERSED)
