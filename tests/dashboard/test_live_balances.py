"""Live balances against a real node: one block for all wallets, read once for everybody who looks within a moment."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from crypto_api.bootstrap import open_runtime
from crypto_api.dashboard import live_balances
from crypto_project.demo.chain import ChainActor
from tests.conftest import LocalChain
from tests.factories.clock import MovableClock
from tests.factories.treasury import NETWORK, new_treasury


async def test_what_is_read_serves_everybody_for_a_moment(make_config: Any, chain: LocalChain) -> None:
    network = {"slug": NETWORK, "name": "Local", "chain_id": chain.chain_id, "rpc_urls": [chain.rpc_url]}
    async with open_runtime(make_config([network])) as opened:
        clock = MovableClock()
        runtime = replace(opened, clock=clock)
        treasury = await new_treasury(runtime.uow, now=runtime.clock.now())
        wallets = [await treasury.wallet("Operations"), await treasury.wallet("Payroll")]
        actor = ChainActor(chain.rpc_url, chain.chain_id)
        assert live_balances.known(runtime, wallets) == {}
        await actor.set_balance(wallets[0].address, 5 * 10**18)
        await actor.mine()
        first = await live_balances.read(runtime, wallets, {})
        assert {wallet.name: first[wallet.id].held["ETH"] for wallet in wallets} == {"Operations": Decimal(5), "Payroll": Decimal(0)}
        assert len({row.block_number for row in first.values()}) == 1
        await actor.set_balance(wallets[0].address, 7 * 10**18)
        await actor.mine()
        assert (await live_balances.read(runtime, wallets, {})) == first  # a moment later nobody is asked
        clock.forward(seconds=live_balances.FRESH.total_seconds() + 1)
        later = await live_balances.read(runtime, wallets, {})
        assert later[wallets[0].id].held["ETH"] == Decimal(7) and later[wallets[0].id].block_number > first[wallets[0].id].block_number
        assert live_balances.known(runtime, wallets) == later
        await actor.close()
