"""A swap is one thing with two legs: on a real node, through pools that emit the events of Uniswap v2, down to the books."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crypto_api.classification.types import Category
from crypto_api.flows.annotate_transaction import Annotation, annotate_transaction
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.types import AccountCode
from crypto_api.protocols.types import ActionKind
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets.documents import Wallet
from crypto_project.demo.chain import SentTransaction
from crypto_project.embedded.servers import Addresses
from tests.factories.chain_house import ETHER, GAS, Books, House, deployer, open_house, stranger

D = Decimal
USD = 10**6
PLENTY = 10**30


@dataclass
class Market:
    house: House
    pair: str  # WETH, USD
    other: str  # WHOLE, USD
    unlisted: str  # USD, a token that is not listed
    router: str

    async def call(self, sender: Any, function: str, *arguments: object, value: int = 0) -> SentTransaction:
        contract = self.house.actor.w3.eth.contract(address=self.router, abi=self.house.artifacts["Router"].abi)
        data = bytes.fromhex(contract.encode_abi(function, list(arguments))[2:])
        return await self.house.actor.send(sender, self.router, value=value, data=data, gas=GAS)


async def _deploy(house: House, kind: str, *arguments: object) -> str:
    factory = house.actor.w3.eth.contract(abi=house.artifacts[kind].abi, bytecode=house.artifacts[kind].bytecode)
    data = bytes.fromhex(str(factory.constructor(*arguments).data_in_transaction).removeprefix("0x"))
    sent = await house.actor.send(deployer, None, data=data, gas=GAS)
    await house.actor.mine()
    return str((await house.actor.wait(sent))["contractAddress"])


@pytest.fixture(scope="module")
async def market(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Market]:
    folder: Path = tmp_path_factory.mktemp("market")

    async with open_house(addresses, folder) as house:
        at = house.addresses
        lure = await _deploy(house, "PlainToken", "LURE", 18)
        made = Market(
            house,
            await _deploy(house, "Pair", at["WETH"], at["USD"]),
            await _deploy(house, "Pair", at["WHOLE"], at["USD"]),
            await _deploy(house, "Pair", at["USD"], lure),
            await _deploy(house, "Router"),
        )
        await house.call(deployer, "WETH", "deposit", value=50 * ETHER)
        await house.call(deployer, "WETH", "transfer", made.pair, 50 * ETHER)
        for pool in (made.pair, made.other):
            await house.call(deployer, "USD", "mint", pool, 10**6 * USD)
        await house.call(deployer, "WHOLE", "mint", made.other, 10**6)
        await house.call(deployer, "USD", "mint", made.unlisted, 10**24, at=lure)
        await house.mine()
        yield made


async def trader(market: Market, name: str) -> tuple[Books, Any, Wallet]:
    """With 10 ETH that cost 2,000 each, and 5,000 USD."""
    books = await market.house.found()
    key, wallet = await books.wallet(name)
    await market.house.call(stranger, "USD", "mint", wallet.address, 5_000 * USD)
    await market.house.call(key, "USD", "approve", market.router, PLENTY)
    await market.house.mine()
    return books, key, wallet


async def lines(books: Books, row: Transaction) -> list[tuple[str, str | None, Decimal, Decimal, Decimal | None]]:
    """What was posted beside the gas, which is the first three lines, or two where nothing is realised by it."""
    (entry,) = await books.entries(row)
    assert sum(line.debit for line in entry.lines) == sum(line.credit for line in entry.lines)
    first = next(at for at, line in enumerate(entry.lines) if line.description == "Swap")
    return [(line.account_code, line.asset, line.debit, line.credit, line.quantity) for line in entry.lines[first:]]


async def clearing(books: Books) -> list[Decimal]:
    return [row.debit - row.credit for row in await ledger_store.trial_balance(books.org_id) if row.account_code == AccountCode.EXCHANGES]


async def ether_at(market: Market, usd: int) -> None:
    await market.house.call(deployer, "ETHUSD", "post", usd * 10**8)
    await market.house.mine()


async def test_a_token_for_the_coin_is_disposed_of_and_the_coin_costs_as_much(market: Market) -> None:
    """900 USD for half an ether that is worth 1,000: what was given up is what it costs, nothing is gained by it."""
    books, key, wallet = await trader(market, "Sells dollars")
    sent = await market.call(key, "swapForCoin", market.pair, 900 * USD, ETHER // 2, wallet.address)
    await market.house.mine()
    row = await books.row(sent)
    assert (row.category, row.category_source, row.confidence, row.counterparty) == ("swap", "fact", 1, "")
    assert row.explanation == "900 USD became 0.5 ETH in a pool that is shaped like Uniswap v2, of which nobody knows whose it is."
    (action,) = row.actions
    assert (action.kind, action.verified, action.contract, action.evidence) == (ActionKind.SWAP, False, market.pair, (2,))
    assert [(part.contract, part.raw_amount) for part in action.gives] == [(market.house.addresses["USD"], "900000000")]
    assert [(part.contract, part.raw_amount) for part in action.takes] == [(market.house.addresses["WETH"], "500000000000000000")]
    assert await lines(books, row) == [
        ("1100", "USD", D(0), D(900), D(-900)),
        ("1950", "USD", D(900), D(0), D(900)),
        ("1100", "ETH", D(900), D(0), D("0.5")),
        ("1950", "ETH", D(0), D(900), D("-0.5")),
    ]
    assert await clearing(books) == [D(0)]
    held = await ledger_store.holdings(books.org_id)
    assert held[wallet.id, "USD"] == (D(4_100), D(4_100))
    for asset in ("USD", "ETH"):
        assert await books.agrees(wallet, asset)


async def test_of_the_coin_only_what_was_not_given_back_is_sold(market: Market) -> None:
    """One ether that cost 2,000 and is worth 3,000 for 2,950 USD: 1,000 are gained, the dollars cost what was given up for them."""
    books, key, wallet = await trader(market, "Sells ether")
    await ether_at(market, 3_000)
    try:
        sent = await market.call(key, "swapCoin", market.pair, ETHER, 2_950 * USD, wallet.address, value=ETHER * 12 // 10)
        await market.house.mine()
    finally:
        await ether_at(market, 2_000)
    row = await books.row(sent)
    assert row.explanation.startswith("1 ETH became 2950 USD ")
    moved = sorted((part.direction, part.asset, part.amount) for part in row.movements if part.kind != "gas")
    assert moved == [("in", "ETH", D("0.2")), ("in", "USD", D(2950)), ("out", "ETH", D("1.2"))], "movements say what moved, whatever it was for"
    assert await lines(books, row) == [
        ("1100", "ETH", D(0), D(2_000), D(-1)),
        ("1950", "ETH", D(3_000), D(0), D(1)),
        ("4200", None, D(0), D(1_000), None),
        ("1100", "USD", D(3_000), D(0), D(2_950)),
        ("1950", "USD", D(0), D(3_000), D(-2_950)),
    ]
    assert await clearing(books) == [D(0)] and await books.agrees(wallet) and await books.agrees(wallet, "USD")


async def test_through_two_pools_it_is_one_swap_worth_what_came_where_nothing_else_is_known(market: Market) -> None:
    """5 WHOLE, of which there is no price, became 1 WETH by way of 2,100 USD."""
    house = market.house
    books, key, wallet = await trader(market, "Goes through two")
    await house.call(stranger, "WHOLE", "mint", wallet.address, 5)
    await house.call(key, "WHOLE", "approve", market.router, PLENTY)
    await house.mine()
    sent = await market.call(key, "swapThrough", market.other, market.pair, 5, 2_100 * USD, ETHER, wallet.address)
    await house.mine()
    row = await books.row(sent)
    (action,) = row.actions
    assert [(part.contract, part.raw_amount) for part in (*action.gives, *action.takes)] == [
        (house.addresses["WHOLE"], "5"),
        (house.addresses["WETH"], str(ETHER)),
    ]
    assert (len(action.evidence), row.category, row.category_source) == (2, "swap", "fact")
    assert [line[:4] for line in await lines(books, row)] == [
        ("1100", "WHOLE", D(0), D(0)),
        ("1950", "WHOLE", D(2_000), D(0)),
        ("4200", None, D(0), D(2_000)),
        ("1100", "WETH", D(2_000), D(0)),
        ("1950", "WETH", D(0), D(2_000)),
    ]
    assert row.unpriced, "what the five cost is not known"


async def test_an_unlisted_token_from_a_pool_that_is_nobodys_is_for_a_person_to_say(market: Market) -> None:
    house, clock = market.house, market.house.runtime.clock
    books, key, wallet = await trader(market, "Is lured")
    sent = await market.call(key, "swap", market.unlisted, True, 100 * USD, 10**20, wallet.address)
    await house.mine()
    row = await books.row(sent)
    assert (row.category, row.category_source, [action.kind for action in row.actions]) == ("unclassified", "none", ["swap"])
    assert await clearing(books) in ([], [D(0)])
    said = await annotate_transaction(house.runtime.uow, clock, books.org_id, row.id, Annotation(category=Category.SWAP))
    assert [line[:4] for line in await lines(books, said)] == [
        ("1100", "USD", D(0), D(100)),
        ("1950", "USD", D(100), D(0)),
        ("1100", row.movements[1].asset, D(100), D(0)),
        ("1950", row.movements[1].asset, D(0), D(100)),
    ]
    assert await clearing(books) == [D(0)]
    back = await annotate_transaction(house.runtime.uow, clock, books.org_id, row.id, Annotation(category=Category.UNCLASSIFIED))
    (entry,) = await books.entries(back)
    assert {line.account_code for line in entry.lines} == {"1100", "1900", "5100"} and await clearing(books) == [D(0)]


async def test_a_swap_that_fails_moves_nothing_and_tells_nothing(market: Market) -> None:
    books, key, wallet = await trader(market, "Fails")
    sent = await market.call(key, "swapForCoin", market.pair, 900 * USD, 10**24, wallet.address)
    await market.house.mine()
    row = await books.row(sent)
    assert (row.category, row.actions, [part.kind for part in row.movements]) == ("failed", [], ["gas"])
