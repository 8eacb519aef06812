"""The cases that products of this kind get wrong, numbered as such lists number them, each on a real node with real contracts. The twelfth, a crash
between broadcast and save, stands with the payments (`tests/http/test_payments.py`), and so does what this system itself replaces, cancels and
links (7). 13 and 14 are tested as far as movements and entries go: invoices come later."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from bson.decimal128 import Decimal128

from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.address_book.documents import Payee
from crypto_api.classification import store as counterparties
from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.flows.remedy_item import Bench, Choice, remedy_item
from crypto_api.http.schemas.transactions import TransactionRead
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.types import ItemKind, ItemState, Remedy
from crypto_api.kit.amounts import UINT256_MAX
from crypto_api.kit.sending import NodeCall
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, AsOf, EntryStatus
from crypto_api.prices.documents import ManualPrice
from crypto_api.reports import as_of
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking, Finality, MovementKind, Origin, Status
from crypto_project.demo.chain import SentTransaction
from crypto_project.embedded.servers import Addresses
from tests.factories.chain_house import ETHER, Books, House, deployer, open_house, stranger

D = Decimal


@pytest.fixture(scope="module")
async def house(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder: Path = tmp_path_factory.mktemp("house")

    async with open_house(addresses, folder) as opened:
        yield opened


@asynccontextmanager
async def ether_at(house: House, usd: int) -> AsyncIterator[None]:
    """What the feed says from the next block on; before and after it says 2,000."""
    await house.call(deployer, "ETHUSD", "post", usd * 10**8)
    await house.mine()
    try:
        yield
    finally:
        await house.call(deployer, "ETHUSD", "post", 2_000 * 10**8)
        await house.mine()


async def moved(books: Books, code: AccountCode) -> Decimal:
    """Debit less credit of an account."""
    return next((row.debit - row.credit for row in await ledger_store.trial_balance(books.org_id) if row.account_code == code), D(0))


async def gas_of(books: Books, sent: list[SentTransaction], usd: int) -> tuple[Decimal, Decimal]:
    """Of all of them: ether, and what it is worth at that price, each as exactly as books keep values."""
    paid = [D((await books.row(each)).gas_fee_raw or 0).scaleb(-18) for each in sent]
    return sum(paid, D(0)), sum([(each * usd).quantize(D("1e-8")) for each in paid], D(0))


# ---- 1 fee on transfer, rebasing -------------------------------------------------------------------------------------------------


async def test_01_of_a_token_that_takes_a_fee_what_arrived_is_credited(house: House) -> None:
    books = await house.found()
    key, till = await books.wallet("Till")
    _, safe = await books.wallet("Safe")
    await house.call(stranger, "FEE", "mint", stranger.address, 10_000_000_000)
    await house.mine()
    data = str(house.contract("FEE").encode_abi("transfer", [till.address, 1_000_000_000]))
    token, node = house.addresses["FEE"], PaymentNode(house.chain, None)
    assert await node.arrives(stranger.address, NodeCall(token, 0, data), token, [till.address, safe.address]) == [970_000_000, 0], (
        "known before it is sent"
    )
    first = await house.call(stranger, "FEE", "transfer", till.address, 1_000_000_000)
    await house.mine()
    assert await books.holding(till, "FEE") == 1000, "its log says so, and nothing is known against it yet"
    assert await books.on_chain(till, "FEE") == 970
    search = await books.search(till, "FEE")
    (movement,) = (await books.row(first)).movements
    assert (search.rows, movement.raw_amount, movement.raw_event_amount, movement.amount) == (1, "970000000", "1000000000", D(970))
    assert await books.agrees(till, "FEE")
    entries = await books.entries(await books.row(first))
    assert len(entries) == 1, "the entry of what did not arrive is reversed"
    assert (await books.search(till, "FEE")).rows == 0

    second = await house.call(stranger, "FEE", "transfer", till.address, 100_000_000)
    own = await house.call(key, "FEE", "transfer", safe.address, 500_000_000)
    await house.mine()
    assert [row.amount for row in (await books.row(second)).movements] == [D(97)], "from now on the balances count"
    moved = {row.key.rpartition(":")[2]: row for row in (await books.row(own)).movements if row.asset == "FEE"}
    assert sorted((row.kind, row.direction, row.amount) for row in moved.values()) == [("erc20", "internal", D(485)), ("levy", "out", D(15))]
    assert await books.agrees(till, "FEE") and await books.agrees(safe, "FEE")
    assert AccountCode.NETWORK_FEES in {line.account_code for entry in await books.entries(await books.row(own)) for line in entry.lines}

    await house.call(stranger, "FEE", "take", True)
    on_top = await house.call(key, "FEE", "transfer", stranger.address, 100_000_000)
    await house.mine()
    fees = [(row.kind, row.amount) for row in (await books.row(on_top)).movements if row.asset == "FEE"]
    assert fees == [(MovementKind.ERC20, D(100)), (MovementKind.LEVY, D(3))]
    assert await books.agrees(till, "FEE")


async def test_01_a_balance_that_changes_without_an_event_becomes_a_row_of_its_own(house: House) -> None:
    books = await house.found()
    _, wallet = await books.wallet("Rebasing")
    await house.call(stranger, "REB", "mint", wallet.address, 100 * ETHER)
    await house.mine()
    assert await books.agrees(wallet, "REB")
    await house.call(stranger, "REB", "rebase", 110)
    await house.mine()
    await house.call(stranger, "REB", "rebase", 90)
    await house.mine()
    assert not await books.agrees(wallet, "REB")
    search = await books.search(wallet, "REB")
    changes = [(row.movements[0].direction, row.movements[0].amount) for row in await books.rows() if row.origin is Origin.BALANCE]
    assert (search.rows, changes) == (2, [("in", D(10)), ("out", D(20))])
    assert await books.agrees(wallet, "REB")
    assert (await books.search(wallet, "REB")).rows == 0
    assert {row.category for row in await books.rows() if row.origin is Origin.BALANCE} == {"unclassified"}, "a person says what it was"

    last = (await books.rows())[-1]
    await Transaction.get_pymongo_collection().update_one(  # as if only a part of it had been found
        {"_id": last.id, "org_id": books.org_id}, {"$set": {"movements.0.raw_amount": str(5 * ETHER), "movements.0.amount": Decimal128("5")}}
    )
    assert (await books.search(wallet, "REB")).rows == 1
    assert [m.amount for m in (await books.rows())[-1].movements] == [D(20)], "what is found later in a block is added to what was found"
    assert await books.agrees(wallet, "REB") and (await books.search(wallet, "REB")).rows == 0


# ---- 2 internal transfers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("traces", ["touched", "none"])
async def test_02_a_contract_that_passes_the_coin_on(house: House, traces: str) -> None:
    books = await house.found()
    key, sender = await books.wallet("Sender")
    _, receiver = await books.wallet("Receiver")
    listened, house.network = house.network, house.network.model_copy(update={"traces": traces})
    try:
        seen = await house.call(key, "FORWARDER", "forward", sender.address, value=ETHER)  # there and back, by a call
        await house.mine()
        row = await books.row(seen)
        back = [(m.key, m.kind, m.basis, m.raw_amount) for m in row.movements if m.direction == "in"]
        assert back == [("trace:0" if traces == "touched" else "balance", "internal", "trace" if traces == "touched" else "balance", str(ETHER))]
        assert await books.agrees(sender)

        hidden = await house.call(stranger, "FORWARDER", "stumble", receiver.address, value=2 * ETHER)  # touches nothing else of ours
        await house.mine()
        assert not await books.agrees(receiver)
        assert await Transaction.find({"org_id": books.org_id, "hash": hidden.hash}).count() == 0
        assert (await books.search(receiver)).rows == 1
        found = (await books.rows())[-1]
        assert (found.origin, found.hash == hidden.hash) == ((Origin.TRANSACTION, True) if traces == "touched" else (Origin.BALANCE, False))
        assert [m.key for m in found.movements] == (["trace:1"] if traces == "touched" else [f"balance:{found.block_hash}"])
        assert [m.raw_amount for m in found.movements] == [str(ETHER)], "the call that failed moved nothing"
        assert found.booking is Booking.DONE
        assert await books.agrees(receiver)
        again = await books.search(receiver)
        assert (again.rows, len(await books.entries(found))) == (0, 1)
    finally:
        house.network = listened


async def test_02_the_block_is_found_among_many(house: House) -> None:
    books = await house.found()
    _, wallet = await books.wallet("Patient")
    sent = []
    for blocks in (40, 1, 90):
        sent.append(await house.call(stranger, "FORWARDER", "forward", wallet.address, value=ETHER))
        await house.actor.mine_many(blocks)
    await house.follow()
    assert (await books.search(wallet)).rows == 3
    assert [row.hash for row in await books.rows()] == [transaction.hash for transaction in sent]
    assert await books.agrees(wallet)


async def test_02_where_blocks_are_traced_whole_nothing_is_hidden(house: House) -> None:
    books = await house.found()
    _, wallet = await books.wallet("Receiver")
    listened, house.network = house.network, house.network.model_copy(update={"traces": "blocks"})
    try:
        sent = await house.call(stranger, "FORWARDER", "stumble", wallet.address, value=2 * ETHER)
        await house.mine()
        row = await books.row(sent)
        assert [(m.key, m.raw_amount) for m in row.movements] == [("trace:1", str(ETHER))]
        assert await books.agrees(wallet) and (await books.search(wallet)).rows == 0
    finally:
        house.network = listened


async def test_02_value_that_a_contract_is_created_with_is_the_contracts(house: House) -> None:
    books = await house.found()
    deployed = await house.deploy("FORWARDER", value=3)
    assert int(await house.actor.rpc("eth_getBalance", deployed, "latest"), 16) == 3
    key, wallet = await books.wallet("Creator")
    code = bytes.fromhex(house.artifacts["Forwarder"].bytecode[2:])
    created = await house.actor.send(key, None, value=7, data=code, gas=3_000_000)
    await house.mine()
    row = await books.row(created)
    contract = str((await house.actor.wait(created))["contractAddress"])
    assert [(m.key, m.to_address) for m in row.movements if m.kind == "native"] == [("value", contract)]
    assert row.to_address is None and await books.agrees(wallet)


# ---- 3 reorganisations -----------------------------------------------------------------------------------------------------------


async def test_03_a_confirmed_transaction_that_leaves_the_chain_is_reversed_and_comes_back_elsewhere(house: House) -> None:
    books = await house.found()
    _, wallet = await books.wallet("Reorganised")
    sent = await house.call(stranger, "FORWARDER", "forward", stranger.address)  # a block below, so that the fork is not at the opening
    await house.mine()
    sent = await house.actor.send(stranger, wallet.address, value=5 * ETHER)
    await house.mine()
    for _ in range(3):
        await house.mine()
    before = await books.row(sent)
    assert (before.status, await books.holding(wallet)) == (Status.CONFIRMED, D(15))
    await house.actor.rpc("anvil_reorg", 4, [])
    house.actor.forget_nonces()
    await house.mine()
    gone = await books.row(sent)
    assert (gone.finality, gone.booking, await books.holding(wallet)) == (Finality.ORPHANED, Booking.REVERSED, D(10))
    assert await books.agrees(wallet)
    await house.actor.rpc("eth_sendRawTransaction", sent.raw)
    await house.mine()
    back = await books.row(sent)
    assert (back.finality, len(back.past_inclusions), await books.holding(wallet)) == (Finality.PENDING, 1, D(15))
    assert back.block_hash != before.block_hash
    entries = await JournalEntry.find({"org_id": books.org_id, "transaction_id": back.id}).to_list()
    assert sorted(entry.status for entry in entries if entry.reverses is None) == [EntryStatus.POSTED, EntryStatus.REVERSED]


async def test_03_a_block_of_the_same_number_on_another_branch_is_another_block(house: House) -> None:
    books = await house.found()
    _, wallet = await books.wallet("Forked")
    for _ in range(2):  # so that the fork is not at the opening
        await house.mine()
    sent = await house.actor.send(stranger, wallet.address, value=5 * ETHER)
    other = await house.actor.send(deployer, deployer.address, value=1)
    for _ in range(3):
        await house.mine()
    before = await books.row(sent)
    assert (before.status, await books.holding(wallet)) == (Status.CONFIRMED, D(15))
    await house.actor.rpc("anvil_reorg", 3, [[sent.raw, 0]])  # the other one is not in the new block
    house.actor.forget_nonces()
    await house.mine()
    after = await books.row(sent)
    receipt = await house.actor.rpc("eth_getTransactionReceipt", sent.hash)
    assert await house.actor.rpc("eth_getTransactionReceipt", other.hash) is None
    assert (after.block_number, after.block_hash) == (before.block_number, receipt["blockHash"])
    assert after.block_hash != before.block_hash
    assert (after.finality, [row.block_hash for row in after.past_inclusions]) == (Finality.CONFIRMED, [before.block_hash])
    entries = await JournalEntry.find({"org_id": books.org_id, "transaction_id": after.id, "reverses": None}).to_list()
    assert sorted(entry.status for entry in entries) == [EntryStatus.POSTED, EntryStatus.REVERSED], "reversed and booked again, never deleted"
    assert (await books.holding(wallet), await books.agrees(wallet)) == (D(15), True)


async def test_03_what_was_found_in_traces_goes_and_comes_with_its_block(house: House) -> None:
    books = await house.found()
    _, wallet = await books.wallet("Hidden")
    await house.mine()
    sent = await house.call(stranger, "FORWARDER", "forward", wallet.address, value=ETHER)
    await house.mine()
    assert (await books.search(wallet)).rows == 1 and await books.holding(wallet) == 11
    await house.actor.rpc("anvil_reorg", 1, [])
    house.actor.forget_nonces()
    await house.mine()
    gone = await books.row(sent)
    assert (gone.finality, await books.holding(wallet), await books.agrees(wallet)) == (Finality.ORPHANED, D(10), True)
    assert (await books.search(wallet)).rows == 0
    await house.actor.rpc("eth_sendRawTransaction", sent.raw)
    await house.mine()
    assert not await books.agrees(wallet), "it touches nothing of ours: only a search sees it"
    assert (await books.search(wallet)).rows == 1
    back = await books.row(sent)
    assert (back.finality, back.booking, len(back.past_inclusions), len(await books.entries(back))) == (Finality.PENDING, Booking.DONE, 1, 1)
    assert await books.agrees(wallet)


# ---- 4 spam and poisoning --------------------------------------------------------------------------------------------------------


async def test_04_what_strangers_send_or_pretend_is_shown_apart_and_never_booked(house: House) -> None:
    books = await house.found()
    _, wallet = await books.wallet("Baited")
    known = (await books.wallet("Known"))[1].address
    poison = known[:6] + "ab" * 16 + known[-4:]
    sent = [
        await house.call(stranger, "HUSH", "transferFrom", wallet.address, house.actor.w3.to_checksum_address(poison), 0),
        await house.call(stranger, "USD", "transferFrom", wallet.address, house.actor.w3.to_checksum_address(poison), 0),
        await house.call(stranger, "HUSH", "mint", wallet.address, 10**24),
        await house.call(stranger, "PIC", "mint", wallet.address, 7),
        await house.call(stranger, "ITEM", "mint", wallet.address, 3, 50),
        await house.call(stranger, "ITEM", "mintMany", wallet.address, list(range(150)), [1] * 150, gas=6_000_000),
        await house.actor.send(stranger, wallet.address, data=b"visit us", gas=60_000),
    ]
    dust = await house.call(stranger, "FORWARDER", "forward", wallet.address, value=1)
    await house.mine()
    for transaction in sent:
        row = await books.row(transaction)
        assert all(movement.spam for movement in row.movements), row.movements
        assert (row.category, row.booking, await books.entries(row)) == ("spam", Booking.NONE, [])
        assert [(movement.rate, movement.value) for movement in row.movements] == [(None, None)] * len(row.movements), "nobody asks what it is worth"
        assert row.from_address == stranger.address, "whoever the event names, the sender is who signed"
    assert await counterparties.known(books.org_id) == {}
    assert await Payee.find({"org_id": books.org_id}).count() == 0, "pickers offer the address book alone"
    poisoned, genuine, picture, items, many = [await books.row(sent[i]) for i in (0, 1, 3, 4, 5)]
    for row in (poisoned, genuine):
        assert "looks like one you know" in (row.movements[0].spam_reason or "")
        assert (row.movements[0].direction, row.movements[0].raw_amount) == ("out", "0")
    assert genuine.movements[0].asset == "USD", "of a token that is listed, as poisoners like it best"
    assert [(m.kind, m.token_id, m.amount, m.asset) for m in picture.movements] == [
        ("erc721", "7", D(1), f"eip155:31337/erc721:{house.addresses['PIC']}")
    ]
    assert [(m.kind, m.token_id, m.raw_amount) for m in items.movements] == [("erc1155", "3", "50")]
    assert (len(many.movements), many.movements_left_out) == (100, 50), "a stranger's flood is cut, and how much is said"
    assert [m.key.rpartition(":")[2] for m in many.movements[:3]] == ["0", "1", "2"]
    assert await books.search(wallet) and await books.row(dust), "a coin that really came changed the balance, dust or not"
    assert await books.agrees(wallet)


async def test_04_collectibles_of_ones_own_are_recorded_and_not_booked(house: House) -> None:
    books = await house.found()
    key, wallet = await books.wallet("Collector")
    bought = await house.call(key, "PIC", "mint", wallet.address, 2**255)
    await house.mine()
    row = await books.row(bought)
    assert [(m.kind, m.direction, m.token_id, m.spam) for m in row.movements if m.kind != "gas"] == [("erc721", "in", str(2**255), False)]
    lines = [line for entry in await books.entries(row) for line in entry.lines]
    assert {line.asset for line in lines if line.asset} == {"ETH"}, "nothing but the gas is in the books"


# ---- 5, 6 decimals and size ------------------------------------------------------------------------------------------------------


async def test_05_none_many_and_unknown_decimals(house: House) -> None:
    books = await house.found()
    key, wallet = await books.wallet("Decimals")
    whole = await house.call(stranger, "WHOLE", "mint", wallet.address, 12)
    await house.call(stranger, "DEEP", "mint", wallet.address, 1_500_000_000_000_000_000_000_001)
    await house.call(stranger, "HUSH", "mint", wallet.address, 5)
    await house.mine()
    silent = await house.call(key, "HUSH", "transfer", stranger.address, 5)
    await house.mine()
    assert ((await books.row(whole)).movements[0].amount, await books.holding(wallet, "WHOLE")) == (D(12), D(12))
    assert await books.holding(wallet, "DEEP") == D("1.500000000000000000000001")
    movement = next(m for m in (await books.row(silent)).movements if m.kind == "erc20")
    assert (movement.decimals, movement.amount, movement.raw_amount, movement.spam) == (None, None, "5", False), "quarantined, never taken for 18"
    assert {line.asset for entry in await books.entries(await books.row(silent)) for line in entry.lines if line.asset} == {"ETH"}
    assert await books.agrees(wallet, "WHOLE") and await books.agrees(wallet, "DEEP")


async def test_05_decimals_are_those_that_were_told_first(house: House) -> None:
    """What a contract says of itself later does not change what its amounts meant."""
    books = await house.found()
    key, _ = await books.wallet("Pinned")
    shifting = await house.deploy("SHIFT")
    rows = []
    for decimals in (6, 18):
        await house.call(stranger, "SHIFT", "shift", decimals, at=shifting)
        await house.mine()
        rows.append(await house.call(key, "SHIFT", "transfer", stranger.address, 5_000_000, at=shifting))
        await house.mine()
    told = [next(movement for movement in (await books.row(sent)).movements if movement.kind == "erc20") for sent in rows]
    assert [(movement.decimals, movement.amount, movement.raw_amount) for movement in told] == [(6, D(5), "5000000")] * 2


async def test_06_amounts_of_78_digits_are_kept_to_the_last_and_stay_out_of_the_books(house: House) -> None:
    books = await house.found()
    key, wallet = await books.wallet("Huge")
    came = await house.call(stranger, "HUGE", "mint", wallet.address, UINT256_MAX)
    allowed = await house.call(key, "USD", "approve", stranger.address, UINT256_MAX)
    await house.mine()
    row = await books.row(came)
    assert (row.movements[0].raw_amount, row.movements[0].amount, row.booking) == (str(UINT256_MAX), None, Booking.NONE)
    told = orjson.loads(TransactionRead.of(row, frozenset()).model_dump_json())
    assert told["movements"][0]["raw_amount"] == str(UINT256_MAX), "as text: a number in JSON would lose the end of it"
    assert [m.kind for m in (await books.row(allowed)).movements] == ["gas"], "an allowance is no movement"
    assert (await books.row(allowed)).category == "gas"


# ---- 7, 8, 9 whose transaction, whose gas ----------------------------------------------------------------------------------------


async def test_07_of_two_transactions_with_one_nonce_the_mined_one_counts(house: House) -> None:
    books = await house.found()
    key, wallet = await books.wallet("Replacing")

    def signed(nonce: int, fee: int, to: str, value: int) -> str:
        fields = {"chainId": 31337, "nonce": nonce, "value": value, "to": to, "gas": 21_000, "maxFeePerGas": fee, "maxPriorityFeePerGas": fee}
        return str(key.sign_transaction(fields).raw_transaction.to_0x_hex())

    slow = await house.actor.rpc("eth_sendRawTransaction", signed(0, 5 * 10**9, stranger.address, ETHER))
    fast = await house.actor.rpc("eth_sendRawTransaction", signed(0, 9 * 10**9, stranger.address, ETHER))
    payment = await house.actor.rpc("eth_sendRawTransaction", signed(1, 5 * 10**9, stranger.address, ETHER))
    cancel = await house.actor.rpc("eth_sendRawTransaction", signed(1, 9 * 10**9, wallet.address, 0))
    await house.mine()
    rows = await books.rows()
    assert {row.hash for row in rows} == {fast, cancel} and not {slow, payment} & {row.hash for row in rows}
    assert [row.gas_fee_raw for row in rows] == [str(21_000 * 9 * 10**9)] * 2, "gas of what was mined, once"
    assert await books.agrees(wallet)


async def test_08_what_stays_in_the_house_is_no_income_and_costs_gas_alone(house: House) -> None:
    books = await house.found()
    key, one = await books.wallet("One")
    _, two = await books.wallet("Two")
    own, to_itself = await house.actor.send(key, two.address, value=ETHER), await house.actor.send(key, one.address, value=2 * ETHER)
    await house.mine()
    for sent in (own, to_itself):
        row = await books.row(sent)
        assert (row.category, [(m.key, m.direction) for m in row.movements]) == ("own_transfer", [("value", "internal"), ("gas", "out")])
        accounts = {line.account_code for entry in await books.entries(row) for line in entry.lines}
        assert accounts <= {AccountCode.CRYPTO, AccountCode.NETWORK_FEES, AccountCode.GAINS, AccountCode.LOSSES}
    assert await books.agrees(one) and await books.holding(two) == 11


async def test_08_value_moves_at_what_it_cost_and_the_fee_alone_is_disposed_of(house: House) -> None:
    books = await house.found()
    key, one = await books.wallet("One")
    _, two = await books.wallet("Two", wei=0)
    async with ether_at(house, 3_000):
        sent = [await house.actor.send(key, two.address, value=4 * ETHER), await house.actor.send(key, one.address, value=2 * ETHER)]
        await house.mine()
    gas, cost = await gas_of(books, sent, 2_000)
    _, worth = await gas_of(books, sent, 3_000)
    held = await ledger_store.holdings(books.org_id)
    assert held[two.id, "ETH"] == (D(4), D(8_000)), "ten came at 2,000; what moved on moved at that, whatever it is worth by now"
    assert held[one.id, "ETH"] == (D(6) - gas, D(12_000) - cost)
    assert await moved(books, AccountCode.NETWORK_FEES) == worth
    assert await moved(books, AccountCode.GAINS) == cost - worth, "of the gas, and of nothing else"
    assert await moved(books, AccountCode.LOSSES) == 0


async def test_09_a_failed_transaction_costs_its_gas_and_what_others_pay_for_costs_nothing(house: House) -> None:
    books = await house.found()
    key, wallet = await books.wallet("Failing")
    failed = await house.call(key, "FORWARDER", "payThenRevert", wallet.address, value=ETHER)
    await house.mine()
    row = await books.row(failed)
    assert (row.status, row.category, [m.kind for m in row.movements]) == (Status.FAILED, "failed", ["gas"])
    assert await books.agrees(wallet)
    address = await house.deploy("ACCOUNT")
    _, account = await books.wallet("Account", address=address)
    relayed = await house.call(stranger, "ACCOUNT", "execute", stranger.address, 2 * ETHER, b"", at=address)
    await house.mine()
    row = await books.row(relayed)
    assert [(m.key, m.kind, m.direction) for m in row.movements] == [("trace:0", "internal", "out")], "no gas: it was somebody else's"
    assert row.gas_fee_raw is None and await books.holding(account) == 8 and await books.agrees(account)


# ---- 10 wrapping -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("traces", ["touched", "blocks", "none"])
async def test_10_the_coin_changes_its_form_and_nothing_is_doubled(house: House, traces: str) -> None:
    books = await house.found()
    key, wallet = await books.wallet("Wrapping")
    address = await house.deploy("ACCOUNT")
    _, account = await books.wallet("Account", address=address)
    listened, house.network = house.network, house.network.model_copy(update={"traces": traces})
    try:
        deposit = await house.call(key, "WETH", "deposit", value=4 * ETHER)
        withdrawal = await house.call(key, "WETH", "withdraw", ETHER)
        inside = bytes.fromhex(house.contract("WETH").encode_abi("deposit", [])[2:])
        by_account = await house.call(stranger, "ACCOUNT", "execute", house.addresses["WETH"], 3 * ETHER, inside, at=address)
        await house.call(key, "WETH", "approve", house.addresses["FORWARDER"], UINT256_MAX)
        await house.mine()
        routed = await house.call(key, "FORWARDER", "unwrapTo", house.addresses["WETH"], ETHER, wallet.address)
        await house.mine()
        for sent in (deposit, withdrawal, by_account):
            assert (await books.row(sent)).category == "wrap"
        assert [m.key.rpartition(":")[2] for m in (await books.row(withdrawal)).movements if m.asset == "ETH"] == ["native", "gas"]
        back = next(m for m in (await books.row(routed)).movements if m.kind == "internal")
        assert (back.direction, back.amount) == ("in", D(1))
        for held, asset, units in ((wallet, "WETH", 2), (account, "WETH", 3), (account, "ETH", 7)):
            assert await books.holding(held, asset) == units and await books.agrees(held, asset)
        assert await books.agrees(wallet)
        gains = {AccountCode.GAINS, AccountCode.LOSSES}
        lines = [line for entry in await books.entries(await books.row(by_account)) for line in entry.lines]
        assert not gains & {line.account_code for line in lines}, "a change of form realises nothing"
    finally:
        house.network = listened


async def test_10_what_is_wrapped_keeps_its_cost(house: House) -> None:
    books = await house.found()
    key, wallet = await books.wallet("Wrapping dearer")
    async with ether_at(house, 3_000):
        sent = [await house.call(key, "WETH", "deposit", value=4 * ETHER), await house.call(key, "WETH", "withdraw", ETHER)]
        await house.mine()
    gas, cost = await gas_of(books, sent, 2_000)
    _, worth = await gas_of(books, sent, 3_000)
    held = await ledger_store.holdings(books.org_id)
    assert held[wallet.id, "WETH"] == (D(3), D(6_000))
    assert held[wallet.id, "ETH"] == (D(7) - gas, D(14_000) - cost)
    assert await moved(books, AccountCode.GAINS) == cost - worth, "of the gas: a change of form is no sale"


# ---- 11 to 15 --------------------------------------------------------------------------------------------------------------------


async def test_13_one_payment_seen_twice_is_one_and_two_payments_are_two(house: House) -> None:
    books = await house.found()
    _, wallet = await books.wallet("Paid twice")
    for _ in range(2):
        await house.actor.send(stranger, wallet.address, value=ETHER)
    await house.mine()
    await books.search(wallet)
    await house.follow()
    rows = await books.rows()
    assert len({row.id for row in rows}) == len(rows) == 2
    assert [len(await books.entries(row)) for row in rows] == [1, 1]
    assert {row.category for row in rows} == {"unclassified"}
    assert await books.holding(wallet) == 12
    assert await moved(books, AccountCode.SUSPENSE) == -4_000, "money of nobody known is owed an explanation"
    assert await moved(books, AccountCode.REVENUE) == 0, "and is no income, neither once nor twice"


async def test_14_what_comes_is_booked_in_full_whenever_it_comes_at_what_it_is_worth_then(house: House) -> None:
    """A part, more than the rest, and, when the coin has become dearer, something late: each is a receipt of its own, all of it."""
    books = await house.found()
    _, wallet = await books.wallet("Invoiced")
    for part in (ETHER // 4, ETHER):
        await house.actor.send(stranger, wallet.address, value=part)
        await house.mine()
    async with ether_at(house, 3_000):
        await house.actor.send(stranger, wallet.address, value=3 * ETHER)
        await house.mine()
    rows = await books.rows()
    assert [(row.movements[0].amount, row.movements[0].value) for row in rows] == [(D("0.25"), D(500)), (D(1), D(2_000)), (D(3), D(9_000))]
    assert [len(await books.entries(row)) for row in rows] == [1, 1, 1]
    assert (await ledger_store.holdings(books.org_id))[wallet.id, "ETH"] == (D("14.25"), D(31_500))
    assert await moved(books, AccountCode.SUSPENSE) == -11_500
    assert await moved(books, AccountCode.REVENUE) == 0


async def test_15_what_was_booked_without_a_price_gets_one_with_its_evidence(house: House) -> None:
    books, runtime = await house.found(), house.runtime
    _, wallet = await books.wallet("Told later")
    sent = await house.call(stranger, "WHOLE", "mint", wallet.address, 5)
    await house.mine()
    await sweep_inbox(runtime.uow, runtime.clock, books.org_id, runtime.networks)
    (item,) = await InboxItem.find({"org_id": books.org_id, "kind": ItemKind.MISSING_PRICE, "subject_kind": "transaction"}).to_list()
    before = await books.entries(await books.row(sent))
    bench = Bench(runtime.uow, runtime.clock, runtime.networks, runtime.rpc, runtime.prices)
    choice = Choice(Remedy.ENTER_PRICE, rate=D("7.5"), reason="invoice 12")
    assert (await remedy_item(bench, books.org_id, item.id, choice, "usr_1")).state is ItemState.RESOLVED
    row = await books.row(sent)
    assert (row.unpriced, row.movements[0].value, await books.holding(wallet, "WHOLE")) == (False, D("37.5"), D(5))
    (evidence,) = await ManualPrice.find({"org_id": books.org_id}).to_list()
    assert (evidence.reason, evidence.set_by, evidence.rate) == ("invoice 12", "usr_1", D("7.5"))
    (after,) = await books.entries(row)
    assert [entry.id for entry in before] != [after.id], "what stood there is reversed, not written over"
    assert (await ledger_store.holdings(books.org_id))[wallet.id, "WHOLE"] == (D(5), D("37.5"))


async def test_15_no_price_and_an_old_price_are_neither_zero_nor_todays(house: House) -> None:
    books = await house.found()
    _, wallet = await books.wallet("Unpriced")
    priced = await house.actor.send(stranger, wallet.address, value=ETHER)
    await house.call(stranger, "WHOLE", "mint", wallet.address, 5)
    await house.mine()
    assert (await books.row(priced)).movements[0].rate == D(2000)
    unpriced = (await books.rows())[-1]
    assert (unpriced.unpriced, unpriced.movements[0].value, await books.holding(wallet, "WHOLE")) == (True, None, D(5))
    await house.actor.rpc("evm_increaseTime", 2 * 86_400)
    stale = await house.actor.send(stranger, wallet.address, value=ETHER)
    await house.mine()
    row = await books.row(stale)
    assert (row.unpriced, row.movements[0].value) == (True, None), "the feed's last answer is two days old"


async def test_11_the_year_ends_where_the_books_are_kept(house: House) -> None:
    tokyo, london = await house.found(time_zone="Asia/Tokyo"), await house.found(time_zone="Europe/London")
    _, wallet = await tokyo.wallet("East")
    _, same = await london.wallet("West", address=wallet.address)
    late = int(datetime(datetime.now(UTC).year + 1, 12, 31, 15, 30, tzinfo=UTC).timestamp())
    await house.actor.rpc("evm_setNextBlockTimestamp", late)
    sent = await house.actor.send(stranger, wallet.address, value=ETHER)
    await house.mine()
    days = [(await books.entries(await books.row(sent)))[0].date for books in (tokyo, london)]
    assert days == [date(datetime.now(UTC).year + 2, 1, 1), date(datetime.now(UTC).year + 1, 12, 31)]
    assert (await tokyo.row(sent)).timestamp == datetime.fromtimestamp(late, UTC)
    assert same.address == wallet.address
    new_years_eve = date(datetime.now(UTC).year + 1, 12, 31)
    for books, counts in ((tokyo, False), (london, True)):
        totals = await as_of.trial_balance(books.org_id, house.runtime.uow, AsOf(at=new_years_eve))
        assert (AccountCode.SUSPENSE in {row.account_code for row in totals}) is counts, "a period is cut where the day of the books ends"
