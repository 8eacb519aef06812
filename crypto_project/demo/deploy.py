"""Deploys the demo's contracts to addresses that are the same on every chain and every start."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eth_utils.address import to_checksum_address
from web3 import AsyncWeb3
from web3.types import Nonce
from web3.utils.address import get_create_address

from crypto_project.demo.chain import ChainActor
from crypto_project.demo.compile import Artifact
from crypto_project.demo.keys import DEPLOYER_INDEX, dev_account

DEPLOYER_WEI = 10_000 * 10**18
DEPLOY_GAS = 3_000_000
FEED_DECIMALS = 8
# Not the Latin "USDC": the second letter is U+0405, and the name sends its reader to a phishing site.
LURE_SYMBOL = "U\u0405DC"
LURE_NAME = "\U0001f381 claim your reward at usdc-bonus.example"


@dataclass(frozen=True, slots=True)
class DemoContracts:
    usdc: str
    dai: str
    weth: str
    lure: str
    eth_usd: str
    usdc_usd: str
    dai_usd: str
    reverter: str

    def addresses(self) -> list[str]:
        return list(asdict(self).values())


@dataclass(frozen=True, slots=True)
class _Plan:
    field: str
    artifact: str
    arguments: tuple[Any, ...]


# The order decides the addresses: append only.
PLANS = (
    _Plan("usdc", "DemoToken", ("USD Coin", "USDC", 6)),
    _Plan("dai", "DemoToken", ("Dai Stablecoin", "DAI", 18)),
    _Plan("weth", "WrappedEther", ()),
    _Plan("lure", "LureToken", (LURE_NAME, LURE_SYMBOL, 6)),
    _Plan("eth_usd", "PriceFeed", ("ETH / USD", FEED_DECIMALS, 3_120_45000000)),
    _Plan("usdc_usd", "PriceFeed", ("USDC / USD", FEED_DECIMALS, 99990000)),
    _Plan("dai_usd", "PriceFeed", ("DAI / USD", FEED_DECIMALS, 100020000)),
    _Plan("reverter", "Reverter", ()),
)


def contract_addresses() -> DemoContracts:
    deployer = dev_account(DEPLOYER_INDEX).address
    return DemoContracts(**{plan.field: get_create_address(deployer, Nonce(nonce)) for nonce, plan in enumerate(PLANS)})


async def deploy_contracts(actor: ChainActor, artifacts: Mapping[str, Artifact]) -> DemoContracts:
    """Safe to repeat: what an earlier start deployed, or left half deployed, is gone on from."""
    deployer = dev_account(DEPLOYER_INDEX)
    done = await actor.w3.eth.get_transaction_count(deployer.address)
    if done < len(PLANS):
        await actor.set_balance(deployer.address, DEPLOYER_WEI)
        for plan in PLANS[done:]:
            await actor.send(deployer, None, data=_creation_code(actor.w3, artifacts, plan), gas=DEPLOY_GAS)
        await actor.mine()
    contracts = contract_addresses()
    await _require_code(actor.w3, contracts.addresses())
    return contracts


def _creation_code(w3: AsyncWeb3[Any], artifacts: Mapping[str, Artifact], plan: _Plan) -> bytes:
    artifact = artifacts[plan.artifact]
    factory = w3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    return bytes.fromhex(factory.constructor(*plan.arguments).data_in_transaction.removeprefix("0x"))


async def _require_code(w3: AsyncWeb3[Any], addresses: Sequence[str]) -> None:
    for address in addresses:
        if not await w3.eth.get_code(to_checksum_address(address)):
            raise RuntimeError(f"No contract at {address}: this chain was not made by the demo.")
