"""The plays of the demo on a real chain, and the census that counts them: what it counts must explain every balance."""

from collections import defaultdict
from collections.abc import AsyncIterator
from random import Random

import pytest

from crypto_api.classification.types import Category
from crypto_project.demo import cast
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.chain_census import GAS, NATIVE, ChainCensus, Watched, read_balances, take_chain_census
from crypto_project.demo.compile import compile_contracts
from crypto_project.demo.deploy import DemoContracts, deploy_contracts
from crypto_project.demo.moves import ChainMoves
from crypto_project.demo.plays import Plays
from tests.conftest import LocalChain

WALLETS = [wallet.account.address.lower() for wallet in cast.WALLETS]


@pytest.fixture
async def plays(chain: LocalChain) -> AsyncIterator[Plays]:
    actor = ChainActor(chain.rpc_url, chain.chain_id)
    contracts = await deploy_contracts(actor, await compile_contracts())
    plays = Plays(ChainMoves(actor, contracts), Random(11))
    await plays.fund_outsiders()
    await actor.mine()
    await plays.bring_in_capital()
    plays.block_mined(await actor.mine())
    await plays.hand_out_working_capital()
    plays.block_mined(await actor.mine())
    yield plays
    await actor.close()


def tokens_of(contracts: DemoContracts) -> dict[str, str]:
    return {"ETH": "", "WETH": contracts.weth, "USDC": contracts.usdc, "DAI": contracts.dai, "lure": contracts.lure}


async def count(chain: LocalChain, contracts: DemoContracts) -> ChainCensus:
    listed = frozenset(address.lower() for address in (contracts.usdc, contracts.dai, contracts.weth))
    return await take_chain_census(chain.rpc_url, Watched(frozenset(WALLETS), listed, contracts.weth.lower()), 0)


def explained(census: ChainCensus, contracts: DemoContracts) -> dict[tuple[str, str], int]:
    """What every wallet must hold if the counted movements are all there were."""
    symbols = {contract.lower(): symbol for symbol, contract in tokens_of(contracts).items()}
    held: defaultdict[tuple[str, str], int] = defaultdict(int)
    for movement in census.movements.elements():
        if movement.contract == contracts.lure.lower() and not movement.sender.endswith("0" * 40):
            continue  # a forged event, behind which nothing moved
        held[movement.sender, symbols[movement.contract]] -= movement.raw
        held[movement.recipient, symbols[movement.contract]] += movement.raw
    return {key: amount for key, amount in held.items() if key[0] in WALLETS}


async def test_the_census_explains_every_balance(chain: LocalChain, plays: Plays) -> None:
    actor, contracts, random = plays.moves.actor, plays.moves.contracts, plays.random
    names, weights = zip(*plays.day(), strict=True)
    dropped: set[str] = set()
    for day in range(40):
        for play in random.choices(names, weights, k=5):
            await play()
        plays.block_mined(await actor.mine())
        if day in (12, 25):
            dropped |= set((await actor.reorg(1 + day // 5, random)).dropped)
    census = await count(chain, contracts)
    balances = await read_balances(chain.rpc_url, WALLETS, tokens_of(contracts), census.head)
    held = explained(census, contracts)
    assert {key: amount for key, amount in balances.items() if amount} == {key: amount for key, amount in held.items() if amount}
    assert census.movements.total() > 200
    assert {movement.kind for movement in census.movements} == {NATIVE, "erc20", GAS}
    failed_on_purpose = {hash_ for hash_, meant in plays.meant.items() if meant is Category.FAILED} & census.transactions
    assert failed_on_purpose and failed_on_purpose <= census.failed
    spam = {hash_ for hash_, meant in plays.meant.items() if meant is Category.SPAM} & census.transactions
    assert spam == {movement.transaction for movement in census.spam}
    assert dropped - census.transactions


async def test_a_day_has_something_of_everything(plays: Plays) -> None:
    for play, _ in plays.day():
        await play()
    expected = {Category.INCOME, Category.PAYROLL, Category.EXPENSE, Category.OWN_TRANSFER, Category.WRAP, Category.FAILED, Category.SPAM}
    assert set(plays.meant.values()) >= expected


async def test_capital_comes_in_once(plays: Plays) -> None:
    assert not await plays.bring_in_capital()
