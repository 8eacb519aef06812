"""The demo's contracts on a real node behave like the ones they stand for."""

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from crypto_project.demo.chain import ChainActor
from crypto_project.demo.compile import Artifact, compile_contracts
from crypto_project.demo.deploy import LURE_SYMBOL, DemoContracts, contract_addresses, deploy_contracts
from crypto_project.demo.keys import dev_account, look_alike
from crypto_project.demo.moves import ChainMoves
from tests.conftest import LocalChain

DEPOSIT = "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"
WITHDRAWAL = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
ONE = 10**18

alice, bob, mallory = dev_account(1), dev_account(2), dev_account(3)


@pytest.fixture
async def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return await compile_contracts(cache_dir=tmp_path_factory.getbasetemp() / "artifacts")


@pytest.fixture
async def moves(chain: LocalChain, artifacts: dict[str, Artifact]) -> AsyncIterator[ChainMoves]:
    actor = ChainActor(chain.rpc_url, chain.chain_id)
    contracts = await deploy_contracts(actor, artifacts)
    yield ChainMoves(actor, contracts)
    await actor.close()


async def _read(moves: ChainMoves, artifacts: dict[str, Artifact], artifact: str, address: str, name: str) -> Any:
    contract = moves.actor.w3.eth.contract(address=address, abi=artifacts[artifact].abi)  # type: ignore[call-overload]
    return await contract.functions[name]().call()


async def _receipt(moves: ChainMoves, transaction_hash: str) -> dict[str, Any]:
    receipt: dict[str, Any] = await moves.actor.rpc("eth_getTransactionReceipt", transaction_hash)
    return receipt


async def test_compiling_again_reads_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await compile_contracts(cache_dir=tmp_path)
    monkeypatch.setattr("crypto_project.demo.compile.run_compiler", None)
    assert await compile_contracts(cache_dir=tmp_path) == first
    assert set(first) == {"DemoToken", "LureToken", "PriceFeed", "Reverter", "WrappedEther"}


async def test_deploying_again_changes_nothing(moves: ChainMoves, artifacts: dict[str, Artifact]) -> None:
    before = await moves.actor.w3.eth.block_number
    assert await deploy_contracts(moves.actor, artifacts) == moves.contracts == contract_addresses()
    assert await moves.actor.w3.eth.block_number == before


async def test_tokens_tell_their_decimals_and_symbols(moves: ChainMoves, artifacts: dict[str, Artifact]) -> None:
    tokens: DemoContracts = moves.contracts
    told = {
        address: (
            await _read(moves, artifacts, "DemoToken", address, "symbol"),
            await _read(moves, artifacts, "DemoToken", address, "decimals"),
        )
        for address in (tokens.usdc, tokens.dai, tokens.weth, tokens.lure)
    }
    assert told == {
        tokens.usdc: ("USDC", 6),
        tokens.dai: ("DAI", 18),
        tokens.weth: ("WETH", 18),
        tokens.lure: (LURE_SYMBOL, 6),
    }
    assert LURE_SYMBOL != "USDC"


async def test_wrapping_emits_its_own_events_and_no_transfer(moves: ChainMoves) -> None:
    wrapped = await moves.wrap(alice, 3 * ONE)
    unwrapped = await moves.unwrap(alice, ONE)
    await moves.actor.mine()
    topics = [[log["topics"][0] for log in (await _receipt(moves, sent.hash))["logs"]] for sent in (wrapped, unwrapped)]
    assert topics == [[DEPOSIT], [WITHDRAWAL]]
    assert await moves.token_balance(moves.contracts.weth, alice.address) == 2 * ONE
    paid = await moves.pay_token(alice, moves.contracts.weth, bob.address, ONE)
    await moves.actor.mine()
    assert [log["topics"][0] for log in (await _receipt(moves, paid.hash))["logs"]] == [TRANSFER]


