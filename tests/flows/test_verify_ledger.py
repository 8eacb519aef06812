"""Verification against a real node: what is in order, and each thing that is not, named first."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from pymongo.errors import WriteError

from crypto_api.adapters.json_rpc import JsonRpcChain
from crypto_api.adapters.price_feed import ChainFeedReader
from crypto_api.adapters.price_sources import OutsidePrices
from crypto_api.chains.documents import ChainCursor
from crypto_api.flows.price_at import Prices, price_at
from crypto_api.flows.verify_ledger import Failure, VerifyReport, verify_ledger
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import rules, service, store
from crypto_api.ledger.documents import AccountBalance, JournalEntry
from crypto_api.ledger.types import Acquisition, EntryDraft, Place, Source, SourceKind
from crypto_api.prices import service as prices
from crypto_api.prices.documents import OraclePrice
from crypto_api.prices.types import Moment, PriceSource
from crypto_api.runtime import Runtime
from crypto_api.transactions.types import Direction
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.compile import compile_contracts
from crypto_project.demo.deploy import deploy_contracts
from crypto_project.demo.keys import dev_account
from crypto_project.demo.moves import ChainMoves
from tests.conftest import LocalChain
from tests.factories.treasury import NETWORK, Treasury, new_treasury

D = Decimal
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


class House:
    """A wallet of the organisation on a real chain, with its books opened at the head."""

    def __init__(self, runtime: Runtime, treasury: Treasury, moves: ChainMoves, rpc: JsonRpcChain, network: NetworkConfig) -> None:
        self.runtime, self.treasury, self.moves, self.rpc, self.network = runtime, treasury, moves, rpc, network

    @property
    def org_id(self) -> str:
        return self.treasury.org_id

    async def follow(self) -> None:
        """The cursor at the head of the chain."""
        header = await self.rpc.header(await self.rpc.block_number())
        assert header is not None
        await ChainCursor.find({"_id": NETWORK}).delete()
        await self.treasury.cursor(header.number)
        await ChainCursor.find_one({"_id": NETWORK}).set({"hash": header.hash})

    async def book(self, asset: str, quantity: Decimal, value: str = "100") -> JournalEntry:
        place = Place("1100", self.treasury.wallets["main"].id, asset)
        posting = rules.post([Acquisition(place, quantity, D(value), "3100")], {})
        source = Source(kind=SourceKind.OPENING, id=f"{asset} {quantity}", purpose="opening")
        draft = EntryDraft(date=NOW.date(), description="Opening", source=source, lines=list(posting.lines))
        return await self.runtime.uow.run(lambda session: service.post(session, self.org_id, draft, NOW))

    async def verify(self, patience_s: float = 3.0) -> VerifyReport:
        return await verify_ledger(self.runtime.uow, self.org_id, {NETWORK: self.network}, {NETWORK: self.rpc}, patience_s=patience_s)

    async def failure(self, patience_s: float = 3.0) -> Failure:
        report = await self.verify(patience_s)
        assert not report.ok and report.first_failure is not None
        return report.first_failure


@pytest.fixture
async def house(runtime: Runtime, chain: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    artifacts = await compile_contracts(cache_dir=tmp_path_factory.getbasetemp() / "artifacts")
    actor = ChainActor(chain.rpc_url, chain.chain_id)
    contracts = await deploy_contracts(actor, artifacts)
    row: dict[str, Any] = {
        "slug": NETWORK,
        "name": "Local",
        "chain_id": chain.chain_id,
        "rpc_urls": [chain.rpc_url],
        "tokens": [{"symbol": "USDC", "address": contracts.usdc, "decimals": 6}],
        "wrapped_native": {"symbol": "WETH", "address": contracts.weth, "decimals": 18},
        "price_feeds": [{"asset": "ETH", "address": contracts.eth_usd}, {"asset": "USDC", "address": contracts.usdc_usd, "age_max_s": 600}],
    }
    treasury = await new_treasury(runtime.uow, now=NOW)
    address = dev_account(1).address
    await treasury.wallet("main", address=address)
    async with JsonRpcChain([chain.rpc_url], chain.chain_id) as rpc:
        made = House(runtime, treasury, ChainMoves(actor, contracts), rpc, NetworkConfig.model_validate(row))
        await made.moves.mint(contracts.usdc, address, 1_500_000_001)
        await actor.set_balance(address, 7 * 10**18 + 1)
        await actor.mine()
        await made.book("ETH", D("7.000000000000000001"))
        await made.book("USDC", D("1500.000001"))
        await made.follow()
        yield made
    await actor.close()


async def test_books_that_hold_what_the_chain_holds_are_in_order(house: House) -> None:
    report = await house.verify()
    assert report.first_failure is None
    height = await house.rpc.block_number()
    books = {"entries": 2, "lines": 4, "balances": 4, "seals": 0, "waiting": 2, "sums": 0}
    books |= {"anchors": 0, "lot_events": 2, "lots": 2, "lot_checkpoints": 0}
    assert report.checked == books | {"wallets": 1, "quantities": 3, "blocks": {NETWORK: height}}


async def test_one_wei_that_is_not_booked_is_found(house: House) -> None:
    await house.moves.actor.set_balance(dev_account(2).address, 10**18)
    await house.moves.pay_ether(dev_account(2), dev_account(1).address, 1)
    await house.moves.actor.mine()
    assert (await house.verify()).ok, "compared at the block that was processed, not at the head"
    await house.follow()
    failure = await house.failure()
    assert (failure.check, failure.expected, failure.found) == ("quantity", "7.000000000000000002", "7.000000000000000001")
    assert failure.subject == f"{house.treasury.wallets['main'].id} ETH"


async def test_a_listed_token_that_the_books_never_heard_of_is_found(house: House) -> None:
    await house.moves.wrap(dev_account(1), 10**9)
    await house.moves.actor.mine()
    await house.moves.actor.set_balance(dev_account(1).address, 7 * 10**18 + 1)
    await house.moves.actor.mine()
    await house.follow()
    failure = await house.failure()
    assert (failure.subject.split()[-1], failure.expected, failure.found) == ("WETH", "0.000000001", "0")


async def test_a_kept_balance_that_somebody_touched_is_found(house: House) -> None:
    balance_id = store.balance_id(house.org_id, Place("1100", house.treasury.wallets["main"].id, "ETH"))
    await AccountBalance.get_pymongo_collection().update_one({"_id": balance_id}, {"$inc": {"debit": Decimal128("0.00000001")}})
    failure = await house.failure()
    assert (failure.check, failure.expected.split(",")[0], failure.found.split(",")[0]) == ("balance", "debit 100", "debit 100.00000001")


async def test_a_kept_balance_that_is_gone_is_found(house: House) -> None:
    await AccountBalance.get_pymongo_collection().delete_one({"org_id": house.org_id, "account_code": "3100", "asset": "ETH"})
    assert (await house.failure()).check == "balance"


async def test_an_entry_that_somebody_changed_is_found(house: House) -> None:
    rows = JournalEntry.get_pymongo_collection()
    entry = await rows.find_one({"org_id": house.org_id})
    assert entry is not None
    with pytest.raises(WriteError):  # the database itself
        await rows.update_one({"_id": entry["_id"]}, {"$set": {"lines.0.debit": Decimal128("99")}})
    # somebody who may go past it
    await rows.update_one({"_id": entry["_id"]}, {"$set": {"lines.0.debit": Decimal128("99")}}, bypass_document_validation=True)
    failure = await house.failure()
    assert (failure.check, failure.subject) == ("entry", entry["_id"])


async def test_a_reversal_without_its_mirror_is_found(house: House) -> None:
    entry = await house.book("ETH", D(1))
    mirror = await house.runtime.uow.run(lambda session: service.reverse(session, house.org_id, entry.id, NOW, "once"))
    assert (await house.verify()).ok
    await JournalEntry.get_pymongo_collection().delete_one({"_id": mirror.id})
    failure = await house.failure()
    assert (failure.check, failure.subject) == ("reversal", entry.id)


async def test_what_waits_to_be_booked_is_said(house: House) -> None:
    movement = house.treasury.movement(house.treasury.wallets["main"], Direction.IN, "1", "ETH", other="x")
    await house.treasury.record(house.treasury.transaction([movement], NOW))
    failure = await house.failure(patience_s=0.1)
    assert (failure.check, failure.detail) == ("bookings", "1 transactions wait to be booked")


async def test_without_a_node_nothing_is_said_to_be_in_order(house: House, unused_tcp_port: int) -> None:
    async with JsonRpcChain([f"http://127.0.0.1:{unused_tcp_port}"], house.network.chain_id) as dead:
        with pytest.raises(ChainUnavailable):
            await verify_ledger(house.runtime.uow, house.org_id, {NETWORK: house.network}, {NETWORK: dead})


# ---- prices from the contracts on that chain -------------------------------------------------------------------------------------


async def moment(house: House) -> Moment:
    header = await house.rpc.header(await house.rpc.block_number())
    assert header is not None
    return Moment(house.network, header.number, header.hash, datetime.fromtimestamp(header.timestamp, UTC))


async def rate(house: House, asset: str, at: Moment) -> Decimal | None:
    quote = await prices.rate_at(house.org_id, asset, "USD", at, OutsidePrices({NETWORK: house.rpc}), NOW)
    assert quote is None or quote.source is PriceSource.ORACLE
    return quote.rate if quote else None


async def test_a_feed_is_read_at_the_block_and_not_at_the_head(house: House) -> None:
    before = await moment(house)
    await house.moves.post_price(house.moves.contracts.eth_usd, 2_000_00000000)
    await house.moves.actor.mine()
    after = await moment(house)
    assert (await rate(house, "ETH", after), await rate(house, "ETH", before)) == (D(2000), D("3120.45"))
    assert await rate(house, "WETH", after) == D(2000)
    assert await rate(house, "DAI", after) is None, "no feed is configured"
    kept = await OraclePrice.find({"asset": "ETH"}).sort("+block_number").to_list()
    assert [row.rate for row in kept] == [D("3120.45"), D(2000)]


@pytest.mark.parametrize("answer", [0, -5])
async def test_a_feed_that_says_nothing_good_is_no_price(house: House, answer: int) -> None:
    await house.moves.post_price(house.moves.contracts.eth_usd, answer)
    await house.moves.actor.mine()
    assert await rate(house, "ETH", await moment(house)) is None


async def test_a_feed_older_than_allowed_is_no_price(house: House) -> None:
    await house.moves.actor.rpc("evm_increaseTime", 700)
    await house.moves.actor.mine()
    at = await moment(house)
    assert (await rate(house, "USDC", at), await rate(house, "ETH", at)) == (None, D("3120.45"))


async def test_what_is_no_feed_is_no_price(house: House) -> None:
    reader, at = ChainFeedReader({NETWORK: house.rpc}), await moment(house)
    for address in (house.moves.contracts.usdc, house.moves.contracts.reverter, dev_account(3).address):
        assert await reader.read_feed(NETWORK, address, at.block_hash) is None


async def test_a_price_for_people_is_that_of_the_last_block_processed(house: House) -> None:
    at, feeds = await moment(house), Prices({NETWORK: house.network}, OutsidePrices({NETWORK: house.rpc}))
    assert await rate(house, "ETH", at) == D("3120.45")
    past = await price_at(house.org_id, "ETH", "USD", at.at + timedelta(hours=1), feeds, NOW)
    stale = await price_at(house.org_id, "ETH", "USD", at.at + timedelta(hours=25), feeds, NOW)
    assert past.quote is not None and past.quote.rate == D("3120.45")
    assert stale.quote is None