async def test_feed_answers_as_an_aggregator(moves: ChainMoves, artifacts: dict[str, Artifact]) -> None:
    feed = moves.contracts.eth_usd
    await moves.post_price(feed, 3_333_00000000)
    await moves.actor.mine()
    round_id, answer, started_at, updated_at, answered_in = await _read(moves, artifacts, "PriceFeed", feed, "latestRoundData")
    head = await moves.actor.w3.eth.get_block("latest")
    assert (round_id, answer, answered_in) == (2, 3_333_00000000, 2)
    assert started_at == updated_at == head["timestamp"]
    assert await _read(moves, artifacts, "PriceFeed", feed, "decimals") == 8
    assert await _read(moves, artifacts, "PriceFeed", feed, "description") == "ETH / USD"


async def test_what_reverts_is_mined_as_failed(moves: ChainMoves) -> None:
    await moves.mint(moves.contracts.usdc, alice.address, 1_000_000)
    failing = [
        await moves.buy_sold_out(alice, ONE),
        await moves.overdraw(alice, moves.contracts.usdc, bob.address),
        await moves.overdraw(alice, moves.contracts.weth, bob.address),
    ]
    await moves.actor.mine()
    receipts = [await _receipt(moves, sent.hash) for sent in failing]
    assert [receipt["status"] for receipt in receipts] == ["0x0"] * 3
    assert all(not receipt["logs"] and int(receipt["gasUsed"], 16) > 21_000 for receipt in receipts)
    assert await moves.token_balance(moves.contracts.usdc, alice.address) == 1_000_000


async def test_poisoning_needs_no_consent(moves: ChainMoves) -> None:
    imitation = look_alike(bob.address)
    poisoned = await moves.poison(mallory, moves.contracts.usdc, alice.address, imitation)
    forged = await moves.forge(alice.address, imitation, 5_000_000)
    await moves.airdrop([alice.address, bob.address], 7_000_000)
    await moves.actor.mine()
    (log,) = (await _receipt(moves, poisoned.hash))["logs"]
    assert [topic[-40:] for topic in log["topics"][1:]] == [alice.address[2:].lower(), imitation[2:].lower()]
    assert int(log["data"], 16) == 0
    assert (await _receipt(moves, forged.hash))["logs"][0]["topics"][0] == TRANSFER
    assert await moves.token_balance(moves.contracts.lure, alice.address) == 7_000_000
    assert imitation != bob.address
    assert (imitation[:6].lower(), imitation[-4:].lower()) == (bob.address[:6].lower(), bob.address[-4:].lower())


@pytest.mark.parametrize("depth", [1, 2, 6])
async def test_reorganisation_replaces_blocks_and_leaves_every_sender_usable(moves: ChainMoves, depth: int) -> None:
    actor = moves.actor
    for _ in range(depth):
        for sender in (alice, bob, mallory):
            await moves.pay_ether(sender, dev_account(7).address, 1)
        await actor.mine()
    head = await actor.w3.eth.block_number
    before = [(await actor.w3.eth.get_block(n))["hash"].to_0x_hex() for n in range(head - depth, head + 1)]
    result = await actor.reorg(depth, Random(4), drop_share=0.7)
    after = [(await actor.w3.eth.get_block(n))["hash"].to_0x_hex() for n in range(head - depth, head + 2)]
    assert after[0] == before[0]
    assert not set(after[1:]) & set(before[1:])
    assert [block.hash for block in result.blocks] == after[1:]
    assert result.dropped
    assert len(result.kept) + len(result.dropped) == 3 * depth
    sent = [await moves.pay_ether(sender, dev_account(7).address, 2) for sender in (alice, bob, mallory)]
    mined = await actor.mine()
    assert {item.hash for item in sent} == set(mined.transactions)
    for returned in result.resent:
        assert (await _receipt(moves, returned))["status"] == "0x1"


async def test_same_keys_in_a_new_actor_go_on_where_the_last_one_stopped(moves: ChainMoves, chain: LocalChain) -> None:
    await moves.pay_ether(alice, bob.address, 1)
    second = ChainActor(chain.rpc_url, chain.chain_id)
    sent = await second.send(alice, bob.address, value=2)
    assert sent.hash in (await moves.actor.mine()).transactions
    await second.close()
